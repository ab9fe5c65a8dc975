/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.c: turns counters and registries into JSON. */
#include "control/stats.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define TOTALS_TRIES 10

bool
stats_totals(const struct dataplane *dp, struct counter_totals *out)
{
	static const struct timespec pause = { .tv_nsec = 200000 };

	for (unsigned i = 0; i < TOTALS_TRIES; i++) {
		if (i != 0)
			nanosleep(&pause, NULL);
		dataplane_totals(dp, out);
		if (counter_totals_in(out) == counter_totals_out(out))
			return true;
	}
	return false;
}

static json_t *
number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* Drops by name: all of them, or those that happened. */
static json_t *
drops_object(const struct counter_totals *t, bool all)
{
	json_t *drops = json_object();

	for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++)
		if (all || t->drops[i] != 0)
			json_object_set_new(drops, drop_names[i], number(t->drops[i]));
	return drops;
}

json_t *
stats_counters(const struct dataplane *dp)
{
	struct counter_totals t;
	const bool conserved = stats_totals(dp, &t);
	json_t *counters = json_object();

	for (unsigned i = 0; i < COUNTER_COUNT; i++)
		json_object_set_new(counters, counter_names[i], number(t.counters[i]));
	return json_pack("{s:o, s:o, s:I, s:I, s:I, s:b}", "counters", counters, "drops",
			 drops_object(&t, true), "held", (json_int_t)t.held, "in",
			 (json_int_t)counter_totals_in(&t), "out",
			 (json_int_t)counter_totals_out(&t), "conserved", conserved);
}

const char *
stats_service(uint8_t proto, uint16_t port)
{
	/* One table per protocol that can be bound; names live as long as the process. */
	static char *known[2][UINT16_MAX + 1];
	char **slot = &known[proto == PROTO_UDP][port];
	char name[NAME_BYTES];

	if (*slot == NULL)
		*slot = strdup(service_name(proto, port, name));
	return *slot == NULL ? "" : *slot;
}

struct closed_port {
	uint64_t packets;
	uint16_t port;
	uint8_t proto;
};

/* Most packets first; then by number, so that the order is always the same. */
static int
closed_port_order(const void *left, const void *right)
{
	const struct closed_port *a = left, *b = right;

	if (a->packets != b->packets)
		return a->packets < b->packets ? 1 : -1;
	if (a->port != b->port)
		return a->port < b->port ? -1 : 1;
	return (int)a->proto - (int)b->proto;
}

static json_t *
closed_ports_array(const struct dataplane *dp, uint32_t limit)
{
	static const uint8_t protos[] = { PROTO_TCP, PROTO_UDP };
	static struct closed_port found[2 * (UINT16_MAX + 1)];
	json_t *list = json_array();
	uint32_t n = 0;

	for (unsigned i = 0; i < 2; i++) {
		for (uint32_t port = 0; port <= UINT16_MAX; port++) {
			const uint64_t packets =
				dataplane_closed_port_packets(dp, protos[i], (uint16_t)port);

			if (packets != 0)
				found[n++] =
					(struct closed_port){ packets, (uint16_t)port, protos[i] };
		}
	}
	qsort(found, n, sizeof(found[0]), closed_port_order);
	for (uint32_t i = 0; i < n && i < limit; i++) {
		char text[16];

		json_array_append_new(list, json_pack("{s:s, s:i, s:s, s:s, s:I}", "proto",
						      proto_name(found[i].proto, text), "port",
						      found[i].port, "service",
						      stats_service(found[i].proto, found[i].port),
						      "class", range_class(found[i].port),
						      "packets", (json_int_t)found[i].packets));
	}
	return list;
}

json_t *
stats_drops(const struct dataplane *dp, uint32_t limit)
{
	struct counter_totals t;

	dataplane_totals(dp, &t);
	return json_pack("{s:o, s:o}", "drops", drops_object(&t, false), "closed_ports",
			 closed_ports_array(dp, limit));
}

static json_t *
nic_object(const struct nic_info *i)
{
	char mac[18];
	json_t *o;

	snprintf(mac, sizeof(mac), "%02x:%02x:%02x:%02x:%02x:%02x", i->mac[0], i->mac[1], i->mac[2],
		 i->mac[3], i->mac[4], i->mac[5]);
	o = json_pack("{s:s, s:s, s:s, s:s, s:b, s:I, s:i, s:i, s:i}", "name", i->name, "device",
		      i->device, "driver", i->driver, "mac", mac, "up", i->up, "speed_mbps",
		      (json_int_t)i->speed_mbps, "mtu", i->mtu, "rx_queues", i->rx_queues,
		      "tx_queues", i->tx_queues);
	json_object_set_new(o, "rx_packets", number(i->rx_packets));
	json_object_set_new(o, "rx_bytes", number(i->rx_bytes));
	json_object_set_new(o, "rx_missed", number(i->rx_missed));
	json_object_set_new(o, "rx_errors", number(i->rx_errors));
	json_object_set_new(o, "rx_no_buffer", number(i->rx_no_buffer));
	json_object_set_new(o, "tx_packets", number(i->tx_packets));
	json_object_set_new(o, "tx_bytes", number(i->tx_bytes));
	json_object_set_new(o, "tx_errors", number(i->tx_errors));
	return o;
}

json_t *
stats_nics(const struct dataplane *dp)
{
	json_t *list = json_array();
	struct nic_info info;

	for (uint16_t i = 0; dataplane_nic_info(dp, i, &info) == 0; i++)
		json_array_append_new(list, nic_object(&info));
	return json_pack("{s:o}", "nics", list);
}

/* Cycles by stage, in builds for measuring. */
static void
add_stages(json_t *o, const struct dataplane *dp, uint16_t worker)
{
	json_t *stages = NULL;
	const char *name;
	uint64_t cycles;

	for (unsigned s = 0; dataplane_stage_cycles(dp, worker, s, &name, &cycles); s++) {
		if (stages == NULL)
			stages = json_object();
		json_object_set_new(stages, name, number(cycles));
	}
	if (stages != NULL)
		json_object_set_new(o, "stage_cycles", stages);
}

json_t *
stats_workers(const struct dataplane *dp)
{
	json_t *list = json_array();

	for (uint16_t w = 0; w < dataplane_workers(dp); w++) {
		struct counter_totals t;
		struct worker_info i;
		uint64_t dropped = 0;
		json_t *o;

		dataplane_worker_info(dp, w, &i);
		dataplane_worker_totals(dp, w, &t);
		for (unsigned d = DROP_NONE + 1; d < DROP_COUNT; d++)
			dropped += t.drops[d];
		o = json_pack("{s:i, s:i, s:i, s:I, s:I, s:I}", "worker", w, "core", i.core,
			      "queues", i.queues, "polls", (json_int_t)i.polls, "busy_polls",
			      (json_int_t)i.busy_polls, "sleeps", (json_int_t)i.sleeps);
		json_object_set_new(o, "packets", number(i.packets));
		json_object_set_new(o, "delivered", number(t.counters[COUNTER_delivered]));
		json_object_set_new(o, "transmitted", number(t.counters[COUNTER_transmitted]));
		json_object_set_new(o, "handed_over", number(t.counters[COUNTER_handed_over]));
		json_object_set_new(o, "dropped", number(dropped));
		json_object_set_new(o, "flows", number(i.flows));
		json_object_set_new(o, "flows_capacity", number(i.flows_capacity));
		json_object_set_new(o, "limbo_stalls", number(i.limbo_stalls));
		add_stages(o, dp, w);
		json_array_append_new(list, o);
	}
	return json_pack("{s:o}", "workers", list);
}

static json_t *
port_object(const struct dataplane *dp, const struct app_port *port)
{
	const struct app *app = port->app;
	struct port_counts c;
	json_t *o;

	dataplane_port_counts(dp, port->ref, &c);
	o = json_pack("{s:i, s:s, s:s, s:I, s:I, s:[], s:s, s:s}", "id", port_ref_id(port->ref),
		      "name", port->name, "app", app->name, "pid", (json_int_t)app->who.pid, "uid",
		      (json_int_t)app->who.uid, "identities", "service", "", "class", "");
	json_object_set_new(o, "delivered", number(c.delivered));
	json_object_set_new(o, "delivered_bytes", number(c.delivered_bytes));
	json_object_set_new(o, "dropped", number(c.dropped));
	json_object_set_new(o, "flows", number(c.flows));
	json_object_set_new(o, "sent", number(c.sent));
	json_object_set_new(o, "sent_bytes", number(c.sent_bytes));
	return o;
}

/* Adds an identity to its port; the first one names the port's service and class. */
static void
port_add_identity(json_t *port, const struct identity *id)
{
	json_t *identities = json_object_get(port, "identities");
	char text[IDENTITY_TEXT_BYTES];

	if (json_array_size(identities) == 0) {
		json_object_set_new(port, "service",
				    json_string(id->port_first == id->port_last
							? stats_service(id->proto, id->port_first)
							: ""));
		json_object_set_new(port, "class", json_string(range_class(id->port_first)));
	}
	json_array_append_new(identities, json_string(identity_format(id, text)));
}

json_t *
stats_ports(const struct dataplane *dp, const struct apps *apps, const struct bindings *bindings)
{
	json_t *by_id[PORTS_MAX] = { NULL }; /* borrowed from the list */
	json_t *list = json_array();

	for (uint32_t i = 0; i < PORTS_MAX; i++) {
		const struct app_port *port = apps_port(apps, i);

		if (port == NULL)
			continue;
		by_id[i] = port_object(dp, port);
		json_array_append_new(list, by_id[i]);
	}
	for (uint32_t i = 0; i < bindings_count(bindings); i++) {
		const struct binding *b = bindings_at(bindings, i);

		if (by_id[port_ref_id(b->port)] != NULL)
			port_add_identity(by_id[port_ref_id(b->port)], &b->identity);
	}
	return json_pack("{s:o}", "ports", list);
}

json_t *
stats_bindings(const struct bindings *bindings)
{
	json_t *list = json_array();

	for (uint32_t i = 0; i < bindings_count(bindings); i++) {
		const struct binding *b = bindings_at(bindings, i);
		const struct identity *id = &b->identity;
		char text[IDENTITY_TEXT_BYTES];
		const char *service = id->port_first == id->port_last
					      ? stats_service(id->proto, id->port_first)
					      : "";

		json_array_append_new(
			list,
			json_pack(
				"{s:I, s:s, s:s, s:i, s:s, s:I, s:I, s:b, s:b, s:i, s:b, s:s, s:s}",
				"id", (json_int_t)b->id, "identity", identity_format(id, text),
				"port", b->port_name, "port_id", port_ref_id(b->port), "app",
				b->app_name, "pid", (json_int_t)b->pid, "uid", (json_int_t)b->uid,
				"shared", b->shared, "reuse", b->reuse, "weight", b->weight,
				"draining", b->draining, "service", service, "class",
				range_class(id->port_first)));
	}
	return json_pack("{s:o}", "bindings", list);
}
