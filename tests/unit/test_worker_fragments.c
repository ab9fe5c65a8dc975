/* SPDX-License-Identifier: BSD-3-Clause */
/* test_worker_fragments.c: fragments through the composed stages, and put together again by
 * libberth. Each test ends with the conservation sum (C1) of each worker. */
#include "client/reassemble.h"
#include "tests/datagrams.h"
#include "tests/random.h"
#include "tests/unit/worker_fixture.h"

#define DATAGRAMS 24
#define UNIT      104
#define PARTS     4 /* of UNIT bytes at most, of 8 + PAYLOAD */
#define PAYLOAD   400

TestSuite(worker_fragments, .init = eal_setup, .timeout = 60);

static struct whole wholes[DATAGRAMS];

/* Datagrams of both families, each from a host of its own. */
static void
wholes_make(void)
{
	for (uint8_t i = 0; i < DATAGRAMS; i++)
		whole_make(&wholes[i], i & 1, 17, 0x70000u + i, (uint8_t)(i + 10), 0, 0, PAYLOAD);
}

static struct frame
part_of(const struct whole *w, unsigned i)
{
	const uint32_t offset = i * UNIT, left = whole_data(w) - offset;
	struct frame f;

	frame_ethernet(&f, 0, w->v6 ? 0x86dd : 0x0800);
	f.length += whole_fragment(w, offset, left < UNIT ? left : UNIT, f.bytes + f.length);
	return f;
}

static void
part_put(struct fixture *f, uint16_t queue, const struct whole *w, unsigned i)
{
	const struct frame frame = part_of(w, i);

	wire_put(f, queue, &frame);
}

static uint8_t
source_of(const uint8_t *ip)
{
	return ip[0] >> 4 == 4 ? ip[15] : ip[22];
}

/* What came out: of each datagram the number of parts, its flow, and whether it is whole. */
struct outcome {
	unsigned parts[DATAGRAMS], new_flow[DATAGRAMS];
	uint64_t flow[DATAGRAMS];
	bool whole[DATAGRAMS];
};

/* Takes all records of port 0 and hands them to a reassembler. */
static void
outcome_take(struct fixture *f, struct berth_reassembler *r, struct outcome *o)
{
	const struct delivered *d;

	while ((d = port_take(f, 0)) != NULL) {
		const uint8_t *ip = d->ip;
		const unsigned i = source_of(ip) - 10u;
		struct berth_packet p = { .data = ip,
					  .bytes = d->head.packet_bytes,
					  .flags = d->head.flags,
					  .proto = d->head.proto,
					  .l4_offset = d->head.l4_offset,
					  .payload_offset = d->head.payload_offset };
		const bool first = (d->head.flags & RECORD_LATER) == 0;

		cr_assert(lt(u32, i, DATAGRAMS));
		cr_expect(ne(int, d->head.flags &RECORD_FRAGMENT, 0));
		cr_expect(eq(u8, d->head.proto, PROTO_UDP));
		cr_expect(eq(u16, d->head.payload_offset, d->head.l4_offset + (first ? 8 : 0)));
		cr_expect(ne(u64, d->head.flow, 0));
		cr_expect(eq(int, first, o->parts[i] == 0), "the first part comes first");
		if (o->parts[i]++ == 0)
			o->flow[i] = d->head.flow;
		cr_expect(eq(u64, d->head.flow, o->flow[i]));
		o->new_flow[i] += (d->head.flags & RECORD_NEW_FLOW) != 0;
		if (reassemble_burst(r, &p, 1, 0) == 0)
			continue;
		o->whole[i] = p.bytes == wholes[i].length &&
			      memcmp(p.data, wholes[i].bytes, p.bytes) == 0;
	}
}

/* Sends every part of every datagram once, in random order by random queues. */
static void
shuffle_in(struct fixture *f, struct random *r)
{
	unsigned order[DATAGRAMS * PARTS];
	const unsigned n = array_length(order);

	for (unsigned i = 0; i < n; i++)
		order[i] = i;
	for (unsigned i = n; i > 1; i--) {
		const unsigned k = random_below(r, i), t = order[k];

		order[k] = order[i - 1];
		order[i - 1] = t;
	}
	for (unsigned i = 0; i < n; i++)
		part_put(f, (uint16_t)random_below(r, f->dp->options.workers),
			 &wholes[order[i] / PARTS], order[i] % PARTS);
}

static void
check_any_queue(uint16_t workers)
{
	struct dataplane_options o = default_options(workers);
	struct berth_reassembler *reassembler;
	const uint64_t seed = random_seed();
	struct random r = { seed };
	struct outcome out = { 0 };
	struct fixture *f;

	o.fragments = (struct fragment_options){ 60000, 64, 256, 64 };
	f = fixture_make(&o);
	cr_assert(zero(int, berth_reassembler_open(NULL, &reassembler)));
	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	wholes_make();
	for (unsigned round = 0; round < 3; round++) {
		memset(&out, 0, sizeof(out));
		shuffle_in(f, &r);
		poll_all(f);
		outcome_take(f, reassembler, &out);
		for (unsigned i = 0; i < DATAGRAMS; i++) {
			cr_expect(eq(u32, out.parts[i], PARTS), "datagram %u, seed %#jx", i,
				  (uintmax_t)seed);
			cr_expect(eq(int, out.whole[i], true), "datagram %u, seed %#jx", i,
				  (uintmax_t)seed);
			cr_expect(eq(u32, out.new_flow[i], round == 0));
		}
	}
	cr_expect(eq(u64, total(f, COUNTER_flows_created), DATAGRAMS));
	cr_expect(eq(u64, total(f, COUNTER_delivered), 3 * DATAGRAMS * PARTS));
	if (workers > 1)
		cr_expect(gt(u64, total(f, COUNTER_handed_over), 0));
	berth_reassembler_close(reassembler);
	fixture_end(f);
}

/* Goal: whatever the order, whole datagrams arrive, each part with the first one's flow, and only
 * the first one makes it. */
Test(worker_fragments, one_worker)
{
	check_any_queue(1);
}

/* Goal: the same when parts come by any queue. */
Test(worker_fragments, two_workers)
{
	check_any_queue(2);
}

/* Goal: what happens to the first part happens to the others: closed, refused aloud once, not
 * local, table full; and parts of what has no ports have no taker. */
Test(worker_fragments, share_the_first_ones_verdict)
{
	struct dataplane_options o = default_options(1);
	struct fixture *f;
	struct frame a;
	struct whole *w = &wholes[0];

	o.unmatched = UNMATCHED_REJECT;
	f = fixture_make(&o);
	rule(f, "udp/198.51.100.2:54", 0);
	publish(f, true, 2);
	whole_make(w, false, 17, 1, 1, 0, 0, PAYLOAD); /* to port 53 */
	part_put(f, 0, w, 2);
	for (unsigned i = 0; i < PARTS; i += i == 1 ? 2 : 1)
		part_put(f, 0, w, i);
	poll_all(f);
	cr_assert(wire_take(f, &a));
	cr_expect(eq(u8, a.bytes[34], 3)); /* port unreachable */
	cr_expect(not(wire_take(f, &a)));
	cr_expect(eq(u64, total(f, COUNTER_rejected), 1));
	cr_expect(eq(u64, dropped(f, DROP_PORT_CLOSED), PARTS - 1));

	memcpy(w->bytes + 16, "\xc6\x33\x64\x09", 4);
	for (unsigned i = 0; i < PARTS; i++)
		part_put(f, 0, w, i);
	whole_make(w, false, 1, 2, 1, 0, 0, PAYLOAD);
	w->bytes[20] = 8; /* echo request */
	w->bytes[21] = 0;
	for (unsigned i = 0; i < PARTS; i++)
		part_put(f, 0, w, i);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_NOT_LOCAL), PARTS));
	cr_expect(eq(u64, dropped(f, DROP_ICMP_UNHANDLED), PARTS));

	for (uint16_t i = 0; i < FLOW_CAPACITY_MIN; i++) {
		a = udp4((uint16_t)(i + 1), 54, 8);
		wire_put(f, 0, &a);
		poll_all(f);
		while (port_take(f, 0) != NULL)
			;
	}
	whole_make(w, false, 17, 3, 1, 0, 0, PAYLOAD);
	w->bytes[23] = 54;
	for (unsigned i = 0; i < PARTS; i++)
		part_put(f, 0, w, i);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_FLOW_TABLE_FULL), 1));
	cr_expect(eq(u64, dropped(f, DROP_FRAGMENT_NO_FLOW), PARTS - 1));
	cr_expect(eq(u32, fragment_datagrams(f->dp->workers[0]->fragments), 0));
	fixture_end(f);
}

/* Goal: what waits for its first part is held in C1, and dropped by name at the end. */
Test(worker_fragments, held_until_shutdown)
{
	const struct dataplane_options o = default_options(2);
	struct fixture *f = fixture_make(&o);
	struct counter_totals t;

	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	wholes_make();
	for (unsigned i = 0; i < 8; i++)
		part_put(f, i & 1, &wholes[i], 1);
	poll_all(f);
	dataplane_totals(f->dp, &t);
	cr_expect(eq(u64, t.held, 8));
	cr_expect(eq(ptr, (void *)port_take(f, 0), NULL));
	fixture_end(f);
}

/* Goal: fragments are no way to write headers twice, or to send. */
Test(worker_fragments, refusals)
{
	const struct dataplane_options o = default_options(1);
	struct fixture *f = fixture_make(&o);
	struct whole *w = &wholes[0];
	struct frame a, b;
	uint8_t ip[2048];
	uint32_t bytes;

	rule(f, "udp/198.51.100.2:53", 0);
	publish(f, true, 2);
	whole_make(w, false, 17, 1, 1, 0, 0, PAYLOAD);
	part_put(f, 0, w, 0);
	a = part_of(w, 1);
	be16_store(a.bytes + a.l3 + 6, 0x2000 | (UNIT / 8 - 1)); /* 8 bytes back */
	be16_store(a.bytes + a.l3 + 10, 0);
	be16_store(a.bytes + a.l3 + 10, (uint16_t)~whole_sum(a.bytes + a.l3, 20, 0));
	wire_put(f, 0, &a);
	part_put(f, 0, w, 2);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_FRAGMENT_OVERLAP), 2));
	cr_expect(eq(u64, total(f, COUNTER_delivered), 1));
	cr_expect(ne(ptr, (void *)port_take(f, 0), NULL));

	b = udp4(5000, 53, 40);
	answer_of(&b, ip, &bytes);
	ip[6] = 0x20;
	app_send(f, 0, ip, bytes);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_FRAGMENT), 1));
	cr_expect(not(wire_take(f, &a)));
	fixture_end(f);
}

/* Goal: a flood of ten times what the table and the waiting room hold costs no more memory than
 * they do, and no packet of others. Method: spoofed senders, never a first part, one unfragmented
 * packet to ten of them; every buffer that is missing in the pool is held. */
Test(worker_fragments, flood)
{
	struct dataplane_options o = default_options(1);
	struct fixture *f;
	struct counter_totals t;
	unsigned delivered = 0;

	o.fragments = (struct fragment_options){ 60000, 256, 128, 16 };
	f = fixture_make(&o);
	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	for (uint32_t i = 0; i < 10 * o.fragments.datagrams; i++) {
		whole_make(&wholes[0], i & 1, 17, i, (uint8_t)(i % 100), 0, 0, PAYLOAD);
		part_put(f, 0, &wholes[0], 1 + i % 2);
		if (i % 10 == 9) {
			const struct frame q = udp4((uint16_t)(1000 + i % 500), 53, 8);

			wire_put(f, 0, &q);
			poll_all(f);
			dataplane_totals(f->dp, &t);
			cr_assert(le(u64, t.held, o.fragments.held_packets));
			cr_assert(eq(u64, rte_mempool_avail_count(f->dp->pool), 4096 - t.held));
		}
		while (port_take(f, 0) != NULL)
			delivered++;
	}
	cr_expect(eq(u32, delivered, o.fragments.datagrams));
	cr_expect(eq(u64, total(f, COUNTER_delivered), delivered));
	dataplane_totals(f->dp, &t);
	cr_expect(eq(u64, t.held, o.fragments.held_packets));
	cr_expect(eq(u64,
		     t.drops[DROP_FRAGMENT_HELD_FULL] + t.drops[DROP_FRAGMENT_TABLE_FULL] +
			     t.drops[DROP_FRAGMENT_SOURCE_FULL],
		     10 * o.fragments.datagrams - t.held));
	fixture_end(f);
}
