/* SPDX-License-Identifier: BSD-3-Clause */
/* contender.h: what each table, and each limit of the memory, does for the measurements. C++ reads
 * it as well. */
#pragma once

#include "bench/flow/keys.h"

#ifdef __cplusplus
extern "C" {
#endif

/* What a worker keeps of a flow besides its key: a line of a parallel array, for tables that do not
 * hold it. */
struct state {
	uint64_t packets, bytes;
	uint32_t last_seen_ms;
	uint8_t padding[44];
};

#define STATE_PACKET_BYTES 100u /* of each packet that update() accounts */
#define NUMBER_NONE        UINT32_MAX

/* All functions take whole slices of a stream and go through them in bursts of BURST; a slice is a
 * multiple of that long, but for insert(), which takes any. One thread at a time, but for find()
 * and lookup() where `readers` says so. */
struct contender {
	const char *name;
	bool is_limit;   /* not a table: create, destroy, lookup, update and find alone */
	bool is_variant; /* another way of asking a table that is a contender already */
	bool readers;    /* lookup() may run beside insert() and remove() */
	unsigned forms;  /* enum key_form: what lookup(), update() and remove() read; insert() and
			  * find() may read all */

	/* An empty table for `flows` flows of numbers 0..2*flows-1, of which number and number +
	 * flows are never in it at once: they share a state. */
	void *(*create)(uint32_t flows, uint8_t family);
	void (*destroy)(void *table);
	uint64_t (*bytes)(const void *table); /* states of the parallel array included */
	/* Of these, what no packet needs: NULL: nothing. */
	uint64_t (*spare_bytes)(const void *table);

	/* How many of the keys it took, or had. */
	uint32_t (*insert)(void *table, const struct keys *k);
	uint32_t (*remove)(void *table, const struct keys *k);
	/* How many it found. */
	uint32_t (*lookup)(void *table, const struct keys *k);
	/* The same, and accounts a packet to each. */
	uint32_t (*update)(void *table, const struct keys *k, uint32_t now_ms);
	/* Not measured: the numbers that the same search finds, or NUMBER_NONE. */
	void (*find)(void *table, const struct keys *k, uint32_t *numbers);
	/* Looks at every flow for one that is idle since before `now_ms`; returns how many it
	 * looked at. NULL: has no such walk. */
	uint32_t (*sweep)(void *table, uint32_t now_ms);
	/* The same where no flow can be due: returns the live flows. NULL: it cannot know. */
	uint32_t (*skip)(void *table, uint32_t now_ms);
};

extern const struct contender contender_berth;
extern const struct contender contender_carried;
extern const struct contender contender_rte_lf;
extern const struct contender contender_rte_whole;
extern const struct contender contender_rte;
extern const struct contender contender_ck;
extern const struct contender contender_boost;
extern const struct contender limit_line;
extern const struct contender limit_two_lines;

/* All that were built, berth first. */
extern const struct contender *const contenders[];
extern const unsigned contenders_count;

static inline uint32_t
state_slot(uint32_t number, uint32_t flows)
{
	return number < flows ? number : number - flows;
}

static inline void
state_update(struct state *s, uint32_t now_ms)
{
	s->packets++;
	s->bytes += STATE_PACKET_BYTES;
	s->last_seen_ms = now_ms;
}

#ifdef __cplusplus
}
#endif
