/* SPDX-License-Identifier: BSD-3-Clause */
/* section_beside.c: one reader, alone and beside a writer that never rests, on two cores. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/flow/grace.h"
#include "bench/flow/report.h"
#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/clock.h"

#define FLOWS_DEFAULT 1000000u
#define STREAM_KEYS   (1u << 21)
#define CHURN_KEYS    (1u << 18)
#define ROUND_NS      100000000.0

/* Half of the flows stay, and are asked for; the writer works on the other half. */
struct beside {
	struct keys stream, hand;
	struct keys churn[2];
	unsigned core; /* the writer's */
	uint64_t wrong;
	uint64_t refused; /* insertions: where the writer outruns what its readers let go */
};

struct writer {
	const struct contender *c;
	void *table;
	const struct keys *churn;
	unsigned core;
	_Atomic bool started;
	_Atomic bool stop;
	uint64_t pairs, refused;
	double ns;
};

/* Passes over the keys are completed, so that the table ends as it began. */
static void *
writer_run(void *context)
{
	struct writer *w = context;
	const uint32_t n = w->churn[0].n;
	unsigned in = 0;
	uint64_t begin;

	panic_unless(thread_pin(w->core) == 0);
	atomic_store(&w->started, true);
	begin = clock_cycles();
	while (in != 0 || !atomic_load_explicit(&w->stop, memory_order_relaxed)) {
		for (uint32_t at = 0; at < n; at += BURST) {
			const struct keys out = keys_slice(&w->churn[in], at, BURST);
			const struct keys next = keys_slice(&w->churn[1 - in], at, BURST);

			w->c->remove(w->table, &out);
			w->refused += BURST - w->c->insert(w->table, &next);
		}
		w->pairs += n;
		in = 1 - in;
	}
	w->ns = (double)(clock_cycles() - begin) / cycles_per_ns();
	return NULL;
}

/* Millions of keys per second; each result is compared with what it should be. */
static double
read_round(struct beside *b, const struct entrant *e, unsigned round)
{
	uint64_t keys = 0, cycles = clock_cycles();
	const uint64_t end = cycles + (uint64_t)(ROUND_NS * cycles_per_ns());
	uint32_t at = round * (b->stream.n / 8) % b->stream.n;

	while (clock_cycles() < end) {
		keys_hand(&b->hand, &b->stream, at, HAND_KEYS, e->c->forms | KEY_NUMBER);
		at = (at + HAND_KEYS) % b->stream.n;
		for (uint32_t burst = 0; burst < HAND_KEYS; burst += BURST) {
			const struct keys k = keys_slice(&b->hand, burst, BURST);
			uint32_t numbers[BURST];

			e->c->find(e->table, &k, numbers);
			for (uint32_t i = 0; i < BURST; i++)
				b->wrong += numbers[i] != k.numbers[i];
			grace_report(0);
		}
		keys += HAND_KEYS;
	}
	cycles = clock_cycles() - cycles;
	return (double)keys * 1e3 / ((double)cycles / cycles_per_ns());
}

/* The same beside a writer on `table`; *written is its rate in millions of pairs per second. The
 * writer completes its pass while this thread goes on reporting: its slots wait for that. */
static double
read_beside(struct beside *b, const struct entrant *e, void *table, unsigned round, double *written)
{
	struct writer w = { .c = e->c, .table = table, .churn = b->churn, .core = b->core };
	pthread_t thread;
	double rate;

	panic_unless(pthread_create(&thread, NULL, writer_run, &w) == 0);
	while (!atomic_load(&w.started))
		grace_report(0);
	rate = read_round(b, e, round);
	atomic_store(&w.stop, true);
	while (pthread_tryjoin_np(thread, NULL) != 0)
		grace_report(0);
	b->refused += w.refused;
	*written = (double)w.pairs * 1e3 / w.ns;
	return rate;
}

static void
beside_prepare(struct beside *b, uint32_t flows)
{
	const uint32_t half = flows / 2;
	const struct mixture m = { half, FAMILY_IPV4, 0, 100 };
	const uint32_t n = (half < CHURN_KEYS ? half : CHURN_KEYS) / BURST * BURST;

	b->stream = keys_make(STREAM_KEYS, FAMILY_IPV4);
	b->hand = keys_make(HAND_KEYS, FAMILY_IPV4);
	keys_draw(&b->stream, &m, flows);
	for (unsigned side = 0; side < 2; side++) {
		b->churn[side] = keys_make(n, FAMILY_IPV4);
		for (uint32_t i = 0; i < n; i++)
			keys_set(&b->churn[side], i, FAMILY_IPV4,
				 half + side * flows + (uint32_t)(i * 2147483647ull % half));
	}
}

struct beside_samples {
	double alone[ROUNDS_MAX], other[ROUNDS_MAX], same[ROUNDS_MAX];
	double written[ROUNDS_MAX];
	double loss_other[ROUNDS_MAX], loss_same[ROUNDS_MAX];
};

static void
beside_report(const struct bench *b, const struct entrant *e, uint32_t flows,
	      const struct beside_samples *s)
{
	const struct {
		const char *work;
		enum unit unit;
		const double *samples;
	} rows[] = {
		{ "reader alone", UNIT_MILLIONS, s->alone },
		{ "reader, writer on a table of its own", UNIT_MILLIONS, s->other },
		{ "reader, writer on the same table", UNIT_MILLIONS, s->same },
		{ "writer on the same table, pairs", UNIT_MILLIONS, s->written },
		{ "reader's loss, table of its own", UNIT_PERCENT, s->loss_other },
		{ "reader's loss, same table", UNIT_PERCENT, s->loss_same },
	};

	for (unsigned i = 0; i < array_length(rows); i++)
		report_figure(
			b,
			&(struct group){ "beside", rows[i].work, flows, FAMILY_IPV4, rows[i].unit },
			e->c->name, rows[i].samples);
}

static void
beside_size(struct bench *b, uint32_t flows)
{
	struct entrant entrants[CONTENDERS_MAX], others[CONTENDERS_MAX];
	const unsigned n = entrants_make(b, flows, FAMILY_IPV4, contender_has_readers, entrants);
	struct beside_samples *samples = calloc(n, sizeof(*samples));
	struct beside work = { .core = b->other };

	panic_unless(samples != NULL || n == 0);
	entrants_make(b, flows, FAMILY_IPV4, contender_has_readers, others);
	beside_prepare(&work, flows);
	for (unsigned round = 0; round < b->rounds; round++) {
		for (unsigned i = 0; i < n; i++) {
			struct beside_samples *s = &samples[i];
			double ignored;

			s->alone[round] = read_round(&work, &entrants[i], round);
			s->other[round] =
				read_beside(&work, &entrants[i], others[i].table, round, &ignored);
			s->same[round] = read_beside(&work, &entrants[i], entrants[i].table, round,
						     &s->written[round]);
			s->loss_other[round] = 100 - 100 * s->other[round] / s->alone[round];
			s->loss_same[round] = 100 - 100 * s->same[round] / s->alone[round];
		}
	}
	for (unsigned i = 0; i < n; i++)
		beside_report(b, &entrants[i], flows, &samples[i]);
	report_note("  wrong or missing: %ju; insertions refused for lack of free places: %ju",
		    (uintmax_t)work.wrong, (uintmax_t)work.refused);
	b->wrong += work.wrong;
	keys_free(&work.stream);
	keys_free(&work.hand);
	keys_free(&work.churn[0]);
	keys_free(&work.churn[1]);
	entrants_free(entrants, n);
	entrants_free(others, n);
	free(samples);
}

void
section_beside(struct bench *b)
{
	if (b->other == b->core) {
		report_note("\nbeside: left out, this machine has one core");
		return;
	}
	sizes_run(b, FLOWS_DEFAULT, beside_size);
}
