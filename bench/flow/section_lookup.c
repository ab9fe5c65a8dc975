/* SPDX-License-Identifier: BSD-3-Clause */
/* section_lookup.c: what a lookup costs, and one with the update of the flow's state: by number of
 * flows, popularity, share of hits and family. */
#include <stdio.h>

#include "bench/flow/report.h"
#include "common/base/address.h"

/* Two halves, of which rounds take one in turn; either form of the keys and its hashes exceed an L3
 * of 32 MiB. */
#define STREAM_KEYS (1u << 21)
/* Asked for before a measurement begins: as many bring a table of 100,000 flows into the caches. */
#define WARM_KEYS (1u << 17)

static const struct work {
	const char *name;
	double zipf;
	unsigned hits_percent;
	bool update;
	bool ipv4_only;
} works[] = {
	{ "uniform, 100 % hits", 0, 100, false, false },
	{ "uniform, 100 % hits, update", 0, 100, true, false },
	{ "uniform, 50 % hits", 0, 50, false, false },
	{ "uniform, 0 % hits", 0, 0, false, false },
	{ "uniform, 50 % hits, update", 0, 50, true, true },
	{ "Zipf 1.0, 100 % hits", 1.0, 100, false, true },
	{ "Zipf 1.0, 100 % hits, update", 1.0, 100, true, true },
	{ "Zipf 1.1, 100 % hits", 1.1, 100, false, true },
	{ "Zipf 1.1, 100 % hits, update", 1.1, 100, true, true },
};

struct stream {
	const struct work *work;
	uint32_t now_ms;
	struct keys keys, hand;
	struct keys halves[2];
	uint64_t hits[2]; /* how many there should be in each half */
	uint64_t wrong;
};

static uint32_t
run(const struct entrant *e, const struct keys *hand, void *context)
{
	const struct stream *s = context;

	return s->work->update ? e->c->update(e->table, hand, s->now_ms)
			       : e->c->lookup(e->table, hand);
}

/* Cycles per key. */
static double
measure(struct entrant *e, unsigned round, void *context)
{
	struct stream *s = context;
	const struct keys *k = &s->halves[round % 2];
	const struct keys *last = &s->halves[1 - round % 2];
	const uint32_t warm = last->n < WARM_KEYS ? last->n : WARM_KEYS;
	const struct keys before = keys_slice(last, last->n - warm, warm);
	const uint64_t wanted = s->hits[round % 2];
	uint64_t cycles, hits = 0;

	s->now_ms = round;
	hands_run(e, &before, 0, &s->hand, run, s, &hits);
	s->now_ms = round + 1;
	hits = 0;
	cycles = hands_run(e, k, 0, &s->hand, run, s, &hits);
	s->wrong += hits > wanted ? hits - wanted : wanted - hits;
	return (double)cycles / k->n;
}

static void
stream_prepare(struct stream *s, const struct work *work, uint32_t flows, uint8_t family)
{
	const struct mixture m = { flows, family, work->zipf, work->hits_percent };

	s->work = work;
	s->wrong = 0;
	keys_draw(&s->keys, &m, flows + work->hits_percent);
	for (unsigned half = 0; half < 2; half++) {
		const uint32_t n = s->keys.n / 2;

		s->halves[half] = keys_slice(&s->keys, half * n, n);
		s->hits[half] = 0;
		for (uint32_t i = 0; i < n; i++)
			s->hits[half] += s->halves[half].numbers[i] < flows;
	}
}

static void
lookup_works(struct bench *b, struct stream *s, struct entrant *entrants, unsigned n,
	     uint32_t flows, uint8_t family)
{
	for (unsigned w = 0; w < sizeof(works) / sizeof(works[0]); w++) {
		const struct work *work = &works[w];

		if (work->ipv4_only && family != FAMILY_IPV4)
			continue;
		stream_prepare(s, work, flows, family);
		for (unsigned i = 0; i < n; i++)
			s->wrong +=
				wrong_finds(entrants[i].c, entrants[i].table, &s->halves[0], flows);
		rounds_run(b, entrants, n, measure, s);
		report_group(b, &(struct group){ "lookup", work->name, flows, family, UNIT_CYCLES },
			     entrants, n);
		if (s->wrong != 0)
			report_note("  WRONG: %ju results", (uintmax_t)s->wrong);
		b->wrong += s->wrong;
	}
}

void
section_lookup(struct bench *b)
{
	for (uint8_t family = FAMILY_IPV4; family <= FAMILY_IPV6; family += 2) {
		if (!b->families[family])
			continue;
		struct stream s = { .keys = keys_make(STREAM_KEYS, family),
				    .hand = keys_make(HAND_KEYS, family) };

		for (unsigned i = 0; i < b->sizes_count; i++) {
			struct entrant entrants[CONTENDERS_MAX];
			const unsigned n = entrants_make(b, b->sizes[i], family, NULL, entrants);

			lookup_works(b, &s, entrants, n, b->sizes[i], family);
			entrants_free(entrants, n);
		}
		keys_free(&s.keys);
		keys_free(&s.hand);
	}
}
