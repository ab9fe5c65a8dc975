/* SPDX-License-Identifier: BSD-3-Clause */
/* keys.c: numbered flows, and streams of their keys in the form that each contender takes. */
#include "bench/flow/keys.h"

#include <math.h>

#include "bench/flow/pages.h"
#include "bench/traffic/random.h"
#include "common/base/address.h"
#include "common/base/clock.h"
#include "common/base/identity.h"

/* Flows of one remote address: ports 1024 and up. */
#define PORT_FIRST       1024u
#define FLOWS_PER_REMOTE 60000u

struct keys
keys_make(uint32_t n, uint8_t family)
{
	const uint32_t compact_bytes =
		family == FAMILY_IPV4 ? COMPACT_BYTES_IPV4 : COMPACT_BYTES_IPV6;

	return (struct keys){
		.n = n,
		.compact_bytes = compact_bytes,
		.keys = pages_map(n * sizeof(struct flow_key)),
		.compact = pages_map((uint64_t)n * compact_bytes),
		.hashes = pages_map(n * sizeof(uint64_t)),
		.signatures = pages_map(n * sizeof(uint32_t)),
		.numbers = pages_map(n * sizeof(uint32_t)),
	};
}

void
keys_free(struct keys *k)
{
	pages_unmap(k->keys);
	pages_unmap(k->compact);
	pages_unmap(k->hashes);
	pages_unmap(k->signatures);
	pages_unmap(k->numbers);
}

struct keys
keys_slice(const struct keys *k, uint32_t at, uint32_t n)
{
	return (struct keys){
		.n = n,
		.compact_bytes = k->compact_bytes,
		.keys = k->keys + at,
		.compact = k->compact + (uint64_t)at * k->compact_bytes,
		.hashes = k->hashes + at,
		.signatures = k->signatures + at,
		.numbers = k->numbers + at,
	};
}

void
keys_hand(struct keys *hand, const struct keys *stream, uint32_t at, uint32_t n, unsigned forms)
{
	const struct keys from = keys_slice(stream, at, n);

	hand->n = n;
	if (forms & KEY_WHOLE)
		memcpy(hand->keys, from.keys, n * sizeof(*from.keys));
	if (forms & KEY_COMPACT)
		memcpy(hand->compact, from.compact, (uint64_t)n * from.compact_bytes);
	if (forms & KEY_HASH)
		memcpy(hand->hashes, from.hashes, n * sizeof(*from.hashes));
	if (forms & KEY_SIGNATURE)
		memcpy(hand->signatures, from.signatures, n * sizeof(*from.signatures));
	if (forms & KEY_NUMBER)
		memcpy(hand->numbers, from.numbers, n * sizeof(*from.numbers));
}

/* One local address serves many remote ones, 60,000 ports each: numbers that follow one another
 * give keys that differ in few bits, as real ones do. */
static struct flow_key
key_of(uint8_t family, uint32_t number)
{
	const uint32_t remote = number / FLOWS_PER_REMOTE;
	struct flow_key k = {
		.family = family,
		.proto = PROTO_UDP,
		.port = { 443, (uint16_t)(PORT_FIRST + number % FLOWS_PER_REMOTE) },
	};

	if (family == FAMILY_IPV4) {
		memcpy(k.addr[0], "\x0a\x00\x00\x01", 4);
		memcpy(k.addr[1], "\xc6\x33", 2);
		k.addr[1][2] = (uint8_t)(remote >> 8);
		k.addr[1][3] = (uint8_t)remote;
	} else {
		memcpy(k.addr[0], "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x01", 16);
		memcpy(k.addr[1], "\x20\x01\x0d\xb8\0\x01\0\0\0\0\0\0\0\0", 14);
		k.addr[1][14] = (uint8_t)(remote >> 8);
		k.addr[1][15] = (uint8_t)remote;
	}
	return k;
}

uint32_t
keys_number(const struct flow_key *key)
{
	const uint8_t *last = &key->addr[1][key->family == FAMILY_IPV4 ? 2 : 14];
	const uint32_t remote = (uint32_t)last[0] << 8 | last[1];

	return remote * FLOWS_PER_REMOTE + key->port[1] - PORT_FIRST;
}

static void
compact_write(uint8_t *out, const struct flow_key *key)
{
	if (key->family == FAMILY_IPV4) {
		memcpy(out, key, 8);
		memcpy(out + 8, key->addr[0], 4);
		memcpy(out + 12, key->addr[1], 4);
	} else {
		memcpy(out, key, sizeof(*key));
		memset(out + sizeof(*key), 0, COMPACT_BYTES_IPV6 - sizeof(*key));
	}
}

/* Each step folds a word into the state by a product of full width. */
uint64_t
keys_hash(const void *compact, uint32_t bytes)
{
	uint64_t state = 0xa0761d6478bd642fu;

	for (uint32_t at = 0; at < bytes; at += 8) {
		uint64_t word;
		clock_wide product;

		memcpy(&word, (const uint8_t *)compact + at, 8);
		product = (clock_wide)(state ^ word) * 0xe7037ed1a0b428dbu;
		state = (uint64_t)product ^ (uint64_t)(product >> 64);
	}
	return random_mix(state);
}

void
keys_set_key(struct keys *k, uint32_t at, const struct flow_key *key, uint32_t number)
{
	uint8_t *compact = k->compact + (uint64_t)at * k->compact_bytes;

	k->keys[at] = *key;
	compact_write(compact, key);
	k->hashes[at] = keys_hash(compact, k->compact_bytes);
	k->signatures[at] = (uint32_t)k->hashes[at];
	k->numbers[at] = number;
}

void
keys_set(struct keys *k, uint32_t at, uint8_t family, uint32_t number)
{
	const struct flow_key key = key_of(family, number);

	keys_set_key(k, at, &key, number);
}

void
keys_set_range(struct keys *k, uint8_t family, uint32_t first, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		keys_set(k, i, family, first + i);
	k->n = n;
}

/* Zipf's law by rejection-inversion: W. Hoermann, G. Derflinger, "Rejection-inversion to generate
 * variates from monotone discrete distributions", ACM TOMACS 6(3), 1996. */
struct zipf {
	double exponent, n;
	double integral_first, integral_last; /* between which u is drawn */
	double accept;                        /* x this near to its integer needs no test */
};

static double
zipf_integral(const struct zipf *z, double x)
{
	return z->exponent == 1 ? log(x) : (pow(x, 1 - z->exponent) - 1) / (1 - z->exponent);
}

static double
zipf_inverse(const struct zipf *z, double y)
{
	return z->exponent == 1 ? exp(y) : pow(1 + y * (1 - z->exponent), 1 / (1 - z->exponent));
}

static struct zipf
zipf_make(double exponent, uint32_t n)
{
	struct zipf z = { .exponent = exponent, .n = n };

	z.integral_first = zipf_integral(&z, 1.5) - 1;
	z.integral_last = zipf_integral(&z, n + 0.5);
	z.accept = 2 - zipf_inverse(&z, zipf_integral(&z, 2.5) - pow(2, -exponent));
	return z;
}

/* A rank, 1 the most popular. */
static uint32_t
zipf_next(const struct zipf *z, struct random *r)
{
	for (;;) {
		const double unit = (double)(random_next(r) >> 11) * 0x1p-53;
		const double u = z->integral_last + unit * (z->integral_first - z->integral_last);
		const double x = zipf_inverse(z, u);
		const double rank = fmin(fmax(floor(x + 0.5), 1), z->n);

		if (rank - x <= z->accept ||
		    u >= zipf_integral(z, rank + 0.5) - pow(rank, -z->exponent))
			return (uint32_t)rank;
	}
}

/* Popularity has nothing to do with the order in which flows were made: a step of a prime that
 * does not divide `flows` scatters the ranks. */
static uint32_t
scatter(uint32_t rank, uint32_t flows)
{
	return (uint32_t)((uint64_t)rank * 2147483647u % flows);
}

void
keys_draw(struct keys *k, const struct mixture *m, uint64_t seed)
{
	const struct zipf zipf = zipf_make(m->zipf, m->flows);
	struct random r = { seed };

	for (uint32_t i = 0; i < k->n; i++) {
		uint32_t number = m->zipf == 0 ? random_below(&r, m->flows)
					       : scatter(zipf_next(&zipf, &r) - 1, m->flows);

		if (random_below(&r, 100) >= m->hits_percent)
			number += m->flows;
		keys_set(k, i, m->family, number);
	}
}
