/* SPDX-License-Identifier: BSD-3-Clause */
/* bind_choose.c: weighted rendezvous hashing among the members of a group. */
#include "dataplane/bind/bind_priv.h"

/* Binary digits of log2(x) for x in [1, 2), one by one: squaring x doubles the
 * logarithm, and a square of 2 or more shows a digit 1. */
void
bind_log_fill(uint64_t log[LOG_CELLS + 1])
{
	const uint64_t two = 1ull << 32; /* x has 31 fractional bits */

	for (uint64_t i = 0; i < LOG_CELLS; i++) {
		uint64_t x = (LOG_CELLS + i) << (31 - LOG_CELLS_BITS);
		uint64_t digits = 0;

		for (unsigned digit = 0; digit < LOG_ONE_BITS; digit++) {
			x = x * x >> 31;
			digits <<= 1;
			if (x >= two) {
				x >>= 1;
				digits |= 1;
			}
		}
		log[i] = (1ull << LOG_ONE_BITS) - digits;
	}
	log[LOG_CELLS] = 0;
}

/* A number for (flow, member) that looks random in both. */
static uint64_t
member_hash(uint64_t hash, uint32_t id)
{
	uint64_t x = hash + id * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

/* -log2(hash / 2^64), LOG_ONE_BITS fractional bits: zeros in front count whole, the rest is read
 * from the table with a straight line between its points, right to a thousandth. */
static uint64_t
member_cost(const struct bind_table *t, uint64_t hash)
{
	const unsigned zeros = (unsigned)__builtin_clzll(hash | 1);
	const uint64_t m = (hash | 1) << zeros << 1; /* without the leading one */
	const uint32_t cell = (uint32_t)(m >> (64 - LOG_CELLS_BITS));
	const uint64_t rest =
		m >> (64 - LOG_CELLS_BITS - LOG_REST_BITS) & ((1u << LOG_REST_BITS) - 1);
	const uint64_t drop = (t->log[cell] - t->log[cell + 1]) * rest >> LOG_REST_BITS;

	return ((uint64_t)zeros << LOG_ONE_BITS) + t->log[cell] - drop;
}

/* Weighted rendezvous: of exponential numbers divided by weights, the least falls to each member in
 * proportion to its weight, and taking one member away moves only the flows that it had. Compared
 * by cross products, of at most 38 and 8 bits. */
const struct bind_rule *
bind_choose(const struct bind_table *t, uint32_t group, uint64_t hash)
{
	const struct bind_rule *best = NULL;
	uint64_t best_cost = 0;

	for (uint32_t i = t->groups[group]; i < t->groups[group + 1]; i++) {
		const struct bind_rule *m = &t->members[i];
		uint64_t cost;

		if (m->port == PORT_REF_NONE || m->passive)
			continue;
		cost = member_cost(t, member_hash(hash, m->id));
		if (best == NULL || cost * best->weight < best_cost * m->weight) {
			best = m;
			best_cost = cost;
		}
	}
	return best;
}
