/* SPDX-License-Identifier: BSD-3-Clause */
/* deliver.c: packets, with what berthd knows of them, to their ports' ends. */
#include <string.h>

#include "dataplane/worker/worker.h"

static_assert(FLOW_CAPACITY_MAX / 21ull * 28 + 28 < 1u << 28,
	      "a record has room for any flow's index");
static_assert(40 + EXT_BYTES_MAX <= RECORD_L4_MAX, "and for any offset");

/* Both words of a head at once: it is loaded at once soon afterwards, and the processor forwards a
 * load from one store only. */
typedef uint64_t two_words __attribute__((vector_size(sizeof(struct record_head))));

/* The binding by which the receiver at endpoint `side` was decided. The entry's line knows that of
 * its near side alone. */
static uint32_t
binding_of(const struct worker *w, const struct flow_entry *e, uint32_t index, unsigned side)
{
	if (__builtin_expect(flow_near_side(flow_entry_flags(e)) == side, 1))
		return atomic_load_explicit(&e->binding, memory_order_relaxed);
	return flows_far_binding(w, index);
}

/* Describes packet i of the burst as its record will. */
static inline void
describe(const struct worker *w, const struct flow_entry *entries, const struct burst *b,
	 uint16_t i, struct rx_put *put)
{
	const struct packet *p = &b->packets[i];
	const struct flow_entry *e = &entries[b->flows[i]];
	const uint32_t binding = binding_of(w, e, b->flows[i], !b->direction[i]);
	const uint32_t flags =
		b->record_flags[i] | (p->key.family == FAMILY_IPV6 ? RECORD_IPV6 : 0u);
	const two_words head = {
		record_word0(flow_handle_of(w->id, b->flows[i], e), flags,
			     (uint32_t)p->payload_offset - p->l4_offset, binding),
		record_word1(p->l3_bytes, (uint32_t)p->l4_offset - p->l3_offset, p->key.proto,
			     p->key.zone, binding),
	};

	memcpy(&put->head, &head, sizeof(put->head));
	put->packet = burst_ip(b, i);
}

/* Of a port with a device at its end it is empty, and stays so. */
static struct rx_ring *
ring_of(const struct worker *w, uint16_t port)
{
	return &w->snapshot->ports[port]->rx[w->id];
}

/* Puts one port's packets into its ring. */
static void
ring_deliver(struct worker *w, uint16_t port, const struct rx_put *puts, uint16_t n)
{
	struct rx_ring *ring = ring_of(w, port);
	struct port_block *block = &w->ports[port];
	struct rx_put_result done;

	rx_ring_put_burst(ring, puts, n, &done);
	count_word(&block->delivered, done.packets);
	count_word(&block->delivered_bytes, done.bytes);
	count(&w->counters, COUNTER_delivered, done.packets);
	if (__builtin_expect(done.packets == n, 1))
		return;
	count_word(&block->dropped, done.full + done.broken);
	count_drop(&w->counters, DROP_RING_FULL, done.full);
	count_drop(&w->counters, DROP_RING_BROKEN, done.broken);
}

/* Delivers group g of the plan, in whose order `puts` are. */
static void
group_deliver(struct worker *w, struct burst *b, const struct steer_plan *plan, uint16_t g,
	      const struct rx_put *puts)
{
	const uint16_t port = plan->ports[g], end = w->snapshot->ports[port]->end;
	const uint16_t first = plan->first[g], past = plan->first[g + 1];

	if (__builtin_expect(end == END_RING, 1)) {
		ring_deliver(w, port, &puts[first], (uint16_t)(past - first));
		return;
	}
	for (uint16_t k = first; k < past; k++)
		end_deliver(w, b, plan->order[k], end);
}

void
deliver_burst(struct worker *w, struct burst *b)
{
	struct rx_put puts[BURST_MAX];
	const struct flow_entry *entries = flow_entries(w->flows);
	struct steer_plan plan;

	steer_gather(&w->steer, b->ports, b->n, &plan);
	for (uint16_t g = 0; g < plan.groups; g++)
		rx_ring_prefetch(ring_of(w, plan.ports[g]));
	for (uint16_t k = 0; k < b->n; k++)
		describe(w, entries, b, plan.order[k], &puts[k]);
	for (uint16_t g = 0; g < plan.groups; g++)
		group_deliver(w, b, &plan, g, puts);
	rx_rings_settle();
	for (uint16_t g = 0; g < plan.groups; g++)
		rx_ring_publish(ring_of(w, plan.ports[g]));
}
