/* SPDX-License-Identifier: BSD-3-Clause */
/* rounds.c: full tables of all contenders, and rounds in which each has its turn. */
#include <errno.h>
#include <pthread.h>
#include <rte_cycles.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/flow/bench.h"
#include "bench/flow/pages.h"
#include "bench/flow/report.h"
#include "common/base/check.h"

#define FILL_KEYS 1024u /* made and inserted at a time */

const struct contender *const contenders[] = {
	&contender_berth,     &contender_carried, &contender_rte_lf,
	&contender_rte_whole, &contender_rte,
#ifdef WITH_CK
	&contender_ck,
#endif
#ifdef WITH_BOOST
	&contender_boost,
#endif
	&limit_line,          &limit_two_lines,
};
const unsigned contenders_count = array_length(contenders);
static_assert(array_length(contenders) <= CONTENDERS_MAX, "an entrant for each");

bool
contender_is_table(const struct contender *c)
{
	return !c->is_limit && !c->is_variant;
}

bool
contender_has_readers(const struct contender *c)
{
	return c->readers;
}

void
table_fill(const struct contender *c, void *table, uint8_t family, uint32_t first, uint32_t n)
{
	struct keys k = keys_make(FILL_KEYS, family);
	uint32_t taken = 0;

	for (uint32_t at = 0; at < n; at += FILL_KEYS) {
		keys_set_range(&k, family, first + at, n - at < FILL_KEYS ? n - at : FILL_KEYS);
		taken += c->insert(table, &k);
	}
	keys_free(&k);
	if (taken != n) {
		fprintf(stderr, "bench-flow: %s took %u of %u flows\n", c->name, taken, n);
		exit(1);
	}
}

unsigned
entrants_make(const struct bench *b, uint32_t flows, uint8_t family,
	      bool (*wanted)(const struct contender *c), struct entrant entrants[CONTENDERS_MAX])
{
	unsigned n = 0;

	for (unsigned i = 0; i < b->contenders_count; i++) {
		const struct contender *c = b->contenders[i];

		if (wanted != NULL && !wanted(c))
			continue;
		entrants[n].c = c;
		entrants[n].table = c->create(flows, family);
		if (!c->is_limit)
			table_fill(c, entrants[n].table, family, 0, flows);
		n++;
	}
	report_pages();
	return n;
}

void
entrants_free(struct entrant *entrants, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		entrants[i].c->destroy(entrants[i].table);
}

uint64_t
wrong_finds(const struct contender *c, void *table, const struct keys *k, uint32_t present)
{
	uint32_t *numbers = pages_map(k->n * sizeof(*numbers));
	uint64_t wrong = 0;

	c->find(table, k, numbers);
	for (uint32_t i = 0; i < k->n; i++)
		wrong += numbers[i] != (k->numbers[i] < present ? k->numbers[i] : NUMBER_NONE);
	pages_unmap(numbers);
	return wrong;
}

void
rounds_run(const struct bench *b, struct entrant *entrants, unsigned n, measure_fn measure,
	   void *context)
{
	for (unsigned round = 0; round < b->rounds; round++) {
		for (unsigned i = 0; i < n; i++) {
			struct entrant *e = &entrants[(round + i) % n];

			e->samples[round] = measure(e, round, context);
		}
	}
}

/* The counter is read in order with the work: what is asked of memory before is there, and what the
 * work asks for counts. */
uint64_t
hands_run(const struct entrant *e, const struct keys *stream, unsigned more, struct keys *hand,
	  hand_fn work, void *context, uint64_t *hits)
{
	uint64_t cycles = 0;

	for (uint32_t at = 0; at < stream->n; at += HAND_KEYS) {
		const uint32_t left = stream->n - at;
		uint64_t begin;

		keys_hand(hand, stream, at, left < HAND_KEYS ? left : HAND_KEYS,
			  e->c->forms | more);
		begin = rte_rdtsc_precise();
		*hits += work(e, hand, context);
		cycles += rte_rdtsc_precise() - begin;
	}
	return cycles;
}

void
sizes_run(struct bench *b, uint32_t flows, void (*measure)(struct bench *b, uint32_t flows))
{
	if (!b->sizes_given)
		measure(b, flows);
	for (unsigned i = 0; b->sizes_given && i < b->sizes_count; i++)
		measure(b, b->sizes[i]);
}

int
thread_pin(unsigned core)
{
	cpu_set_t set;

	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return -pthread_setaffinity_np(pthread_self(), sizeof(set), &set);
}

double
cycles_per_ns(void)
{
	return (double)rte_get_tsc_hz() / 1e9;
}
