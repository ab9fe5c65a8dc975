/* SPDX-License-Identifier: BSD-3-Clause */
/* tx.c: frames collected for one tx queue and sent by the burst. */
#include "dataplane/tx/tx.h"

#include <rte_ethdev.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "common/base/wire.h"

#define ETHERTYPE_VLAN 0x8100

void
tx_put(struct tx_queue *q, struct rte_mbuf *m, enum tx_class class)
{
	q->mbufs[q->n] = m;
	q->classes[q->n] = (uint8_t) class;
	q->bytes[q->n] = (uint16_t)(m->pkt_len - ETHERNET_BYTES);
	if (++q->n == BURST_MAX)
		tx_flush(q);
}

/* The numbers of the port whose end the device is; `sent` of the frames went. */
static void
port_account(struct tx_queue *q, uint16_t sent)
{
	for (uint16_t i = 0; i < q->n; i++) {
		if (q->classes[i] != TX_DELIVERED)
			continue;
		count_word(i < sent ? &q->port->delivered : &q->port->dropped, 1);
		count_word(&q->port->delivered_bytes, i < sent ? q->bytes[i] : 0);
	}
}

void
tx_flush(struct tx_queue *q)
{
	static const enum counter taken[] = {
		[TX_TRANSMITTED] = COUNTER_transmitted,
		[TX_FORWARDED] = COUNTER_forwarded,
		[TX_KERNEL] = COUNTER_kernel,
		[TX_DELIVERED] = COUNTER_delivered,
	};
	static const enum drop_reason refused[] = {
		[TX_TRANSMITTED] = DROP_NIC_FULL,
		[TX_FORWARDED] = DROP_NIC_FULL,
		[TX_KERNEL] = DROP_KERNEL_FULL,
		[TX_DELIVERED] = DROP_END_FULL,
	};
	uint16_t sent;

	if (q->n == 0)
		return;
	sent = rte_eth_tx_burst(q->ethdev, q->queue, q->mbufs, q->n);
	for (uint16_t i = 0; i < sent; i++)
		count(q->counters, taken[q->classes[i]], 1);
	for (uint16_t i = sent; i < q->n; i++)
		count_drop(q->counters, refused[q->classes[i]], 1);
	if (q->port != NULL)
		port_account(q, sent);
	if (sent < q->n)
		rte_pktmbuf_free_bulk(q->mbufs + sent, q->n - sent);
	q->n = 0;
}

void
tx_ethernet_push(struct rte_mbuf *m, const uint8_t destination[6], const uint8_t source[6],
		 uint16_t vlan, uint16_t ethertype)
{
	const uint16_t bytes = vlan != 0 ? 18 : 14;
	uint8_t *l2 = (uint8_t *)rte_pktmbuf_prepend(m, bytes);

	panic_unless(l2 != NULL);
	memcpy(l2, destination, 6);
	memcpy(l2 + 6, source, 6);
	if (vlan != 0) {
		be16_store(l2 + 12, ETHERTYPE_VLAN);
		be16_store(l2 + 14, vlan);
	}
	be16_store(l2 + bytes - 2, ethertype);
}
