/* SPDX-License-Identifier: BSD-3-Clause */
/* section_cost.c: memory per flow, the walk that looks for idle flows, and what a full table does
 * with one more. */
#include <stdio.h>

#include "bench/flow/grace.h"
#include "bench/flow/report.h"
#include "common/base/address.h"
#include "common/base/clock.h"
#include "dataplane/flow/flow.h"

#define MARGIN_KEYS (1u << 14) /* inserted last, and refused once full */

static double
measure_bytes(struct entrant *e, unsigned round, void *context)
{
	(void)round;
	return (double)e->c->bytes(e->table) / *(const uint32_t *)context;
}

static double
measure_lean(struct entrant *e, unsigned round, void *context)
{
	(void)round;
	return (double)(e->c->bytes(e->table) - e->c->spare_bytes(e->table)) /
	       *(const uint32_t *)context;
}

/* A time at which no flow can be due, and one at which each may be. */
#define EARLY_MS 1000u
#define LATE_MS  (1u << 24)
/* From round to round, so that each flow is looked at again. */
#define STEP_MS 10000u

struct walk {
	uint32_t flows, now_ms;
	uint64_t wrong;
};

/* Cycles per live flow. The first walk of a table finds out when to look again. */
static double
measure_walk(struct entrant *e, unsigned round, void *context)
{
	struct walk *w = context;
	const bool skip = w->now_ms == EARLY_MS;
	uint32_t (*run)(void *table, uint32_t now_ms) = skip ? e->c->skip : e->c->sweep;
	uint64_t cycles;

	if (round == 0)
		run(e->table, w->now_ms);
	cycles = clock_cycles();
	w->wrong += run(e->table, w->now_ms + (skip ? 0 : STEP_MS * (round + 1))) != w->flows;
	return (double)(clock_cycles() - cycles) / w->flows;
}

static void
cost_size(struct bench *b, uint32_t flows, uint8_t family)
{
	struct entrant entrants[CONTENDERS_MAX];
	unsigned n = entrants_make(b, flows, family, contender_is_table, entrants);
	struct walk early = { .flows = flows, .now_ms = EARLY_MS };
	struct walk late = { .flows = flows, .now_ms = LATE_MS };

	rounds_run(b, entrants, n, measure_bytes, &flows);
	report_group(b, &(struct group){ "cost", "memory per flow", flows, family, UNIT_BYTES },
		     entrants, n);
	if (n > 0 && entrants[0].c->spare_bytes != NULL) {
		rounds_run(b, entrants, 1, measure_lean, &flows);
		report_figure(b,
			      &(struct group){ "cost", "memory per flow, without the second lines",
					       flows, family, UNIT_BYTES },
			      entrants[0].c->name, entrants[0].samples);
	}
	if (n > 0 && entrants[0].c->skip != NULL) {
		rounds_run(b, entrants, 1, measure_walk, &early);
		report_figure(b,
			      &(struct group){ "cost", "walk past flows not due, per live flow",
					       flows, family, UNIT_CYCLES },
			      entrants[0].c->name, entrants[0].samples);
	}
	rounds_run(b, entrants, n, measure_walk, &late);
	report_group(b,
		     &(struct group){ "cost", "walk that looks at each flow, per live flow", flows,
				      family, UNIT_CYCLES },
		     entrants, n);
	b->wrong += early.wrong + late.wrong;
	entrants_free(entrants, n);
}

static double
insert_cycles(const struct entrant *e, const struct keys *k, uint32_t *taken)
{
	const uint64_t begin = clock_cycles();

	*taken = e->c->insert(e->table, k);
	return (double)(clock_cycles() - begin) / k->n;
}

/* Takes the margin out again, letting readers pass after each burst so that its slots are free. */
static void
remove_all(const struct entrant *e, const struct keys *k)
{
	for (uint32_t at = 0; at < k->n; at += BURST) {
		const struct keys burst = keys_slice(k, at, BURST);

		e->c->remove(e->table, &burst);
		grace_report(0);
	}
}

/* Only berth, and without room to spare: the others refuse when a key finds no place. */
static void
cost_full(struct bench *b, uint32_t wanted)
{
	const uint32_t flows = wanted < FLOW_CAPACITY_MIN ? FLOW_CAPACITY_MIN : wanted;
	const uint32_t margin = (flows / 8 < MARGIN_KEYS ? flows / 8 : MARGIN_KEYS) / BURST * BURST;
	struct entrant e = { &contender_berth, berth_create_full(flows), { 0 } };
	struct keys last = keys_make(margin, FAMILY_IPV4), more = keys_make(margin, FAMILY_IPV4);
	double ordinary[ROUNDS_MAX], refused[ROUNDS_MAX];

	keys_set_range(&last, FAMILY_IPV4, flows - margin, margin);
	keys_set_range(&more, FAMILY_IPV4, flows, margin);
	table_fill(e.c, e.table, FAMILY_IPV4, 0, flows - margin);
	for (unsigned round = 0; round < b->rounds; round++) {
		uint32_t taken;

		ordinary[round] = insert_cycles(&e, &last, &taken);
		b->wrong += margin - taken;
		refused[round] = insert_cycles(&e, &more, &taken);
		b->wrong += taken;
		remove_all(&e, &last);
	}
	report_figure(b,
		      &(struct group){ "cost", "insert into the last places", flows, FAMILY_IPV4,
				       UNIT_CYCLES },
		      "berth", ordinary);
	report_figure(b,
		      &(struct group){ "cost", "refusal by a full table", flows, FAMILY_IPV4,
				       UNIT_CYCLES },
		      "berth", refused);
	for (unsigned round = 0; round < b->rounds; round++)
		ordinary[round] = (double)e.c->bytes(e.table) / flows;
	report_figure(b,
		      &(struct group){ "cost", "memory per flow of a full table", flows,
				       FAMILY_IPV4, UNIT_BYTES },
		      "berth", ordinary);
	keys_free(&last);
	keys_free(&more);
	e.c->destroy(e.table);
}

void
section_cost(struct bench *b)
{
	for (unsigned i = 0; i < b->sizes_count; i++) {
		for (uint8_t family = FAMILY_IPV4; family <= FAMILY_IPV6; family += 2)
			if (b->families[family])
				cost_size(b, b->sizes[i], family);
		cost_full(b, b->sizes[i]);
	}
}
