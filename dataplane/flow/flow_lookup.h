/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_lookup.h: the passes of a lookup, for each form of the code to fill with its own match and
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

/* A second word for the passes below: the home bucket does not tell; see lookup_find(). No slot has
 * this index. */
#define FLOW_UNSURE (UINT32_MAX - 1)
static_assert((FLOW_CAPACITY_MAX / FLOW_BUCKET_EXPECTED + 1) * (uint64_t)FLOW_BUCKET_SLOTS <
		      FLOW_UNSURE,
	      "indices stay below the two words");

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

/* The slot in the home bucket that most likely holds the key. */
FLOW_INLINE uint32_t
lookup_candidate(const struct flow_table *t, uint64_t hash, bucket_match_fn match)
{
	const uint32_t bucket = flow_home(t, hash);
	const struct flow_bucket *b = &t->buckets[bucket];
	const uint32_t m = match(b, flow_tag(hash));

	if (m != 0)
		return bucket * FLOW_BUCKET_SLOTS + (uint32_t)__builtin_ctz(m);
	return flow_load(&b->overflow, memory_order_relaxed) == 0 ? FLOW_NONE : FLOW_UNSURE;
}

/* Asks memory for an entry; for none or an unsure one, without a branch, for the first: half hits
 * and half misses would be the worst for one. */
FLOW_INLINE void
lookup_prefetch(const struct flow_table *t, uint32_t index)
{
	__builtin_prefetch(&t->entries[index < t->slots ? index : 0]);
}

/* Three passes, so that the cache misses of one key overlap its neighbours'. */
FLOW_INLINE void
lookup_burst(const struct flow_table *t, const struct flow_key *keys, const uint64_t *hashes,
	     uint32_t *indices, uint16_t n, flow_find_fn find, bucket_match_fn match,
	     key_equal_fn equal)
{
	for (uint16_t i = 0; i < n; i++)
		__builtin_prefetch(&t->buckets[flow_home(t, hashes[i])]);
	for (uint16_t i = 0; i < n; i++) {
		indices[i] = lookup_candidate(t, hashes[i], match);
		lookup_prefetch(t, indices[i]);
	}
	for (uint16_t i = 0; i < n; i++) {
		if (indices[i] == FLOW_NONE)
			continue;
		if (indices[i] == FLOW_UNSURE || !equal(&t->entries[indices[i]].key, &keys[i]))
			indices[i] = find(t, &keys[i], hashes[i]);
	}
}

/* Whether the candidate of an old key is no answer, and the whole search has to be made. */
FLOW_INLINE bool
lookup_is_open(const struct flow_table *t, const struct flow_batch *old, uint16_t i,
	       key_equal_fn equal)
{
	const uint32_t index = old->indices[i];

	/* A key that came after the match must be found. */
	if (index == FLOW_NONE)
		return old->inserted != t->inserted;
	/* A slot that was given up after the match must not, though the key is still in it. */
	return index == FLOW_UNSURE || !equal(&t->entries[index].key, &old->keys[i]) ||
	       (old->deleted != t->deleted && slot_tag(t, index) != flow_tag(old->hashes[i]));
}

/* One key of each burst at a time: what they wait for is then spread evenly. */
FLOW_INLINE void
lookup_carry(const struct flow_table *t, const struct flow_batch *fresh, struct flow_batch *middle,
	     const struct flow_batch *old, flow_find_fn find, bucket_match_fn match,
	     key_equal_fn equal)
{
	const uint16_t n = fresh->n > middle->n ? fresh->n : middle->n;

	for (uint16_t i = 0; i < n || i < old->n; i++) {
		if (i < fresh->n)
			__builtin_prefetch(&t->buckets[flow_home(t, fresh->hashes[i])]);
		if (i < middle->n) {
			middle->indices[i] = lookup_candidate(t, middle->hashes[i], match);
			lookup_prefetch(t, middle->indices[i]);
		}
		if (i < old->n && lookup_is_open(t, old, i, equal))
			old->indices[i] = find(t, &old->keys[i], old->hashes[i]);
	}
	middle->inserted = t->inserted;
	middle->deleted = t->deleted;
}
