/* SPDX-License-Identifier: BSD-3-Clause */
/* contender_rte.c: DPDK's rte_hash, plain and with lock-free readers, the hash handed in. Its
 * memory is an EAL heap of its own, made of the same pages as everybody's.
 *
 * Compact keys are the most that it can do, for one family per table. With berth's keys it holds
 * both, as berth does. */
#include <rte_errno.h>
#include <rte_hash.h>
#include <rte_malloc.h>

#include "bench/flow/contender.h"
#include "bench/flow/grace.h"
#include "bench/flow/pages.h"
#include "common/base/address.h"
#include "common/base/check.h"

/* Slots for keys that wait for readers, and room for the defer queue that holds them. */
#define LIMBO_SLOTS 4096u

struct rte {
	struct rte_hash *h;
	bool whole; /* keys as berth has them, else compact ones */
	struct state *states;
	uint32_t flows;
	char heap[32];
	void *memory;
	uint64_t memory_bytes;
};

/* What rte_hash_create() allocates, and some room: keys of 8 + length, rounded up to 16; buckets of
 * a line for 8 keys; a ring of free slots. */
static uint64_t
heap_bytes(uint32_t entries, uint32_t key_bytes)
{
	const uint64_t power = 1ull << (32 - __builtin_clz(entries));
	const uint64_t bytes = (uint64_t)entries * (16 + key_bytes) + power * 8 +
			       power * sizeof(uint32_t) + (16u << 20);

	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

static struct rte *
create(uint32_t flows, uint32_t key_bytes, uint8_t flags)
{
	static unsigned tables;
	const uint32_t entries = flows + LIMBO_SLOTS;
	struct rte *r = calloc(1, sizeof(*r));

	panic_unless(r != NULL);
	snprintf(r->heap, sizeof(r->heap), "bench%u", tables++);
	r->flows = flows;
	r->states = pages_map(flows * sizeof(struct state));
	r->memory_bytes = heap_bytes(entries, key_bytes);
	r->memory = pages_map(r->memory_bytes);
	panic_unless(rte_malloc_heap_create(r->heap) == 0);
	panic_unless(rte_malloc_heap_memory_add(r->heap, r->memory, r->memory_bytes, NULL,
						(unsigned)(r->memory_bytes / PAGE_BYTES),
						PAGE_BYTES) == 0);
	const struct rte_hash_parameters parameters = {
		.name = r->heap,
		.entries = entries,
		.key_len = key_bytes,
		.socket_id = rte_malloc_heap_get_socket(r->heap),
		.extra_flag = flags,
	};

	r->h = rte_hash_create(&parameters);
	if (r->h == NULL) {
		fprintf(stderr, "bench-flow: rte_hash_create: %s\n", rte_strerror(rte_errno));
		exit(1);
	}
	return r;
}

static uint32_t
compact_bytes(uint8_t family)
{
	return family == FAMILY_IPV4 ? COMPACT_BYTES_IPV4 : COMPACT_BYTES_IPV6;
}

static void *
rte_create(uint32_t flows, uint8_t family)
{
	return create(flows, compact_bytes(family), 0);
}

static struct rte *
create_lf(uint32_t flows, uint32_t key_bytes)
{
	struct rte *r = create(flows, key_bytes, RTE_HASH_EXTRA_FLAGS_RW_CONCURRENCY_LF);
	struct rte_hash_rcu_config rcu = {
		.v = grace_variable(),
		.mode = RTE_HASH_QSBR_MODE_DQ,
		.dq_size = LIMBO_SLOTS,
	};

	panic_unless(rte_hash_rcu_qsbr_add(r->h, &rcu) == 0);
	return r;
}

static void *
rte_lf_create(uint32_t flows, uint8_t family)
{
	return create_lf(flows, compact_bytes(family));
}

/* For 40 bytes rte_hash has no comparison of its own but memcmp(). 0: equal. */
static int
whole_compare(const void *a, const void *b, size_t length)
{
	uint64_t x[5], y[5];

	(void)length;
	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) != 0;
}

static void *
rte_whole_create(uint32_t flows, uint8_t family)
{
	struct rte *r = create_lf(flows, sizeof(struct flow_key));

	(void)family;
	r->whole = true;
	rte_hash_set_cmp_func(r->h, whole_compare);
	return r;
}

static void
rte_destroy(void *table)
{
	struct rte *r = table;

	rte_hash_free(r->h);
	panic_unless(rte_malloc_heap_memory_remove(r->heap, r->memory, r->memory_bytes) == 0);
	panic_unless(rte_malloc_heap_destroy(r->heap) == 0);
	pages_unmap(r->memory);
	pages_unmap(r->states);
	free(r);
}

static uint64_t
rte_bytes(const void *table)
{
	const struct rte *r = table;
	struct rte_malloc_socket_stats stats;

	panic_unless(rte_malloc_get_socket_stats(rte_malloc_heap_get_socket(r->heap), &stats) == 0);
	return stats.heap_allocsz_bytes + r->flows * sizeof(struct state);
}

static inline const void *
key_at(const struct rte *r, const struct keys *k, uint32_t at)
{
	return r->whole ? (const void *)&k->keys[at]
			: (const void *)(k->compact + (uint64_t)at * k->compact_bytes);
}

static uint32_t
rte_insert(void *table, const struct keys *k)
{
	struct rte *r = table;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		const uintptr_t number = k->numbers[i];

		if (rte_hash_add_key_with_hash_data(r->h, key_at(r, k, i), k->signatures[i],
						    (void *)number) != 0)
			continue;
		r->states[state_slot(k->numbers[i], r->flows)] = (struct state){ 0 };
		taken++;
	}
	return taken;
}

static uint32_t
rte_remove(void *table, const struct keys *k)
{
	struct rte *r = table;
	uint32_t removed = 0;

	for (uint32_t i = 0; i < k->n; i++)
		removed += rte_hash_del_key_with_hash(r->h, key_at(r, k, i), k->signatures[i]) >= 0;
	return removed;
}

/* Returns a bit for each hit; data[] is set where it is. */
static inline uint64_t
find_burst(const struct rte *r, const struct keys *k, uint32_t at, void *data[BURST])
{
	const void *keys[BURST];
	uint64_t hits = 0;

	for (uint32_t i = 0; i < BURST; i++)
		keys[i] = key_at(r, k, at + i);
	rte_hash_lookup_with_hash_bulk_data(r->h, keys, &k->signatures[at], BURST, &hits, data);
	return hits;
}

static uint32_t
rte_lookup(void *table, const struct keys *k)
{
	uint32_t hits = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		void *data[BURST];

		hits += (uint32_t)__builtin_popcountll(find_burst(table, k, at, data));
	}
	return hits;
}

static uint32_t
rte_update(void *table, const struct keys *k, uint32_t now_ms)
{
	const struct rte *r = table;
	uint32_t hits = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		struct state *found[BURST];
		void *data[BURST];
		uint32_t n = 0;

		for (uint64_t m = find_burst(r, k, at, data); m != 0; m &= m - 1) {
			const uintptr_t number = (uintptr_t)data[__builtin_ctzll(m)];

			found[n] = &r->states[state_slot((uint32_t)number, r->flows)];
			__builtin_prefetch(found[n], 1);
			n++;
		}
		for (uint32_t i = 0; i < n; i++)
			state_update(found[i], now_ms);
		hits += n;
	}
	return hits;
}

static void
rte_find(void *table, const struct keys *k, uint32_t *numbers)
{
	for (uint32_t at = 0; at < k->n; at += BURST) {
		void *data[BURST];
		const uint64_t hits = find_burst(table, k, at, data);

		for (uint32_t i = 0; i < BURST; i++)
			numbers[at + i] =
				(hits >> i & 1) != 0 ? (uint32_t)(uintptr_t)data[i] : NUMBER_NONE;
	}
}

static uint32_t
rte_sweep(void *table, uint32_t now_ms)
{
	const struct rte *r = table;
	uint32_t next = 0, looked = 0, due = 0;
	const void *key;
	void *data;

	while (rte_hash_iterate(r->h, &key, &data, &next) >= 0) {
		const uint32_t slot = state_slot((uint32_t)(uintptr_t)data, r->flows);

		due += now_ms - r->states[slot].last_seen_ms >= INT32_MAX;
		looked++;
	}
	panic_unless(due == 0);
	return looked;
}

const struct contender contender_rte_lf = {
	.name = "rte_hash LF",
	.readers = true,
	.forms = KEY_COMPACT | KEY_SIGNATURE,
	.create = rte_lf_create,
	.destroy = rte_destroy,
	.bytes = rte_bytes,
	.insert = rte_insert,
	.remove = rte_remove,
	.lookup = rte_lookup,
	.update = rte_update,
	.find = rte_find,
	.sweep = rte_sweep,
};

const struct contender contender_rte_whole = {
	.name = "rte_hash LF, 40 B keys",
	.forms = KEY_WHOLE | KEY_SIGNATURE,
	.create = rte_whole_create,
	.destroy = rte_destroy,
	.bytes = rte_bytes,
	.insert = rte_insert,
	.remove = rte_remove,
	.lookup = rte_lookup,
	.update = rte_update,
	.find = rte_find,
	.sweep = rte_sweep,
};

const struct contender contender_rte = {
	.name = "rte_hash",
	.forms = KEY_COMPACT | KEY_SIGNATURE,
	.create = rte_create,
	.destroy = rte_destroy,
	.bytes = rte_bytes,
	.insert = rte_insert,
	.remove = rte_remove,
	.lookup = rte_lookup,
	.update = rte_update,
	.find = rte_find,
	.sweep = rte_sweep,
};
