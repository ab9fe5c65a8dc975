/* SPDX-License-Identifier: BSD-3-Clause */
/* deliver.c: packets, with what berthd knows of them, to their ports' rings. */
#include "dataplane/worker/worker.h"

void
deliver_packet(struct worker *w, struct burst *b, uint16_t i, port_ref port)
{
	const struct packet *p = &b->packets[i];
	struct dp_port *to = flows_port(w, port);

	if (to->end != END_RING) {
		end_deliver(w, b, i, to->end);
		return;
	}

	const struct record head = {
		.packet_bytes = p->l3_bytes,
		.flags = (uint16_t)(b->record_flags[i] |
				    (p->key.family == FAMILY_IPV6 ? RECORD_IPV6 : 0)),
		.zone = p->key.zone,
		.flow = flow_handle(w->flows, b->flows[i]),
		.binding = flows_binding(w, b->flows[i], !b->direction[i]),
		.l4_offset = (uint16_t)(p->l4_offset - p->l3_offset),
		.payload_offset = (uint16_t)(p->payload_offset - p->l3_offset),
		.proto = p->key.proto,
	};

	steer_put(&w->steer, &to->rx[w->id], &w->ports[port_ref_id(port)], &head, burst_ip(b, i));
}

void
deliver_burst(struct worker *w, struct burst *b)
{
	for (uint16_t i = 0; i < b->n; i++)
		deliver_packet(w, b, i, b->ports[i]);
	steer_publish(&w->steer);
}
