/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane.c: making, starting and stopping the workers, and what control publishes to them. */
#include <errno.h>
#include <inttypes.h>
#include <rte_cycles.h>
#include <rte_ethdev.h>
#include <rte_launch.h>
#include <rte_lcore.h>
#include <rte_malloc.h>
#include <stdio.h>
#include <sys/random.h>

#include "common/base/clock.h"
#include "dataplane/worker/worker.h"

static int
say(const char *what, int error)
{
	fprintf(stderr, "berthd: %s: %s\n", what, strerror(-error));
	return error;
}

static int
make_pool(struct dataplane *dp)
{
	const struct dataplane_options *o = &dp->options;
	uint32_t mtu = MTU_DEFAULT;

	for (uint16_t i = 0; i < o->nics_count; i++)
		if (o->nics[i].mtu > mtu)
			mtu = o->nics[i].mtu;
	const uint32_t room = FRAME_ROOM_BYTES(mtu) + RTE_PKTMBUF_HEADROOM;

	dp->pool =
		rte_pktmbuf_pool_create("berth_buffers", o->buffers, POOL_CACHE,
					RTE_ALIGN(sizeof(struct buffer_note), RTE_MBUF_PRIV_ALIGN),
					(uint16_t)room, SOCKET_ID_ANY);
	if (dp->pool != NULL)
		return 0;
	fprintf(stderr,
		"berthd: no memory for %u packet buffers of %u bytes: %s; raise memory.megabytes "
		"or "
		"lower memory.buffers, workers or descriptors\n",
		o->buffers, room, rte_strerror(rte_errno));
	return -ENOMEM;
}

static int
make_qsbr(struct rte_rcu_qsbr **out, uint32_t readers)
{
	const size_t bytes = rte_rcu_qsbr_get_memsize(readers);
	struct rte_rcu_qsbr *q = rte_zmalloc("qsbr", bytes, RTE_CACHE_LINE_SIZE);

	if (q == NULL || rte_rcu_qsbr_init(q, readers) != 0) {
		rte_free(q);
		return say("no memory for quiescent states", -ENOMEM);
	}
	for (uint32_t i = 0; i < readers; i++)
		rte_rcu_qsbr_thread_register(q, i);
	*out = q;
	return 0;
}

static struct rte_ring *
make_ring(const char *kind, unsigned a, unsigned b, unsigned element, unsigned slots)
{
	char name[RTE_RING_NAMESIZE];

	snprintf(name, sizeof(name), "berth_%s_%u_%u", kind, a, b);
	return rte_ring_create_elem(name, element, slots, SOCKET_ID_ANY,
				    RING_F_SP_ENQ | RING_F_SC_DEQ);
}

static int
make_rings(struct dataplane *dp)
{
	const uint16_t workers = dp->options.workers;
	bool missing = false;

	for (uint16_t from = 0; from < workers; from++) {
		for (uint16_t to = 0; to < workers; to++) {
			if (from == to)
				continue;
			dp->handover[from][to] =
				make_ring("handover", from, to, sizeof(void *), HANDOVER_SLOTS);
			missing |= dp->handover[from][to] == NULL;
		}
		dp->events[from] = make_ring("events", from, 0, sizeof(struct neighbour_event),
					     NEIGHBOUR_EVENTS);
		dp->flow_events[from] =
			make_ring("flow_events", from, 0, sizeof(struct flow_event), FLOW_EVENTS);
		dp->closed[from] =
			make_ring("closed", from, 0, sizeof(struct connect_closed), CLOSED_SOCKETS);
		missing |= dp->events[from] == NULL || dp->flow_events[from] == NULL ||
			   dp->closed[from] == NULL;
	}
	dp->solicits =
		make_ring("solicits", 0, 0, sizeof(struct neighbour_event), NEIGHBOUR_EVENTS);
	missing |= dp->solicits == NULL;
	return missing ? say("no memory for rings between threads", -ENOMEM) : 0;
}

/* The former rules are retired, where there were any. */
static int
rules_swap(struct dataplane *dp, const struct track_rules *rules)
{
	struct track_rules *fresh = malloc(sizeof(*fresh)), *old;

	if (fresh == NULL)
		return -ENOMEM;
	*fresh = *rules;
	/* Release pairs with the acquire in housekeeping_adopt(). */
	old = atomic_exchange_explicit(&dp->rules, fresh, memory_order_acq_rel);
	if (old != NULL)
		dataplane_retire(dp, free, old);
	return 0;
}

int
dataplane_rules_publish(struct dataplane *dp, const struct track_rules *rules)
{
	return rules_swap(dp, rules);
}

static void
worker_destroy(struct worker *w)
{
	if (w == NULL)
		return;
	flow_table_destroy(w->flows);
	half_open_destroy(w->half_open);
	fragment_table_destroy(w->fragments);
	rte_free(w);
}

static int
make_fragments(struct worker *w)
{
	const struct fragment_options *o = &w->dp->options.fragments;
	const int error = fragment_table_create(o, &w->dp->secret, &w->fragments);

	if (error != 0)
		fprintf(stderr,
			"berthd: no memory for %u datagrams in fragments (%" PRIu64
			" KiB per worker): %s; lower fragments.datagrams\n",
			o->datagrams, fragment_table_bytes(o) >> 10, strerror(-error));
	return error;
}

static int
make_flows(struct worker *w, int numa_node)
{
	const struct dataplane_options *o = &w->dp->options;
	const struct flow_table_options table = { .capacity = o->flows_capacity,
						  .worker = w->id,
						  .numa_node = numa_node,
						  .secret = w->dp->secret };
	const struct half_open_options half_open = { .places = o->half_open_flows,
						     .prefix_bits_ipv4 = o->half_open_prefix_ipv4,
						     .prefix_bits_ipv6 = o->half_open_prefix_ipv6,
						     .numa_node = numa_node,
						     .secret = w->dp->secret };
	int error = flow_table_create(&table, &w->flows);

	if (error == 0 && o->half_open_flows > 0)
		error = half_open_create(&half_open, &w->half_open);
	if (error != 0)
		fprintf(stderr,
			"berthd: no memory for a flow table of %u entries (%" PRIu64
			" MiB per worker): %s; lower flows.capacity\n",
			table.capacity,
			dataplane_flow_bytes(o->flows_capacity, o->half_open_flows) >> 20,
			strerror(-error));
	return error;
}

static int
make_worker(struct dataplane *dp, uint16_t id)
{
	const unsigned lcore = id + 1u;
	struct worker *w = NULL;

	if (!rte_lcore_is_enabled(lcore))
		return say("a worker has no lcore", -ENODEV);
	const int socket = (int)rte_lcore_to_socket_id(lcore);

	w = rte_zmalloc_socket("worker", sizeof(*w), RTE_CACHE_LINE_SIZE, socket);
	if (w == NULL)
		return say("no memory for a worker; raise memory.megabytes", -ENOMEM);
	w->dp = dp;
	w->id = id;
	w->rules = atomic_load_explicit(&dp->rules, memory_order_relaxed);
	steer_init(&w->steer);
	far_ends_init(&w->far_ends, dp->secret.key[0]);
	reject_limit_init(&w->reject_limit, dp->options.reject_per_second, 0);
	dp->workers[id] = w;

	const int error = make_flows(w, socket);

	return error != 0 ? error : make_fragments(w);
}

/* Gives each worker its queues: queue w of each nic, as far as there are so many. */
static void
assign_queues(struct dataplane *dp)
{
	for (uint16_t id = 0; id < dp->options.workers; id++) {
		struct worker *w = dp->workers[id];

		for (uint16_t i = 0; i < dp->devices_count; i++) {
			const struct nic *n = &dp->nics[i];

			w->tx[i] = (struct tx_queue){ .ethdev = UINT16_MAX };
			if (id < n->tx_queues)
				w->tx[i] = (struct tx_queue){ .ethdev = n->ethdev,
							      .queue = id,
							      .counters = &w->counters };
			if (id < n->rx_queues)
				w->rx[w->rx_count++] =
					(struct rx_queue){ .ethdev = n->ethdev,
							   .queue = id,
							   .nic = i,
							   .parse_flags = n->parse_flags,
							   .link_by_vlan = n->link_by_vlan };
		}
	}
}

static int
open_device(struct dataplane *dp, const struct dataplane_nic_options *options, enum nic_role role)
{
	const int error = nic_open(dp, dp->devices_count, options, role);

	if (error == 0)
		dp->devices_count++;
	return error;
}

static int
open_kernel(struct dataplane *dp)
{
	const struct dataplane_options *o = &dp->options;
	struct dataplane_nic_options kernel = { .name = "kernel",
						.queues = o->workers,
						.rx_descriptors = o->nics[0].rx_descriptors,
						.tx_descriptors = o->nics[0].tx_descriptors,
						.mtu = o->nics[0].mtu };

	memcpy(kernel.device, o->kernel_device, sizeof(kernel.device));
	return open_device(dp, &kernel, NIC_KERNEL);
}

static int
open_nics(struct dataplane *dp)
{
	const struct dataplane_options *o = &dp->options;
	int error = 0;

	for (uint16_t i = 0; error == 0 && i < o->nics_count; i++)
		error = open_device(dp, &o->nics[i], NIC_WIRE);
	dp->nics_count = dp->devices_count;
	if (error == 0 && o->kernel_device[0] != '\0') {
		error = open_kernel(dp);
		dp->kernel = error == 0;
	}
	dp->first_end = dp->devices_count;
	for (uint16_t i = 0; error == 0 && i < o->ends_count; i++)
		error = open_device(dp, &o->ends[i].device, NIC_END);
	return error;
}

/* The hash's secret, and the scale that turns cycles into milliseconds. */
static int
make_constants(struct dataplane *dp)
{
	if (getrandom(&dp->secret, sizeof(dp->secret), 0) != (ssize_t)sizeof(dp->secret))
		return say("the kernel gave no random secret", -EIO);
	dp->start_cycles = clock_cycles();
	dp->ms_scale = clock_scale_ms(rte_get_tsc_hz());
	return 0;
}

int
dataplane_create(const struct dataplane_options *options, struct dataplane **out)
{
	struct dataplane *dp = calloc(1, sizeof(*dp));
	int error;

	if (dp == NULL)
		return say("no memory for the dataplane", -ENOMEM);
	dp->options = *options;
	dp->retired_tail = &dp->retired;
	error = make_constants(dp);
	if (error == 0)
		error = rules_swap(dp,
				   &(struct track_rules){ options->tracking, options->timeouts });
	if (error == 0)
		error = make_pool(dp);
	if (error == 0)
		error = make_qsbr(&dp->published_qsbr, options->workers);
	if (error == 0)
		error = make_qsbr(&dp->flows_qsbr, 1);
	if (error == 0)
		error = make_rings(dp);
	if (error == 0)
		error = worker_connections_create(dp);
	for (uint16_t id = 0; error == 0 && id < options->workers; id++)
		error = make_worker(dp, id);
	if (error == 0)
		error = open_nics(dp);
	if (error != 0) {
		dataplane_destroy(dp);
		return error;
	}
	assign_queues(dp);
	*out = dp;
	return 0;
}

/* What workers see before control has published anything. */
static int
publish_nothing(struct dataplane *dp)
{
	struct dp_snapshot *s = calloc(1, sizeof(*s));
	int error;

	if (s == NULL)
		return -ENOMEM;
	error = bind_table_build(NULL, 0, &s->bindings);
	if (error == 0)
		error = dataplane_neighbours_publish(dp, NULL, 0);
	if (error != 0) {
		bind_table_destroy(s->bindings);
		free(s);
		return error;
	}
	dp->first_snapshot = s;
	dataplane_publish(dp, s);
	return 0;
}

int
dataplane_arm(struct dataplane *dp)
{
	int error = publish_nothing(dp);

	if (error != 0)
		return say("no memory for a first publication", error);
	for (uint16_t i = 0; i < dp->devices_count; i++) {
		error = nic_start(&dp->nics[i]);
		if (error != 0)
			return error;
		dp->nics_started++;
	}
	return 0;
}

int
dataplane_start(struct dataplane *dp)
{
	int error = dataplane_arm(dp);

	for (uint16_t id = 0; error == 0 && id < dp->options.workers; id++) {
		struct worker *w = dp->workers[id];

		/* Release pairs with the acquire in worker_run(). */
		atomic_store_explicit(&w->state, WORKER_RUNNING, memory_order_release);
		error = rte_eal_remote_launch(worker_run, w, id + 1u);
		if (error != 0) {
			atomic_store_explicit(&w->state, WORKER_CREATED, memory_order_relaxed);
			return say("a worker cannot be launched", error);
		}
		dp->running = true;
	}
	return error;
}

void
dataplane_stop(struct dataplane *dp)
{
	/* Release pairs with the acquire in worker_run(). */
	atomic_store_explicit(&dp->stop, 1, memory_order_release);
	if (dp->running)
		rte_eal_mp_wait_lcore();
	/* Acquire pairs with the release in worker_run(). */
	for (uint16_t id = 0; dp->running && id < dp->options.workers; id++)
		panic_unless(atomic_load_explicit(&dp->workers[id]->state, memory_order_acquire) !=
			     WORKER_RUNNING);
	dp->running = false;
	handover_drain(dp);
	for (uint16_t i = 0; i < dp->nics_started; i++)
		nic_stop(&dp->nics[i]);
	dp->nics_started = 0;
}

void
dataplane_destroy(struct dataplane *dp)
{
	while (dp->retired != NULL) {
		struct retired *r = dp->retired;

		dp->retired = r->next;
		r->free_fn(r->object);
		free(r);
	}
	if (dp->first_snapshot != NULL)
		bind_table_destroy(dp->first_snapshot->bindings);
	free(dp->first_snapshot);
	neighbour_table_destroy(atomic_load_explicit(&dp->neighbours, memory_order_relaxed));
	free(atomic_load_explicit(&dp->rules, memory_order_relaxed));
	for (uint16_t i = 0; i < dp->devices_count; i++)
		nic_close(&dp->nics[i]);
	for (uint16_t from = 0; from < dp->options.workers; from++) {
		for (uint16_t to = 0; to < dp->options.workers; to++)
			rte_ring_free(dp->handover[from][to]);
		rte_ring_free(dp->events[from]);
		rte_ring_free(dp->flow_events[from]);
		rte_ring_free(dp->closed[from]);
		worker_destroy(dp->workers[from]);
	}
	rte_ring_free(dp->solicits);
	connect_table_destroy(dp->connections);
	rte_free(dp->published_qsbr);
	rte_free(dp->flows_qsbr);
	rte_mempool_free(dp->pool);
	free(dp);
}

void
dataplane_publish(struct dataplane *dp, struct dp_snapshot *snapshot)
{
	snapshot->epoch = ++dp->epoch;
	/* Release pairs with the acquire in housekeeping_adopt(). */
	atomic_store_explicit(&dp->snapshot, snapshot, memory_order_release);
}

void
dataplane_retire(struct dataplane *dp, void (*free_fn)(void *), void *object)
{
	struct retired *r = malloc(sizeof(*r));

	panic_unless(r != NULL);
	*r = (struct retired){ .free_fn = free_fn,
			       .object = object,
			       .token = rte_rcu_qsbr_start(dp->published_qsbr) };
	*dp->retired_tail = r;
	dp->retired_tail = &r->next;
}

unsigned
dataplane_reclaim(struct dataplane *dp)
{
	unsigned waiting = 0;

	while (dp->retired != NULL &&
	       rte_rcu_qsbr_check(dp->published_qsbr, dp->retired->token, false) == 1) {
		struct retired *r = dp->retired;

		dp->retired = r->next;
		if (dp->retired == NULL)
			dp->retired_tail = &dp->retired;
		r->free_fn(r->object);
		free(r);
	}
	for (const struct retired *r = dp->retired; r != NULL; r = r->next)
		waiting++;
	return waiting;
}

static void
free_neighbours(void *table)
{
	neighbour_table_destroy(table);
}

int
dataplane_neighbours_publish(struct dataplane *dp, const struct neighbour *neighbours, uint32_t n)
{
	struct neighbour_table *fresh, *old;
	const int error = neighbour_table_build(neighbours, n, &fresh);

	if (error != 0)
		return error;
	/* Release pairs with the acquire in housekeeping_adopt(). */
	old = atomic_exchange_explicit(&dp->neighbours, fresh, memory_order_acq_rel);
	if (old != NULL)
		dataplane_retire(dp, free_neighbours, old);
	return 0;
}

unsigned
dataplane_neighbour_events(struct dataplane *dp, struct neighbour_event *events, unsigned max)
{
	unsigned n = 0;

	for (uint16_t w = 0; w < dp->options.workers && n < max; w++)
		n += rte_ring_sc_dequeue_burst_elem(dp->events[w], events + n, sizeof(*events),
						    max - n, NULL);
	return n;
}

int
dataplane_neighbour_solicit(struct dataplane *dp, uint16_t link, const struct address *address)
{
	struct neighbour_event e = { .kind = NEIGHBOUR_WANTED,
				     .link = link,
				     .family = address->family };

	if (link >= dp->options.links.count)
		return -EINVAL;
	memcpy(e.addr, address->bytes, sizeof(e.addr));
	return rte_ring_sp_enqueue_elem(dp->solicits, &e, sizeof(e)) == 0 ? 0 : -EAGAIN;
}
