/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_ipv4.c: the rules of IPv4: header, options, sources, fragments. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/parse_samples.h"

/* Goal: each rule of IPv4 refuses what breaks it, and only that.
 * Method: change a few bytes of a good sample; DROP_NONE marks the neighbour that still passes. */
Test(parse, ipv4_rules)
{
	static const struct refusal cases[] = {
		{ "version 5", TCP4, DROP_IPV4_VERSION, 1, { { L3, 0, 0x55 } } },
		{ "IPv6 under IPv4's type", TCP4, DROP_IPV4_VERSION, 0, { { L3, 0, 0x60 } } },
		{ "header of 16", TCP4, DROP_IPV4_HEADER_LENGTH, 1, { { L3, 0, 0x44 } } },
		{ "header past the datagram",
		  UDP4_EMPTY,
		  DROP_IPV4_HEADER_LENGTH,
		  1,
		  { { L3, 0, 0x48 } } },
		{ "datagram below the header",
		  TCP4,
		  DROP_IPV4_HEADER_LENGTH,
		  1,
		  { { L3, 3, 19 } } },
		{ "datagram past the frame", TCP4, DROP_IPV4_TRUNCATED, 1, { { L3, 3, 50 } } },
		{ "datagram of 65535",
		  TCP4,
		  DROP_IPV4_TRUNCATED,
		  0,
		  { { L3, 2, 0xff }, { L3, 3, 0xff } } },
		{ "header checksum", TCP4, DROP_IPV4_CHECKSUM, 0, { { L3, 8, 62 } } },
		{ "TTL 0", TCP4, DROP_NONE, 1, { { L3, 8, 0 } } },
		{ "option length 0", TCP4_OPTIONS, DROP_IPV4_OPTIONS, 1, { { L3, 22, 0 } } },
		{ "option length 1",
		  TCP4_OPTIONS,
		  DROP_IPV4_OPTIONS,
		  1,
		  { { L3, 22, 1 }, { L3, 23, 1 } } },
		{ "option past the header",
		  TCP4_OPTIONS,
		  DROP_IPV4_OPTIONS,
		  1,
		  { { L3, 22, 12 } } },
		{ "option to the header's end", TCP4_OPTIONS, DROP_NONE, 1, { { L3, 22, 11 } } },
		{ "option without length",
		  TCP4_OPTIONS,
		  DROP_IPV4_OPTIONS,
		  1,
		  { { L3, 22, 10 }, { L3, 31, 7 } } },
		{ "loose source route",
		  TCP4_OPTIONS,
		  DROP_IPV4_SOURCE_ROUTE,
		  1,
		  { { L3, 21, 131 } } },
		{ "strict source route",
		  TCP4_OPTIONS,
		  DROP_IPV4_SOURCE_ROUTE,
		  1,
		  { { L3, 21, 137 } } },
		{ "nothing behind the end of options",
		  TCP4_OPTIONS,
		  DROP_NONE,
		  1,
		  { { L3, 20, 0 }, { L3, 21, 131 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: sources, fragments and protocols are refused when they break a rule, and only then.
 * Method: as above. */
Test(parse, ipv4_sources_and_fragments)
{
	static const struct refusal cases[] = {
		{ "source 0.0.0.0/8", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 0 } } },
		{ "source 127/8", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 127 } } },
		{ "source multicast", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 224 } } },
		{ "source class E", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 240 } } },
		{ "source broadcast",
		  TCP4,
		  DROP_SOURCE_INVALID,
		  1,
		  { { L3, 12, 255 }, { L3, 13, 255 }, { L3, 14, 255 }, { L3, 15, 255 } } },
		{ "source 223", TCP4, DROP_NONE, 1, { { L3, 12, 223 } } },
		{ "first fragment", UDP4, DROP_NONE, 1, { { L3, 6, 0x20 } } },
		{ "later fragment", UDP4, DROP_NONE, 1, { { L3, 7, 1 } } },
		{ "reserved flag alone", UDP4, DROP_NONE, 1, { { L3, 6, 0x80 } } },
		{ "ESP", UDP4, DROP_NONE, 1, { { L3, 9, 50 } } },
		{ "UDP cut by the fragment",
		  FRAGMENT4,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 3, 27 } } },
		{ "UDP header alone", FRAGMENT4, DROP_NONE, 1, { { L3, 3, 28 } } },
		{ "TCP cut by the fragment",
		  TCP4,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 6, 0x20 }, { L3, 3, 39 } } },
		{ "TCP options cut by the fragment",
		  TCP4,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 6, 0x20 }, { L3, 3, 43 } } },
		{ "ICMP cut by the fragment",
		  ECHO4,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 6, 0x20 }, { L3, 3, 27 } } },
		{ "timestamp cut by the fragment",
		  TIMESTAMP4,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 6, 0x20 }, { L3, 3, 36 } } },
		{ "SCTP cut by the fragment",
		  SCTP4,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 6, 0x20 }, { L3, 3, 35 } } },
		{ "UDP-Lite cut by the fragment",
		  UDPLITE4,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 6, 0x20 }, { L3, 3, 27 } } },
		{ "header of a later fragment", FRAGMENT4_LATER, DROP_NONE, 1, { { L3, 3, 21 } } },
		{ "ICMPv6 in IPv4", ECHO4, DROP_NONE, 1, { { L3, 9, 58 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: a host without an address may ask for one and report its groups, nothing else (RFC 2131
 * 4.1, RFC 3376 4.2.13). Method: source 0.0.0.0 in several packets. */
Test(parse, ipv4_without_an_address)
{
	static const struct {
		enum sample sample;
		bool broadcast;
		enum drop_reason reason;
	} cases[] = {
		{ UDP4, true, DROP_NONE },
		{ UDP4, false, DROP_SOURCE_INVALID },
		{ IGMP4, false, DROP_NONE },
		{ TCP4, true, DROP_SOURCE_INVALID },
		{ ECHO4, true, DROP_SOURCE_INVALID },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct frame f;
		struct packet p;

		sample_make(&f, cases[i].sample);
		memset(f.bytes + f.l3 + 12, 0, 4);
		if (cases[i].broadcast)
			memset(f.bytes + f.l3 + 16, 0xff, 4);
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), (int)cases[i].reason), "case %u", i);
	}
}

/* Goal: what a nic is told to accept, it accepts, and nothing more.
 * Method: bad sources and source routes, with and without their flags. */
Test(parse, ipv4_configured_leave)
{
	static const uint8_t sources[] = { 0, 127, 224, 240, 255 };
	struct frame f;
	struct packet p;

	for (unsigned i = 0; i < array_length(sources); i++) {
		sample_make(&f, TCP4);
		f.bytes[f.l3 + 12] = sources[i];
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, PARSE_SOURCE_ROUTE, &p), DROP_SOURCE_INVALID));
		cr_assert(eq(int, (int)parse(&f, PARSE_SOURCE_ANY, &p), DROP_NONE));
	}
	for (unsigned kind = 131; kind <= 137; kind += 6) {
		sample_make(&f, TCP4_OPTIONS);
		f.bytes[f.l3 + 21] = (uint8_t)kind;
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, PARSE_SOURCE_ANY, &p), DROP_IPV4_SOURCE_ROUTE));
		cr_assert(eq(int, (int)parse(&f, PARSE_SOURCE_ROUTE, &p), DROP_NONE));
	}
}

/* Goal: fragments say which part of which datagram they are; only the first one has ports, and
 * neither has a checksum of its own. Method: read the samples back. */
Test(parse, ipv4_fragments)
{
	struct frame f;
	struct packet p;

	sample_make(&f, FRAGMENT4);
	f.bytes[f.l4 + 6] ^= 1;
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.kind, PACKET_TRANSPORT), eq(u8, p.facts, PACKET_FRAGMENT)));
	cr_assert(all(eq(u16, p.key.port[1], 53), eq(u32, p.more.fragment.id, 0x1234)));
	cr_assert(all(eq(u16, p.more.fragment.offset, 0), eq(u16, p.more.fragment.bytes, 16)));
	cr_assert(p.more.fragment.more);

	sample_make(&f, FRAGMENT4_LATER);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.kind, PACKET_LATER_FRAGMENT), eq(u8, p.facts, PACKET_FRAGMENT)));
	cr_assert(all(eq(u16, p.key.port[0], 0), eq(u16, p.key.port[1], 0)));
	cr_assert(all(eq(u16, p.more.fragment.offset, 24),
		      eq(u16, p.more.fragment.header_bytes, 20)));
	cr_assert(not(p.more.fragment.more));
}
