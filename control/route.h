/* SPDX-License-Identifier: BSD-3-Clause */
/* route.h: which of our addresses a new conversation is held from. Served by route.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/address.h"
#include "dataplane/link.h"

/* Finds the link of `zone` that leads to `remote`: the longest on-link prefix that covers it, else
 * a gateway; and writes our address there to *local. 0, -ENETUNREACH: nothing leads there;
 * -EADDRNOTAVAIL: the link that does has no address of that family. */
int route_source(const struct link_set *links, uint16_t zone, const struct address *remote,
		 struct address *local);

/* Whether some link is in the zone. */
bool route_zone_known(const struct link_set *links, uint16_t zone);
