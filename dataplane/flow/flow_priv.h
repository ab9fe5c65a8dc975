/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_priv.h: buckets and the table's own fields, for the table's files and their tests. */
#pragma once

#include <stddef.h>

#include "dataplane/flow/flow.h"
#include "dataplane/flow/flow_memory.h"

#define FLOW_BUCKET_SLOTS    28u
#define FLOW_BUCKET_EXPECTED 21u /* keys per bucket in a table filled to its capacity: 75 % */
#define FLOW_TAG_WORDS       7u
#define FLOW_TAGS_PER_WORD   4u
#define FLOW_SLOTS_ALL       ((1u << FLOW_BUCKET_SLOTS) - 1)

/* Times at which a bucket is worth a look are kept in units of 2^10 ms, modulo 2^16 units. */
#define FLOW_DUE_SHIFT 10u
#define FLOW_DUE_MAX   0x7fffu

/* One line. tags: four 16-bit tags per word, slot s in bits 16 * (s % 4) of word s / 4; tag 0: no
 * reachable entry. They are kept as words because the writer alone changes them: it stores a whole
 * word (release; acquire in bucket_match() and its kin), and a reader loads seven, not
 * twenty-eight.
 *
 * B1  A slot whose tag is not 0 is busy; a busy slot whose tag is 0 waits in limbo.
 * B2  `overflow` counts the reachable entries of other buckets whose probe passed by this one. It
 *     goes up before such an entry's tag is published and down after the tag is cleared, so a
 *     reader who may rely on the key finds it above 0.
 * B3  No entry of the bucket expires before `due`, unless flow_expect() says so. */
struct flow_bucket {
	alignas(CACHE_LINE) _Atomic uint64_t tags[FLOW_TAG_WORDS];
	uint32_t busy; /* one bit per slot; writer only */
	_Atomic uint16_t overflow;
	uint16_t due; /* writer only */
};
static_assert(sizeof(struct flow_bucket) == CACHE_LINE, "one line");
static_assert(FLOW_TAG_WORDS * FLOW_TAGS_PER_WORD == FLOW_BUCKET_SLOTS, "a tag per slot");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && sizeof(long long) == 8, "readers have no locks");

struct flow_code;

/* The first lines are constant after creation, the last belongs to the writer. */
struct flow_table {
	alignas(CACHE_LINE) struct flow_bucket *buckets;
	struct flow_entry *entries;
	struct flow_detail *details;
	uint32_t *limbo; /* ring of deleted slots; room for all */
	uint32_t buckets_count;
	uint32_t slots;
	uint32_t capacity;
	uint16_t worker;
	const struct flow_code *code; /* form of the lookup */
	struct flow_secret secret;

	alignas(CACHE_LINE) _Atomic uint32_t count; /* reachable entries; read by anyone */
	uint32_t inserted, deleted;                 /* how often; both wrap */
	uint32_t expire_bucket;                     /* where the next flow_expire() begins */
	uint32_t expire_anew; /* buckets from there on that are due whatever they say */
	/* Ring positions, all below `slots`: the closed batch is [head, head + closed), the open
	 * one the `open` after it. Each slot is in it at most once, so it cannot overrun. */
	uint32_t limbo_head;
	uint32_t limbo_closed;
	uint32_t limbo_open;
	uint64_t bytes; /* of the mapping that holds all this; read by flow_table_destroy() */
};
static_assert(offsetof(struct flow_table, count) % CACHE_LINE == 0, "the writer's line");

/* Tags come from the hash's low end: owners use the top of the low half, buckets the high half. */
static inline uint16_t
flow_tag(uint64_t hash)
{
	const uint16_t tag = (uint16_t)hash;

	return tag != 0 ? tag : 1;
}

static inline uint32_t
flow_home(const struct flow_table *t, uint64_t hash)
{
	return (uint32_t)(((hash >> 32) * t->buckets_count) >> 32);
}

static inline uint32_t
bucket_after(const struct flow_table *t, uint32_t bucket)
{
	return bucket + 1 == t->buckets_count ? 0 : bucket + 1;
}

/* One bit for each of the word's four tags that equals `tag`. The sum sets a lane's high bit when
 * any lower bit of that lane is set and cannot carry into the next; the product brings bits 0, 16,
 * 32, 48 to 48..51, all other terms landing below them without a carry. */
static inline uint32_t
tag_word_match(uint64_t word, uint16_t tag)
{
	const uint64_t low = 0x7fff7fff7fff7fffu;
	const uint64_t differ = word ^ tag * 0x0001000100010001u;
	const uint64_t equal = ~(((differ & low) + low) | differ | low);

	return (uint32_t)(((equal >> 15) * 0x0001000200040008u) >> 48);
}

static inline uint32_t
bucket_match_portable(const struct flow_bucket *b, uint16_t tag)
{
	uint32_t match = 0;

	for (unsigned w = 0; w < FLOW_TAG_WORDS; w++) {
		/* Acquire: pairs with the release in tag_store(). */
		const uint64_t word = flow_load(&b->tags[w], memory_order_acquire);

		match |= tag_word_match(word, tag) << w * FLOW_TAGS_PER_WORD;
	}
	return match;
}

/* One bit for each slot of the bucket whose tag is `tag`. */
static inline uint32_t
bucket_match(const struct flow_bucket *b, uint16_t tag)
{
	return bucket_match_portable(b, tag);
}

/* One bit for each slot with a reachable entry. */
static inline uint32_t
bucket_live(const struct flow_bucket *b)
{
	return ~bucket_match(b, 0) & FLOW_SLOTS_ALL;
}

/* The slot's tag. Relaxed: the writer asks about what it stored itself, and a reader about a slot
 * that it found by bucket_match() before, which is not reused under it (F3). */
static inline uint16_t
slot_tag(const struct flow_table *t, uint32_t index)
{
	const uint32_t slot = index % FLOW_BUCKET_SLOTS;
	const uint64_t word =
		flow_load(&t->buckets[index / FLOW_BUCKET_SLOTS].tags[slot / FLOW_TAGS_PER_WORD],
			  memory_order_relaxed);

	return (uint16_t)(word >> slot % FLOW_TAGS_PER_WORD * 16);
}

static inline bool
flow_key_equal(const struct flow_key *published, const struct flow_key *key)
{
	uint64_t x[5], y[5];

	flow_read(x, published, sizeof(x));
	memcpy(y, key, sizeof(y));
	return ((x[0] ^ y[0]) | (x[1] ^ y[1]) | (x[2] ^ y[2]) | (x[3] ^ y[3]) | (x[4] ^ y[4])) == 0;
}
static_assert(sizeof(struct flow_key) == 5 * sizeof(uint64_t), "five words");
