/* SPDX-License-Identifier: BSD-3-Clause */
/* siphash.h: SipHash-c-d, a keyed hash (Aumasson and Bernstein, "SipHash: a fast short-input PRF",
 * 2012).
 *
 * The round counts and the size are arguments so that the published vectors can be run against the
 * very code that the flow table uses; where they are constants, the compiler unrolls everything. */
#pragma once

#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct siphash_state {
	uint64_t v[4];
};

static inline uint64_t
siphash_rotate(uint64_t x, unsigned bits)
{
	return x << bits | x >> (64 - bits);
}

static inline void
siphash_rounds(struct siphash_state *s, unsigned rounds)
{
	for (unsigned i = 0; i < rounds; i++) {
		s->v[0] += s->v[1];
		s->v[2] += s->v[3];
		s->v[1] = siphash_rotate(s->v[1], 13) ^ s->v[0];
		s->v[3] = siphash_rotate(s->v[3], 16) ^ s->v[2];
		s->v[0] = siphash_rotate(s->v[0], 32);
		s->v[2] += s->v[1];
		s->v[0] += s->v[3];
		s->v[1] = siphash_rotate(s->v[1], 17) ^ s->v[2];
		s->v[3] = siphash_rotate(s->v[3], 21) ^ s->v[0];
		s->v[2] = siphash_rotate(s->v[2], 32);
	}
}

/* The first `bytes` (1..8) at `data` as a little-endian number. */
static inline uint64_t
siphash_word(const uint8_t *data, size_t bytes)
{
	uint64_t word = 0;

	memcpy(&word, data, bytes);
#if __BYTE_ORDER__ == __ORDER_BIG_ENDIAN__
	word = __builtin_bswap64(word);
#endif
	return word;
}

static inline uint64_t
siphash(const uint64_t key[2], const void *data, size_t bytes, unsigned c_rounds, unsigned d_rounds)
{
	const uint8_t *p = data;
	struct siphash_state s = { { key[0] ^ 0x736f6d6570736575u, key[1] ^ 0x646f72616e646f6du,
				     key[0] ^ 0x6c7967656e657261u, key[1] ^ 0x7465646279746573u } };
	uint64_t last = (uint64_t)bytes << 56;
	size_t at = 0;

	for (; at + 8 <= bytes; at += 8) {
		const uint64_t word = siphash_word(p + at, 8);

		s.v[3] ^= word;
		siphash_rounds(&s, c_rounds);
		s.v[0] ^= word;
	}
	if (at < bytes)
		last |= siphash_word(p + at, bytes - at);
	s.v[3] ^= last;
	siphash_rounds(&s, c_rounds);
	s.v[0] ^= last;
	s.v[2] ^= 0xff;
	siphash_rounds(&s, d_rounds);
	return s.v[0] ^ s.v[1] ^ s.v[2] ^ s.v[3];
}
