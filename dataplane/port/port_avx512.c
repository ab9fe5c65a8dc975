/* SPDX-License-Identifier: BSD-3-Clause */
/* port_avx512.c: puts records into rings by whole lines. */
#include "dataplane/port/port_put.h"

#if defined(__x86_64__)
#include <immintrin.h>

#define AVX512 __attribute__((target("avx512f,avx512bw,avx512vl,bmi2")))

/* Of the packet, beside the head. */
#define FIRST_BYTES (CACHE_LINE - (uint32_t)sizeof(struct record_head))

/* The first line is the head with up to 48 bytes of packet behind. These are loaded as 32 and 16,
 * what lies behind the packet masked out: a load of 48 would wait for the line after the packet's,
 * which nobody has touched. */
AVX512 static inline __attribute__((always_inline)) __m512i
first_line(const struct rx_put *put, uint32_t bytes)
{
	const __m512i head =
		_mm512_broadcast_i32x4(_mm_loadu_si128((const __m128i *)(const void *)&put->head));
	const uint32_t first = bytes < FIRST_BYTES ? bytes : FIRST_BYTES;
	const __m256i near = _mm256_maskz_loadu_epi8(_bzhi_u32(~0u, first), put->packet);
	const __m128i far = _mm_maskz_loadu_epi8(
		(__mmask16)_bzhi_u32(~0u, first > 32 ? first - 32 : 0), put->packet + 32);

	return _mm512_inserti32x4(_mm512_alignr_epi32(_mm512_castsi256_si512(near), head, 12), far,
				  3);
}

/* Stores go past the caches: the application's core holds these lines, since it read them when the
 * ring was here last. A store into the cache would first have to fetch each from there, this one
 * takes it away there and waits for nobody. */
AVX512 static inline __attribute__((always_inline)) void
line_store(uint8_t *at, __m512i line)
{
	_mm512_stream_si512((void *)at, line);
}

AVX512 static inline __attribute__((always_inline)) void
write_lines(uint8_t *at, const struct rx_put *put, uint32_t bytes)
{
	const uint8_t *from = put->packet + FIRST_BYTES;

	line_store(at, first_line(put, bytes));
	if (bytes <= FIRST_BYTES)
		return;
	for (bytes -= FIRST_BYTES; bytes >= CACHE_LINE; bytes -= CACHE_LINE) {
		at += CACHE_LINE;
		line_store(at, _mm512_loadu_si512(from));
		from += CACHE_LINE;
	}
	if (bytes > 0)
		line_store(at + CACHE_LINE, _mm512_maskz_loadu_epi8(_bzhi_u64(~0ull, bytes), from));
}

AVX512 static void
avx512_put_burst(struct rx_ring *r, const struct rx_put *puts, uint16_t n,
		 struct rx_put_result *result)
{
	put_burst(r, puts, n, result, write_lines, false);
}

/* Such stores keep no order with those of the counts. */
static void
avx512_settle(void)
{
	_mm_sfence();
}

static bool
avx512_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") &&
	       __builtin_cpu_supports("avx512vl") && __builtin_cpu_supports("bmi2");
}

const struct port_code port_code_avx512 = {
	.name = "avx512",
	.usable = avx512_usable,
	.put_burst = avx512_put_burst,
	.settle = avx512_settle,
};
#endif
