/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_key.h: the 5-tuple with its zone, as a packet has it and in canonical order. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* As a packet has it: endpoint 0 is the source, endpoint 1 the destination. As a key: the endpoint
 * that sorts first, by (address, port) as one pair, is 0. Without padding; compared as bytes.
 * For ICMP queries both ports hold the identifier; for protocols without ports they are 0. */
struct flow_key {
	uint8_t family; /* FAMILY_IPV4 or FAMILY_IPV6; within the first 16 bytes on purpose */
	uint8_t proto;
	uint16_t zone;
	uint16_t port[2];    /* host order */
	uint8_t addr[2][16]; /* see struct address */
};
static_assert(sizeof(struct flow_key) == 40, "no padding");

/* Writes the canonical key of `packet` to *key. Returns the direction bit: whether the packet's
 * source is the key's endpoint 1. Both directions of a conversation give the same key and opposite
 * bits; only a packet from a socket to itself gives the same bit for both. */
static inline bool
flow_key_canonical(const struct flow_key *packet, struct flow_key *key)
{
	int order = memcmp(packet->addr[0], packet->addr[1], 16);

	if (order == 0)
		order = (int)packet->port[0] - (int)packet->port[1];
	*key = *packet;
	if (order <= 0)
		return false;
	key->port[0] = packet->port[1];
	key->port[1] = packet->port[0];
	memcpy(key->addr[0], packet->addr[1], 16);
	memcpy(key->addr[1], packet->addr[0], 16);
	return true;
}

/* The packet key of the opposite direction. */
static inline struct flow_key
flow_key_reverse(const struct flow_key *packet)
{
	struct flow_key r = *packet;

	r.port[0] = packet->port[1];
	r.port[1] = packet->port[0];
	memcpy(r.addr[0], packet->addr[1], 16);
	memcpy(r.addr[1], packet->addr[0], 16);
	return r;
}
