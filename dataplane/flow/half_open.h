/* SPDX-License-Identifier: BSD-3-Clause */
/* half_open.h: the list of a worker's half-open flows, in the order in which they came. Served by
 * half_open.c.
 *
 * A flow on the list has a place. The list has a fixed number of places: the share of the table
 * that half-open flows may hold. Sources are told apart by a prefix of their address and the zone,
 * under a keyed hash: two prefixes are taken for one about once in as many as there are places.
 * All calls are O(1), and the worker's alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/flow/flow.h"

#define HALF_OPEN_PLACES_MIN 256u /* more than a burst */
#define HALF_OPEN_NONE       0u   /* no place */
/* A source prefix may have this part of all places, and some at least, and is not asked first: many
 * hosts may be behind one address, and open several flows at once. */
#define HALF_OPEN_PREFIX_PART  32u
#define HALF_OPEN_PREFIX_LEAST 8u

struct half_open_options {
	uint32_t places;           /* HALF_OPEN_PLACES_MIN..FLOW_CAPACITY_MAX */
	uint8_t prefix_bits_ipv4;  /* 0..32 */
	uint8_t prefix_bits_ipv6;  /* 0..128 */
	int numa_node;             /* as in flow_table_options */
	struct flow_secret secret; /* as in flow_table_options */
};

struct half_open;

/* 0, -EINVAL or -ENOMEM; all memory is present. Destroying NULL does nothing. */
int half_open_create(const struct half_open_options *options, struct half_open **out);
void half_open_destroy(struct half_open *h);
/* Bytes of memory that it takes. Pure. */
uint64_t half_open_bytes(uint32_t places);

/* Flows on the list. */
uint32_t half_open_count(const struct half_open *h);
bool half_open_is_full(const struct half_open *h);

/* Gives flow `index` (of the flow table), whose first packet came from endpoint `origin` of `key`,
 * a place as the newest. The list is not full. Returns the place. */
uint32_t
half_open_add(struct half_open *h, const struct flow_key *key, unsigned origin, uint32_t index);
/* Takes the flow at `place` off the list; `key` is its. */
void half_open_remove(struct half_open *h, const struct flow_key *key, uint32_t place);

/* The oldest place, or HALF_OPEN_NONE. */
uint32_t half_open_oldest(const struct half_open *h);
/* The oldest place of the source prefix of a flow with `key` and `origin`, if that prefix has more
 * than its part of all; else HALF_OPEN_NONE. */
uint32_t
half_open_oldest_like(const struct half_open *h, const struct flow_key *key, unsigned origin);
/* The place that was given next after `place`, or HALF_OPEN_NONE. */
uint32_t half_open_newer(const struct half_open *h, uint32_t place);
/* The flow at a place. */
uint32_t half_open_flow(const struct half_open *h, uint32_t place);
