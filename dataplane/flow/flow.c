/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.c: the flow table: buckets of tags, entries that do not move, limbo for deleted slots. */
#include "dataplane/flow/flow.h"

#include <assert.h>
#include <errno.h>

#include "common/abi/ring.h"
#include "common/base/check.h"
#include "dataplane/flow/flow_code.h"
#include "dataplane/flow/flow_lookup.h"

#define PAGE_BYTES 4096u

/* ---- creation ---- */

static uint32_t
buckets_for(uint32_t capacity)
{
	return (uint32_t)(((uint64_t)capacity + FLOW_BUCKET_EXPECTED - 1) / FLOW_BUCKET_EXPECTED);
}

uint32_t
flow_slots_for(uint32_t capacity)
{
	return buckets_for(capacity) * FLOW_BUCKET_SLOTS;
}

uint64_t
flow_table_bytes(uint32_t capacity)
{
	const uint64_t buckets = buckets_for(capacity);
	const uint64_t slot_bytes =
		sizeof(struct flow_entry) + sizeof(struct flow_detail) + sizeof(uint32_t);
	const uint64_t bytes =
		sizeof(struct flow_table) +
		buckets * (sizeof(struct flow_bucket) + FLOW_BUCKET_SLOTS * slot_bytes);

	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

int
flow_table_create(const struct flow_table_options *options, struct flow_table **out)
{
	const uint64_t bytes = flow_table_bytes(options->capacity);
	struct flow_table *t;
	void *memory;
	int error;

	if (options->capacity < FLOW_CAPACITY_MIN || options->capacity > FLOW_CAPACITY_MAX ||
	    options->worker >= WORKERS_MAX)
		return -EINVAL;
	error = flow_memory_map(bytes, options->numa_node, &memory);
	if (error != 0)
		return error;
	t = memory;
	t->buckets_count = buckets_for(options->capacity);
	t->slots = t->buckets_count * FLOW_BUCKET_SLOTS;
	t->capacity = options->capacity;
	t->worker = options->worker;
	t->code = flow_code_best();
	t->secret = options->secret;
	t->bytes = bytes;
	t->buckets = (struct flow_bucket *)(t + 1);
	t->entries = (struct flow_entry *)(t->buckets + t->buckets_count);
	t->details = (struct flow_detail *)(t->entries + t->slots);
	t->limbo = (uint32_t *)(t->details + t->slots);
	*out = t;
	return 0;
}

void
flow_table_destroy(struct flow_table *t)
{
	if (t != NULL)
		flow_memory_unmap(t, t->bytes);
}

/* ---- lookup ---- */

uint32_t
flow_lookup(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return t->code->find(t, key, hash);
}

void
flow_lookup_begin(const struct flow_table *t, struct flow_batch *b)
{
	t->code->begin(t, b);
}

void
flow_lookup_match(const struct flow_table *t, struct flow_batch *b)
{
	t->code->match(t, b);
	b->inserted = t->inserted;
	b->deleted = t->deleted;
}

/* A key may have come, or have given up the slot that still holds it: then the match is made again,
 * on buckets that are near. */
void
flow_lookup_finish(const struct flow_table *t, struct flow_batch *b)
{
	if (b->inserted != t->inserted || b->deleted != t->deleted)
		t->code->match(t, b);
	t->code->finish(t, b);
}

void
flow_lookup_burst(const struct flow_table *t, const struct flow_key *keys, const uint64_t *hashes,
		  uint32_t *indices, uint16_t n)
{
	struct flow_batch b;

	assert(n <= BURST_MAX);
	b.keys = keys;
	b.hashes = hashes;
	b.indices = indices;
	b.n = n;
	t->code->begin(t, &b);
	t->code->match(t, &b);
	t->code->finish(t, &b);
}

/* ---- insert and delete ---- */

/* Release: the entry, and the overflow counts on its way, come before its tag; pairs with the
 * acquire in bucket_match(). No other thread stores here, so load and store need not be one step.
 */
static void
tag_store(struct flow_bucket *b, uint32_t slot, uint16_t tag)
{
	_Atomic uint64_t *word = &b->tags[slot / FLOW_TAGS_PER_WORD];
	const unsigned shift = slot % FLOW_TAGS_PER_WORD * 16;
	const uint64_t others =
		flow_load(word, memory_order_relaxed) & ~((uint64_t)UINT16_MAX << shift);

	flow_store(word, others | (uint64_t)tag << shift, memory_order_release);
}

static bool
slot_is_live(const struct flow_table *t, uint32_t index)
{
	return slot_tag(t, index) != 0;
}

/* Relaxed: only the order against the tag matters, and tag_store() gives it (B2). */
static void
overflow_add(struct flow_table *t, uint32_t from, uint32_t to, uint32_t change)
{
	for (uint32_t b = from; b != to; b = bucket_after(t, b)) {
		_Atomic uint16_t *count = &t->buckets[b].overflow;

		flow_store(count, (uint16_t)(flow_load(count, memory_order_relaxed) + change),
			   memory_order_relaxed);
	}
}

/* Relaxed: a number for humans. */
static void
count_add(struct flow_table *t, uint32_t change)
{
	flow_store(&t->count, flow_count(t) + change, memory_order_relaxed);
}

/* Starts a new life of a slot that nobody can reach (F3). */
static void
slot_reset(struct flow_table *t, uint32_t index, const struct flow_key *key)
{
	const uint16_t last = flow_load(&t->entries[index].generation, memory_order_relaxed);
	const uint16_t next = (uint16_t)(last + 1);
	const struct flow_entry entry = { .key = *key, .generation = next != 0 ? next : 1 };

	flow_write(&t->entries[index], &entry, sizeof(entry));
}

void
flow_insert_prefetch(const struct flow_table *t, const uint64_t *hashes, const uint32_t *indices,
		     uint16_t n)
{
	for (uint16_t i = 0; i < n; i++) {
		const uint32_t bucket = flow_home(t, hashes[i]);
		const uint32_t free_slots = ~t->buckets[bucket].busy & FLOW_SLOTS_ALL;
		uint32_t index;

		if (indices[i] != FLOW_NONE || free_slots == 0)
			continue;
		index = bucket * FLOW_BUCKET_SLOTS + (uint32_t)__builtin_ctz(free_slots);
		prefetch_far(&t->entries[index]);
		prefetch_far(&t->details[index]);
	}
}

int
flow_insert(struct flow_table *t, const struct flow_key *key, uint64_t hash, uint32_t *index,
	    bool *created)
{
	const uint32_t home = flow_home(t, hash);
	const uint32_t found = t->code->find(t, key, hash);
	uint32_t bucket = home;
	unsigned probe = 0;
	uint32_t slot;

	if (found != FLOW_NONE) {
		*index = found;
		*created = false;
		return 0;
	}
	if (flow_count(t) == t->capacity)
		return -ENOSPC;
	while (t->buckets[bucket].busy == FLOW_SLOTS_ALL) {
		if (++probe == FLOW_PROBES_MAX)
			return -ENOSPC;
		bucket = bucket_after(t, bucket);
	}
	slot = (uint32_t)__builtin_ctz(~t->buckets[bucket].busy);
	t->buckets[bucket].busy |= 1u << slot;
	slot_reset(t, bucket * FLOW_BUCKET_SLOTS + slot, key);
	overflow_add(t, home, bucket, 1);
	tag_store(&t->buckets[bucket], slot, flow_tag(hash));
	count_add(t, 1);
	t->inserted++;
	*index = bucket * FLOW_BUCKET_SLOTS + slot;
	*created = true;
	return 0;
}

static inline uint32_t
limbo_position(const struct flow_table *t, uint32_t ahead)
{
	const uint32_t position = t->limbo_head + ahead;

	return position < t->slots ? position : position - t->slots;
}

void
flow_delete(struct flow_table *t, uint32_t index)
{
	const uint32_t bucket = index / FLOW_BUCKET_SLOTS;

	/* A slot that entered limbo twice would be given to two flows. */
	panic_unless(index < t->slots && slot_is_live(t, index));
	tag_store(&t->buckets[bucket], index % FLOW_BUCKET_SLOTS, 0);
	overflow_add(t, flow_home(t, flow_hash(&t->secret, &t->entries[index].key)), bucket,
		     UINT32_MAX);
	count_add(t, UINT32_MAX);
	t->deleted++;
	t->limbo[limbo_position(t, t->limbo_closed + t->limbo_open)] = index;
	t->limbo_open++;
}

/* ---- limbo ---- */

/* Slots whose buckets are asked for before they are needed; what lies past the batch is a slot too,
 * or 0. */
#define LIMBO_AHEAD 16u

uint32_t
flow_limbo_close(struct flow_table *t)
{
	uint32_t sealed;

	if (t->limbo_closed != 0)
		return 0;
	sealed = t->limbo_open < FLOW_LIMBO_BATCH_MAX ? t->limbo_open : FLOW_LIMBO_BATCH_MAX;
	t->limbo_closed = sealed;
	t->limbo_open -= sealed;
	return sealed;
}

bool
flow_limbo_closed(const struct flow_table *t)
{
	return t->limbo_closed != 0;
}

void
flow_limbo_free(struct flow_table *t)
{
	for (uint32_t i = 0; i < t->limbo_closed; i++) {
		const uint32_t index = t->limbo[limbo_position(t, i)];
		const uint32_t ahead = t->limbo[limbo_position(t, i + LIMBO_AHEAD)];

		__builtin_prefetch(&t->buckets[ahead / FLOW_BUCKET_SLOTS], 1);
		t->buckets[index / FLOW_BUCKET_SLOTS].busy &= ~(1u << index % FLOW_BUCKET_SLOTS);
	}
	t->limbo_head = limbo_position(t, t->limbo_closed);
	t->limbo_closed = 0;
}

/* ---- entries and handles ---- */

struct flow_entry *
flow_entry_at(const struct flow_table *t, uint32_t index)
{
	return &t->entries[index];
}

const struct flow_entry *
flow_entries(const struct flow_table *t)
{
	return t->entries;
}

struct flow_detail *
flow_detail_at(const struct flow_table *t, uint32_t index)
{
	return &t->details[index];
}

uint64_t
flow_handle(const struct flow_table *t, uint32_t index)
{
	return flow_handle_of(t->worker, index, &t->entries[index]);
}

uint16_t
flow_handle_worker(uint64_t handle)
{
	return record_flow_worker(handle);
}

uint32_t
flow_handle_resolve(const struct flow_table *t, uint64_t handle)
{
	const uint32_t index = (uint32_t)(handle >> 16);

	if (flow_handle_worker(handle) != t->worker || index >= t->slots ||
	    !slot_is_live(t, index) || flow_handle(t, index) != handle)
		return FLOW_NONE;
	return index;
}

/* Relaxed: a number for humans; the writer reads its own. */
uint32_t
flow_count(const struct flow_table *t)
{
	return flow_load(&t->count, memory_order_relaxed);
}

uint32_t
flow_slots(const struct flow_table *t)
{
	return t->slots;
}
