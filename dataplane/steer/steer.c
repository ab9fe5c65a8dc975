/* SPDX-License-Identifier: BSD-3-Clause */
/* steer.c: packets into the rings of their ports. */
#include "dataplane/steer/steer.h"

#include <errno.h>

void
steer_put(struct steer *s, struct rx_ring *ring, struct port_block *port, const struct record *head,
	  const void *ip)
{
	const bool clean = ring->produced == ring->published;
	const int error = rx_ring_put(ring, head, ip);

	if (error != 0) {
		count_drop(s->counters, error == -ENOSPC ? DROP_RING_FULL : DROP_RING_BROKEN, 1);
		count_word(&port->dropped, 1);
		return;
	}
	if (clean) {
		if (s->n == BURST_MAX)
			steer_publish(s);
		s->touched[s->n++] = ring;
	}
	count(s->counters, COUNTER_delivered, 1);
	count_word(&port->delivered, 1);
	count_word(&port->delivered_bytes, head->packet_bytes);
}

void
steer_publish(struct steer *s)
{
	for (uint16_t i = 0; i < s->n; i++)
		rx_ring_publish(s->touched[i]);
	s->n = 0;
}
