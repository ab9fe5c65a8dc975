/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_transport.c: the rules of TCP, UDP, UDP-Lite and SCTP. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "tests/unit/parse_samples.h"

/* Goal: each rule of TCP, UDP, UDP-Lite and SCTP refuses what breaks it, and only that.
 * Method: change a few bytes of a good sample; DROP_NONE marks the neighbour that still passes. */
Test(parse, transport_rules)
{
	static const struct refusal cases[] = {
		{ "TCP of 19", TCP4, DROP_TCP_TRUNCATED, 1, { { L3, 3, 39 } } },
		{ "TCP6 of 19", TCP6, DROP_TCP_TRUNCATED, 1, { { L3, 5, 19 } } },
		{ "offset 4", TCP4, DROP_TCP_DATA_OFFSET, 1, { { L4, 12, 0x40 } } },
		{ "offset past the segment", TCP4, DROP_TCP_DATA_OFFSET, 1, { { L4, 12, 0x80 } } },
		{ "offset to the segment's end", TCP4, DROP_NONE, 1, { { L4, 12, 0x70 } } },
		{ "TCP checksum", TCP4, DROP_TCP_CHECKSUM, 0, { { L4, 25, 9 } } },
		{ "TCP6 checksum", TCP6, DROP_TCP_CHECKSUM, 0, { { L4, 4, 9 } } },
		{ "TCP source port 0", TCP4, DROP_PORT_ZERO, 1, { { L4, 0, 0 }, { L4, 1, 0 } } },
		{ "TCP port 0", TCP4, DROP_PORT_ZERO, 1, { { L4, 2, 0 }, { L4, 3, 0 } } },
		{ "no flags", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0 } } },
		{ "FIN alone", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 1 } } },
		{ "FIN PSH URG", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x29 } } },
		{ "SYN FIN", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x03 } } },
		{ "SYN RST", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x06 } } },
		{ "FIN RST ACK", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x15 } } },
		{ "all flags", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0xff } } },
		{ "SYN ECE CWR", TCP4, DROP_NONE, 1, { { L4, 13, 0xc2 } } },
		{ "RST", TCP4, DROP_NONE, 1, { { L4, 13, 0x04 } } },
		{ "FIN ACK URG PSH", TCP4, DROP_NONE, 1, { { L4, 13, 0x39 } } },
		{ "UDP of 7", UDP4, DROP_UDP_TRUNCATED, 1, { { L3, 3, 27 } } },
		{ "UDP6 of 7", UDP6, DROP_UDP_TRUNCATED, 1, { { L3, 5, 7 } } },
		{ "UDP length 7", UDP4, DROP_UDP_LENGTH, 1, { { L4, 5, 7 } } },
		{ "UDP length 0 (jumbogram)", UDP6, DROP_UDP_LENGTH, 1, { { L4, 5, 0 } } },
		{ "UDP length past the datagram", UDP4, DROP_UDP_LENGTH, 1, { { L4, 5, 16 } } },
		{ "UDP length below the datagram", UDP4, DROP_NONE, 1, { { L4, 5, 9 } } },
		{ "UDP checksum", UDP4, DROP_UDP_CHECKSUM, 0, { { L4, 8, 77 } } },
		{ "UDP6 checksum", UDP6, DROP_UDP_CHECKSUM, 0, { { L4, 8, 77 } } },
		{ "UDP without checksum",
		  UDP4,
		  DROP_NONE,
		  0,
		  { { L4, 6, 0 }, { L4, 7, 0 }, { L4, 8, 77 } } },
		{ "UDP6 without checksum",
		  UDP6,
		  DROP_UDP_CHECKSUM,
		  0,
		  { { L4, 6, 0 }, { L4, 7, 0 } } },
		{ "UDP port 0", UDP4, DROP_PORT_ZERO, 1, { { L4, 3, 0 } } },
		{ "UDP6 source port 0", UDP6, DROP_PORT_ZERO, 1, { { L4, 0, 0 }, { L4, 1, 0 } } },
		{ "UDP-Lite of 7", UDPLITE4, DROP_UDP_TRUNCATED, 1, { { L3, 3, 27 } } },
		{ "UDP-Lite coverage 7", UDPLITE4, DROP_UDPLITE_COVERAGE, 1, { { L4, 5, 7 } } },
		{ "UDP-Lite coverage 8", UDPLITE4, DROP_NONE, 1, { { L4, 5, 8 } } },
		{ "UDP-Lite coverage of all", UDPLITE4, DROP_NONE, 1, { { L4, 5, 0 } } },
		{ "UDP-Lite coverage past the datagram",
		  UDPLITE4,
		  DROP_UDPLITE_COVERAGE,
		  1,
		  { { L4, 5, 16 } } },
		{ "UDP-Lite checksum", UDPLITE4, DROP_UDPLITE_CHECKSUM, 0, { { L4, 8, 77 } } },
		{ "UDP-Lite outside the coverage", UDPLITE6, DROP_NONE, 0, { { L4, 8, 77 } } },
		{ "UDP-Lite without checksum",
		  UDPLITE4,
		  DROP_UDPLITE_CHECKSUM,
		  0,
		  { { L4, 6, 0 }, { L4, 7, 0 } } },
		{ "UDP-Lite port 0", UDPLITE4, DROP_PORT_ZERO, 1, { { L4, 3, 0 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: each rule of SCTP and of TCP's options refuses what breaks it, and only that.
 * Method: as above. */
Test(parse, sctp_and_option_rules)
{
	static const struct refusal cases[] = {
		{ "SCTP of 15", SCTP4, DROP_SCTP_TRUNCATED, 1, { { L3, 3, 35 } } },
		{ "SCTP checksum", SCTP4, DROP_SCTP_CHECKSUM, 0, { { L4, 30, 9 } } },
		{ "SCTP port 0", SCTP4, DROP_PORT_ZERO, 1, { { L4, 3, 0 } } },
		{ "chunk of 3", SCTP4, DROP_SCTP_CHUNK, 1, { { L4, 35, 3 } } },
		{ "chunk past the packet", SCTP4, DROP_SCTP_CHUNK, 1, { { L4, 35, 17 } } },
		{ "chunk header past the packet", SCTP4, DROP_SCTP_CHUNK, 1, { { L3, 3, 54 } } },
		{ "last chunk without padding", SCTP4, DROP_NONE, 1, { { L4, 35, 15 } } },
		{ "short INIT", SCTP4_INIT, DROP_SCTP_CHUNK, 1, { { L4, 15, 16 } } },
		{ "INIT with a tag", SCTP4_INIT, DROP_SCTP_TAG, 1, { { L4, 7, 1 } } },
		{ "INIT behind something", SCTP4, DROP_SCTP_BUNDLE, 1, { { L4, 32, 1 } } },
		{ "SHUTDOWN COMPLETE before something",
		  SCTP4,
		  DROP_SCTP_BUNDLE,
		  1,
		  { { L4, 12, 14 } } },
		{ "initiate tag 0",
		  SCTP4_INIT,
		  DROP_SCTP_TAG,
		  1,
		  { { L4, 16, 0 }, { L4, 17, 0 }, { L4, 18, 0 }, { L4, 19, 0 } } },
		{ "tag 0 without INIT",
		  SCTP4,
		  DROP_SCTP_TAG,
		  1,
		  { { L4, 4, 0 }, { L4, 5, 0 }, { L4, 6, 0 }, { L4, 7, 0 } } },
		{ "MSS of 3", TCP4, DROP_TCP_OPTIONS, 1, { { L4, 21, 3 } } },
		{ "TCP option length 0", TCP4_SYN, DROP_TCP_OPTIONS, 1, { { L4, 25, 0 } } },
		{ "TCP option length 1",
		  TCP4,
		  DROP_TCP_OPTIONS,
		  1,
		  { { L4, 20, 77 }, { L4, 21, 1 } } },
		{ "TCP option past the header",
		  TCP4,
		  DROP_TCP_OPTIONS,
		  1,
		  { { L4, 20, 77 }, { L4, 21, 5 } } },
		{ "unknown TCP option", TCP4, DROP_NONE, 1, { { L4, 20, 77 } } },
		{ "TCP option without length",
		  TCP4,
		  DROP_TCP_OPTIONS,
		  1,
		  { { L4, 20, 77 }, { L4, 21, 3 }, { L4, 23, 77 } } },
		{ "timestamp of 9", TCP4_TIMESTAMP, DROP_TCP_OPTIONS, 1, { { L4, 23, 9 } } },
		{ "SACK of 10", TCP4_TIMESTAMP, DROP_NONE, 1, { { L4, 22, 5 } } },
		{ "SACK of 9",
		  TCP4_TIMESTAMP,
		  DROP_TCP_OPTIONS,
		  1,
		  { { L4, 22, 5 }, { L4, 23, 9 } } },
		{ "SACK without blocks", TCP4_SYN, DROP_TCP_OPTIONS, 1, { { L4, 24, 5 } } },
		{ "SACK permitted of 10", TCP4_TIMESTAMP, DROP_TCP_OPTIONS, 1, { { L4, 22, 4 } } },
		{ "window scale of 4", TCP4, DROP_TCP_OPTIONS, 1, { { L4, 20, 3 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: a packet from a socket to itself is refused; only the ports' equality tells it from a
 * conversation of one host. Method: make both addresses equal, then both ports. */
Test(parse, land)
{
	static const enum sample samples[] = { TCP4, UDP4, ECHO4, TCP6, UDP6, ECHO6 };

	for (unsigned i = 0; i < array_length(samples); i++) {
		const bool echo = samples[i] == ECHO4 || samples[i] == ECHO6;
		struct frame f;
		struct packet p;

		sample_make(&f, samples[i]);
		if (samples[i] < TCP6)
			memcpy(f.bytes + f.l3 + 16, f.bytes + f.l3 + 12, 4);
		else
			memcpy(f.bytes + f.l3 + 24, f.bytes + f.l3 + 8, 16);
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), echo ? DROP_LAND : DROP_NONE), "case %u",
			  i);
		if (echo)
			continue;
		memcpy(f.bytes + f.l4 + 2, f.bytes + f.l4, 2);
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_LAND), "case %u", i);
	}
}

/* Goal: what tracking asks of TCP is told as the segment has it.
 * Method: read the samples back. */
Test(parse, tcp_facts)
{
	struct frame f;
	struct packet p;

	sample_make(&f, TCP4_SYN);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u32, p.tcp_seq, 0x11223344), eq(u32, p.tcp_ack, 0x55667788)));
	cr_assert(all(eq(u16, p.tcp_window, 0x2000), eq(u8, p.facts, PACKET_TCP_OPTIONS)));
	cr_assert(eq(u8, p.more.tcp.known,
		     TCP_HAS_MSS | TCP_HAS_SCALE | TCP_HAS_SACK_PERMITTED | TCP_HAS_TIMESTAMP));
	cr_assert(all(eq(u16, p.more.tcp.mss, 1460), eq(u8, p.more.tcp.scale, 7)));
	cr_assert(all(eq(u32, p.more.tcp.timestamp, 0x0102),
		      eq(u32, p.more.tcp.timestamp_echo, 0x0304)));

	sample_make(&f, TCP4_TIMESTAMP);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(eq(u8, p.more.tcp.known, TCP_HAS_TIMESTAMP));
	f.bytes[f.l4 + 22] = 5;
	frame_checksums(&f);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u8, p.more.tcp.known, TCP_HAS_SACK), eq(u8, p.more.tcp.sack_blocks, 1)));
	cr_assert(eq(u32, p.more.tcp.sack_offset, f.l4 + 24));
}

/* Goal: a window scale beyond 14 counts as 14 (RFC 7323 2.3). Method: each value. */
Test(parse, window_scale_is_bounded)
{
	for (unsigned scale = 0; scale < 256; scale++) {
		const uint8_t options[4] = { 3, 3, (uint8_t)scale, 1 };
		struct frame f;
		struct packet p;

		frame_ethernet(&f, 0, 0x0800);
		frame_ipv4(&f, 6, "", 0);
		frame_tcp_options(&f, 2, options, 4);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
		cr_assert(eq(u8, p.more.tcp.scale, scale < 14 ? scale : 14));
	}
}

/* Goal: tags and chunk types of SCTP are told. Method: read the samples back. */
Test(parse, sctp_facts)
{
	struct frame f;
	struct packet p;

	sample_make(&f, SCTP4);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u32, p.sctp_tag, 0x01020304), eq(u16, p.sctp_chunks, 1u << 0 | 1u << 3)));
	cr_assert(eq(u32, p.sctp_init_tag, 0));
	f.bytes[f.l4 + 32] = 192;
	frame_checksums(&f);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(eq(u16, p.sctp_chunks, 1u << 0 | 1u << 15));
	sample_make(&f, SCTP4_INIT);
	cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
	cr_assert(all(eq(u32, p.sctp_tag, 0), eq(u16, p.sctp_chunks, 1u << 1)));
	cr_assert(eq(u32, p.sctp_init_tag, 0xaabbccdd));
}

/* Goal: the walk over chunks ends, whatever the packet holds. Method: more chunks than it looks at,
 * the last of them broken. */
Test(parse, sctp_chunks_are_bounded)
{
	for (unsigned n = SCTP_CHUNKS_MAX; n <= SCTP_CHUNKS_MAX + 1; n++) {
		uint8_t chunks[4 * (SCTP_CHUNKS_MAX + 1)] = { 0 };
		struct frame f;
		struct packet p;

		for (unsigned i = 0; i < n; i++)
			memcpy(chunks + 4 * i, "\7\0\0\4", 4);
		chunks[4 * n - 1] = 1;
		frame_ethernet(&f, 0, 0x0800);
		frame_ipv4(&f, 132, "", 0);
		frame_sctp(&f, 1, chunks, 4 * n);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p),
			     n > SCTP_CHUNKS_MAX ? DROP_NONE : DROP_SCTP_CHUNK));
	}
}
