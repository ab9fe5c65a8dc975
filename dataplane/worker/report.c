/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c: tells control what becomes of flows, through one ring per worker.
 *
 * A worker writes only while somebody listens, and never waits: what does not fit is counted. An
 * event is told on creation, on each change of state, and on the end; never per packet. */
#include "common/base/identity.h"
#include "dataplane/worker/worker.h"

void
report_flow(struct worker *w, uint32_t index, enum flow_event_kind kind, enum flow_end end)
{
	struct flow_event event = { .worker = w->id, .kind = (uint8_t)kind };

	flow_record_read(flow_entry_at(w->flows, index), flow_detail_at(w->flows, index),
			 &event.flow);
	event.flow.end = (uint8_t)end;
	if (rte_ring_sp_enqueue_elem(w->dp->flow_events[w->id], &event, sizeof(event)) != 0)
		count(&w->counters, COUNTER_flow_events_lost, 1);
}

bool
report_accounted(const struct flow_entry *e, const struct flow_detail *d)
{
	struct flow_totals totals;

	flow_totals_read(e, d, &totals);
	return totals.packets[0] + totals.packets[1] > 0;
}

enum flow_end
report_end(const struct worker *w, uint32_t index)
{
	struct flow_record r;

	flow_record_read(flow_entry_at(w->flows, index), flow_detail_at(w->flows, index), &r);
	const enum flow_end end = follow_end(&r);

	if (end != FLOW_LIVES)
		return end;
	return flows_port(w, r.port) == NULL ? FLOW_END_UNBOUND : FLOW_END_TIMEOUT;
}

void
dataplane_flow_events_want(struct dataplane *dp, bool wanted)
{
	/* Relaxed: workers need it some time, not in order with anything. */
	atomic_store_explicit(&dp->reporting, wanted, memory_order_relaxed);
}

unsigned
dataplane_flow_events(struct dataplane *dp, uint16_t worker, struct flow_event *events,
		      unsigned max)
{
	return rte_ring_sc_dequeue_burst_elem(dp->flow_events[worker], events, sizeof(*events), max,
					      NULL);
}

uint64_t
dataplane_flow_events_lost(const struct dataplane *dp)
{
	uint64_t sum = 0;

	for (uint16_t w = 0; w < dp->options.workers; w++)
		sum += atomic_load_explicit(
			&dp->workers[w]->counters.counters[COUNTER_flow_events_lost],
			memory_order_relaxed);
	return sum;
}
