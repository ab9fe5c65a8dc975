/* SPDX-License-Identifier: BSD-3-Clause */
/* housekeeping.c: what a worker does between polls: adopt, expire, reclaim, report. */
#include <string.h>

#include "dataplane/worker/worker.h"

/* A whole pass over the table's slots takes about this long. */
#define EXPIRY_PASS_MS 1000

/* Tells the queue of a port's device which port that is. */
static void
adopt_end(struct worker *w, const struct dp_port *p)
{
	const uint16_t index = (uint16_t)(p->end - 1);

	w->ends[index] = p;
	w->tx[w->dp->first_end + index].port = &w->ports[port_ref_id(p->ref)];
}

void
housekeeping_adopt(struct worker *w)
{
	/* Acquire pairs with the release stores in dataplane_publish(), dataplane_rules_publish()
	 * and dataplane_neighbours_publish(). */
	struct dp_snapshot *s = atomic_load_explicit(&w->dp->snapshot, memory_order_acquire);
	const struct track_rules *rules = atomic_load_explicit(&w->dp->rules, memory_order_acquire);

	w->neighbours = atomic_load_explicit(&w->dp->neighbours, memory_order_acquire);
	/* Relaxed: it says nothing of other memory. */
	w->reporting = atomic_load_explicit(&w->dp->reporting, memory_order_relaxed);
	if (rules != w->rules) {
		w->rules = rules;
		flow_expire_anew(w->flows);
	}
	if (s == w->snapshot)
		return;
	w->snapshot = s;
	memset(w->ends, 0, sizeof(w->ends));
	for (unsigned id = 0; id < PORTS_MAX; id++) {
		struct port_block *b = &w->ports[id];
		const struct dp_port *p = s->ports[id];

		if (p != NULL && p->end != END_RING)
			adopt_end(w, p);
		if (p == NULL || p->ref == atomic_load_explicit(&b->ref, memory_order_relaxed))
			continue;
		atomic_store_explicit(&b->delivered, 0, memory_order_relaxed);
		atomic_store_explicit(&b->delivered_bytes, 0, memory_order_relaxed);
		atomic_store_explicit(&b->dropped, 0, memory_order_relaxed);
		atomic_store_explicit(&b->sent, 0, memory_order_relaxed);
		atomic_store_explicit(&b->sent_bytes, 0, memory_order_relaxed);
		atomic_store_explicit(&b->flows, 0, memory_order_relaxed);
		/* Release pairs with the acquire in dataplane_port_counts(): whoever sees the new
		 * generation sees none of the old one's numbers. */
		atomic_store_explicit(&b->ref, p->ref, memory_order_release);
	}
}

/* Frees deleted flows once control, the only foreign reader, cannot be looking at them. */
static void
limbo_step(struct worker *w)
{
	struct rte_rcu_qsbr *qsbr = w->dp->flows_qsbr;

	if (flow_limbo_closed(w->flows)) {
		if (rte_rcu_qsbr_check(qsbr, w->limbo_token, false) == 1)
			flow_limbo_free(w->flows);
		else
			atomic_store_explicit(
				&w->limbo_stalls,
				atomic_load_explicit(&w->limbo_stalls, memory_order_relaxed) + 1,
				memory_order_relaxed);
	}
	if (!flow_limbo_closed(w->flows) && flow_limbo_close(w->flows) > 0)
		w->limbo_token = rte_rcu_qsbr_start(qsbr);
}

/* Copies the counters when control asked for a copy at a poll's end, where C1 is exact. */
static void
totals_report(struct worker *w)
{
	/* Acquire pairs with the release of the request; the release below with its acquire in
	 * dataplane_worker_totals(). */
	const uint32_t wanted = atomic_load_explicit(&w->dp->totals_request, memory_order_acquire);

	if (atomic_load_explicit(&w->totals_done, memory_order_relaxed) == wanted)
		return;
	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		atomic_store_explicit(
			&w->totals.counters[i],
			atomic_load_explicit(&w->counters.counters[i], memory_order_relaxed),
			memory_order_relaxed);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		atomic_store_explicit(
			&w->totals.drops[i],
			atomic_load_explicit(&w->counters.drops[i], memory_order_relaxed),
			memory_order_relaxed);
	atomic_store_explicit(&w->totals.held,
			      atomic_load_explicit(&w->counters.held, memory_order_relaxed),
			      memory_order_relaxed);
	atomic_store_explicit(&w->totals_done, wanted, memory_order_release);
}

void
housekeeping(struct worker *w)
{
	const uint32_t elapsed_ms = w->now_ms - w->housekept_ms;

	totals_report(w);
	if (elapsed_ms == 0)
		return;
	w->housekept_ms = w->now_ms;
	const uint32_t slots = flow_slots(w->flows);
	const uint64_t due = (uint64_t)slots * elapsed_ms / EXPIRY_PASS_MS + 1;

	fragments_expire(w);
	connections_ended(w);
	flow_expire(w->flows, w->now_ms, due < slots ? (uint32_t)due : slots, flows_expire, w);
	limbo_step(w);
}
