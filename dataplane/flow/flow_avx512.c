/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_avx512.c: hash and lookup for processors with 64-byte vectors, AES on them included. */
#include "dataplane/flow/flow_lookup.h"

#if defined(__x86_64__)
#include "dataplane/flow/cpu.h"
#include "dataplane/flow/flow_aes.h"

#define AVX512                                                                             \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,avx512cd,vaes,avx2,aes," \
			      "bmi,bmi2,lzcnt")))
#define LANES 4u

AVX512 static uint64_t
avx512_hash(const struct flow_secret *secret, const struct flow_key *key)
{
	return aes_hash(secret, key);
}

/* aes_block() on four blocks at once. */
AVX512 static inline __m512i
block_lanes(const struct flow_secret *secret, unsigned n, __m512i blocks)
{
	blocks = _mm512_xor_si512(blocks,
				  _mm512_broadcast_i32x4(aes_secret(secret, FLOW_AES_MASK + n)));
	for (unsigned r = 0; r < FLOW_AES_ROUNDS; r++)
		blocks = _mm512_aesenc_epi128(
			blocks, _mm512_broadcast_i32x4(aes_secret(secret, FLOW_AES_ROUND + r)));
	return blocks;
}

/* Block at `offset` of four keys. */
AVX512 static inline __m512i
load_lanes(const struct flow_key *keys, unsigned offset)
{
	const uint8_t *p = (const uint8_t *)keys + offset;
	__m512i v = _mm512_castsi128_si512(_mm_loadu_si128((const __m128i *)(const void *)p));

	v = _mm512_inserti32x4(
		v, _mm_loadu_si128((const __m128i *)(const void *)(p + sizeof(*keys))), 1);
	v = _mm512_inserti32x4(
		v, _mm_loadu_si128((const __m128i *)(const void *)(p + 2 * sizeof(*keys))), 2);
	return _mm512_inserti32x4(
		v, _mm_loadu_si128((const __m128i *)(const void *)(p + 3 * sizeof(*keys))), 3);
}

/* The blocks of four IPv4 keys: of each key, which is ten words of four bytes, words 0, 1, 2, 6. */
AVX512 static inline __m512i
load_ipv4_lanes(const struct flow_key *keys)
{
	const uint8_t *p = (const uint8_t *)keys;
	const __m512i a = _mm512_loadu_si512(p), b = _mm512_loadu_si512(p + 64);
	const __m512i rest = _mm512_castsi256_si512(
		_mm256_loadu_si256((const __m256i *)(const void *)(p + 128)));
	const __m512i of_both =
		_mm512_setr_epi32(0, 1, 2, 6, 10, 11, 12, 16, 20, 21, 22, 26, 30, 31, 0, 0);
	/* The two that are left, at 32 and 36. */
	const __m512i of_rest = _mm512_set_epi32(4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0);

	return _mm512_mask_permutexvar_epi32(_mm512_permutex2var_epi32(a, of_both, b), 0xc000,
					     of_rest, rest);
}
static_assert(LANES * sizeof(struct flow_key) == 64 + 64 + 32, "as above");

/* The four sums of aes_hash(), whose low halves are the hashes. */
AVX512 static inline __m512i
hash_lanes(const struct flow_secret *secret, const struct flow_key *keys)
{
	const __mmask16 first_words = 0x1111;
	const __m512i short_blocks = load_ipv4_lanes(keys);
	/* Lanes whose first byte is IPv4's. */
	const __mmask16 ipv4 = _mm512_mask_cmpeq_epi32_mask(
		first_words, _mm512_and_si512(short_blocks, _mm512_set1_epi32(0xff)),
		_mm512_set1_epi32(FAMILY_IPV4));
	const __mmask16 lanes = (__mmask16)(ipv4 * 0xfu);
	__m512i sum, rest;

	if (__builtin_expect(ipv4 == first_words, 1))
		return block_lanes(secret, 0, short_blocks);
	sum = block_lanes(secret, 0,
			  _mm512_mask_mov_epi32(load_lanes(keys, 0), lanes, short_blocks));
	rest = _mm512_xor_si512(block_lanes(secret, 1, load_lanes(keys, 16)),
				block_lanes(secret, 2, load_lanes(keys, 24)));
	return _mm512_mask_xor_epi32(sum, (__mmask16)~lanes, sum, rest);
}

AVX512 static void
avx512_hash_burst(const struct flow_secret *secret, const struct flow_key *keys, uint64_t *hashes,
		  uint16_t n)
{
	const __m512i low_halves = _mm512_setr_epi64(0, 2, 4, 6, 8, 10, 12, 14);
	unsigned i = 0;

	for (; i + 2 * LANES <= n; i += 2 * LANES)
		_mm512_storeu_si512(&hashes[i], _mm512_permutex2var_epi64(
							hash_lanes(secret, &keys[i]), low_halves,
							hash_lanes(secret, &keys[i + LANES])));
	for (; i < n; i++)
		hashes[i] = aes_hash(secret, &keys[i]);
}

#if defined(FLOW_ATOMICS_ONLY)
AVX512 static uint32_t
avx512_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return lookup_find(t, key, hash, bucket_match_portable, flow_key_equal);
}

AVX512 static void
avx512_begin(const struct flow_table *t, struct flow_batch *b)
{
	lookup_begin(t, b);
}

AVX512 static void
avx512_match(const struct flow_table *t, struct flow_batch *b)
{
	lookup_match(t, b, bucket_match_portable);
}

AVX512 static void
avx512_finish(const struct flow_table *t, struct flow_batch *b)
{
	lookup_finish(t, b, avx512_find, flow_key_equal);
}
#else
/* The processor reads each aligned word of a vector whole, and in order with later loads; the
 * signal fence holds the compiler to that order. */
AVX512 static inline uint32_t
match_avx512(const struct flow_bucket *b, uint16_t tag)
{
	const uint32_t match =
		_mm512_cmpeq_epi16_mask(_mm512_load_si512(b), _mm512_set1_epi16((short)tag));

	atomic_signal_fence(memory_order_acquire);
	return match & FLOW_SLOTS_ALL;
}

/* The five words of a key, by a mask. */
AVX512 static inline bool
equal_avx512(const struct flow_key *published, const struct flow_key *key)
{
	const __mmask8 words = 0x1f;

	return _mm512_mask_cmpneq_epi64_mask(words, _mm512_maskz_loadu_epi64(words, published),
					     _mm512_maskz_loadu_epi64(words, key)) == 0;
}

AVX512 static uint32_t
avx512_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return lookup_find(t, key, hash, match_avx512, equal_avx512);
}

#define HASHES_AT_ONCE 8u
#define KEYS_AT_ONCE   16u

/* Rounds up to whole vectors: hashes past the burst are taken for 0, which is as good as any. */
AVX512 static void
avx512_begin(const struct flow_table *t, struct flow_batch *b)
{
	const __m512i count = _mm512_set1_epi64(t->buckets_count);
	const __m512i base = _mm512_set1_epi64((long long)(uintptr_t)t->buckets);
	const __m512i slots = _mm512_set1_epi64(FLOW_BUCKET_SLOTS);
	const unsigned end = (b->n + KEYS_AT_ONCE - 1) / KEYS_AT_ONCE * KEYS_AT_ONCE;

	for (unsigned i = 0; i < end; i += HASHES_AT_ONCE) {
		const __mmask8 there = (__mmask8)_bzhi_u32(0xff, b->n > i ? b->n - i : 0);
		const __m512i hash = _mm512_maskz_loadu_epi64(there, &b->hashes[i]);
		/* flow_home(), flow_tag() in both halves of a word. */
		const __m512i home =
			_mm512_srli_epi64(_mm512_mul_epu32(_mm512_srli_epi64(hash, 32), count), 32);
		const __m512i tag =
			_mm512_max_epu16(_mm512_and_si512(hash, _mm512_set1_epi64(UINT16_MAX)),
					 _mm512_set1_epi64(1));

		_mm512_store_si512(&b->buckets[i],
				   _mm512_add_epi64(base, _mm512_slli_epi64(home, 6)));
		_mm256_store_si256((__m256i *)(void *)&b->firsts[i],
				   _mm512_cvtepi64_epi32(_mm512_mul_epu32(home, slots)));
		_mm256_store_si256(
			(__m256i *)(void *)&b->tags[i],
			_mm512_cvtepi64_epi32(_mm512_or_si512(tag, _mm512_slli_epi64(tag, 16))));
	}
	for (unsigned i = 0; i < b->n; i++)
		prefetch_near(b->buckets[i]);
}

/* Where a bucket's line has its overflow count, in halves of words. */
#define OVERFLOW_AT    (offsetof(struct flow_bucket, overflow) / sizeof(uint16_t))

/* Of 16 keys, in each word: bits of the slots with the tag; above them, whether nothing passed. */
AVX512 static inline void
tags_compare(const struct flow_batch *b, unsigned from, uint32_t matches[KEYS_AT_ONCE])
{
	const __mmask16 tags = (1u << FLOW_TAG_WORDS * 2) - 1;
	const __mmask32 wanted = FLOW_SLOTS_ALL | 1u << OVERFLOW_AT;

	for (unsigned i = 0; i < KEYS_AT_ONCE; i++) {
		/* Zero is what the overflow count is compared with. */
		const __m512i tag = _mm512_maskz_set1_epi32(tags, (int)b->tags[from + i]);

		matches[i] = _mm512_mask_cmpeq_epi16_mask(wanted, tag,
							  _mm512_load_si512(b->buckets[from + i]));
	}
	/* As in match_avx512(). */
	atomic_signal_fence(memory_order_acquire);
}

/* Stores 8 places: entries, or where a key has none (by mask) the key itself. */
AVX512 static inline void
found_store(const struct flow_table *t, struct flow_batch *b, unsigned from, __m256i index,
	    __mmask8 some)
{
	const __m512i entries = _mm512_set1_epi64((long long)(uintptr_t)t->entries);
	const __m512i keys =
		_mm512_add_epi64(_mm512_set1_epi64((long long)(uintptr_t)&b->keys[from]),
				 _mm512_setr_epi64(0, 40, 80, 120, 160, 200, 240, 280));

	_mm512_store_si512(
		&b->found[from],
		_mm512_mask_add_epi64(keys, some, entries,
				      _mm512_slli_epi64(_mm512_cvtepu32_epi64(index), 6)));
}
static_assert(sizeof(struct flow_key) == 40 && sizeof(struct flow_entry) == 64, "as above");

/* What lookup_match() does, for 16 keys. */
AVX512 static inline void
candidates_store(const struct flow_table *t, struct flow_batch *b, unsigned from,
		 const uint32_t matches[KEYS_AT_ONCE])
{
	const __mmask16 there = (__mmask16)_bzhi_u32(0xffff, b->n - from);
	const __m512i match = _mm512_load_si512(matches);
	const __m512i slots = _mm512_and_si512(match, _mm512_set1_epi32(FLOW_SLOTS_ALL));
	const __mmask16 some = _mm512_test_epi32_mask(slots, slots);
	const __mmask16 passed =
		_mm512_testn_epi32_mask(match, _mm512_set1_epi32(1 << OVERFLOW_AT));
	const __m512i lowest =
		_mm512_and_si512(slots, _mm512_sub_epi32(_mm512_setzero_si512(), slots));
	const __m512i slot = _mm512_sub_epi32(_mm512_set1_epi32(31), _mm512_lzcnt_epi32(lowest));
	const __m512i index = _mm512_add_epi32(_mm512_load_si512(&b->firsts[from]), slot);

	_mm512_mask_storeu_epi32(&b->indices[from], there,
				 _mm512_mask_mov_epi32(_mm512_set1_epi32(-1), some, index));
	found_store(t, b, from, _mm512_castsi512_si256(index), (__mmask8)some);
	found_store(t, b, from + 8, _mm512_extracti64x4_epi64(index, 1), (__mmask8)(some >> 8));
	b->unsure |= (uint64_t)(there & ~some & passed) << from;
}

AVX512 static void
avx512_match(const struct flow_table *t, struct flow_batch *b)
{
	alignas(CACHE_LINE) uint32_t matches[BURST_MAX];

	b->unsure = 0;
	/* Two loops: a vector of what was stored in pieces can be loaded after a while only. */
	for (unsigned i = 0; i < b->n; i += KEYS_AT_ONCE)
		tags_compare(b, i, &matches[i]);
	for (unsigned i = 0; i < b->n; i += KEYS_AT_ONCE) {
		candidates_store(t, b, i, &matches[i]);
		for (unsigned k = i; k < i + KEYS_AT_ONCE; k++)
			prefetch_far(b->found[k]);
	}
}

/* Whether any key differs from what was found for it: hardly ever, so they are asked together. */
AVX512 static inline bool
any_differs(const struct flow_batch *b)
{
	__m256i differ = _mm256_setzero_si256();
	uint64_t last = 0;

	for (unsigned i = 0; i < b->n; i++) {
		const uint8_t *key = (const uint8_t *)&b->keys[i];
		const uint8_t *found = (const uint8_t *)b->found[i];
		uint64_t x, y;

		/* Of the key, the one found, and what differed so far: the last or (the first
		 * two's exclusive or). */
		differ = _mm256_ternarylogic_epi64(
			differ, _mm256_loadu_si256((const __m256i *)(const void *)key),
			_mm256_loadu_si256((const __m256i *)(const void *)found), 0xf6);
		memcpy(&x, key + 32, sizeof(x));
		memcpy(&y, found + 32, sizeof(y));
		last |= x ^ y;
	}
	return last != 0 || !_mm256_testz_si256(differ, differ);
}

AVX512 static void
avx512_finish(const struct flow_table *t, struct flow_batch *b)
{
	if (any_differs(b))
		lookup_settle(t, b, avx512_find, equal_avx512);
	lookup_search(t, b, avx512_find);
}
#endif

static bool
avx512_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
	       __builtin_cpu_supports("avx512cd") && cpu_has_vaes() &&
	       __builtin_cpu_supports("aes") && __builtin_cpu_supports("avx2") &&
	       __builtin_cpu_supports("bmi2") && cpu_has_lzcnt();
}

const struct flow_code flow_code_avx512 = {
	.name = "avx512",
	.usable = avx512_usable,
	.hash = avx512_hash,
	.hash_burst = avx512_hash_burst,
	.find = avx512_find,
	.begin = avx512_begin,
	.match = avx512_match,
	.finish = avx512_finish,
};
#endif
