/* SPDX-License-Identifier: BSD-3-Clause */
/* test_worker_ends.c: ports whose end is a device, here a pair of rings. Each test ends with the
 * conservation sum (C1) of each worker.
 *
 *     test ──▶ sends ──▶ device (net_ring) ──▶ worker
 *     test ◀── gets  ◀── device            ◀── worker */
#include "common/base/wire.h"
#include "dataplane/respond/respond.h"
#include "tests/unit/worker_fixture.h"

TestSuite(worker_ends, .init = eal_setup, .timeout = 60);

#define END_APP 77u
#define OURS    "\x02\x62\x65\x72\x74\x68" /* ends.c: end_mac */
#define PROGRAM "\x02\x00\x00\x00\x00\x77"

struct behind {
	struct fixture *f;
	struct rte_ring *sends, *gets;
};

/* A fixture whose first port has a device at its end; udp port 53 of all our addresses is its. */
static struct behind
behind_make(uint16_t workers, unsigned slots)
{
	struct dataplane_options o = default_options(workers);
	struct behind b;
	int ethdev;

	b.sends = rte_ring_create("sends", 64, SOCKET_ID_ANY, 0);
	b.gets = rte_ring_create("gets", slots, SOCKET_ID_ANY, 0);
	ethdev = rte_eth_from_rings("end", &b.sends, 1, &b.gets, 1, 0);
	cr_assert(ge(int, ethdev, 0));
	o.ends_count = 1;
	o.ends[0].device = (struct dataplane_nic_options){
		.name = "end", .queues = 1, .rx_descriptors = 64, .tx_descriptors = 64, .mtu = 1500
	};
	cr_assert(
		zero(int, rte_eth_dev_get_name_by_port((uint16_t)ethdev, o.ends[0].device.device)));
	b.f = fixture_make(&o);
	b.f->port[0].dp.app = END_APP;
	b.f->port[0].dp.end = 1;
	rule(b.f, "udp/*:53", 0);
	rule(b.f, "udp/*:54", 1);
	return b;
}

static void
behind_send(struct behind *b, const struct frame *frame)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(b->f->dp->pool);

	cr_assert(ne(ptr, m, NULL));
	memcpy(rte_pktmbuf_append(m, (uint16_t)frame->length), frame->bytes, frame->length);
	cr_assert(zero(int, rte_ring_enqueue(b->sends, m)));
	poll_all(b->f);
}

static bool
behind_get(struct behind *b, struct frame *frame)
{
	struct rte_mbuf *m;
	void *p;

	if (rte_ring_dequeue(b->gets, &p) != 0)
		return false;
	m = p;
	frame->length = m->data_len;
	memcpy(frame->bytes, rte_pktmbuf_mtod(m, void *), m->data_len);
	rte_pktmbuf_free(m);
	return true;
}

/* The program's answer to `request`, from its own Ethernet address, checksums not filled. */
static struct frame
answer_to(const struct frame *request)
{
	struct frame a = *request;
	uint32_t bytes;

	answer_of(request, a.bytes + a.l3, &bytes);
	memcpy(a.bytes, OURS PROGRAM, 12);
	be16_store(a.bytes + a.l4 + 6, 0xdead);
	return a;
}

static struct port_counts
counts(const struct behind *b)
{
	struct port_counts c;

	dataplane_port_counts(b->f->dp, b->f->port[0].dp.ref, &c);
	return c;
}

/* Goal: packets to the port come out of its device as they came in, and what the program answers
 * goes back the way they came, with right checksums; the device is polled by one worker, flows
 * belong to any.
 * Method: both families, many flows, one and two workers; the parser with checksums on reads the
 * answers. */
static void
talk(uint16_t workers)
{
	struct behind b = behind_make(workers, 64);
	struct packet p;

	publish(b.f, true, 2);
	for (uint16_t i = 0; i < 40; i++) {
		const struct frame request = i % 2 == 0 ? udp4((uint16_t)(5000 + i), 53, 40)
							: udp6((uint16_t)(5000 + i), 53, 300);
		struct frame got, answer = answer_to(&request), sent;

		wire_put(b.f, i % workers, &request);
		poll_all(b.f);
		cr_assert(behind_get(&b, &got), "flow %u", i);
		cr_expect(eq(u32, got.length, request.length));
		cr_expect(zero(
			int, memcmp(got.bytes, i == 0 ? "\xff\xff\xff\xff\xff\xff" : PROGRAM, 6)));
		cr_expect(zero(int, memcmp(got.bytes + 6, OURS, 6)));
		cr_expect(
			zero(int, memcmp(got.bytes + 12, request.bytes + 12, request.length - 12)));
		behind_send(&b, &answer);
		cr_assert(wire_take(b.f, &sent), "flow %u", i);
		cr_expect(zero(int, memcmp(sent.bytes, FRAME_MAC_A, 6)));
		cr_expect(zero(int, memcmp(sent.bytes + 6, b.f->dp->nics[0].mac, 6)));
		cr_expect(eq(u32, parse_frame(sent.bytes, sent.length, 0, 0, &p), DROP_NONE));
		cr_expect(eq(u16, p.key.port[0], 53));
	}
	cr_expect(eq(u64, total(b.f, COUNTER_received), 40));
	cr_expect(eq(u64, total(b.f, COUNTER_originated), 40));
	cr_expect(eq(u64, total(b.f, COUNTER_delivered), 40));
	cr_expect(eq(u64, total(b.f, COUNTER_transmitted), 40));
	cr_expect(eq(u64, counts(&b).delivered, 40));
	cr_expect(eq(u64, counts(&b).delivered_bytes, 20 * (20 + 8 + 40) + 20 * (40 + 8 + 300)));
	cr_expect(eq(u64, counts(&b).sent, 40));
	cr_expect(eq(u64, counts(&b).flows, 40));
	fixture_end(b.f);
}

Test(worker_ends, talks)
{
	talk(1);
}

Test(worker_ends, talks_with_two_workers)
{
	talk(2);
}

/* Goal: applications here and the program behind the device talk to each other.
 * Method: the application's packet comes out of the device, the answer comes to its ring. */
Test(worker_ends, talks_to_applications)
{
	struct behind b = behind_make(1, 64);
	struct frame request = udp4(54, 53, 40), got, answer;
	const struct delivered *r;

	publish(b.f, true, 2);
	memcpy(request.bytes + request.l3 + 12, FRAME_IPV4_B, 4);
	frame_finish(&request);
	app_send(b.f, 0, request.bytes + request.l3, request.length - request.l3);
	poll_all(b.f);
	cr_assert(behind_get(&b, &got));
	cr_expect(zero(int, memcmp(got.bytes + 14, request.bytes + request.l3,
				   request.length - request.l3)));
	answer = answer_to(&request);
	behind_send(&b, &answer);
	r = port_take(b.f, 1);
	cr_assert(ne(ptr, (void *)r, NULL));
	cr_expect(eq(u16, be16_load(r->ip + 20), 53));
	cr_expect(eq(u64, total(b.f, COUNTER_delivered), 2));
	fixture_end(b.f);
}

static struct frame
arp(const char *sender, const char *target)
{
	static const uint8_t head[] = { 0, 1, 8, 0, 6, 4, 0, 1 };
	struct frame f;

	frame_ethernet(&f, 0, 0x0806);
	memcpy(f.bytes, "\xff\xff\xff\xff\xff\xff" PROGRAM, 12);
	frame_put(&f, head, sizeof(head));
	frame_put(&f, PROGRAM, 6);
	frame_put(&f, sender, 4);
	frame_put(&f, "\0\0\0\0\0\0", 6);
	frame_put(&f, target, 4);
	return f;
}

/* A neighbour solicitation; `probe`: for the program's own address. */
static struct frame
solicitation(bool probe)
{
	static const uint8_t body[] = { 0x20, 1, 0xd, 0xb8, [15] = 0x99, [16] = 1, 1,
					2,    0, 0,   0,    0,           0x77 };
	struct frame f;

	frame_ethernet(&f, 0, 0x86dd);
	memcpy(f.bytes, "\x33\x33\xff\0\0\x99" PROGRAM, 12);
	frame_ipv6(&f, 58, NULL, 0, 58);
	frame_icmp(&f, 135, 0, 0, body, probe ? 16 : sizeof(body));
	if (probe)
		memset(f.bytes + f.l3 + 8, 0, 16);
	memset(f.bytes + f.l3 + 24, 0, 16);
	memcpy(f.bytes + f.l3 + 24, "\xff\x02", 2);
	memcpy(f.bytes + f.l3 + 35, "\x01\xff\0\0\x99", 5);
	frame_finish(&f);
	return f;
}

/* Goal: to the program's stack every neighbour is here, and no address that it gives itself is
 * taken.
 * Method: questions of both families, and the probes and announcements that want no answer. */
Test(worker_ends, is_every_neighbour)
{
	struct behind b = behind_make(1, 64);
	struct frame q = arp(FRAME_IPV4_B, FRAME_IPV4_A), a;
	struct neighbour_message nd;
	struct packet p;

	publish(b.f, true, 2);
	behind_send(&b, &q);
	cr_assert(behind_get(&b, &a));
	cr_expect(zero(int, memcmp(a.bytes, PROGRAM OURS, 12)));
	cr_expect(
		zero(int, memcmp(a.bytes + 20, "\0\2" OURS FRAME_IPV4_A PROGRAM FRAME_IPV4_B, 22)));
	q = solicitation(false);
	behind_send(&b, &q);
	cr_assert(behind_get(&b, &a));
	cr_assert(eq(u32, parse_frame(a.bytes, a.length, 0, 0, &p), DROP_NONE));
	cr_assert(zero(int, neighbour_read(a.bytes, &p, &nd)));
	cr_expect(all(nd.solicited, nd.has_mac, zero(int, memcmp(nd.mac, OURS, 6)),
		      eq(u8, nd.target.bytes[15], 0x99)));
	cr_expect(eq(u64, total(b.f, COUNTER_transmitted), 2));

	const struct frame silent[] = { arp("\0\0\0\0", FRAME_IPV4_B),
					arp(FRAME_IPV4_B, FRAME_IPV4_B), solicitation(true) };

	for (unsigned i = 0; i < array_length(silent); i++) {
		behind_send(&b, &silent[i]);
		cr_expect(not(behind_get(&b, &a)), "%u", i);
	}
	cr_expect(eq(u64, total(b.f, COUNTER_answered), 5));
	cr_expect(eq(u64, total(b.f, COUNTER_originated), 7));
	fixture_end(b.f);
}

/* From our address, as the program may send it where it owns the port. */
static struct frame
from_us(uint16_t from)
{
	struct frame f = udp4(5000, 53, 40);
	struct frame a = answer_to(&f);

	be16_store(a.bytes + a.l4, from);
	return a;
}

/* Goal: what the program may not send is dropped by its name, and nothing of it leaves.
 * Method: one frame of each kind; the wire and the other port stay silent. */
Test(worker_ends, refuses)
{
	struct behind b = behind_make(1, 64);
	struct frame f = from_us(54), sent;
	static const struct {
		enum drop_reason reason;
		unsigned n;
	} expected[] = {
		{ DROP_TX_NOT_OWNER, 5 },  { DROP_TX_MALFORMED, 4 },   { DROP_FRAGMENT, 1 },
		{ DROP_ARP_MALFORMED, 1 }, { DROP_ICMP_UNHANDLED, 1 }, { DROP_ND_MALFORMED, 1 },
	};

	publish(b.f, true, 2);
	/* The other port's, nobody's, nobody's address, an echo request, another protocol. */
	behind_send(&b, &f);
	f = from_us(55);
	behind_send(&b, &f);
	f = from_us(53);
	f.bytes[f.l3 + 15]++;
	behind_send(&b, &f);
	frame_ethernet(&f, 0, 0x0800);
	frame_ipv4(&f, 1, NULL, 0);
	frame_icmp(&f, 8, 0, 1, "x", 1);
	frame_finish(&f);
	behind_send(&b, &f);
	f = from_us(53);
	f.bytes[f.l3 + 9] = 89;
	behind_send(&b, &f);
	/* Tagged, cut, no IP, longer than itself. */
	frame_ethernet(&f, 1, 0x0800);
	frame_put(&f, from_us(53).bytes + 14, 68);
	behind_send(&b, &f);
	f = from_us(53);
	f.length = 30;
	behind_send(&b, &f);
	frame_ethernet(&f, 0, 0x9999);
	frame_put(&f, from_us(53).bytes, 60);
	behind_send(&b, &f);
	f = from_us(53);
	be16_store(f.bytes + f.l4 + 4, 500);
	behind_send(&b, &f);
	f = from_us(53);
	f.bytes[f.l3 + 6] = 0x20;
	behind_send(&b, &f);
	f = arp(FRAME_IPV4_B, FRAME_IPV4_A);
	f.bytes[21] = 9;
	behind_send(&b, &f);
	f = solicitation(false);
	f.bytes[f.l4] = 133;
	behind_send(&b, &f);
	f = solicitation(false);
	f.bytes[f.l3 + 7] = 64;
	behind_send(&b, &f);
	for (unsigned i = 0; i < array_length(expected); i++)
		cr_expect(eq(u64, dropped(b.f, expected[i].reason), expected[i].n), "%s",
			  drop_names[expected[i].reason]);
	cr_expect(not(wire_take(b.f, &sent)));
	cr_expect(not(behind_get(&b, &sent)));
	cr_expect(eq(u64, total(b.f, COUNTER_originated), 13));
	cr_expect(eq(u64, counts(&b).sent, 0));
	fixture_end(b.f);
}

/* Goal: before the port is published nothing that its device brings goes anywhere. */
Test(worker_ends, is_silent_without_its_port)
{
	struct behind b = behind_make(1, 64);
	const struct frame f = from_us(53);
	struct frame sent;

	behind_send(&b, &f);
	cr_expect(eq(u64, dropped(b.f, DROP_TX_NOT_OWNER), 1));
	cr_expect(not(wire_take(b.f, &sent)));
	fixture_end(b.f);
}

/* Goal: a device that takes no more costs its own port packets, by name, and nobody else.
 * Method: more than the ring behind it holds, then one for the other port. */
Test(worker_ends, a_full_device_drops)
{
	struct behind b = behind_make(1, 16);
	const struct frame other = udp4(5000, 54, 40);
	struct frame f;

	publish(b.f, true, 2);
	for (uint16_t i = 0; i < 20; i++) {
		f = udp4((uint16_t)(6000 + i), 53, 10);
		wire_put(b.f, 0, &f);
	}
	wire_put(b.f, 0, &other);
	poll_all(b.f);
	cr_expect(eq(u64, dropped(b.f, DROP_END_FULL), 5));
	cr_expect(eq(u64, counts(&b).dropped, 5));
	cr_expect(eq(u64, counts(&b).delivered, 15));
	cr_expect(ne(ptr, (void *)port_take(b.f, 1), NULL));
	cr_expect(eq(u64, total(b.f, COUNTER_delivered), 16));
	while (behind_get(&b, &f))
		;
	fixture_end(b.f);
}
