/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c: translates the configuration for the dataplane. */
#include "control/options.h"

#include <stdlib.h>

#include "control/eal.h"

static_assert(CONFIG_LINK_ADDRESSES_MAX == LINK_ADDRESSES_MAX, "addresses fit");

static void
link_from_config(const struct config *config, const struct config_link *from, struct link *to)
{
	*to = (struct link){
		.nic = from->nic,
		.vlan = from->vlan,
		.zone = from->zone,
		.mtu = config->nics[from->nic].mtu,
		.addresses_count = from->addresses_count,
		.gateway = { from->gateway[0], from->gateway[1] },
	};
	memcpy(to->addresses, from->addresses, sizeof(to->addresses));
}

static void
generator_from_config(const struct config_generator *from, struct generator_options *to)
{
	*to = (struct generator_options){
		.flows = from->flows,
		.zipf = from->zipf,
		.bytes = from->bytes,
		.port_first = from->port_first,
		.port_last = from->port_last,
		.ipv6_percent = from->ipv6_percent,
		.tcp = from->tcp,
		.cold = from->cold,
		.checksums_verified = !from->software_checksums,
		.rates = { from->rate, from->new_flows, from->syn_flood },
	};
}

static void
nic_from_config(const struct config_nic *from, struct dataplane_nic_options *to)
{
	*to = (struct dataplane_nic_options){
		.queues = from->queues,
		.rx_descriptors = from->rx_descriptors,
		.tx_descriptors = from->tx_descriptors,
		.mtu = from->mtu,
		.promiscuous = from->promiscuous,
		.checksum_verify = from->checksum_verify,
		.source_any = !from->sources_verify,
		.source_routes = from->source_routes_ignore,
	};
	memcpy(to->name, from->name, sizeof(to->name));
	if (from->device_kind == CONFIG_DEVICE_GENERATOR)
		generator_from_config(&from->generator, &to->generator);
}

/* A tap has a queue pair for each worker: the kernel sends each flow's packets to the one that the
 * flow came by, and so to its owner. Other devices must agree on the number with their peer. */
static void
end_from_config(const struct config *config, const struct config_end *from,
		struct dataplane_end_options *to)
{
	*to = (struct dataplane_end_options){
		.device = { .queues = from->tap ? config->workers_count : 1,
			    .rx_descriptors = config->nics[0].rx_descriptors,
			    .tx_descriptors = config->nics[0].tx_descriptors },
		.zone = from->zone,
	};
	memcpy(to->device.name, from->name, sizeof(to->device.name));
	for (uint16_t i = 0; i < config->nics_count; i++)
		if (config->nics[i].mtu > to->device.mtu)
			to->device.mtu = config->nics[i].mtu;
}

static int
tunnel_compare(const void *a, const void *b)
{
	const struct tunnel *x = a, *y = b;
	const uint64_t one = tunnel_order(x->nic, x->type, x->has_id, x->id);
	const uint64_t other = tunnel_order(y->nic, y->type, y->has_id, y->id);

	return (one > other) - (one < other);
}

static void
tunnels_from_config(const struct config *config, struct tunnel_set *to)
{
	static const uint8_t types[] = {
		[CONFIG_TUNNEL_VXLAN] = TUNNEL_VXLAN, [CONFIG_TUNNEL_GENEVE] = TUNNEL_GENEVE,
		[CONFIG_TUNNEL_GRE] = TUNNEL_GRE,     [CONFIG_TUNNEL_IPIP] = TUNNEL_IPIP,
		[CONFIG_TUNNEL_6IN4] = TUNNEL_6IN4,   [CONFIG_TUNNEL_GTPU] = TUNNEL_GTPU,
	};

	to->count = config->tunnels_count;
	for (uint16_t i = 0; i < config->tunnels_count; i++) {
		const struct config_tunnel *from = &config->tunnels[i];

		to->tunnels[i] = (struct tunnel){ .nic = from->nic,
						  .type = types[from->type],
						  .has_id = from->has_id,
						  .id = from->id,
						  .zone = from->zone };
	}
	qsort(to->tunnels, to->count, sizeof(to->tunnels[0]), tunnel_compare);
}

static enum unmatched_mode
unmatched_from_config(enum config_unmatched_mode mode)
{
	switch (mode) {
	case CONFIG_UNMATCHED_REJECT:
		return UNMATCHED_REJECT;
	case CONFIG_UNMATCHED_KERNEL:
		return UNMATCHED_KERNEL;
	default:
		return UNMATCHED_DROP;
	}
}

static enum track_mode
tracking_from_config(enum config_tracking_mode mode)
{
	switch (mode) {
	case CONFIG_TRACKING_STRICT:
		return TRACK_STRICT;
	case CONFIG_TRACKING_OFF:
		return TRACK_OFF;
	default:
		return TRACK_LOOSE;
	}
}

void
options_rules(const struct config *config, struct track_rules *out)
{
	out->mode = tracking_from_config(config->tracking_mode);
	track_timeouts_fill(&out->timeouts, config->timers, config->timeouts);
}

void
options_from_config(const struct config *config, struct dataplane_options *out)
{
	struct track_rules rules;

	*out = (struct dataplane_options){
		.workers = config->workers_count,
		.idle_sleep = config->idle.mode == CONFIG_IDLE_SLEEP,
		.idle_empty_polls = config->idle.empty_polls,
		.idle_sleep_us = config->idle.sleep_us,
		.buffers = eal_buffers(config),
		.nics_count = config->nics_count,
		.links.count = config->links_count,
		.unmatched = unmatched_from_config(config->unmatched),
		.reject_per_second = config->reject_per_second,
		.responder = config->responder,
		.flows_capacity = config->flows_capacity,
		.connections_capacity = config->connections.capacity,
		.connections_quarantine_ms = config->connections.quarantine_s * 1000,
		.fragments = {
			.timeout_ms = config->fragments.timeout_ms,
			.datagrams = config->fragments.datagrams,
			.held_packets = config->fragments.held_packets,
			.per_source = config->fragments.per_source,
		},
	};
	options_rules(config, &rules);
	out->tracking = rules.mode;
	out->timeouts = rules.timeouts;
	for (uint16_t i = 0; i < config->nics_count; i++)
		nic_from_config(&config->nics[i], &out->nics[i]);
	out->ends_count = config->ends_count;
	for (uint16_t i = 0; i < config->ends_count; i++)
		end_from_config(config, &config->ends[i], &out->ends[i]);
	tunnels_from_config(config, &out->tunnels);
	for (uint16_t i = 0; i < config->links_count; i++)
		link_from_config(config, &config->links[i], &out->links.links[i]);
}
