/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_keys.h: flow keys by number, and keys picked for where they fall in a table. */
#pragma once

#include "common/base/address.h"
#include "common/base/identity.h"
#include "dataplane/flow/flow_priv.h"

/* Digits of pi. */
static const struct flow_secret test_secret = {
	{ 0x243f6a8885a308d3u, 0x13198a2e03707344u, 0xa4093822299f31d0u, 0x082efa98ec4e6c89u,
	  0x452821e638d01377u, 0xbe5466cf34e90c6cu, 0xc0ac29b7c97c50ddu, 0x3f84d5b5b5470917u,
	  0x9216d5d98979fb1bu, 0xd1310ba698dfb5acu, 0x2ffd72dbd01adfb7u, 0xb8e1afed6a267e96u,
	  0xba7c9045f12c7f99u, 0x24a19947b3916cf7u }
};

/* Canonical key number `n`: all different; even ones IPv4, odd ones IPv6. */
static inline struct flow_key
flow_key_number(uint32_t n)
{
	struct flow_key k = { .family = n % 2 == 0 ? FAMILY_IPV4 : FAMILY_IPV6,
			      .proto = PROTO_UDP,
			      .zone = 1,
			      .port = { 53, (uint16_t)(n >> 16) } };

	memcpy(k.addr[0], "\x0a\x00\x00\x01", 4);
	k.addr[1][0] = 0x0b;
	k.addr[1][2] = (uint8_t)(n >> 8);
	k.addr[1][3] = (uint8_t)n;
	return k;
}

/* The first key from number *n on whose home is bucket `home` of `t`; moves *n past it. */
static inline struct flow_key
flow_key_of_home(const struct flow_table *t, uint32_t home, uint32_t *n)
{
	for (;;) {
		const struct flow_key k = flow_key_number((*n)++);

		if (flow_home(t, flow_hash(&test_secret, &k)) == home)
			return k;
	}
}
