/* SPDX-License-Identifier: BSD-3-Clause */
/* test_flow.c: the flow table: layout, refusals, probes, limbo, handles, expiry. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>

#include "common/base/check.h"
#include "dataplane/flow/flow_code.h"
#include "dataplane/flow/flow_priv.h"
#include "tests/flow_keys.h"
#include "tests/random.h"

static struct flow_table *
table_make(uint32_t capacity)
{
	const struct flow_table_options options = {
		.capacity = capacity, .worker = 5, .numa_node = -1, .secret = test_secret
	};
	struct flow_table *t = NULL;

	cr_assert(eq(int, flow_table_create(&options, &t), 0));
	return t;
}

static uint32_t
find(const struct flow_table *t, const struct flow_key *k)
{
	return flow_lookup(t, k, flow_hash(&test_secret, k));
}

static uint32_t
find_number(const struct flow_table *t, uint32_t n)
{
	const struct flow_key k = flow_key_number(n);

	return find(t, &k);
}

/* Inserts a key that is not there. */
static uint32_t
insert(struct flow_table *t, const struct flow_key *k)
{
	uint32_t index = FLOW_NONE;
	bool created = false;

	cr_assert(eq(int, flow_insert(t, k, flow_hash(&test_secret, k), &index, &created), 0));
	cr_assert(created);
	return index;
}

static void
limbo_flush(struct flow_table *t)
{
	while (flow_limbo_close(t) > 0)
		flow_limbo_free(t);
}

/* Goal: what the rest relies on in memory is so. Method: offsets and sizes; the size of a table
 * does not pass what flow_table_bytes() says, and holds the capacity at 86 % load, in 160 bytes
 * each. */
Test(flow, layout)
{
	struct flow_table *t = table_make(100000);

	cr_expect(eq(sz, sizeof(struct flow_bucket), 64));
	cr_expect(eq(sz, sizeof(struct flow_entry), 64));
	cr_expect(eq(sz, sizeof(struct flow_detail), 64));
	cr_expect(lt(sz, offsetof(struct flow_key, family), 16));
	cr_expect(eq(sz, (uintptr_t)flow_entry_at(t, 1) % 64, 0));
	cr_expect(eq(sz, (uintptr_t)flow_detail_at(t, 1) % 64, 0));
	cr_expect(eq(u32, flow_slots(t) % FLOW_BUCKET_SLOTS, 0));
	cr_expect(ge(u32, flow_slots(t), 100000 / 6 * 7));
	cr_expect(le(u32, flow_slots(t), 100000 / 6 * 7 + 2 * FLOW_BUCKET_SLOTS));
	cr_expect(le(u64, (uint64_t)((uint8_t *)(t->limbo + t->slots) - (uint8_t *)t),
		     flow_table_bytes(100000)));
	cr_expect(eq(u64, t->bytes, flow_table_bytes(100000)));
	cr_expect(eq(u32, flow_slots(t), flow_slots_for(100000)));
	cr_expect(gt(u64, flow_table_bytes(FLOW_CAPACITY_MAX), 1ull << 34));
	cr_expect(le(u64, flow_table_bytes(10000000), 160 * 10000000ull));
	flow_table_destroy(t);
	flow_table_destroy(NULL);
}

/* Goal: options out of range are refused and nothing is written. Method: a table of them. */
Test(flow, refuses_bad_options)
{
	static const struct flow_table_options bad[] = {
		{ .capacity = FLOW_CAPACITY_MIN - 1, .numa_node = -1 },
		{ .capacity = FLOW_CAPACITY_MAX + 1, .numa_node = -1 },
		{ .capacity = 0, .numa_node = -1 },
		{ .capacity = UINT32_MAX, .numa_node = -1 },
		{ .capacity = FLOW_CAPACITY_MIN, .worker = WORKERS_MAX, .numa_node = -1 },
		{ .capacity = FLOW_CAPACITY_MIN, .numa_node = -2 },
	};

	for (unsigned i = 0; i < array_length(bad); i++) {
		struct flow_table *t = NULL;

		cr_expect(eq(int, flow_table_create(&bad[i], &t), -EINVAL), "case %u", i);
		cr_expect(t == NULL);
	}
}

/* Goal: node 0, which every machine has or does not care about, is accepted. Method: create. */
Test(flow, places_on_a_node)
{
	const struct flow_table_options options = { .capacity = 50000, .numa_node = 0 };
	struct flow_table *t = NULL;

	cr_assert(eq(int, flow_table_create(&options, &t), 0));
	cr_expect(eq(u32, flow_count(t), 0));
	flow_table_destroy(t);
}

/* Goal: the vector form of the tag match equals the portable one, and both what a loop finds.
 * Method: random buckets with few different tags, ends of the range included. */
Test(flow, tag_matches_agree)
{
	static const uint16_t tags[] = { 0, 1, 0x7fff, 0x8000, 0x8001, 0xfffe, 0xffff, 0x0100 };
	const uint64_t seed = random_seed();
	struct random r = { seed };
	struct flow_bucket b;

	for (unsigned round = 0; round < 20000; round++) {
		uint16_t slots[32];

		for (unsigned i = 0; i < 32; i++)
			slots[i] = tags[random_below(&r, array_length(tags))];
		memcpy(&b, slots, sizeof(b));
		for (unsigned i = 0; i < array_length(tags); i++) {
			uint32_t expected = 0;

			for (unsigned s = 0; s < FLOW_BUCKET_SLOTS; s++)
				expected |= (uint32_t)(slots[s] == tags[i]) << s;
			cr_assert(eq(u32, bucket_match_portable(&b, tags[i]), expected), "seed %lu",
				  seed);
			cr_assert(eq(u32, bucket_match(&b, tags[i]), expected), "seed %lu", seed);
		}
	}
}

/* Goal: one entry per key: inserting again finds it, fresh fields are zero. Method: insert twice,
 * as two first packets of one burst do; then look up a burst that holds the key twice. */
Test(flow, two_first_packets_make_one_entry)
{
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	const struct flow_key keys[3] = { flow_key_number(8), flow_key_number(9),
					  flow_key_number(8) };
	uint64_t hashes[3];
	uint32_t indices[3];
	const uint32_t index = insert(t, &keys[0]);
	const struct flow_entry *e = flow_entry_at(t, index);
	uint32_t again = FLOW_NONE;
	bool created = true;

	for (unsigned i = 0; i < 3; i++)
		hashes[i] = flow_hash(&test_secret, &keys[i]);
	cr_assert(eq(int, flow_insert(t, &keys[2], hashes[2], &again, &created), 0));
	cr_expect(not(created));
	cr_expect(eq(u32, again, index));
	cr_expect(eq(u32, flow_count(t), 1));
	flow_lookup_burst(t, keys, hashes, indices, 3);
	cr_expect(eq(u32, indices[0], index));
	cr_expect(eq(u32, indices[1], FLOW_NONE));
	cr_expect(eq(u32, indices[2], index));
	cr_expect(eq(int, memcmp(&e->key, &keys[0], sizeof(e->key)), 0));
	cr_expect(eq(int, e->generation, 1));
	cr_expect(eq(u32, e->last_seen_ms | e->port | e->binding | e->epoch, 0));
	cr_expect(eq(u64, e->word, 0));
	flow_lookup_burst(t, keys, hashes, indices, 0);
	flow_table_destroy(t);
}

/* Goal: `capacity` entries fit, one more is refused though slots are left, and room comes back at
 * once with a deletion. Method: fill by numbers. */
Test(flow, holds_its_capacity)
{
	struct flow_table *t = table_make(20000);
	struct flow_key extra = flow_key_number(50000);
	uint32_t index = 77;
	bool created = true;

	for (uint32_t i = 0; i < 20000; i++) {
		const struct flow_key k = flow_key_number(i);

		insert(t, &k);
	}
	cr_expect(eq(u32, flow_count(t), 20000));
	cr_expect(eq(int, flow_insert(t, &extra, flow_hash(&test_secret, &extra), &index, &created),
		     -ENOSPC));
	cr_expect(eq(u32, index, 77));
	for (uint32_t i = 0; i < 20000; i++) {
		const struct flow_key k = flow_key_number(i);

		cr_assert(ne(u32, find(t, &k), FLOW_NONE), "key %u", i);
	}
	flow_delete(t, find_number(t, 3));
	insert(t, &extra);
	cr_expect(eq(u32, flow_count(t), 20000));
	flow_table_destroy(t);
}

static uint32_t
overflow_sum(const struct flow_table *t)
{
	uint32_t sum = 0;

	for (uint32_t b = 0; b < t->buckets_count; b++)
		sum += t->buckets[b].overflow;
	return sum;
}

/* Goal: F4: keys of one bucket spill over at most FLOW_PROBES_MAX buckets, across the table's end,
 * then are refused; all stay findable; overflow counts return to 0 when all are gone.
 * Method: crowd the last bucket; delete in another order; check counts through the private view. */
Test(flow, bounds_its_probes)
{
	enum { FIT = FLOW_PROBES_MAX * FLOW_BUCKET_SLOTS };
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	const uint32_t home = t->buckets_count - 1;
	struct flow_key keys[FIT + 1];
	uint64_t hash;
	uint32_t n = 0, index = 0;
	bool created;

	for (unsigned i = 0; i <= FIT; i++)
		keys[i] = flow_key_of_home(t, home, &n);
	for (unsigned i = 0; i < FIT; i++)
		insert(t, &keys[i]);
	hash = flow_hash(&test_secret, &keys[FIT]);
	cr_expect(eq(int, flow_insert(t, &keys[FIT], hash, &index, &created), -ENOSPC));
	cr_expect(eq(u32, find(t, &keys[FIT]), FLOW_NONE));
	/* The keys of the k-th bucket passed k buckets. */
	cr_expect(eq(u32, overflow_sum(t),
		     FLOW_BUCKET_SLOTS * FLOW_PROBES_MAX * (FLOW_PROBES_MAX - 1) / 2));
	for (unsigned i = 0; i < FIT; i++)
		cr_assert(ne(u32, find(t, &keys[i]), FLOW_NONE), "key %u", i);
	for (unsigned i = 0; i < FIT; i++) {
		const unsigned k = i * 13 % FIT;

		flow_delete(t, find(t, &keys[k]));
		cr_assert(eq(u32, find(t, &keys[k]), FLOW_NONE));
	}
	cr_expect(eq(u32, overflow_sum(t), 0));
	cr_expect(eq(u32, flow_count(t), 0));
	/* All slots in reach are in limbo. */
	cr_expect(eq(int, flow_insert(t, &keys[FIT], hash, &index, &created), -ENOSPC));
	limbo_flush(t);
	cr_expect(eq(u32, insert(t, &keys[FIT]) / FLOW_BUCKET_SLOTS, home));
	flow_table_destroy(t);
}

/* Goal: keys with equal bucket and equal tag are told apart, in bursts too. Method: four keys of
 * one bucket whose tags are made equal by hand (a deletion would notice, a lookup cannot); insert
 * three of them. */
Test(flow, tells_equal_tags_apart)
{
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	struct flow_key keys[4];
	uint64_t hashes[4];
	uint32_t indices[4];
	uint32_t n = 0;

	for (unsigned i = 0; i < 4; i++) {
		keys[i] = flow_key_of_home(t, 3, &n);
		hashes[i] = (flow_hash(&test_secret, &keys[i]) & ~(uint64_t)UINT16_MAX) | 0x1234;
	}
	for (unsigned i = 0; i < 3; i++) {
		bool created;

		cr_assert(eq(int, flow_insert(t, &keys[i], hashes[i], &indices[i], &created), 0));
		cr_assert(created);
	}
	flow_lookup_burst(t, keys, hashes, indices, 4);
	for (unsigned i = 0; i < 3; i++)
		cr_expect(eq(int,
			     memcmp(&flow_entry_at(t, indices[i])->key, &keys[i], sizeof(keys[i])),
			     0));
	cr_expect(eq(u32, indices[3], FLOW_NONE));
	flow_table_destroy(t);
}

/* Goal: F3: a deleted slot is not used again before its batch is closed and freed, its memory stays
 * as it was, and its key gets another slot meanwhile. Method: delete, insert, close, free. */
Test(flow, limbo_keeps_slots)
{
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	const struct flow_key k = flow_key_number(1);
	const uint32_t first = insert(t, &k);
	uint32_t second, third;

	cr_expect(eq(u32, flow_limbo_close(t), 0));
	cr_expect(not(flow_limbo_closed(t)));
	flow_delete(t, first);
	cr_expect(eq(u32, find(t, &k), FLOW_NONE));
	cr_expect(eq(int, memcmp(&flow_entry_at(t, first)->key, &k, sizeof(k)), 0));
	second = insert(t, &k);
	cr_expect(ne(u32, second, first));
	cr_expect(eq(u32, flow_limbo_close(t), 1));
	cr_expect(flow_limbo_closed(t));
	flow_delete(t, second);
	cr_expect(eq(u32, flow_limbo_close(t), 0));
	third = insert(t, &k);
	cr_expect(ne(u32, third, first));
	cr_expect(ne(u32, third, second));
	flow_limbo_free(t);
	cr_expect(not(flow_limbo_closed(t)));
	flow_delete(t, third);
	cr_expect(eq(u32, insert(t, &k), first));
	cr_expect(eq(u32, flow_limbo_close(t), 2));
	flow_limbo_free(t);
	flow_limbo_free(t);
	cr_expect(eq(u32, flow_limbo_close(t), 0));
	flow_table_destroy(t);
}

/* Goal: freeing is bounded per call and loses nothing; the ring of deleted slots wraps.
 * Method: empty a table of more than two batches several times over. */
Test(flow, limbo_batches_are_bounded)
{
	enum { KEYS = 2 * FLOW_LIMBO_BATCH_MAX + 100 };
	struct flow_table *t = table_make(KEYS);

	for (unsigned round = 0; round < 5; round++) {
		for (uint32_t i = 0; i < KEYS; i++) {
			const struct flow_key k = flow_key_number(i);

			insert(t, &k);
		}
		for (uint32_t i = 0; i < KEYS; i++) {
			const struct flow_key k = flow_key_number(i);

			flow_delete(t, find(t, &k));
		}
		cr_expect(eq(u32, flow_limbo_close(t), FLOW_LIMBO_BATCH_MAX));
		flow_limbo_free(t);
		cr_expect(eq(u32, flow_limbo_close(t), FLOW_LIMBO_BATCH_MAX));
		flow_limbo_free(t);
		cr_expect(eq(u32, flow_limbo_close(t), 100));
		flow_limbo_free(t);
	}
	for (uint32_t b = 0; b < t->buckets_count; b++)
		cr_assert(eq(u32, t->buckets[b].busy, 0));
	flow_table_destroy(t);
}

/* Goal: a handle names one life of a slot: stale, foreign and invented ones give FLOW_NONE; the
 * generation wraps past 0. Method: reuse a slot; set its generation to the last one; random
 * numbers. */
Test(flow, handles_name_one_life)
{
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	const struct flow_key k = flow_key_number(1);
	const uint32_t index = insert(t, &k);
	const uint64_t handle = flow_handle(t, index);
	struct random r = { random_seed() };
	uint64_t last;

	cr_expect(ne(u64, handle, 0));
	cr_expect(eq(int, flow_handle_worker(handle), 5));
	cr_expect(eq(u32, flow_handle_resolve(t, handle), index));
	cr_expect(eq(u32, flow_handle_resolve(t, handle ^ 1ull << 48), FLOW_NONE));
	cr_expect(eq(u32, flow_handle_resolve(t, handle + (1ull << 16)), FLOW_NONE));
	cr_expect(eq(u32, flow_handle_resolve(t, handle | (uint64_t)UINT32_MAX << 16), FLOW_NONE));
	cr_expect(eq(u32, flow_handle_resolve(t, 0), FLOW_NONE));
	for (unsigned i = 0; i < 10000; i++) {
		const uint64_t invented = random_u64(&r) & ~1ull; /* generations 2, 4, ... */

		cr_expect(eq(u32, flow_handle_resolve(t, invented), FLOW_NONE));
	}
	flow_delete(t, index);
	cr_expect(eq(u32, flow_handle_resolve(t, handle), FLOW_NONE));
	limbo_flush(t);
	cr_assert(eq(u32, insert(t, &k), index));
	cr_expect(eq(u32, flow_handle_resolve(t, handle), FLOW_NONE));

	flow_entry_at(t, index)->generation = UINT16_MAX;
	last = flow_handle(t, index);
	cr_expect(eq(u32, flow_handle_resolve(t, last), index));
	flow_delete(t, index);
	limbo_flush(t);
	cr_assert(eq(u32, insert(t, &k), index));
	cr_expect(eq(int, flow_entry_at(t, index)->generation, 1));
	cr_expect(eq(u32, flow_handle_resolve(t, last), FLOW_NONE));
	flow_table_destroy(t);
}

struct expiry {
	uint32_t calls;
	uint32_t spared;     /* index that is to stay; FLOW_NONE: none */
	uint32_t timeout_ms; /* of all entries */
};

static uint32_t
expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *context)
{
	struct expiry *x = context;

	cr_expect(lt(u32, index, flow_slots(t)));
	x->calls++;
	if (index == x->spared)
		return UINT32_MAX;
	return idle_ms < x->timeout_ms ? x->timeout_ms - idle_ms : 0;
}

/* Goal: an entry expires when it was idle for its timeout, not a millisecond before, across the
 * clock's wrap, and not when it was seen "later" than now; a long timeout is waited for in parts.
 * Method: a table of times; the table is passed as often as its contract asks for. */
Test(flow, expires_the_idle)
{
	static const struct {
		uint32_t last_seen_ms, timeout_ms, now_ms;
		bool expires;
	} cases[] = {
		{ 1000, 500, 1499, false },
		{ 1000, 500, 1500, true },
		{ 1000, 500, 1u << 31, true },
		{ UINT32_MAX - 10, 100, 88, false },
		{ UINT32_MAX - 10, 100, 89, true },
		{ 1000, 500, 999, false },
		{ 5, 500, UINT32_MAX, false },
		{ 0, INT32_MAX, INT32_MAX - 1, false },
		{ 0, INT32_MAX, INT32_MAX, true },
		{ 123456, 1u << 26, (1u << 26) + 123455, false },
		{ 123456, 1u << 26, (1u << 26) + 123456, true },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
		const struct flow_key k = flow_key_number(i);
		const uint32_t index = insert(t, &k), seen_ms = cases[i].last_seen_ms;
		struct expiry x = { 0, FLOW_NONE, cases[i].timeout_ms };
		uint32_t deleted = 0;

		flow_entry_at(t, index)->last_seen_ms = seen_ms;
		flow_expect(t, index, seen_ms, cases[i].timeout_ms);
		if ((int32_t)(cases[i].now_ms - seen_ms) > 0) {
			const uint32_t stop =
				cases[i].expires ? seen_ms + cases[i].timeout_ms : cases[i].now_ms;

			for (uint32_t ms = seen_ms; stop - ms > 1u << 24; ms += 1u << 24)
				deleted += flow_expire(t, ms, UINT32_MAX, expire, &x);
		}
		cr_expect(eq(u32, deleted, 0), "case %u", i);
		cr_expect(lt(u32, x.calls, 70), "case %u", i);
		deleted = flow_expire(t, cases[i].now_ms, flow_slots(t), expire, &x);
		cr_expect(eq(u32, deleted, cases[i].expires), "case %u", i);
		cr_expect(eq(int, find(t, &k) == FLOW_NONE, cases[i].expires), "case %u", i);
		flow_table_destroy(t);
	}
}

/* Goal: buckets in which nothing is due are not asked about, and flow_expect() brings a look
 * forward, never puts it off. Method: one entry of an hour; count the questions. */
Test(flow, expiry_waits_until_due)
{
	const uint32_t hour_ms = 3600 * 1000, start_ms = 0u - hour_ms / 2;
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	const struct flow_key k = flow_key_number(1);
	const uint32_t index = insert(t, &k);
	struct expiry x = { 0, FLOW_NONE, hour_ms };

	flow_entry_at(t, index)->last_seen_ms = start_ms;
	flow_expect(t, index, start_ms, 0);
	flow_expire(t, start_ms, UINT32_MAX, expire, &x);
	cr_expect(eq(u32, x.calls, 1));
	x.calls = 0;
	for (uint32_t ms = 0; ms < hour_ms - 1024; ms += 60000)
		cr_assert(eq(u32, flow_expire(t, start_ms + ms, UINT32_MAX, expire, &x), 0));
	cr_expect(eq(u32, x.calls, 0));
	flow_expect(t, index, start_ms, hour_ms * 2);
	cr_expect(eq(u32, flow_expire(t, start_ms + hour_ms - 1, UINT32_MAX, expire, &x), 0));
	cr_expect(eq(u32, x.calls, 1));
	x.timeout_ms = 10;
	flow_expect(t, index, start_ms + hour_ms - 1, 0);
	cr_expect(eq(u32, flow_expire(t, start_ms + hour_ms - 1, UINT32_MAX, expire, &x), 1));
	flow_table_destroy(t);
}

/* Goal: expiry goes around in steps of any size, visiting each slot once per round; one call never
 * visits a slot twice; the callback may keep an entry. Method: fill, expire in steps, count. */
Test(flow, expires_in_steps)
{
	static const uint32_t steps[] = { 1, 3, 28, 29, 100, UINT32_MAX };

	for (unsigned i = 0; i < array_length(steps); i++) {
		struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
		const struct flow_key kept = flow_key_number(17);
		struct expiry x = { 0, FLOW_NONE, 10 };
		uint32_t deleted = 0, looked = 0;
		const uint32_t step = steps[i] / FLOW_BUCKET_SLOTS + 1; /* buckets */

		for (uint32_t n = 0; n < FLOW_CAPACITY_MIN; n++) {
			const struct flow_key k = flow_key_number(n);

			insert(t, &k);
		}
		x.spared = find(t, &kept);
		for (; looked < t->buckets_count; looked += step) {
			const uint32_t left = t->buckets_count - looked;

			deleted += flow_expire(
				t, 10, left < step ? (left - 1) * FLOW_BUCKET_SLOTS : steps[i],
				expire, &x);
		}
		cr_expect(eq(u32, deleted, FLOW_CAPACITY_MIN - 1), "step %u", steps[i]);
		cr_expect(eq(u32, x.calls, FLOW_CAPACITY_MIN), "step %u", steps[i]);
		cr_expect(eq(u32, flow_count(t), 1));
		flow_expect(t, x.spared, 10, 0);
		cr_expect(eq(u32, flow_expire(t, 10, UINT32_MAX, expire, &x), 0));
		cr_expect(eq(u32, x.calls, FLOW_CAPACITY_MIN + 1));
		cr_expect(ne(u32, find(t, &kept), FLOW_NONE));
		flow_table_destroy(t);
	}
}

static void
each_mark(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	uint8_t *seen = context;

	cr_assert(lt(u32, d->first_ms, 500));
	cr_assert(eq(int, e->key.addr[1][3], d->first_ms % 256));
	seen[d->first_ms]++;
}

/* Goal: a dump visits every live entry that is shown once, with its own detail, whatever its steps;
 * a cursor past the end is harmless. Method: number the entries, walk with odd steps. */
Test(flow, each_visits_all)
{
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	uint8_t seen[500] = { 0 };
	uint32_t cursor = 0, calls = 1;

	for (uint32_t n = 0; n < 500; n++) {
		const struct flow_key k = flow_key_number(n);
		uint32_t index;

		index = insert(t, &k);
		flow_detail_at(t, index)->first_ms = n;
		if (n != 78)
			flow_entry_show(flow_entry_at(t, index), 1);
	}
	flow_delete(t, find_number(t, 77));
	while (flow_each(t, &cursor, 33, each_mark, seen))
		calls++;
	cr_expect(eq(u32, cursor, flow_slots(t)));
	cr_expect(eq(u32, calls, (flow_slots(t) + 32) / 33));
	for (uint32_t n = 0; n < 500; n++)
		cr_expect(eq(int, seen[n], n != 77 && n != 78), "entry %u", n);
	cursor = UINT32_MAX;
	cr_expect(not(flow_each(t, &cursor, 33, each_mark, seen)));
	cursor = 0;
	cr_expect(flow_each(t, &cursor, 0, each_mark, seen));
	cr_expect(eq(u32, cursor, 0));
	flow_table_destroy(t);
}

/* Goal: deleting what is not there is a bug of ours that ends the process. Method: delete twice. */
Test(flow, refuses_to_delete_twice, .signal = SIGABRT)
{
	struct flow_table *t = table_make(FLOW_CAPACITY_MIN);
	const struct flow_key k = flow_key_number(1);
	const uint32_t index = insert(t, &k);

	flow_delete(t, index);
	flow_delete(t, index);
}
