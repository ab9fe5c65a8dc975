/* SPDX-License-Identifier: BSD-3-Clause */
/* address.c: addresses and prefixes from text, to text, and compared. */
#include "common/base/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "common/base/bytes.h"

/* Longest text that prefix_parse() can accept, its zero included. */
#define PREFIX_TEXT_BYTES (INET6_ADDRSTRLEN + 4)

int
address_parse(const char *text, struct address *out)
{
	struct address a = { .family = FAMILY_IPV4 };

	/* inet_pton() takes neither zones ("%eth0") nor octal or short IPv4 forms. */
	if (inet_pton(AF_INET, text, a.bytes) == 1) {
		*out = a;
		return 0;
	}
	/* A refused text may have left some bytes behind. */
	memset(a.bytes, 0, sizeof(a.bytes));
	a.family = FAMILY_IPV6;
	if (inet_pton(AF_INET6, text, a.bytes) != 1)
		return -EINVAL;
	*out = a;
	return 0;
}

/* Reads a decimal of one to three digits without sign or needless zeros, at most `max`. */
static int
length_parse(const char *text, unsigned max, uint8_t *out)
{
	const size_t digits = strspn(text, "0123456789");
	unsigned value = 0;

	if (digits == 0 || digits > 3 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
		return -EINVAL;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (value > max)
		return -EINVAL;
	*out = (uint8_t)value;
	return 0;
}

int
prefix_parse(const char *text, struct prefix *out)
{
	char copy[PREFIX_TEXT_BYTES];
	const size_t bytes = strnlen(text, sizeof(copy));
	struct prefix p;
	char *slash;

	if (bytes == sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, bytes + 1);
	slash = strchr(copy, '/');
	if (slash != NULL)
		*slash = '\0';
	if (address_parse(copy, &p.address) != 0)
		return -EINVAL;
	p.length = p.address.family == FAMILY_IPV4 ? 32 : 128;
	if (slash != NULL && length_parse(slash + 1, p.length, &p.length) != 0)
		return -EINVAL;
	*out = p;
	return 0;
}

/* The first longest run of at least two zero groups (RFC 5952 4.2); *length 0: none. */
static unsigned
zero_run_find(const uint16_t groups[8], unsigned *length)
{
	unsigned best = 0;

	*length = 0;
	for (unsigned i = 0; i < 8; i++) {
		unsigned end = i;

		while (end < 8 && groups[end] == 0)
			end++;
		if (end - i >= 2 && end - i > *length) {
			best = i;
			*length = end - i;
		}
		if (end > i)
			i = end - 1;
	}
	return best;
}

/* inet_ntop() is not used: it writes "::0.1.0.2" for ::1:2, an embedding that RFC 4291 2.5.5.1
 * gave up. Only the mapped prefix ::ffff:0:0/96 gets the mixed form (RFC 5952 5). */
static void
ipv6_format(const uint8_t bytes[16], char text[ADDRESS_TEXT_BYTES])
{
	static const uint8_t mapped[12] = { [10] = 0xff, [11] = 0xff };
	uint16_t groups[8];
	unsigned run, run_length;
	size_t used = 0;

	if (memcmp(bytes, mapped, sizeof(mapped)) == 0) {
		snprintf(text, ADDRESS_TEXT_BYTES, "::ffff:%u.%u.%u.%u", bytes[12], bytes[13],
			 bytes[14], bytes[15]);
		return;
	}
	for (unsigned i = 0; i < 8; i++)
		groups[i] = be16_load(bytes + 2 * i);
	run = zero_run_find(groups, &run_length);
	for (unsigned i = 0; i < 8; i++) {
		if (run_length != 0 && i == run) {
			used += (size_t)snprintf(text + used, ADDRESS_TEXT_BYTES - used, "::");
			i += run_length - 1;
			continue;
		}
		used += (size_t)snprintf(text + used, ADDRESS_TEXT_BYTES - used, "%s%x",
					 used == 0 || text[used - 1] == ':' ? "" : ":", groups[i]);
	}
}

const char *
address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES])
{
	const uint8_t *b = address->bytes;

	if (address->family == FAMILY_IPV4)
		snprintf(text, ADDRESS_TEXT_BYTES, "%u.%u.%u.%u", b[0], b[1], b[2], b[3]);
	else if (address->family == FAMILY_IPV6)
		ipv6_format(b, text);
	else
		snprintf(text, ADDRESS_TEXT_BYTES, "*");
	return text;
}

bool
address_equal(const struct address *a, const struct address *b)
{
	return a->family == b->family && memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool
prefix_covers(const struct prefix *prefix, uint8_t family, const uint8_t bytes[16])
{
	const unsigned whole = prefix->length / 8, rest = prefix->length % 8;

	if (prefix->address.family == FAMILY_ANY)
		return true;
	if (prefix->address.family != family)
		return false;
	if (memcmp(prefix->address.bytes, bytes, whole) != 0)
		return false;
	return rest == 0 || (prefix->address.bytes[whole] ^ bytes[whole]) >> (8 - rest) == 0;
}

void
address_mask(struct address *address, uint8_t length)
{
	const unsigned whole = length / 8, rest = length % 8;

	if (whole >= sizeof(address->bytes))
		return;
	address->bytes[whole] &= (uint8_t)(0xff00u >> rest);
	memset(address->bytes + whole + 1, 0, sizeof(address->bytes) - whole - 1);
}
