/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_totals.c: a flow's whole counts, from the low bits on its entry and the totals beside it.
 *
 * Let T be a true count, B what the detail has of it (in whole halves of the range), W the low bits
 * in the entry's word.
 * C1  W = T modulo its range. Since the writer folds whenever W passes a half of its range, and one
 *     packet adds less than a half, T - B is below the range at any moment.
 * C2  The writer stores W (release), then B (release). Whoever sees a B sees a W not older; whoever
 *     sees a W sees a B not older than the fold before it.
 * So a reader that finds one B before and after it read W has T = B + (W - B modulo the range),
 * exact at the moment of reading W. B has 32 bits: counts wrap after 2^38 packets or 2^48 bytes of
 * one direction. */
#include "dataplane/flow/flow_entry.h"

#define ATTEMPTS          8

#define PACKETS_HALF_BITS (FLOW_PACKETS_BITS - 1)
#define BYTES_HALF_BITS   (FLOW_BYTES_BITS - 1)
#define HALVES_BITS       32u /* of each count in a word of totals */

/* B + (W - B modulo 2^bits). */
static uint64_t
total_of(uint64_t base, uint32_t low, unsigned bits)
{
	return base + ((low - (uint32_t)base) & ((1u << bits) - 1));
}

static uint64_t
packets_of(uint64_t totals, uint64_t word, unsigned direction)
{
	return total_of((uint64_t)(uint32_t)totals << PACKETS_HALF_BITS,
			flow_word_packets(word, direction), FLOW_PACKETS_BITS);
}

static uint64_t
bytes_of(uint64_t totals, uint64_t word, unsigned direction)
{
	return total_of(totals >> HALVES_BITS << BYTES_HALF_BITS, flow_word_bytes(word, direction),
			FLOW_BYTES_BITS);
}

void
flow_totals_fold(struct flow_detail *d, uint64_t word, unsigned direction)
{
	const uint64_t totals = flow_load(&d->totals[direction], memory_order_relaxed);
	const uint64_t packets = packets_of(totals, word, direction) >> PACKETS_HALF_BITS;
	const uint64_t bytes = bytes_of(totals, word, direction) >> BYTES_HALF_BITS;

	/* Release: after the word they were made from (C2); pairs with the acquire below. */
	flow_store(&d->totals[direction], (uint32_t)packets | bytes << HALVES_BITS,
		   memory_order_release);
}

/* One direction; false when the writer came in between. */
static bool
totals_try(const struct flow_entry *e, const struct flow_detail *d, unsigned direction,
	   struct flow_totals *out)
{
	/* Acquire: the word is read after them, and the totals once more after the word; pairs with
	 * the releases above and in flow_count_add(). */
	const uint64_t totals = flow_load(&d->totals[direction], memory_order_acquire);
	const uint64_t word = flow_load(&e->word, memory_order_acquire);

	out->packets[direction] = packets_of(totals, word, direction);
	out->bytes[direction] = bytes_of(totals, word, direction);
	return flow_load(&d->totals[direction], memory_order_relaxed) == totals;
}

void
flow_totals_read(const struct flow_entry *e, const struct flow_detail *d, struct flow_totals *out)
{
	for (unsigned direction = 0; direction < 2; direction++) {
		for (unsigned i = 0; i < ATTEMPTS && !totals_try(e, d, direction, out); i++)
			continue;
	}
}
