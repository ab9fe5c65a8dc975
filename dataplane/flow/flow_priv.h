/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_priv.h: buckets and the table's own fields, for flow.c, flow_memory.c and their tests. */
#pragma once

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

#include <stddef.h>

#include "dataplane/flow/flow.h"

#define FLOW_BUCKET_SLOTS    28u
#define FLOW_BUCKET_EXPECTED 21u /* keys per bucket in a table filled to its capacity: 75 % */
#define FLOW_TAG_WORDS       7u
#define FLOW_TAGS_PER_WORD   4u
#define FLOW_SLOTS_ALL       ((1u << FLOW_BUCKET_SLOTS) - 1)

/* One line. tags: four 16-bit tags per word, slot s in bits 16 * (s % 4) of word s / 4; tag 0: no
 * reachable entry. They are kept as words because the writer alone changes them: it stores a whole
 * word (release; acquire in bucket_match and bucket_live), and a reader loads seven, not
 * twenty-eight.
 *
 * B1  A slot whose tag is not 0 is busy; a busy slot whose tag is 0 waits in limbo.
 * B2  `overflow` counts the reachable entries of other buckets whose probe passed by this one. It
 *     goes up before such an entry's tag is published and down after the tag is cleared, so a
 *     reader who may rely on the key finds it above 0. */
struct flow_bucket {
	alignas(CACHE_LINE) _Atomic uint64_t tags[FLOW_TAG_WORDS];
	uint32_t busy; /* one bit per slot; writer only */
	_Atomic uint32_t overflow;
};
static_assert(sizeof(struct flow_bucket) == CACHE_LINE, "one line");
static_assert(FLOW_TAG_WORDS * FLOW_TAGS_PER_WORD == FLOW_BUCKET_SLOTS, "a tag per slot");
static_assert(ATOMIC_LLONG_LOCK_FREE == 2 && sizeof(long long) == 8, "readers have no locks");

/* The first line is constant after creation, the second belongs to the writer. */
struct flow_table {
	alignas(CACHE_LINE) struct flow_bucket *buckets;
	struct flow_entry *entries;
	struct flow_detail *details;
	uint32_t *limbo; /* ring of deleted slots; room for all */
	uint32_t buckets_count;
	uint32_t slots;
	uint32_t capacity;
	uint16_t worker;
	struct flow_secret secret;

	alignas(CACHE_LINE) _Atomic uint32_t count; /* reachable entries; read by anyone */
	uint32_t expire_cursor;
	/* Ring positions, all below `slots`: the closed batch is [head, head + closed), the open
	 * one the `open` after it. Each slot is in it at most once, so it cannot overrun. */
	uint32_t limbo_head;
	uint32_t limbo_closed;
	uint32_t limbo_open;
	uint64_t bytes; /* of the mapping that holds all this; read by flow_table_destroy() */
};
static_assert(offsetof(struct flow_table, count) == CACHE_LINE, "the writer's line");

/* Maps zeroed memory of `bytes`, present, near `numa_node` if it is not -1. Served by
 * flow_memory.c. 0, -EINVAL (no such node) or -ENOMEM. */
int flow_memory_map(uint64_t bytes, int numa_node, void **out);
void flow_memory_unmap(void *memory, uint64_t bytes);

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
		const uint64_t word = atomic_load_explicit(&b->tags[w], memory_order_acquire);

		match |= tag_word_match(word, tag) << w * FLOW_TAGS_PER_WORD;
	}
	return match;
}

#if defined(__SSE2__)
/* The same by vectors. This processor reads each aligned half of a vector whole and in order with
 * later loads; the signal fence holds the compiler to that order. So it is the acquire above, in a
 * form that C has no word for. */
static inline uint32_t
bucket_match_sse2(const struct flow_bucket *b, uint16_t tag)
{
	const __m128i *line = (const __m128i *)(const void *)b;
	const __m128i wanted = _mm_set1_epi16((short)tag);
	const __m128i first = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line), wanted),
					      _mm_cmpeq_epi16(_mm_load_si128(line + 1), wanted));
	const __m128i second = _mm_packs_epi16(_mm_cmpeq_epi16(_mm_load_si128(line + 2), wanted),
					       _mm_cmpeq_epi16(_mm_load_si128(line + 3), wanted));
	const uint32_t match =
		(uint32_t)_mm_movemask_epi8(first) | (uint32_t)_mm_movemask_epi8(second) << 16;

	atomic_signal_fence(memory_order_acquire);
	return match & FLOW_SLOTS_ALL;
}
#endif

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FLOW_THREAD_SANITIZER 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define FLOW_THREAD_SANITIZER 1
#endif

/* One bit for each slot of the bucket whose tag is `tag`. The thread sanitizer knows only C's own
 * atomics, so it gets the portable form, and checks the protocol by it. */
static inline uint32_t
bucket_match(const struct flow_bucket *b, uint16_t tag)
{
#if defined(__SSE2__) && !defined(FLOW_THREAD_SANITIZER)
	return bucket_match_sse2(b, tag);
#else
	return bucket_match_portable(b, tag);
#endif
}

/* One bit for each slot with a reachable entry. */
static inline uint32_t
bucket_live(const struct flow_bucket *b)
{
	return ~bucket_match(b, 0) & FLOW_SLOTS_ALL;
}
