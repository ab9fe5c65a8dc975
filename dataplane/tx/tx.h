/* SPDX-License-Identifier: BSD-3-Clause */
/* tx.h: frames collected for one tx queue and sent by the burst. Served by tx.c. Worker. */
#pragma once

#include <rte_mbuf.h>

#include "common/base/limits.h"
#include "dataplane/counter_block.h"
#include "dataplane/port_block.h"

/* How a frame is counted once the queue took it. */
enum tx_class { TX_TRANSMITTED, TX_FORWARDED, TX_KERNEL, TX_DELIVERED };

struct tx_queue {
	uint16_t ethdev;
	uint16_t queue;
	uint16_t n;
	struct counter_block *counters;
	struct port_block *port; /* TX_DELIVERED: the port whose end this device is */
	struct rte_mbuf *mbufs[BURST_MAX];
	uint8_t classes[BURST_MAX]; /* enum tx_class */
	uint16_t bytes[BURST_MAX];  /* TX_DELIVERED: of the IP packet */
};

/* Takes the frame; sends what is collected when the burst is full. */
void tx_put(struct tx_queue *q, struct rte_mbuf *m, enum tx_class class);
/* Sends all; what the queue does not take is counted as nic_full, kernel_full or end_full, and
 * freed. */
void tx_flush(struct tx_queue *q);

/* Writes an Ethernet header, with a VLAN tag unless `vlan` is 0, before the mbuf's data. The pool's
 * headroom has the room. */
void tx_ethernet_push(struct rte_mbuf *m, const uint8_t destination[6], const uint8_t source[6],
		      uint16_t vlan, uint16_t ethertype);
