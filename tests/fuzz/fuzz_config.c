/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_config.c: any bytes are loaded as a configuration or refused with a line that has a place;
 * what is loaded keeps to the limits that the other parts rely on. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "config/load.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static unsigned
interface_any(const char *name)
{
	return name[0] != '\0';
}

static void
config_holds(const struct config *c)
{
	panic_unless(c->workers_count >= 1 && c->workers_count <= WORKERS_MAX);
	panic_unless(c->nics_count >= 1 && c->nics_count <= NICS_MAX);
	panic_unless(c->links_count >= c->nics_count && c->links_count <= LINKS_MAX);
	panic_unless(c->grants_count <= GRANTS_MAX);
	panic_unless(c->ephemeral.first >= 1024 && c->ephemeral.first <= c->ephemeral.last);
	for (uint16_t i = 0; i < c->nics_count; i++) {
		const struct config_nic *nic = &c->nics[i];

		panic_unless(nic->name[0] != '\0' && memchr(nic->name, '\0', sizeof(nic->name)));
		panic_unless(nic->device[0] != '\0');
		panic_unless(nic->queues >= 1 && nic->queues <= c->workers_count);
		panic_unless(nic->mtu >= MTU_MIN && nic->mtu <= MTU_MAX);
	}
	for (uint16_t i = 0; i < c->links_count; i++) {
		panic_unless(c->links[i].nic < c->nics_count && c->links[i].zone < ZONES_MAX);
		panic_unless(c->links[i].addresses_count <= CONFIG_LINK_ADDRESSES_MAX);
	}
	for (uint16_t i = 0; i < c->grants_count; i++)
		panic_unless(c->grants[i].port_first >= 1 &&
			     c->grants[i].port_first <= c->grants[i].port_last);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct config_host host = { .sys = "/nonexistent", .interface_index = interface_any };
	struct config *c = malloc(sizeof(*c));
	char *said = NULL;
	size_t said_bytes = 0;
	FILE *errors = open_memstream(&said, &said_bytes);
	int rc;

	panic_unless(c != NULL && errors != NULL);
	CPU_ZERO(&host.cores);
	for (unsigned i = 0; i < 4; i++)
		CPU_SET(i, &host.cores);
	rc = config_load_text("f", (const char *)data, bytes, &host, c, errors);
	fclose(errors);
	panic_unless(rc == 0 || rc == -EINVAL);
	if (rc == 0)
		config_holds(c);
	panic_unless((rc == 0) == (said_bytes == 0));
	panic_unless(rc == 0 || (said[0] == 'f' && said[1] == ':' && said[said_bytes - 1] == '\n'));
	free(said);
	free(c);
	return 0;
}
