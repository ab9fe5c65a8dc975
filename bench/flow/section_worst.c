/* SPDX-License-Identifier: BSD-3-Clause */
/* section_worst.c: the single insert that takes longest, from an empty table to a full one. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/flow/pages.h"
#include "bench/flow/report.h"
#include "common/base/address.h"
#include "common/base/clock.h"

#define FLOWS_DEFAULT 1000000u

/* A machine that is taken away for a while would look like a slow insert. The same keys in the same
 * order meet the same table in each round, so the least of an insert's times is its own. */
static void
fill_timed(const struct contender *c, const struct keys *k, uint32_t *least)
{
	void *table = c->create(k->n, FAMILY_IPV4);

	for (uint32_t i = 0; i < k->n; i++) {
		const struct keys one = keys_slice(k, i, 1);
		const uint64_t begin = clock_cycles();
		uint64_t cycles;

		c->insert(table, &one);
		cycles = clock_cycles() - begin;
		if (cycles < least[i])
			least[i] = (uint32_t)cycles;
	}
	c->destroy(table);
}

static int
compare(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static void
worst_contender(const struct bench *b, const struct contender *c, const struct keys *k)
{
	static const struct {
		const char *name;
		double share;
	} marks[] = {
		{ "one insert, median", 0.5 },
		{ "one insert, 99.9 %", 0.999 },
		{ "one insert, 99.99 %", 0.9999 },
		{ "one insert, worst", 1 },
	};
	uint32_t *least = pages_map(k->n * sizeof(*least));

	memset(least, 0xff, k->n * sizeof(*least));
	for (unsigned round = 0; round < b->rounds; round++)
		fill_timed(c, k, least);
	qsort(least, k->n, sizeof(*least), compare);
	for (unsigned m = 0; m < sizeof(marks) / sizeof(marks[0]); m++) {
		const uint32_t at = (uint32_t)(marks[m].share * (k->n - 1));
		double samples[ROUNDS_MAX];

		for (unsigned i = 0; i < b->rounds; i++)
			samples[i] = least[at];
		report_figure(
			b,
			&(struct group){ "worst", marks[m].name, k->n, FAMILY_IPV4, UNIT_CYCLES },
			c->name, samples);
	}
	pages_unmap(least);
}

static void
worst_size(struct bench *b, uint32_t flows)
{
	struct keys k = keys_make(flows, FAMILY_IPV4);

	keys_set_range(&k, FAMILY_IPV4, 0, flows);
	for (unsigned i = 0; i < b->contenders_count; i++)
		if (contender_is_table(b->contenders[i]))
			worst_contender(b, b->contenders[i], &k);
	keys_free(&k);
}

void
section_worst(struct bench *b)
{
	sizes_run(b, FLOWS_DEFAULT, worst_size);
}
