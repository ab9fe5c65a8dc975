/* SPDX-License-Identifier: BSD-3-Clause */
/* random.h: a small random generator for tests: the same numbers for the same seed, everywhere. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>

#include "common/base/clock.h"

struct random {
	uint64_t state;
};

/* Steps of the golden ratio, then mixed: no two states give one number, so no cycle is short. */
static inline uint64_t
random_u64(struct random *r)
{
	uint64_t x = r->state += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	return x ^ x >> 31;
}

/* 0..bound-1; bound is not 0. */
static inline uint32_t
random_below(struct random *r, uint32_t bound)
{
	return (uint32_t)(((random_u64(r) >> 32) * bound) >> 32);
}

static inline bool
random_one_in(struct random *r, uint32_t n)
{
	return random_below(r, n) == 0;
}

/* A seed: the environment's BERTH_SEED when it is set, to repeat a failure, else a new one. */
static inline uint64_t
random_seed(void)
{
	const char *wanted = getenv("BERTH_SEED");

	return wanted != NULL ? strtoull(wanted, NULL, 0) : clock_cycles();
}
