/* SPDX-License-Identifier: BSD-3-Clause */
/* test_connect_readers.c: control and two workers on one table of connected sockets, for the thread
 * sanitizer and for the eye. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/seq.h"
#include "dataplane/connect/connect.h"
#include "tests/flow_keys.h"
#include "tests/random.h"

#define READERS      2
#define PAIRS        48u
#define ENDS         (2 * PAIRS) /* both ends of a pair are ours */
#define WRITER_STEPS 60000u
#define ROUNDS_MIN   2000u /* of each reader, however fast the writer is */

struct reader {
	alignas(CACHE_LINE) _Atomic uint32_t seen; /* grace period it last passed in between work */
	_Atomic uint32_t rounds;
	pthread_t thread;
	uint64_t seed;
	uint32_t found, missed;
	const char *complaint;            /* what went wrong first; NULL: nothing */
	struct connect_holder last[ENDS]; /* as found the last time */
};

static struct connect_table *table;
static struct flow_key pairs[PAIRS];
static struct reader readers[READERS];
static _Atomic uint32_t period; /* of grace; written by the writer */
static _Atomic bool done;

/* A holder's port says which end it has, and which of that end's sockets it is: so an id of one
 * socket beside the port of another shows. */
static void
reader_check(struct reader *r, uint32_t end, const struct connect_holder *h)
{
	struct connect_holder *last = &r->last[end];

	if (port_ref_id(h->port) != end)
		r->complaint = "another end's port";
	if (h->id == last->id ? h->port != last->port : h->port == last->port)
		r->complaint = "one socket's id with another's port";
	if (last->id != 0 && seq_before(h->id << 1, last->id << 1))
		r->complaint = "a socket came back";
	*last = *h;
}

static void *
reader_run(void *context)
{
	struct reader *r = context;
	struct random random = { r->seed };

	/* Acquire: pairs with the release at the writer's end; nothing depends on it but the end.
	 */
	while (!atomic_load_explicit(&done, memory_order_acquire)) {
		for (unsigned i = 0; i < 64; i++) {
			const uint32_t end = random_below(&random, ENDS);
			const struct flow_key *key = &pairs[end / 2];
			struct connect_holder h;

			if (connect_find(table, key, flow_hash(&test_secret, key), end % 2, &h)) {
				reader_check(r, end, &h);
				r->found++;
			} else {
				r->missed++;
			}
		}
		/* Acquire and release as a worker's report of a quiescent point: they pair with
		 * writer_grace(). */
		atomic_store_explicit(&r->seen, atomic_load_explicit(&period, memory_order_acquire),
				      memory_order_release);
		atomic_fetch_add_explicit(&r->rounds, 1, memory_order_relaxed);
	}
	return NULL;
}

/* Closes a batch and starts a grace period, or frees the closed one when all passed. */
static void
writer_grace(uint32_t *now)
{
	if (!connect_limbo_closed(table)) {
		if (connect_limbo_close(table))
			atomic_store_explicit(&period, ++*now, memory_order_release);
		return;
	}
	for (unsigned i = 0; i < READERS; i++) {
		if (atomic_load_explicit(&readers[i].seen, memory_order_acquire) != *now) {
			sched_yield();
			return;
		}
	}
	connect_limbo_free(table);
}

static bool
readers_have_worked(void)
{
	for (unsigned i = 0; i < READERS; i++) {
		if (atomic_load_explicit(&readers[i].rounds, memory_order_relaxed) < ROUNDS_MIN)
			return false;
	}
	return true;
}

static void
writer_run(uint64_t seed)
{
	uint32_t ids[ENDS] = { 0 }, opened[ENDS] = { 0 }, now = 0;
	struct random random = { seed };

	for (uint32_t step = 0; step < WRITER_STEPS || !readers_have_worked(); step++) {
		const uint32_t end = random_below(&random, ENDS);
		const struct flow_key *key = &pairs[end / 2];
		struct connect_request q = { .key = end % 2 == 0 ? *key : flow_key_reverse(key) };
		struct connect_opened o;

		if (ids[end] != 0) {
			connect_close(table, ids[end], 0);
			ids[end] = 0;
		} else {
			q.port = port_ref_make((uint16_t)end,
					       (uint16_t)(1 + opened[end]++ % UINT16_MAX));
			/* Limbo may hold all slots in reach. */
			if (connect_open(table, &q, &o) == 0)
				ids[end] = o.id;
		}
		if (step % 8 == 0)
			writer_grace(&now);
	}
}

/* Goal: a worker that finds a holder finds one socket's id and port, that of the pair and end it
 * asked for, and never one that was followed by another (K1, K3), while both ends of few pairs open
 * and close as fast as they can and slots are reused. Method: one writer, two readers; grace
 * periods are a counter and its echoes. It ends by steps, not by time. */
int
main(void)
{
	const struct connect_options options = { .capacity = FLOW_CAPACITY_MIN,
						 .workers = 2,
						 .secret = test_secret };
	const uint64_t seed = random_seed();
	bool passed = true;

	printf("seed %llu\n", (unsigned long long)seed);
	panic_unless(connect_table_create(&options, &table) == 0);
	for (uint32_t i = 0; i < PAIRS; i++) {
		pairs[i] = flow_key_number(2 * i);
		pairs[i].port[1] = 80;
	}
	for (unsigned i = 0; i < READERS; i++) {
		readers[i].seed = seed + 1 + i;
		panic_unless(pthread_create(&readers[i].thread, NULL, reader_run, &readers[i]) ==
			     0);
	}
	writer_run(seed);
	atomic_store_explicit(&done, true, memory_order_release);
	for (unsigned i = 0; i < READERS; i++) {
		const struct reader *r = &readers[i];

		pthread_join(r->thread, NULL);
		printf("reader %u: %u found, %u missed; %s\n", i, r->found, r->missed,
		       r->complaint != NULL ? r->complaint : "no complaint");
		passed &= r->complaint == NULL && r->found > 0 && r->missed > 0;
	}
	connect_table_destroy(table);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
