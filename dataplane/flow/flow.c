/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.c: the flow table: buckets of tags, entries that do not move, limbo for deleted slots. */
#include "dataplane/flow/flow.h"

#include <assert.h>
#include <errno.h>

#include "common/abi/ring.h"
#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/seq.h"
#include "dataplane/flow/flow_priv.h"
#include "dataplane/flow/siphash.h"

#define PAGE_BYTES 4096u

/* ---- creation ---- */

static uint32_t
buckets_for(uint32_t capacity)
{
	return (uint32_t)(((uint64_t)capacity + FLOW_BUCKET_EXPECTED - 1) / FLOW_BUCKET_EXPECTED);
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

/* ---- hash and keys ---- */

/* SipHash-1-3. An IPv6 key is hashed as it lies, in 40 bytes; of an IPv4 key the 24 bytes that are
 * zero by contract are left out. Two different keys cannot give the same input: the family is in
 * it, and each family has one length. */
uint64_t
flow_hash(const struct flow_secret *secret, const struct flow_key *key)
{
	uint64_t short_key[2];
	uint32_t addr[2];

	if (key->family != FAMILY_IPV4)
		return siphash(secret->key, key, sizeof(*key), 1, 3);
	memcpy(&short_key[0], key, 8);
	memcpy(&addr[0], key->addr[0], 4);
	memcpy(&addr[1], key->addr[1], 4);
	short_key[1] = (uint64_t)addr[1] << 32 | addr[0];
	return siphash(secret->key, short_key, sizeof(short_key), 1, 3);
}

static inline bool
flow_key_equal(const struct flow_key *a, const struct flow_key *b)
{
	uint64_t x[5], y[5];

	memcpy(x, a, sizeof(x));
	memcpy(y, b, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) == 0;
}
static_assert(sizeof(struct flow_key) == 5 * sizeof(uint64_t), "five words");

/* ---- lookup ---- */

static inline uint32_t
bucket_after(const struct flow_table *t, uint32_t bucket)
{
	return bucket + 1 == t->buckets_count ? 0 : bucket + 1;
}

/* The whole search: every slot with the tag, bucket after bucket, until one that nothing passed
 * (F4). Relaxed: a key that is present keeps the count above 0 for all that know of it (B2). */
static uint32_t
flow_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	const uint16_t tag = flow_tag(hash);
	uint32_t bucket = flow_home(t, hash);

	for (unsigned probe = 0; probe < FLOW_PROBES_MAX; probe++) {
		const struct flow_bucket *b = &t->buckets[bucket];

		for (uint32_t m = bucket_match(b, tag); m != 0; m &= m - 1) {
			const uint32_t index =
				bucket * FLOW_BUCKET_SLOTS + (uint32_t)__builtin_ctz(m);

			if (flow_key_equal(&t->entries[index].key, key))
				return index;
		}
		if (atomic_load_explicit(&b->overflow, memory_order_relaxed) == 0)
			break;
		bucket = bucket_after(t, bucket);
	}
	return FLOW_NONE;
}

uint32_t
flow_lookup(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return flow_find(t, key, hash);
}

/* A second word for the passes below: the home bucket does not tell; see flow_find(). No slot has
 * this index. */
#define FLOW_UNSURE (UINT32_MAX - 1)
static_assert((FLOW_CAPACITY_MAX / FLOW_BUCKET_EXPECTED + 1) * (uint64_t)FLOW_BUCKET_SLOTS <
		      FLOW_UNSURE,
	      "indices stay below the two words");

/* The slot in the home bucket that most likely holds the key. */
static inline uint32_t
flow_candidate(const struct flow_table *t, uint64_t hash)
{
	const uint32_t bucket = flow_home(t, hash);
	const struct flow_bucket *b = &t->buckets[bucket];
	const uint32_t m = bucket_match(b, flow_tag(hash));

	if (m != 0)
		return bucket * FLOW_BUCKET_SLOTS + (uint32_t)__builtin_ctz(m);
	return atomic_load_explicit(&b->overflow, memory_order_relaxed) == 0 ? FLOW_NONE
									     : FLOW_UNSURE;
}

/* Three passes, so that the cache misses of one key overlap its neighbours'. The detail line comes
 * along although the lookup does not need it: whoever has looked a packet up accounts it next, and
 * both together take half the time of a large table's misses one by one (bench-flow, "lookup and
 * track"). */
void
flow_lookup_burst(const struct flow_table *t, const struct flow_key *keys, const uint64_t *hashes,
		  uint32_t *indices, uint16_t n)
{
	assert(n <= BURST_MAX);
	for (uint16_t i = 0; i < n; i++)
		__builtin_prefetch(&t->buckets[flow_home(t, hashes[i])]);
	for (uint16_t i = 0; i < n; i++) {
		indices[i] = flow_candidate(t, hashes[i]);
		if (indices[i] < t->slots) {
			__builtin_prefetch(&t->entries[indices[i]]);
			__builtin_prefetch(&t->details[indices[i]]);
		}
	}
	for (uint16_t i = 0; i < n; i++) {
		if (indices[i] == FLOW_NONE)
			continue;
		if (indices[i] == FLOW_UNSURE ||
		    !flow_key_equal(&t->entries[indices[i]].key, &keys[i]))
			indices[i] = flow_find(t, &keys[i], hashes[i]);
	}
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
		atomic_load_explicit(word, memory_order_relaxed) & ~((uint64_t)UINT16_MAX << shift);

	atomic_store_explicit(word, others | (uint64_t)tag << shift, memory_order_release);
}

static bool
slot_is_live(const struct flow_table *t, uint32_t index)
{
	return (bucket_live(&t->buckets[index / FLOW_BUCKET_SLOTS]) >> index % FLOW_BUCKET_SLOTS &
		1) != 0;
}

/* Relaxed: only the order against the tag matters, and tag_store() gives it (B2). */
static void
overflow_add(struct flow_table *t, uint32_t from, uint32_t to, uint32_t change)
{
	for (uint32_t b = from; b != to; b = bucket_after(t, b)) {
		_Atomic uint32_t *count = &t->buckets[b].overflow;

		atomic_store_explicit(count,
				      atomic_load_explicit(count, memory_order_relaxed) + change,
				      memory_order_relaxed);
	}
}

/* Relaxed: a number for humans. */
static void
count_add(struct flow_table *t, uint32_t change)
{
	atomic_store_explicit(&t->count, flow_count(t) + change, memory_order_relaxed);
}

/* Starts a new life of a slot that nobody can reach (F3), hence plain stores. */
static void
slot_reset(struct flow_table *t, uint32_t index, const struct flow_key *key)
{
	struct flow_entry *e = &t->entries[index];
	const uint16_t last = atomic_load_explicit(&e->generation, memory_order_relaxed);
	const uint16_t next = (uint16_t)(last + 1);

	memset(e, 0, sizeof(*e));
	memset(&t->details[index], 0, sizeof(t->details[index]));
	e->key = *key;
	atomic_store_explicit(&e->generation, next != 0 ? next : 1, memory_order_relaxed);
}

int
flow_insert(struct flow_table *t, const struct flow_key *key, uint64_t hash, uint32_t *index,
	    bool *created)
{
	const uint32_t home = flow_home(t, hash);
	const uint32_t found = flow_find(t, key, hash);
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
	t->limbo[limbo_position(t, t->limbo_closed + t->limbo_open)] = index;
	t->limbo_open++;
}

/* ---- limbo ---- */

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

struct flow_detail *
flow_detail_at(const struct flow_table *t, uint32_t index)
{
	return &t->details[index];
}

/* Bits 48..63 worker, 16..47 index, 0..15 generation. */
uint64_t
flow_handle(const struct flow_table *t, uint32_t index)
{
	const uint16_t generation =
		atomic_load_explicit(&t->entries[index].generation, memory_order_relaxed);

	return (uint64_t)t->worker << 48 | (uint64_t)index << 16 | generation;
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

/* ---- walks ---- */

/* Whether the entry has been idle for its timeout. An entry seen "after" now_ms is not idle: the
 * difference is signed. */
static bool
slot_is_idle(const struct flow_table *t, uint32_t index, uint32_t now_ms)
{
	const int32_t idle_ms =
		seq_diff(now_ms, atomic_load_explicit(&t->entries[index].last_seen_ms,
						      memory_order_relaxed));

	return idle_ms >= 0 &&
	       (uint32_t)idle_ms >=
		       atomic_load_explicit(&t->details[index].timeout_ms, memory_order_relaxed);
}

/* The live slots of the bucket at `cursor`, from there on, at most `slots` of them; sets *next to
 * the slot after them. */
static uint32_t
walk_bucket(const struct flow_table *t, uint32_t cursor, uint32_t slots, uint32_t *next)
{
	const uint32_t first = cursor % FLOW_BUCKET_SLOTS;
	const uint32_t rest = FLOW_BUCKET_SLOTS - first;
	const uint32_t looked = slots < rest ? slots : rest;
	const uint32_t window = ((1u << looked) - 1) << first;

	*next = cursor + looked;
	return bucket_live(&t->buckets[cursor / FLOW_BUCKET_SLOTS]) & window;
}

uint32_t
flow_expire(struct flow_table *t, uint32_t now_ms, uint32_t slots, flow_expire_fn expired,
	    void *context)
{
	uint32_t left = slots < t->slots ? slots : t->slots;
	uint32_t deleted = 0;

	while (left > 0) {
		const uint32_t cursor = t->expire_cursor;
		const uint32_t first = cursor - cursor % FLOW_BUCKET_SLOTS;
		uint32_t next;
		const uint32_t live = walk_bucket(t, cursor, left, &next);

		for (uint32_t m = live; m != 0; m &= m - 1) {
			__builtin_prefetch(&t->entries[first + (uint32_t)__builtin_ctz(m)]);
			__builtin_prefetch(&t->details[first + (uint32_t)__builtin_ctz(m)]);
		}
		for (uint32_t m = live; m != 0; m &= m - 1) {
			const uint32_t index = first + (uint32_t)__builtin_ctz(m);

			if (!slot_is_idle(t, index, now_ms) || !expired(t, index, context))
				continue;
			flow_delete(t, index);
			deleted++;
		}
		left -= next - cursor;
		t->expire_cursor = next < t->slots ? next : 0;
	}
	return deleted;
}

bool
flow_each(const struct flow_table *t, uint32_t *cursor, uint32_t slots, flow_each_fn each,
	  void *context)
{
	uint32_t left = slots;

	while (left > 0 && *cursor < t->slots) {
		const uint32_t first = *cursor - *cursor % FLOW_BUCKET_SLOTS;
		uint32_t next;
		uint32_t live = walk_bucket(t, *cursor, left, &next);

		for (; live != 0; live &= live - 1) {
			const uint32_t index = first + (uint32_t)__builtin_ctz(live);

			each(&t->entries[index], &t->details[index], context);
		}
		left -= next - *cursor;
		*cursor = next;
	}
	return *cursor < t->slots;
}

/* Relaxed: a number for humans; the writer reads its own. */
uint32_t
flow_count(const struct flow_table *t)
{
	return atomic_load_explicit(&t->count, memory_order_relaxed);
}

uint32_t
flow_slots(const struct flow_table *t)
{
	return t->slots;
}
