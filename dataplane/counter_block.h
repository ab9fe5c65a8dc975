/* SPDX-License-Identifier: BSD-3-Clause */
/* counter_block.h: one worker's counters: it alone writes them, anyone may read them. */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/abi/counters.h"
#include "common/base/limits.h"

struct counter_block {
	alignas(CACHE_LINE) _Atomic uint64_t counters[COUNTER_COUNT];
	alignas(CACHE_LINE) _Atomic uint64_t drops[DROP_COUNT];
	/* Packets this worker put into hand-over rings and waiting rooms, less those it took out:
	 * it wraps below zero on a worker that mostly takes, the sum over all workers does not.
	 * With it C1 holds for each block alone, between two polls. */
	_Atomic uint64_t held;
};

/* Relaxed: the numbers order nothing. One writer, so no atomic read-modify-write is needed. */
static inline void
count_word(_Atomic uint64_t *word, uint64_t n)
{
	atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static inline void
count(struct counter_block *b, enum counter c, uint64_t n)
{
	count_word(&b->counters[c], n);
}

static inline void
count_drop(struct counter_block *b, enum drop_reason r, uint64_t n)
{
	count_word(&b->drops[r], n);
}

static inline void
count_held(struct counter_block *b, int64_t n)
{
	count_word(&b->held, (uint64_t)n);
}

/* Adds the block to *out. */
static inline void
counter_block_read(const struct counter_block *b, struct counter_totals *out)
{
	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		out->counters[i] += atomic_load_explicit(&b->counters[i], memory_order_relaxed);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		out->drops[i] += atomic_load_explicit(&b->drops[i], memory_order_relaxed);
	out->held += atomic_load_explicit(&b->held, memory_order_relaxed);
}
