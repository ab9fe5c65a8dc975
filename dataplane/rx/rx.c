/* SPDX-License-Identifier: BSD-3-Clause */
/* rx.c: a burst from a nic queue. */
#include "dataplane/rx/rx.h"

#include <rte_ethdev.h>
#include <rte_prefetch.h>

#include "common/base/limits.h"

uint16_t
rx_burst(const struct rx_queue *q, struct rte_mbuf **mbufs)
{
	const uint16_t n = rte_eth_rx_burst(q->ethdev, q->queue, mbufs, BURST_MAX);

	for (uint16_t i = 0; i < n; i++)
		rte_prefetch0(rte_pktmbuf_mtod(mbufs[i], void *));
	return n;
}
