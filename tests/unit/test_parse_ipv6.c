/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_ipv6.c: the rules of IPv6: header, extension headers, sources, fragments. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/parse_samples.h"

/* Goal: each rule of IPv6 and its extension headers refuses what breaks it, and only that.
 * Method: as above. UDP6_CHAIN has hop-by-hop at 40, destination at 48, routing at 56,
 * authentication at 64, fragment at 88, UDP at 96. */
Test(parse, ipv6_rules)
{
	static const struct refusal cases[] = {
		{ "version 4", TCP6, DROP_IPV6_VERSION, 0, { { L3, 0, 0x40 } } },
		{ "packet past the frame", TCP6, DROP_IPV6_TRUNCATED, 1, { { L3, 5, 25 } } },
		{ "packet of 65535",
		  TCP6,
		  DROP_IPV6_TRUNCATED,
		  0,
		  { { L3, 4, 0xff }, { L3, 5, 0xff } } },
		{ "jumbogram", UDP6_CHAIN, DROP_IPV6_EXT_TRUNCATED, 0, { { L3, 5, 0 } } },
		{ "packet ends in the chain",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  0,
		  { { L3, 5, 47 } } },
		{ "header past the packet",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  1,
		  { { L3, 41, 9 } } },
		{ "huge header", UDP6_CHAIN, DROP_IPV6_EXT_TRUNCATED, 1, { { L3, 57, 255 } } },
		{ "hop-by-hop second", UDP6_CHAIN, DROP_IPV6_EXT_CHAIN, 1, { { L3, 40, 0 } } },
		{ "two fragment headers",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_CHAIN,
		  1,
		  { { L3, 48, 44 }, { L3, 56, 44 }, { L3, 58, 0 } } },
		{ "unknown option to skip", UDP6_CHAIN, DROP_NONE, 1, { { L3, 42, 0x3f } } },
		{ "unknown option to refuse",
		  UDP6_CHAIN,
		  DROP_IPV6_OPTIONS,
		  1,
		  { { L3, 42, 0x45 } } },
		{ "jumbo payload option", UDP6_CHAIN, DROP_IPV6_OPTIONS, 1, { { L3, 42, 0xc2 } } },
		{ "option past its header", UDP6_CHAIN, DROP_IPV6_OPTIONS, 1, { { L3, 51, 5 } } },
		{ "option without length",
		  UDP6_CHAIN,
		  DROP_IPV6_OPTIONS,
		  1,
		  { { L3, 51, 3 }, { L3, 55, 1 } } },
		{ "routing type 0", UDP6_CHAIN, DROP_IPV6_ROUTING_0, 1, { { L3, 58, 0 } } },
		{ "routing, segments left", UDP6_CHAIN, DROP_IPV6_ROUTING, 1, { { L3, 59, 1 } } },
		{ "routing, type 2", UDP6_CHAIN, DROP_NONE, 1, { { L3, 58, 2 } } },
		{ "short authentication",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  1,
		  { { L3, 65, 0 } } },
		{ "long authentication",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  1,
		  { { L3, 65, 11 } } },
		{ "first fragment", UDP6_CHAIN, DROP_NONE, 1, { { L3, 91, 1 } } },
		{ "later fragment", UDP6_CHAIN, DROP_NONE, 1, { { L3, 91, 8 } } },
		{ "later fragment of a chain",
		  UDP6_CHAIN,
		  DROP_NONE,
		  1,
		  { { L3, 91, 8 }, { L3, 88, 0 } } },
		{ "reserved fragment bits", UDP6_CHAIN, DROP_NONE, 1, { { L3, 91, 6 } } },
		{ "no next header", UDP6, DROP_NONE, 1, { { L3, 6, 59 } } },
		{ "ICMP in IPv6", ECHO6, DROP_NONE, 1, { { L3, 6, 1 } } },
		{ "chain cut by the fragment",
		  FRAGMENT6,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 5, 20 } } },
		{ "UDP cut by the fragment",
		  FRAGMENT6,
		  DROP_FRAGMENT_HEADERS,
		  1,
		  { { L3, 5, 31 } } },
		{ "ICMP cut by the fragment",
		  FRAGMENT6,
		  DROP_FRAGMENT_HEADERS,
		  2,
		  { { L3, 56, 58 }, { L3, 5, 31 } } },
		{ "UDP header alone", FRAGMENT6, DROP_NONE, 1, { { L3, 5, 32 } } },
		{ "source multicast", TCP6, DROP_SOURCE_INVALID, 1, { { L3, 8, 0xff } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: no IPv6 packet comes from loopback, mapped or unspecified addresses, but discovery and
 * listener reports may come from the last. Method: write each source into several samples. */
Test(parse, ipv6_sources)
{
	static const uint8_t loopback[16] = { [15] = 1 }, unspecified[16];
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1 };
	static const uint8_t good[16] = { [12] = 1 };
	static const struct {
		const uint8_t *source;
		enum sample sample;
		enum drop_reason reason;
	} cases[] = {
		{ loopback, UDP6, DROP_SOURCE_INVALID },
		{ loopback, ND6, DROP_SOURCE_INVALID },
		{ mapped, TCP6, DROP_SOURCE_INVALID },
		{ mapped, ECHO6, DROP_SOURCE_INVALID },
		{ unspecified, TCP6, DROP_SOURCE_INVALID },
		{ unspecified, UDP6, DROP_SOURCE_INVALID },
		{ unspecified, ECHO6, DROP_SOURCE_INVALID },
		{ unspecified, ERROR6, DROP_SOURCE_INVALID },
		{ unspecified, ND6, DROP_NONE },
		{ unspecified, OTHER6, DROP_NONE },
		{ good, UDP6, DROP_NONE },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct frame f;
		struct packet p;

		sample_make(&f, cases[i].sample);
		memcpy(f.bytes + f.l3 + 8, cases[i].source, 16);
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), (int)cases[i].reason), "case %u", i);
	}
}

/* Goal: the chain of extension headers ends at EXT_HEADERS_MAX, its options at 16 a header.
 * Method: chains of one more and one less; a header of padding. */
Test(parse, ipv6_chain_is_bounded)
{
	for (unsigned n = 1; n <= EXT_HEADERS_MAX + 1; n++) {
		uint8_t chain[8 * (EXT_HEADERS_MAX + 1)] = { 0 };
		struct frame f;
		struct packet p;

		for (unsigned i = 0; i < n; i++) {
			chain[8 * i] = i + 1 == n ? 17 : 60;
			memcpy(chain + 8 * i + 2, "\x01\x04", 2);
		}
		frame_ethernet(&f, 0, 0x86dd);
		frame_ipv6(&f, 60, chain, 8 * n, 17);
		frame_udp(&f, 40000, 53, 0);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p),
			     n > EXT_HEADERS_MAX ? DROP_IPV6_EXT_CHAIN : DROP_NONE),
			  "%u headers", n);
	}
	for (unsigned pad = 15; pad <= 17; pad++) {
		uint8_t header[24] = { 17, 2 };
		struct frame f;
		struct packet p;

		/* pad - 1 times Pad1, then one PadN over the rest. */
		header[2 + pad - 1] = 1;
		header[2 + pad] = (uint8_t)(24 - 2 - pad - 1);
		frame_ethernet(&f, 0, 0x86dd);
		frame_ipv6(&f, 60, header, 24, 17);
		frame_udp(&f, 40000, 53, 0);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), pad > 16 ? DROP_IPV6_OPTIONS : DROP_NONE),
			  "%u options", pad);
	}
}

/* Goal: the chain ends at EXT_BYTES_MAX too. Method: two headers that together reach just there,
 * and 8 bytes further. */
Test(parse, ipv6_chain_bytes_are_bounded)
{
	for (unsigned over = 0; over < 2; over++) {
		uint8_t chain[EXT_BYTES_MAX + 8] = { 60, EXT_BYTES_MAX / 16 - 1, 1, 252 };
		uint8_t *second = chain + EXT_BYTES_MAX / 2;
		struct frame f;
		struct packet p;

		/* One PadN holds 255 bytes at most. */
		chain[2 + 254] = 0;
		memcpy(second,
		       (const uint8_t[]){ 17, (uint8_t)(EXT_BYTES_MAX / 16 - 1 + over), 1, 252 },
		       4);
		if (over)
			memcpy(second + 256, "\1\6", 2);
		frame_ethernet(&f, 0, 0x86dd);
		frame_ipv6(&f, 60, chain, EXT_BYTES_MAX + 8 * over, 17);
		frame_udp(&f, 40000, 53, 0);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), over ? DROP_IPV6_EXT_CHAIN : DROP_NONE));
	}
}

/* Goal: fragments say which part they are, extension headers before them counted apart.
 * Method: read the samples back. */
Test(parse, ipv6_fragments)
{
	struct frame f;
	struct packet p;

	sample_make(&f, FRAGMENT6);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.kind, PACKET_TRANSPORT), eq(u8, p.facts, PACKET_FRAGMENT)));
	cr_assert(all(eq(u16, p.key.port[1], 53), eq(u32, p.more.fragment.id, 0x00010203)));
	cr_assert(all(eq(u16, p.more.fragment.offset, 0), eq(u16, p.more.fragment.bytes, 24)));
	cr_assert(all(eq(u16, p.more.fragment.header_bytes, 8), ne(int, p.more.fragment.more, 0)));

	sample_make(&f, FRAGMENT6_LATER);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.kind, PACKET_LATER_FRAGMENT), eq(u8, p.key.proto, 17)));
	cr_assert(all(eq(u16, p.more.fragment.offset, 24), eq(u16, p.more.fragment.bytes, 16)));
	cr_assert(all(eq(u16, p.more.fragment.header_bytes, 8), not(p.more.fragment.more)));

	/* RFC 6946: an atomic fragment is none. */
	sample_make(&f, UDP6_CHAIN);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(eq(u8, p.facts, 0));
}
