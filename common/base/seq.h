/* SPDX-License-Identifier: BSD-3-Clause */
/* seq.h: comparison of free-running 32-bit counters that wrap (RFC 1982 in spirit). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

/* a - b, right across the wrap while they are less than 2^31 apart. */
static inline int32_t
seq_diff(uint32_t a, uint32_t b)
{
	return (int32_t)(a - b);
}

static inline bool
seq_before(uint32_t a, uint32_t b)
{
	return seq_diff(a, b) < 0;
}
