/* SPDX-License-Identifier: BSD-3-Clause */
/* inbound.c: a burst's way from a nic queue to the rings of ports. */
#include <errno.h>

#include "common/base/wire.h"
#include "dataplane/respond/respond.h"
#include "dataplane/worker/worker.h"

#define KERNEL_NIC 0 /* the kernel port stands on the first nic's network */

/* Whether the kernel may want what we refuse for this reason: sound packets that nobody here
 * serves, as opposed to broken ones. */
static bool
kernel_takes(enum drop_reason reason)
{
	switch (reason) {
	case DROP_ETHERTYPE_UNKNOWN:
	case DROP_LLC:
	case DROP_MPLS_PAYLOAD:
	case DROP_PPPOE_PROTOCOL:
	case DROP_TUNNEL_UNKNOWN:
	case DROP_VLAN_UNKNOWN:
	case DROP_PROTOCOL_UNKNOWN:
	case DROP_ICMP_UNRELATED:
	case DROP_ICMP_UNHANDLED:
	case DROP_NOT_LOCAL:
	case DROP_PORT_CLOSED:
		return true;
	default:
		return false;
	}
}

static void
to_kernel(struct worker *w, struct rte_mbuf *m)
{
	if (emit_retag(w, &m))
		emit_frame(w, w->dp->nics_count, m, TX_KERNEL);
}

void
inbound_refused(struct worker *w, uint16_t nic, struct rte_mbuf *m, enum drop_reason reason)
{
	if (w->dp->kernel && nic == KERNEL_NIC && kernel_takes(reason))
		to_kernel(w, m);
	else
		worker_drop(w, m, reason);
}

/* Answers with a TCP RST or a port unreachable, within the rate limit. Returns how the packet
 * ended: DROP_NONE when the answer is on its way. */
static enum drop_reason
reject(struct worker *w, const struct rte_mbuf *m, const struct packet *p, uint16_t link)
{
	struct rte_mbuf *answer;
	int bytes;

	/* RFC 1122 3.2.2: only the first fragment is answered. */
	if (p->kind == PACKET_LATER_FRAGMENT)
		return DROP_PORT_CLOSED;
	if (!reject_limit_take(&w->reject_limit, w->now_ms))
		return DROP_REJECT_LIMITED;
	answer = rte_pktmbuf_alloc(w->dp->pool);
	if (answer == NULL)
		return DROP_NO_BUFFER;
	bytes = reject_build(rte_pktmbuf_mtod(m, const uint8_t *), p,
			     rte_pktmbuf_mtod(answer, uint8_t *), rte_pktmbuf_tailroom(answer));
	if (bytes < 0) {
		rte_pktmbuf_free(answer);
		return DROP_PORT_CLOSED;
	}
	rte_pktmbuf_append(answer, (uint16_t)bytes);
	/* A tag that the device took out of the request is missing in the answer too. */
	answer->ol_flags |= m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED;
	answer->vlan_tci = m->vlan_tci;
	count(&w->counters, COUNTER_originated, 1);
	if (emit_retag(w, &answer))
		emit_frame(w, w->dp->options.links.links[link].nic, answer, TX_TRANSMITTED);
	return DROP_NONE;
}

void
inbound_unmatched(struct worker *w, struct rte_mbuf *m, const struct packet *p, uint16_t link,
		  enum drop_reason reason)
{
	const uint16_t nic = w->dp->options.links.links[link].nic;

	if (w->dp->kernel && nic == KERNEL_NIC && kernel_takes(reason)) {
		to_kernel(w, m);
		return;
	}
	if (reason == DROP_PORT_CLOSED) {
		worker_knock(w, p);
		if (w->dp->options.unmatched == UNMATCHED_REJECT &&
		    (p->facts & PACKET_ENCLOSED) == 0)
			reason = reject(w, m, p, link);
		if (reason == DROP_NONE) {
			count(&w->counters, COUNTER_rejected, 1);
			rte_pktmbuf_free(m);
			return;
		}
	}
	worker_drop(w, m, reason);
}

/* Tells control where a neighbour is. */
static void
neighbour_seen(struct worker *w, uint16_t link, const struct address *address, const uint8_t *mac,
	       unsigned flags)
{
	struct neighbour_event e = { .kind = NEIGHBOUR_SEEN,
				     .flags = (uint8_t)flags,
				     .link = link,
				     .family = address->family };

	memcpy(e.mac, mac, sizeof(e.mac));
	memcpy(e.addr, address->bytes, sizeof(e.addr));
	if (rte_ring_sp_enqueue_elem(w->dp->events[w->id], &e, sizeof(e)) != 0)
		count(&w->counters, COUNTER_neighbour_events_lost, 1);
}

/* Sends a request's own buffer, now of `bytes`, back as its answer. */
static void
send_answer(struct worker *w, struct rte_mbuf *m, uint16_t link, uint32_t bytes)
{
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	count(&w->counters, COUNTER_answered, 1);
	count(&w->counters, COUNTER_originated, 1);
	if (emit_retag(w, &m))
		emit_frame(w, w->dp->options.links.links[link].nic, m, TX_TRANSMITTED);
}

/* Ends a neighbour message that needs no answer from here: the kernel port gets it, or we only
 * learnt. */
static void
neighbour_consume(struct worker *w, struct rte_mbuf *m, uint16_t link)
{
	if (w->dp->kernel && w->dp->options.links.links[link].nic == KERNEL_NIC) {
		to_kernel(w, m);
		return;
	}
	count(&w->counters, COUNTER_answered, 1);
	rte_pktmbuf_free(m);
}

static void
take_arp(struct worker *w, struct rte_mbuf *m, const struct packet *p, uint16_t link)
{
	const struct link *l = &w->dp->options.links.links[link];
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct arp_message a;

	if (arp_read(frame, p, &a) != 0) {
		worker_drop(w, m, DROP_ARP_MALFORMED);
		return;
	}
	const bool request = a.op == ARP_REQUEST;
	const bool probe = memcmp(a.sender.bytes, (const uint8_t[4]){ 0 }, 4) == 0;
	const bool for_us = link_owns(l, FAMILY_IPV4, a.target.bytes);
	const unsigned role = request ? NEIGHBOUR_ASKED_US : NEIGHBOUR_SOLICITED;

	if (!probe)
		neighbour_seen(w, link, &a.sender, a.sender_mac,
			       NEIGHBOUR_OVERRIDE | (for_us ? role : 0));
	if (request && for_us && w->dp->options.responder)
		send_answer(w, m, link, arp_answer(frame, p, w->dp->nics[l->nic].mac));
	else
		neighbour_consume(w, m, link);
}

/* What a neighbour message teaches, if it names an Ethernet address and is no probe. */
static void
learn_nd(struct worker *w, uint16_t link, const struct neighbour_message *nd, bool for_us)
{
	if (!nd->has_mac)
		return;
	if (nd->solicitation)
		neighbour_seen(w, link, &nd->source, nd->mac,
			       NEIGHBOUR_OVERRIDE | (for_us ? NEIGHBOUR_ASKED_US : 0));
	else
		neighbour_seen(w, link, &nd->target, nd->mac,
			       (nd->override ? NEIGHBOUR_OVERRIDE : 0) |
				       (nd->solicited ? NEIGHBOUR_SOLICITED : 0));
}

static void
take_nd(struct worker *w, struct rte_mbuf *m, const struct packet *p, uint16_t link)
{
	const struct link *l = &w->dp->options.links.links[link];
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct neighbour_message nd;
	const int error = neighbour_read(frame, p, &nd);
	int bytes;

	if (error == -ENOMSG) {
		inbound_unmatched(w, m, p, link, DROP_ICMP_UNHANDLED);
		return;
	}
	if (error != 0) {
		worker_drop(w, m, DROP_ND_MALFORMED);
		return;
	}
	const bool for_us = link_owns(l, FAMILY_IPV6, nd.target.bytes);

	learn_nd(w, link, &nd, for_us);
	if (!nd.solicitation || !for_us || !w->dp->options.responder) {
		neighbour_consume(w, m, link);
		return;
	}
	bytes = neighbour_answer(frame, m->data_len + rte_pktmbuf_tailroom(m), p, &nd,
				 w->dp->nics[l->nic].mac);
	if (bytes < 0)
		worker_drop(w, m, DROP_ND_MALFORMED);
	else
		send_answer(w, m, link, (uint32_t)bytes);
}

/* An echo request to an address of ours is answered in its own buffer; other queries have no taker.
 */
static void
take_query(struct worker *w, struct rte_mbuf *m, const struct packet *p, uint16_t link)
{
	const struct link_set *links = &w->dp->options.links;
	int bytes = -ENOMSG;

	if (w->dp->options.responder &&
	    link_set_owns(links, p->key.zone, p->key.family, p->key.addr[1]))
		bytes = echo_answer(rte_pktmbuf_mtod(m, uint8_t *), p,
				    w->dp->nics[links->links[link].nic].mac);
	if (bytes < 0)
		inbound_unmatched(w, m, p, link, DROP_ICMP_UNHANDLED);
	else
		send_answer(w, m, link, (uint32_t)bytes);
}

/* Messages in an envelope that an answer would have to have as well, and which is not made here. */
static bool
responds_not(const struct packet *p)
{
	return (p->facts & PACKET_ENCLOSED) &&
	       (p->kind == PACKET_ICMP_ND || p->kind == PACKET_ICMP_QUERY);
}

/* Answers what the responder answers and takes out what has no flow; flows stay. */
static void
respond(struct worker *w, struct burst *b)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = b->mbufs[i];
		const struct packet *p = &b->packets[i];
		const uint16_t link = b->links[i];

		if (responds_not(p)) {
			inbound_unmatched(w, m, p, link, DROP_ICMP_UNHANDLED);
			continue;
		}
		switch (p->kind) {
		case PACKET_ARP:
			take_arp(w, m, p, link);
			break;
		case PACKET_ICMP_ND:
			take_nd(w, m, p, link);
			break;
		case PACKET_ICMP_QUERY:
			take_query(w, m, p, link);
			break;
		case PACKET_ICMP_OTHER:
			inbound_unmatched(w, m, p, link, DROP_ICMP_UNHANDLED);
			break;
		case PACKET_NO_PORTS:
			inbound_unmatched(w, m, p, link, DROP_PROTOCOL_UNKNOWN);
			break;
		default:
			burst_move(b, i, kept++);
		}
	}
	b->n = kept;
}

static uint16_t
fragment_flags(const struct packet *p)
{
	if (!(p->facts & PACKET_FRAGMENT))
		return 0;
	return p->kind == PACKET_LATER_FRAGMENT ? RECORD_FRAGMENT | RECORD_LATER : RECORD_FRAGMENT;
}

/* Finds the flow of packet i, or opens one. */
static enum drop_reason
find_flow(struct worker *w, struct burst *b, uint16_t i, port_ref *port)
{
	const struct packet *p = &b->packets[i];
	const bool error = p->kind == PACKET_ICMP_ERROR;
	enum drop_reason reason = DROP_NONE;

	b->record_flags[i] = error ? RECORD_ICMP_ERROR : fragment_flags(p);
	/* flows_open() finds what an earlier packet of this burst opened after the lookup. */
	if (b->flows[i] == FLOW_NONE) {
		if (error)
			return DROP_ICMP_UNRELATED;
		if (p->kind == PACKET_LATER_FRAGMENT) {
			reason = flows_follow(w, p, &b->keys[i], b->hashes[i], &b->flows[i]);
		} else {
			reason = flows_open(w, p, rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *),
					    &b->keys[i], b->direction[i], b->hashes[i],
					    &b->flows[i]);
			b->record_flags[i] |= RECORD_NEW_FLOW;
		}
	}
	if (reason == DROP_NONE)
		reason = flows_destination(w, b->flows[i], !b->direction[i], p, b->hashes[i], port);
	return error && reason == DROP_PORT_CLOSED ? DROP_ICMP_UNRELATED : reason;
}

/* Decides for each packet which port receives it; what nobody receives is gone afterwards. */
static void
bind(struct worker *w, struct burst *b)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		const enum drop_reason reason = find_flow(w, b, i, &b->ports[i]);

		if (reason == DROP_NONE)
			burst_move_keyed(b, i, kept++);
		else
			inbound_unmatched(w, b->mbufs[i], &b->packets[i], b->links[i], reason);
	}
	b->n = kept;
}

/* Who sent packet i, unless it came in an envelope: that way does not lead back. */
static const uint8_t *
way_back(const struct burst *b, uint16_t i)
{
	if (b->packets[i].facts & (PACKET_TUNNEL | PACKET_PPPOE))
		return NULL;
	return rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *) + MAC_BYTES;
}

/* Follows the flow of each packet; what strict tracking refuses is gone afterwards. */
static void
track(struct worker *w, struct burst *b)
{
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		const struct packet *p = &b->packets[i];
		const uint8_t *frame = rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *);
		const enum drop_reason reason =
			p->kind == PACKET_ICMP_ERROR
				? flows_error(w, b->flows[i], p, b->direction[i])
				: flows_account(w, b->flows[i], p, frame, b->direction[i],
						b->links[i], way_back(b, i));

		if (reason == DROP_NONE)
			burst_move_keyed(b, i, kept++);
		else
			worker_drop(w, b->mbufs[i], reason);
	}
	b->n = kept;
}

void
inbound_flow(struct worker *w, struct burst *b)
{
	if (b->n == 0)
		return;
	flow_lookup_burst(w->flows, b->keys, b->hashes, b->flows, b->n);
	flow_insert_prefetch(w->flows, b->hashes, b->flows, b->n);
	profile_mark(w, STAGE_FLOW);
	bind(w, b);
	profile_mark(w, STAGE_BIND);
	track(w, b);
	profile_mark(w, STAGE_TRACK);
	deliver_burst(w, b);
	profile_mark(w, STAGE_STEER);
	rte_pktmbuf_free_bulk(b->mbufs, b->n);
	profile_mark(w, STAGE_FREE);
}

/* The kernel port's own queue: what the kernel sends goes out as it is. */
static void
forward(struct worker *w, struct burst *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		emit_frame(w, KERNEL_NIC, b->mbufs[i], TX_FORWARDED);
}

uint16_t
inbound_poll(struct worker *w, const struct rx_queue *q)
{
	struct rte_mbuf *fragments[BURST_MAX];
	struct burst *b = &w->burst;
	uint16_t received, fragments_count;

	profile_mark(w, STAGE_LOOP);
	received = rx_burst(q, b->mbufs);
	if (received == 0)
		return 0;
	profile_mark(w, STAGE_RX);
	b->n = received;
	if (q->nic >= w->dp->first_end) {
		end_take(w, q->nic, b);
		return received;
	}
	count(&w->counters, COUNTER_received, received);
	if (q->nic == w->dp->nics_count) {
		forward(w, b);
		return received;
	}
	inbound_parse(w, q, b);
	fragments_count = fragments_divert(w, b, fragments);
	profile_mark(w, STAGE_PARSE);
	respond(w, b);
	profile_mark(w, STAGE_RESPOND);
	burst_keys(b, &w->dp->secret);
	handover_foreign(w, b, HANDOVER_INBOUND);
	profile_mark(w, STAGE_KEY);
	inbound_flow(w, b);
	if (fragments_count > 0)
		fragments_take(w, fragments, fragments_count);
	return received;
}
