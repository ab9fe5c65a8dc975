/* SPDX-License-Identifier: BSD-3-Clause */
/* mix.h: which services a capture's traffic is for, and in which shares. Served by mix.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define MIX_SERVICES_MAX 64

struct mix_service {
	uint8_t proto; /* IPPROTO_TCP or IPPROTO_UDP */
	uint16_t port_first;
	uint16_t port_last;
	uint16_t bytes; /* of each frame; 0: as short as the service's packets can be */
	uint32_t weight;
};

enum mix_order {
	MIX_ORDER_RANDOM,   /* service by weight, then any of its flows */
	MIX_ORDER_SHUFFLED, /* every flow once, in random order, again and again */
};

struct mix {
	struct mix_service services[MIX_SERVICES_MAX];
	unsigned services_count; /* at least 1 */
	uint32_t services_weight;
	uint32_t scan_weight; /* packets for closed ports of all three range classes */
	uint8_t ipv6_percent; /* of flows */
	bool twists;          /* VLAN, options, extension headers and malformed packets too */
	enum mix_order order;
};

/* Reads a profile's name (demo, bench, e2e) or PROTO/PORT[-PORT]=WEIGHT[:BYTES],..., with
 * scan=WEIGHT as one more item. 0, or -EINVAL with *out untouched and *why a constant sentence. */
int mix_parse(const char *text, struct mix *out, const char **why);
