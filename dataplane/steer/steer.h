/* SPDX-License-Identifier: BSD-3-Clause */
/* steer.h: packets into the rings of their ports. Served by steer.c. Worker. */
#pragma once

#include "common/abi/ring.h"
#include "dataplane/counter_block.h"
#include "dataplane/port/port_ring.h"
#include "dataplane/port_block.h"

/* Rings that got records since the last publish. */
struct steer {
	uint16_t n;
	struct rx_ring *touched[BURST_MAX];
	struct counter_block *counters;
};

/* Copies one packet into `ring`, unseen until steer_publish(). Counts it as delivered, or as
 * dropped by ring_full or ring_broken. The caller frees the buffer in either case. */
void steer_put(struct steer *s, struct rx_ring *ring, struct port_block *port,
	       const struct record *head, const void *ip);
/* Shows each touched ring's records to its application: one store per ring. */
void steer_publish(struct steer *s);
