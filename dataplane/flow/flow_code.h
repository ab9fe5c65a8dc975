/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_code.h: the forms of the code that a packet pays for, one per kind of processor.
 *
 * flow_portable.c runs everywhere and hashes by SipHash; flow_avx2.c and flow_avx512.c hash by AES,
 * both to the same numbers. Apart from the hash all forms give the same results; that is tested. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/flow/flow.h"

struct flow_code {
	const char *name;
	bool (*usable)(void); /* by this processor */
	/* As the public functions; find is flow_lookup(), and finish takes the table to be as it
	 * was at the match. */
	uint64_t (*hash)(const struct flow_secret *secret, const struct flow_key *key);
	void (*hash_burst)(const struct flow_secret *secret, const struct flow_key *keys,
			   uint64_t *hashes, uint16_t n);
	uint32_t (*find)(const struct flow_table *t, const struct flow_key *key, uint64_t hash);
	void (*begin)(const struct flow_table *t, struct flow_batch *b);
	void (*match)(const struct flow_table *t, struct flow_batch *b);
	void (*finish)(const struct flow_table *t, struct flow_batch *b);
};

extern const struct flow_code flow_code_portable;
#if defined(__x86_64__)
#define FLOW_CODES 3
extern const struct flow_code flow_code_avx2, flow_code_avx512;
#else
#define FLOW_CODES 1
#endif
/* All forms, the best first. */
extern const struct flow_code *const flow_codes[FLOW_CODES];

/* The best form that this processor can run: the same in one process at all times. */
const struct flow_code *flow_code_best(void);

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define FLOW_THREAD_SANITIZER 1
#endif
#elif defined(__SANITIZE_THREAD__)
#define FLOW_THREAD_SANITIZER 1
#endif
/* The thread sanitizer and the interleaving test know only C's own atomics: there all forms match
 * by them, and these tests check the protocol. */
#if defined(FLOW_THREAD_SANITIZER) || defined(FLOW_ATOMIC_HEADER)
#define FLOW_ATOMICS_ONLY 1
#endif
