/* SPDX-License-Identifier: BSD-3-Clause */
/* contender_berth.c: the flow table, as a worker uses it: it hashes the keys itself, and frees
 * deleted slots when all readers have passed a quiescent point. */
#include <errno.h>

#include "bench/flow/contender.h"
#include "bench/flow/grace.h"
#include "bench/traffic/random.h"
#include "common/base/check.h"
#include "dataplane/flow/flow.h"

/* One for all tables, made from a fixed seed: runs meet the same buckets. */
static struct flow_secret secret;

/* How long flows may idle here: none is due while the bench runs. */
#define LONG_MS (1u << 23)

struct berth {
	struct flow_table *t;
	uint32_t capacity;
	uint64_t token; /* of the grace period that the closed limbo waits for */
};

static void *
berth_create(uint32_t flows, uint8_t family)
{
	struct flow_table_options options = {
		.capacity = flows < FLOW_CAPACITY_MIN ? FLOW_CAPACITY_MIN : flows,
		.numa_node = -1,
	};
	struct berth *b = calloc(1, sizeof(*b));
	struct random r = { 1 };

	(void)family;
	for (unsigned i = 0; i < array_length(secret.key); i++)
		secret.key[i] = random_next(&r);
	options.secret = secret;
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

/* The second lines: port and way back, which packets touch now and then. */
static uint64_t
berth_spare_bytes(const void *table)
{
	const struct berth *b = table;

	return flow_slots(b->t) * sizeof(struct flow_detail);
}

static inline void
find_burst(const struct berth *b, const struct keys *k, uint32_t at, uint32_t indices[BURST])
{
	uint64_t hashes[BURST];

	flow_hash_burst(&secret, &k->keys[at], hashes, BURST);
	flow_lookup_burst(b->t, &k->keys[at], hashes, indices, BURST);
}

/* What the worker writes of a flow that it has just made. */
static inline void
show(const struct berth *b, uint32_t index)
{
	*flow_detail_at(b->t, index) = (struct flow_detail){ .first_ms = 0 };
	flow_expect(b->t, index, 0, LONG_MS);
	flow_entry_show(flow_entry_at(b->t, index), 1);
}

/* Up to a burst; the worker's way with packets that a lookup did not find. */
static inline uint32_t
insert_burst(const struct berth *b, const struct flow_key *keys, uint16_t n)
{
	uint64_t hashes[BURST];
	uint32_t indices[BURST];
	uint32_t taken = 0;

	flow_hash_burst(&secret, keys, hashes, n);
	flow_lookup_burst(b->t, keys, hashes, indices, n);
	flow_insert_prefetch(b->t, hashes, indices, n);
	for (uint16_t i = 0; i < n; i++) {
		bool created;
		const int error = flow_insert(b->t, &keys[i], hashes[i], &indices[i], &created);

		panic_unless(error == 0 || error == -ENOSPC);
		if (error != 0)
			continue;
		if (created)
			show(b, indices[i]);
		taken++;
	}
	return taken;
}

static uint32_t
berth_insert(void *table, const struct keys *k)
{
	uint32_t taken = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		taken += insert_burst(table, &k->keys[at],
				      (uint16_t)(k->n - at < BURST ? k->n - at : BURST));
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

/* What the worker's tracker stores for a packet that changes no state. */
static inline void
account(const struct berth *b, uint32_t index, uint32_t now_ms)
{
	struct flow_entry *e = flow_entry_at(b->t, index);
	const uint64_t word = flow_entry_word(e);

	atomic_store_explicit(&e->last_seen_ms, now_ms, memory_order_relaxed);
	flow_count_add(e, flow_detail_at(b->t, index), word, 0, STATE_PACKET_BYTES,
		       flow_word_state(word), flow_word_flags(word));
}

static inline uint32_t
account_burst(const struct berth *b, const uint32_t indices[BURST], uint32_t now_ms)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < BURST; i++) {
		if (indices[i] == FLOW_NONE)
			continue;
		account(b, indices[i], now_ms);
		hits++;
	}
	return hits;
}

static inline uint32_t
count_burst(const uint32_t indices[BURST])
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < BURST; i++)
		hits += indices[i] != FLOW_NONE;
	return hits;
}

static inline void
name_burst(const struct berth *b, const uint32_t indices[BURST], uint32_t *numbers)
{
	for (uint32_t i = 0; i < BURST; i++)
		numbers[i] = indices[i] == FLOW_NONE
				     ? NUMBER_NONE
				     : keys_number(&flow_entry_at(b->t, indices[i])->key);
}

/* ---- each burst on its own ---- */

static uint32_t
berth_lookup(void *table, const struct keys *k)
{
	uint32_t hits = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		uint32_t indices[BURST];

		find_burst(table, k, at, indices);
		hits += count_burst(indices);
	}
	return hits;
}

static uint32_t
berth_update(void *table, const struct keys *k, uint32_t now_ms)
{
	uint32_t hits = 0;

	for (uint32_t at = 0; at < k->n; at += BURST) {
		uint32_t indices[BURST];

		find_burst(table, k, at, indices);
		hits += account_burst(table, indices, now_ms);
	}
	return hits;
}

static void
berth_find(void *table, const struct keys *k, uint32_t *numbers)
{
	for (uint32_t at = 0; at < k->n; at += BURST) {
		uint32_t indices[BURST];

		find_burst(table, k, at, indices);
		name_burst(table, indices, &numbers[at]);
	}
}

/* ---- carried over: three bursts on their way at once ---- */

#define STAGES 3u

struct carried {
	const struct berth *b;
	const struct keys *k;
	struct flow_batch batches[STAGES];
	uint64_t hashes[STAGES][BURST];
	uint32_t indices[STAGES][BURST];
};

/* Moves all on, with the burst at `at` as the fresh one, if there is one. Returns the answers of
 * the burst that came STAGES - 1 calls ago. */
static inline const uint32_t *
carry_burst(struct carried *c, uint32_t at)
{
	const unsigned fresh = at / BURST % STAGES, middle = (fresh + 2) % STAGES,
		       old = (fresh + 1) % STAGES;

	c->batches[fresh].n = 0;
	if (at < c->k->n) {
		flow_hash_burst(&secret, &c->k->keys[at], c->hashes[fresh], BURST);
		c->batches[fresh].keys = &c->k->keys[at];
		c->batches[fresh].hashes = c->hashes[fresh];
		c->batches[fresh].indices = c->indices[fresh];
		c->batches[fresh].n = BURST;
	}
	flow_lookup_begin(c->b->t, &c->batches[fresh]);
	flow_lookup_match(c->b->t, &c->batches[middle]);
	flow_lookup_finish(c->b->t, &c->batches[old]);
	return c->indices[old];
}

/* Starts on the first bursts, which the next call of carry_burst(), at CARRY_FIRST, answers. */
#define CARRY_FIRST ((STAGES - 1) * BURST)

static inline void
carry_begin(struct carried *c, void *table, const struct keys *k)
{
	c->b = table;
	c->k = k;
	for (unsigned i = 0; i < STAGES; i++)
		c->batches[i].n = 0;
	for (uint32_t at = 0; at < CARRY_FIRST; at += BURST)
		carry_burst(c, at);
}

static uint32_t
carried_lookup(void *table, const struct keys *k)
{
	struct carried c;
	uint32_t hits = 0;

	carry_begin(&c, table, k);
	for (uint32_t at = CARRY_FIRST; at < k->n + CARRY_FIRST; at += BURST)
		hits += count_burst(carry_burst(&c, at));
	return hits;
}

static uint32_t
carried_update(void *table, const struct keys *k, uint32_t now_ms)
{
	struct carried c;
	uint32_t hits = 0;

	carry_begin(&c, table, k);
	for (uint32_t at = CARRY_FIRST; at < k->n + CARRY_FIRST; at += BURST)
		hits += account_burst(table, carry_burst(&c, at), now_ms);
	return hits;
}

static void
carried_find(void *table, const struct keys *k, uint32_t *numbers)
{
	struct carried c;

	carry_begin(&c, table, k);
	for (uint32_t at = CARRY_FIRST; at < k->n + CARRY_FIRST; at += BURST)
		name_burst(table, carry_burst(&c, at), &numbers[at - CARRY_FIRST]);
}

/* ---- the walk for idle flows ---- */

struct sweep {
	uint32_t looked, again_ms;
};

static uint32_t
keep(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *context)
{
	struct sweep *s = context;

	(void)t;
	(void)index;
	(void)idle_ms;
	s->looked++;
	return s->again_ms;
}

/* Each flow asks to be looked at again at once, so the next walk looks at all. */
static uint32_t
berth_sweep(void *table, uint32_t now_ms)
{
	struct berth *b = table;
	struct sweep s = { .again_ms = 1 };

	flow_expire(b->t, now_ms, flow_slots(b->t), keep, &s);
	return s.looked;
}

static uint32_t
berth_skip(void *table, uint32_t now_ms)
{
	struct berth *b = table;
	struct sweep s = { .again_ms = LONG_MS };

	flow_expire(b->t, now_ms, flow_slots(b->t), keep, &s);
	return flow_count(b->t);
}

const struct contender contender_berth = {
	.name = "berth",
	.readers = true,
	.forms = KEY_WHOLE,
	.create = berth_create,
	.destroy = berth_destroy,
	.bytes = berth_bytes,
	.spare_bytes = berth_spare_bytes,
	.insert = berth_insert,
	.remove = berth_remove,
	.lookup = berth_lookup,
	.update = berth_update,
	.find = berth_find,
	.sweep = berth_sweep,
	.skip = berth_skip,
};

const struct contender contender_carried = {
	.name = "berth, carried over",
	.is_variant = true,
	.forms = KEY_WHOLE,
	.create = berth_create,
	.destroy = berth_destroy,
	.bytes = berth_bytes,
	.spare_bytes = berth_spare_bytes,
	.insert = berth_insert,
	.remove = berth_remove,
	.lookup = carried_lookup,
	.update = carried_update,
	.find = carried_find,
	.sweep = berth_sweep,
	.skip = berth_skip,
};
