/* SPDX-License-Identifier: BSD-3-Clause */
/* test_worker.c: the composed stages of one and two workers, on rings instead of a wire. Each test
 * ends with the conservation sum (C1) of each worker. */
#include "tests/unit/worker_fixture.h"

TestSuite(worker, .init = eal_setup, .timeout = 60);

/* Goal: a packet to a bound port arrives with its bytes and facts, and the answer goes back the way
 * it came, with right checksums, without any neighbour known. Method: both families, one exact and
 * one any-address binding; the parser with checksums on reads what was sent. */
Test(worker, delivers_and_answers)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	const struct frame requests[] = { udp4(5000, 53, 40), udp6(5001, 53, 300) };
	struct packet p;

	rule(f, "udp/198.51.100.2:53", 0);
	rule(f, "udp/*:53", 1);
	publish(f, true, 2);
	for (unsigned i = 0; i < array_length(requests); i++) {
		const struct frame *request = &requests[i];
		const uint32_t ip_bytes = request->length - request->l3;
		uint8_t ip[2048];
		struct frame sent;
		uint32_t bytes;

		wire_put(f, 0, request);
		poll_all(f);
		const struct delivered *r = port_take(f, i);

		cr_assert(ne(ptr, (void *)r, NULL));
		cr_expect(eq(u32, r->head.packet_bytes, ip_bytes));
		cr_expect(zero(int, memcmp(r->ip, request->bytes + request->l3, ip_bytes)));
		cr_expect(eq(u16, r->head.flags, RECORD_NEW_FLOW | (i == 1 ? RECORD_IPV6 : 0)));
		cr_expect(eq(u32, r->head.binding, 101 + i));
		cr_expect(eq(u16, r->head.payload_offset, ip_bytes - (i == 0 ? 40 : 300)));
		cr_expect(ne(u64, r->head.flow, 0));
		answer_of(request, ip, &bytes);
		app_send(f, 0, ip, bytes);
		poll_all(f);
		cr_assert(wire_take(f, &sent));
		cr_expect(zero(int, memcmp(sent.bytes, FRAME_MAC_A, 6)));
		cr_expect(zero(int, memcmp(sent.bytes + 6, f->dp->nics[0].mac, 6)));
		cr_expect(eq(u32, parse_frame(sent.bytes, sent.length, 0, 0, &p), DROP_NONE));
	}
	cr_expect(eq(u64, total(f, COUNTER_delivered), 2));
	cr_expect(eq(u64, total(f, COUNTER_transmitted), 2));
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 2));
	fixture_end(f);
}

/* Goal: ARP, neighbour solicitation and echo for our addresses are answered, others are not. */
Test(worker, stands_on_the_network)
{
	static const uint8_t arp_head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	struct neighbour_event e;
	struct frame q, a;

	publish(f, true, 2);
	frame_ethernet(&q, 0, 0x0806);
	frame_put(&q, arp_head, sizeof(arp_head));
	frame_put(&q, FRAME_MAC_A, 6);
	frame_put(&q, FRAME_IPV4_A, 4);
	frame_put(&q, "\0\0\0\0\0\0", 6);
	frame_put(&q, FRAME_IPV4_B, 4);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_assert(wire_take(f, &a));
	cr_expect(eq(u16, be16_load(a.bytes + 20), 2));
	cr_expect(zero(int, memcmp(a.bytes + 22, f->dp->nics[0].mac, 6)));
	cr_assert(eq(u32, dataplane_neighbour_events(f->dp, &e, 1), 1));
	cr_expect(eq(u8, e.kind, NEIGHBOUR_SEEN));
	cr_expect(zero(int, memcmp(e.mac, FRAME_MAC_A, 6)));
	cr_expect(eq(u8, e.flags, NEIGHBOUR_OVERRIDE | NEIGHBOUR_ASKED_US));

	q.bytes[q.length - 1] ^= 1; /* another target */
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(not(wire_take(f, &a)));

	frame_ethernet(&q, 0, 0x0800);
	frame_ipv4(&q, 1, NULL, 0);
	frame_icmp(&q, 8, 0, 0x12340001, "berth", 5);
	frame_finish(&q);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_assert(wire_take(f, &a));
	cr_expect(eq(u8, a.bytes[34], 0));
	cr_expect(zero(int, memcmp(a.bytes + 26, FRAME_IPV4_B FRAME_IPV4_A, 8)));

	q.bytes[33] ^= 1; /* an echo request for another address: not ours to answer */
	frame_finish(&q);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(not(wire_take(f, &a)));
	cr_expect(eq(u64, dropped(f, DROP_ICMP_UNHANDLED), 1));

	frame_ethernet(&q, 0, 0x86dd);
	frame_ipv6(&q, 58, NULL, 0, 58);
	frame_icmp(&q, 135, 0, 0, FRAME_IPV6_B "\1\1" FRAME_MAC_A, 24);
	frame_finish(&q);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_assert(wire_take(f, &a));
	cr_expect(eq(u8, a.bytes[54], 136));
	fixture_end(f);
}

/* Goal: what no binding wants is dropped by name and noted by port; refused aloud when configured,
 * within the limit. */
Test(worker, refuses_closed_ports)
{
	struct dataplane_options o = default_options(1);
	struct fixture *f;
	struct frame q = udp4(4000, 9, 8), a;

	o.unmatched = UNMATCHED_REJECT;
	f = fixture_make(&o);
	publish(f, true, 2);
	for (unsigned i = 0; i < 6; i++)
		wire_put(f, 0, &q);
	poll_all(f);
	for (unsigned i = 0; i < 4; i++) {
		cr_assert(wire_take(f, &a));
		cr_expect(eq(u8, a.bytes[34], 3));
		cr_expect(eq(u8, a.bytes[35], 3));
	}
	cr_expect(not(wire_take(f, &a)));
	cr_expect(eq(u64, total(f, COUNTER_rejected), 4));
	cr_expect(eq(u64, dropped(f, DROP_REJECT_LIMITED), 2));
	cr_expect(eq(u64, dataplane_closed_port_packets(f->dp, PROTO_UDP, 9), 6));
	cr_expect(eq(u64, dataplane_closed_port_packets(f->dp, PROTO_TCP, 9), 0));
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 0));
	fixture_end(f);
}

/* Goal: with two workers every packet of a flow ends at its owner, whichever queue it came by, and
 * sends through the wrong worker's tx ring are right too. Method: 64 flows on both queues; each
 * port's ring of a worker holds only flows that this worker owns. */
Test(worker, hands_over_to_the_owner)
{
	const struct dataplane_options o = default_options(2);
	struct fixture *f = fixture_make(&o);
	unsigned delivered = 0, answered = 0;
	const struct delivered *r;
	struct frame q, a;
	uint8_t ip[2048];
	uint32_t bytes;

	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	for (uint16_t i = 0; i < 128; i++) {
		q = udp4((uint16_t)(1000 + i / 2), 53, 8);
		wire_put(f, i & 1, &q);
		answer_of(&q, ip, &bytes);
	}
	poll_all(f);
	while ((r = port_take(f, 0)) != NULL) {
		cr_expect(lt(u16, flow_handle_worker(r->head.flow), 2));
		delivered++;
	}
	cr_expect(eq(u32, delivered, 128));
	cr_expect(eq(u64, total(f, COUNTER_handed_over), 64));
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 64));
	for (uint16_t i = 0; i < 128; i++) {
		q = udp4((uint16_t)(1000 + i / 2), 53, 8);
		answer_of(&q, ip, &bytes);
		app_send(f, i & 1, ip, bytes);
		if (i % 16 == 15)
			poll_all(f);
	}
	while (wire_take(f, &a))
		answered++;
	cr_expect(eq(u32, answered, 128));
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 64));
	fixture_end(f);
}

/* Goal: an application sends only what it owns, and only packets (T4). Method: a table of packets
 * that end in one named drop each. */
Test(worker, checks_what_applications_send)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	struct frame q = udp4(5000, 53, 40), a;
	uint8_t ip[4096];
	uint32_t bytes;

	rule(f, "udp/198.51.100.2:53", 0);
	publish(f, true, 2);
	answer_of(&q, ip, &bytes);
	ip[21] = 54; /* source port that nobody bound */
	app_send(f, 0, ip, bytes);
	answer_of(&q, ip, &bytes);
	ip[15] ^= 4; /* source address that is not ours */
	app_send(f, 0, ip, bytes);
	answer_of(&q, ip, &bytes);
	ip[0] = 0x75; /* no IP version */
	app_send(f, 0, ip, bytes);
	answer_of(&q, ip, &bytes);
	app_send(f, 0, ip, bytes - 1); /* shorter than it says */
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_TX_NOT_OWNER), 2));
	cr_expect(eq(u64, dropped(f, DROP_TX_MALFORMED), 2));

	q = udp4(5000, 53, 1480);
	answer_of(&q, ip, &bytes); /* 1508 bytes over a link of 1500 */
	ip[19] = 77;
	wire_put(f, 0, &q);
	poll_all(f);
	answer_of(&q, ip, &bytes);
	app_send(f, 0, ip, bytes);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_TX_TOO_BIG), 1));
	cr_expect(not(wire_take(f, &a)));
	fixture_end(f);
}

/* Goal: new outgoing flows wait for their next hop and leave when it is known, or drop by name when
 * it does not answer; a destination off the link goes by the gateway. */
Test(worker, resolves_the_next_hop)
{
	static const char *const hops[] = { "198.51.100.9", "198.51.100.1" };
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	struct neighbour known = { .mac = { 2, 0, 0, 0, 0, 9 } };
	struct frame q = udp4(5000, 53, 40), a;
	struct neighbour_event e;
	struct address hop;
	uint8_t ip[2048];
	uint32_t bytes;

	rule(f, "udp/198.51.100.2:53", 0);
	publish(f, true, 2);
	for (unsigned i = 0; i < 2; i++) {
		answer_of(&q, ip, &bytes);
		memcpy(ip + 16, i == 0 ? "\xc6\x33\x64\x09" : "\xcb\x00\x71\x01", 4);
		app_send(f, 0, ip, bytes);
		poll_all(f);
		cr_expect(not(wire_take(f, &a)));
		cr_assert(eq(u32, dataplane_neighbour_events(f->dp, &e, 1), 1));
		cr_assert(zero(int, address_parse(hops[i], &hop)));
		cr_expect(eq(u8, e.kind, NEIGHBOUR_WANTED));
		cr_expect(zero(int, memcmp(e.addr, hop.bytes, 16)));

		cr_assert(zero(int, dataplane_neighbour_solicit(f->dp, e.link, &hop)));
		poll_all(f);
		cr_assert(wire_take(f, &a));
		cr_expect(eq(u16, be16_load(a.bytes + 12), 0x0806));

		known.address = hop;
		known.failed = i == 1;
		cr_assert(zero(int, dataplane_neighbours_publish(f->dp, &known, 1)));
		poll_all(f);
		cr_expect(eq(int, wire_take(f, &a), i == 0));
		if (i == 0)
			cr_expect(zero(int, memcmp(a.bytes, known.mac, 6)));
	}
	cr_expect(eq(u64, dropped(f, DROP_NEIGHBOUR_FAILED), 1));
	fixture_end(f);
}

/* Goal: an application that sends to a host that does not answer fills its own share of the waiting
 * room, not that of others. */
Test(worker, shares_the_waiting_room)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	const struct frame q = udp4(5000, 53, 40);
	uint8_t ip[2048];
	uint32_t bytes;

	rule(f, "udp/198.51.100.2:53", 0);
	publish(f, true, 2);
	answer_of(&q, ip, &bytes);
	memcpy(ip + 16, "\xc6\x33\x64\x09", 4);
	for (unsigned i = 0; i < HELD_APP_MAX + 5; i++)
		app_send(f, 0, ip, bytes);
	poll_all(f);
	cr_expect(eq(u16, f->dp->workers[0]->held_count, HELD_APP_MAX));
	cr_expect(eq(u64, dropped(f, DROP_NEIGHBOUR_WAIT_FULL), 5));

	f->app.dp.id = APP + 1; /* another application now owns the port */
	f->port[0].dp.app = APP + 1;
	app_send(f, 0, ip, bytes);
	poll_all(f);
	cr_expect(eq(u16, f->dp->workers[0]->held_count, HELD_APP_MAX + 1));
	cr_expect(eq(u64, dropped(f, DROP_NEIGHBOUR_WAIT_FULL), 5));
	fixture_end(f);
}

/* Goal: a send to an address of ours reaches the application bound there, and both directions share
 * one flow. */
Test(worker, delivers_between_local_ports)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	struct frame q = udp4(5000, 53, 40);
	const struct delivered *r;
	uint8_t ip[2048];
	uint32_t bytes;

	rule(f, "udp/198.51.100.2:5000", 0);
	rule(f, "udp/198.51.100.2:53", 1);
	publish(f, true, 2);
	memcpy(q.bytes + q.l3 + 12, FRAME_IPV4_B, 4);
	app_send(f, 0, q.bytes + q.l3, q.length - q.l3);
	poll_all(f);
	r = port_take(f, 1);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(eq(u16, r->head.flags, RECORD_LOCAL));
	answer_of(&q, ip, &bytes);
	app_send(f, 0, ip, bytes);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 1));
	cr_expect(eq(u64, total(f, COUNTER_delivered), 2));
	fixture_end(f);
}

/* Goal: a flow follows its port's life: it stays with a live owner whatever is bound beside it,
 * moves when the owner dies, and drops by name when nobody is left. */
Test(worker, follows_bindings)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	const struct frame q = udp4(5000, 53, 8);

	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));

	rule(f, "udp/198.51.100.2:53", 1); /* more specific, but the flow has an owner */
	publish(f, true, 2);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));

	f->rules[0] = f->rules[1]; /* the owner unbinds */
	f->rules_count = 1;
	publish(f, true, 2);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));

	f->port[1].dp.ref =
		port_ref_make(1, 2); /* the second owner dies, a stranger takes its id */
	f->rules_count = 0;
	publish(f, true, 2);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(eq(ptr, (void *)port_take(f, 1), NULL));
	cr_expect(eq(u64, dropped(f, DROP_PORT_CLOSED), 1));
	fixture_end(f);
}

/* Goal: a member that drains keeps its flows and gets no new ones; when all drain, new flows drop
 * by name. Method: a flow at the old member; join, drain the old one, then both. */
Test(worker, drains_members)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	const struct frame old = udp4(5000, 53, 8);

	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	wire_put(f, 0, &old);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));

	rule(f, "udp/*:53", 1);
	f->rules[0].passive = true;
	publish(f, true, 2);
	wire_put(f, 0, &old);
	for (uint16_t source = 5001; source < 5021; source++) {
		const struct frame fresh = udp4(source, 53, 8);

		wire_put(f, 0, &fresh);
		poll_all(f);
		cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));
	}
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(ptr, (void *)port_take(f, 0), NULL));

	f->rules[1].passive = true;
	publish(f, true, 2);
	const struct frame late = udp4(6000, 53, 8);

	wire_put(f, 0, &late);
	wire_put(f, 0, &old);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(u64, dropped(f, DROP_BINDING_DRAINS), 1));
	fixture_end(f);
}

/* Goal: a full ring and a broken ring cost only their own port, by name (T3, T5). */
Test(worker, rings_full_and_broken)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	const struct frame q0 = udp4(5000, 53, 1000), q1 = udp4(5000, 54, 8);
	struct port_counts counts;

	rule(f, "udp/*:53", 0);
	rule(f, "udp/*:54", 1);
	publish(f, true, 2);
	for (unsigned i = 0; i < 100; i++) {
		wire_put(f, 0, &q0);
		poll_all(f);
	}
	const uint64_t full = dropped(f, DROP_RING_FULL);

	cr_expect(gt(u64, full, 0));
	dataplane_port_counts(f->dp, f->port[0].dp.ref, &counts);
	cr_expect(eq(u64, counts.dropped, full));
	cr_expect(eq(u64, counts.delivered, 100 - full));
	cr_expect(eq(u64, counts.flows, 1));
	atomic_store_explicit(&f->port[0].peer->counts[0].bytes, 64u << 20, memory_order_release);
	wire_put(f, 0, &q0);
	wire_put(f, 0, &q1);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_RING_BROKEN), 1));
	cr_expect(ne(u32, atomic_load(&f->port[0].dp.rx[0].broken), 0));
	cr_expect(ne(ptr, (void *)port_take(f, 1), NULL));
	fixture_end(f);
}

/* Goal: a table that is full refuses new flows by name and serves the old ones. */
Test(worker, flow_table_full)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	const struct frame first = udp4(1, 53, 8);

	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	for (uint16_t i = 0; i < 3000; i++) {
		const struct frame q = udp4((uint16_t)(i + 1), 53, 8);

		wire_put(f, 0, &q);
		poll_all(f);
		while (port_take(f, 0) != NULL)
			;
	}
	cr_expect(eq(u64, total(f, COUNTER_flows_created), FLOW_CAPACITY_MIN));
	cr_expect(eq(u64, dropped(f, DROP_FLOW_TABLE_FULL), 3000 - FLOW_CAPACITY_MIN));
	wire_put(f, 0, &first);
	poll_all(f);
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));
	fixture_end(f);
}

/* What becomes of an ACK out of the blue, a SYN, an ACK where only the other side may answer, and a
 * reset out of the blue, of another flow. */
static void
mode_check(enum track_mode mode, uint32_t delivered, uint32_t refused, uint32_t passed,
	   uint32_t created)
{
	static const struct {
		uint16_t from;
		uint8_t flags;
	} sent[] = { { 5000, 0x10 }, { 5000, 0x02 }, { 5000, 0x10 }, { 5001, 0x04 } };
	struct dataplane_options o = default_options(1);
	struct fixture *f;

	o.tracking = mode;
	f = fixture_make(&o);
	rule(f, "tcp/*:80", 0);
	publish(f, true, 2);
	for (unsigned i = 0; i < array_length(sent); i++) {
		struct frame q;

		frame_ethernet(&q, 0, 0x0800);
		frame_ipv4(&q, PROTO_TCP, NULL, 0);
		frame_tcp(&q, sent[i].from, 80, sent[i].flags, 0);
		frame_finish(&q);
		wire_put(f, 0, &q);
	}
	poll_all(f);
	for (uint32_t i = 0; i < delivered; i++)
		cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(ptr, (void *)port_take(f, 0), NULL));
	cr_expect(eq(u64, dropped(f, DROP_TRACK_INVALID), refused));
	cr_expect(eq(u64, total(f, COUNTER_track_invalid_passed), passed));
	cr_expect(eq(u64, total(f, COUNTER_flows_created), created));
	fixture_end(f);
}

/* Goal: what belongs to no flow is dropped by name and makes no entry when strict, is delivered and
 * counted when loose, and is nothing special when tracking is off. Method: the same packets. */
Test(worker, tracking_strict)
{
	mode_check(TRACK_STRICT, 1, 3, 0, 1);
}

Test(worker, tracking_loose)
{
	mode_check(TRACK_LOOSE, 4, 0, 1, 2);
}

Test(worker, tracking_off)
{
	mode_check(TRACK_OFF, 4, 0, 0, 2);
}
