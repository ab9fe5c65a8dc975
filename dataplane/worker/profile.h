/* SPDX-License-Identifier: BSD-3-Clause */
/* profile.h: cycles per stage, in builds for measuring only; elsewhere the marks are nothing. */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

#include "common/base/clock.h"

/* LOOP is what lies between bursts: the clock, publications, other queues, housekeeping. */
#define STAGE_LIST(X) \
	X(RX) X(PARSE) X(RESPOND) X(KEY) X(FLOW) X(BIND) X(TRACK) X(STEER) X(FREE) X(LOOP)

enum stage {
#define X(name) STAGE_##name,
	STAGE_LIST(X)
#undef X
		STAGE_COUNT
};

#ifdef BERTH_PROFILE
/* One worker's; control reads the cycles while the worker runs. */
struct profile {
	uint64_t last;
	_Atomic uint64_t cycles[STAGE_COUNT];
};

static inline void
profile_start(struct profile *p)
{
	p->last = clock_cycles();
}

/* Books the cycles since the last mark to the stage that ends here. The counter is not ordered
 * with the work around it: misses still under way fall into the next stage. */
static inline void
profile_book(struct profile *p, enum stage stage)
{
	const uint64_t now = clock_cycles();
	_Atomic uint64_t *sum = &p->cycles[stage];

	atomic_store_explicit(sum, atomic_load_explicit(sum, memory_order_relaxed) + now - p->last,
			      memory_order_relaxed);
	p->last = now;
}
#define profile_begin(w)       profile_start(&(w)->profile)
#define profile_mark(w, stage) profile_book(&(w)->profile, stage)
#else
#define profile_begin(w)       ((void)(w))
#define profile_mark(w, stage) ((void)(w))
#endif
