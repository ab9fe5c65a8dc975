/* SPDX-License-Identifier: BSD-3-Clause */
/* connections.c: the table of connected sockets as control reaches it, beside its readers. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <sys/random.h>

#include "dataplane/tx/route.h"
#include "dataplane/worker/worker.h"

/* Sockets that one housekeeping ends the flows of. */
#define ENDS_MAX 256u

/* connect_closed_fn: a socket whose worker cannot be told now has a flow that ends by idling. */
static bool
closed_tell(const struct connect_closed *closed, uint16_t owner, void *context)
{
	const struct dataplane *dp = context;
	struct connect_closed told = *closed;

	return rte_ring_sp_enqueue_elem(dp->closed[owner], &told, sizeof(told)) == 0;
}

void
connections_ended(struct worker *w)
{
	struct connect_closed closed;

	for (unsigned i = 0; i < ENDS_MAX; i++) {
		if (rte_ring_sc_dequeue_elem(w->dp->closed[w->id], &closed, sizeof(closed)) != 0)
			return;
		flows_closed(w, &closed);
	}
}

int
worker_connections_create(struct dataplane *dp)
{
	struct connect_options o = { .capacity = dp->options.connections_capacity,
				     .quarantine_ms = dp->options.connections_quarantine_ms,
				     .workers = dp->options.workers,
				     .secret = dp->secret,
				     .closed = closed_tell,
				     .context = dp };
	int error = -EIO;

	if (getrandom(o.choice_key, sizeof(o.choice_key), 0) == (ssize_t)sizeof(o.choice_key))
		error = connect_table_create(&o, &dp->connections);
	if (error != 0)
		fprintf(stderr,
			"berthd: no table for %u connected sockets (%" PRIu64
			" MiB): %s; lower connections.capacity\n",
			o.capacity, connect_table_bytes(o.capacity) >> 20, strerror(-error));
	return error;
}

struct connect_table *
dataplane_connections(struct dataplane *dp)
{
	return dp->connections;
}

bool
dataplane_connections_step(struct dataplane *dp, uint32_t now_ms)
{
	struct connect_table *t = dp->connections;
	const bool more = connect_step(t, now_ms);

	if (connect_limbo_closed(t) &&
	    rte_rcu_qsbr_check(dp->published_qsbr, dp->connections_token, false) == 1)
		connect_limbo_free(t);
	if (!connect_limbo_closed(t) && connect_limbo_close(t))
		dp->connections_token = rte_rcu_qsbr_start(dp->published_qsbr);
	return more;
}

uint16_t
dataplane_answers_at(const struct dataplane *dp, uint16_t zone, const struct address *remote)
{
	const struct link_set *links = &dp->options.links;
	struct route route;

	if (!route_find(links, zone, remote, &route) ||
	    dp->nics[links->links[route.link].nic].rx_queues != 1)
		return CONNECT_WORKER_ANY;
	/* Queue q is polled by worker q. */
	return 0;
}
