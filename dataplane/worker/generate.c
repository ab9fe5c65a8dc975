/* SPDX-License-Identifier: BSD-3-Clause */
/* generate.c: nics that make their own packets: one generator per queue, their rates, their end. */
#include <errno.h>
#include <rte_cycles.h>
#include <rte_malloc.h>
#include <string.h>

#include "dataplane/worker/worker.h"

/* Where the packets go: the first address of each family on the untagged link. */
static void
ends_choose(const struct dataplane *dp, uint16_t nic, const struct generator_options *options,
	    struct frame_maker_ends *ends)
{
	const struct nic *n = &dp->nics[nic];
	const struct link *l = &dp->options.links.links[n->link_by_vlan[0]];

	*ends = (struct frame_maker_ends){ .port_first = options->port_first,
					   .port_last = options->port_last };
	memcpy(ends->mac, n->mac, sizeof(ends->mac));
	for (uint16_t i = l->addresses_count; i-- > 0;) {
		const struct address *a = &l->addresses[i].address;

		memcpy(ends->addr[a->family == FAMILY_IPV6], a->bytes, sizeof(a->bytes));
	}
}

/* The part of a nic's rate that each queue has. 0 means something else, so no rate becomes it. */
static uint32_t
rate_part(uint32_t rate, uint16_t queues)
{
	return rate / queues + (rate % queues != 0);
}

static void
rates_store(struct nic *n, const struct generator_rates *rates)
{
	struct generator_shared *s = n->generated;

	atomic_store_explicit(&s->packets, rate_part(rates->packets, n->rx_queues),
			      memory_order_relaxed);
	atomic_store_explicit(&s->new_flows, rate_part(rates->new_flows, n->rx_queues),
			      memory_order_relaxed);
	atomic_store_explicit(&s->syns, rate_part(rates->syns, n->rx_queues), memory_order_relaxed);
}

int
nic_generate(struct dataplane *dp, uint16_t index, const struct dataplane_nic_options *options)
{
	struct nic *n = &dp->nics[index];
	struct frame_maker_ends ends;

	ends_choose(dp, index, &options->generator, &ends);
	n->generated = rte_zmalloc("generator", sizeof(*n->generated), CACHE_LINE);
	if (n->generated == NULL)
		return -ENOMEM;
	rates_store(n, &options->generator.rates);
	for (uint16_t q = 0; q < n->rx_queues; q++) {
		const struct generator_queue queue = { .ethdev = n->ethdev,
						       .queue = q,
						       .queues = n->rx_queues,
						       .room = options->rx_descriptors,
						       .hz = rte_get_tsc_hz() };
		const int error = generator_create(&options->generator, &ends, &queue, n->generated,
						   &n->generators[q]);

		if (error != 0)
			return error;
	}
	return 0;
}

void
nic_generate_stop(struct nic *n)
{
	for (uint16_t q = 0; q < n->rx_queues; q++)
		generator_destroy(n->generators[q]);
	rte_free(n->generated);
	n->generated = NULL;
}

int
dataplane_generator_rates(struct dataplane *dp, uint16_t nic, const struct generator_rates *set)
{
	if (nic >= dp->nics_count || dp->nics[nic].generated == NULL)
		return -ENOENT;
	rates_store(&dp->nics[nic], set);
	return 0;
}

int
dataplane_generator_info(const struct dataplane *dp, uint16_t nic, struct generator_rates *out)
{
	const struct generator_shared *s;
	uint16_t queues;

	if (nic >= dp->nics_count || dp->nics[nic].generated == NULL)
		return -ENOENT;
	s = dp->nics[nic].generated;
	queues = dp->nics[nic].rx_queues;
	*out = (struct generator_rates){
		.packets = atomic_load_explicit(&s->packets, memory_order_relaxed) * queues,
		.new_flows = atomic_load_explicit(&s->new_flows, memory_order_relaxed) * queues,
		.syns = atomic_load_explicit(&s->syns, memory_order_relaxed) * queues,
	};
	return 0;
}
