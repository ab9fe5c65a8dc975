/* SPDX-License-Identifier: BSD-3-Clause */
/* generator.h: packets that a nic makes itself, on a queue that offers empty buffers (net_null). It
 * behaves as a device would: what arrives while its queue is full is missed and counted. Served by
 * generator.c. Made and freed by control; bursts by the queue's worker. */
#pragma once

#include <stdatomic.h>

#include "common/base/limits.h"
#include "dataplane/generator.h"
#include "dataplane/rx/frame_maker.h"

struct generator;

/* The rates of a nic's generators, and what they did. Control stores rates, workers counts. */
struct generator_shared {
	_Atomic uint32_t packets, new_flows, syns; /* struct generator_rates, of one queue */
	struct {
		_Alignas(CACHE_LINE) _Atomic uint64_t packets;
		_Atomic uint64_t bytes;
		_Atomic uint64_t missed;
	} queues[WORKERS_MAX];
};

struct generator_queue {
	uint16_t ethdev, queue, queues;
	uint32_t room; /* packets that wait at most */
	uint64_t hz;   /* of the cycle counter */
};

/* Attaches a generator to a queue; `shared` outlives it. 0 or a negative errno. */
int generator_create(const struct generator_options *options, const struct frame_maker_ends *ends,
		     const struct generator_queue *queue, struct generator_shared *shared,
		     struct generator **out);
/* The device is stopped. NULL is ignored. */
void generator_destroy(struct generator *g);
