/* SPDX-License-Identifier: BSD-3-Clause */
/* pace.h: when the packets of a steady stream arrive, by the cycle counter. Of one thread. */
#pragma once

#include <stdint.h>

/* Times are cycles shifted left by this, so that intervals are exact to a part in a million. */
#define PACE_SHIFT 10

struct pace {
	uint64_t next;     /* arrival of the next packet */
	uint64_t interval; /* 0: no packet ever */
	uint32_t rate;     /* packets per second that they are for */
};

/* Takes up another rate, from `now` (cycles) on. */
static inline void
pace_set(struct pace *p, uint32_t rate, uint64_t hz, uint64_t now)
{
	if (p->rate == rate)
		return;
	p->rate = rate;
	p->interval = rate == 0 ? 0 : (hz << PACE_SHIFT) / rate;
	p->next = now << PACE_SHIFT;
}

/* Whether a packet has arrived by `now`; *arrival: when. */
static inline int
pace_take(struct pace *p, uint64_t now, uint64_t *arrival)
{
	if (p->interval == 0 || p->next > now << PACE_SHIFT)
		return 0;
	*arrival = p->next >> PACE_SHIFT;
	p->next += p->interval;
	return 1;
}

/* Forgets arrivals beyond a queue of `room` packets. Returns how many. */
static inline uint64_t
pace_overflow(struct pace *p, uint64_t now, uint32_t room)
{
	const uint64_t due = now << PACE_SHIFT;
	uint64_t waiting;

	if (p->interval == 0 || p->next > due || (due - p->next) / room < p->interval)
		return 0;
	waiting = (due - p->next) / p->interval + 1;
	if (waiting <= room)
		return 0;
	p->next += (waiting - room) * p->interval;
	return waiting - room;
}
