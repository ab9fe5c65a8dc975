/* SPDX-License-Identifier: BSD-3-Clause */
/* route.c: from a destination to a link and a next hop. */
#include "dataplane/tx/route.h"

/* Length of the longest on-link prefix of `l` that covers the address, or -1. */
static int
on_link_length(const struct link *l, const struct address *a)
{
	int longest = -1;

	for (uint16_t i = 0; i < l->addresses_count; i++)
		if (prefix_covers(&l->addresses[i], a->family, a->bytes) &&
		    (int)l->addresses[i].length > longest)
			longest = l->addresses[i].length;
	return longest;
}

bool
route_find(const struct link_set *links, uint16_t zone, const struct address *destination,
	   struct route *out)
{
	const unsigned gateway = destination->family == FAMILY_IPV6;
	uint16_t best = LINK_NONE, default_link = LINK_NONE;
	int best_length = -1;

	for (uint16_t i = 0; i < links->count; i++) {
		const struct link *l = &links->links[i];

		if (l->zone != zone)
			continue;
		const int length = on_link_length(l, destination);

		if (length > best_length) {
			best = i;
			best_length = length;
		}
		if (default_link == LINK_NONE && l->gateway[gateway].family != FAMILY_ANY)
			default_link = i;
	}
	if (best != LINK_NONE) {
		*out = (struct route){ .link = best, .next_hop = *destination };
		return true;
	}
	if (default_link == LINK_NONE)
		return false;
	*out = (struct route){ .link = default_link,
			       .next_hop = links->links[default_link].gateway[gateway] };
	return true;
}
