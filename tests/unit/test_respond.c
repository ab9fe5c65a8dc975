/* SPDX-License-Identifier: BSD-3-Clause */
/* test_respond.c: ARP, neighbour discovery and echo: read, answered in place, asked. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "common/base/check.h"
#include "dataplane/respond/respond.h"
#include "tests/unit/frames.h"

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 0x0b };
static const uint8_t their_mac[6] = { 2, 0, 0, 0, 0, 0x0a };

/* "2001:db8::a asks for 2001:db8::b", with the source link-layer address option. */
static const uint8_t solicitation[24] = {
	0x20, 0x01, 0x0d, 0xb8, [15] = 0x0b, [16] = 1, 1, 2, 0, 0, 0, 0, 0x0a,
};

static void
arp_make(struct frame *f, unsigned tags)
{
	frame_ethernet(f, tags, 0x0806);
	memset(f->bytes, 0xff, 6);
	frame_put(f, "\0\1\x08\0\6\4\0\1" FRAME_MAC_A FRAME_IPV4_A "\0\0\0\0\0\0" FRAME_IPV4_B, 28);
	frame_put(f, "trailing padding..", 18);
}

static void
nd_make(struct frame *f, unsigned tags, uint8_t type, uint32_t rest, const void *body,
	uint32_t bytes)
{
	frame_ethernet(f, tags, 0x86dd);
	frame_ipv6(f, 58, "", 0, 58);
	frame_icmp(f, type, 0, rest, body, bytes);
	frame_finish(f);
}

static struct packet
parsed(const struct frame *f)
{
	struct packet p;

	cr_assert(eq(int, (int)parse_frame(f->bytes, f->length, 0, 0, &p), DROP_NONE));
	return p;
}

/* Goal: an ARP request is read and becomes its reply, tags kept.
 * Method: all tag depths; compare the reply byte by byte, then read it as its receiver would. */
Test(respond, arp_request_becomes_reply)
{
	for (unsigned tags = 0; tags <= 2; tags++) {
		struct arp_message m, reply;
		struct frame f, before;
		struct packet p;
		uint32_t length;

		arp_make(&f, tags);
		before = f;
		p = parsed(&f);
		cr_assert(eq(int, arp_read(f.bytes, &p, &m), 0));
		cr_assert(eq(u16, m.op, ARP_REQUEST));
		cr_assert(eq(int, memcmp(m.sender_mac, their_mac, 6), 0));
		cr_assert(eq(int, memcmp(m.sender.bytes, FRAME_IPV4_A, 4), 0));
		cr_assert(eq(int, memcmp(m.target.bytes, FRAME_IPV4_B, 4), 0));

		length = arp_answer(f.bytes, &p, our_mac);
		cr_assert(eq(u32, length, 42 + 4 * tags));
		cr_assert(eq(int, memcmp(f.bytes, FRAME_MAC_A FRAME_MAC_B, 12), 0));
		cr_assert(eq(int, memcmp(f.bytes + 12, before.bytes + 12, 2 + 4 * tags), 0));
		cr_assert(eq(int,
			     memcmp(f.bytes + f.l3,
				    "\0\1\x08\0\6\4\0\2" FRAME_MAC_B FRAME_IPV4_B FRAME_MAC_A
					    FRAME_IPV4_A,
				    28),
			     0));
		f.length = length;
		p = parsed(&f);
		cr_assert(eq(int, arp_read(f.bytes, &p, &reply), 0));
		cr_assert(eq(u16, reply.op, ARP_REPLY));
	}
}

/* Goal: ARP whose sender cannot be one station is refused; a probe is not.
 * Method: one byte or two changed per case; offsets are those of RFC 826's fields. */
Test(respond, arp_senders)
{
	static const struct {
		const char *what;
		int result;
		uint8_t op, mac0, ip0, ip3;
	} cases[] = {
		{ "request", 0, 1, 2, 192, 1 },
		{ "reply", 0, 2, 2, 192, 1 },
		{ "probe", 0, 1, 2, 0, 0 },
		{ "reply of nobody", -EINVAL, 2, 2, 0, 0 },
		{ "operation 0", -EINVAL, 0, 2, 192, 1 },
		{ "reverse ARP", -EINVAL, 3, 2, 192, 1 },
		{ "group MAC", -EINVAL, 1, 1, 192, 1 },
		{ "this network", -EINVAL, 1, 2, 0, 7 },
		{ "loopback", -EINVAL, 1, 2, 127, 1 },
		{ "multicast", -EINVAL, 1, 2, 224, 1 },
		{ "broadcast", -EINVAL, 2, 2, 255, 255 },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct arp_message m;
		struct frame f;
		struct packet p;

		arp_make(&f, 0);
		f.bytes[f.l3 + 7] = cases[i].op;
		f.bytes[f.l3 + 8] = cases[i].mac0;
		memset(f.bytes + f.l3 + 14, 0, 4);
		f.bytes[f.l3 + 14] = cases[i].ip0;
		f.bytes[f.l3 + 17] = cases[i].ip3;
		p = parsed(&f);
		cr_assert(eq(int, arp_read(f.bytes, &p, &m), cases[i].result), "%s", cases[i].what);
	}
}

/* Goal: each reader and answer takes its own kind of packet only.
 * Method: hand ARP to the others and an echo to the readers. */
Test(respond, other_kinds_are_left_alone)
{
	struct neighbour_message n;
	struct arp_message m;
	struct frame f;
	struct packet p;

	arp_make(&f, 0);
	p = parsed(&f);
	cr_assert(eq(int, neighbour_read(f.bytes, &p, &n), -ENOMSG));
	cr_assert(eq(int, echo_answer(f.bytes, &p, our_mac), -ENOMSG));
	nd_make(&f, 0, 128, 0, "ping", 4);
	p = parsed(&f);
	cr_assert(eq(int, arp_read(f.bytes, &p, &m), -ENOMSG));
	cr_assert(eq(int, neighbour_read(f.bytes, &p, &n), -ENOMSG));
	nd_make(&f, 0, 129, 0, "ping", 4);
	p = parsed(&f);
	cr_assert(eq(int, echo_answer(f.bytes, &p, our_mac), -ENOMSG));
	nd_make(&f, 0, 133, 0, "", 0);
	p = parsed(&f);
	cr_assert(eq(int, neighbour_read(f.bytes, &p, &n), -ENOMSG));
}

/* Goal: a solicitation becomes a solicited advertisement that its sender accepts, tags kept, also
 * when it is longer than the request; and nothing is written when it does not fit.
 * Method: with and without option, all tag depths; read the answer back with all checks. */
Test(respond, solicitation_becomes_advertisement)
{
	for (unsigned i = 0; i < 6; i++) {
		const unsigned tags = i % 3;
		const bool option = i < 3;
		struct neighbour_message m, answer;
		struct frame f, before;
		struct packet p;
		int length;

		nd_make(&f, tags, 135, 0, solicitation, option ? 24 : 16);
		p = parsed(&f);
		cr_assert(eq(int, neighbour_read(f.bytes, &p, &m), 0));
		cr_assert(m.solicitation);
		cr_assert(eq(int, m.has_mac, option));
		if (option)
			cr_assert(eq(int, memcmp(m.mac, their_mac, 6), 0));
		cr_assert(eq(int, memcmp(m.source.bytes, FRAME_IPV6_A, 16), 0));
		cr_assert(eq(int, memcmp(m.target.bytes, FRAME_IPV6_B, 16), 0));

		before = f;
		cr_assert(eq(int, neighbour_answer(f.bytes, 14 + 4 * tags + 71, &p, &m, our_mac),
			     -ENOSPC));
		cr_assert(eq(int, memcmp(&f, &before, sizeof(f)), 0));
		length = neighbour_answer(f.bytes, 14 + 4 * tags + 72, &p, &m, our_mac);
		cr_assert(eq(int, length, (int)(14 + 4 * tags + 72)));
		cr_assert(eq(int, memcmp(f.bytes, FRAME_MAC_A FRAME_MAC_B, 12), 0));
		cr_assert(eq(int, memcmp(f.bytes + 12, before.bytes + 12, 2 + 4 * tags), 0));

		f.length = (uint32_t)length;
		p = parsed(&f);
		cr_assert(eq(u8, p.icmp_type, 136));
		cr_assert(eq(int, memcmp(p.key.addr[1], FRAME_IPV6_A, 16), 0));
		cr_assert(eq(int, neighbour_read(f.bytes, &p, &answer), 0));
		cr_assert(not(answer.solicitation));
		cr_assert(answer.has_mac && answer.solicited && answer.override && !answer.router);
		cr_assert(eq(int, memcmp(answer.mac, our_mac, 6), 0));
		cr_assert(eq(int, memcmp(answer.source.bytes, FRAME_IPV6_B, 16), 0));
		cr_assert(eq(int, memcmp(answer.target.bytes, FRAME_IPV6_B, 16), 0));
	}
}

/* Goal: a probe for duplicates is answered to all nodes, unsolicited (RFC 4861 7.2.4).
 * Method: source zero, destination the solicited-node group. */
Test(respond, duplicate_probe_is_answered_to_all)
{
	struct neighbour_message m;
	struct frame f;
	struct packet p;

	nd_make(&f, 0, 135, 0, solicitation, 16);
	memset(f.bytes + f.l3 + 8, 0, 16);
	memcpy(f.bytes + f.l3 + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\0\x0b", 16);
	frame_checksums(&f);
	p = parsed(&f);
	cr_assert(eq(int, neighbour_read(f.bytes, &p, &m), 0));
	f.length = (uint32_t)neighbour_answer(f.bytes, sizeof(f.bytes), &p, &m, our_mac);
	cr_assert(eq(u32, f.length, 86));
	cr_assert(eq(int, memcmp(f.bytes, "\x33\x33\0\0\0\x01" FRAME_MAC_B, 12), 0));
	p = parsed(&f);
	cr_assert(eq(int, memcmp(p.key.addr[1], "\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 16), 0));
	cr_assert(eq(int, neighbour_read(f.bytes, &p, &m), 0));
	cr_assert(m.override && !m.solicited);
}

/* Goal: an answer never goes to a group of stations that a forged frame names as its source.
 * Method: set the group bit of the Ethernet source. */
Test(respond, group_source_gets_no_answer)
{
	struct neighbour_message m;
	struct frame f;
	struct packet p;

	nd_make(&f, 0, 135, 0, solicitation, 24);
	f.bytes[6] |= 1;
	p = parsed(&f);
	cr_assert(eq(int, neighbour_read(f.bytes, &p, &m), 0));
	cr_assert(eq(int, neighbour_answer(f.bytes, sizeof(f.bytes), &p, &m, our_mac), -EINVAL));
	nd_make(&f, 0, 128, 0, "ping", 4);
	f.bytes[6] |= 1;
	p = parsed(&f);
	cr_assert(eq(int, echo_answer(f.bytes, &p, our_mac), -EADDRNOTAVAIL));
}

/* Goal: each check of RFC 4861 7.1.1 and 7.1.2 refuses its own fault.
 * Method: a table: the message, then one byte changed in the IPv6 header or in the message. */
Test(respond, discovery_rules)
{
	static const struct {
		const char *what;
		int result;
		uint8_t type, flags, bytes; /* of the body */
		uint8_t ip_at, ip_value, nd_at, nd_value;
	} cases[] = {
		{ "solicitation", 0, 135, 0, 24 },
		{ "advertisement", 0, 136, 0xe0, 16 },
		{ "hop limit 254", -EINVAL, 135, 0, 24, 7, 254 },
		{ "code", -EINVAL, 135, 0, 24, 0, 0, 1, 1 },
		{ "no target", -EINVAL, 135, 0, 15 },
		{ "target multicast", -EINVAL, 135, 0, 24, 0, 0, 8, 0xff },
		{ "option of length 0", -EINVAL, 135, 0, 24, 0, 0, 25, 0 },
		{ "other option of length 0", -EINVAL, 136, 0, 24, 0, 0, 25, 0 },
		{ "option past the end", -EINVAL, 135, 0, 24, 0, 0, 25, 2 },
		{ "option cut off", -EINVAL, 135, 0, 17 },
		{ "unknown option", 0, 135, 0, 24, 0, 0, 24, 14 },
		{ "group in the option", -EINVAL, 135, 0, 24, 0, 0, 26, 3 },
		{ "target option in a solicitation", 0, 135, 0, 24, 0, 0, 24, 2 },
		{ "solicited to a group", -EINVAL, 136, 0x40, 16, 24, 0xff },
		{ "unsolicited to a group", 0, 136, 0x20, 16, 24, 0xff },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct neighbour_message m = { .router = true };
		struct frame f;
		struct packet p;

		nd_make(&f, 0, cases[i].type, (uint32_t)cases[i].flags << 24, solicitation,
			cases[i].bytes);
		if (cases[i].ip_at != 0)
			f.bytes[f.l3 + cases[i].ip_at] = cases[i].ip_value;
		if (cases[i].nd_at != 0)
			f.bytes[f.l4 + cases[i].nd_at] = cases[i].nd_value;
		frame_checksums(&f);
		p = parsed(&f);
		cr_assert(eq(int, neighbour_read(f.bytes, &p, &m), cases[i].result), "%s",
			  cases[i].what);
		if (cases[i].result == 0) {
			cr_assert(eq(int, m.router, cases[i].flags == 0xe0), "%s", cases[i].what);
			cr_assert(eq(int, m.solicited, (cases[i].flags & 0x40) != 0));
			cr_assert(eq(int, m.override, (cases[i].flags & 0x20) != 0));
		} else {
			cr_assert(m.router, "%s", cases[i].what);
		}
	}
}

/* Goal: a probe for duplicates must go to a solicited-node group and name no source.
 * Method: both faults, on a message whose source is zero. */
Test(respond, duplicate_probe_rules)
{
	for (unsigned i = 0; i < 3; i++) {
		struct neighbour_message m;
		struct frame f;
		struct packet p;

		nd_make(&f, 0, 135, 0, solicitation, i == 1 ? 24 : 16);
		memset(f.bytes + f.l3 + 8, 0, 16);
		if (i != 2)
			memcpy(f.bytes + f.l3 + 24, "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\0\0\x0b",
			       16);
		frame_checksums(&f);
		p = parsed(&f);
		cr_assert(eq(int, neighbour_read(f.bytes, &p, &m), i == 0 ? 0 : -EINVAL));
	}
}

/* Goal: an IPv4 echo request becomes its reply: same data, addresses turned round, TTL 64, right
 * checksums, options blanked, tags kept. Method: parse the reply with checksums; compare. */
Test(respond, echo_ipv4)
{
	for (unsigned i = 0; i < 6; i++) {
		const bool options = i >= 3;
		struct frame f, before;
		struct packet p;
		int length;

		frame_ethernet(&f, i % 3, 0x0800);
		frame_ipv4(&f, 1, "\x07\x07\x04\0\0\0\0\0", options ? 8 : 0);
		frame_icmp(&f, 8, 0, 0x12340001, "odd payload", 11);
		frame_finish(&f);
		length = (int)f.length;
		frame_put(&f, "padding", 7);
		before = f;
		p = parsed(&f);
		cr_assert(eq(int, echo_answer(f.bytes, &p, our_mac), length));
		cr_assert(eq(int, memcmp(f.bytes, FRAME_MAC_A FRAME_MAC_B, 12), 0));
		cr_assert(eq(int, memcmp(f.bytes + 12, before.bytes + 12, f.l3 - 12), 0));
		f.length = (uint32_t)length;
		p = parsed(&f);
		cr_assert(eq(u8, p.icmp_type, 0));
		cr_assert(eq(u8, p.ttl, 64));
		cr_assert(eq(int, memcmp(p.key.addr[0], FRAME_IPV4_B, 4), 0));
		cr_assert(eq(int, memcmp(p.key.addr[1], FRAME_IPV4_A, 4), 0));
		cr_assert(eq(int, memcmp(f.bytes + f.l4 + 4, before.bytes + f.l4 + 4, 15), 0));
		if (options)
			cr_assert(eq(int, memcmp(f.bytes + f.l3 + 20, "\1\1\1\1\1\1\1\1", 8), 0));
	}
}

/* Goal: an IPv6 echo request becomes its reply, extension headers left out.
 * Method: as above; with a destination header the reply is 8 bytes shorter. */
Test(respond, echo_ipv6)
{
	for (unsigned i = 0; i < 6; i++) {
		const bool chain = i >= 3;
		struct frame f, before;
		struct packet p;
		int length;

		frame_ethernet(&f, i % 3, 0x86dd);
		frame_ipv6(&f, chain ? 60 : 58, "\x3a\0\1\4\0\0\0\0", chain ? 8 : 0, 58);
		frame_icmp(&f, 128, 0, 0x12340001, "odd payload", 11);
		frame_finish(&f);
		before = f;
		p = parsed(&f);
		length = echo_answer(f.bytes, &p, our_mac);
		cr_assert(eq(int, length, (int)(f.length - (chain ? 8 : 0))));
		f.length = (uint32_t)length;
		p = parsed(&f);
		cr_assert(eq(u8, p.icmp_type, 129));
		cr_assert(eq(u8, p.ttl, 64));
		cr_assert(eq(u16, p.l4_offset, f.l3 + 40));
		cr_assert(eq(int, memcmp(p.key.addr[0], FRAME_IPV6_B, 16), 0));
		cr_assert(eq(int, memcmp(p.key.addr[1], FRAME_IPV6_A, 16), 0));
		cr_assert(eq(int, memcmp(f.bytes + f.l3 + 44, before.bytes + f.l4 + 4, 15), 0));
	}
}

/* Goal: an echo request to many is not answered, at either layer.
 * Method: multicast and broadcast destinations, then a broadcast frame. */
Test(respond, echo_to_many_is_ignored)
{
	for (unsigned i = 0; i < 4; i++) {
		struct frame f, before;
		struct packet p;

		frame_ethernet(&f, 0, i == 3 ? 0x86dd : 0x0800);
		if (i == 3) {
			frame_ipv6(&f, 58, "", 0, 58);
			f.bytes[f.l3 + 24] = 0xff;
		} else {
			frame_ipv4(&f, 1, "", 0);
			if (i < 2)
				f.bytes[f.l3 + 16] = i == 0 ? 224 : 255;
			else
				memset(f.bytes, 0xff, 6);
		}
		frame_icmp(&f, i == 3 ? 128 : 8, 0, 1, "ping", 4);
		frame_finish(&f);
		before = f;
		p = parsed(&f);
		cr_assert(eq(int, echo_answer(f.bytes, &p, our_mac), -EADDRNOTAVAIL), "%u", i);
		cr_assert(eq(int, memcmp(&f, &before, sizeof(f)), 0));
	}
}

/* Goal: questions are what RFC 826 and RFC 4861 4.3 ask for, tagged when wanted, and never written
 * into too little room. Method: build, read back, compare addresses at every layer. */
Test(respond, questions)
{
	const struct address a4 = { .bytes = FRAME_IPV4_A, .family = FAMILY_IPV4 };
	const struct address b4 = { .bytes = FRAME_IPV4_B, .family = FAMILY_IPV4 };
	struct address a6 = { .family = FAMILY_IPV6 }, b6 = { .family = FAMILY_IPV6 };

	memcpy(a6.bytes, FRAME_IPV6_A, 16);
	memcpy(b6.bytes, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\x12\x34\x56\x78", 16);
	for (unsigned tagged = 0; tagged < 2; tagged++) {
		const uint16_t vlan = tagged ? 4094 : 0;
		const uint32_t l3 = tagged ? 18 : 14;
		struct neighbour_message n;
		struct arp_message m;
		struct frame f = { .l3 = l3 };
		struct packet p;

		cr_assert(eq(int, arp_request_build(f.bytes, l3 + 27, vlan, our_mac, &a4, &b4),
			     -ENOSPC));
		cr_assert(eq(u8, f.bytes[0], 0));
		f.length = (uint32_t)arp_request_build(f.bytes, l3 + 28, vlan, our_mac, &a4, &b4);
		cr_assert(eq(u32, f.length, l3 + 28));
		p = parsed(&f);
		cr_assert(eq(u16, p.vlan, vlan));
		cr_assert(eq(int, memcmp(f.bytes, "\xff\xff\xff\xff\xff\xff" FRAME_MAC_B, 12), 0));
		cr_assert(eq(int, arp_read(f.bytes, &p, &m), 0));
		cr_assert(eq(u16, m.op, ARP_REQUEST));
		cr_assert(address_equal(&m.sender, &a4) && address_equal(&m.target, &b4));
		cr_assert(eq(int, memcmp(m.sender_mac, our_mac, 6), 0));

		memset(&f, 0, sizeof(f));
		cr_assert(eq(int,
			     neighbour_solicit_build(f.bytes, l3 + 71, vlan, our_mac, &a6, &b6),
			     -ENOSPC));
		cr_assert(eq(u8, f.bytes[0], 0));
		f.length = (uint32_t)neighbour_solicit_build(f.bytes, SOLICIT_FRAME_BYTES, vlan,
							     our_mac, &a6, &b6);
		cr_assert(eq(u32, f.length, l3 + 72));
		p = parsed(&f);
		cr_assert(eq(u16, p.vlan, vlan));
		cr_assert(eq(int, memcmp(f.bytes, "\x33\x33\xff\x34\x56\x78" FRAME_MAC_B, 12), 0));
		cr_assert(eq(
			int,
			memcmp(p.key.addr[1], "\xff\x02\0\0\0\0\0\0\0\0\0\x01\xff\x34\x56\x78", 16),
			0));
		cr_assert(eq(int, neighbour_read(f.bytes, &p, &n), 0));
		cr_assert(n.solicitation && n.has_mac);
		cr_assert(address_equal(&n.source, &a6) && address_equal(&n.target, &b6));
		cr_assert(eq(int, memcmp(n.mac, our_mac, 6), 0));
	}
}
