/* SPDX-License-Identifier: BSD-3-Clause */
/* route.h: from a destination to a link and a next hop (RFC 1122 section 3.3.1). Served by route.c.
 */
#pragma once

#include "dataplane/link.h"

struct route {
	uint16_t link; /* index */
	struct address next_hop;
};

/* The route to `destination` within `zone`: the longest on-link prefix, else the gateway of the
 * zone's first link that has one of this family. False: no way there; *out is untouched. */
bool route_find(const struct link_set *links, uint16_t zone, const struct address *destination,
		struct route *out);
