/* SPDX-License-Identifier: BSD-3-Clause */
/* random.h: numbers that depend on the seed alone, so that a capture can be made again. */
#pragma once

#include <stdint.h>

struct random {
	uint64_t state;
};

/* Spreads every bit of `v` over all bits of the result; a bijection. */
static inline uint64_t
random_mix(uint64_t v)
{
	v = (v ^ (v >> 30)) * 0xbf58476d1ce4e5b9u;
	v = (v ^ (v >> 27)) * 0x94d049bb133111ebu;
	return v ^ (v >> 31);
}

/* A Weyl sequence, mixed: its period is 2^64 from any start. */
static inline uint64_t
random_next(struct random *r)
{
	r->state += 0x9e3779b97f4a7c15u;
	return random_mix(r->state);
}

/* 0..bound-1; bound is not 0. The bias of at most bound / 2^32 does not matter to traffic. */
static inline uint32_t
random_below(struct random *r, uint32_t bound)
{
	return (uint32_t)(((random_next(r) >> 32) * bound) >> 32);
}
