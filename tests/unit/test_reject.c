/* SPDX-License-Identifier: BSD-3-Clause */
/* test_reject.c: resets and port unreachables, read back by our own parser; their rate. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "common/base/check.h"
#include "dataplane/policy/reject.h"
#include "tests/unit/frames.h"

static struct packet
parsed(const struct frame *f)
{
	struct packet p;

	cr_assert(eq(int, (int)parse_frame(f->bytes, f->length, 0, 0, &p), DROP_NONE));
	return p;
}

/* Rejects `f`; *out becomes the refusal. Returns what reject_build() did. */
static int
reject(const struct frame *f, struct frame *out)
{
	const struct packet p = parsed(f);
	int length;

	memset(out, 0, sizeof(*out));
	length = reject_build(f->bytes, &p, out->bytes, REJECT_FRAME_BYTES);
	out->length = length > 0 ? (uint32_t)length : 0;
	return length;
}

static void
request_make(struct frame *f, bool v6, unsigned tags, uint8_t proto)
{
	frame_ethernet(f, tags, v6 ? 0x86dd : 0x0800);
	if (v6)
		frame_ipv6(f, proto, "", 0, proto);
	else
		frame_ipv4(f, proto, "", 0);
}

/* Goal: a reset has the numbers of RFC 9293 3.10.7.1 for each kind of segment, and goes back with
 * the tags it came with. Method: a table of flags and payloads, over both families and all tags. */
Test(reject, reset_numbers)
{
	static const struct {
		uint8_t flags, payload, reset_flags;
		uint32_t seq, ack;
	} cases[] = {
		{ 0x02, 0, 0x14, 0, 0x11223345 }, /* SYN */
		{ 0x02, 9, 0x14, 0, 0x1122334e }, /* SYN with data */
		{ 0x10, 0, 0x04, 0x55667788, 0 }, /* ACK */
		{ 0x18, 9, 0x04, 0x55667788, 0 }, /* data */
		{ 0x11, 0, 0x04, 0x55667788, 0 }, /* FIN ACK */
		{ 0x12, 0, 0x04, 0x55667788, 0 }, /* SYN ACK */
		{ 0xc2, 0, 0x14, 0, 0x11223345 }, /* SYN ECE CWR */
	};

	for (unsigned i = 0; i < array_length(cases) * 6; i++) {
		const unsigned c = i / 6, tags = i % 3;
		const bool v6 = i % 2;
		struct frame f, out;
		struct packet p;

		request_make(&f, v6, tags, 6);
		frame_tcp(&f, 40000, 443, cases[c].flags, cases[c].payload);
		frame_finish(&f);
		cr_assert(eq(int, reject(&f, &out), (int)(f.l3 + (v6 ? 60 : 40))));
		cr_assert(eq(int, memcmp(out.bytes, FRAME_MAC_A FRAME_MAC_B, 12), 0));
		cr_assert(eq(int, memcmp(out.bytes + 12, f.bytes + 12, f.l3 - 12), 0));
		p = parsed(&out);
		cr_assert(eq(u8, p.ttl, 64));
		cr_assert(eq(u8, p.tcp_flags, cases[c].reset_flags), "case %u", c);
		cr_assert(eq(u16, p.key.port[0], 443));
		cr_assert(eq(u16, p.key.port[1], 40000));
		cr_assert(eq(int,
			     memcmp(p.key.addr[0], v6 ? FRAME_IPV6_B : FRAME_IPV4_B, v6 ? 16 : 4),
			     0));
		cr_assert(eq(int,
			     memcmp(p.key.addr[1], v6 ? FRAME_IPV6_A : FRAME_IPV4_A, v6 ? 16 : 4),
			     0));
		cr_assert(eq(u32, be32_load(out.bytes + p.l4_offset + 4), cases[c].seq), "case %u",
			  c);
		cr_assert(eq(u32, be32_load(out.bytes + p.l4_offset + 8), cases[c].ack), "case %u",
			  c);
		/* A reset is never answered in turn. */
		cr_assert(eq(int, reject(&out, &f), -ENOMSG));
	}
}

/* Goal: the acknowledgement of a segment at the end of the sequence space wraps.
 * Method: SYN with data from 0xfffffffe. */
Test(reject, reset_wraps)
{
	struct frame f, out;

	request_make(&f, false, 0, 6);
	frame_tcp(&f, 40000, 443, 0x02, 3);
	be32_store(f.bytes + f.l4 + 4, 0xfffffffe);
	frame_finish(&f);
	cr_assert(gt(int, reject(&f, &out), 0));
	cr_assert(eq(u32, be32_load(out.bytes + 34 + 8), 2));
}

/* Goal: an unreachable quotes the packet unchanged, up to the standards' size, and its receiver
 * relates it to the flow that it sent. Method: payloads around the limits, over both families. */
Test(reject, unreachable_quotes)
{
	static const uint32_t payloads[] = { 0, 1, 519, 520, 521, 1183, 1184, 1185, 1400 };

	for (unsigned i = 0; i < array_length(payloads) * 6; i++) {
		const uint32_t payload = payloads[i / 6];
		const bool v6 = i % 2;
		const uint32_t header = v6 ? 40 : 20, limit = v6 ? 1280 : 576;
		uint32_t total = 2 * header + 16 + payload;
		struct frame f, out;
		struct packet p;

		request_make(&f, v6, i % 3, 17);
		frame_udp(&f, 40000, 9, payload);
		frame_finish(&f);
		if (total > limit)
			total = limit;
		cr_assert(eq(int, reject(&f, &out), (int)(f.l3 + total)), "payload %u", payload);
		cr_assert(eq(int, memcmp(out.bytes, FRAME_MAC_A FRAME_MAC_B, 12), 0));
		cr_assert(eq(int, memcmp(out.bytes + 12, f.bytes + 12, f.l3 - 12), 0));
		p = parsed(&out);
		cr_assert(eq(u8, p.kind, PACKET_ICMP_ERROR));
		cr_assert(eq(u8, p.icmp_type, v6 ? 1 : 3));
		cr_assert(eq(u8, p.icmp_code, v6 ? 4 : 3));
		cr_assert(eq(u8, p.ttl, 64));
		cr_assert(eq(u16, p.l3_bytes, total));
		cr_assert(eq(u32, be32_load(out.bytes + p.l4_offset + 4), 0));
		cr_assert(
			eq(int,
			   memcmp(out.bytes + p.l4_offset + 8, f.bytes + f.l3, total - header - 8),
			   0));
		/* The answer to the quoted packet would come from the closed port. */
		cr_assert(eq(u8, p.key.proto, 17));
		cr_assert(eq(u16, p.key.port[0], 9));
		cr_assert(eq(u16, p.key.port[1], 40000));
		cr_assert(eq(int,
			     memcmp(p.key.addr[1], v6 ? FRAME_IPV6_A : FRAME_IPV4_A, v6 ? 16 : 4),
			     0));
		/* An error is never answered in turn. */
		cr_assert(eq(int, reject(&out, &f), -ENOMSG));
	}
}

/* Goal: nothing is said to many, for many, or about ICMP and ARP.
 * Method: group bits at both layers, at both ends; other kinds. */
Test(reject, silence_where_the_standards_ask_for_it)
{
	for (unsigned i = 0; i < 8; i++) {
		const bool v6 = i == 2 || i == 6;
		struct frame f, out;

		request_make(&f, v6, 0, i >= 5 && i <= 6 ? (v6 ? 58 : 1) : i == 7 ? 6 : 17);
		if (i >= 5 && i <= 6)
			frame_icmp(&f, v6 ? 128 : 8, 0, 1, "ping", 4);
		else if (i == 7)
			frame_tcp(&f, 40000, 9, 0x02, 0);
		else
			frame_udp(&f, 40000, 9, 4);
		if (i == 0 || i == 1)
			f.bytes[f.l3 + 16] = i == 0 ? 239 : 255;
		if (i == 2)
			f.bytes[f.l3 + 24] = 0xff;
		if (i == 3 || i == 7)
			memset(f.bytes, 0xff, 6);
		if (i == 4)
			f.bytes[6] |= 1;
		frame_finish(&f);
		cr_assert(eq(int, reject(&f, &out), -ENOMSG), "case %u", i);
		cr_assert(eq(u8, out.bytes[0], 0));
	}
}

/* Goal: too little room is refused before the first byte is written.
 * Method: one byte less than each refusal needs, in an exact allocation. */
Test(reject, room_is_checked)
{
	for (unsigned i = 0; i < 4; i++) {
		const bool v6 = i % 2, tcp = i < 2;
		struct frame f, out;
		struct packet p;
		uint8_t *exact;
		int length;

		request_make(&f, v6, 0, tcp ? 6 : 17);
		if (tcp)
			frame_tcp(&f, 40000, 9, 0x02, 0);
		else
			frame_udp(&f, 40000, 9, 1400);
		frame_finish(&f);
		length = reject(&f, &out);
		p = parsed(&f);
		exact = calloc(1, (size_t)length);
		cr_assert(eq(int, reject_build(f.bytes, &p, exact, (uint32_t)length - 1), -ENOSPC));
		cr_assert(eq(u8, exact[0], 0));
		cr_assert(eq(int, reject_build(f.bytes, &p, exact, (uint32_t)length), length));
		free(exact);
	}
}

/* Goal: the bucket lets a burst of one second through, then its rate, whatever the clock does.
 * Method: count what passes at chosen times, among them a stopped, a backward and a leaping clock.
 */
Test(reject, rate_limit)
{
	static const struct {
		uint64_t at_ms;
		unsigned passed;
	} steps[] = {
		{ 1000, 50 }, /* full at the start */
		{ 1000, 0 },  /* the clock stands */
		{ 1019, 0 },  /* 20 ms for each */
		{ 1020, 1 },
		{ 1040, 1 },
		{ 1140, 5 },
		{ 900, 0 },                         /* backwards */
		{ 1160, 1 },                        /* and on: nothing is given twice */
		{ 9000, 50 },                       /* no more than one second's worth */
		{ 9000 + (UINT64_C(1) << 63), 50 }, /* times 50 is 0 in 64 bits */
		{ UINT64_MAX, 50 },
		{ UINT64_MAX, 0 },
	};
	struct reject_limit limit;

	reject_limit_init(&limit, 50, 1000);
	for (unsigned i = 0; i < array_length(steps); i++) {
		unsigned passed = 0;

		for (unsigned n = 0; n < 100; n++)
			passed += reject_limit_take(&limit, steps[i].at_ms);
		cr_assert(eq(uint, passed, steps[i].passed), "step %u", i);
	}
	reject_limit_init(&limit, 0, 0);
	cr_assert(not(reject_limit_take(&limit, 5000)));
	reject_limit_init(&limit, UINT32_MAX, 0);
	cr_assert(reject_limit_take(&limit, UINT64_MAX));
}
