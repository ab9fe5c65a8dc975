/* SPDX-License-Identifier: BSD-3-Clause */
/* ends.c: ports whose end is a device: a tap, a memif, any that DPDK drives.
 *
 * Behind the device is an application like any other, which has a network stack of its own. It
 * gets its packets in Ethernet frames from END_MAC, sends its own there, and may send what the port
 * owns. To its stack we are every neighbour: it asks for an Ethernet address, and the answer is
 * END_MAC. */
#include <errno.h>

#include "common/base/wire.h"
#include "dataplane/respond/respond.h"
#include "dataplane/worker/worker.h"

/* Ours at each such device; administered locally (IEEE 802 8.4), and else "berth". */
static const uint8_t end_mac[MAC_BYTES] = { 0x02, 0x62, 0x65, 0x72, 0x74, 0x68 };

void
end_deliver(struct worker *w, struct burst *b, uint16_t i, uint16_t end)
{
	const uint16_t nic = (uint16_t)(w->dp->first_end + end - 1);
	const struct packet *p = &b->packets[i];
	struct rte_mbuf *m = b->mbufs[i];
	uint8_t peer[MAC_BYTES];

	b->mbufs[i] = NULL;
	rte_pktmbuf_adj(m, p->l3_offset);
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - p->l3_bytes));
	be48_store(peer, atomic_load_explicit(&w->dp->nics[nic].peer, memory_order_relaxed));
	tx_ethernet_push(m, peer, end_mac, 0,
			 p->key.family == FAMILY_IPV6 ? ETHERTYPE_NUM_IPV6 : ETHERTYPE_NUM_IPV4);
	emit_frame(w, nic, m, TX_DELIVERED);
}

/* Remembers where frames come from. What a device that loops says of us teaches nothing. */
static void
learn_peer(struct nic *n, const uint8_t *frame)
{
	const uint8_t *from = frame + MAC_BYTES;
	const uint64_t peer = be48_load(from);

	if ((from[0] & 1) != 0 || peer == 0 || memcmp(from, end_mac, MAC_BYTES) == 0)
		return;
	if (atomic_load_explicit(&n->peer, memory_order_relaxed) != peer)
		atomic_store_explicit(&n->peer, peer, memory_order_relaxed);
}

/* Sends a question's own buffer, now of `bytes`, back as its answer. */
static void
answer(struct worker *w, uint16_t nic, struct rte_mbuf *m, uint32_t bytes)
{
	m->data_len = (uint16_t)bytes;
	m->pkt_len = bytes;
	count(&w->counters, COUNTER_answered, 1);
	count(&w->counters, COUNTER_originated, 1);
	emit_frame(w, nic, m, TX_TRANSMITTED);
}

static void
consume(struct worker *w, struct rte_mbuf *m)
{
	count(&w->counters, COUNTER_answered, 1);
	rte_pktmbuf_free(m);
}

/* Probes for duplicates and announcements (RFC 5227) are about addresses that the stack gives
 * itself: nobody else has them here. */
static void
take_arp(struct worker *w, uint16_t nic, struct rte_mbuf *m, const struct packet *p)
{
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct arp_message a;

	if (arp_read(frame, p, &a) != 0)
		worker_drop(w, m, DROP_ARP_MALFORMED);
	else if (a.op != ARP_REQUEST || be32_load(a.sender.bytes) == 0 ||
		 memcmp(a.sender.bytes, a.target.bytes, 4) == 0)
		consume(w, m);
	else
		answer(w, nic, m, arp_answer(frame, p, end_mac));
}

/* The same for IPv6 (RFC 4862 5.4); routers are not asked for here. */
static void
take_nd(struct worker *w, uint16_t nic, struct rte_mbuf *m, const struct packet *p)
{
	static const uint8_t nobody[16];
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	struct neighbour_message nd;
	const int error = neighbour_read(frame, p, &nd);
	int bytes;

	if (error != 0) {
		worker_drop(w, m, error == -ENOMSG ? DROP_ICMP_UNHANDLED : DROP_ND_MALFORMED);
		return;
	}
	if (!nd.solicitation || memcmp(nd.source.bytes, nobody, 16) == 0) {
		consume(w, m);
		return;
	}
	bytes = neighbour_answer(frame, m->data_len + rte_pktmbuf_tailroom(m), p, &nd, end_mac);
	if (bytes < 0)
		worker_drop(w, m, DROP_ND_MALFORMED);
	else
		answer(w, nic, m, (uint32_t)bytes);
}

/* Makes a frame what an application's send is. False: it is none, and gone. */
static bool
take_frame(struct worker *w, uint16_t nic, struct rte_mbuf *m, struct packet *p)
{
	const struct dp_port *port = w->ends[nic - w->dp->first_end];
	const uint16_t zone = w->dp->options.ends[nic - w->dp->first_end].zone;
	enum drop_reason reason = DROP_NONE;

	if (m->nb_segs != 1)
		reason = DROP_FRAME_MULTI_SEGMENT;
	else if (parse_frame(rte_pktmbuf_mtod(m, const uint8_t *), m->data_len,
			     PARSE_CHECKSUM_IGNORE, 0, p) != DROP_NONE ||
		 p->facts & (PACKET_TAGGED | PACKET_ENCLOSED))
		reason = DROP_TX_MALFORMED;
	if (reason != DROP_NONE) {
		worker_drop(w, m, reason);
		return false;
	}
	learn_peer(&w->dp->nics[nic], rte_pktmbuf_mtod(m, const uint8_t *));
	if (p->kind == PACKET_ARP) {
		take_arp(w, nic, m, p);
		return false;
	}
	if (p->kind == PACKET_ICMP_ND) {
		take_nd(w, nic, m, p);
		return false;
	}
	rte_pktmbuf_adj(m, p->l3_offset);
	reason = port == NULL ? DROP_TX_NOT_OWNER : outbound_check(m, zone, p);
	if (reason != DROP_NONE)
		worker_drop(w, m, reason);
	return reason == DROP_NONE;
}

void
end_take(struct worker *w, uint16_t nic, struct burst *b)
{
	const struct dp_port *port = w->ends[nic - w->dp->first_end];
	const uint16_t n = b->n;

	count(&w->counters, COUNTER_originated, n);
	b->n = 0;
	for (uint16_t i = 0; i < n; i++) {
		struct rte_mbuf *m = b->mbufs[i];

		if (!take_frame(w, nic, m, &b->packets[b->n]))
			continue;
		b->mbufs[b->n] = m;
		b->links[b->n] = LINK_NONE;
		b->apps[b->n] = port->app;
		b->n++;
	}
	burst_keys(b, &w->dp->secret);
	handover_foreign(w, b, HANDOVER_SEND);
	outbound_flow(w, b);
}
