/* SPDX-License-Identifier: BSD-3-Clause */
/* flows.c: what flow, bind and track do to one packet. */
#include "common/base/identity.h"
#include "dataplane/worker/worker.h"

struct dp_port *
flows_port(const struct worker *w, port_ref ref)
{
	struct dp_port *p = w->snapshot->ports[port_ref_id(ref)];

	return p != NULL && p->ref == ref ? p : NULL;
}

/* Moves the number of live flows of a port, unless the port is no more. */
static void
count_flow(struct worker *w, port_ref ref, int64_t n)
{
	struct port_block *b = &w->ports[port_ref_id(ref)];

	if (ref != PORT_REF_NONE && atomic_load_explicit(&b->ref, memory_order_relaxed) == ref)
		count_word(&b->flows, (uint64_t)n);
}

static port_ref
entry_port(const struct flow_entry *e, unsigned side)
{
	return atomic_load_explicit(&e->port[side], memory_order_relaxed);
}

/* Gives endpoint `side` of a flow to a port (or to none), under the bindings of now. */
static void
set_port(struct worker *w, uint32_t index, unsigned side, const struct bind_result *to)
{
	struct flow_entry *e = flow_entry_at(w->flows, index);
	struct flow_detail *d = flow_detail_at(w->flows, index);

	count_flow(w, entry_port(e, side), -1);
	count_flow(w, to->port, 1);
	atomic_store_explicit(&e->port[side], to->port, memory_order_relaxed);
	atomic_store_explicit(&d->binding[side], to->id, memory_order_relaxed);
}

/* Forgets ports that died or lost their binding since the entry was decided. A live owner keeps its
 * flows whatever else was bound meanwhile (T7). */
static void
revalidate(struct worker *w, uint32_t index)
{
	static const struct bind_result nobody = { .id = 0, .port = PORT_REF_NONE };
	struct flow_entry *e = flow_entry_at(w->flows, index);
	const struct flow_detail *d = flow_detail_at(w->flows, index);
	const uint32_t epoch = w->snapshot->epoch;

	if (atomic_load_explicit(&e->epoch, memory_order_relaxed) == epoch)
		return;
	for (unsigned side = 0; side < 2; side++) {
		const port_ref port = entry_port(e, side);
		const uint32_t id = atomic_load_explicit(&d->binding[side], memory_order_relaxed);

		if (port != PORT_REF_NONE &&
		    (flows_port(w, port) == NULL || !bind_alive(w->snapshot->bindings, id, port)))
			set_port(w, index, side, &nobody);
	}
	atomic_store_explicit(&e->epoch, epoch, memory_order_relaxed);
}

static bool
destination_local(const struct worker *w, const struct packet *p)
{
	return link_set_local(&w->dp->options.links, p->key.zone, p->key.family, p->key.addr[1]);
}

/* The binding for the first packet of a flow. */
static enum drop_reason
bind_packet(const struct worker *w, const struct packet *p, uint64_t hash, struct bind_result *out)
{
	const bool local = destination_local(w, p);

	if (!bind_lookup(w->snapshot->bindings, &p->key, local, hash, out))
		return local ? DROP_PORT_CLOSED : DROP_NOT_LOCAL;
	return out->port == PORT_REF_NONE ? DROP_BINDING_DEAD : DROP_NONE;
}

enum drop_reason
flows_destination(struct worker *w, uint32_t index, unsigned side, const struct packet *packet,
		  uint64_t hash, port_ref *port)
{
	const struct flow_entry *e = flow_entry_at(w->flows, index);
	struct bind_result to;

	revalidate(w, index);
	if (entry_port(e, side) == PORT_REF_NONE) {
		const enum drop_reason reason = bind_packet(w, packet, hash, &to);

		if (reason != DROP_NONE)
			return reason;
		set_port(w, index, side, &to);
	}
	*port = entry_port(e, side);
	return DROP_NONE;
}

/* Makes an entry in which endpoint `side` belongs to `to`. */
static enum drop_reason
open_entry(struct worker *w, const struct flow_key *key, uint64_t hash, unsigned direction,
	   unsigned side, const struct bind_result *to, uint8_t flags, uint32_t *index)
{
	bool created;

	if (flow_insert(w->flows, key, hash, index, &created) != 0)
		return DROP_FLOW_TABLE_FULL;
	if (!created)
		return DROP_NONE;

	struct flow_entry *e = flow_entry_at(w->flows, *index);
	struct flow_detail *d = flow_detail_at(w->flows, *index);

	if (direction == 1)
		flags |= FLOW_ORIG_IS_1;
	atomic_store_explicit(&e->flags, flags, memory_order_relaxed);
	atomic_store_explicit(&e->epoch, w->snapshot->epoch, memory_order_relaxed);
	atomic_store_explicit(&d->first_ms, w->now_ms, memory_order_relaxed);
	atomic_store_explicit(&d->link, LINK_NONE, memory_order_relaxed);
	set_port(w, *index, side, to);
	count(&w->counters, COUNTER_flows_created, 1);
	return DROP_NONE;
}

enum drop_reason
flows_open(struct worker *w, const struct packet *packet, const struct flow_key *key,
	   unsigned direction, uint64_t hash, uint32_t *index)
{
	struct bind_result to;
	const enum drop_reason reason = bind_packet(w, packet, hash, &to);

	if (reason != DROP_NONE)
		return reason;
	return open_entry(w, key, hash, direction, !direction, &to, 0, index);
}

enum drop_reason
flows_follow(struct worker *w, const struct packet *packet, const struct flow_key *key,
	     uint64_t hash, uint32_t *index)
{
	const uint32_t found = flow_lookup(w->flows, key, hash);
	struct bind_result to;
	enum drop_reason reason;

	if (found != FLOW_NONE) {
		*index = found;
		return DROP_NONE;
	}
	/* Where the first one was refused, this one is, for the same reason. */
	reason = bind_packet(w, packet, hash, &to);
	return reason != DROP_NONE ? reason : DROP_FRAGMENT_NO_FLOW;
}

/* Whether a port belongs to the application that sends. */
struct owner {
	const struct worker *worker;
	uint32_t app;
};

static bool
owned(port_ref port, void *context)
{
	const struct owner *o = context;
	const struct dp_port *p = flows_port(o->worker, port);

	return p != NULL && p->app == o->app;
}

enum drop_reason
flows_authorise(struct worker *w, uint32_t app, const struct packet *packet,
		const struct flow_key *key, unsigned direction, uint64_t hash, uint32_t *index,
		port_ref *port)
{
	struct owner owner = { .worker = w, .app = app };
	struct bind_result from;

	if (*index != FLOW_NONE) {
		revalidate(w, *index);
		*port = entry_port(flow_entry_at(w->flows, *index), direction);
		if (*port != PORT_REF_NONE)
			return owned(*port, &owner) ? DROP_NONE : DROP_TX_NOT_OWNER;
	}

	const bool local = link_set_local(&w->dp->options.links, packet->key.zone,
					  packet->key.family, packet->key.addr[0]);

	if (!bind_source_of(w->snapshot->bindings, &packet->key, local, owned, &owner, &from))
		return DROP_TX_NOT_OWNER;
	*port = from.port;
	if (*index != FLOW_NONE) {
		set_port(w, *index, direction, &from);
		return DROP_NONE;
	}

	const bool here = link_set_owns(&w->dp->options.links, packet->key.zone, packet->key.family,
					packet->key.addr[1]);

	return open_entry(w, key, hash, direction, direction, &from,
			  here ? FLOW_OUTGOING | FLOW_LOCAL : FLOW_OUTGOING, index);
}

void
flows_account(struct worker *w, uint32_t index, const struct packet *packet, unsigned direction,
	      uint16_t link, const uint8_t *mac)
{
	struct flow_entry *e = flow_entry_at(w->flows, index);
	struct flow_detail *d = flow_detail_at(w->flows, index);
	const uint8_t flags = atomic_load_explicit(&e->flags, memory_order_relaxed);
	const bool reply = ((flags & FLOW_ORIG_IS_1) != 0) != (direction == 1);

	/* The way back is learnt anew at most once per millisecond of the flow's traffic. */
	if (mac != NULL &&
	    (atomic_load_explicit(&e->last_seen_ms, memory_order_relaxed) != w->now_ms ||
	     atomic_load_explicit(&d->link, memory_order_relaxed) == LINK_NONE)) {
		memcpy(d->peer_mac, mac, sizeof(d->peer_mac));
		atomic_store_explicit(&d->link, link, memory_order_relaxed);
	}
	track_packet(&w->dp->options.timeouts, e, d, reply, packet->tcp_flags, packet->l3_bytes,
		     w->now_ms);
}

bool
flows_ended(struct flow_table *t, uint32_t index, void *worker)
{
	struct worker *w = worker;
	const struct flow_entry *e = flow_entry_at(t, index);

	count_flow(w, entry_port(e, 0), -1);
	count_flow(w, entry_port(e, 1), -1);
	count(&w->counters, COUNTER_flows_ended, 1);
	return true;
}
