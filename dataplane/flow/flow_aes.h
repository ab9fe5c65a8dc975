/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_aes.h: the keyed hash by AES, of one key.
 *
 * Each block of the key, masked by a secret of its own, goes through four rounds of AES under
 * secret round keys; the results are added (xor), and half of the sum is the hash. Four rounds
 * under independent keys leave two given blocks a chance of at most 2^-113 to differ by a given
 * amount (Keliher and Sui, "Exact maximum expected differential and linear probability for
 * two-round Advanced Encryption Standard", 2007); of one or two rounds the result shows its input.
 */
#pragma once

#if defined(__x86_64__)
#include <immintrin.h>

#include "common/base/address.h"
#include "dataplane/flow/flow.h"

#define FLOW_AES_ROUNDS 4

/* Where struct flow_secret keeps its parts, in blocks of 16 bytes. */
enum flow_aes_secret { FLOW_AES_MASK = 0, FLOW_AES_ROUND = 3 };
static_assert(sizeof(struct flow_secret) == 16 * (FLOW_AES_ROUND + FLOW_AES_ROUNDS), "all used");

__attribute__((target("aes,sse4.1"))) static inline __m128i
aes_secret(const struct flow_secret *secret, unsigned part)
{
	return _mm_load_si128((const __m128i *)(const void *)secret + part);
}

__attribute__((target("aes,sse4.1"))) static inline __m128i
aes_block(const struct flow_secret *secret, unsigned n, __m128i block)
{
	block = _mm_xor_si128(block, aes_secret(secret, FLOW_AES_MASK + n));
	block = _mm_aesenc_si128(block, aes_secret(secret, FLOW_AES_ROUND));
	block = _mm_aesenc_si128(block, aes_secret(secret, FLOW_AES_ROUND + 1));
	block = _mm_aesenc_si128(block, aes_secret(secret, FLOW_AES_ROUND + 2));
	return _mm_aesenc_si128(block, aes_secret(secret, FLOW_AES_ROUND + 3));
}

/* An IPv6 key is three blocks, the last of which begins within the second; of an IPv4 key the 24
 * bytes that are zero by contract are left out, and one block remains. The family is in the first
 * block, so the two kinds do not meet. */
__attribute__((target("aes,sse4.1"))) static inline uint64_t
aes_hash(const struct flow_secret *secret, const struct flow_key *key)
{
	const uint8_t *bytes = (const uint8_t *)key;
	const __m128i first = _mm_loadu_si128((const __m128i *)(const void *)bytes);
	const __m128i second = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 16));
	const __m128i third = _mm_loadu_si128((const __m128i *)(const void *)(bytes + 24));
	__m128i sum;

	if (key->family == FAMILY_IPV4)
		/* Words 0 to 2, and the word at byte 24. */
		sum = aes_block(secret, 0, _mm_insert_epi32(first, _mm_cvtsi128_si32(third), 3));
	else
		sum = _mm_xor_si128(
			_mm_xor_si128(aes_block(secret, 0, first), aes_block(secret, 1, second)),
			aes_block(secret, 2, third));
	return (uint64_t)_mm_cvtsi128_si64(sum);
}
#endif
