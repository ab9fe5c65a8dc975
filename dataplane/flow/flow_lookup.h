/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_lookup.h: the steps of a lookup, for each form of the code to fill with its own match and
 * compare. Everything here is inlined into its caller, so that it takes on the caller's target. */
#pragma once

#include <assert.h>

#include "dataplane/flow/flow_code.h"
#include "dataplane/flow/flow_priv.h"

#define FLOW_INLINE static inline __attribute__((always_inline))

/* One bit for each slot of the bucket whose tag is `tag`; acquire, pairs with tag_store(). */
typedef uint32_t (*bucket_match_fn)(const struct flow_bucket *b, uint16_t tag);
/* The form's own lookup_find(), not inlined: one key in a hundred needs it. */
typedef uint32_t (*flow_find_fn)(const struct flow_table *t, const struct flow_key *key,
				 uint64_t hash);
typedef bool (*key_equal_fn)(const struct flow_key *published, const struct flow_key *key);

/* The whole search: every slot with the tag, bucket after bucket, until one that nothing passed
 * (F4). Relaxed: a key that is present keeps the count above 0 for all that know of it (B2). */
FLOW_INLINE uint32_t
lookup_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash,
	    bucket_match_fn match, key_equal_fn equal)
{
	const uint16_t tag = flow_tag(hash);
	uint32_t bucket = flow_home(t, hash);

	for (unsigned probe = 0; probe < FLOW_PROBES_MAX; probe++) {
		const struct flow_bucket *b = &t->buckets[bucket];

		for (uint32_t m = match(b, tag); m != 0; m &= m - 1) {
			const uint32_t index =
				bucket * FLOW_BUCKET_SLOTS + (uint32_t)__builtin_ctz(m);

			if (equal(&t->entries[index].key, key))
				return index;
		}
		if (flow_load(&b->overflow, memory_order_relaxed) == 0)
			break;
		bucket = bucket_after(t, bucket);
	}
	return FLOW_NONE;
}

/* Asks memory for a line, into the second cache: that one has twice as many misses on their way as
 * the first, and entries come from far away. Buckets often are in it already. */
#define prefetch_near(line) __builtin_prefetch(line, 0, 3)
#define prefetch_far(line)  __builtin_prefetch(line, 0, 2)

/* The steps of a burst's lookup. Each goes over all keys, so that the cache misses of one overlap
 * its neighbours'; and none has a branch that half hits and half misses would lead astray. */
FLOW_INLINE void
lookup_begin(const struct flow_table *t, struct flow_batch *b)
{
	for (uint16_t i = 0; i < b->n; i++) {
		b->buckets[i] = &t->buckets[flow_home(t, b->hashes[i])];
		prefetch_near(b->buckets[i]);
	}
}

/* The first slot in the home bucket with the key's tag most likely holds the key. Where there is
 * none, the key itself stands in for it, and the comparison goes well. */
FLOW_INLINE void
lookup_match(const struct flow_table *t, struct flow_batch *b, bucket_match_fn match)
{
	b->unsure = 0;
	for (uint16_t i = 0; i < b->n; i++) {
		const struct flow_bucket *home = b->buckets[i];
		const uint32_t m = match(home, flow_tag(b->hashes[i]));
		const bool none = m == 0;
		const bool passed = flow_load(&home->overflow, memory_order_relaxed) != 0;
		const uint32_t index = (uint32_t)(home - t->buckets) * FLOW_BUCKET_SLOTS +
				       (uint32_t)__builtin_ctz(m | 1u << FLOW_BUCKET_SLOTS);

		b->indices[i] = none ? FLOW_NONE : index;
		b->found[i] = none ? &b->keys[i] : &t->entries[index].key;
		b->unsure |= (uint64_t)(none & passed) << i;
		prefetch_far(b->found[i]);
	}
}

/* Searches for those keys whose candidate is another one. */
FLOW_INLINE void
lookup_settle(const struct flow_table *t, const struct flow_batch *b, flow_find_fn find,
	      key_equal_fn equal)
{
	for (uint16_t i = 0; i < b->n; i++) {
		if (!equal(b->found[i], &b->keys[i]))
			b->indices[i] = find(t, &b->keys[i], b->hashes[i]);
	}
}

/* Searches for those keys that others' probes may have passed by. */
FLOW_INLINE void
lookup_search(const struct flow_table *t, const struct flow_batch *b, flow_find_fn find)
{
	for (uint64_t m = b->unsure; m != 0; m &= m - 1) {
		const unsigned i = (unsigned)__builtin_ctzll(m);

		b->indices[i] = find(t, &b->keys[i], b->hashes[i]);
	}
}

FLOW_INLINE void
lookup_finish(const struct flow_table *t, const struct flow_batch *b, flow_find_fn find,
	      key_equal_fn equal)
{
	lookup_settle(t, b, find, equal);
	lookup_search(t, b, find);
}
