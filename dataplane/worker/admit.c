/* SPDX-License-Identifier: BSD-3-Clause */
/* admit.c: the parse stage: frames become packets of a link and a zone, or end by name. */
#include "common/base/wire.h"
#include "dataplane/worker/worker.h"

/* The zone of what a tunnel carries: its outer end must be ours, its id one of the configured. */
static enum drop_reason
tunnel_admit(const struct worker *w, uint16_t nic, const uint8_t *frame, struct packet *p)
{
	const uint8_t *outer = frame + p->more.tunnel.outer_l3_offset;
	const bool ipv4 = outer[0] >> 4 == 4;
	const struct tunnel *t = tunnel_find(&w->dp->options.tunnels, nic, &p->more.tunnel);
	uint8_t end[16] = { 0 };

	memcpy(end, outer + (ipv4 ? 16 : 24), ipv4 ? 4 : 16);
	if (!link_set_local(&w->dp->options.links, p->key.zone, ipv4 ? FAMILY_IPV4 : FAMILY_IPV6,
			    end))
		return DROP_NOT_LOCAL;
	if (t == NULL)
		return DROP_TUNNEL_UNKNOWN;
	p->key.zone = t->zone;
	return DROP_NONE;
}

/* What the configuration says of a sound packet. */
static enum drop_reason
packet_admit(const struct worker *w, const struct rx_queue *q, const uint8_t *frame,
	     struct packet *p, uint16_t *link)
{
	*link = q->link_by_vlan[p->vlan];
	if (*link == LINK_NONE)
		return DROP_VLAN_UNKNOWN;
	p->key.zone = w->dp->options.links.links[*link].zone;
	return p->facts & PACKET_TUNNEL ? tunnel_admit(w, q->nic, frame, p) : DROP_NONE;
}

void
inbound_parse(struct worker *w, const struct rx_queue *q, struct burst *b)
{
	struct parse_view views[BURST_MAX];
	uint8_t reasons[BURST_MAX];
	uint16_t kept = 0;

	for (uint16_t i = 0; i < b->n; i++) {
		const struct rte_mbuf *m = b->mbufs[i];

		/* A frame in several segments is not read at all. */
		views[i] = (struct parse_view){ .frame = rte_pktmbuf_mtod(m, const uint8_t *),
						.bytes = m->nb_segs == 1 ? m->data_len : 0,
						.flags = (uint16_t)rx_parse_flags(q, m),
						.vlan_tci = m->vlan_tci };
	}
	parse_burst(views, b->n, b->packets, reasons);
	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = b->mbufs[i];
		enum drop_reason reason = reasons[i];

		if (m->nb_segs != 1)
			reason = DROP_FRAME_MULTI_SEGMENT;
		if (reason == DROP_NONE)
			reason = packet_admit(w, q, views[i].frame, &b->packets[i], &b->links[i]);
		if (reason == DROP_NONE)
			burst_move(b, i, kept++);
		else
			inbound_refused(w, q->nic, m, reason);
	}
	b->n = kept;
}
