/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_link.c: the rules below IP: Ethernet, tags, LLC, ARP, MPLS, PPPoE. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/parse_samples.h"

/* Goal: each rule below IP refuses what breaks it, and only that.
 * Method: change a few bytes of a good sample; DROP_NONE marks the neighbour that still passes. */
Test(parse, link_rules)
{
	static const struct refusal cases[] = {
		{ "unknown EtherType", TCP4, DROP_ETHERTYPE_UNKNOWN, 0, { { L2, 12, 0x12 } } },
		{ "LLC length", TCP4, DROP_LLC, 0, { { L2, 12, 0 }, { L2, 13, 40 } } },
		{ "priority tag", TCP4_VLAN, DROP_NONE, 0, { { L2, 14, 0xe0 }, { L2, 15, 0 } } },
		{ "tag of 9100", TCP4_VLAN, DROP_NONE, 0, { { L2, 12, 0x91 }, { L2, 13, 0 } } },
		{ "tag of 88a8", TCP4_VLAN, DROP_NONE, 0, { { L2, 12, 0x88 }, { L2, 13, 0xa8 } } },
		{ "ARP hardware", ARP, DROP_ARP_MALFORMED, 0, { { L3, 1, 6 } } },
		{ "ARP protocol", ARP, DROP_ARP_MALFORMED, 0, { { L3, 2, 0x86 } } },
		{ "ARP MAC length", ARP, DROP_ARP_MALFORMED, 0, { { L3, 4, 8 } } },
		{ "ARP IP length", ARP, DROP_ARP_MALFORMED, 0, { { L3, 5, 16 } } },
		{ "SNAP with IPv4", TCP4, DROP_LLC, 0, { { L2, 12, 5 }, { L2, 13, 0xff } } },
		{ "lowest EtherType",
		  TCP4,
		  DROP_ETHERTYPE_UNKNOWN,
		  0,
		  { { L2, 12, 6 }, { L2, 13, 0 } } },
		{ "MPLS, upstream labels", MPLS4, DROP_NONE, 0, { { L2, 13, 0x48 } } },
		{ "MPLS, implicit null",
		  MPLS4,
		  DROP_MPLS_STACK,
		  0,
		  { { L2, 15, 0 }, { L2, 16, 0x30 } } },
		{ "MPLS, explicit null", MPLS4, DROP_NONE, 0, { { L2, 15, 0 }, { L2, 16, 0 } } },
		{ "MPLS with something else", MPLS4, DROP_MPLS_PAYLOAD, 0, { { L3, 0, 0x05 } } },
		{ "MPLS with an IP of the wrong kind",
		  MPLS4,
		  DROP_IPV6_TRUNCATED,
		  0,
		  { { L3, 0, 0x60 } } },
		{ "PPPoE, version 2", PPPOE6, DROP_PPPOE_MALFORMED, 0, { { L2, 14, 0x21 } } },
		{ "PPPoE, code", PPPOE6, DROP_PPPOE_MALFORMED, 0, { { L2, 15, 7 } } },
		{ "PPPoE, session 0",
		  PPPOE6,
		  DROP_PPPOE_MALFORMED,
		  0,
		  { { L2, 16, 0 }, { L2, 17, 0 } } },
		{ "PPPoE, session of all ones",
		  PPPOE6,
		  DROP_PPPOE_MALFORMED,
		  0,
		  { { L2, 16, 0xff }, { L2, 17, 0xff } } },
		{ "PPPoE, length 1", PPPOE6, DROP_PPPOE_MALFORMED, 0, { { L2, 19, 1 } } },
		{ "PPPoE, length past the frame",
		  PPPOE6,
		  DROP_PPPOE_MALFORMED,
		  0,
		  { { L2, 19, 0x43 } } },
		{ "PPPoE, length below the packet",
		  PPPOE6,
		  DROP_IPV6_TRUNCATED,
		  0,
		  { { L2, 19, 0x41 } } },
		{ "PPPoE, LCP",
		  PPPOE6,
		  DROP_PPPOE_PROTOCOL,
		  0,
		  { { L2, 20, 0xc0 }, { L2, 21, 0x21 } } },
		{ "PPPoE, IPv4", PPPOE6, DROP_IPV4_VERSION, 0, { { L2, 21, 0x21 } } },
		{ "PPPoE discovery", PPPOE6, DROP_ETHERTYPE_UNKNOWN, 0, { { L2, 13, 0x63 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: labels and sessions are told, and a stack of labels ends at MPLS_LABELS_MAX.
 * Method: the samples; stacks of each height with a datagram below. */
Test(parse, labels_and_sessions)
{
	struct frame f;
	struct packet p;

	sample_make(&f, MPLS4);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.facts, PACKET_MPLS), eq(u32, p.more.mpls_label, 18)));
	cr_assert(eq(u16, p.more.mpls_labels, 2));
	sample_make(&f, PPPOE6);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.facts, PACKET_PPPOE | PACKET_TCP_OPTIONS),
		      eq(u16, p.more.pppoe_session, 0x1234)));

	for (unsigned n = 1; n <= MPLS_LABELS_MAX + 1; n++) {
		frame_ethernet(&f, 0, 0x8847);
		for (unsigned i = 0; i < n; i++)
			frame_put32(&f, (100 + i) << 12 | (i + 1 == n ? 0x100u : 0) | 64);
		f.l3 = f.length;
		frame_ipv4(&f, 17, "", 0);
		frame_udp(&f, 40000, 53, 7);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p),
			     n > MPLS_LABELS_MAX ? DROP_MPLS_STACK : DROP_NONE));
		for (uint32_t cut = 14; cut <= f.l3; cut++)
			cr_assert(ne(int, (int)parse_frame(f.bytes, cut, 0, 0, &p), DROP_NONE));
	}
}

/* Goal: at most two tags count, the one in the device's metadata included; its id is the outermost.
 * Method: 0 to 3 tags in the bytes, with and without one stripped, and the headers cut off. */
Test(parse, vlan_depth)
{
	for (unsigned stripped = 0; stripped < 2; stripped++) {
		const unsigned flags = stripped ? PARSE_VLAN_STRIPPED : 0;

		for (unsigned tags = 0; tags < 4; tags++) {
			struct frame f;
			struct packet p;
			enum drop_reason reason;

			frame_ethernet(&f, tags, 0x0800);
			frame_ipv4(&f, 17, "", 0);
			frame_udp(&f, 40000, 53, 7);
			frame_finish(&f);
			reason = parse_frame(f.bytes, f.length, flags, 0xa007, &p);
			if (tags + stripped > 2) {
				cr_assert(eq(int, (int)reason, DROP_VLAN_TOO_DEEP));
				continue;
			}
			cr_assert(eq(int, (int)reason, DROP_NONE));
			cr_assert(eq(u16, p.vlan, stripped ? 7 : tags ? 100 : 0));
			cr_assert(eq(u16, p.l3_offset, 14 + 4 * tags));
			cr_assert(eq(int, (p.facts & PACKET_TAGGED) != 0, tags + stripped > 0));
			cr_assert(
				eq(int, (p.facts & PACKET_TAGGED_TWICE) != 0, tags + stripped > 1));
			if (tags + stripped == 2)
				cr_assert(eq(u16, p.more.vlan_inner, stripped ? 100 : 101));
			for (uint32_t n = 0; n < f.l3; n++)
				cr_assert(eq(int, (int)parse_frame(f.bytes, n, flags, 0xa007, &p),
					     DROP_FRAME_TRUNCATED));
		}
	}
}
