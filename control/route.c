/* SPDX-License-Identifier: BSD-3-Clause */
/* route.c: chooses our address for a conversation with a remote one. */
#include "control/route.h"

#include <errno.h>

/* Our address on the link whose on-link prefix covers `addr` longest; NULL: none does. */
static const struct prefix *
address_near(const struct link *l, const struct address *addr)
{
	const struct prefix *best = NULL;

	for (uint16_t i = 0; i < l->addresses_count; i++) {
		const struct prefix *p = &l->addresses[i];

		if (prefix_covers(p, addr->family, addr->bytes) &&
		    (best == NULL || p->length > best->length))
			best = p;
	}
	return best;
}

static bool
address_link_local(const struct address *a)
{
	return a->family == FAMILY_IPV6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80;
}

/* An address of the family that reaches further than the link (RFC 6724 5, rule 2). */
static const struct prefix *
address_global(const struct link *l, uint8_t family)
{
	for (uint16_t i = 0; i < l->addresses_count; i++)
		if (l->addresses[i].address.family == family &&
		    !address_link_local(&l->addresses[i].address))
			return &l->addresses[i];
	return NULL;
}

int
route_source(const struct link_set *links, uint16_t zone, const struct address *remote,
	     struct address *local)
{
	const struct prefix *best = NULL;
	const struct link *way_out = NULL;

	for (uint16_t i = 0; i < links->count; i++) {
		const struct link *l = &links->links[i];
		const struct prefix *near;

		if (l->zone != zone)
			continue;
		near = address_near(l, remote);
		if (near != NULL && (best == NULL || near->length > best->length))
			best = near;
		if (way_out == NULL &&
		    l->gateway[remote->family == FAMILY_IPV6].family != FAMILY_ANY)
			way_out = l;
	}
	if (best == NULL) {
		if (way_out == NULL || address_link_local(remote))
			return -ENETUNREACH;
		best = address_near(way_out, &way_out->gateway[remote->family == FAMILY_IPV6]);
		if (best == NULL || address_link_local(&best->address))
			best = address_global(way_out, remote->family);
		if (best == NULL)
			return -EADDRNOTAVAIL;
	}
	*local = best->address;
	return 0;
}

bool
route_zone_known(const struct link_set *links, uint16_t zone)
{
	for (uint16_t i = 0; i < links->count; i++)
		if (links->links[i].zone == zone)
			return true;
	return false;
}
