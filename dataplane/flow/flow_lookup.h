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
typedef bool (*key_equal_fn)(const struct flow_key *published, const struct flow_key *key);

/* A second word for the passes below: the home bucket does not tell; see flow_find(). No slot has
 * this index. */
#define FLOW_UNSURE (UINT32_MAX - 1)
static_assert((FLOW_CAPACITY_MAX / FLOW_BUCKET_EXPECTED + 1) * (uint64_t)FLOW_BUCKET_SLOTS <
		      FLOW_UNSURE,
	      "indices stay below the two words");

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

FLOW_INLINE void
lookup_start(const struct flow_table *t, const uint64_t *hashes, uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		__builtin_prefetch(&t->buckets[flow_home(t, hashes[i])]);
}

FLOW_INLINE void
lookup_match(const struct flow_table *t, const uint64_t *hashes, uint32_t *indices, uint16_t n,
	     bucket_match_fn match)
{
	for (uint16_t i = 0; i < n; i++) {
		indices[i] = lookup_candidate(t, hashes[i], match);
		/* Without a branch, for which half hits and half misses would be the worst. */
		__builtin_prefetch(&t->entries[indices[i] < t->slots ? indices[i] : 0]);
	}
}

FLOW_INLINE void
lookup_compare(const struct flow_table *t, const struct flow_key *keys, const uint64_t *hashes,
	       uint32_t *indices, uint16_t n, key_equal_fn equal)
{
	for (uint16_t i = 0; i < n; i++) {
		if (indices[i] == FLOW_NONE)
			continue;
		if (indices[i] == FLOW_UNSURE || !equal(&t->entries[indices[i]].key, &keys[i]))
			indices[i] = flow_find(t, &keys[i], hashes[i]);
	}
}

/* As lookup_compare(), for candidates since whose match the writer may have inserted and deleted:
 * one whose slot was given up must not be found, a key that came must be. */
FLOW_INLINE void
lookup_finish(const struct flow_table *t, const struct flow_key *keys, const uint64_t *hashes,
	      uint32_t *indices, uint16_t n, key_equal_fn equal)
{
	for (uint16_t i = 0; i < n; i++) {
		if (indices[i] >= t->slots || slot_tag(t, indices[i]) != flow_tag(hashes[i]) ||
		    !equal(&t->entries[indices[i]].key, &keys[i]))
			indices[i] = flow_find(t, &keys[i], hashes[i]);
	}
}
