/* SPDX-License-Identifier: BSD-3-Clause */
/* sum.h: the one's complement sum of RFC 1071 in 64 bits; private to parse/.
 *
 * The sum does not depend on byte order or on the width of its words (RFC 1071 2B, 2C): they are
 * added as this processor loads them, eight bytes at a time, and folded once. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "sum_number() turns numbers round");

static inline uint64_t
word_load(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
word_store(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
}

/* Sums are of 64 bits, whose carry comes in again below. */
static inline uint64_t
sum_word(uint64_t sum, uint64_t word)
{
	sum += word;
	return sum + (sum < word);
}

/* Of `bytes` >= 8, at any alignment. */
static inline uint64_t
sum_bytes(const uint8_t *data, uint32_t bytes)
{
	uint64_t a = 0, b = 0;

	for (; bytes >= 16; bytes -= 16, data += 16) {
		a = sum_word(a, word_load(data));
		b = sum_word(b, word_load(data + 8));
	}
	if (bytes >= 8) {
		a = sum_word(a, word_load(data));
		data += 8;
		bytes -= 8;
	}
	/* The last word, less what of it was added. */
	if (bytes > 0)
		b = sum_word(b, word_load(data + bytes - 8) >> (64 - 8 * bytes));
	return sum_word(a, b);
}

/* Of a number below 2^16 as a field of network byte order. */
static inline uint64_t
sum_number(uint32_t number)
{
	return __builtin_bswap16((uint16_t)number);
}

/* The 16-bit sum, in this processor's order. */
static inline uint16_t
sum_fold(uint64_t sum)
{
	uint32_t v = (uint32_t)(sum >> 32);

	v += (uint32_t)sum;
	v += v < (uint32_t)sum;
	return (uint16_t)((v + (v >> 16 | v << 16)) >> 16);
}

/* Whether what was summed has a right checksum in it. */
static inline bool
sum_is_right(uint64_t sum)
{
	return sum_fold(sum) == UINT16_MAX;
}
