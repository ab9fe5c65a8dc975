/* SPDX-License-Identifier: BSD-3-Clause */
/* test_worker_link.c: packets in tunnels, below labels and in sessions, and frames that no link
 * takes. Each test ends with the conservation sum (C1) of each worker. */
#include "common/base/wire.h"
#include "tests/unit/worker_fixture.h"

TestSuite(worker_link, .init = eal_setup, .timeout = 60);

/* `inner` in IPIP, or with an id in VXLAN, from A to our address. */
static struct frame
tunnel4(const struct frame *inner, uint32_t vni)
{
	struct frame f;

	frame_ethernet(&f, 0, 0x0800);
	frame_ipv4(&f, vni == 0 ? 4 : 17, NULL, 0);
	if (vni != 0) {
		frame_udp(&f, 6000, 4789, 0);
		frame_put32(&f, 0x08000000);
		frame_put32(&f, vni << 8);
		frame_put(&f, inner->bytes, inner->length);
		be16_store(f.bytes + f.l4 + 4, (uint16_t)(f.length - f.l4));
	} else {
		frame_put(&f, inner->bytes + inner->l3, inner->length - inner->l3);
	}
	frame_finish(&f);
	return f;
}

/* Goal: the packet inside a configured tunnel arrives in the tunnel's zone; other ids, and tunnels
 * that end elsewhere, drop by name; nothing is sent into a tunnel, by applications or by us.
 * Method: one datagram in IPIP (zone 0) and in VXLAN (zone 5); an answer; an echo request inside.
 */
Test(worker_link, looks_into_tunnels)
{
	struct dataplane_options o = default_options(1);
	struct frame inner = udp4(5000, 53, 40), outer, ignored, echo;
	const struct delivered *r;
	struct fixture *f;
	uint8_t ip[2048];
	uint32_t bytes;

	o.tunnels = (struct tunnel_set){
		.count = 2,
		.tunnels = { { .type = TUNNEL_VXLAN, .has_id = true, .id = 7, .zone = 5 },
			     { .type = TUNNEL_IPIP } },
	};
	f = fixture_make(&o);
	rule(f, "udp/198.51.100.2:53", 0);
	rule(f, "udp/198.51.100.2:53@5", 1);
	publish(f, true, 2);
	for (unsigned i = 0; i < 2; i++) {
		outer = tunnel4(&inner, i == 0 ? 0 : 7);
		wire_put(f, 0, &outer);
		poll_all(f);
		r = port_take(f, i);
		cr_assert(ne(ptr, (void *)r, NULL), "tunnel %u", i);
		cr_expect(all(eq(u32, r->head.packet_bytes, inner.length - inner.l3),
			      eq(u16, r->head.zone, i == 0 ? 0 : 5)));
		cr_expect(zero(int, memcmp(r->ip, inner.bytes + inner.l3, r->head.packet_bytes)));
	}
	answer_of(&inner, ip, &bytes);
	app_send(f, 0, ip, bytes);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_TX_TUNNEL), 1));

	outer = tunnel4(&inner, 8);
	wire_put(f, 0, &outer);
	outer = tunnel4(&inner, 7);
	outer.bytes[outer.l3 + 19] = 99;
	frame_checksums(&outer);
	wire_put(f, 0, &outer);
	frame_ethernet(&echo, 0, 0x0800);
	frame_ipv4(&echo, 1, NULL, 0);
	frame_icmp(&echo, 8, 0, 0x12340001, "ping", 4);
	frame_finish(&echo);
	outer = tunnel4(&echo, 0);
	wire_put(f, 0, &outer);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_TUNNEL_UNKNOWN), 1));
	cr_expect(eq(u64, dropped(f, DROP_NOT_LOCAL), 1));
	cr_expect(eq(u64, dropped(f, DROP_ICMP_UNHANDLED), 1));
	cr_expect(not(wire_take(f, &ignored)));
	fixture_end(f);
}

/* `inner` behind another header below IP. */
static struct frame
enclosed4(const struct frame *inner, uint16_t type, const void *header, uint32_t header_bytes)
{
	struct frame f;

	frame_ethernet(&f, 0, type);
	frame_put(&f, header, header_bytes);
	f.l3 = f.length;
	f.l4 = f.l3 + inner->l4 - inner->l3;
	frame_put(&f, inner->bytes + inner->l3, inner->length - inner->l3);
	return f;
}

/* Goal: what comes below MPLS labels or in a PPPoE session arrives as any other packet; answers go
 * back without labels, and drop rather than leave a session.
 * Method: a datagram of two flows, one in each; an answer to each. */
Test(worker_link, answers_labels_but_not_sessions)
{
	const struct dataplane_options o = default_options(1);
	struct frame inner = udp4(5000, 53, 40), other = udp4(5001, 53, 40), sent;
	const uint16_t ip_bytes = (uint16_t)(inner.length - inner.l3);
	const uint8_t pppoe[8] = { 0x11, 0, 0, 7, 0, (uint8_t)(ip_bytes + 2), 0, 0x21 };
	const struct frame outer[2] = {
		enclosed4(&inner, 0x8847, "\0\x3e\x91\x40", 4),
		enclosed4(&other, 0x8864, pppoe, sizeof(pppoe)),
	};
	struct fixture *f = fixture_make(&o);
	uint8_t ip[2048];
	uint32_t bytes;

	rule(f, "udp/198.51.100.2:53", 0);
	publish(f, true, 1);
	for (unsigned i = 0; i < 2; i++) {
		const struct delivered *r;

		wire_put(f, 0, &outer[i]);
		poll_all(f);
		r = port_take(f, 0);
		cr_assert(ne(ptr, (void *)r, NULL), "%u", i);
		cr_expect(eq(u32, r->head.packet_bytes, ip_bytes));
		answer_of(&outer[i], ip, &bytes);
		app_send(f, 0, ip, bytes);
		poll_all(f);
		cr_expect(eq(int, wire_take(f, &sent), i == 0), "%u", i);
		cr_expect(eq(u64, dropped(f, DROP_TX_TUNNEL), i));
	}
	fixture_end(f);
}

/* A frame in two buffers on the wire. */
static void
wire_put_split(struct fixture *f, const struct frame *frame, uint16_t first_bytes)
{
	struct rte_mbuf *parts[2];

	for (unsigned i = 0; i < 2; i++) {
		const uint16_t at = i == 0 ? 0 : first_bytes;
		const uint16_t bytes = i == 0 ? first_bytes : (uint16_t)(frame->length - at);

		parts[i] = rte_pktmbuf_alloc(f->dp->pool);
		cr_assert(ne(ptr, parts[i], NULL));
		memcpy(rte_pktmbuf_append(parts[i], bytes), frame->bytes + at, bytes);
	}
	cr_assert(zero(int, rte_pktmbuf_chain(parts[0], parts[1])));
	cr_assert(zero(int, rte_ring_enqueue(f->in[0], parts[0])));
}

/* Goal: sound packets that are not for us to serve drop by name.
 * Method: a VLAN that no link has, a protocol without ports, a frame in two buffers; none is
 * answered. */
Test(worker_link, refuses_by_name)
{
	const struct dataplane_options o = default_options(1);
	const struct frame whole = udp4(5000, 53, 40);
	struct fixture *f = fixture_make(&o);
	struct frame q, a;

	rule(f, "udp/198.51.100.2:53", 0);
	publish(f, true, 1);
	frame_ethernet(&q, 1, 0x0800);
	be16_store(q.bytes + ETHERNET_BYTES, 999);
	frame_put(&q, whole.bytes + whole.l3, whole.length - whole.l3);
	wire_put(f, 0, &q);
	frame_ethernet(&q, 0, 0x0800);
	frame_ipv4(&q, 89, NULL, 0); /* OSPF */
	frame_put(&q, "hello", 5);
	frame_finish(&q);
	wire_put(f, 0, &q);
	wire_put_split(f, &whole, 40);
	poll_all(f);
	cr_expect(eq(u64, dropped(f, DROP_VLAN_UNKNOWN), 1));
	cr_expect(eq(u64, dropped(f, DROP_PROTOCOL_UNKNOWN), 1));
	cr_expect(eq(u64, dropped(f, DROP_FRAME_MULTI_SEGMENT), 1));
	cr_expect(not(wire_take(f, &a)));
	fixture_end(f);
}
