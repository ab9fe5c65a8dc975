/* SPDX-License-Identifier: BSD-3-Clause */
/* fragment_priv.h: the table's memory: datagrams, their sources, held packets; private to
 * fragment/.
 *
 * All links are indices into arrays, FRAGMENT_NONE the end. Free ones are chained by `next`. */
#pragma once

#include <stddef.h>

#include "common/base/pieces.h"
#include "dataplane/fragment/fragment.h"

#define FRAGMENT_NONE UINT32_MAX

/* Two queues by age: those that wait for their first fragment, and so may hold packets, and the
 * others. A datagram is in one of its table's and in the same one of its source's. */
enum datagram_queue { QUEUE_WAITING, QUEUE_OTHERS, QUEUES };

struct queue {
	uint32_t first, last;
};

struct queue_link {
	uint32_t before, after;
};

enum datagram_state {
	DATAGRAM_WAITING, /* for the first fragment */
	DATAGRAM_STEERED, /* by the first fragment's tuple */
	DATAGRAM_GIVEN_UP /* G4: what still comes is dropped by `reason` */
};

struct datagram {
	struct flow_key identity;
	uint64_t hash;
	uint32_t next; /* in the bucket */
	uint32_t source;
	uint32_t since_ms;
	uint32_t held_first, held_last; /* in the order of arrival */
	struct queue_link in_table, in_source;
	struct fragment_tuple tuple;
	uint8_t state;  /* enum datagram_state */
	uint8_t reason; /* enum drop_reason */
	struct pieces pieces;
};

/* Who sends; as long as one of its datagrams is in the table. */
struct source {
	struct flow_key identity; /* family, zone and address; the rest is zero */
	uint64_t hash;
	uint32_t next;
	uint32_t datagrams, held;
	struct queue queues[QUEUES];
};

static_assert(DROP_COUNT <= UINT8_MAX, "reasons fit");

struct held {
	void *packet;
	uint32_t next;
};

struct fragment_table {
	struct fragment_options options;
	struct flow_secret secret;
	uint32_t bucket_mask;
	uint32_t datagrams_count, held_count;
	uint32_t datagrams_free, sources_free, held_free;
	struct queue queues[QUEUES];
	/* Behind the struct, in this order. */
	struct datagram *datagrams; /* options.datagrams */
	struct source *sources;     /* as many: each has a datagram */
	struct held *held;          /* options.held_packets */
	uint32_t *datagram_buckets; /* bucket_mask + 1 */
	uint32_t *source_buckets;   /* the same */
};

/* fragment_table.c. `hash` is that of the identity under the table's secret. */
uint32_t
datagram_find(const struct fragment_table *t, const struct flow_key *identity, uint64_t hash);
/* Makes a waiting datagram; a free one is there. */
uint32_t datagram_make(struct fragment_table *t, const struct flow_key *identity, uint64_t hash,
		       uint32_t now_ms);
/* Takes one that holds nothing out of the table. */
void datagram_remove(struct fragment_table *t, uint32_t index);
/* Ends the waiting of a datagram. */
void datagram_settle(struct fragment_table *t, uint32_t index, enum datagram_state state);
/* The source of a datagram with this identity, or FRAGMENT_NONE. */
uint32_t source_find(const struct fragment_table *t, const struct flow_key *identity);
/* Holds a packet; a free place is there. */
void held_put(struct fragment_table *t, struct datagram *d, void *packet);
/* Takes the packet that was held first; NULL: none. */
void *held_take(struct fragment_table *t, struct datagram *d);
