/* SPDX-License-Identifier: BSD-3-Clause */
/* test_flow_readers.c: one writer and two readers on one flow table, for the thread sanitizer and
 * for the eye. */
#include <pthread.h>
#include <sched.h>
#include <stdio.h>

#include "common/base/check.h"
#include "tests/flow_keys.h"
#include "tests/random.h"

#define READERS      2
#define STABLE       120
#define CHURNED      240
#define WRITER_STEPS 40000u
#define ROUNDS_MIN   500u /* of each reader, however fast the writer is */
#define PERIODS_MIN  400u /* of grace, so that slots are reused many times */
#define REUSES_MIN   10u  /* of some slot */

struct reader {
	alignas(CACHE_LINE) _Atomic uint32_t seen; /* grace period it last passed in between work */
	_Atomic uint32_t rounds;
	pthread_t thread;
	uint64_t seed;
	uint32_t found, missed, walked; /* churned keys met and not met; entries walked over */
	const char *_Atomic complaint;  /* what went wrong first; NULL: nothing */
};

static struct flow_table *table;
static struct flow_key stable[STABLE], churned[CHURNED];
static struct reader readers[READERS];
static _Atomic uint32_t period; /* of grace; written by the writer */
static _Atomic bool done;

/* What the writer stores beside each key, so that a reader can tell whose value it reads. */
static uint32_t
mark_of(const struct flow_key *k)
{
	return (uint32_t)flow_hash(&test_secret, k) | 1;
}

static void
reader_complain(struct reader *r, const char *what)
{
	/* Relaxed: read after the thread was joined. */
	if (atomic_load_explicit(&r->complaint, memory_order_relaxed) == NULL)
		atomic_store_explicit(&r->complaint, what, memory_order_relaxed);
}

/* A found entry holds the key that was asked for, and no other flow's mark, until the reader lets
 * go of it (F3, F5). A mark of 0 is an entry just made. */
static void
reader_check(struct reader *r, const struct flow_key *k, uint32_t index)
{
	const struct flow_entry *e = flow_entry_at(table, index);
	const uint32_t mark = atomic_load_explicit(&e->epoch, memory_order_relaxed);

	if (memcmp(&e->key, k, sizeof(*k)) != 0)
		reader_complain(r, "a key changed under its reader");
	if (mark != 0 && mark != mark_of(k))
		reader_complain(r, "a value of another flow");
}

static void
reader_each(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	const uint32_t mark = atomic_load_explicit(&e->epoch, memory_order_relaxed);
	const uint64_t bytes = atomic_load_explicit(&d->totals[0], memory_order_relaxed);
	struct reader *r = context;

	r->walked++;
	if (mark != mark_of(&e->key))
		reader_complain(r, "a dump shows a torn entry");
	if (bytes != (uint64_t)mark_of(&e->key) << 32)
		reader_complain(r, "a dump shows a torn detail");
}

static void
reader_burst(struct reader *r, struct random *random)
{
	struct flow_key keys[BURST_MAX];
	uint64_t hashes[BURST_MAX];
	uint32_t found[BURST_MAX];

	/* Even places ask for stable keys, odd ones for churned ones. */
	for (unsigned i = 0; i < BURST_MAX; i++) {
		keys[i] = i % 2 == 0 ? stable[random_below(random, STABLE)]
				     : churned[random_below(random, CHURNED)];
		hashes[i] = flow_hash(&test_secret, &keys[i]);
	}
	flow_lookup_burst(table, keys, hashes, found, BURST_MAX);
	for (unsigned i = 0; i < BURST_MAX; i++) {
		if (found[i] != FLOW_NONE)
			reader_check(r, &keys[i], found[i]);
		else if (i % 2 == 0)
			reader_complain(r, "a present key was missed");
		else
			r->missed++;
		r->found += i % 2 == 1 && found[i] != FLOW_NONE;
	}
}

static void *
reader_run(void *context)
{
	struct reader *r = context;
	struct random random = { r->seed };
	uint32_t cursor = 0;

	/* Acquire: pairs with the release at the writer's end; nothing depends on it but the end.
	 */
	while (!atomic_load_explicit(&done, memory_order_acquire)) {
		reader_burst(r, &random);
		if (!flow_each(table, &cursor, 100, reader_each, r))
			cursor = 0;
		/* Acquire: what was deleted before this period began is not met afterwards.
		 * Release: what was read so far was read before. Pair with writer_grace(). */
		atomic_store_explicit(&r->seen, atomic_load_explicit(&period, memory_order_acquire),
				      memory_order_release);
		atomic_fetch_add_explicit(&r->rounds, 1, memory_order_relaxed);
	}
	return NULL;
}

/* Closes a batch and starts a grace period, or frees the closed one when all passed. It waits for
 * nobody, but offers its core: there may be more threads than cores.
 * The release and acquire pair with reader_run(). */
static void
writer_grace(uint32_t *now)
{
	if (!flow_limbo_closed(table)) {
		if (flow_limbo_close(table) > 0)
			atomic_store_explicit(&period, ++*now, memory_order_release);
		return;
	}
	for (unsigned i = 0; i < READERS; i++) {
		if (atomic_load_explicit(&readers[i].seen, memory_order_acquire) != *now) {
			sched_yield();
			return;
		}
	}
	flow_limbo_free(table);
}

static bool
writer_insert(const struct flow_key *k)
{
	uint32_t index;
	bool created;

	if (flow_insert(table, k, flow_hash(&test_secret, k), &index, &created) != 0 || !created)
		return false; /* limbo holds all slots in reach (F4) */
	atomic_store_explicit(&flow_detail_at(table, index)->totals[0], (uint64_t)mark_of(k) << 32,
			      memory_order_relaxed);
	flow_entry_show(flow_entry_at(table, index), mark_of(k));
	return true;
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
	struct random random = { seed };
	uint32_t now = 0;

	for (uint32_t step = 0; step < WRITER_STEPS || now < PERIODS_MIN || !readers_have_worked();
	     step++) {
		const struct flow_key *k = &churned[random_below(&random, CHURNED)];
		const uint32_t index = flow_lookup(table, k, flow_hash(&test_secret, k));

		if (index == FLOW_NONE)
			writer_insert(k);
		else
			flow_delete(table, index);
		if (step % 8 == 0)
			writer_grace(&now);
	}
}

/* All keys crowd eight buckets and spill over, so that stable keys lie behind churned ones. */
static void
keys_make(void)
{
	uint32_t n = 0;

	for (unsigned i = 0; i < CHURNED; i++) {
		churned[i] = flow_key_of_home(table, 20 + i % 8, &n);
		panic_unless(writer_insert(&churned[i]));
		if (i % 2 == 0) {
			stable[i / 2] = flow_key_of_home(table, 20 + i / 2 % 8, &n);
			panic_unless(writer_insert(&stable[i / 2]));
		}
	}
}

/* Goal: F2, F3, F5: a key that is present is never missed, a found entry is never torn nor another
 * flow's, while the table changes as fast as it can; slots are reused all the time.
 * Method: one writer deletes and inserts at random among stable keys; two readers look up bursts
 * and dump; grace periods are a counter and its echoes. It ends by steps, not by time. */
int
main(void)
{
	const struct flow_table_options options = { .capacity = FLOW_CAPACITY_MIN,
						    .numa_node = -1,
						    .secret = test_secret };
	const uint64_t seed = random_seed();
	uint32_t generations = 0;
	bool passed;

	printf("seed %llu\n", (unsigned long long)seed);
	panic_unless(flow_table_create(&options, &table) == 0);
	keys_make();
	for (unsigned i = 0; i < READERS; i++) {
		readers[i].seed = seed + 1 + i;
		panic_unless(pthread_create(&readers[i].thread, NULL, reader_run, &readers[i]) ==
			     0);
	}
	writer_run(seed);
	atomic_store_explicit(&done, true, memory_order_release);
	for (uint32_t i = 0; i < flow_slots(table); i++) {
		if (flow_entry_at(table, i)->generation > generations)
			generations = flow_entry_at(table, i)->generation;
	}
	passed = generations > REUSES_MIN;
	for (unsigned i = 0; i < READERS; i++) {
		const struct reader *r = &readers[i];

		pthread_join(r->thread, NULL);
		printf("reader %u: %u found, %u missed, %u walked; %s\n", i, r->found, r->missed,
		       r->walked, r->complaint != NULL ? r->complaint : "no complaint");
		passed &= r->complaint == NULL && r->found > 0 && r->missed > 0 && r->walked > 0;
	}
	printf("a slot had up to %u lives\n", generations);
	flow_table_destroy(table);
	return passed ? EXIT_SUCCESS : EXIT_FAILURE;
}
