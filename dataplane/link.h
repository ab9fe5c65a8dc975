/* SPDX-License-Identifier: BSD-3-Clause */
/* link.h: one network on a nic: its VLAN, zone, addresses and gateways. Constant once workers run.
 */
#pragma once

#include <stdbool.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/limits.h"

#define LINK_ADDRESSES_MAX 16
#define LINK_NONE          UINT16_MAX
#define LINK_ENCLOSED      (UINT16_MAX - 1) /* came by a tunnel or PPPoE: no way back */

struct link {
	uint16_t nic;  /* index */
	uint16_t vlan; /* 0: untagged */
	uint16_t zone;
	uint16_t mtu; /* of its nic: the largest IP packet */
	uint16_t addresses_count;
	struct prefix addresses[LINK_ADDRESSES_MAX]; /* ours, with the on-link prefix length */
	struct address gateway[2];                   /* [0] IPv4, [1] IPv6; FAMILY_ANY: none */
};

struct link_set {
	uint16_t count;
	struct link links[LINKS_MAX];
};

/* Whether `addr` is one of the link's own addresses. */
static inline bool
link_owns(const struct link *l, uint8_t family, const uint8_t addr[16])
{
	for (uint16_t i = 0; i < l->addresses_count; i++)
		if (l->addresses[i].address.family == family &&
		    memcmp(l->addresses[i].address.bytes, addr, 16) == 0)
			return true;
	return false;
}

/* Whether no link of the zone has an address. Such a zone takes every destination as its own: it
 * listens to traffic that somebody else steers to it. */
static inline bool
link_set_bare(const struct link_set *s, uint16_t zone)
{
	for (uint16_t i = 0; i < s->count; i++)
		if (s->links[i].zone == zone && s->links[i].addresses_count != 0)
			return false;
	return true;
}

/* Whether `addr` is an address of ours in the zone. For first packets only: it is a scan. */
static inline bool
link_set_owns(const struct link_set *s, uint16_t zone, uint8_t family, const uint8_t addr[16])
{
	for (uint16_t i = 0; i < s->count; i++)
		if (s->links[i].zone == zone && link_owns(&s->links[i], family, addr))
			return true;
	return false;
}

/* Whether a packet to `addr` is for this machine. As costly. */
static inline bool
link_set_local(const struct link_set *s, uint16_t zone, uint8_t family, const uint8_t addr[16])
{
	return link_set_owns(s, zone, family, addr) || link_set_bare(s, zone);
}
