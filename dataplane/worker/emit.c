/* SPDX-License-Identifier: BSD-3-Clause */
/* emit.c: the next hop of what we send, and the tx queue that it leaves by. */
#include <rte_ether.h>

#include "common/base/check.h"
#include "dataplane/respond/respond.h"
#include "dataplane/tx/route.h"
#include "dataplane/worker/worker.h"

#define HELD_RETRY_MS  1000 /* RFC 4861 10: RETRANS_TIMER */
#define HELD_CHECK_MS  50
#define HELD_LIFE_MS   5000 /* past control's own verdict, should that be lost */

#define ETHERTYPE_IPV4 0x0800
#define ETHERTYPE_IPV6 0x86dd

void
emit_frame(struct worker *w, uint16_t nic, struct rte_mbuf *m, enum tx_class class)
{
	struct tx_queue *q = &w->tx[nic];

	if (q->ethdev != UINT16_MAX) {
		tx_put(q, m, class);
		return;
	}
	*buffer_note(m) = (struct buffer_note){ .kind = HANDOVER_FRAME,
						.tx_class = (uint8_t) class,
						.nic = nic };
	handover_put(w, w->id % w->dp->nics[nic].tx_queues, m);
}

void
emit_flush(struct worker *w)
{
	for (uint16_t nic = 0; nic < w->dp->devices_count; nic++)
		if (w->tx[nic].ethdev != UINT16_MAX)
			tx_flush(&w->tx[nic]);
}

bool
emit_retag(struct worker *w, struct rte_mbuf **m)
{
	if (!((*m)->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED))
		return true;
	if (rte_vlan_insert(m) == 0)
		return true;
	worker_drop(w, *m, DROP_NO_BUFFER);
	return false;
}

void
emit_to(struct worker *w, struct rte_mbuf *m, uint16_t link, const uint8_t mac[6])
{
	const struct link *l = &w->dp->options.links.links[link];
	const bool ipv6 = (*rte_pktmbuf_mtod(m, const uint8_t *) >> 4) == 6;

	if (m->pkt_len > l->mtu) {
		worker_drop(w, m, DROP_TX_TOO_BIG);
		return;
	}
	tx_ethernet_push(m, mac, w->dp->nics[l->nic].mac, l->vlan,
			 ipv6 ? ETHERTYPE_IPV6 : ETHERTYPE_IPV4);
	emit_frame(w, l->nic, m, TX_TRANSMITTED);
}

/* Tells control that a packet waits. */
static void
ask(struct worker *w, uint16_t link, const struct address *next_hop)
{
	struct neighbour_event e = { .kind = NEIGHBOUR_WANTED,
				     .link = link,
				     .family = next_hop->family };

	memcpy(e.addr, next_hop->bytes, sizeof(e.addr));
	if (rte_ring_sp_enqueue_elem(w->dp->events[w->id], &e, sizeof(e)) != 0)
		count(&w->counters, COUNTER_neighbour_events_lost, 1);
}

/* Sends to a next hop whose Ethernet address is known, or known not to answer. False: neither. */
static bool
send_known(struct worker *w, struct rte_mbuf *m, uint16_t link, const struct address *next_hop)
{
	const struct neighbour *n = neighbour_lookup(w->neighbours, link, next_hop);

	if (n == NULL)
		return false;
	if (n->failed)
		worker_drop(w, m, DROP_NEIGHBOUR_FAILED);
	else
		emit_to(w, m, link, n->mac);
	return true;
}

/* The Ethernet address of a group or of the limited broadcast (RFC 1112 6.4, RFC 2464 7). */
static bool
group_mac(const struct address *a, uint8_t mac[6])
{
	static const uint8_t broadcast[4] = { 255, 255, 255, 255 };

	if (a->family == FAMILY_IPV6 && a->bytes[0] == 0xff) {
		memcpy(mac, (const uint8_t[]){ 0x33, 0x33 }, 2);
		memcpy(mac + 2, a->bytes + 12, 4);
		return true;
	}
	if (a->family == FAMILY_IPV4 && (a->bytes[0] & 0xf0) == 0xe0) {
		memcpy(mac, (const uint8_t[]){ 0x01, 0x00, 0x5e, a->bytes[1] & 0x7f }, 4);
		memcpy(mac + 4, a->bytes + 2, 2);
		return true;
	}
	if (a->family == FAMILY_IPV4 && memcmp(a->bytes, broadcast, 4) == 0) {
		memset(mac, 0xff, 6);
		return true;
	}
	return false;
}

/* The link that group packets of a zone leave by: its first with an address of the family. */
static uint16_t
group_link(const struct link_set *links, uint16_t zone, uint8_t family)
{
	for (uint16_t i = 0; i < links->count; i++)
		for (uint16_t a = 0; a < links->links[i].addresses_count; a++)
			if (links->links[i].zone == zone &&
			    links->links[i].addresses[a].address.family == family)
				return i;
	return LINK_NONE;
}

/* Whether one more packet of the application may wait: it has a share, so that one which sends to
 * hosts that do not answer leaves the others theirs. */
static bool
may_hold(const struct worker *w, uint32_t app)
{
	uint16_t same = 0;

	for (uint16_t i = 0; i < w->held_count; i++)
		same += w->held[i].app == app;
	return w->held_count < HELD_MAX && same < HELD_APP_MAX;
}

void
emit_routed(struct worker *w, struct rte_mbuf *m, uint32_t app, uint16_t zone,
	    const struct address *destination)
{
	const struct link_set *links = &w->dp->options.links;
	struct route route;
	uint8_t mac[6];

	if (group_mac(destination, mac)) {
		const uint16_t link = group_link(links, zone, destination->family);

		if (link == LINK_NONE)
			worker_drop(w, m, DROP_TX_NO_ROUTE);
		else
			emit_to(w, m, link, mac);
		return;
	}
	if (!route_find(links, zone, destination, &route)) {
		worker_drop(w, m, DROP_TX_NO_ROUTE);
		return;
	}
	if (send_known(w, m, route.link, &route.next_hop))
		return;
	if (!may_hold(w, app)) {
		worker_drop(w, m, DROP_NEIGHBOUR_WAIT_FULL);
		return;
	}
	w->held[w->held_count++] = (struct held_packet){ .mbuf = m,
							 .next_hop = route.next_hop,
							 .app = app,
							 .link = route.link,
							 .since_ms = w->now_ms,
							 .asked_ms = w->now_ms };
	count_held(&w->counters, 1);
	ask(w, route.link, &route.next_hop);
}

/* Whether a held packet is done with. */
static bool
try_held(struct worker *w, struct held_packet *h)
{
	if (send_known(w, h->mbuf, h->link, &h->next_hop))
		return true;
	if (w->now_ms - h->since_ms >= HELD_LIFE_MS) {
		worker_drop(w, h->mbuf, DROP_NEIGHBOUR_FAILED);
		return true;
	}
	if (w->now_ms - h->asked_ms >= HELD_RETRY_MS) {
		h->asked_ms = w->now_ms;
		ask(w, h->link, &h->next_hop);
	}
	return false;
}

void
emit_held(struct worker *w)
{
	uint16_t kept = 0;

	if (w->held_count == 0)
		return;
	if (w->neighbours == w->held_checked && w->now_ms - w->held_checked_ms < HELD_CHECK_MS)
		return;
	w->held_checked = w->neighbours;
	w->held_checked_ms = w->now_ms;
	for (uint16_t i = 0; i < w->held_count; i++)
		if (!try_held(w, &w->held[i]))
			w->held[kept++] = w->held[i];
	count_held(&w->counters, (int64_t)kept - w->held_count);
	w->held_count = kept;
}

/* The address of ours on `l` to ask from: one whose prefix covers the target, else any of its
 * family. */
static const struct address *
asking_address(const struct link *l, const struct address *target)
{
	const struct address *any = NULL;

	for (uint16_t i = 0; i < l->addresses_count; i++) {
		const struct prefix *p = &l->addresses[i];

		if (p->address.family != target->family)
			continue;
		if (prefix_covers(p, target->family, target->bytes))
			return &p->address;
		any = &p->address;
	}
	return any;
}

/* Makes and sends one question. */
static void
solicit(struct worker *w, const struct neighbour_event *e)
{
	const struct link *l = &w->dp->options.links.links[e->link];
	const uint8_t *mac = w->dp->nics[l->nic].mac;
	struct address target = { .family = e->family };
	const struct address *source;
	struct rte_mbuf *m;
	int bytes;

	memcpy(target.bytes, e->addr, sizeof(target.bytes));
	source = asking_address(l, &target);
	if (source == NULL)
		return;
	count(&w->counters, COUNTER_originated, 1);
	m = rte_pktmbuf_alloc(w->dp->pool);
	if (m == NULL) {
		count_drop(&w->counters, DROP_NO_BUFFER, 1);
		return;
	}
	uint8_t *frame = rte_pktmbuf_mtod(m, uint8_t *);
	const uint16_t room = rte_pktmbuf_tailroom(m);

	if (target.family == FAMILY_IPV4)
		bytes = arp_request_build(frame, room, l->vlan, mac, source, &target);
	else
		bytes = neighbour_solicit_build(frame, room, l->vlan, mac, source, &target);
	panic_unless(bytes > 0);
	rte_pktmbuf_append(m, (uint16_t)bytes);
	emit_frame(w, l->nic, m, TX_TRANSMITTED);
}

uint16_t
emit_solicits(struct worker *w)
{
	struct neighbour_event e;
	uint16_t n = 0;

	while (n < BURST_MAX && rte_ring_sc_dequeue_elem(w->dp->solicits, &e, sizeof(e)) == 0) {
		solicit(w, &e);
		n++;
	}
	return n;
}
