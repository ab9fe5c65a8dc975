/* SPDX-License-Identifier: BSD-3-Clause */
/* contender_berth.c: the flow table, as a worker uses it: it hashes the keys itself, and frees
 * deleted slots when all readers have passed a quiescent point. */
#include <errno.h>

#include "bench/flow/contender.h"
#include "bench/flow/grace.h"
#include "common/base/check.h"
#include "dataplane/flow/flow.h"

static const struct flow_secret secret = { { 0x243f6a8885a308d3u, 0x13198a2e03707344u } };

struct berth {
	struct flow_table *t;
	uint32_t capacity;
	uint64_t token; /* of the grace period that the closed limbo waits for */
};

static void *
berth_create(uint32_t flows, uint8_t family)
{
	const struct flow_table_options options = {
		.capacity = flows < FLOW_CAPACITY_MIN ? FLOW_CAPACITY_MIN : flows,
		.numa_node = -1,
		.secret = secret,
	};
	struct berth *b = calloc(1, sizeof(*b));

	(void)family;
	panic_unless(b != NULL);
	b->capacity = options.capacity;
	panic_unless(flow_table_create(&options, &b->t) == 0);
	return b;
}

static void
berth_destroy(void *table)
{
	struct berth *b = table;

	flow_table_destroy(b->t);
	free(b);
}

static uint64_t
berth_bytes(const void *table)
{
	const struct berth *b = table;

	return flow_table_bytes(b->capacity);
}

static inline void
hash_burst(const struct keys *k, uint32_t at, uint64_t hashes[BURST], uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		hashes[i] = flow_hash(&secret, &k->keys[at + i]);
}

static inline void
find_burst(const struct berth *b, const struct keys *k, uint32_t at, uint32_t indices[BURST])
{
	uint64_t hashes[BURST];

	hash_burst(k, at, hashes, BURST);
	flow_lookup_burst(b->t, &k->keys[at], hashes, indices, BURST);
}

static uint32_t
berth_insert(void *table, const struct keys *k)
{
	struct berth *b = table;
	uint32_t taken = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		const uint32_t n = k->n - at < BURST ? k->n - at : BURST;
		uint64_t hashes[BURST];

		hash_burst(k, at, hashes, n);
		for (uint32_t i = 0; i < n; i++) {
			uint32_t index;
			bool created;
			const int error =
				flow_insert(b->t, &k->keys[at + i], hashes[i], &index, &created);

			panic_unless(error == 0 || error == -ENOSPC);
			if (error != 0)
				continue;
			atomic_store_explicit(&flow_detail_at(b->t, index)->timeout_ms, INT32_MAX,
					      memory_order_relaxed);
			taken++;
		}
	}
	return taken;
}

/* As the worker's housekeeping does between two polls. */
static void
limbo_turn(struct berth *b)
{
	if (flow_limbo_closed(b->t) && grace_over(b->token))
		flow_limbo_free(b->t);
	if (!flow_limbo_closed(b->t) && flow_limbo_close(b->t) > 0)
		b->token = grace_start();
}

static uint32_t
berth_remove(void *table, const struct keys *k)
{
	struct berth *b = table;
	uint32_t removed = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		uint32_t indices[BURST];

		find_burst(b, k, at, indices);
		for (uint32_t i = 0; i < BURST; i++) {
			if (indices[i] == FLOW_NONE)
				continue;
			flow_delete(b->t, indices[i]);
			removed++;
		}
		limbo_turn(b);
	}
	return removed;
}

static uint32_t
berth_lookup(void *table, const struct keys *k)
{
	uint32_t hits = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		uint32_t indices[BURST];

		find_burst(table, k, at, indices);
		for (uint32_t i = 0; i < BURST; i++)
			hits += indices[i] != FLOW_NONE;
	}
	return hits;
}

/* The stores of the worker's tracker. */
static inline void
account(const struct berth *b, uint32_t index, uint32_t now_ms)
{
	struct flow_entry *e = flow_entry_at(b->t, index);
	struct flow_detail *d = flow_detail_at(b->t, index);

	atomic_store_explicit(&e->last_seen_ms, now_ms, memory_order_relaxed);
	atomic_store_explicit(&d->packets[0],
			      atomic_load_explicit(&d->packets[0], memory_order_relaxed) + 1,
			      memory_order_relaxed);
	atomic_store_explicit(&d->bytes[0],
			      atomic_load_explicit(&d->bytes[0], memory_order_relaxed) +
				      STATE_PACKET_BYTES,
			      memory_order_relaxed);
}

static uint32_t
berth_update(void *table, const struct keys *k, uint32_t now_ms)
{
	const struct berth *b = table;
	uint32_t hits = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		uint32_t indices[BURST];

		find_burst(b, k, at, indices);
		for (uint32_t i = 0; i < BURST; i++) {
			if (indices[i] == FLOW_NONE)
				continue;
			account(b, indices[i], now_ms);
			hits++;
		}
	}
	return hits;
}

static void
berth_find(void *table, const struct keys *k, uint32_t *numbers)
{
	const struct berth *b = table;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		uint32_t indices[BURST];

		find_burst(b, k, at, indices);
		for (uint32_t i = 0; i < BURST; i++)
			numbers[at + i] =
				indices[i] == FLOW_NONE
					? NUMBER_NONE
					: keys_number(&flow_entry_at(b->t, indices[i])->key);
	}
}

static bool
keep(struct flow_table *t, uint32_t index, void *context)
{
	(void)t;
	(void)index;
	(void)context;
	return false;
}

static uint32_t
berth_sweep(void *table, uint32_t now_ms)
{
	struct berth *b = table;

	flow_expire(b->t, now_ms, flow_slots(b->t), keep, NULL);
	return flow_count(b->t);
}

const struct contender contender_berth = {
	.name = "berth",
	.readers = true,
	.create = berth_create,
	.destroy = berth_destroy,
	.bytes = berth_bytes,
	.insert = berth_insert,
	.remove = berth_remove,
	.lookup = berth_lookup,
	.update = berth_update,
	.find = berth_find,
	.sweep = berth_sweep,
};
