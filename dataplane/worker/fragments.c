/* SPDX-License-Identifier: BSD-3-Clause */
/* fragments.c: fragments to the worker that knows their datagram, and from there to their flow. */
#include "dataplane/worker/worker.h"

/* Datagrams given up in one round of housekeeping: bounds the pause. */
#define EXPIRED_MAX 64

static struct fragment
fragment_of(struct rte_mbuf *m, const struct packet *p)
{
	return (struct fragment){ .key = p->key,
				  .id = p->more.fragment.id,
				  .offset = p->more.fragment.offset,
				  .bytes = p->more.fragment.bytes,
				  .header_bytes = p->more.fragment.header_bytes,
				  .more = p->more.fragment.more,
				  .kind = p->kind,
				  .packet = m };
}

/* The worker that knows the datagram of this fragment. */
static uint16_t
datagram_owner(const struct worker *w, const struct fragment *f)
{
	struct flow_key identity;

	fragment_identity(f, &identity);
	return flow_owner(flow_hash(&w->dp->secret, &identity), w->dp->options.workers);
}

static bool
any_fragment(const struct burst *b)
{
	uint8_t facts = 0;

	for (uint16_t i = 0; i < b->n; i++)
		facts |= b->packets[i].facts;
	return facts & PACKET_FRAGMENT;
}

uint16_t
fragments_divert(struct worker *w, struct burst *b, struct rte_mbuf **own)
{
	uint16_t kept = 0, n = 0;

	if (!any_fragment(b))
		return 0;
	for (uint16_t i = 0; i < b->n; i++) {
		struct rte_mbuf *m = b->mbufs[i];

		if (!(b->packets[i].facts & PACKET_FRAGMENT)) {
			burst_move(b, i, kept++);
			continue;
		}
		const struct fragment f = fragment_of(m, &b->packets[i]);
		const uint16_t owner = datagram_owner(w, &f);

		*buffer_note(m) = (struct buffer_note){ .packet = b->packets[i],
							.link = b->links[i],
							.kind = HANDOVER_FRAGMENT };
		if (owner == w->id)
			own[n++] = m;
		else
			handover_put(w, owner, m);
	}
	b->n = kept;
	return n;
}

/* Sends what the burst holds on to the owners of its flows. */
static void
go_on(struct worker *w)
{
	struct burst *b = &w->burst;

	burst_keys(b, &w->dp->secret);
	handover_foreign(w, b, HANDOVER_INBOUND);
	inbound_flow(w, b);
	b->n = 0;
}

/* fragment_end_fn. A first fragment has its own tuple; a later one gets it here. Only what has
 * ports has a flow: a responder cannot answer a part, and an error message is never long enough to
 * be cut (RFC 1812 4.3.2.3, RFC 4443 2.4 c), so cut ones have no taker but the kernel. */
static void
fragment_ended(void *context, void *packet, const struct fragment_tuple *first,
	       enum drop_reason reason)
{
	struct worker *w = context;
	struct rte_mbuf *m = packet;
	struct buffer_note *note = buffer_note(m);
	struct packet *p = &note->packet;

	if (reason != DROP_NONE) {
		worker_drop(w, m, reason);
		return;
	}
	if (p->kind == PACKET_LATER_FRAGMENT) {
		p->key.port[0] = first->port[0];
		p->key.port[1] = first->port[1];
		p->key.proto = first->proto;
	}
	if (first->kind != PACKET_TRANSPORT) {
		inbound_unmatched(w, m, p, note->link,
				  first->kind == PACKET_NO_PORTS ? DROP_PROTOCOL_UNKNOWN
								 : DROP_ICMP_UNHANDLED);
		return;
	}
	burst_take(&w->burst, m);
	if (w->burst.n == BURST_MAX)
		go_on(w);
}

void
fragments_take(struct worker *w, struct rte_mbuf **mbufs, uint16_t n)
{
	w->burst.n = 0;
	for (uint16_t i = 0; i < n; i++) {
		const struct fragment f = fragment_of(mbufs[i], &buffer_note(mbufs[i])->packet);
		const uint32_t before = fragment_held(w->fragments);

		fragment_put(w->fragments, &f, w->now_ms, fragment_ended, w);
		count_held(&w->counters, (int64_t)fragment_held(w->fragments) - before);
	}
	go_on(w);
}

void
fragments_expire(struct worker *w)
{
	const uint32_t before = fragment_held(w->fragments);

	fragment_expire(w->fragments, w->now_ms, EXPIRED_MAX, fragment_ended, w);
	count_held(&w->counters, (int64_t)fragment_held(w->fragments) - before);
}

void
fragments_drain(struct worker *w)
{
	count_held(&w->counters, -(int64_t)fragment_held(w->fragments));
	fragment_drain(w->fragments, DROP_SHUTDOWN, fragment_ended, w);
}
