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

/* Forgets ports that died or lost their binding since the flow was decided. A live owner keeps its
 * flows whatever else was bound meanwhile (T7). */
static void
revalidate(struct worker *w, const struct flow_entry *e, struct flow_detail *d)
{
	static const struct bind_result nobody = { .id = 0, .port = PORT_REF_NONE };

	if (atomic_load_explicit(&e->epoch, memory_order_relaxed) == w->snapshot->epoch)
		return;
	for (unsigned side = 0; side < 2; side++) {
		const port_ref port = detail_port(d, side);
		const uint32_t id = atomic_load_explicit(&d->binding[side], memory_order_relaxed);

		if (port != PORT_REF_NONE &&
		    (flows_port(w, port) == NULL || !bind_alive(w->snapshot->bindings, id, port)))
			set_port(w, d, side, &nobody);
	}
}

/* What the entry's own line says of endpoint `side`: its port, or PORT_REF_NONE, and then the
 * detail is to be asked. A port that died has brought other bindings, and so another epoch. */
static port_ref
entry_port(const struct worker *w, const struct flow_entry *e, unsigned side)
{
	if (atomic_load_explicit(&e->epoch, memory_order_relaxed) != w->snapshot->epoch ||
	    flow_near_side(flow_entry_flags(e)) != side)
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

/* The binding for the first packet of a flow. */
static enum drop_reason
bind_packet(const struct worker *w, const struct packet *p, uint64_t hash, struct bind_result *out)
{
	const bool local = destination_local(w, p);

	if (!bind_lookup(w->snapshot->bindings, &p->key, local, hash, out))
		return local ? DROP_PORT_CLOSED : DROP_NOT_LOCAL;
	return out->port == PORT_REF_NONE ? DROP_BINDING_DEAD : DROP_NONE;
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

/* Tells the table when the flow ends if nothing else comes. */
static void
expect(struct worker *w, uint32_t index, unsigned state)
{
	flow_expect(w->flows, index, w->now_ms,
		    track_timeout_ms(&w->dp->options.timeouts,
				     flow_entry_at(w->flows, index)->key.proto, state));
}

/* Makes an entry in which endpoint `side` belongs to `to`. */
static enum drop_reason
open_entry(struct worker *w, const struct flow_key *key, uint64_t hash, unsigned direction,
	   unsigned side, const struct bind_result *to, unsigned flags, uint32_t *index)
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
	flags |= track_mode_flags(w->dp->options.tracking);
	atomic_store_explicit(&e->word, flow_word_with(0, 0, flags), memory_order_relaxed);
	atomic_store_explicit(&e->last_seen_ms, w->now_ms, memory_order_relaxed);
	/* No reader looks at it yet (F6). */
	*d = (struct flow_detail){ .first_ms = w->now_ms, .link = LINK_NONE };
	set_port(w, d, side, to);
	entry_remember(w, e, d);
	expect(w, *index, 0);
	count(&w->counters, COUNTER_flows_created, 1);
	return DROP_NONE;
}

/* Strict tracking makes no entry for what begins no flow: it would cost a place in the table. */
static enum drop_reason
admit(const struct worker *w, const struct packet *packet, const uint8_t *frame,
      const struct flow_key *key, unsigned direction, uint64_t hash)
{
	struct track_line line;
	struct track_flow first = { .line = &line, .mode = TRACK_STRICT };

	if (w->dp->options.tracking != TRACK_STRICT ||
	    track_judge(&first, packet, frame, direction, w->now_ms) != TRACK_INVALID)
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

	const bool local = link_set_local(&w->dp->options.links, packet->key.zone,
					  packet->key.family, packet->key.addr[0]);

	if (!bind_source_of(w->snapshot->bindings, &packet->key, local, owned, &owner, &from))
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

static struct track_line *
line_of(const struct worker *w, uint32_t index)
{
	return w->tracks == NULL ? NULL : &w->tracks[index];
}

/* What becomes of a packet after the tracker's verdict. */
static enum drop_reason
enforce(struct worker *w, enum track_verdict verdict, enum drop_reason reason)
{
	if (verdict != TRACK_INVALID)
		return DROP_NONE;
	if (w->dp->options.tracking == TRACK_STRICT)
		return reason;
	count(&w->counters, COUNTER_track_invalid_passed, 1);
	return DROP_NONE;
}

enum drop_reason
flows_account(struct worker *w, uint32_t index, const struct packet *packet, const uint8_t *frame,
	      unsigned direction, uint16_t link, const uint8_t *mac)
{
	struct flow_entry *e = flow_entry_at(w->flows, index);
	struct flow_detail *d = flow_detail_at(w->flows, index);
	enum track_verdict verdict;
	const bool first = w->reporting && !report_accounted(e, d);
	const unsigned events = track_packet(e, d, line_of(w, index), packet, frame, direction,
					     w->now_ms, &verdict);
	const bool reply = ((flow_entry_flags(e) & FLOW_ORIG_IS_1) != 0) != (direction == 1);
	const uint8_t tcp_flags = flow_tcp_flags_new(e, reply, packet->tcp_flags);

	if (tcp_flags != 0)
		flow_tcp_flags_note(e, d, reply, tcp_flags);
	if ((events & TRACK_STATE) != 0)
		expect(w, index, flow_word_state(flow_entry_word(e)));
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
	return enforce(
		w,
		track_error(flow_entry_at(w->flows, index), line_of(w, index), packet, direction),
		DROP_ICMP_UNRELATED);
}

uint32_t
flows_expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *worker)
{
	struct worker *w = worker;
	const struct flow_entry *e = flow_entry_at(t, index);
	const uint32_t timeout_ms = track_timeout_ms(&w->dp->options.timeouts, e->key.proto,
						     flow_word_state(flow_entry_word(e)));
	const struct flow_detail *d;

	if (idle_ms < timeout_ms)
		return timeout_ms - idle_ms;
	d = flow_detail_at(t, index);
	if (w->reporting && report_accounted(e, d))
		report_flow(w, index, FLOW_EVENT_DESTROY, report_end(w, index));
	count_flow(w, detail_port(d, 0), -1);
	count_flow(w, detail_port(d, 1), -1);
	count(&w->counters, COUNTER_flows_ended, 1);
	return 0;
}
