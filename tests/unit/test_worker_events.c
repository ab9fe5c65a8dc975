/* SPDX-License-Identifier: BSD-3-Clause */
/* test_worker_events.c: what workers tell control of flows. Each test ends with the conservation
 * sum (C1) of each worker. */
#include "tests/unit/worker_fixture.h"

TestSuite(worker_events, .init = eal_setup, .timeout = 60);

/* One TCP packet of station A (`reply` false) or of the application. */
static void
tcp_packet(struct fixture *f, bool reply, uint16_t client, uint8_t flags, uint8_t seq, uint8_t ack)
{
	struct frame q;
	uint8_t ip[2048];
	uint32_t bytes;

	frame_ethernet(&q, 0, 0x0800);
	frame_ipv4(&q, 6, NULL, 0);
	frame_tcp(&q, client, 443, flags, 0);
	memcpy(q.bytes + q.l4 + 4, (const uint8_t[]){ 0, 0, 0, seq, 0, 0, 0, ack }, 8);
	frame_finish(&q);
	if (reply) {
		answer_of(&q, ip, &bytes);
		app_send(f, 0, ip, bytes);
	} else {
		wire_put(f, 0, &q);
	}
	poll_all(f);
}

/* Lets every flow be idle for longer than any timeout. */
static void
expire_all(struct fixture *f)
{
	struct worker *w = f->dp->workers[0];

	flow_expire(w->flows, w->now_ms + 10000, UINT32_MAX, flows_expire, w);
}

/* The next event; its kind, or FLOW_EVENT_KINDS when there is none. */
static unsigned
next_event(struct fixture *f, struct flow_event *e)
{
	return dataplane_flow_events(f->dp, 0, e, 1) == 1 ? e->kind : FLOW_EVENT_KINDS;
}

/* Goal: a TCP flow is told from its first packet to its end, with its counts and all TCP flags of
 * both directions. Method: a whole conversation, one packet per step; PSH comes only amid it. */
Test(worker_events, tells_what_becomes_of_a_flow)
{
	enum { FIN = 1, SYN = 2, PSH = 8, ACK = 16 };
	static const struct {
		bool reply;
		uint8_t flags, seq, ack;
		unsigned kind;
		const char *state;
	} steps[] = {
		{ false, SYN, 10, 0, FLOW_EVENT_NEW, "syn_sent" },
		{ true, SYN | ACK, 50, 11, FLOW_EVENT_UPDATE, "syn_received" },
		{ false, ACK, 11, 51, FLOW_EVENT_UPDATE, "established" },
		{ false, ACK, 11, 51, FLOW_EVENT_KINDS, "" },
		{ false, PSH | ACK, 11, 51, FLOW_EVENT_KINDS, "" },
		{ true, FIN | ACK, 51, 11, FLOW_EVENT_UPDATE, "fin_wait" },
		{ false, FIN | ACK, 11, 52, FLOW_EVENT_UPDATE, "last_ack" },
		{ true, ACK, 52, 12, FLOW_EVENT_UPDATE, "time_wait" },
	};
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	struct flow_event e;

	rule(f, "tcp/*:443", 0);
	publish(f, true, 2);
	dataplane_flow_events_want(f->dp, true);
	for (unsigned i = 0; i < array_length(steps); i++) {
		tcp_packet(f, steps[i].reply, 5000, steps[i].flags, steps[i].seq, steps[i].ack);
		cr_assert(eq(u32, next_event(f, &e), steps[i].kind), "step %u", i);
		if (steps[i].kind != FLOW_EVENT_KINDS)
			cr_expect(eq(str, (char *)track_state_name(PROTO_TCP, e.flow.state),
				     (char *)steps[i].state),
				  "step %u", i);
	}
	expire_all(f);
	cr_assert(eq(u32, next_event(f, &e), FLOW_EVENT_DESTROY));
	cr_expect(eq(u8, e.flow.end, FLOW_END_FIN));
	cr_expect(eq(u64, e.flow.packets[0], 5));
	cr_expect(eq(u64, e.flow.packets[1], 3));
	cr_expect(eq(u64, e.flow.bytes[0], 5 * 44));
	cr_expect(eq(u8, e.flow.tcp_flags[0], SYN | ACK | PSH | FIN));
	cr_expect(eq(u8, e.flow.tcp_flags[1], SYN | ACK | FIN));
	cr_expect(eq(u32, e.flow.port, f->port[0].dp.ref));
	cr_expect(ge(u32, e.flow.last_ms, e.flow.first_ms));
	cr_expect(eq(u32, next_event(f, &e), FLOW_EVENT_KINDS));
	fixture_end(f);
}

/* Goal: a flow's end has its reason. Method: reset one, let one idle, take the port of one away. */
Test(worker_events, tells_why_a_flow_ends)
{
	static const uint8_t ends[] = { FLOW_END_RST, FLOW_END_TIMEOUT, FLOW_END_UNBOUND };
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	unsigned seen = 0;
	struct frame q;
	struct flow_event e;

	rule(f, "tcp/*:443", 0);
	rule(f, "udp/*:53", 0);
	rule(f, "udp/*:54", 1);
	publish(f, true, 2);
	dataplane_flow_events_want(f->dp, true);
	tcp_packet(f, false, 5000, 2, 10, 0);
	tcp_packet(f, true, 5000, 0x14, 0, 11);
	for (uint16_t to = 53; to <= 54; to++) {
		q = udp4(5000, to, 8);
		wire_put(f, 0, &q);
		poll_all(f);
	}
	f->rules_count = 2;
	publish(f, true, 1);
	poll_all(f);
	expire_all(f);
	while (next_event(f, &e) != FLOW_EVENT_KINDS) {
		if (e.kind != FLOW_EVENT_DESTROY)
			continue;
		const unsigned want = e.flow.key.proto == PROTO_TCP                          ? 0
				      : e.flow.key.port[0] == 54 || e.flow.key.port[1] == 54 ? 2
											     : 1;

		cr_expect(eq(u8, e.flow.end, ends[want]), "flow %u", want);
		seen |= 1u << want;
	}
	cr_expect(eq(u32, seen, 7));
	cr_expect(eq(u64, total(f, COUNTER_flows_ended), 3));
	fixture_end(f);
}

/* Goal: a full ring of events costs events, by count, and no packet; nobody listening costs
 * nothing. Method: tell more than the ring holds while control does not look. */
Test(worker_events, loses_events_by_count)
{
	enum { MORE = 100, HOLDS = FLOW_EVENTS - 1 };
	static struct flow_event events[FLOW_EVENTS];
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	struct worker *w = f->dp->workers[0];
	struct frame q = udp4(5000, 53, 8);
	uint32_t index = FLOW_NONE;
	struct flow_event e;

	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(eq(u32, next_event(f, &e), FLOW_EVENT_KINDS), "nobody listened");
	dataplane_flow_events_want(f->dp, true);
	q = udp4(5001, 53, 8);
	wire_put(f, 0, &q);
	poll_all(f);
	for (uint32_t i = 0; i < flow_slots(w->flows); i++)
		if (flow_entry_at(w->flows, i)->generation != 0)
			index = i;
	cr_assert(ne(u32, index, FLOW_NONE));
	for (unsigned i = 0; i < HOLDS + MORE - 1; i++)
		report_flow(w, index, FLOW_EVENT_UPDATE, FLOW_LIVES);
	cr_expect(eq(u64, total(f, COUNTER_flow_events_lost), MORE));
	cr_expect(eq(u64, dataplane_flow_events_lost(f->dp), MORE));
	q = udp4(5002, 53, 8);
	wire_put(f, 0, &q);
	poll_all(f);
	for (unsigned i = 0; i < 3; i++)
		cr_expect(ne(ptr, (void *)port_take(f, 0), NULL), "packet %u", i);
	cr_expect(eq(u64, total(f, COUNTER_delivered), 3));
	cr_expect(eq(u64, dataplane_flow_events_lost(f->dp), MORE + 1));
	cr_expect(eq(u32, dataplane_flow_events(f->dp, 0, events, FLOW_EVENTS), HOLDS));
	cr_expect(eq(u8, events[0].kind, FLOW_EVENT_NEW));
	cr_expect(eq(u8, events[HOLDS - 1].kind, FLOW_EVENT_UPDATE));
	dataplane_flow_events_want(f->dp, false);
	q = udp4(5003, 53, 8);
	wire_put(f, 0, &q);
	poll_all(f);
	cr_expect(eq(u32, next_event(f, &e), FLOW_EVENT_KINDS));
	fixture_end(f);
}
