/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_portable.c: hash and lookup in plain C, for any processor; and the choice of the form. */
#include "common/base/address.h"
#include "dataplane/flow/flow_lookup.h"
#include "dataplane/flow/siphash.h"

/* SipHash-1-3. An IPv6 key is hashed as it lies, in 40 bytes; of an IPv4 key the 24 bytes that are
 * zero by contract are left out. Two different keys cannot give the same input: the family is in
 * it, and each family has one length. */
static uint64_t
portable_hash(const struct flow_secret *secret, const struct flow_key *key)
{
	uint64_t short_key[2];
	uint32_t addr[2];

	if (key->family != FAMILY_IPV4)
		return siphash(secret->key, key, sizeof(*key), 1, 3);
	memcpy(&short_key[0], key, 8);
	memcpy(&addr[0], key->addr[0], 4);
	memcpy(&addr[1], key->addr[1], 4);
	short_key[1] = (uint64_t)addr[1] << 32 | addr[0];
	return siphash(secret->key, short_key, sizeof(short_key), 1, 3);
}

static void
portable_hash_burst(const struct flow_secret *secret, const struct flow_key *keys, uint64_t *hashes,
		    uint16_t n)
{
	for (uint16_t i = 0; i < n; i++)
		hashes[i] = portable_hash(secret, &keys[i]);
}

static uint32_t
portable_find(const struct flow_table *t, const struct flow_key *key, uint64_t hash)
{
	return lookup_find(t, key, hash, bucket_match, flow_key_equal);
}

static void
portable_begin(const struct flow_table *t, struct flow_batch *b)
{
	lookup_begin(t, b);
}

static void
portable_match(const struct flow_table *t, struct flow_batch *b)
{
	lookup_match(t, b, bucket_match);
}

static void
portable_finish(const struct flow_table *t, struct flow_batch *b)
{
	lookup_finish(t, b, portable_find, flow_key_equal);
}

static bool
portable_usable(void)
{
	return true;
}

const struct flow_code flow_code_portable = {
	.name = "portable",
	.usable = portable_usable,
	.hash = portable_hash,
	.hash_burst = portable_hash_burst,
	.find = portable_find,
	.begin = portable_begin,
	.match = portable_match,
	.finish = portable_finish,
};

/* ---- the choice ---- */

const struct flow_code *const flow_codes[FLOW_CODES] = {
#if defined(__x86_64__)
	&flow_code_avx512,
	&flow_code_avx2,
#endif
	&flow_code_portable,
};

/* Set once, before main() and any thread. */
static const struct flow_code *code_best = &flow_code_portable;

__attribute__((constructor)) static void
code_choose(void)
{
	unsigned i = 0;

	while (!flow_codes[i]->usable())
		i++;
	code_best = flow_codes[i];
}

const struct flow_code *
flow_code_best(void)
{
	return code_best;
}

uint64_t
flow_hash(const struct flow_secret *secret, const struct flow_key *key)
{
	return code_best->hash(secret, key);
}

void
flow_hash_burst(const struct flow_secret *secret, const struct flow_key *keys, uint64_t *hashes,
		uint16_t n)
{
	code_best->hash_burst(secret, keys, hashes, n);
}
