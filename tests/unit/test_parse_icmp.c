/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_icmp.c: the rules of ICMP and ICMPv6, and of the packets that errors quote. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/parse_samples.h"

/* Goal: each rule of ICMP refuses what breaks it, and only that.
 * Method: change a few bytes of a good sample; DROP_NONE marks the neighbour that still passes. */
Test(parse, icmp_rules)
{
	static const struct refusal cases[] = {
		{ "ICMP of 7", ECHO4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 27 } } },
		{ "ICMPv6 of 7", ECHO6, DROP_ICMP_TRUNCATED, 1, { { L3, 5, 7 } } },
		{ "ICMP of 8", ECHO4, DROP_NONE, 1, { { L3, 3, 28 } } },
		{ "short timestamp", TIMESTAMP4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 39 } } },
		{ "short address mask",
		  ECHO4,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L3, 3, 31 }, { L4, 0, 17 } } },
		{ "ICMP checksum", ECHO4, DROP_ICMP_CHECKSUM, 0, { { L4, 8, 9 } } },
		{ "ICMPv6 checksum", ECHO6, DROP_ICMP_CHECKSUM, 0, { { L4, 8, 9 } } },
		{ "ND checksum", ND6, DROP_ICMP_CHECKSUM, 0, { { L4, 23, 9 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: what an ICMP error quotes is proved before its tuple is believed.
 * Method: as above; the quoted packet starts 8 bytes into the message. */
Test(parse, quoted_packet_rules)
{
	static const struct refusal cases[] = {
		{ "time exceeded", ERROR4, DROP_NONE, 1, { { L4, 0, 11 } } },
		{ "quote of 19", ERROR4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 20 + 8 + 19 } } },
		{ "quote of 27", ERROR4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 20 + 8 + 27 } } },
		{ "quoted version", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 8, 0x65 } } },
		{ "quoted header of 16", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 8, 0x44 } } },
		{ "quoted header past the quote",
		  ERROR4,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L4, 8, 0x46 } } },
		{ "quoted datagram without ports",
		  ERROR4,
		  DROP_ICMP_QUOTE,
		  1,
		  { { L4, 10, 0 }, { L4, 11, 27 } } },
		{ "shortest quoted datagram",
		  ERROR4,
		  DROP_NONE,
		  1,
		  { { L4, 10, 0 }, { L4, 11, 28 } } },
		{ "quoted later fragment", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 15, 1 } } },
		{ "quoted first fragment", ERROR4, DROP_NONE, 1, { { L4, 14, 0x20 } } },
		{ "quoted protocol", ERROR4, DROP_NONE, 1, { { L4, 17, 50 } } },
		{ "quoted ICMPv6", ERROR4, DROP_NONE, 1, { { L4, 17, 58 } } },
		{ "quoted TCP", ERROR4, DROP_NONE, 1, { { L4, 17, 6 } } },
		{ "quoted ICMP error",
		  ERROR4,
		  DROP_ICMP_QUOTE,
		  1,
		  { { L4, 17, 1 }, { L4, 28, 3 } } },
		{ "quoted echo", ERROR4, DROP_NONE, 1, { { L4, 17, 1 }, { L4, 28, 8 } } },
		{ "packet of a stranger", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 23, 3 } } },
		{ "quoted SCTP", ERROR4, DROP_NONE, 1, { { L4, 17, 132 } } },
		{ "quote that ends before its ports (RFC 4884)",
		  ERROR4,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L4, 5, 6 } } },
		{ "quote that says its length", ERROR4, DROP_NONE, 1, { { L4, 5, 7 } } },
		{ "quote that says more than there is", ERROR4, DROP_NONE, 1, { { L4, 5, 32 } } },
		{ "quote6 that ends before its query",
		  ERROR6,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L4, 4, 6 } } },
		{ "quote6 that says its length", ERROR6, DROP_NONE, 1, { { L4, 4, 7 } } },
		{ "too big with an MTU", ERROR6, DROP_NONE, 1, { { L4, 0, 2 }, { L4, 4, 1 } } },
		{ "too big", ERROR6, DROP_NONE, 1, { { L4, 0, 2 } } },
		{ "quote6 of 39", ERROR6, DROP_ICMP_TRUNCATED, 1, { { L3, 5, 8 + 39 } } },
		{ "quote6 ends in its chain",
		  ERROR6,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L3, 5, 8 + 47 } } },
		{ "quote6 of 55", ERROR6, DROP_ICMP_TRUNCATED, 1, { { L3, 5, 8 + 55 } } },
		{ "quote6 version", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 8, 0x45 } } },
		{ "quote6 packet without ports", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 13, 15 } } },
		{ "quote6 shortest packet", ERROR6, DROP_NONE, 1, { { L4, 13, 16 } } },
		{ "quote6 options", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 50, 0x80 } } },
		{ "quote6 later fragment",
		  ERROR6,
		  DROP_ICMP_QUOTE,
		  1,
		  { { L4, 14, 44 }, { L4, 50, 0 }, { L4, 51, 8 } } },
		{ "quote6 first fragment",
		  ERROR6,
		  DROP_NONE,
		  1,
		  { { L4, 14, 44 }, { L4, 50, 0 }, { L4, 51, 1 } } },
		{ "quote6 of an error", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 56, 1 } } },
		{ "quote6 of discovery", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 56, 135 } } },
		{ "quote6 of ICMP", ERROR6, DROP_NONE, 1, { { L4, 48, 1 }, { L4, 56, 8 } } },
		{ "packet6 of a stranger", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 31, 3 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: neighbour discovery behind a fragment header is refused (RFC 6980), echo is not.
 * Method: an atomic fragment header before each. */
Test(parse, discovery_in_a_fragment)
{
	for (unsigned echo = 0; echo < 2; echo++) {
		struct frame f;
		struct packet p;

		frame_ethernet(&f, 0, 0x86dd);
		frame_ipv6(&f, 44, "\x3a\0\0\0\0\0\0\x01", 8, 58);
		frame_icmp(&f, echo ? 128 : 135, 0, 0, FRAME_IPV6_B, 16);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), echo ? DROP_NONE : DROP_ND_MALFORMED));
	}
}

/* Goal: 8 bytes of the quoted transport are enough for the tuple, for TCP's sequence number and for
 * SCTP's tag; what has no ports has none. Method: each protocol in one quote. */
Test(parse, quoted_tuples)
{
	static const struct {
		uint8_t proto;
		uint16_t port[2];
		uint32_t word;
	} cases[] = {
		{ 6, { 53, 40000 }, 0x05c80000 },
		{ 17, { 53, 40000 }, 0 },
		{ 132, { 53, 40000 }, 0x05c80000 },
		{ 136, { 53, 40000 }, 0 },
		{ 47, { 0, 0 }, 0 },
		{ 2, { 0, 0 }, 0 },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct frame f;
		struct packet p;

		sample_make(&f, ERROR4);
		f.bytes[f.l4 + 17] = cases[i].proto;
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
		cr_assert(all(eq(u8, p.kind, PACKET_ICMP_ERROR),
			      eq(u8, p.key.proto, cases[i].proto)));
		cr_assert(eq(u16, p.key.port[0], cases[i].port[0]));
		cr_assert(eq(u16, p.key.port[1], cases[i].port[1]));
		cr_assert(eq(u32, p.tcp_seq, cases[i].word));
		cr_assert(eq(u8, p.facts, PACKET_QUOTE));
		cr_assert(eq(u32, p.more.quote_offset, f.l4 + 8));
	}
}
