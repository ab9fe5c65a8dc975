/* SPDX-License-Identifier: BSD-3-Clause */
/* clock.h: the two clocks: cycles for measuring, milliseconds for timers. */
#pragma once

#include <stdint.h>
#include <time.h>

/* Cycle counter of this core, unordered: cheap, for measuring and for one read per poll. */
static inline uint64_t
clock_cycles(void)
{
#if defined(__x86_64__)
	return __builtin_ia32_rdtsc();
#elif defined(__aarch64__)
	uint64_t v;

	__asm__ volatile("mrs %0, cntvct_el0" : "=r"(v));
	return v;
#else
#error "no cycle counter known for this processor"
#endif
}

__extension__ typedef unsigned __int128 clock_wide;

/* Milliseconds per cycle times 2^64, for clock_scale(). `hz`: cycles per second, over 1000. */
static inline uint64_t
clock_scale_ms(uint64_t hz)
{
	return (uint64_t)(((clock_wide)1000 << 64) / hz);
}

/* Cycles to the unit of `scale`, without a division. */
static inline uint64_t
clock_scale(uint64_t cycles, uint64_t scale)
{
	return (uint64_t)(((clock_wide)cycles * scale) >> 64);
}

/* Milliseconds since an arbitrary start; never goes back. A system call on some machines: not for
 * the packet path, which derives its time from clock_cycles() once per poll. */
static inline uint64_t
clock_monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}
