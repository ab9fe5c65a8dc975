/* SPDX-License-Identifier: BSD-3-Clause */
/* flows.c: what flow, bind and track do to one packet. */
#include "common/base/bytes.h"
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

/* ---- both ends of a flow: the near one in its entry, the far one by its name ---- */

/* Names that only ports may take: addresses, which anyone can make up, leave them free. */
#define FAR_SPARE (FAR_ENDS / 2)

/* An Ethernet address has no bits there; a port's generation is not 0. */
#define FAR_PORT_SHIFT 48u

static uint64_t
far_of_port(const struct bind_result *to)
{
	return to->port == PORT_REF_NONE ? 0 : (uint64_t)to->port << 32 | to->id;
}

static uint64_t
far_of_mac(const uint8_t mac[6])
{
	return (uint64_t)be16_load(mac) << 32 | be32_load(mac + 2);
}

static struct bind_result
far_port(const struct worker *w, const struct flow_detail *d)
{
	const uint64_t value = far_ends_value(&w->far_ends, d->far);

	if (value >> FAR_PORT_SHIFT == 0)
		return (struct bind_result){ .id = 0, .port = PORT_REF_NONE };
	return (struct bind_result){ .id = (uint32_t)value, .port = (port_ref)(value >> 32) };
}

/* False: there was no room, and the flow has no far end now. */
static bool
far_set(struct worker *w, struct flow_detail *d, uint64_t value, uint16_t spare)
{
	if (far_ends_value(&w->far_ends, d->far) == value)
		return true;
	count_flow(w, far_port(w, d).port, -1);
	far_ends_leave(&w->far_ends, d->far);
	d->far = value == 0 ? FAR_NONE : far_ends_take(&w->far_ends, value, spare);
	count_flow(w, far_port(w, d).port, 1);
	return value == 0 || d->far != FAR_NONE;
}

bool
flows_way_back(const struct worker *w, uint32_t index, uint16_t *link, uint8_t mac[6])
{
	const struct flow_detail *d = flow_detail_at(w->flows, index);
	const uint64_t value = far_ends_value(&w->far_ends, d->far);

	*link = atomic_load_explicit(&d->link, memory_order_relaxed);
	if (*link == LINK_NONE || *link == LINK_ENCLOSED || value == 0 ||
	    value >> FAR_PORT_SHIFT != 0)
		return false;
	be16_store(mac, (uint16_t)(value >> 32));
	be32_store(mac + 2, (uint32_t)value);
	return true;
}

/* Who has endpoint `side`. */
static struct bind_result
end_of(const struct worker *w, const struct flow_entry *e, const struct flow_detail *d,
       unsigned side)
{
	if (flow_near_side(flow_entry_flags(e)) != side)
		return far_port(w, d);
	return (struct bind_result){ .id = atomic_load_explicit(&e->binding, memory_order_relaxed),
				     .port = flow_near_port(e, d) };
}

/* Gives endpoint `side` of a flow to a port (or to none), under the bindings of now. False: there
 * was no room for it; nobody has it. */
static bool
set_port(struct worker *w, struct flow_entry *e, struct flow_detail *d, unsigned side,
	 const struct bind_result *to)
{
	if (flow_near_side(flow_entry_flags(e)) != side)
		return far_set(w, d, far_of_port(to), 0);
	count_flow(w, flow_near_port(e, d), -1);
	count_flow(w, to->port, 1);
	flow_near_port_set(e, d, to->port);
	atomic_store_explicit(&e->binding, to->id, memory_order_relaxed);
	return true;
}

/* Whether what was decided under `epoch` holds: sockets close at any time, ports die and bindings
 * go with a publication. */
static bool
holds(const struct worker *w, uint32_t epoch, const struct bind_result *had)
{
	if (connect_is(had->id) && !connect_live(w->dp->connections, had->id))
		return false;
	if (epoch == w->snapshot->epoch)
		return true;
	return flows_port(w, had->port) != NULL &&
	       (connect_is(had->id) || bind_alive(w->snapshot->bindings, had->id, had->port));
}

/* Forgets ports that died or lost their binding or socket since the flow was decided. A live owner
 * keeps its flows whatever else was bound meanwhile (T7). */
static void
revalidate(struct worker *w, struct flow_entry *e, struct flow_detail *d)
{
	static const struct bind_result nobody = { .id = 0, .port = PORT_REF_NONE };
	const uint32_t epoch = atomic_load_explicit(&e->epoch, memory_order_relaxed);

	for (unsigned side = 0; side < 2; side++) {
		const struct bind_result had = end_of(w, e, d, side);

		if (had.port != PORT_REF_NONE && !holds(w, epoch, &had))
			(void)set_port(w, e, d, side, &nobody);
	}
}

/* ---- who receives, and who may send ---- */

/* What the entry's own line says of endpoint `side`: its port, or PORT_REF_NONE, and then
 * end_of() is to be asked. A port that died has brought other bindings, and so another epoch; a
 * socket that was closed has not, and is asked about each time. */
static port_ref
entry_port(const struct worker *w, const struct flow_entry *e, unsigned side)
{
	uint32_t id;

	if (atomic_load_explicit(&e->epoch, memory_order_relaxed) != w->snapshot->epoch ||
	    flow_near_side(flow_entry_flags(e)) != side)
		return PORT_REF_NONE;
	id = atomic_load_explicit(&e->binding, memory_order_relaxed);
	/* 0: nobody has it any more. */
	if (id == 0 || (connect_is(id) && !connect_live(w->dp->connections, id)))
		return PORT_REF_NONE;
	return w->snapshot->ports[flow_entry_port(e)]->ref;
}

/* Says that the near side, if it has a port, is right under the bindings of now. */
static void
entry_confirm(const struct worker *w, struct flow_entry *e, const struct flow_detail *d)
{
	if (flow_near_port(e, d) != PORT_REF_NONE)
		flow_entry_show(e, w->snapshot->epoch);
}

uint32_t
flows_far_binding(const struct worker *w, uint32_t index)
{
	return far_port(w, flow_detail_at(w->flows, index)).id;
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
	if (end_of(w, e, d, side).port == PORT_REF_NONE) {
		struct bind_result to;
		const enum drop_reason reason = bind_packet(w, packet, hash, &to);

		if (reason != DROP_NONE)
			return reason;
		if (!set_port(w, e, d, side, &to))
			return DROP_FLOW_TABLE_FULL;
	}
	entry_confirm(w, e, d);
	*port = end_of(w, e, d, side).port;
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

	if (budget_is_tight(w, key->proto)) {
		*index = flow_lookup(w->flows, key, hash);
		if (*index != FLOW_NONE)
			return DROP_NONE;
		if (!budget_make_room(w, key, direction, hash))
			return DROP_FLOW_TABLE_FULL;
	}
	if (follow_open(w->rules, w->flows, key, hash, direction, flags, w->now_ms, index,
			&created) != 0)
		return DROP_FLOW_TABLE_FULL;
	if (!created)
		return DROP_NONE;

	struct flow_entry *e = flow_entry_at(w->flows, *index);
	struct flow_detail *d = flow_detail_at(w->flows, *index);

	(void)set_port(w, e, d, side, to); /* it is the near one, which has room */
	entry_confirm(w, e, d);
	if (w->rules->mode != TRACK_OFF)
		budget_list(w, *index);
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
	entry_confirm(w, e, d);
	return end_of(w, e, d, side).port;
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
		struct flow_entry *e = flow_entry_at(w->flows, *index);
		struct flow_detail *d = flow_detail_at(w->flows, *index);

		if (!set_port(w, e, d, direction, &from))
			return DROP_FLOW_TABLE_FULL;
		entry_confirm(w, e, d);
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

/* An end that is here needs no way back. */
static void
learn_way_back(struct worker *w, const struct flow_entry *e, struct flow_detail *d, uint16_t link,
	       const uint8_t *mac)
{
	if ((flow_entry_flags(e) & FLOW_LOCAL) != 0)
		return;
	(void)far_set(w, d, far_of_mac(mac), FAR_SPARE);
	atomic_store_explicit(&d->link, link, memory_order_relaxed);
}

enum drop_reason
flows_account(struct worker *w, uint32_t index, const struct packet *packet, const uint8_t *frame,
	      unsigned direction, uint16_t link, const uint8_t *mac)
{
	const struct flow_entry *e = flow_entry_at(w->flows, index);
	struct flow_detail *d = flow_detail_at(w->flows, index);
	enum track_verdict verdict;
	const bool first = w->reporting && !report_accounted(e, d);
	const unsigned before = flow_word_state(flow_entry_word(e));
	const unsigned events = follow_packet(w->rules, w->flows, index, packet, frame, direction,
					      w->now_ms, &verdict);

	if ((events & TRACK_STATE) != 0)
		budget_follow(w, index, before);
	if (first)
		report_flow(w, index, FLOW_EVENT_NEW, FLOW_LIVES);
	else if (w->reporting && (events & TRACK_STATE) != 0)
		report_flow(w, index, FLOW_EVENT_UPDATE, FLOW_LIVES);
	/* The way back is learnt anew now and then: it lies on the other line. */
	if ((events & TRACK_REFRESH) != 0 && mac != NULL && verdict != TRACK_INVALID)
		learn_way_back(w, e, d, link, mac);
	return enforce(w, verdict, DROP_TRACK_INVALID);
}

enum drop_reason
flows_error(struct worker *w, uint32_t index, const struct packet *packet, unsigned direction)
{
	return enforce(w,
		       track_error(flow_entry_at(w->flows, index), flow_detail_at(w->flows, index),
				   packet, direction),
		       DROP_ICMP_UNRELATED);
}

void
flows_end(struct worker *w, uint32_t index, enum flow_end why)
{
	const struct flow_entry *e = flow_entry_at(w->flows, index);
	struct flow_detail *d = flow_detail_at(w->flows, index);

	if (w->reporting && report_accounted(e, d))
		report_flow(w, index, FLOW_EVENT_DESTROY, why);
	budget_forget(w, index);
	count_flow(w, flow_near_port(e, d), -1);
	(void)far_set(w, d, 0, 0);
	count(&w->counters, COUNTER_flows_ended, 1);
}

uint32_t
flows_expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *worker)
{
	struct worker *w = worker;
	const struct flow_entry *e = flow_entry_at(t, index);
	const uint32_t wait_ms =
		budget_wait_ms(w, e->key.proto, flow_word_state(flow_entry_word(e)), idle_ms);

	if (wait_ms == 0)
		flows_end(w, index, report_end(w, index));
	return wait_ms;
}

void
flows_closed(struct worker *w, const struct connect_closed *closed)
{
	const uint32_t index =
		flow_lookup(w->flows, &closed->key, flow_hash(&w->dp->secret, &closed->key));
	const struct flow_entry *e;
	const struct flow_detail *d;

	if (index == FLOW_NONE)
		return;
	e = flow_entry_at(w->flows, index);
	d = flow_detail_at(w->flows, index);
	/* The next holder of the pair has taken the flow, or the other end is here as well. */
	if (end_of(w, e, d, closed->side).id != closed->id ||
	    end_of(w, e, d, !closed->side).port != PORT_REF_NONE)
		return;
	flows_end(w, index, report_end(w, index));
	flow_delete(w->flows, index);
}
