/* SPDX-License-Identifier: BSD-3-Clause */
/* neighbours.h: the table of next hops: learns, asks, forgets. Served by neighbours.c.
 *
 * N1  An entry is made only for an address that a worker wants or whose owner asked for one of ours
 *     (RFC 826; RFC 4861 7.2.3 to 7.2.5); others may only confirm what is known.
 * N2  A wanted address is asked for 3 times, 1 s apart (RFC 4861 10: MAX_MULTICAST_SOLICIT,
 *     RETRANS_TIMER), then published as failed for some seconds, then forgotten.
 * N3  A known one is asked for again 30 s after its last answer (REACHABLE_TIME) and stays in use
 *     meanwhile; it is forgotten when it does not answer, or when nobody has wanted it for long.
 * N4  At most NEIGHBOURS_MAX entries. A full table gives up failed ones first, then those that wait
 *     for an answer, then known ones, the oldest of each kind first.
 *
 * The control thread alone. The clock is an argument. */
#pragma once

#include <stdint.h>

#include "dataplane/dataplane.h"

/* How often neighbours_poll() should be called; also how long a change may wait for its
 * publication. */
#define NEIGHBOURS_POLL_MS 5

struct neighbours;

int neighbours_create(struct dataplane *dp, struct neighbours **out);
void neighbours_destroy(struct neighbours *n);

/* Takes what the workers saw and want, asks what has to be asked, and publishes what changed. */
void neighbours_poll(struct neighbours *n, uint64_t now_ms);

struct neighbours_counts {
	uint32_t known, asked, failed;
};
void neighbours_count(const struct neighbours *n, struct neighbours_counts *out);
