/* SPDX-License-Identifier: BSD-3-Clause */
/* info.c: reading the workers' numbers and flows from the control thread. */
#include <sched.h>

#include "common/base/clock.h"
#include "dataplane/worker/worker.h"

/* How long a worker may take to reach a poll's end: far longer than one poll, far shorter than an
 * operator's patience. */
#define TOTALS_WAIT_MS 200
/* Slots that one call of dataplane_flows() looks at. */
#define DUMP_SLOTS 4096

/* Reads one worker's counters as they were at the end of a poll, so that C1 holds in them. A worker
 * that does not answer in time (a machine that took its core away) is read as it stands. */
static void
read_worker(const struct dataplane *dp, uint16_t worker, uint32_t request, uint64_t until_ms,
	    struct counter_totals *out)
{
	const struct worker *w = dp->workers[worker];

	if (!dp->running) {
		counter_block_read(&w->counters, out);
		return;
	}
	/* Acquire pairs with the release in totals_report(). */
	while (atomic_load_explicit(&w->totals_done, memory_order_acquire) != request) {
		if (clock_monotonic_ms() >= until_ms) {
			counter_block_read(&w->counters, out);
			return;
		}
		sched_yield();
	}
	counter_block_read(&w->totals, out);
}

/* Asks all workers for a copy. Release pairs with the acquire in totals_report(). */
static uint32_t
request_totals(const struct dataplane *dp)
{
	_Atomic uint32_t *request = &((struct dataplane *)(uintptr_t)dp)->totals_request;

	return atomic_fetch_add_explicit(request, 1, memory_order_acq_rel) + 1;
}

void
dataplane_totals(const struct dataplane *dp, struct counter_totals *out)
{
	const uint64_t until_ms = clock_monotonic_ms() + TOTALS_WAIT_MS;
	const uint32_t request = request_totals(dp);
	struct counter_totals sum = { 0 };

	for (uint16_t w = 0; w < dp->options.workers; w++)
		read_worker(dp, w, request, until_ms, &sum);
	*out = sum;
}

void
dataplane_worker_totals(const struct dataplane *dp, uint16_t worker, struct counter_totals *out)
{
	struct counter_totals sum = { 0 };

	read_worker(dp, worker, request_totals(dp), clock_monotonic_ms() + TOTALS_WAIT_MS, &sum);
	*out = sum;
}

void
dataplane_port_counts(const struct dataplane *dp, port_ref port, struct port_counts *out)
{
	struct port_counts sum = { 0 };

	for (uint16_t w = 0; w < dp->options.workers; w++) {
		const struct port_block *b = &dp->workers[w]->ports[port_ref_id(port)];

		/* Acquire pairs with the release in housekeeping_adopt(). */
		if (atomic_load_explicit(&b->ref, memory_order_acquire) != port)
			continue;
		sum.delivered += atomic_load_explicit(&b->delivered, memory_order_relaxed);
		sum.delivered_bytes +=
			atomic_load_explicit(&b->delivered_bytes, memory_order_relaxed);
		sum.dropped += atomic_load_explicit(&b->dropped, memory_order_relaxed);
		sum.sent += atomic_load_explicit(&b->sent, memory_order_relaxed);
		sum.sent_bytes += atomic_load_explicit(&b->sent_bytes, memory_order_relaxed);
		sum.flows += atomic_load_explicit(&b->flows, memory_order_relaxed);
	}
	*out = sum;
}

uint64_t
dataplane_closed_port_packets(const struct dataplane *dp, uint8_t proto, uint16_t port)
{
	uint64_t sum = 0;

	for (uint16_t w = 0; w < dp->options.workers; w++)
		sum += atomic_load_explicit(&dp->workers[w]->closed[closed_row(proto)][port],
					    memory_order_relaxed);
	return sum;
}

void
dataplane_worker_info(const struct dataplane *dp, uint16_t worker, struct worker_info *out)
{
	const struct worker *w = dp->workers[worker];

	*out = (struct worker_info){
		.core = (uint16_t)rte_lcore_to_cpu_id(worker + 1),
		.queues = w->rx_count,
		.polls = atomic_load_explicit(&w->polls, memory_order_relaxed),
		.busy_polls = atomic_load_explicit(&w->busy_polls, memory_order_relaxed),
		.sleeps = atomic_load_explicit(&w->sleeps, memory_order_relaxed),
		.packets = atomic_load_explicit(&w->counters.counters[COUNTER_received],
						memory_order_relaxed),
		.flows = flow_count(w->flows),
		.flows_capacity = dp->options.flows_capacity,
		.limbo_stalls = atomic_load_explicit(&w->limbo_stalls, memory_order_relaxed),
	};
}

bool
dataplane_stage_cycles(const struct dataplane *dp, uint16_t worker, unsigned stage,
		       const char **name, uint64_t *cycles)
{
#ifdef BERTH_PROFILE
	static const char *const names[STAGE_COUNT] = {
#define X(name) #name,
		STAGE_LIST(X)
#undef X
	};

	if (stage >= STAGE_COUNT)
		return false;
	*name = names[stage];
	*cycles = atomic_load_explicit(&dp->workers[worker]->profile.cycles[stage],
				       memory_order_relaxed);
	return true;
#else
	(void)dp;
	(void)worker;
	(void)stage;
	(void)name;
	(void)cycles;
	return false;
#endif
}

bool
dataplane_flows(struct dataplane *dp, uint16_t worker, uint32_t *cursor, flow_each_fn each,
		void *context)
{
	bool more;

	/* Online only while it looks: between calls workers may free what they deleted. */
	rte_rcu_qsbr_thread_online(dp->flows_qsbr, 0);
	more = flow_each(dp->workers[worker]->flows, cursor, DUMP_SLOTS, each, context);
	rte_rcu_qsbr_thread_offline(dp->flows_qsbr, 0);
	return more;
}

uint16_t
dataplane_workers(const struct dataplane *dp)
{
	return dp->options.workers;
}

const struct link_set *
dataplane_links(const struct dataplane *dp)
{
	return &dp->options.links;
}

const struct track_timeouts *
dataplane_timeouts(const struct dataplane *dp)
{
	/* Relaxed: control itself stored it. */
	return &atomic_load_explicit(&dp->rules, memory_order_relaxed)->timeouts;
}

uint32_t
dataplane_now_ms(const struct dataplane *dp)
{
	return (uint32_t)clock_scale(clock_cycles() - dp->start_cycles, dp->ms_scale);
}
