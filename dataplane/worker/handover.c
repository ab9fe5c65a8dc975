/* SPDX-License-Identifier: BSD-3-Clause */
/* handover.c: packets passed to the worker that owns their flow, over bounded rings. */
#include "dataplane/worker/worker.h"

/* Puts what is collected for worker `to` into its ring; what does not fit is dropped by name. */
static void
flush_one(struct worker *w, uint16_t to)
{
	struct handover_out *out = &w->handover[to];
	unsigned taken;

	if (out->n == 0)
		return;
	taken = rte_ring_sp_enqueue_burst(w->dp->handover[w->id][to], (void **)out->mbufs, out->n,
					  NULL);
	count(&w->counters, COUNTER_handed_over, taken);
	count_held(&w->counters, (int64_t)taken - out->n);
	if (taken < out->n) {
		count_drop(&w->counters, DROP_HANDOVER_FULL, out->n - taken);
		rte_pktmbuf_free_bulk(out->mbufs + taken, out->n - taken);
	}
	out->n = 0;
}

void
handover_put(struct worker *w, uint16_t to, struct rte_mbuf *m)
{
	struct handover_out *out = &w->handover[to];

	count_held(&w->counters, 1);
	out->mbufs[out->n] = m;
	if (++out->n == BURST_MAX)
		flush_one(w, to);
}

/* Only the lines that hold something are written. */
static void
note_store(struct buffer_note *note, const struct burst *b, uint16_t i, enum handover_kind kind)
{
	packet_assign(&note->packet, &b->packets[i]);
	note->link = b->links[i];
	note->app = b->apps[i];
	note->kind = (uint8_t)kind;
}

void
handover_foreign(struct worker *w, struct burst *b, enum handover_kind kind)
{
	uint16_t kept = 0;

	if (w->dp->options.workers == 1)
		return;
	for (uint16_t i = 0; i < b->n; i++) {
		const uint16_t owner = flow_owner(b->hashes[i], w->dp->options.workers);

		if (owner == w->id) {
			burst_move_keyed(b, i, kept++);
			continue;
		}
		note_store(buffer_note(b->mbufs[i]), b, i, kind);
		handover_put(w, owner, b->mbufs[i]);
	}
	b->n = kept;
}

void
handover_flush(struct worker *w)
{
	for (uint16_t to = 0; to < w->dp->options.workers; to++)
		flush_one(w, to);
}

/* Works through what one other worker passed on. All notes are read before any buffer moves on. */
static void
take_burst(struct worker *w, struct rte_mbuf **mbufs, unsigned n)
{
	struct rte_mbuf *sends[BURST_MAX], *fragments[BURST_MAX];
	struct burst *b = &w->burst;
	unsigned sends_count = 0;
	uint16_t fragments_count = 0;

	profile_mark(w, STAGE_LOOP);
	b->n = 0;
	for (unsigned i = 0; i < n; i++) {
		const struct buffer_note *note = buffer_note(mbufs[i]);

		if (note->kind == HANDOVER_FRAME)
			tx_put(&w->tx[note->nic], mbufs[i], note->tx_class);
		else if (note->kind == HANDOVER_SEND)
			sends[sends_count++] = mbufs[i];
		else if (note->kind == HANDOVER_FRAGMENT)
			fragments[fragments_count++] = mbufs[i];
		else
			burst_take(b, mbufs[i]);
	}
	burst_keys(b, &w->dp->secret);
	profile_mark(w, STAGE_KEY);
	inbound_flow(w, b);

	b->n = 0;
	for (unsigned i = 0; i < sends_count; i++)
		burst_take(b, sends[i]);
	burst_keys(b, &w->dp->secret);
	outbound_flow(w, b);
	if (fragments_count > 0)
		fragments_take(w, fragments, fragments_count);
}

uint16_t
handover_poll(struct worker *w)
{
	struct rte_mbuf *mbufs[BURST_MAX];
	uint16_t total = 0;

	for (uint16_t from = 0; from < w->dp->options.workers; from++) {
		if (from == w->id)
			continue;
		const unsigned n = rte_ring_sc_dequeue_burst(w->dp->handover[from][w->id],
							     (void **)mbufs, BURST_MAX, NULL);

		if (n == 0)
			continue;
		count_held(&w->counters, -(int64_t)n);
		take_burst(w, mbufs, n);
		total = (uint16_t)(total + n);
	}
	return total;
}

void
handover_drain(struct dataplane *dp)
{
	for (uint16_t to = 0; to < dp->options.workers; to++) {
		struct worker *w = dp->workers[to];

		for (uint16_t from = 0; from < dp->options.workers; from++) {
			void *m;

			if (from == to)
				continue;
			while (rte_ring_sc_dequeue(dp->handover[from][to], &m) == 0) {
				count_held(&w->counters, -1);
				worker_drop(w, m, DROP_SHUTDOWN);
			}
		}
		for (uint16_t i = 0; i < w->held_count; i++) {
			count_held(&w->counters, -1);
			worker_drop(w, w->held[i].mbuf, DROP_SHUTDOWN);
		}
		w->held_count = 0;
		fragments_drain(w);
	}
}
