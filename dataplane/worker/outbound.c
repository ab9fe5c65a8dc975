/* SPDX-License-Identifier: BSD-3-Clause */
/* outbound.c: a burst's way from an application's tx ring to the wire, or to another port here. */
#include <rte_memcpy.h>

#include "common/base/wire.h"
#include "dataplane/worker/worker.h"

enum drop_reason
outbound_check(struct rte_mbuf *m, uint16_t zone, struct packet *p)
{
	uint8_t *ip = rte_pktmbuf_mtod(m, uint8_t *);

	if (parse_ip(ip, m->data_len, PARSE_CHECKSUM_IGNORE, p) != DROP_NONE)
		return DROP_TX_MALFORMED;
	/* A later one has no ports by which to tell whose it is. */
	if (p->facts & PACKET_FRAGMENT)
		return DROP_FRAGMENT;
	/* Only transports with ports have a source socket that somebody can own. */
	if (p->kind != PACKET_TRANSPORT)
		return DROP_TX_NOT_OWNER;
	rte_pktmbuf_trim(m, (uint16_t)(m->data_len - p->l3_bytes));
	checksum_fill(ip, p);
	p->key.zone = zone;
	return DROP_NONE;
}

/* Copies one packet out of shared memory and parses the copy (T4). NULL: dropped and counted. */
static struct rte_mbuf *
copy_send(struct worker *w, const struct record *head, const uint8_t *shared, struct packet *p)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(w->dp->pool);
	enum drop_reason reason;

	if (m == NULL) {
		count_drop(&w->counters, DROP_NO_BUFFER, 1);
		return NULL;
	}
	if (head->packet_bytes > rte_pktmbuf_tailroom(m)) {
		worker_drop(w, m, DROP_TX_TOO_BIG);
		return NULL;
	}
	rte_memcpy(rte_pktmbuf_append(m, (uint16_t)head->packet_bytes), shared, head->packet_bytes);
	reason = outbound_check(m, head->zone, p);
	if (reason != DROP_NONE) {
		worker_drop(w, m, reason);
		return NULL;
	}
	return m;
}

/* Takes up to TX_BUDGET packets from the application into the burst. Returns how many it took out
 * of the ring, dropped ones included. */
static uint16_t
take_sends(struct worker *w, struct dp_app *app, struct burst *b)
{
	struct tx_ring *ring = &app->tx[w->id];
	uint32_t waiting = tx_ring_waiting(ring);
	const uint8_t *shared;
	struct record head;
	uint16_t taken = 0;

	b->n = 0;
	while (taken < TX_BUDGET && (shared = tx_ring_take(ring, &waiting, &head)) != NULL) {
		taken++;
		b->mbufs[b->n] = copy_send(w, &head, shared, &b->packets[b->n]);
		if (b->mbufs[b->n] == NULL)
			continue;
		b->links[b->n] = LINK_NONE;
		b->apps[b->n] = app->id;
		b->n++;
	}
	/* Padding that was skipped also gives room back. */
	tx_ring_release(ring);
	count(&w->counters, COUNTER_originated, taken);
	return taken;
}

/* Sends packet i the way its flow came, or finds the way. */
static void
send_out(struct worker *w, const struct burst *b, uint16_t i)
{
	const struct flow_key *key = &b->packets[i].key;
	struct address destination = { .family = key->family };
	uint8_t mac[MAC_BYTES];
	uint16_t link;

	if (flows_way_back(w, b->flows[i], &link, mac)) {
		emit_to(w, b->mbufs[i], link, mac);
		return;
	}
	if (link == LINK_ENCLOSED) {
		worker_drop(w, b->mbufs[i], DROP_TX_TUNNEL);
		return;
	}
	memcpy(destination.bytes, key->addr[1], sizeof(destination.bytes));
	emit_routed(w, b->mbufs[i], b->apps[i], key->zone, &destination);
}

/* Finds the port here that packet i is for; false: it is dropped. */
static bool
bind_here(struct worker *w, struct burst *b, uint16_t i)
{
	const enum drop_reason reason = flows_destination(
		w, b->flows[i], !b->direction[i], &b->packets[i], b->hashes[i], &b->ports[i]);

	if (reason == DROP_PORT_CLOSED)
		worker_knock(w, &b->packets[i]);
	if (reason != DROP_NONE)
		worker_drop(w, b->mbufs[i], reason);
	return reason == DROP_NONE;
}

/* Whether the flow's owner lets packet i go, after which its entry and port are known. */
static enum drop_reason
admit_send(struct worker *w, struct burst *b, uint16_t i)
{
	const struct packet *p = &b->packets[i];
	const uint8_t *frame = rte_pktmbuf_mtod(b->mbufs[i], const uint8_t *);
	port_ref from;
	enum drop_reason reason =
		flows_authorise(w, b->apps[i], p, frame, &b->keys[i], b->direction[i], b->hashes[i],
				&b->flows[i], &from);

	if (reason == DROP_NONE)
		reason = flows_account(w, b->flows[i], p, frame, b->direction[i], LINK_NONE, NULL);
	if (reason != DROP_NONE)
		return reason;
	count_word(&w->ports[port_ref_id(from)].sent, 1);
	count_word(&w->ports[port_ref_id(from)].sent_bytes, p->l3_bytes);
	return DROP_NONE;
}

void
outbound_flow(struct worker *w, struct burst *b)
{
	uint16_t kept = 0;

	if (b->n == 0)
		return;
	flow_lookup_burst(w->flows, b->keys, b->hashes, b->flows, b->n);
	/* The way back is on the second line. */
	for (uint16_t i = 0; i < b->n; i++) {
		if (b->flows[i] != FLOW_NONE)
			__builtin_prefetch(flow_detail_at(w->flows, b->flows[i]));
	}
	for (uint16_t i = 0; i < b->n; i++) {
		const enum drop_reason reason = admit_send(w, b, i);

		if (reason != DROP_NONE) {
			worker_drop(w, b->mbufs[i], reason);
			continue;
		}
		b->record_flags[i] = RECORD_LOCAL;
		if ((flow_entry_flags(flow_entry_at(w->flows, b->flows[i])) & FLOW_LOCAL) == 0)
			send_out(w, b, i);
		else if (bind_here(w, b, i))
			burst_move_keyed(b, i, kept++);
	}
	b->n = kept;
	if (kept == 0)
		return;
	deliver_burst(w, b);
	rte_pktmbuf_free_bulk(b->mbufs, kept);
}

uint16_t
outbound_poll(struct worker *w)
{
	struct burst *b = &w->burst;
	uint16_t total = 0;

	for (uint32_t a = 0; a < w->snapshot->apps_count; a++) {
		const uint16_t taken = take_sends(w, w->snapshot->apps[a], b);

		if (taken == 0)
			continue;
		total = (uint16_t)(total + taken);
		burst_keys(b, &w->dp->secret);
		handover_foreign(w, b, HANDOVER_SEND);
		outbound_flow(w, b);
	}
	return total;
}
