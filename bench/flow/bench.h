/* SPDX-License-Identifier: BSD-3-Clause */
/* bench.h: what a run of the bench is asked for, its rounds, and its sections: one file for each
 * kind of measurement. Served by main.c, rounds.c, section_*.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "bench/flow/contender.h"

#define ROUNDS_MAX     99u
#define SIZES_MAX      8u
#define CONTENDERS_MAX 10u

struct bench {
	uint32_t sizes[SIZES_MAX]; /* numbers of flows */
	unsigned sizes_count;
	bool sizes_given; /* else a section that has one size of its own takes that */
	bool families[7]; /* by FAMILY_IPV4 and FAMILY_IPV6 */
	unsigned rounds;  /* 1..ROUNDS_MAX */
	unsigned core;    /* where the main thread runs */
	unsigned other;   /* the second core; the same as `core` where there is none */
	bool quick;
	const struct contender *contenders[CONTENDERS_MAX];
	unsigned contenders_count;
	uint64_t wrong; /* lookups with another result than the right one, of anybody */
};

/* One contender at work on a table. */
struct entrant {
	const struct contender *c;
	void *table;
	double samples[ROUNDS_MAX];
};

/* Makes a full table (flows 0..flows-1) for each contender that `wanted` (NULL: all) says yes to;
 * returns how many. What does not take all flows ends the process: its figures would lie. */
unsigned
entrants_make(const struct bench *b, uint32_t flows, uint8_t family,
	      bool (*wanted)(const struct contender *c), struct entrant entrants[CONTENDERS_MAX]);
void entrants_free(struct entrant *entrants, unsigned n);
/* Puts flows first..first+n-1 into the table. */
void table_fill(const struct contender *c, void *table, uint8_t family, uint32_t first, uint32_t n);
bool contender_is_table(const struct contender *c);
/* berth and rte_hash LF: those that a dataplane with several threads could use. */
bool contender_has_readers(const struct contender *c);

/* Counts keys whose search gives another flow than the stream says; `present`: below which number
 * flows are in the table. */
uint64_t
wrong_finds(const struct contender *c, void *table, const struct keys *k, uint32_t present);

/* Runs `measure` in rounds, each contender once per round, in turn who is first. It returns the
 * sample. */
typedef double (*measure_fn)(struct entrant *e, unsigned round, void *context);
void rounds_run(const struct bench *b, struct entrant *entrants, unsigned n, measure_fn measure,
		void *context);

/* What is done with keys that are handed over; returns how many were found. */
typedef uint32_t (*hand_fn)(const struct entrant *e, const struct keys *hand, void *context);
/* Hands all keys of the stream over, HAND_KEYS at a time, in the forms that the contender reads and
 * `more`. Returns the cycles that `work` takes, without those of the copying, and adds to *hits.
 * `hand` is for its own use. */
uint64_t hands_run(const struct entrant *e, const struct keys *stream, unsigned more,
		   struct keys *hand, hand_fn work, void *context, uint64_t *hits);

/* Pins the calling thread. 0 or negative errno. */
int thread_pin(unsigned core);
double cycles_per_ns(void);

/* For a section that has one size of its own: runs `measure` with that, or with those asked for. */
void sizes_run(struct bench *b, uint32_t flows, void (*measure)(struct bench *b, uint32_t flows));

void section_lookup(struct bench *b);
void section_churn(struct bench *b);
void section_beside(struct bench *b);
void section_collide(struct bench *b);
void section_scale(struct bench *b);
void section_cost(struct bench *b);
void section_worst(struct bench *b);
