/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_dataplane.c: answers for control as a test wants them. */
#include "tests/support/fake_dataplane.h"

#include <errno.h>
#include <stdio.h>

#include "common/base/check.h"

struct fake_dataplane fake;

struct dataplane *
fake_dataplane(void)
{
	return (struct dataplane *)&fake;
}

void
fake_dataplane_reset(void)
{
	struct link *l = &fake.links.links[0];

	connect_table_destroy(fake.connections);
	memset(&fake, 0, sizeof(fake));
	fake.workers = 1;
	fake.answers_at = CONNECT_WORKER_ANY;
	fake.links.count = 1;
	l->mtu = 1500;
	l->addresses_count = 2;
	panic_unless(prefix_parse("192.0.2.1/24", &l->addresses[0]) == 0);
	panic_unless(prefix_parse("2001:db8::1/64", &l->addresses[1]) == 0);
	panic_unless(address_parse("192.0.2.254", &l->gateway[0]) == 0);
	panic_unless(address_parse("2001:db8::fe", &l->gateway[1]) == 0);
}

void
dataplane_publish(struct dataplane *dp, struct dp_snapshot *snapshot)
{
	(void)dp;
	snapshot->epoch = ++fake.publications;
	fake.snapshot = snapshot;
}

void
dataplane_retire(struct dataplane *dp, void (*free_fn)(void *), void *object)
{
	(void)dp;
	panic_unless(fake.retired - fake.reclaimed < array_length(fake.retirees));
	fake.retirees[fake.retired++ % array_length(fake.retirees)] =
		(struct fake_retiree){ free_fn, object };
}

unsigned
dataplane_reclaim(struct dataplane *dp)
{
	(void)dp;
	while (!fake.holds && fake.reclaimed != fake.retired) {
		const struct fake_retiree *r =
			&fake.retirees[fake.reclaimed++ % array_length(fake.retirees)];

		r->free_fn(r->object);
	}
	return fake.retired - fake.reclaimed;
}

struct connect_table *
dataplane_connections(struct dataplane *dp)
{
	const struct connect_options o = { .capacity = FLOW_CAPACITY_MIN,
					   .quarantine_ms = 1u << 30,
					   .workers = fake.workers,
					   .choice_key = { 1, 2 } };

	(void)dp;
	if (fake.connections == NULL)
		panic_unless(connect_table_create(&o, &fake.connections) == 0);
	return fake.connections;
}

bool
dataplane_connections_step(struct dataplane *dp, uint32_t now_ms)
{
	const bool more = connect_step(dataplane_connections(dp), now_ms);

	if (connect_limbo_close(fake.connections))
		connect_limbo_free(fake.connections);
	return more;
}

uint16_t
dataplane_answers_at(const struct dataplane *dp, uint16_t zone, const struct address *remote)
{
	(void)dp;
	(void)zone;
	(void)remote;
	return fake.answers_at;
}

unsigned
dataplane_neighbour_events(struct dataplane *dp, struct neighbour_event *events, unsigned max)
{
	const unsigned n = fake.events_count < max ? fake.events_count : max;

	(void)dp;
	memcpy(events, fake.events, n * sizeof(*events));
	memmove(fake.events, fake.events + n, (fake.events_count - n) * sizeof(*events));
	fake.events_count -= n;
	return n;
}

void
dataplane_flow_events_want(struct dataplane *dp, bool wanted)
{
	(void)dp;
	fake.flow_events_wanted = wanted;
}

unsigned
dataplane_flow_events(struct dataplane *dp, uint16_t worker, struct flow_event *events,
		      unsigned max)
{
	const unsigned n = fake.flow_events_count < max ? fake.flow_events_count : max;

	(void)dp;
	if (worker != 0)
		return 0;
	memcpy(events, fake.flow_events, n * sizeof(*events));
	memmove(fake.flow_events, fake.flow_events + n,
		(fake.flow_events_count - n) * sizeof(*events));
	fake.flow_events_count -= n;
	return n;
}

uint64_t
dataplane_flow_events_lost(const struct dataplane *dp)
{
	(void)dp;
	return fake.flow_events_lost;
}

int
dataplane_neighbour_solicit(struct dataplane *dp, uint16_t link, const struct address *address)
{
	(void)dp;
	(void)link;
	if (fake.solicit_refused)
		return -EAGAIN;
	fake.solicited[fake.solicits++ % FAKE_SOLICITS_MAX] = *address;
	return 0;
}

int
dataplane_neighbours_publish(struct dataplane *dp, const struct neighbour *neighbours, uint32_t n)
{
	(void)dp;
	panic_unless(n <= NEIGHBOURS_MAX);
	memcpy(fake.neighbours, neighbours, n * sizeof(*neighbours));
	fake.neighbours_count = n;
	fake.neighbours_publications++;
	return 0;
}

void
dataplane_totals(const struct dataplane *dp, struct counter_totals *out)
{
	(void)dp;
	*out = fake.totals;
}

void
dataplane_worker_totals(const struct dataplane *dp, uint16_t worker, struct counter_totals *out)
{
	(void)dp;
	(void)worker;
	*out = fake.totals;
}

void
dataplane_port_counts(const struct dataplane *dp, port_ref port, struct port_counts *out)
{
	(void)dp;
	*out = (struct port_counts){ .delivered = 100u + port_ref_id(port) };
}

uint64_t
dataplane_closed_port_packets(const struct dataplane *dp, uint8_t proto, uint16_t port)
{
	(void)dp;
	return proto == PROTO_TCP && port != 0 && port == fake.closed_port ? 7 : 0;
}

void
dataplane_worker_info(const struct dataplane *dp, uint16_t worker, struct worker_info *out)
{
	(void)dp;
	*out = (struct worker_info){ .core = worker, .queues = 1, .flows = fake.flows_count };
}

bool
dataplane_stage_cycles(const struct dataplane *dp, uint16_t worker, unsigned stage,
		       const char **name, uint64_t *cycles)
{
	(void)dp;
	(void)worker;
	(void)stage;
	(void)name;
	(void)cycles;
	return false;
}

int
dataplane_nic_info(const struct dataplane *dp, uint16_t nic, struct nic_info *out)
{
	(void)dp;
	if (nic >= 1)
		return -ENOENT;
	*out = (struct nic_info){ .up = true, .rx_queues = 1 };
	snprintf(out->name, sizeof(out->name), "wire");
	return 0;
}

int
dataplane_generator_rates(struct dataplane *dp, uint16_t nic, const struct generator_rates *set)
{
	(void)dp;
	if (nic >= 1)
		return -ENOENT;
	fake.rates = *set;
	return 0;
}

int
dataplane_generator_info(const struct dataplane *dp, uint16_t nic, struct generator_rates *out)
{
	(void)dp;
	if (nic >= 1)
		return -ENOENT;
	*out = fake.rates;
	return 0;
}

bool
dataplane_flows(struct dataplane *dp, uint16_t worker, uint32_t *cursor, flow_each_fn each,
		void *context)
{
	const uint32_t end = *cursor + 100 < fake.flows_count ? *cursor + 100 : fake.flows_count;

	(void)dp;
	for (; worker == 0 && *cursor < end; (*cursor)++)
		each(&fake.flows[*cursor], &fake.details[*cursor], context);
	return worker == 0 && *cursor < fake.flows_count;
}

uint16_t
dataplane_workers(const struct dataplane *dp)
{
	(void)dp;
	return fake.workers;
}

const struct link_set *
dataplane_links(const struct dataplane *dp)
{
	(void)dp;
	return &fake.links;
}

int
dataplane_rules_publish(struct dataplane *dp, const struct track_rules *rules)
{
	(void)dp;
	(void)rules;
	return 0;
}

const struct track_timeouts *
dataplane_timeouts(const struct dataplane *dp)
{
	static const struct track_timeouts timeouts;

	(void)dp;
	return &timeouts;
}

uint32_t
dataplane_now_ms(const struct dataplane *dp)
{
	(void)dp;
	return fake.now_ms;
}
