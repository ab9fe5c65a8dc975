/* SPDX-License-Identifier: BSD-3-Clause */
/* section_cost.c: memory per flow, the walk that looks for idle flows, and what a full table does
 * with one more. */
#include <stdio.h>

#include "bench/flow/grace.h"
#include "bench/flow/report.h"
#include "common/base/address.h"
#include "common/base/clock.h"

#define MARGIN_KEYS (1u << 14) /* inserted last, and refused once full */

static double
measure_bytes(struct entrant *e, unsigned round, void *context)
{
	(void)round;
	return (double)e->c->bytes(e->table) / *(const uint32_t *)context;
}

/* Cycles per live flow; none of them is due. */
static double
measure_sweep(struct entrant *e, unsigned round, void *context)
{
	struct bench *b = context;
	const uint64_t begin = clock_cycles();
	const uint32_t looked = e->c->sweep(e->table, 1000 + round);
	const double cycles = (double)(clock_cycles() - begin);

	b->wrong += looked == 0;
	return cycles / looked;
}

static void
cost_size(struct bench *b, uint32_t flows, uint8_t family)
{
	struct entrant entrants[CONTENDERS_MAX];
	unsigned n = entrants_make(b, flows, family, contender_is_table, entrants);

	rounds_run(b, entrants, n, measure_bytes, &flows);
	report_group(b, &(struct group){ "cost", "memory per flow", flows, family, UNIT_BYTES },
		     entrants, n);
	rounds_run(b, entrants, n, measure_sweep, b);
	report_group(b,
		     &(struct group){ "cost", "walk for idle flows, per live flow", flows, family,
				      UNIT_CYCLES },
		     entrants, n);
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

/* Only berth: the others were made with room to spare, and refuse when a key finds no place. */
static void
cost_full(struct bench *b, uint32_t flows)
{
	const uint32_t margin = (flows / 8 < MARGIN_KEYS ? flows / 8 : MARGIN_KEYS) / BURST * BURST;
	struct entrant e = { &contender_berth, contender_berth.create(flows, FAMILY_IPV4), { 0 } };
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
