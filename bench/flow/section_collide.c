/* SPDX-License-Identifier: BSD-3-Clause */
/* section_collide.c: what an attacker gains who chooses keys without knowing the secret. */
#include <rte_hash_crc.h>
#include <stdio.h>

#include "bench/flow/report.h"
#include "bench/traffic/random.h"
#include "common/base/address.h"
#include "common/base/clock.h"
#include "common/base/identity.h"

#define FLOWS       1000000u
#define FLOWS_QUICK 100000u
#define STREAM_KEYS (1u << 20)

/* All keys of all sets name the same local address and service. */
static struct flow_key
key_from(uint32_t remote, uint16_t port, uint16_t local_port)
{
	struct flow_key k = { .family = FAMILY_IPV4,
			      .proto = PROTO_UDP,
			      .port = { port, local_port } };

	memcpy(k.addr[0], &remote, 4);
	memcpy(k.addr[1], "\xff\xff\xff\xfe", 4); /* sorts last, so the keys are canonical */
	return k;
}

static struct flow_key
key_random(uint32_t n)
{
	const uint64_t r = random_mix(n + 1);

	return key_from(n, (uint16_t)(r >> 32), (uint16_t)(r >> 48));
}

/* All with one CRC32. Its state after a word depends on the exclusive-or of the state before and
 * the word; so the remote address, which opens the second word, undoes what the ports did. */
static struct flow_key
key_crc(uint32_t n)
{
	const struct flow_key k = key_from(0, (uint16_t)n, (uint16_t)(n >> 16));
	uint64_t first;

	memcpy(&first, &k, sizeof(first));
	return key_from(rte_hash_crc_8byte(first, 0) ^ 0x0a0b0c0du, k.port[0], k.port[1]);
}

/* Sequential: remote addresses of one network with a few ports each. All share all other bits. */
static struct flow_key
key_sequential(uint32_t n)
{
	return key_from(__builtin_bswap32(0x0a000000u + n / 16), (uint16_t)(1024 + n % 16), 53);
}

/* Addresses that share their low 12 bits, and ports that share their low 10. */
static struct flow_key
key_low_bits(uint32_t n)
{
	return key_from(__builtin_bswap32(n / 64 << 12 | 1), (uint16_t)(n % 64 << 10 | 7), 53);
}

static const struct set {
	const char *name;
	struct flow_key (*key)(uint32_t n);
} sets[] = {
	{ "random keys", key_random },
	{ "keys of one CRC32", key_crc },
	{ "sequential keys", key_sequential },
	{ "keys sharing low bits", key_low_bits },
};
#define SETS (sizeof(sets) / sizeof(sets[0]))

static void
set_range(struct keys *k, const struct set *set, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		const struct flow_key key = set->key(first + i);

		keys_set_key(k, i, &key, first + i);
		/* What rte_hash is given by its users: its default, which no seed protects. */
		k->signatures[i] = rte_hash_crc(k->compact + (uint64_t)i * k->compact_bytes,
						k->compact_bytes, 0);
	}
	k->n = n;
}

/* How many keys the table takes before it refuses one. */
static uint32_t
fill(const struct contender *c, void *table, const struct set *set, uint32_t flows)
{
	struct keys k = keys_make(BURST, FAMILY_IPV4);
	uint32_t taken = 0;

	for (uint32_t at = 0; at < flows && taken == at; at += BURST) {
		set_range(&k, set, at, BURST);
		taken += c->insert(table, &k);
	}
	keys_free(&k);
	return taken;
}

struct collide {
	struct keys streams[SETS], hand;
	const struct entrant *entrants;
	uint64_t wrong;
};

static uint32_t
look(const struct entrant *e, const struct keys *hand, void *context)
{
	(void)context;
	return e->c->lookup(e->table, hand);
}

static double
measure(struct entrant *e, unsigned round, void *context)
{
	struct collide *c = context;
	const struct keys *k = &c->streams[e - c->entrants];
	uint64_t hits = 0;
	const uint64_t cycles = hands_run(e, k, 0, &c->hand, look, NULL, &hits);

	(void)round;
	c->wrong += k->n - hits;
	return (double)cycles / k->n;
}

static void
stream_draw(struct keys *k, const struct set *set, uint32_t flows)
{
	struct random r = { flows };

	*k = keys_make(STREAM_KEYS, FAMILY_IPV4);
	for (uint32_t i = 0; i < STREAM_KEYS; i++) {
		const uint32_t n = random_below(&r, flows);
		const struct flow_key key = set->key(n);

		keys_set_key(k, i, &key, n);
	}
}

/* Median over the rounds of random keys' time as a share of each set's. */
static void
report_shares(const struct bench *b, const struct entrant *entrants, uint32_t flows)
{
	double shares[ROUNDS_MAX];

	for (unsigned s = 0; s < SETS; s++) {
		char work[64];

		for (unsigned i = 0; i < b->rounds; i++)
			shares[i] = 100 * entrants[0].samples[i] / entrants[s].samples[i];
		snprintf(work, sizeof(work), "%s, rate of random ones", sets[s].name);
		report_figure(b,
			      &(struct group){ "collide", work, flows, FAMILY_IPV4, UNIT_PERCENT },
			      entrants[s].c->name, shares);
	}
}

static void
report_taken(const struct bench *b, const struct contender *c, uint32_t flows)
{
	for (unsigned s = 0; s < SETS; s++) {
		void *table = c->create(flows, FAMILY_IPV4);
		const double taken = fill(c, table, &sets[s], flows);
		double samples[ROUNDS_MAX];
		char work[64];

		for (unsigned i = 0; i < b->rounds; i++)
			samples[i] = taken;
		snprintf(work, sizeof(work), "%s taken", sets[s].name);
		report_figure(b, &(struct group){ "collide", work, flows, FAMILY_IPV4, UNIT_COUNT },
			      c->name, samples);
		c->destroy(table);
	}
}

static void
collide_size(struct bench *b, uint32_t wanted)
{
	const uint32_t flows = wanted / BURST * BURST;
	struct entrant entrants[SETS];
	struct collide c = { .entrants = entrants, .hand = keys_make(HAND_KEYS, FAMILY_IPV4) };

	for (unsigned s = 0; s < SETS; s++) {
		entrants[s].c = &contender_berth;
		entrants[s].table = contender_berth.create(flows, FAMILY_IPV4);
		c.wrong += flows - fill(&contender_berth, entrants[s].table, &sets[s], flows);
		stream_draw(&c.streams[s], &sets[s], flows);
	}
	rounds_run(b, entrants, SETS, measure, &c);
	for (unsigned s = 0; s < SETS; s++)
		report_figure(
			b,
			&(struct group){ "collide", sets[s].name, flows, FAMILY_IPV4, UNIT_CYCLES },
			"berth", entrants[s].samples);
	report_shares(b, entrants, flows);
	report_taken(b, &contender_rte_lf, flows);
	if (c.wrong != 0)
		report_note("  WRONG: %ju results", (uintmax_t)c.wrong);
	b->wrong += c.wrong;
	entrants_free(entrants, SETS);
	for (unsigned s = 0; s < SETS; s++)
		keys_free(&c.streams[s]);
	keys_free(&c.hand);
}

void
section_collide(struct bench *b)
{
	sizes_run(b, b->quick ? FLOWS_QUICK : FLOWS, collide_size);
}
