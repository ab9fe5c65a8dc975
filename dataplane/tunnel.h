/* SPDX-License-Identifier: BSD-3-Clause */
/* tunnel.h: which tunnels a nic looks into, and the zone of each. Constant once workers run. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "dataplane/parse/parse.h"

struct tunnel {
	uint16_t nic;  /* index */
	uint8_t type;  /* enum tunnel_type */
	bool has_id;   /* false: GRE without a key, IPIP, 6in4 */
	uint32_t id;   /* 0 without one */
	uint16_t zone; /* of the inner addresses */
};

struct tunnel_set {
	uint16_t count;
	struct tunnel tunnels[TUNNELS_MAX]; /* sorted by tunnel_order(), none twice */
};

/* The parts of a tunnel's name in the order of their weight. */
static inline uint64_t
tunnel_order(uint16_t nic, uint8_t type, bool has_id, uint32_t id)
{
	return (uint64_t)nic << 48 | (uint64_t)type << 40 | (uint64_t)has_id << 32 | id;
}

/* The tunnel of that name, or NULL. */
static inline const struct tunnel *
tunnel_find(const struct tunnel_set *s, uint16_t nic, const struct packet_tunnel *name)
{
	const uint64_t want = tunnel_order(nic, name->type, name->has_id, name->id);
	unsigned low = 0, high = s->count;

	while (low < high) {
		const unsigned middle = (low + high) / 2;
		const struct tunnel *t = &s->tunnels[middle];
		const uint64_t order = tunnel_order(t->nic, t->type, t->has_id, t->id);

		if (order == want)
			return t;
		if (order < want)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The parser's flags for a nic: look inside what the set names. */
static inline unsigned
tunnel_parse_flags(const struct tunnel_set *s, uint16_t nic)
{
	unsigned flags = 0;

	for (uint16_t i = 0; i < s->count; i++)
		if (s->tunnels[i].nic == nic)
			flags |= PARSE_TUNNEL(s->tunnels[i].type);
	return flags;
}
