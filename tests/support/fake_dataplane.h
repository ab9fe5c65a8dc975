/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_dataplane.h: a dataplane without workers, whose every answer a test decides. */
#pragma once

#include "dataplane/dataplane.h"

#define FAKE_SOLICITS_MAX 8192
#define FAKE_FLOWS_MAX    4096

struct fake_retiree {
	void (*free_fn)(void *);
	void *object;
};

/* There is one. Set what the code under test shall read, look at what it did. */
struct fake_dataplane {
	uint16_t workers;
	struct link_set links;
	struct counter_totals totals;
	uint32_t now_ms;

	struct connect_table *connections; /* made when first asked for */
	uint16_t answers_at;               /* for all remotes */
	struct dp_snapshot *snapshot;      /* published last */
	unsigned publications;
	unsigned retired, reclaimed;
	bool holds; /* nothing can be reclaimed: a worker passes no quiescent point */
	struct fake_retiree retirees[65536];

	struct neighbour_event events[1024];
	unsigned events_count;
	struct flow_event flow_events[8192]; /* of worker 0 */
	unsigned flow_events_count;
	uint64_t flow_events_lost;
	bool flow_events_wanted;
	bool solicit_refused; /* answer -EAGAIN */
	unsigned solicits;
	struct address solicited[FAKE_SOLICITS_MAX];
	struct neighbour neighbours[NEIGHBOURS_MAX];
	uint32_t neighbours_count;
	unsigned neighbours_publications;
	struct generator_rates rates; /* of the one nic */

	uint16_t closed_port;                    /* has seven TCP packets; 0: none */
	struct flow_entry flows[FAKE_FLOWS_MAX]; /* of worker 0 */
	struct flow_detail details[FAKE_FLOWS_MAX];
	uint32_t flows_count;
};

extern struct fake_dataplane fake;

/* Everything zero but one worker and one link with 192.0.2.1/24 and 2001:db8::1/64, gateways .254
 * and ::fe, in zone 0. */
void fake_dataplane_reset(void);
struct dataplane *fake_dataplane(void);
