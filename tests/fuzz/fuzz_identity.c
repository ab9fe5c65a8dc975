/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_identity.c: any text is read as an identity or refused in words; what is read is written to
 * a text that gives the same identity again. */
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/identity.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	char *text = malloc(bytes + 1), written[IDENTITY_TEXT_BYTES];
	struct identity id, again;
	const char *why = NULL;

	panic_unless(text != NULL);
	if (bytes > 0)
		memcpy(text, data, bytes);
	text[bytes] = '\0';
	if (identity_parse(text, &id, &why) != 0) {
		panic_unless(why != NULL);
	} else {
		panic_unless(id.port_first >= 1 && id.port_first <= id.port_last);
		panic_unless(id.zone < ZONES_MAX);
		panic_unless(id.local.length <= (id.local.address.family == FAMILY_IPV6   ? 128
						 : id.local.address.family == FAMILY_IPV4 ? 32
											  : 0));
		panic_unless(identity_parse(identity_format(&id, written), &again, NULL) == 0);
		panic_unless(memcmp(&id, &again, sizeof(id)) == 0);
	}
	free(text);
	return 0;
}
