/* SPDX-License-Identifier: BSD-3-Clause */
/* test_worker_connect.c: connected sockets on their way through one and two workers. Each test ends
 * with the conservation sum (C1) of each worker. */
#include <rte_cycles.h>

#include "tests/unit/worker_fixture.h"

TestSuite(worker_connect, .init = eal_setup, .timeout = 60);

#define OTHER_APP (APP + 1)

/* Two ports without any binding; the second is another application's. */
static struct fixture *
connect_fixture(const struct dataplane_options *o)
{
	struct fixture *f = fixture_make(o);
	struct neighbour n = { .mac = { 2, 0, 0, 0, 0, 9 } };

	f->port[1].dp.app = OTHER_APP;
	publish(f, true, 2);
	cr_assert(zero(int, address_parse("198.51.100.1", &n.address)));
	cr_assert(zero(int, dataplane_neighbours_publish(f->dp, &n, 1)));
	return f;
}

/* Connects `port` from our port `from` to A, port `to`. */
static struct connect_opened
connect_udp(struct fixture *f, unsigned port, uint16_t from, uint16_t to)
{
	struct connect_request r = {
		.key = { .family = FAMILY_IPV4, .proto = PROTO_UDP, .port = { from, to } },
		.port = f->port[port].dp.ref,
		.first = 49152,
		.last = 65535,
		.worker = CONNECT_WORKER_ANY
	};
	struct connect_opened o;

	memcpy(r.key.addr[0], FRAME_IPV4_B, 4);
	memcpy(r.key.addr[1], FRAME_IPV4_A, 4);
	cr_assert(zero(int, connect_open(dataplane_connections(f->dp), &r, &o)));
	return o;
}

static void
close_socket(struct fixture *f, uint32_t id)
{
	connect_close(dataplane_connections(f->dp), id, 0);
}

/* The application sends from `from` to A, port `to`. */
static void
send_udp(struct fixture *f, uint16_t ring, uint16_t from, uint16_t to)
{
	const struct frame answer = udp4(to, from, 8);
	uint8_t ip[2048];
	uint32_t bytes;

	answer_of(&answer, ip, &bytes);
	app_send(f, ring, ip, bytes);
	poll_all(f);
}

/* A answers. */
static void
answer_udp(struct fixture *f, uint16_t queue, uint16_t from, uint16_t to)
{
	const struct frame answer = udp4(to, from, 8);

	wire_put(f, queue, &answer);
	poll_all(f);
}

/* Ten seconds pass, in which every flow idles for longer than any timeout. */
static void
expire_all(struct fixture *f)
{
	f->dp->start_cycles -= 10 * rte_get_tsc_hz();
	poll_all(f);
}

/* Some milliseconds pass, in which no flow idles for too long. */
static void
expire_not(struct fixture *f)
{
	f->dp->start_cycles -= rte_get_tsc_hz() / 200;
	poll_all(f);
}

static uint64_t
flows_of(struct fixture *f, unsigned port)
{
	struct port_counts counts;

	dataplane_port_counts(f->dp, f->port[port].dp.ref, &counts);
	return counts.flows;
}

/* Goal: a socket's first send makes its flow at its owner, whichever ring it came through, and the
 * answers find it, whichever queue they came by; through its owner's ring no send is handed over.
 * Method: 64 sockets on two workers, each ring and queue in turn, then each its owner's. */
Test(worker_connect, first_send_makes_the_flow)
{
	const struct dataplane_options o = default_options(2);
	struct fixture *f = connect_fixture(&o);
	struct connect_opened opened[64];
	const struct delivered *r;
	struct frame sent;

	for (uint16_t i = 0; i < 64; i++)
		opened[i] = connect_udp(f, 0, 0, 53);
	cr_expect(zero(u64, total(f, COUNTER_flows_created)));
	for (uint16_t i = 0; i < 64; i++) {
		send_udp(f, i & 1, opened[i].port, 53);
		cr_assert(wire_take(f, &sent));
		answer_udp(f, i >> 1 & 1, opened[i].port, 53);
		r = port_take(f, 0);
		cr_assert(ne(ptr, (void *)r, NULL));
		cr_expect(all(eq(u32, r->head.binding, opened[i].id), zero(u16, r->head.flags),
			      eq(u16, flow_handle_worker(r->head.flow), opened[i].owner)));
	}
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 64));
	cr_expect(eq(u64, flows_of(f, 0), 64));

	const uint64_t before = total(f, COUNTER_handed_over);

	for (uint16_t i = 0; i < 64; i++)
		send_udp(f, opened[i].owner, opened[i].port, 53);
	cr_expect(eq(u64, total(f, COUNTER_handed_over), before));
	cr_expect(eq(u64, total(f, COUNTER_transmitted), 128));
	fixture_end(f);
}

/* Goal: nobody sends from a pair that is not his: from none, from another application's, with
 * another remote. */
Test(worker_connect, foreign_pairs_are_refused)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = connect_fixture(&o);
	struct frame sent;

	(void)connect_udp(f, 0, 50000, 53);
	(void)connect_udp(f, 1, 50001, 53);
	send_udp(f, 0, 50002, 53);
	send_udp(f, 0, 50001, 53);
	send_udp(f, 0, 50000, 54);
	cr_expect(eq(u64, dropped(f, DROP_TX_NOT_OWNER), 3));
	cr_expect(zero(u64, total(f, COUNTER_flows_created)));
	cr_expect(not(wire_take(f, &sent)));
	answer_udp(f, 0, 50000, 54);
	cr_expect(eq(u64, dropped(f, DROP_PORT_CLOSED), 1));
	send_udp(f, 0, 50000, 53);
	cr_expect(wire_take(f, &sent));
	fixture_end(f);
}

/* Goal: a connected socket is more specific than any binding, for both directions, and closing it
 * gives its pair back to the binding. */
Test(worker_connect, before_the_bindings)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = connect_fixture(&o);
	struct connect_opened socket;

	rule(f, "udp/*:5000", 1);
	publish(f, true, 2);
	send_udp(f, 0, 5000, 53);
	cr_expect(eq(u64, dropped(f, DROP_TX_NOT_OWNER), 1));
	socket = connect_udp(f, 0, 5000, 53);
	send_udp(f, 0, 5000, 53);
	cr_expect(eq(u64, dropped(f, DROP_TX_NOT_OWNER), 1));
	answer_udp(f, 0, 5000, 53);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));
	answer_udp(f, 0, 5000, 54);
	cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));
	close_socket(f, socket.id);
	answer_udp(f, 0, 5000, 53);
	cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));
	fixture_end(f);
}

/* Goal: a socket that closed neither receives nor sends from the next packet on, without a
 * publication, and who gets its pair next gets its flow as well. */
Test(worker_connect, close_takes_effect_at_once)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = connect_fixture(&o);
	struct connect_opened socket = connect_udp(f, 0, 50000, 53);

	send_udp(f, 0, 50000, 53);
	close_socket(f, socket.id);
	answer_udp(f, 0, 50000, 53);
	cr_expect(eq(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(u64, dropped(f, DROP_PORT_CLOSED), 1));
	send_udp(f, 0, 50000, 53);
	cr_expect(eq(u64, dropped(f, DROP_TX_NOT_OWNER), 1));
	cr_expect(zero(u64, flows_of(f, 0)));

	socket = connect_udp(f, 1, 50000, 53);
	send_udp(f, 0, 50000, 53);
	cr_expect(eq(u64, dropped(f, DROP_TX_NOT_OWNER), 2));
	answer_udp(f, 0, 50000, 53);
	cr_expect(eq(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));
	cr_expect(eq(u64, flows_of(f, 1), 1));
	fixture_end(f);
}

/* Goal: the flow of a socket that closed ends soon after it, not when it idled for its time; but
 * not if the next socket of the pair has taken it, nor where the other end is here. Method: close
 * sixteen, give one pair to another before housekeeping comes, then let time pass. */
Test(worker_connect, close_ends_the_flow)
{
	const struct dataplane_options o = default_options(2);
	struct fixture *f = connect_fixture(&o);
	struct connect_opened socket[16];

	for (unsigned i = 0; i < 16; i++) {
		socket[i] = connect_udp(f, 0, (uint16_t)(50000 + i), 53);
		send_udp(f, i & 1, (uint16_t)(50000 + i), 53);
	}
	expire_not(f);
	cr_expect(zero(u64, total(f, COUNTER_flows_ended)));
	for (unsigned i = 0; i < 16; i++)
		close_socket(f, socket[i].id);
	socket[0] = connect_udp(f, 1, 50000, 53);
	/* A worker's housekeeping, which hears of the close, comes after its packets. */
	answer_udp(f, 0, 50000, 53);
	cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));
	expire_not(f);
	cr_expect(eq(u64, total(f, COUNTER_flows_ended), 15));
	cr_expect(eq(u64, flows_of(f, 0), 0));
	cr_expect(eq(u64, flows_of(f, 1), 1));
	fixture_end(f);
}

/* Goal: a socket outlives its flow: an answer that comes after the flow idled for its time makes it
 * anew, and so does a send; an ICMP error does not. Method: the same error before and after. */
Test(worker_connect, outlives_its_flow)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = connect_fixture(&o);
	const struct connect_opened socket = connect_udp(f, 0, 50000, 53);
	const struct frame answer = udp4(53, socket.port, 8);
	const struct delivered *r;
	struct frame error;
	uint8_t sent[2048];
	uint32_t bytes;

	answer_of(&answer, sent, &bytes);
	frame_ethernet(&error, 0, 0x0800);
	frame_ipv4(&error, 1, NULL, 0);
	frame_icmp(&error, 3, 3, 0, sent, 28);
	frame_finish(&error);
	send_udp(f, 0, 50000, 53);
	wire_put(f, 0, &error);
	poll_all(f);
	r = port_take(f, 0);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(all(eq(u16, r->head.flags, RECORD_ICMP_ERROR),
		      eq(u32, r->head.binding, socket.id)));

	expire_all(f);
	wire_put(f, 0, &error);
	poll_all(f);
	cr_expect(eq(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(u64, dropped(f, DROP_ICMP_UNRELATED), 1));
	answer_udp(f, 0, 50000, 53);
	r = port_take(f, 0);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(
		all(eq(u16, r->head.flags, RECORD_NEW_FLOW), eq(u32, r->head.binding, socket.id)));
	expire_all(f);
	send_udp(f, 0, 50000, 53);
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 3));
	cr_expect(eq(u64, total(f, COUNTER_flows_ended), 2));
	cr_expect(zero(u64, dropped(f, DROP_TX_NOT_OWNER)));
	fixture_end(f);
}

/* Goal: the sockets of a port that died are nobody's, by name, until control closed them; who takes
 * the port's id has none of them. */
Test(worker_connect, a_dead_ports_sockets)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = connect_fixture(&o);
	struct connect_table *t = dataplane_connections(f->dp);
	const port_ref dead = f->port[0].dp.ref;

	(void)connect_udp(f, 0, 50000, 53);
	(void)connect_udp(f, 0, 50001, 53);
	send_udp(f, 0, 50000, 53);
	f->port[0].dp.ref = port_ref_make(0, 2);
	publish(f, true, 2);
	for (uint16_t port = 50000; port < 50002; port++) {
		send_udp(f, 0, port, 53);
		answer_udp(f, 0, port, 53);
	}
	cr_expect(eq(u64, dropped(f, DROP_BINDING_DEAD), 2));
	cr_expect(eq(u64, dropped(f, DROP_TX_NOT_OWNER), 2));
	connect_close_port(t, dead);
	cr_expect(not(dataplane_connections_step(f->dp, 0)));
	answer_udp(f, 0, 50000, 53);
	cr_expect(eq(u64, dropped(f, DROP_PORT_CLOSED), 1));
	cr_expect(eq(ptr, (void *)port_take(f, 0), NULL));
	fixture_end(f);
}

/* Goal: a full flow table refuses a socket's first send by name; the socket works once there is
 * room. */
Test(worker_connect, flow_table_full)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = connect_fixture(&o);
	struct connect_opened socket;
	struct frame sent;

	rule(f, "udp/*:53", 1);
	publish(f, true, 2);
	for (uint16_t i = 0; i < FLOW_CAPACITY_MIN; i++) {
		const struct frame q = udp4((uint16_t)(i + 1), 53, 8);

		wire_put(f, 0, &q);
		poll_all(f);
		while (port_take(f, 1) != NULL)
			;
	}
	socket = connect_udp(f, 0, 0, 53);
	send_udp(f, 0, socket.port, 53);
	cr_expect(eq(u64, dropped(f, DROP_FLOW_TABLE_FULL), 1));
	cr_expect(not(wire_take(f, &sent)));
	expire_all(f);
	send_udp(f, 0, socket.port, 53);
	cr_expect(wire_take(f, &sent));
	fixture_end(f);
}

/* Goal: freed pairs come back once no worker can look at them, and only then. Method: fill the
 * table, close all, and open again before and after the workers polled. */
Test(worker_connect, freed_pairs_wait_for_workers)
{
	const struct dataplane_options o = default_options(2);
	struct fixture *f = connect_fixture(&o);
	static uint32_t ids[FLOW_CAPACITY_MIN];
	uint64_t token;

	for (uint32_t i = 0; i < FLOW_CAPACITY_MIN; i++)
		ids[i] = connect_udp(f, 0, (uint16_t)(1 + i), 53).id;
	for (uint32_t i = 0; i < FLOW_CAPACITY_MIN; i++)
		close_socket(f, ids[i]);
	for (uint16_t w = 0; w < 2; w++)
		rte_rcu_qsbr_thread_online(f->dp->published_qsbr, w);
	dataplane_connections_step(f->dp, 0);
	cr_expect(connect_limbo_closed(f->dp->connections));
	token = f->dp->connections_token;
	worker_poll(f->dp->workers[0]);
	dataplane_connections_step(f->dp, 0);
	cr_expect(connect_limbo_closed(f->dp->connections));
	cr_expect(eq(u64, f->dp->connections_token, token));
	worker_poll(f->dp->workers[1]);
	dataplane_connections_step(f->dp, 0);
	cr_expect(not(connect_limbo_closed(f->dp->connections)));
	for (uint16_t w = 0; w < 2; w++)
		rte_rcu_qsbr_thread_offline(f->dp->published_qsbr, w);
	fixture_end(f);
}

/* Goal: two sockets here that are connected to one another share one flow and hear one another. */
Test(worker_connect, both_ends_here)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = connect_fixture(&o);
	struct connect_request r = {
		.key = { .family = FAMILY_IPV4, .proto = PROTO_UDP, .port = { 5000, 6000 } },
		.port = f->port[0].dp.ref
	};
	struct frame q = udp4(5000, 6000, 8);
	struct connect_opened opened;
	uint8_t ip[2048];
	uint32_t bytes;

	f->port[1].dp.app = APP;
	memcpy(r.key.addr[0], FRAME_IPV4_B, 4);
	memcpy(r.key.addr[1], FRAME_IPV4_B, 4);
	cr_assert(zero(int, connect_open(f->dp->connections, &r, &opened)));
	r.key = flow_key_reverse(&r.key);
	r.port = f->port[1].dp.ref;
	cr_assert(zero(int, connect_open(f->dp->connections, &r, &opened)));
	memcpy(q.bytes + q.l3 + 12, FRAME_IPV4_B, 4);
	app_send(f, 0, q.bytes + q.l3, q.length - q.l3);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));
	answer_of(&q, ip, &bytes);
	app_send(f, 0, ip, bytes);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 1));
	close_socket(f, opened.id);
	app_send(f, 0, q.bytes + q.l3, q.length - q.l3);
	poll_all(f);
	cr_expect(eq(ptr, (void *)port_take(f, 1), NULL));
	cr_expect(eq(u64, dropped(f, DROP_PORT_CLOSED), 1));
	fixture_end(f);
}
