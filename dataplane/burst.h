/* SPDX-License-Identifier: BSD-3-Clause */
/* burst.h: up to BURST_MAX packets as arrays, on their way through one worker's stages. */
#pragma once

#include <rte_mbuf.h>

#include "common/abi/ring.h"
#include "common/base/limits.h"
#include "dataplane/flow/flow.h"
#include "dataplane/parse/parse.h"

/* Element i of each array is packet i. A stage fills the arrays it is named for, and closes the gap
 * of each packet that it takes out. */
struct burst {
	uint16_t n;
	struct rte_mbuf *mbufs[BURST_MAX]; /* rx */
	struct packet packets[BURST_MAX];  /* parse */
	uint16_t links[BURST_MAX]; /* parse: link it came by; LINK_NONE: from an application */
	uint32_t apps[BURST_MAX];  /* sends: id of the application */
	struct flow_key keys[BURST_MAX];  /* key: canonical */
	uint8_t direction[BURST_MAX];     /* key: the source is the key's endpoint 1 */
	uint64_t hashes[BURST_MAX];       /* key */
	uint32_t flows[BURST_MAX];        /* flow: index, or FLOW_NONE */
	uint16_t record_flags[BURST_MAX]; /* bind: enum record_flag */
	port_ref ports[BURST_MAX];        /* bind: who receives it */
};

/* Private area of each mbuf: what a packet carries with it when it changes worker. */
enum handover_kind {
	HANDOVER_INBOUND,  /* parsed; continues at the flow stage */
	HANDOVER_FRAGMENT, /* parsed; continues where the taker knows its datagram */
	HANDOVER_SEND,     /* an application's, parsed; continues at the flow stage */
	HANDOVER_FRAME     /* a finished frame for a tx queue of the taker */
};
struct buffer_note {
	struct packet packet;
	uint16_t link;
	uint8_t kind;     /* enum handover_kind */
	uint8_t tx_class; /* HANDOVER_FRAME: enum tx_class */
	uint16_t nic;     /* HANDOVER_FRAME */
	uint32_t app;     /* HANDOVER_SEND */
};

static inline struct buffer_note *
buffer_note(struct rte_mbuf *m)
{
	return rte_mbuf_to_priv(m);
}

/* Moves packet `from` to place `to` (<= from), as far as parse filled it. */
static inline void
burst_move(struct burst *b, uint16_t from, uint16_t to)
{
	if (from == to)
		return;
	b->mbufs[to] = b->mbufs[from];
	packet_assign(&b->packets[to], &b->packets[from]);
	b->links[to] = b->links[from];
	b->apps[to] = b->apps[from];
}

/* The same once keys are there, as far as bind filled it. */
static inline void
burst_move_keyed(struct burst *b, uint16_t from, uint16_t to)
{
	if (from == to)
		return;
	burst_move(b, from, to);
	b->keys[to] = b->keys[from];
	b->direction[to] = b->direction[from];
	b->hashes[to] = b->hashes[from];
	b->flows[to] = b->flows[from];
	b->record_flags[to] = b->record_flags[from];
	b->ports[to] = b->ports[from];
}

/* Appends a packet to the burst from the note that it carries. */
static inline void
burst_take(struct burst *b, struct rte_mbuf *m)
{
	const struct buffer_note *note = buffer_note(m);

	b->mbufs[b->n] = m;
	packet_assign(&b->packets[b->n], &note->packet);
	b->links[b->n] = note->link;
	b->apps[b->n] = note->app;
	b->n++;
}

/* Fills keys, direction and hashes of all packets. */
static inline void
burst_keys(struct burst *b, const struct flow_secret *secret)
{
	for (uint16_t i = 0; i < b->n; i++)
		b->direction[i] = flow_key_canonical(&b->packets[i].key, &b->keys[i]);
	flow_hash_burst(secret, b->keys, b->hashes, b->n);
}

/* The packet's bytes from its IP header on. */
static inline uint8_t *
burst_ip(const struct burst *b, uint16_t i)
{
	return rte_pktmbuf_mtod_offset(b->mbufs[i], uint8_t *, b->packets[i].l3_offset);
}
