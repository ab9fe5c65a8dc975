/* SPDX-License-Identifier: BSD-3-Clause */
/* connect_priv.h: the table of connected sockets, for the files that serve connect.h.
 *
 * Pairs lie in a flow table of their own, which gives lookup, insertion and safe reuse beside
 * readers. Side s of an entry is the socket whose local end is the key's endpoint s. Of an entry
 * only this is used: the key; in the detail, for workers, port[] and binding[]; and its port as the
 * set of the sides that are not free, because a search looks at keys anyway. A node, control's
 * alone, belongs to each side of each slot. */
#pragma once

#include <stdatomic.h>

#include "common/base/identity.h"
#include "dataplane/connect/connect.h"

#define CONNECT_PROTOS 4u
#define PORT_VALUES    65536u
/* RFC 6056 3.3.4: as many counters as separate what one remote sees from what others do. */
#define CHOICE_COUNTERS 1024u

/* Index 2 * slot + side. Nodes that are not free are in one list: of their port, of those to be
 * closed, or of those in quarantine, oldest first. Lists are rings through a head of their own. */
struct connect_node {
	uint32_t next, prev;
	uint32_t free_ms; /* in quarantine: its end */
	uint16_t account;
	uint16_t reserved;
};
static_assert(sizeof(struct connect_node) == 16, "four of them a line");

struct connect_table {
	/* Readers. live[id & mask] is the id of an open socket, or another, or 0. uses[][] counts
	 * the nodes, by protocol, that have a local port and are not free. */
	struct flow_table *pairs;
	_Atomic uint32_t *live;
	uint32_t live_mask;
	_Atomic uint32_t (*uses)[PORT_VALUES];

	/* Control. */
	struct connect_options options;
	uint64_t bytes;
	struct connect_node *nodes;
	uint32_t *node_of; /* by id & mask */
	uint32_t heads;    /* node index of the heads: by port id, then the two below */
	uint32_t last_id;
	uint32_t open, quarantine;
	uint32_t paid[CONNECT_ACCOUNTS_MAX];
	uint32_t counters[CHOICE_COUNTERS];
	bool crowded[CHOICE_COUNTERS]; /* the last search by the counter took more steps than few */
	uint64_t exhausted[CHOICE_COUNTERS]; /* hash of a pair's rest without a free port; 0 */
	uint32_t exhausted_count;
};

/* Where a socket is, or will be. */
struct connect_place {
	struct flow_key key; /* canonical */
	uint64_t hash;
	unsigned side;
	uint16_t port;
};

/* Row of uses[]. */
static inline unsigned
connect_proto(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return 0;
	case PROTO_UDP:
		return 1;
	case PROTO_SCTP:
		return 2;
	default:
		return 3;
	}
}

static inline uint32_t
connect_node_index(uint32_t slot, unsigned side)
{
	return 2 * slot + side;
}
static inline uint32_t
connect_head_port(const struct connect_table *t, port_ref port)
{
	return t->heads + port_ref_id(port);
}
static inline uint32_t
connect_head_closing(const struct connect_table *t)
{
	return t->heads + PORTS_MAX;
}
static inline uint32_t
connect_head_quarantine(const struct connect_table *t)
{
	return t->heads + PORTS_MAX + 1;
}
#define CONNECT_HEADS (PORTS_MAX + 2u)

/* Appends a node that is in no list. */
static inline void
connect_append(struct connect_table *t, uint32_t head, uint32_t node)
{
	struct connect_node *n = t->nodes;

	n[node].prev = n[head].prev;
	n[node].next = head;
	n[n[head].prev].next = node;
	n[head].prev = node;
}
static inline void
connect_unlink(struct connect_table *t, uint32_t node)
{
	struct connect_node *n = t->nodes;

	n[n[node].prev].next = n[node].next;
	n[n[node].next].prev = n[node].prev;
}

/* The place of a pair whose packets look like `sent`. */
static inline void
connect_place(const struct connect_table *t, const struct flow_key *sent, struct connect_place *out)
{
	out->side = flow_key_canonical(sent, &out->key);
	out->hash = flow_hash(&t->options.secret, &out->key);
	out->port = sent->port[0];
}

/* Whether the side of entry `slot` (FLOW_NONE: there is none) is held or in quarantine. */
static inline bool
connect_taken(const struct connect_table *t, uint32_t slot, unsigned side)
{
	return slot != FLOW_NONE &&
	       (flow_entry_port(flow_entry_at(t->pairs, slot)) >> side & 1) != 0;
}

/* choose.c: finds a free place for the request. 0 or -EADDRNOTAVAIL. */
int
connect_search(struct connect_table *t, const struct connect_request *r, struct connect_place *out);
/* choose.c: starts the counters. */
void connect_choice_init(struct connect_table *t);
/* choose.c: a place became free: whoever found none may try again. */
void connect_choice_freed(struct connect_table *t, const struct flow_key *sent);
