/* SPDX-License-Identifier: BSD-3-Clause */
/* section_churn.c: what it costs a full table that one flow ends and another begins. */
#include "bench/flow/grace.h"
#include "bench/flow/report.h"
#include "common/base/address.h"
#include "common/base/clock.h"

#define CHURN_KEYS      (1u << 18) /* at most so many flows come and go */
#define PAIRS_PER_ROUND (1u << 17)

struct churn {
	struct keys keys[2];         /* flow keys[0][i] and flow keys[1][i] take turns */
	struct keys hands[2];        /* some of each, in the cache */
	unsigned in[CONTENDERS_MAX]; /* which of the two the table of each contender holds */
	const struct entrant *entrants;
	uint32_t at;
	uint64_t refused;
};

/* Takes the keys of hands[0] out and puts those of hands[1] in, burst by burst. */
static void
pairs_run(struct churn *c, const struct entrant *e)
{
	for (uint32_t at = 0; at < c->hands[0].n; at += BURST) {
		const struct keys out = keys_slice(&c->hands[0], at, BURST);
		const struct keys next = keys_slice(&c->hands[1], at, BURST);

		c->refused += BURST - e->c->remove(e->table, &out);
		c->refused += BURST - e->c->insert(e->table, &next);
		grace_report(0);
	}
}

/* Cycles per pair of one deletion and one insertion, whole passes over the keys. */
static double
measure(struct entrant *e, unsigned round, void *context)
{
	struct churn *c = context;
	unsigned *in = &c->in[e - c->entrants];
	const uint32_t n = c->keys[0].n;
	uint32_t pairs = 0;
	uint64_t cycles = 0;

	(void)round;
	while (pairs < PAIRS_PER_ROUND) {
		for (uint32_t at = 0; at < n; at += HAND_KEYS) {
			const uint32_t some = n - at < HAND_KEYS ? n - at : HAND_KEYS;
			uint64_t begin;

			for (unsigned side = 0; side < 2; side++)
				keys_hand(&c->hands[side], &c->keys[side ^ *in], at, some,
					  e->c->forms | KEY_NUMBER);
			begin = clock_cycles();
			pairs_run(c, e);
			cycles += clock_cycles() - begin;
		}
		*in = 1 - *in;
		pairs += n;
	}
	return (double)cycles / pairs;
}

/* Flows by steps of a prime that does not divide their number: in no order that a table knows. */
static void
churn_prepare(struct churn *c, uint32_t flows, uint8_t family)
{
	const uint32_t n = (flows < CHURN_KEYS ? flows : CHURN_KEYS) / BURST * BURST;

	for (unsigned side = 0; side < 2; side++) {
		c->keys[side] = keys_make(n, family);
		c->hands[side] = keys_make(HAND_KEYS, family);
		for (uint32_t i = 0; i < n; i++)
			keys_set(&c->keys[side], i, family,
				 side * flows + (uint32_t)(i * 2147483647ull % flows));
	}
}

static void
churn_size(struct bench *b, uint32_t flows, uint8_t family)
{
	struct entrant entrants[CONTENDERS_MAX];
	const unsigned n = entrants_make(b, flows, family, contender_is_table, entrants);
	struct churn c = { .entrants = entrants };

	churn_prepare(&c, flows, family);
	rounds_run(b, entrants, n, measure, &c);
	report_group(b, &(struct group){ "churn", "delete and insert", flows, family, UNIT_CYCLES },
		     entrants, n);
	for (unsigned i = 0; i < n; i++) {
		const struct entrant *e = &entrants[i];
		const struct keys *present = &c.keys[c.in[i]], *absent = &c.keys[1 - c.in[i]];

		c.refused += wrong_finds(e->c, e->table, present, UINT32_MAX);
		c.refused += wrong_finds(e->c, e->table, absent, 0);
	}
	if (c.refused != 0)
		report_note("  WRONG: %ju results", (uintmax_t)c.refused);
	b->wrong += c.refused;
	for (unsigned side = 0; side < 2; side++) {
		keys_free(&c.keys[side]);
		keys_free(&c.hands[side]);
	}
	entrants_free(entrants, n);
}

void
section_churn(struct bench *b)
{
	for (unsigned i = 0; i < b->sizes_count; i++)
		churn_size(b, b->sizes[i], FAMILY_IPV4);
}
