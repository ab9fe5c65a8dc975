/* SPDX-License-Identifier: BSD-3-Clause */
/* address.h: IP addresses and prefixes of both families in one shape. Served by address.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Enough for "xxxx:...:255.255.255.255/128" and its zero. */
#define ADDRESS_TEXT_BYTES 56

#define FAMILY_ANY         0
#define FAMILY_IPV4        4
#define FAMILY_IPV6        6

/* An IPv4 address lies in the first 4 bytes, the other 12 are zero: two addresses of one family
 * are equal exactly when all 16 bytes are. Network byte order. */
struct address {
	uint8_t bytes[16];
	uint8_t family; /* FAMILY_IPV4 or FAMILY_IPV6; FAMILY_ANY: "*" */
};

struct prefix {
	struct address address; /* bits past `length` are as written by the user */
	uint8_t length;         /* 0..32 or 0..128; 0 with FAMILY_ANY */
};

/* Reads "192.0.2.1" or "2001:db8::1" (no brackets). 0, or -EINVAL with *out untouched. */
int address_parse(const char *text, struct address *out);

/* Reads an address with an optional "/length" (absent: 32 or 128). 0 or -EINVAL. */
int prefix_parse(const char *text, struct prefix *out);

/* Writes the text of RFC 5952 (IPv6) or dotted quad; "*" for FAMILY_ANY. Returns `text`. */
const char *address_format(const struct address *address, char text[ADDRESS_TEXT_BYTES]);

bool address_equal(const struct address *a, const struct address *b);

/* Whether `bytes` (16, see struct address) of `family` lies within `prefix`. */
bool prefix_covers(const struct prefix *prefix, uint8_t family, const uint8_t bytes[16]);

/* Clears the bits past `length`. */
void address_mask(struct address *address, uint8_t length);
