/* SPDX-License-Identifier: BSD-3-Clause */
/* test_half_open_model.c: the list of half-open flows against a plain array in order of age. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

#include "common/base/identity.h"
#include "dataplane/flow/half_open.h"
#include "tests/random.h"

#define PLACES HALF_OPEN_PLACES_MIN

struct listed {
	struct flow_key key;
	unsigned origin;
	uint32_t index, place;
};

static struct half_open *
list_try(struct random *r)
{
	struct half_open_options options = {
		.places = PLACES, .prefix_bits_ipv4 = 21, .prefix_bits_ipv6 = 64, .numa_node = -1
	};
	struct half_open *h;

	for (unsigned i = 0; i < 14; i++)
		options.secret.key[i] = random_u64(r);
	cr_assert(zero(int, half_open_create(&options, &h)));
	return h;
}

/* A key of one of eight source prefixes, that differ in their last bit, zone or family alone. The
 * host's part and the other end are random. */
static struct flow_key
key_make(struct random *r, unsigned origin, unsigned *prefix)
{
	struct flow_key k = { .proto = PROTO_TCP };

	*prefix = random_below(r, 8);
	k.family = *prefix & 4 ? FAMILY_IPV6 : FAMILY_IPV4;
	k.zone = (*prefix & 2) != 0;
	for (unsigned i = 0; i < (k.family == FAMILY_IPV4 ? 4 : 16); i++) {
		k.addr[0][i] = (uint8_t)random_u64(r);
		k.addr[1][i] = (uint8_t)random_u64(r);
	}
	memset(k.addr[origin], 0, 8);
	if (k.family == FAMILY_IPV4) {
		k.addr[origin][2] = (uint8_t)(random_below(r, 8) | (*prefix & 1) << 3);
		k.addr[origin][3] = (uint8_t)random_u64(r);
	} else {
		k.addr[origin][7] = *prefix & 1;
	}
	return k;
}

/* Whether each of the eight prefixes has a group of its own. */
static bool
prefixes_apart(struct half_open *h, struct random *r)
{
	struct flow_key of[8], key;
	uint32_t places[HALF_OPEN_PREFIX_LEAST + 1];
	unsigned found = 0, prefix, alone = 0;

	while (found != 0xff) {
		key = key_make(r, 0, &prefix);
		of[prefix] = key;
		found |= 1u << prefix;
	}
	for (unsigned a = 0; a < 8; a++) {
		for (unsigned i = 0; i <= HALF_OPEN_PREFIX_LEAST; i++)
			places[i] = half_open_add(h, &of[a], 0, i);
		for (unsigned b = 0; b < 8; b++)
			alone += half_open_oldest_like(h, &of[b], 0) == HALF_OPEN_NONE;
		for (unsigned i = 0; i <= HALF_OPEN_PREFIX_LEAST; i++)
			half_open_remove(h, &of[a], places[i]);
	}
	return alone == 8 * 7;
}

static struct half_open *
list_make(struct random *r)
{
	struct half_open *h = list_try(r);

	while (!prefixes_apart(h, r)) {
		half_open_destroy(h);
		h = list_try(r);
	}
	return h;
}

static unsigned
prefix_of(const struct listed *l)
{
	const uint8_t *a = l->key.addr[l->origin];

	return (l->key.family == FAMILY_IPV6 ? 4 | (a[7] & 1) : a[2] >> 3 & 1) |
	       (unsigned)l->key.zone << 1;
}

static void
check(const struct half_open *h, const struct listed *model, uint32_t n, uint64_t seed)
{
	uint32_t place = half_open_oldest(h), i = 0;

	cr_assert(eq(u32, half_open_count(h), n), "seed %lu", seed);
	for (; place != HALF_OPEN_NONE; place = half_open_newer(h, place), i++) {
		cr_assert(lt(u32, i, n), "seed %lu", seed);
		cr_assert(eq(u32, place, model[i].place), "seed %lu", seed);
		cr_assert(eq(u32, half_open_flow(h, place), model[i].index), "seed %lu", seed);
	}
	cr_assert(eq(u32, i, n), "seed %lu", seed);
}

/* Goal: whatever comes and goes, the list is in order of age, and a prefix's oldest is the oldest
 * of the model's flows of that prefix, if there are more than it may have unasked. Method: random
 * additions and removals, full and empty at times, against an array; removals from the middle, the
 * ends and of the prefix's oldest. A secret under which two prefixes are taken for one is passed
 * over. */
Test(half_open, equals_model)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };
	struct half_open *h = list_make(&r);
	struct listed model[PLACES];
	uint32_t n = 0, asked = 0;

	for (unsigned step = 0; step < 300000; step++) {
		const unsigned fill = step / 2000 % 2 == 0 ? 70 : 35;

		if (n < PLACES && random_below(&r, 100) < fill) {
			struct listed *l = &model[n++];
			unsigned prefix;

			l->origin = random_below(&r, 2);
			l->key = key_make(&r, l->origin, &prefix);
			l->index = random_below(&r, 1u << 28);
			l->place = half_open_add(h, &l->key, l->origin, l->index);
			cr_assert(eq(u32, prefix_of(l), prefix));
		} else if (n > 0) {
			const uint32_t i = random_one_in(&r, 3) ? 0 : random_below(&r, n);
			const unsigned prefix = prefix_of(&model[i]);
			uint32_t of_prefix = 0, oldest = HALF_OPEN_NONE;

			for (uint32_t k = n; k-- > 0;) {
				if (prefix_of(&model[k]) == prefix) {
					of_prefix++;
					oldest = model[k].place;
				}
			}
			if (of_prefix <= HALF_OPEN_PREFIX_LEAST)
				oldest = HALF_OPEN_NONE;
			asked += oldest != HALF_OPEN_NONE;
			cr_assert(eq(u32, half_open_oldest_like(h, &model[i].key, model[i].origin),
				     oldest),
				  "seed %lu", seed);
			half_open_remove(h, &model[i].key, model[i].place);
			memmove(&model[i], &model[i + 1], (n - i - 1) * sizeof(model[0]));
			n--;
		}
		cr_assert(eq(int, half_open_is_full(h), n == PLACES), "seed %lu", seed);
		if (step % 64 == 0)
			check(h, model, n, seed);
	}
	check(h, model, n, seed);
	cr_expect(gt(u32, asked, 10000));
	half_open_destroy(h);
	half_open_destroy(NULL);
}

/* Goal: options out of range are refused. Method: a table. */
Test(half_open, refuses_bad_options)
{
	static const struct half_open_options bad[] = {
		{ .places = HALF_OPEN_PLACES_MIN - 1, .numa_node = -1 },
		{ .places = FLOW_CAPACITY_MAX + 1, .numa_node = -1 },
		{ .places = 1024, .prefix_bits_ipv4 = 33, .numa_node = -1 },
		{ .places = 1024, .prefix_bits_ipv6 = 129, .numa_node = -1 },
	};
	struct half_open *h = NULL;

	for (unsigned i = 0; i < sizeof(bad) / sizeof(bad[0]); i++)
		cr_expect(lt(int, half_open_create(&bad[i], &h), 0), "case %u", i);
	cr_expect(h == NULL);
}

/* Goal: a place given back twice ends the process. Method: do it. */
Test(half_open, refuses_to_remove_twice, .signal = SIGABRT)
{
	struct random r = { 1 };
	struct half_open *h = list_make(&r);
	const struct flow_key key = { .family = FAMILY_IPV4 };
	const uint32_t place = half_open_add(h, &key, 0, 7);

	half_open_remove(h, &key, place);
	half_open_remove(h, &key, place);
}
