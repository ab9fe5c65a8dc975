/* SPDX-License-Identifier: BSD-3-Clause */
/* keys.h: numbered flows, and streams of their keys in the form that each contender takes. Served
 * by keys.c. C++ reads it as well. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/flow/flow_key.h"

#ifdef __cplusplus
extern "C" {
#endif

#define BURST 32u /* keys that a contender is asked for at once */

/* The smallest form of a key that has all of it, padded to a length for which rte_hash has a
 * comparison of its own: header, two addresses. */
#define COMPACT_BYTES_IPV4 16u
#define COMPACT_BYTES_IPV6 48u

/* `n` keys, each form in an array of its own: nobody reads what it does not need. */
struct keys {
	uint32_t n;
	uint32_t compact_bytes;
	struct flow_key *keys; /* berth's form, canonical */
	uint8_t *compact;      /* the peers' form */
	uint64_t *hashes;      /* the peers' hash, handed in; see keys_hash() */
	uint32_t *signatures;  /* its low half */
	uint32_t *numbers;     /* of the flows; what a lookup should find */
};

/* Which flows a stream asks for. */
struct mixture {
	uint32_t flows;
	uint8_t family;        /* FAMILY_IPV4 or FAMILY_IPV6 */
	double zipf;           /* exponent of the flows' popularity; 0: all alike */
	unsigned hits_percent; /* keys of flows 0..flows-1; others are from flows..2*flows-1 */
};

/* Room for `n` keys, in 2 MiB pages; ends the process when there is no memory. */
struct keys keys_make(uint32_t n, uint8_t family);
void keys_free(struct keys *k);
/* The keys from `at` on, `n` of them; owns nothing. */
struct keys keys_slice(const struct keys *k, uint32_t at, uint32_t n);

/* Writes flow `number` at position `at`, in all forms. */
void keys_set(struct keys *k, uint32_t at, uint8_t family, uint32_t number);
/* The same for any key. */
void keys_set_key(struct keys *k, uint32_t at, const struct flow_key *key, uint32_t number);
/* Flows first..first+n-1 at positions 0..n-1, which are then all that *k has. */
void keys_set_range(struct keys *k, uint8_t family, uint32_t first, uint32_t n);
/* Fills all n positions from the mixture; the same seed gives the same stream. */
void keys_draw(struct keys *k, const struct mixture *m, uint64_t seed);

/* The number that keys_set() made this key from. */
uint32_t keys_number(const struct flow_key *key);

/* The hash that all peers get handed in: a good one, so that no peer is slowed by its choice. */
uint64_t keys_hash(const void *compact, uint32_t bytes);

/* Which forms of a key a contender reads. */
enum key_form {
	KEY_WHOLE = 1u << 0,
	KEY_COMPACT = 1u << 1,
	KEY_HASH = 1u << 2,
	KEY_SIGNATURE = 1u << 3,
	KEY_NUMBER = 1u << 4,
};

/* Keys that are handed over at once: as many as stay in a core's first cache beside its work. */
#define HAND_KEYS 256u

/* Copies keys at..at+n-1 (at most HAND_KEYS) of a stream, in those forms, to `hand`, which
 * keys_make() made for as many: a worker's keys are in its cache, it has just parsed them. */
void
keys_hand(struct keys *hand, const struct keys *stream, uint32_t at, uint32_t n, unsigned forms);

#ifdef __cplusplus
}
#endif
