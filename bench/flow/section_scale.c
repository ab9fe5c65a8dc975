/* SPDX-License-Identifier: BSD-3-Clause */
/* section_scale.c: one shard per core: how the rate grows with the cores at work. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdio.h>
#include <unistd.h>

#include "bench/flow/report.h"
#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/clock.h"

#define FLOWS_DEFAULT 1000000u /* of each core */
#define STREAM_KEYS   (1u << 21)
#define ROUND_NS      100000000.0
#define CORES_MAX     32u

struct shard {
	const struct contender *c;
	void *table;
	const struct keys *stream;
	unsigned core, first; /* where in the stream it begins */
	_Atomic unsigned *ready;
	unsigned all;
	double rate; /* millions of keys per second */
	uint64_t wrong;
};

static void *
shard_run(void *context)
{
	struct shard *s = context;
	uint64_t keys = 0, begin, end;
	struct keys hand = keys_make(HAND_KEYS, FAMILY_IPV4);
	uint32_t at = s->first;

	panic_unless(thread_pin(s->core) == 0);
	atomic_fetch_add(s->ready, 1);
	while (atomic_load(s->ready) < s->all)
		;
	begin = clock_cycles();
	end = begin + (uint64_t)(ROUND_NS * cycles_per_ns());
	while (clock_cycles() < end) {
		keys_hand(&hand, s->stream, at, HAND_KEYS, s->c->forms);
		s->wrong += HAND_KEYS - s->c->update(s->table, &hand, 1);
		keys += HAND_KEYS;
		at = (at + HAND_KEYS) % s->stream->n;
	}
	s->rate = (double)keys * 1e3 / ((double)(clock_cycles() - begin) / cycles_per_ns());
	keys_free(&hand);
	return NULL;
}

/* The sum of the rates of `cores` shards at once; the main thread only waits. */
static double
scale_round(struct shard *shards, unsigned cores, uint64_t *wrong)
{
	_Atomic unsigned ready = 0;
	pthread_t threads[CORES_MAX];
	double rate = 0;

	for (unsigned i = 0; i < cores; i++) {
		shards[i].ready = &ready;
		shards[i].all = cores;
		shards[i].wrong = 0;
		panic_unless(pthread_create(&threads[i], NULL, shard_run, &shards[i]) == 0);
	}
	for (unsigned i = 0; i < cores; i++) {
		pthread_join(threads[i], NULL);
		rate += shards[i].rate;
		*wrong += shards[i].wrong;
	}
	return rate;
}

static void
scale_contender(struct bench *b, const struct contender *c, uint32_t flows,
		const struct keys *stream, unsigned cores)
{
	struct shard shards[CORES_MAX] = { 0 };
	double samples[CORES_MAX][ROUNDS_MAX];
	uint64_t wrong = 0;

	for (unsigned i = 0; i < cores; i++) {
		shards[i] = (struct shard){ .c = c,
					    .table = c->create(flows, FAMILY_IPV4),
					    .stream = stream,
					    .core = i,
					    .first = i * (stream->n / CORES_MAX) };
		if (!c->is_limit)
			table_fill(c, shards[i].table, FAMILY_IPV4, 0, flows);
	}
	for (unsigned round = 0; round < b->rounds; round++)
		for (unsigned n = 1; n <= cores; n++)
			samples[n - 1][round] = scale_round(shards, n, &wrong);
	for (unsigned n = 1; n <= cores; n++) {
		char work[64];

		snprintf(work, sizeof(work), "lookup and update, %u core%s", n, n > 1 ? "s" : "");
		report_figure(b,
			      &(struct group){ "scale", work, flows, FAMILY_IPV4, UNIT_MILLIONS },
			      c->name, samples[n - 1]);
	}
	if (wrong != 0)
		report_note("  WRONG: %ju results", (uintmax_t)wrong);
	b->wrong += wrong;
	for (unsigned i = 0; i < cores; i++)
		c->destroy(shards[i].table);
}

static void
scale_size(struct bench *b, uint32_t flows)
{
	const long online = sysconf(_SC_NPROCESSORS_ONLN);
	const unsigned cores = online > (long)CORES_MAX ? CORES_MAX : (unsigned)online;
	const struct mixture m = { flows, FAMILY_IPV4, 0, 100 };
	struct keys stream = keys_make(STREAM_KEYS, FAMILY_IPV4);

	keys_draw(&stream, &m, flows);
	for (unsigned i = 0; i < b->contenders_count; i++)
		if (b->contenders[i]->readers || b->contenders[i] == &contender_carried ||
		    b->contenders[i] == &limit_line)
			scale_contender(b, b->contenders[i], flows, &stream, cores);
	keys_free(&stream);
}

void
section_scale(struct bench *b)
{
	sizes_run(b, FLOWS_DEFAULT, scale_size);
}
