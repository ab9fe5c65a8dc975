/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_avx512.c: hash and lookup for processors with 64-byte vectors, AES on them included. */
#include "dataplane/flow/flow_lookup.h"

#if defined(__x86_64__)
#include "dataplane/flow/cpu.h"
#include "dataplane/flow/flow_aes.h"

#define AVX512                                                                               \
	__attribute__((target("avx512f,avx512bw,avx512dq,avx512vl,vaes,avx2,aes,bmi,bmi2,lz" \
			      "cnt")))
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

/* aes_hash() of four keys. */
AVX512 static inline void
hash_lanes(const struct flow_secret *secret, const struct flow_key *keys, uint64_t *hashes)
{
	const __m512i first = load_lanes(keys, 0), third = load_lanes(keys, 24);
	/* Lanes whose first byte is IPv4's. */
	const __mmask8 v4 = (__mmask8)_mm512_cmpeq_epi64_mask(
		_mm512_and_si512(first, _mm512_set1_epi64(0xff)), _mm512_set1_epi64(FAMILY_IPV4));
	const bool all_v4 = (v4 & 0x55) == 0x55;
	/* Of IPv4 lanes words 0 to 2 stay, and word 3 becomes word 0 of the third block. */
	const __m512i moved = _mm512_shuffle_epi32(third, _MM_PERM_AAAA);
	const __m512i packed = _mm512_mask_mov_epi32(first, 0x8888, moved);
	__m512i sum;

	if (__builtin_expect(all_v4, 1)) {
		sum = block_lanes(secret, 0, packed);
	} else {
		/* Both halves of a lane, from its first half's answer. */
		const __mmask8 lanes = (__mmask8)((v4 & 0x55) | (v4 & 0x55) << 1);
		const __m512i rest = _mm512_xor_si512(block_lanes(secret, 1, load_lanes(keys, 16)),
						      block_lanes(secret, 2, third));

		sum = block_lanes(secret, 0, _mm512_mask_mov_epi64(first, lanes, packed));
		sum = _mm512_mask_xor_epi64(sum, (__mmask8)~lanes, sum, rest);
	}
	/* The low half of each lane. */
	_mm256_storeu_si256((__m256i *)(void *)hashes,
			    _mm512_castsi512_si256(_mm512_maskz_compress_epi64(0x55, sum)));
}

AVX512 static void
avx512_hash_burst(const struct flow_secret *secret, const struct flow_key *keys, uint64_t *hashes,
		  uint16_t n)
{
	uint16_t i = 0;

	for (; i + LANES <= n; i = (uint16_t)(i + LANES))
		hash_lanes(secret, &keys[i], &hashes[i]);
	for (; i < n; i++)
		hashes[i] = aes_hash(secret, &keys[i]);
}

#if defined(FLOW_ATOMICS_ONLY)
#define match_avx512 bucket_match_portable
#define equal_avx512 flow_key_equal
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
#endif

AVX512 static uint32_t
avx512_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return lookup_find(t, key, hash, match_avx512, equal_avx512);
}

AVX512 static void
avx512_burst(const struct flow_table *t, const struct flow_key *keys, const uint64_t *hashes,
	     uint32_t *indices, uint16_t n)
{
	lookup_burst(t, keys, hashes, indices, n, avx512_find, match_avx512, equal_avx512);
}

AVX512 static void
avx512_carry(const struct flow_table *t, const struct flow_batch *fresh, struct flow_batch *middle,
	     const struct flow_batch *old)
{
	lookup_carry(t, fresh, middle, old, avx512_find, match_avx512, equal_avx512);
}

static bool
avx512_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512dq") && __builtin_cpu_supports("avx512vl") &&
	       cpu_has_vaes() && __builtin_cpu_supports("aes") && __builtin_cpu_supports("avx2") &&
	       __builtin_cpu_supports("bmi2") && cpu_has_lzcnt();
}

const struct flow_code flow_code_avx512 = {
	.name = "avx512",
	.usable = avx512_usable,
	.hash = avx512_hash,
	.hash_burst = avx512_hash_burst,
	.find = avx512_find,
	.burst = avx512_burst,
	.carry = avx512_carry,
};
#endif
