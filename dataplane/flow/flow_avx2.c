/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_avx2.c: hash and lookup for processors with AES and 32-byte vectors. */
#include "dataplane/flow/flow_lookup.h"

#if defined(__x86_64__)
#include "dataplane/flow/cpu.h"
#include "dataplane/flow/flow_aes.h"

#define AVX2 __attribute__((target("avx2,aes,bmi,bmi2,lzcnt")))

AVX2 static uint64_t
avx2_hash(const struct flow_secret *secret, const struct flow_key *key)
{
	return aes_hash(secret, key);
}

AVX2 static void
avx2_hash_burst(const struct flow_secret *secret, const struct flow_key *keys, uint64_t *hashes,
		uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		hashes[i] = aes_hash(secret, &keys[i]);
}

#if defined(FLOW_ATOMICS_ONLY)
#define match_avx2 bucket_match_portable
#define equal_avx2 flow_key_equal
#else
/* The processor reads each aligned word of a vector whole, and in order with later loads; the
 * signal fence holds the compiler to that order. */
AVX2 static inline uint32_t
match_avx2(const struct flow_bucket *b, uint16_t tag)
{
	const __m256i *line = (const __m256i *)(const void *)b;
	const __m256i wanted = _mm256_set1_epi16((short)tag);
	/* Packing goes by halves, hence the permutation. */
	const __m256i equal = _mm256_permute4x64_epi64(
		_mm256_packs_epi16(_mm256_cmpeq_epi16(_mm256_load_si256(line), wanted),
				   _mm256_cmpeq_epi16(_mm256_load_si256(line + 1), wanted)),
		0xd8);
	const uint32_t match = (uint32_t)_mm256_movemask_epi8(equal);

	atomic_signal_fence(memory_order_acquire);
	return match & FLOW_SLOTS_ALL;
}

AVX2 static inline bool
equal_avx2(const struct flow_key *published, const struct flow_key *key)
{
	const uint8_t *a = (const uint8_t *)published, *b = (const uint8_t *)key;
	const __m256i differ =
		_mm256_xor_si256(_mm256_load_si256((const __m256i *)(const void *)a),
				 _mm256_loadu_si256((const __m256i *)(const void *)b));
	uint64_t x, y;

	memcpy(&x, a + 32, sizeof(x));
	memcpy(&y, b + 32, sizeof(y));
	return _mm256_testz_si256(differ, differ) && x == y;
}
#endif

AVX2 static uint32_t
avx2_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return lookup_find(t, key, hash, match_avx2, equal_avx2);
}

AVX2 static void
avx2_begin(const struct flow_table *t, struct flow_batch *b)
{
	lookup_begin(t, b);
}

AVX2 static void
avx2_match(const struct flow_table *t, struct flow_batch *b)
{
	lookup_match(t, b, match_avx2);
}

AVX2 static void
avx2_finish(const struct flow_table *t, struct flow_batch *b)
{
	lookup_finish(t, b, avx2_find, equal_avx2);
}

static bool
avx2_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("aes") &&
	       __builtin_cpu_supports("bmi") && __builtin_cpu_supports("bmi2") && cpu_has_lzcnt();
}

const struct flow_code flow_code_avx2 = {
	.name = "avx2",
	.usable = avx2_usable,
	.hash = avx2_hash,
	.hash_burst = avx2_hash_burst,
	.find = avx2_find,
	.begin = avx2_begin,
	.match = avx2_match,
	.finish = avx2_finish,
};
#endif
