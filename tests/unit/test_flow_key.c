/* SPDX-License-Identifier: BSD-3-Clause */
/* test_flow_key.c: canonical order of keys, and the hash over them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <math.h>

#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/flow/flow_code.h"
#include "dataplane/flow/siphash.h"
#include "tests/flow_keys.h"
#include "tests/random.h"

static struct flow_key
key4(uint8_t a, uint16_t a_port, uint8_t b, uint16_t b_port)
{
	return (struct flow_key){ .family = FAMILY_IPV4,
				  .proto = PROTO_TCP,
				  .zone = 3,
				  .port = { a_port, b_port },
				  .addr = { { 192, 0, 2, a }, { 192, 0, 2, b } } };
}

/* Goal: the endpoint that sorts first by (address, port) is endpoint 0, as one pair.
 * Method: a table of packets with the direction bit that each must give. */
Test(flow_key, canonical_orders_endpoints_as_pairs)
{
	static const struct {
		uint8_t a;
		uint16_t a_port;
		uint8_t b;
		uint16_t b_port;
		bool swapped;
	} cases[] = {
		{ 1, 80, 2, 80, false },  { 2, 80, 1, 80, true },    { 1, 9000, 2, 80, false },
		{ 2, 80, 1, 9000, true }, { 1, 80, 1, 81, false },   { 1, 81, 1, 80, true },
		{ 1, 80, 1, 80, false },  { 1, 0, 1, 65535, false }, { 1, 65535, 1, 0, true },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		const struct flow_key p =
			key4(cases[i].a, cases[i].a_port, cases[i].b, cases[i].b_port);
		const struct flow_key r = flow_key_reverse(&p);
		struct flow_key k, expected = cases[i].swapped ? r : p;

		cr_assert(eq(int, flow_key_canonical(&p, &k), cases[i].swapped), "case %u", i);
		cr_assert(eq(int, memcmp(&k, &expected, sizeof(k)), 0), "case %u", i);
	}
}

/* Goal: both directions of a conversation have one key and opposite bits, other conversations
 * between the same addresses have others. Method: reverse a packet; exchange only its ports. */
Test(flow_key, directions_share_one_key)
{
	const struct flow_key p = key4(7, 40000, 9, 443);
	const struct flow_key r = flow_key_reverse(&p);
	const struct flow_key crossed = key4(7, 443, 9, 40000);
	const struct flow_key back = flow_key_reverse(&r);
	struct flow_key kp, kr, kc;

	cr_assert(ne(int, flow_key_canonical(&p, &kp), flow_key_canonical(&r, &kr)));
	cr_assert(eq(int, memcmp(&kp, &kr, sizeof(kp)), 0));
	flow_key_canonical(&crossed, &kc);
	cr_assert(ne(int, memcmp(&kp, &kc, sizeof(kp)), 0));
	cr_assert(eq(int, memcmp(&p, &back, sizeof(p)), 0));
	cr_assert(eq(int, kp.zone, 3));
	cr_assert(eq(int, kp.proto, PROTO_TCP));
}

/* Goal: our SipHash is SipHash. Method: published vectors of SipHash-2-4 (key 00..0f, message
 * 00, 01, ...) of all tail lengths, and SipHash-1-3 vectors as CPython 3.11 computes them (its
 * hash(bytes) with PYTHONHASHSEED=0, so the key is zero). */
Test(siphash, gives_known_vectors)
{
	static const uint64_t key24[2] = { 0x0706050403020100u, 0x0f0e0d0c0b0a0908u };
	static const uint64_t key13[2] = { 0, 0 };
	static const struct {
		unsigned bytes;
		uint64_t hash;
	} v24[] = {
		{ 0, 0x726fdb47dd0e0e31u },  { 1, 0x74f839c593dc67fdu },
		{ 2, 0x0d6c8009d9a94f5au },  { 3, 0x85676696d7fb7e2du },
		{ 4, 0xcf2794e0277187b7u },  { 5, 0x18765564cd99a68du },
		{ 6, 0xcbc9466e58fee3ceu },  { 7, 0xab0200f58b01d137u },
		{ 8, 0x93f5f5799a932462u },  { 9, 0x9e0082df0ba9e4b0u },
		{ 15, 0xa129ca6149be45e5u }, { 16, 0x3f2acc7f57c29bdbu },
		{ 40, 0x0e3ea96b5304a7d0u }, { 63, 0x958a324ceb064572u },
	}, v13[] = {
		{ 1, 0x68a914128e01e473u }, { 2, 0x010bac45c41e3669u },
		{ 3, 0x4d4c9a4a8ef6e0adu }, { 4, 0x7cc43f98813e4dbdu },
		{ 5, 0x5abe2169dff36275u }, { 6, 0xe3c25f87624f1cdbu },
		{ 7, 0x2f098ab0c751325au }, { 8, 0xead411e67ebe2eeau },
		{ 9, 0x75927f9d95124362u }, { 15, 0xf30eb725bb91c9eau },
		{ 16, 0x8972188433a5c5b7u }, { 17, 0x4883c49a2c009c1du },
		{ 40, 0x95bc321ab41d8206u }, { 63, 0x385d3e39e5f37359u },
	};
	uint8_t message[64];

	for (unsigned i = 0; i < sizeof(message); i++)
		message[i] = (uint8_t)i;
	for (unsigned i = 0; i < array_length(v24); i++)
		cr_expect(eq(u64, siphash(key24, message, v24[i].bytes, 2, 4), v24[i].hash),
			  "2-4 of %u bytes", v24[i].bytes);
	for (unsigned i = 0; i < array_length(v13); i++)
		cr_expect(eq(u64, siphash(key13, message, v13[i].bytes, 1, 3), v13[i].hash),
			  "1-3 of %u bytes", v13[i].bytes);
}

/* Goal: every byte of a key and every bit of the secret count, in both families and all forms of
 * the hash; an IPv4 key and an IPv6 key that agree in all other bytes differ. Method: change one
 * byte, one bit after the other and compare hashes. */
Test(flow_hash, depends_on_every_part)
{
	const uint8_t families[] = { FAMILY_IPV4, FAMILY_IPV6 };

	for (unsigned c = 0; c < 2 * FLOW_CODES; c++) {
		const struct flow_code *code = flow_codes[c / 2];
		const bool aes = code != &flow_code_portable, v4 = c % 2 == 0;
		struct flow_key key = key4(1, 2, 3, 4);
		uint64_t plain;

		if (!code->usable())
			continue;
		key.family = families[c % 2];
		plain = code->hash(&test_secret, &key);
		cr_expect(eq(u64, code->hash(&test_secret, &key), plain));
		for (unsigned i = 0; i < sizeof(key); i++) {
			const bool zero_by_contract = v4 && i >= 8 && (i - 8) % 16 >= 4;
			struct flow_key other = key;

			((uint8_t *)&other)[i] ^= 0x80;
			if (!zero_by_contract)
				cr_expect(ne(u64, code->hash(&test_secret, &other), plain),
					  "%s, byte %u", code->name, i);
		}
		for (unsigned bit = 0; bit < 8 * sizeof(test_secret); bit++) {
			/* SipHash uses two words; the second and third mask of AES are IPv6's; of
			 * the last two round keys, half does not reach the half that is kept. */
			const unsigned block = bit / 128;
			const bool used = !aes ? block == 0 : block < 5 && !(v4 && block - 1 < 2);
			struct flow_secret other = test_secret;

			other.key[bit / 64] ^= 1ull << bit % 64;
			if (used)
				cr_expect(ne(u64, code->hash(&other, &key), plain),
					  "%s, secret bit %u", code->name, bit);
		}
		key.family = families[(c + 1) % 2];
		cr_expect(ne(u64, code->hash(&test_secret, &key), plain));
	}
}

/* Goal: all forms by AES hash alike, and a burst as its keys one by one. Method: random keys of
 * both families, in bursts of every size, against the first form that this processor can run;
 * SipHash against itself. */
Test(flow_hash, forms_agree)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };
	struct flow_key keys[BURST_MAX] = { 0 };
	uint64_t hashes[BURST_MAX];

	for (unsigned round = 0; round < 3000; round++) {
		const uint16_t n = (uint16_t)(round % (BURST_MAX + 1));

		for (uint16_t i = 0; i < n; i++) {
			const bool v4 = random_one_in(&r, 1 + round % 4);

			for (unsigned w = 0; w < sizeof(keys[i]) / 8; w++) {
				const uint64_t word = random_u64(&r);

				memcpy((uint8_t *)&keys[i] + 8 * w, &word, 8);
			}
			keys[i].family = v4 ? FAMILY_IPV4 : FAMILY_IPV6;
			for (unsigned e = 0; v4 && e < 2; e++)
				memset(keys[i].addr[e] + 4, 0, 12);
		}
		for (unsigned c = 0; c < FLOW_CODES; c++) {
			const struct flow_code *code = flow_codes[c];

			if (!code->usable())
				continue;
			code->hash_burst(&test_secret, keys, hashes, n);
			for (uint16_t i = 0; i < n; i++) {
				cr_assert(eq(u64, hashes[i], code->hash(&test_secret, &keys[i])),
					  "%s, seed %lu", code->name, seed);
				if (code != &flow_code_portable)
					cr_assert(eq(u64, hashes[i],
						     flow_hash(&test_secret, &keys[i])),
						  "%s, seed %lu", code->name, seed);
			}
		}
	}
}

/* How far `count` keys, in `bins` of equal chance, are from evenly spread: about 0 for a random
 * spread, in standard deviations of its chi-square. */
static double
unevenness(const uint32_t *bins, uint32_t bins_count, uint32_t count)
{
	const double expected = (double)count / bins_count;
	double sum = 0;

	for (uint32_t i = 0; i < bins_count; i++)
		sum += (bins[i] - expected) * (bins[i] - expected) / expected;
	return (sum - (bins_count - 1)) / sqrt(2.0 * (bins_count - 1));
}

/* Goal: neighbouring keys are spread as random ones would be, neither worse nor better, by each
 * part of the hash that chooses something: bucket, owner, tag. Method: a quarter million keys that
 * count up in ports or addresses; chi-square of each 16 bits, within six standard deviations. */
Test(flow_hash, spreads_neighbours_as_random)
{
	enum { KEYS = 1 << 18, BINS = 1 << 16 };
	static uint32_t bins[4][BINS];

	for (unsigned c = 0; c < 4 * FLOW_CODES; c++) {
		const struct flow_code *code = flow_codes[c / 4];

		if (!code->usable())
			continue;
		memset(bins, 0, sizeof(bins));
		for (uint32_t i = 0; i < KEYS; i++) {
			struct flow_key key = key4(1, 443, 2, 1024);
			uint64_t hash;

			key.family = c % 2 == 0 ? FAMILY_IPV4 : FAMILY_IPV6;
			if (c % 4 < 2) {
				key.port[1] = (uint16_t)i;
				key.addr[1][3] = (uint8_t)(i >> 16);
			} else {
				memcpy(key.addr[1], &i, sizeof(i));
			}
			hash = code->hash(&test_secret, &key);
			for (unsigned part = 0; part < 4; part++)
				bins[part][(uint16_t)(hash >> 16 * part)]++;
		}
		for (unsigned part = 0; part < 4; part++) {
			const double off = unevenness(bins[part], BINS, KEYS);

			cr_expect(lt(dbl, fabs(off), 6.0), "%s, keys %u, part %u: %f", code->name,
				  c % 4, part, off);
		}
	}
}

/* Goal: owners are in range and get equal shares, for every number of workers.
 * Method: hash 20,000 neighbouring keys; each share is within a tenth and a bit of the mean. */
Test(flow_owner, shares_evenly)
{
	for (uint16_t workers = 1; workers <= WORKERS_MAX; workers++) {
		uint32_t share[WORKERS_MAX] = { 0 };

		for (uint32_t i = 0; i < 20000; i++) {
			const struct flow_key key = key4((uint8_t)i, (uint16_t)(i >> 8), 200, 443);
			const uint16_t owner = flow_owner(flow_hash(&test_secret, &key), workers);

			cr_assert(lt(int, owner, workers));
			share[owner]++;
		}
		for (uint16_t w = 0; w < workers; w++) {
			const double mean = 20000.0 / workers;

			cr_expect(gt(dbl, share[w], 0.8 * mean), "%u of %u", w, workers);
			cr_expect(lt(dbl, share[w], 1.2 * mean), "%u of %u", w, workers);
		}
	}
	cr_expect(eq(int, flow_owner(UINT64_MAX, WORKERS_MAX), WORKERS_MAX - 1));
	cr_expect(eq(int, flow_owner(0, WORKERS_MAX), 0));
}
