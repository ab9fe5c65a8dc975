/* SPDX-License-Identifier: BSD-3-Clause */
/* records.h: what is said of a flow, as JSON, and when it was by the clock on the wall. Served by
 * records.c. */
#pragma once

#include <jansson.h>

#include "control/apps.h"
#include "dataplane/dataplane.h"

/* Relates the workers' milliseconds to those since 1970. */
struct record_clock {
	uint32_t now_ms;  /* the workers' clock at the last reading */
	uint64_t wall_ms; /* the same moment since 1970 */
};

/* Reads both clocks. Their relation stays as it was while the wall clock just runs, so that a
 * moment has one name; it changes when that clock was set. */
void record_clock_read(struct record_clock *c, const struct dataplane *dp);
/* The time since 1970 of a moment of the workers' clock, at most 49 days ago. */
uint64_t record_wall_ms(const struct record_clock *c, uint32_t ms);
/* How long ago it was; a moment after the reading counts as now. */
uint32_t record_age_ms(const struct record_clock *c, uint32_t ms);

/* Members worker, proto, zone, orig and reply (address, port, packets, bytes, tcp_flags), state,
 * history, port, first, last, outgoing. NULL without memory. */
json_t *record_object(const struct apps *apps, const struct record_clock *c, uint16_t worker,
		      const struct flow_record *r);
