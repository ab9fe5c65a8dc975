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
detail_port(const struct flow_detail *d, unsigned side)
{
	return atomic_load_explicit(&d->port[side], memory_order_relaxed);
}

/* Gives endpoint `side` of a flow to a port (or to none), under the bindings of now. */
static void
set_port(struct worker *w, struct flow_detail *d, unsigned side, const struct bind_result *to)
{
	count_flow(w, detail_port(d, side), -1);
	count_flow(w, to->port, 1);
	atomic_store_explicit(&d->port[side], to->port, memory_order_relaxed);
	atomic_store_explicit(&d->binding[side], to->id, memory_order_relaxed);
}

/* Whether what was decided under `epoch` holds: sockets close at any time, ports die and bindings
 * go with a publication. */
static bool
holds(const struct worker *w, uint32_t epoch, uint32_t id, port_ref port)
{
	if (connect_is(id) && !connect_live(w->dp->connections, id))
		return false;
	if (epoch == w->snapshot->epoch)
		return true;
	return flows_port(w, port) != NULL &&
	       (connect_is(id) || bind_alive(w->snapshot->bindings, id, port));
}

/* Forgets ports that died or lost their binding or socket since the flow was decided. A live owner
 * keeps its flows whatever else was bound meanwhile (T7). */
static void
revalidate(struct worker *w, const struct flow_entry *e, struct flow_detail *d)
{
	static const struct bind_result nobody = { .id = 0, .port = PORT_REF_NONE };
	const uint32_t epoch = atomic_load_explicit(&e->epoch, memory_order_relaxed);

	for (unsigned side = 0; side < 2; side++) {
		const port_ref port = detail_port(d, side);
		const uint32_t id = atomic_load_explicit(&d->binding[side], memory_order_relaxed);

		if (port != PORT_REF_NONE && !holds(w, epoch, id, port))
			set_port(w, d, side, &nobody);
	}
}

/* What the entry's own line says of endpoint `side`: its port, or PORT_REF_NONE, and then the
 * detail is to be asked. A port that died has brought other bindings, and so another epoch; a
 * socket that was closed has not, and is asked about each time. */
static port_ref
entry_port(const struct worker *w, const struct flow_entry *e, unsigned side)
{
	uint32_t id;

	if (atomic_load_explicit(&e->epoch, memory_order_relaxed) != w->snapshot->epoch ||
	    flow_near_side(flow_entry_flags(e)) != side)
		return PORT_REF_NONE;
	id = atomic_load_explicit(&e->binding, memory_order_relaxed);
	if (connect_is(id) && !connect_live(w->dp->connections, id))
		return PORT_REF_NONE;
	return w->snapshot->ports[flow_entry_port(e)]->ref;
}

/* Copies what the detail, which is up to date, says of the near side to the entry's line. */
static void
entry_remember(const struct worker *w, struct flow_entry *e, const struct flow_detail *d)
{
	const unsigned side = flow_near_side(flow_entry_flags(e));
	const port_ref port = detail_port(d, side);

	if (port == PORT_REF_NONE)
		return;
	flow_entry_port_set(e, port_ref_id(port));
	atomic_store_explicit(&e->binding,
			      atomic_load_explicit(&d->binding[side], memory_order_relaxed),
			      memory_order_relaxed);
	flow_entry_show(e, w->snapshot->epoch);
}

static bool
destination_local(const struct worker *w, const struct packet *p)
{
	return link_set_local(&w->dp->options.links, p->key.zone, p->key.family, p->key.addr[1]);
}

/* The connected socket at end `end` of the packet: 0 its source, 1 its destination. */
static bool
connected(const struct worker *w, const struct packet *p, unsigned end, uint64_t hash,
	  struct bind_result *out)
{
	struct connect_holder holder;
	struct flow_key key;
	const bool swapped = flow_key_canonical(&p->key, &key);

	if (!connect_find(w->dp->connections, &key, hash, end ^ swapped, &holder))
		return false;
	*out = (struct bind_result){ holder.id, holder.port };
	return true;
}

/* The connected socket or binding for the first packet of a flow. A socket whose port died and that
 * control has not closed yet is nobody's. */
static enum drop_reason
bind_packet(const struct worker *w, const struct packet *p, uint64_t hash, struct bind_result *out)
{
	bool local;

	if (connected(w, p, 1, hash, out))
		return flows_port(w, out->port) == NULL ? DROP_BINDING_DEAD : DROP_NONE;
	local = destination_local(w, p);
	switch (bind_lookup(w->snapshot->bindings, &p->key, local, hash, out)) {
	case BIND_NONE:
		return local ? DROP_PORT_CLOSED : DROP_NOT_LOCAL;
	case BIND_DEAD:
		return DROP_BINDING_DEAD;
	case BIND_PASSIVE:
		return DROP_BINDING_DRAINS;
	case BIND_MEMBER:
		break;
	}
	return DROP_NONE;
}

/* flows_destination() where the entry's line does not tell. */
static enum drop_reason
decide(struct worker *w, uint32_t index, unsigned side, const struct packet *packet, uint64_t hash,
       port_ref *port)
{
	struct flow_entry *e = flow_entry_at(w->flows, index);
	struct flow_detail *d = flow_detail_at(w->flows, index);

	revalidate(w, e, d);
	if (detail_port(d, side) == PORT_REF_NONE) {
		struct bind_result to;
		const enum drop_reason reason = bind_packet(w, packet, hash, &to);

		if (reason != DROP_NONE)
			return reason;
		set_port(w, d, side, &to);
	}
	entry_remember(w, e, d);
	*port = detail_port(d, side);
	return DROP_NONE;
}

enum drop_reason
flows_destination(struct worker *w, uint32_t index, unsigned side, const struct packet *packet,
		  uint64_t hash, port_ref *port)
{
	*port = entry_port(w, flow_entry_at(w->flows, index), side);
	return *port != PORT_REF_NONE ? DROP_NONE : decide(w, index, side, packet, hash, port);
}

/* Makes an entry in which endpoint `side` belongs to `to`. */
static enum drop_reason
open_entry(struct worker *w, const struct flow_key *key, uint64_t hash, unsigned direction,
	   unsigned side, const struct bind_result *to, unsigned flags, uint32_t *index)
{
	bool created;

	if (follow_open(w->rules, w->flows, key, hash, direction, flags, w->now_ms, index,
			&created) != 0)
		return DROP_FLOW_TABLE_FULL;
	if (!created)
		return DROP_NONE;

	struct flow_detail *d = flow_detail_at(w->flows, *index);

	set_port(w, d, side, to);
	entry_remember(w, flow_entry_at(w->flows, *index), d);
	count(&w->counters, COUNTER_flows_created, 1);
	return DROP_NONE;
}

/* Whether the packet may open an entry. */
static enum drop_reason
admit(const struct worker *w, const struct packet *packet, const uint8_t *frame,
      const struct flow_key *key, unsigned direction, uint64_t hash)
{
	if (follow_begins(w->rules, packet, frame, direction, w->now_ms))
		return DROP_NONE;
	/* An earlier packet of the burst may have opened the flow that this one belongs to. */
	return flow_lookup(w->flows, key, hash) == FLOW_NONE ? DROP_TRACK_INVALID : DROP_NONE;
}

enum drop_reason
flows_open(struct worker *w, const struct packet *packet, const uint8_t *frame,
	   const struct flow_key *key, unsigned direction, uint64_t hash, uint32_t *index)
{
	struct bind_result to;
	enum drop_reason reason = bind_packet(w, packet, hash, &to);

	if (reason == DROP_NONE)
		reason = admit(w, packet, frame, key, direction, hash);
	if (reason == DROP_NONE)
		reason = open_entry(w, key, hash, direction, !direction, &to, 0, index);
	if (reason == DROP_NONE && packet->facts & (PACKET_TUNNEL | PACKET_PPPOE))
		atomic_store_explicit(&flow_detail_at(w->flows, *index)->link, LINK_ENCLOSED,
				      memory_order_relaxed);
	return reason;
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

/* The port that holds endpoint `side` of a flow, or PORT_REF_NONE. */
static port_ref
sender(struct worker *w, uint32_t index, unsigned side)
{
	struct flow_entry *e = flow_entry_at(w->flows, index);
	struct flow_detail *d;
	port_ref port = entry_port(w, e, side);

	if (port != PORT_REF_NONE)
		return port;
	d = flow_detail_at(w->flows, index);
	revalidate(w, e, d);
	entry_remember(w, e, d);
	return detail_port(d, side);
}

/* The connected socket or binding of the application from which it may send the packet. */
static bool
source_of(const struct worker *w, const struct packet *p, uint64_t hash, struct owner *owner,
	  struct bind_result *out)
{
	bool local;

	if (connected(w, p, 0, hash, out))
		return owned(out->port, owner);
	local = link_set_local(&w->dp->options.links, p->key.zone, p->key.family, p->key.addr[0]);
	return bind_source_of(w->snapshot->bindings, &p->key, local, owned, owner, out);
}

enum drop_reason
flows_authorise(struct worker *w, uint32_t app, const struct packet *packet, const uint8_t *frame,
		const struct flow_key *key, unsigned direction, uint64_t hash, uint32_t *index,
		port_ref *port)
{
	struct owner owner = { .worker = w, .app = app };
	struct bind_result from;

	if (*index != FLOW_NONE) {
		*port = sender(w, *index, direction);
		if (*port != PORT_REF_NONE)
			return owned(*port, &owner) ? DROP_NONE : DROP_TX_NOT_OWNER;
	}
	if (!source_of(w, packet, hash, &owner, &from))
		return DROP_TX_NOT_OWNER;
	*port = from.port;
	if (*index != FLOW_NONE) {
		struct flow_detail *d = flow_detail_at(w->flows, *index);

		set_port(w, d, direction, &from);
		entry_remember(w, flow_entry_at(w->flows, *index), d);
		return DROP_NONE;
	}

	const enum drop_reason reason = admit(w, packet, frame, key, direction, hash);

	if (reason != DROP_NONE)
		return reason;

	const bool here = link_set_owns(&w->dp->options.links, packet->key.zone, packet->key.family,
					packet->key.addr[1]);

	return open_entry(w, key, hash, direction, direction, &from,
			  here ? FLOW_OUTGOING | FLOW_LOCAL : FLOW_OUTGOING, index);
}

/* What becomes of a packet after the tracker's verdict. */
static enum drop_reason
enforce(struct worker *w, enum track_verdict verdict, enum drop_reason reason)
{
	if (follow_refuses(w->rules, verdict))
		return reason;
	if (verdict == TRACK_INVALID)
		count(&w->counters, COUNTER_track_invalid_passed, 1);
	return DROP_NONE;
}

enum drop_reason
flows_account(struct worker *w, uint32_t index, const struct packet *packet, const uint8_t *frame,
	      unsigned direction, uint16_t link, const uint8_t *mac)
{
	struct flow_detail *d = flow_detail_at(w->flows, index);
	enum track_verdict verdict;
	const bool first = w->reporting && !report_accounted(flow_entry_at(w->flows, index), d);
	const unsigned events = follow_packet(w->rules, w->flows, w->tracks, index, packet, frame,
					      direction, w->now_ms, &verdict);

	if (first)
		report_flow(w, index, FLOW_EVENT_NEW, FLOW_LIVES);
	else if (w->reporting && (events & TRACK_STATE) != 0)
		report_flow(w, index, FLOW_EVENT_UPDATE, FLOW_LIVES);
	/* The way back is learnt anew now and then: it lies on the other line. */
	if ((events & TRACK_REFRESH) != 0 && mac != NULL && verdict != TRACK_INVALID) {
		memcpy(d->peer_mac, mac, sizeof(d->peer_mac));
		atomic_store_explicit(&d->link, link, memory_order_relaxed);
	}
	return enforce(w, verdict, DROP_TRACK_INVALID);
}

enum drop_reason
flows_error(struct worker *w, uint32_t index, const struct packet *packet, unsigned direction)
{
	return enforce(w,
		       track_error(flow_entry_at(w->flows, index), follow_line(w->tracks, index),
				   packet, direction),
		       DROP_ICMP_UNRELATED);
}

/* Takes a flow that ends out of its ports' numbers, and tells it. */
static void
flow_ends(struct worker *w, uint32_t index)
{
	const struct flow_detail *d = flow_detail_at(w->flows, index);

	if (w->reporting && report_accounted(flow_entry_at(w->flows, index), d))
		report_flow(w, index, FLOW_EVENT_DESTROY, report_end(w, index));
	count_flow(w, detail_port(d, 0), -1);
	count_flow(w, detail_port(d, 1), -1);
	count(&w->counters, COUNTER_flows_ended, 1);
}

uint32_t
flows_expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *worker)
{
	struct worker *w = worker;
	const uint32_t wait_ms = follow_wait_ms(w->rules, t, index, idle_ms);

	if (wait_ms == 0)
		flow_ends(w, index);
	return wait_ms;
}

void
flows_closed(struct worker *w, const struct connect_closed *closed)
{
	const uint32_t index =
		flow_lookup(w->flows, &closed->key, flow_hash(&w->dp->secret, &closed->key));
	const struct flow_detail *d;

	if (index == FLOW_NONE)
		return;
	d = flow_detail_at(w->flows, index);
	/* The next holder of the pair has taken the flow, or the other end is here as well. */
	if (atomic_load_explicit(&d->binding[closed->side], memory_order_relaxed) != closed->id ||
	    detail_port(d, !closed->side) != PORT_REF_NONE)
		return;
	flow_ends(w, index);
	flow_delete(w->flows, index);
}
