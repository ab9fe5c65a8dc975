/* SPDX-License-Identifier: BSD-3-Clause */
/* steer.h: the packets of a burst, gathered by port. Served by steer.c. Worker. */
#pragma once

#include "common/base/limits.h"
#include "dataplane/flow/flow.h"

#define STEER_END UINT8_MAX
static_assert(BURST_MAX < STEER_END, "places in a burst");

/* A worker's memory of the gathering; between bursts each element is STEER_END. */
struct steer {
	uint8_t first[PORTS_MAX]; /* by port id: its first packet in the burst */
};

/* Group g is packets order[first[g]] to order[first[g + 1] - 1] of the burst, all for port id
 * ports[g], in the burst's order. */
struct steer_plan {
	uint16_t groups;
	uint16_t ports[BURST_MAX];
	uint8_t first[BURST_MAX + 1];
	uint8_t order[BURST_MAX];
};

void steer_init(struct steer *s);

/* Gathers n packets (0..BURST_MAX) by the id of their ports. Of one id there is one generation at a
 * time. */
void steer_gather(struct steer *s, const port_ref *ports, uint16_t n, struct steer_plan *plan);
