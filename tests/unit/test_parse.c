/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse.c: what the parser says of good packets, and what it owes to flags and lengths. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/parse_samples.h"

/* Goal: each good sample is accepted with the right kind, tuple and offsets.
 * Method: a table of what each sample was built from. */
Test(parse, good_samples_are_described)
{
	static const struct {
		uint8_t kind, proto, family, ttl, tcp_flags, type, code;
		uint16_t vlan, port[2], header; /* transport header; 0 for others */
	} want[SAMPLES] = {
		[TCP4] = { PACKET_TRANSPORT, 6, 4, 63, 0x18, 0, 0, 0, { 40000, 443 }, 24 },
		[TCP4_VLAN] = { PACKET_TRANSPORT, 6, 4, 63, 0x18, 0, 0, 100, { 40000, 443 }, 24 },
		[TCP4_OPTIONS] = { PACKET_TRANSPORT, 6, 4, 63, 0x02, 0, 0, 0, { 40000, 443 }, 24 },
		[UDP4] = { PACKET_TRANSPORT, 17, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[UDP4_EMPTY] = { PACKET_TRANSPORT, 17, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[ECHO4] = { PACKET_ICMP_QUERY, 1, 4, 63, 0, 8, 0, 0, { 0x1234, 0x1234 }, 0 },
		[TIMESTAMP4] = { PACKET_ICMP_QUERY, 1, 4, 63, 0, 13, 0, 0, { 0x1234, 0x1234 }, 0 },
		[ERROR4] = { PACKET_ICMP_ERROR, 17, 4, 63, 0, 3, 1, 0, { 53, 40000 }, 0 },
		[OTHER4] = { PACKET_ICMP_OTHER, 1, 4, 63, 0, 5, 1, 0, { 0, 0 }, 0 },
		[TCP6] = { PACKET_TRANSPORT, 6, 6, 255, 0x02, 0, 0, 0, { 40000, 443 }, 24 },
		[TCP6_QINQ] = { PACKET_TRANSPORT, 6, 6, 255, 0x02, 0, 0, 100, { 40000, 443 }, 24 },
		[UDP6] = { PACKET_TRANSPORT, 17, 6, 255, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[UDP6_CHAIN] = { PACKET_TRANSPORT, 17, 6, 255, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[ECHO6] = { PACKET_ICMP_QUERY, 58, 6, 255, 0, 128, 0, 0, { 0x1234, 0x1234 }, 0 },
		[ERROR6] = { PACKET_ICMP_ERROR, 58, 6, 255, 0, 1, 4, 0, { 0x1234, 0x1234 }, 0 },
		[ND6] = { PACKET_ICMP_ND, 58, 6, 255, 0, 135, 0, 0, { 0, 0 }, 0 },
		[OTHER6] = { PACKET_ICMP_OTHER, 58, 6, 255, 0, 143, 0, 0, { 0, 0 }, 0 },
		[TCP4_TIMESTAMP] = { PACKET_TRANSPORT,
				     6,
				     4,
				     63,
				     0x10,
				     0,
				     0,
				     0,
				     { 40000, 443 },
				     32 },
		[TCP4_SYN] = { PACKET_TRANSPORT, 6, 4, 63, 0x02, 0, 0, 0, { 40000, 443 }, 44 },
		[UDPLITE4] = { PACKET_TRANSPORT, 136, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[SCTP4] = { PACKET_TRANSPORT, 132, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 12 },
		[SCTP4_INIT] = { PACKET_TRANSPORT, 132, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 12 },
		[IGMP4] = { PACKET_NO_PORTS, 2, 4, 63, 0, 0, 0, 0, { 0, 0 }, 0 },
		[MPLS4] = { PACKET_TRANSPORT, 17, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[FRAGMENT4] = { PACKET_TRANSPORT, 17, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[FRAGMENT4_LATER] = { PACKET_LATER_FRAGMENT, 17, 4, 63, 0, 0, 0, 0, { 0, 0 }, 0 },
		[UDPLITE6] = { PACKET_TRANSPORT, 136, 6, 255, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[SCTP6] = { PACKET_TRANSPORT, 132, 6, 255, 0, 0, 0, 0, { 40000, 53 }, 12 },
		[PPPOE6] = { PACKET_TRANSPORT, 6, 6, 255, 0x02, 0, 0, 0, { 40000, 443 }, 24 },
		[FRAGMENT6] = { PACKET_TRANSPORT, 17, 6, 255, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[FRAGMENT6_LATER] = { PACKET_LATER_FRAGMENT, 17, 6, 255, 0, 0, 0, 0, { 0, 0 }, 0 },
		[NONE6] = { PACKET_NO_PORTS, 59, 6, 255, 0, 0, 0, 0, { 0, 0 }, 0 },
		[ARP] = { PACKET_ARP, 0, 0, 0, 0, 0, 0, 0, { 0, 0 }, 0 },
	};

	for (unsigned i = 0; i < SAMPLES; i++) {
		struct frame f;
		struct packet p;

		sample_make(&f, i);
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE), "sample %u", i);
		cr_assert(eq(u8, p.kind, want[i].kind), "sample %u", i);
		cr_assert(eq(u8, p.key.proto, want[i].proto), "sample %u", i);
		cr_assert(eq(u8, p.key.family, want[i].family), "sample %u", i);
		cr_assert(eq(u8, p.ttl, want[i].ttl), "sample %u", i);
		cr_assert(eq(u8, p.tcp_flags, want[i].tcp_flags), "sample %u", i);
		if (want[i].type != 0) {
			cr_assert(eq(u8, p.icmp_type, want[i].type), "sample %u", i);
			cr_assert(eq(u8, p.icmp_code, want[i].code), "sample %u", i);
		}
		cr_assert(eq(u16, p.vlan, want[i].vlan), "sample %u", i);
		cr_assert(eq(u16, p.key.port[0], want[i].port[0]), "sample %u", i);
		cr_assert(eq(u16, p.key.port[1], want[i].port[1]), "sample %u", i);
		cr_assert(eq(u16, p.key.zone, 0), "sample %u", i);
		cr_assert(eq(u32, p.l3_offset, f.l3), "sample %u", i);
		cr_assert(eq(u32, p.l3_bytes, f.length - f.l3), "sample %u", i);
		cr_assert(eq(u32, p.l4_offset, f.l4), "sample %u", i);
		cr_assert(eq(u32, p.payload_offset, f.l4 + want[i].header), "sample %u", i);
	}
}

/* Goal: addresses fill the tuple in the packet's order, and rest zero; those of an error are the
 * quoted packet's, reversed, which here is A to B as well.
 * Method: compare with what the samples were built from. */
Test(parse, addresses_fill_the_tuple)
{
	for (unsigned i = 0; i < ARP; i++) {
		const uint8_t a4[16] = { 192, 0, 2, 1 }, b4[16] = { 198, 51, 100, 2 };
		struct frame f;
		struct packet p;

		sample_make(&f, i);
		memset(&p, 0xa5, sizeof(p));
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
		cr_assert(eq(int,
			     memcmp(p.key.addr[0], i < TCP6 ? a4 : (uint8_t *)FRAME_IPV6_A, 16), 0),
			  "sample %u", i);
		cr_assert(eq(int,
			     memcmp(p.key.addr[1], i < TCP6 ? b4 : (uint8_t *)FRAME_IPV6_B, 16), 0),
			  "sample %u", i);
	}
}

/* Goal: checksums are looked at unless the device or the configuration spoke for them, each flag
 * for its own layer. Method: spoil one checksum of each sample under each flag. */
Test(parse, checksum_flags)
{
	static const enum sample samples[] = {
		TCP4, UDP4, ECHO4, UDPLITE4, SCTP4, TCP6, UDP6, ECHO6, ND6, UDPLITE6, SCTP6,
	};

	for (unsigned i = 0; i < array_length(samples); i++) {
		const bool v4 = samples[i] < TCP6;
		struct frame f;
		struct packet p;

		sample_make(&f, samples[i]);
		f.bytes[f.l4 + frame_checksum_at(f.proto)] ^= 1;
		cr_assert(ne(int, (int)parse(&f, 0, &p), DROP_NONE));
		cr_assert(ne(int, (int)parse(&f, PARSE_L3_CHECKSUM_GOOD, &p), DROP_NONE));
		cr_assert(eq(int, (int)parse(&f, PARSE_L4_CHECKSUM_GOOD, &p), DROP_NONE));
		cr_assert(eq(int, (int)parse(&f, PARSE_CHECKSUM_IGNORE, &p), DROP_NONE));
		if (!v4)
			continue;
		sample_make(&f, samples[i]);
		f.bytes[f.l3 + 10] ^= 1;
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_IPV4_CHECKSUM));
		cr_assert(eq(int, (int)parse(&f, PARSE_L4_CHECKSUM_GOOD, &p), DROP_IPV4_CHECKSUM));
		cr_assert(eq(int, (int)parse(&f, PARSE_L3_CHECKSUM_GOOD, &p), DROP_NONE));
		cr_assert(eq(int, (int)parse(&f, PARSE_CHECKSUM_IGNORE, &p), DROP_NONE));
	}
}

/* Goal: Ethernet's padding is no part of the packet and none of the checksum.
 * Method: append bytes that are not zero; nothing may change. */
Test(parse, padding_is_ignored)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct frame f;
		struct packet plain, padded;

		memset(&plain, 0, sizeof(plain));
		memset(&padded, 0, sizeof(padded));
		sample_make(&f, i);
		cr_assert(eq(int, (int)parse(&f, 0, &plain), DROP_NONE));
		frame_put(&f, "\xde\xad\xbe\xef\x01", 5);
		cr_assert(eq(int, (int)parse(&f, 0, &padded), DROP_NONE));
		cr_assert(eq(int, memcmp(&plain, &padded, sizeof(plain)), 0), "sample %u", i);
	}
}

/* Goal: an application's packet gives the same tuple as on the wire, without its checksums.
 * Method: parse each IP sample from its IP header on, checksums spoiled. */
Test(parse, ip_alone)
{
	for (unsigned i = 0; i < ARP; i++) {
		struct frame f;
		struct packet framed, alone;

		sample_make(&f, i);
		cr_assert(eq(int, (int)parse(&f, 0, &framed), DROP_NONE));
		if (i < TCP6)
			f.bytes[f.l3 + 10] ^= 1;
		if (f.proto != 2 && f.proto != 59)
			f.bytes[f.l4 + frame_checksum_at(f.proto)] ^= 1;
		cr_assert(eq(int,
			     (int)parse_ip(f.bytes + f.l3, f.length - f.l3, PARSE_CHECKSUM_IGNORE,
					   &alone),
			     DROP_NONE));
		cr_assert(eq(int, memcmp(&framed.key, &alone.key, sizeof(alone.key)), 0));
		cr_assert(eq(u16, alone.l3_offset, 0));
		cr_assert(eq(u16, alone.l3_bytes, framed.l3_bytes));
		cr_assert(eq(u32, alone.l4_offset, f.l4 - f.l3));
		cr_assert(eq(u32, alone.payload_offset, framed.payload_offset - f.l3));
		for (uint32_t n = 0; n < f.length - f.l3; n++)
			cr_assert(
				ne(int,
				   (int)parse_ip(f.bytes + f.l3, n, PARSE_CHECKSUM_IGNORE, &alone),
				   DROP_NONE));
	}
	cr_assert(eq(int, (int)parse_ip((const uint8_t *)"\x50", 1, 0, &(struct packet){ 0 }),
		     DROP_IPV4_TRUNCATED));
}

/* Goal: the longest IP packets that exist are safe and their offsets do not wrap.
 * Method: datagrams that fill a frame of 65535 bytes, and claims that reach past it. */
Test(parse, jumbo_lengths)
{
	const uint32_t bytes = 65535 + 100;
	uint8_t *frame = calloc(1, bytes);
	struct packet p;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		const uint32_t l4 = v6 ? 54 : 34;
		struct frame f;

		frame_ethernet(&f, 0, v6 ? 0x86dd : 0x0800);
		if (v6)
			frame_ipv6(&f, 17, "", 0, 17);
		else
			frame_ipv4(&f, 17, "", 0);
		frame_udp(&f, 40000, 53, 0);
		memcpy(frame, f.bytes, f.length);
		be16_store(frame + 14 + (v6 ? 4 : 2), (uint16_t)(65535 - 14 - (v6 ? 40 : 0)));
		be16_store(frame + l4 + 4, (uint16_t)(65535 - l4));
		cr_assert(eq(int, (int)parse_frame(frame, bytes, PARSE_CHECKSUM_IGNORE, 0, &p),
			     DROP_NONE));
		cr_assert(eq(u32, (uint32_t)p.l3_offset + p.l3_bytes, 65535));
		checksum_fill(frame, &p);
		cr_assert(eq(int, (int)parse_frame(frame, 65535, 0, 0, &p), DROP_NONE));
		cr_assert(ne(int, (int)parse_frame(frame, 65534, 0, 0, &p), DROP_NONE));
		memset(frame + 14 + (v6 ? 4 : 2), 0xff, 2);
		cr_assert(eq(int, (int)parse_frame(frame, bytes, PARSE_CHECKSUM_IGNORE, 0, &p),
			     v6 ? DROP_IPV6_TRUNCATED : DROP_IPV4_TRUNCATED));
	}
	free(frame);
}
