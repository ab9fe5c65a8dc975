/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_tunnel.c: what is looked into, how deep, and what each tunnel's header must be. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/parse_samples.h"

/* How one tunnel is built: the outer protocol or UDP port, its header, and what it carries. */
struct envelope {
	uint8_t proto;
	uint16_t port; /* with UDP */
	uint8_t bytes;
	uint8_t header[24];
	enum { CARRIES_FRAME, CARRIES_IPV4, CARRIES_IPV6 } carries;
	uint32_t id;
};

static const struct envelope envelopes[TUNNEL_TYPES] = {
	[TUNNEL_VXLAN] = { 17,
			   4789,
			   8,
			   { 8, 0, 0, 0, 0x12, 0x34, 0x56, 0 },
			   CARRIES_FRAME,
			   0x123456 },
	[TUNNEL_GENEVE] = { 17,
			    6081,
			    12,
			    { 1, 0, 0x65, 0x58, 0x12, 0x34, 0x57, 0, 1, 2, 3, 0 },
			    CARRIES_FRAME,
			    0x123457 },
	[TUNNEL_GRE] = { 47,
			 0,
			 12,
			 { 0x30, 0, 0x08, 0, 0xde, 0xad, 0xbe, 0xef, 0, 0, 0, 1 },
			 CARRIES_IPV4,
			 0xdeadbeef },
	[TUNNEL_IPIP] = { 4, 0, 0, { 0 }, CARRIES_IPV4, 0 },
	[TUNNEL_6IN4] = { 41, 0, 0, { 0 }, CARRIES_IPV6, 0 },
	/* A sequence number and one extension header. */
	[TUNNEL_GTPU] = { 17,
			  2152,
			  16,
			  { 0x36, 255, 0, 0, 0, 0, 0x10, 1, 0, 7, 0, 0x85, 1, 9, 9, 0 },
			  CARRIES_IPV4,
			  0x1001 },
};

/* Puts the UDP datagram of A to B in the tunnel `type`; *inner becomes the inner IP header's place.
 */
static void
tunnel_make(struct frame *f, enum tunnel_type type, uint32_t *inner)
{
	const struct envelope *e = &envelopes[type];
	struct frame in;

	frame_ethernet(&in, 0, e->carries == CARRIES_IPV6 ? 0x86dd : 0x0800);
	if (e->carries == CARRIES_IPV6)
		frame_ipv6(&in, 17, "", 0, 17);
	else
		frame_ipv4(&in, 17, "", 0);
	frame_udp(&in, 40000, 53, 7);
	frame_finish(&in);

	frame_ethernet(f, 0, 0x0800);
	frame_ipv4(f, e->proto, "", 0);
	f->bytes[f->l3 + 12] = 203;
	if (e->proto == 17)
		frame_udp(f, 50000, e->port, 0);
	frame_put(f, e->header, e->bytes);
	if (e->carries == CARRIES_FRAME)
		frame_put(f, in.bytes, in.l3);
	*inner = f->length;
	frame_put(f, in.bytes + in.l3, in.length - in.l3);
	if (e->proto == 17)
		be16_store(f->bytes + f->l4 + 4, (uint16_t)(f->length - f->l4));
	if (type == TUNNEL_GTPU)
		be16_store(f->bytes + f->l4 + 10, (uint16_t)(f->length - f->l4 - 16));
	frame_finish(f);
	if (e->proto != 17)
		return;
	be16_store(f->bytes + f->l4 + 6, 0);
}

/* Goal: each tunnel's inner packet is described when its flag is set, and the outer one otherwise.
 * Method: one datagram in each, every flag alone. */
Test(parse, tunnels_are_looked_into)
{
	for (unsigned type = TUNNEL_VXLAN; type < TUNNEL_TYPES; type++) {
		struct frame f;
		struct packet p;
		uint32_t inner;

		tunnel_make(&f, type, &inner);
		for (unsigned flag = TUNNEL_VXLAN; flag < TUNNEL_TYPES; flag++) {
			cr_assert(eq(int, (int)parse(&f, PARSE_TUNNEL(flag), &p), DROP_NONE));
			if (flag != type) {
				cr_assert(eq(u8, p.facts, 0), "type %u", type);
				cr_assert(eq(u8, p.key.proto, envelopes[type].proto));
				continue;
			}
			cr_assert(eq(u8, p.facts, PACKET_TUNNEL), "type %u", type);
			cr_assert(all(eq(u8, p.more.tunnel.type, type),
				      eq(u32, p.more.tunnel.id, envelopes[type].id)));
			cr_assert(eq(int, p.more.tunnel.has_id, envelopes[type].id != 0));
			cr_assert(eq(u16, p.more.tunnel.outer_l3_offset, 14));
			cr_assert(all(eq(u32, p.l3_offset, inner), eq(u8, p.key.proto, 17)));
			cr_assert(all(eq(u16, p.key.port[0], 40000), eq(u16, p.key.port[1], 53)));
			cr_assert(eq(u8, p.key.addr[0][0],
				     envelopes[type].carries == CARRIES_IPV6 ? 0x20 : 192));
			cr_assert(eq(u32, p.l3_offset + p.l3_bytes, f.length));
		}
	}
}

/* Goal: a frame cut off anywhere in a tunnel is refused and not read past its end; so is an inner
 * packet that is longer than its tunnel. Method: every prefix; every shorter outer IP length. */
Test(parse, tunnels_cut_off)
{
	for (unsigned type = TUNNEL_VXLAN; type < TUNNEL_TYPES; type++) {
		struct frame f;
		struct packet p;
		uint32_t inner;

		tunnel_make(&f, type, &inner);
		for (uint32_t whole = f.length; f.length > 0;) {
			f.length--;
			cr_assert(ne(int, (int)parse(&f, PARSE_TUNNELS, &p), DROP_NONE), "%u of %u",
				  f.length, whole);
		}
		tunnel_make(&f, type, &inner);
		for (uint32_t total = 20; total < f.length - f.l3; total++) {
			be16_store(f.bytes + f.l3 + 2, (uint16_t)total);
			if (envelopes[type].proto == 17 && total >= 28)
				be16_store(f.bytes + f.l4 + 4, (uint16_t)(total - 20));
			cr_assert(ne(int, (int)parse(&f, PARSE_TUNNELS | PARSE_CHECKSUM_IGNORE, &p),
				     DROP_NONE),
				  "type %u, %u", type, total);
		}
	}
}

/* Goal: each rule of a tunnel's header refuses what breaks it, and only that.
 * Method: change bytes of the header; offsets are from its start. */
Test(parse, tunnel_rules)
{
	static const struct {
		const char *what;
		enum tunnel_type type;
		enum drop_reason reason;
		struct {
			uint8_t at, value;
		} patches[3];
	} cases[] = {
		{ "VXLAN without id", TUNNEL_VXLAN, DROP_VXLAN_MALFORMED, { { 0, 0xf7 } } },
		{ "VXLAN, reserved bits",
		  TUNNEL_VXLAN,
		  DROP_NONE,
		  { { 0, 0xff }, { 1, 9 }, { 7, 9 } } },
		{ "VXLAN, inner tag",
		  TUNNEL_VXLAN,
		  DROP_VLAN_TOO_DEEP,
		  { { 20, 0x81 }, { 21, 0 } } },
		{ "VXLAN, inner ARP", TUNNEL_VXLAN, DROP_TUNNEL_PAYLOAD, { { 21, 6 } } },
		{ "Geneve, version 1", TUNNEL_GENEVE, DROP_GENEVE_MALFORMED, { { 0, 0x41 } } },
		{ "Geneve, options past the end",
		  TUNNEL_GENEVE,
		  DROP_GENEVE_MALFORMED,
		  { { 0, 0x3f } } },
		{ "Geneve, critical option",
		  TUNNEL_GENEVE,
		  DROP_GENEVE_MALFORMED,
		  { { 1, 0x40 } } },
		{ "Geneve, control", TUNNEL_GENEVE, DROP_TUNNEL_PAYLOAD, { { 1, 0x80 } } },
		{ "Geneve, other payload", TUNNEL_GENEVE, DROP_TUNNEL_PAYLOAD, { { 2, 0x88 } } },
		{ "GRE, routing", TUNNEL_GRE, DROP_GRE_MALFORMED, { { 0, 0x70 } } },
		{ "GRE, version 1", TUNNEL_GRE, DROP_GRE_MALFORMED, { { 1, 1 } } },
		{ "GRE, checksum", TUNNEL_GRE, DROP_GRE_MALFORMED, { { 0, 0xb0 } } },
		{ "GRE, other payload", TUNNEL_GRE, DROP_TUNNEL_PAYLOAD, { { 2, 0x88 } } },
		{ "IPIP with IPv6", TUNNEL_IPIP, DROP_IPV4_VERSION, { { 0, 0x60 } } },
		{ "6in4 with IPv4", TUNNEL_6IN4, DROP_IPV6_VERSION, { { 0, 0x40 } } },
		{ "GTP version 2", TUNNEL_GTPU, DROP_GTPU_MALFORMED, { { 0, 0x56 } } },
		{ "GTP'", TUNNEL_GTPU, DROP_GTPU_MALFORMED, { { 0, 0x26 } } },
		{ "GTP-U, length past the datagram",
		  TUNNEL_GTPU,
		  DROP_GTPU_MALFORMED,
		  { { 2, 1 } } },
		{ "GTP-U, extension of length 0", TUNNEL_GTPU, DROP_GTPU_MALFORMED, { { 12, 0 } } },
		{ "GTP-U, extension past the end",
		  TUNNEL_GTPU,
		  DROP_GTPU_MALFORMED,
		  { { 12, 99 } } },
		{ "GTP-U, echo request", TUNNEL_GTPU, DROP_NONE, { { 1, 1 } } },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct frame f;
		struct packet p;
		uint32_t inner, header;

		tunnel_make(&f, cases[i].type, &inner);
		header = f.l4 + (envelopes[cases[i].type].proto == 17 ? 8 : 0);
		for (unsigned k = 0; k < 3; k++)
			if (cases[i].patches[k].at != 0 || cases[i].patches[k].value != 0)
				f.bytes[header + cases[i].patches[k].at] =
					cases[i].patches[k].value;
		cr_assert(eq(str, (char *)drop_names[parse(&f, PARSE_TUNNELS, &p)],
			     (char *)drop_names[cases[i].reason]),
			  "%s", cases[i].what);
	}
}

/* Goal: the inner packet's checksums are looked at even when the device vouched for the outer
 * one's; UDP over IPv6 may do without when it is a tunnel's (RFC 6935). Method: spoil the inner
 * one; put VXLAN over IPv6 without a checksum. */
Test(parse, tunnel_checksums)
{
	const struct envelope *e = &envelopes[TUNNEL_VXLAN];
	struct frame f, in;
	struct packet p;
	uint32_t inner;

	tunnel_make(&f, TUNNEL_GRE, &inner);
	f.bytes[f.length - 1] ^= 1;
	cr_assert(eq(int, (int)parse(&f, PARSE_TUNNELS | PARSE_L4_CHECKSUM_GOOD, &p),
		     DROP_UDP_CHECKSUM));
	cr_assert(eq(int, (int)parse(&f, PARSE_TUNNELS | PARSE_CHECKSUM_IGNORE, &p), DROP_NONE));

	sample_make(&in, UDP4);
	frame_ethernet(&f, 0, 0x86dd);
	frame_ipv6(&f, 17, "", 0, 17);
	frame_udp(&f, 50000, e->port, 0);
	frame_put(&f, e->header, e->bytes);
	frame_put(&f, in.bytes, in.length);
	be16_store(f.bytes + f.l4 + 4, (uint16_t)(f.length - f.l4));
	frame_finish(&f);
	be16_store(f.bytes + f.l4 + 6, 0);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_UDP_CHECKSUM));
	cr_assert(eq(int, (int)parse(&f, PARSE_TUNNEL(TUNNEL_VXLAN), &p), DROP_NONE));
	cr_assert(eq(u8, p.key.family, 4));
	cr_assert(all(eq(u8, p.key.addr[0][4], 0), eq(u8, p.key.addr[1][15], 0)));
}

/* Goal: one tunnel is looked into, not two. Method: IPIP in IPIP. */
Test(parse, tunnels_do_not_nest)
{
	struct frame f, outer;
	struct packet p;
	uint32_t inner;

	tunnel_make(&f, TUNNEL_IPIP, &inner);
	frame_ethernet(&outer, 0, 0x0800);
	frame_ipv4(&outer, 4, "", 0);
	frame_put(&outer, f.bytes + f.l3, f.length - f.l3);
	frame_finish(&outer);
	cr_assert(eq(int, (int)parse(&outer, PARSE_TUNNELS, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.kind, PACKET_NO_PORTS), eq(u8, p.key.proto, 4)));
	cr_assert(eq(u16, p.l3_offset, 34));
}
