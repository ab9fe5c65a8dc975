/* SPDX-License-Identifier: BSD-3-Clause */
/* release.c: the end of connected sockets: closing, quarantine, freeing. */
#include "common/base/check.h"
#include "common/base/seq.h"
#include "dataplane/connect/connect_priv.h"

/* Sockets that one step closes or frees: some milliseconds. */
#define STEP_SOCKETS 16384u

static bool
has_time_wait(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_SCTP;
}

/* Gives a node back that is in no list. */
static void
node_free(struct connect_table *t, uint32_t node)
{
	const uint32_t slot = node / 2, side = node % 2;
	struct flow_entry *e = flow_entry_at(t->pairs, slot);
	const struct flow_key sent = side == 0 ? e->key : flow_key_reverse(&e->key);
	_Atomic uint32_t *uses = &t->uses[connect_proto(sent.proto)][sent.port[0]];

	flow_entry_port_set(e, (uint16_t)(flow_entry_port(e) & ~(1u << side)));
	t->paid[t->nodes[node].account]--;
	atomic_store_explicit(uses, atomic_load_explicit(uses, memory_order_relaxed) - 1,
			      memory_order_relaxed);
	connect_choice_freed(t, &sent);
	if (flow_entry_port(e) == 0)
		flow_delete(t->pairs, slot);
}

/* Ends an open node, socket `id`: from here on no worker takes it for live. */
static void
node_close(struct connect_table *t, uint32_t node, uint32_t id, uint32_t now_ms)
{
	const uint32_t slot = node / 2;
	struct flow_detail *d = flow_detail_at(t->pairs, slot);

	connect_unlink(t, node);
	t->open--;
	/* Before the next holder's port: see connect_find(). */
	atomic_store_explicit(&t->live[id & t->live_mask], 0, memory_order_release);
	atomic_store_explicit(&d->binding[node % 2], 0, memory_order_relaxed);
	if (!has_time_wait(flow_entry_at(t->pairs, slot)->key.proto) ||
	    t->options.quarantine_ms == 0) {
		node_free(t, node);
		return;
	}
	t->nodes[node].free_ms = now_ms + t->options.quarantine_ms;
	t->quarantine++;
	connect_append(t, connect_head_quarantine(t), node);
}

/* Tells the flow's worker that socket `id` of the node closes or has closed. False: not now. */
static bool
node_tell(const struct connect_table *t, uint32_t node, uint32_t id)
{
	/* A deleted entry stays as it is until it is given back. */
	const struct connect_closed closed = { .key = flow_entry_at(t->pairs, node / 2)->key,
					       .id = id,
					       .side = node % 2 };
	uint64_t hash;

	if (t->options.closed == NULL)
		return true;
	hash = flow_hash(&t->options.secret, &closed.key);
	return t->options.closed(&closed, flow_owner(hash, t->options.workers), t->options.context);
}

void
connect_close(struct connect_table *t, uint32_t id, uint32_t now_ms)
{
	const uint32_t node = t->node_of[id & t->live_mask];

	panic_unless(connect_live(t, id));
	/* In this order: its port lives and might send again. */
	node_close(t, node, id, now_ms);
	(void)node_tell(t, node, id);
}

/* Closes the next socket of a port that is no more. False: its worker cannot be told now. */
static bool
closing_step(struct connect_table *t, uint32_t now_ms)
{
	const uint32_t node = t->nodes[connect_head_closing(t)].next;
	const struct flow_detail *d = flow_detail_at(t->pairs, node / 2);
	const uint32_t id = atomic_load_explicit(&d->binding[node % 2], memory_order_relaxed);

	if (!node_tell(t, node, id))
		return false;
	node_close(t, node, id, now_ms);
	return true;
}

void
connect_close_port(struct connect_table *t, port_ref port)
{
	struct connect_node *n = t->nodes;
	const uint32_t from = connect_head_port(t, port), to = connect_head_closing(t);

	if (n[from].next == from)
		return;
	n[n[from].next].prev = n[to].prev;
	n[n[to].prev].next = n[from].next;
	n[n[from].prev].next = to;
	n[to].prev = n[from].prev;
	n[from].next = n[from].prev = from;
}

bool
connect_step(struct connect_table *t, uint32_t now_ms)
{
	const uint32_t closing = connect_head_closing(t), waiting = connect_head_quarantine(t);
	uint32_t left = STEP_SOCKETS;
	bool told = true;

	while (left > 0 && told && t->nodes[closing].next != closing) {
		told = closing_step(t, now_ms);
		left--;
	}
	while (left > 0 && t->nodes[waiting].next != waiting) {
		const uint32_t node = t->nodes[waiting].next;

		if (seq_before(now_ms, t->nodes[node].free_ms))
			break;
		connect_unlink(t, node);
		t->quarantine--;
		node_free(t, node);
		left--;
	}
	return left == 0 || !told;
}

bool
connect_limbo_close(struct connect_table *t)
{
	return flow_limbo_close(t->pairs) > 0;
}

bool
connect_limbo_closed(const struct connect_table *t)
{
	return flow_limbo_closed(t->pairs);
}

void
connect_limbo_free(struct connect_table *t)
{
	flow_limbo_free(t->pairs);
}
