/* SPDX-License-Identifier: BSD-3-Clause */
/* rx.h: a burst from a nic queue, with what the device already knows of it. Served by rx.c. Worker.
 */
#pragma once

#include <rte_mbuf.h>
#include <rte_mbuf_ptype.h>

#include "dataplane/parse/parse.h"

struct rx_queue {
	uint16_t ethdev;
	uint16_t queue;
	uint16_t nic;                 /* index */
	uint16_t parse_flags;         /* enum parse_flag, the same for each packet of this nic */
	const uint16_t *link_by_vlan; /* of its nic: [VLAN id], LINK_NONE where there is none */
};

/* Receives up to BURST_MAX packets and asks for their headers to be cached. */
uint16_t rx_burst(const struct rx_queue *q, struct rte_mbuf **mbufs);

/* The parser's flags for one packet of the queue: the device's results where it offers them. */
static inline unsigned
rx_parse_flags(const struct rx_queue *q, const struct rte_mbuf *m)
{
	unsigned flags = q->parse_flags;

	if (m->ol_flags & RTE_MBUF_F_RX_VLAN_STRIPPED)
		flags |= PARSE_VLAN_STRIPPED;
	/* What a device says of a tunnel's checksums may be about the inner packet. */
	if (m->packet_type & RTE_PTYPE_TUNNEL_MASK)
		return flags;
	if ((m->ol_flags & RTE_MBUF_F_RX_IP_CKSUM_MASK) == RTE_MBUF_F_RX_IP_CKSUM_GOOD)
		flags |= PARSE_L3_CHECKSUM_GOOD;
	if ((m->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
		flags |= PARSE_L4_CHECKSUM_GOOD;
	return flags;
}
