/* SPDX-License-Identifier: BSD-3-Clause */
/* test_reassemble.c: datagrams put together by libberth, each rule and each limit. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "client/reassemble.h"
#include "common/base/check.h"
#include "tests/datagrams.h"

#define PARTS_MAX  80
#define PART_BYTES 9700

/* A burst of fragments, with the memory they lie in. */
struct parts {
	unsigned n;
	struct berth_packet packets[PARTS_MAX];
	uint8_t bytes[PARTS_MAX][PART_BYTES];
};

static struct parts parts;

static struct berth_reassembler *
reassembler(uint32_t datagrams, uint32_t per_source, uint32_t timeout_ms)
{
	const struct berth_reassembler_options o = { .datagrams = datagrams,
						     .per_source = per_source,
						     .timeout_ms = timeout_ms };
	struct berth_reassembler *r;

	cr_assert(zero(int, berth_reassembler_open(&o, &r)));
	return r;
}

/* Adds the fragment with `bytes` from `offset` on, as berthd would deliver it. */
static struct berth_packet *
part(const struct whole *w, uint32_t offset, uint32_t bytes)
{
	struct berth_packet *p = &parts.packets[parts.n];
	uint8_t *at = parts.bytes[parts.n++];
	const uint32_t inner = w->l4 - w->header;

	cr_assert(le(u32, parts.n, PARTS_MAX));
	*p = (struct berth_packet){ .data = at,
				    .bytes = whole_fragment(w, offset, bytes, at),
				    .flow = 77,
				    .binding = 5,
				    .zone = 3,
				    .proto = w->proto,
				    .flags = BERTH_PACKET_FRAGMENT };
	p->flags |= w->v6 ? BERTH_PACKET_IPV6 : 0;
	p->l4_offset = (uint16_t)(p->bytes - bytes);
	if (offset == 0)
		p->l4_offset = (uint16_t)(p->l4_offset + inner);
	else
		p->flags |= BERTH_PACKET_LATER;
	p->payload_offset = (uint16_t)(p->l4_offset + (offset == 0 && inner < bytes ? 8 : 0));
	return p;
}

/* All fragments of `unit` bytes. */
static void
cut(const struct whole *w, uint32_t unit)
{
	for (uint32_t at = 0; at < whole_data(w); at += unit)
		part(w, at, whole_data(w) - at < unit ? whole_data(w) - at : unit);
}

static uint16_t
run(struct berth_reassembler *r, uint32_t now_ms)
{
	const uint16_t n = reassemble_burst(r, parts.packets, (uint16_t)parts.n, now_ms);

	parts.n = 0;
	return n;
}

static void
is_whole(const struct berth_packet *p, const struct whole *w, uint32_t transport_header)
{
	cr_assert(eq(u32, p->bytes, w->length));
	cr_expect(zero(int, memcmp(p->data, w->bytes, w->length)));
	cr_expect(eq(u16, p->l4_offset, w->l4));
	cr_expect(eq(u16, p->payload_offset, w->l4 + transport_header));
	cr_expect(eq(u16, p->flags, w->v6 ? BERTH_PACKET_IPV6 : 0));
	cr_expect(all(eq(u64, p->flow, 77), eq(u32, p->binding, 5), eq(u16, p->zone, 3)));
}

/* Goal: what comes out is what was cut, byte for byte, for both families, with headers before and
 * behind the cut, up to the longest datagram there is. */
Test(reassemble, round_trips)
{
	static const struct {
		bool v6;
		uint8_t proto;
		uint32_t options, inside, payload, unit, transport_header;
	} cases[] = {
		{ false, 17, 0, 0, 4000, 1480, 8 },   { true, 17, 0, 0, 4000, 1232, 8 },
		{ false, 6, 0, 0, 3000, 1480, 20 },   { true, 6, 0, 0, 3000, 1232, 20 },
		{ false, 17, 40, 0, 100, 24, 8 },     { true, 17, 16, 8, 100, 24, 8 },
		{ true, 6, 0, 24, 100, 48, 20 },      { false, 132, 0, 0, 333, 64, 0 },
		{ false, 17, 0, 0, 65507, 9560, 8 },  { true, 17, 0, 0, 65527, 9544, 8 },
		{ true, 17, 256, 0, 65271, 9216, 8 }, { false, 17, 0, 0, 1, 8, 8 },
	};
	static struct whole w;
	struct berth_reassembler *r = reassembler(0, 0, 0);

	for (unsigned i = 0; i < array_length(cases); i++) {
		whole_make(&w, cases[i].v6, cases[i].proto, 0xabc0 + i, 1, cases[i].options,
			   cases[i].inside, cases[i].payload);
		cut(&w, cases[i].unit);
		cr_assert(eq(u16, run(r, 0), 1), "case %u", i);
		is_whole(&parts.packets[0], &w, cases[i].transport_header);
	}
	berth_reassembler_close(r);
}

/* Goal: whole packets stay where they are, a datagram takes the place of its last fragment, and
 * stays valid until the next call. */
Test(reassemble, keeps_the_burst)
{
	static struct whole a, b;
	struct berth_reassembler *r = reassembler(2, 2, 0);
	const void *first;

	whole_make(&a, false, 17, 1, 1, 0, 0, 200);
	whole_make(&b, true, 17, 1, 1, 0, 0, 200);
	part(&a, 104, 104);
	part(&b, 0, 104)->flags = BERTH_PACKET_NEW_FLOW; /* taken for a whole packet */
	part(&b, 104, 104);
	part(&a, 0, 104);
	part(&b, 0, 104)->flags = BERTH_PACKET_LOCAL;
	cr_assert(eq(u16, run(r, 0), 3));
	cr_expect(eq(u16, parts.packets[0].flags, BERTH_PACKET_NEW_FLOW));
	is_whole(&parts.packets[1], &a, 8);
	cr_expect(eq(u16, parts.packets[2].flags, BERTH_PACKET_LOCAL));
	first = parts.packets[1].data;
	cr_expect(zero(int, memcmp(first, a.bytes, a.length)));
	part(&b, 0, 104);
	cr_assert(eq(u16, run(r, 0), 1));
	is_whole(&parts.packets[0], &b, 8);
	berth_reassembler_close(r);
}

/* Goal: what berthd could not verify is verified here: a broken datagram never comes out. */
Test(reassemble, refuses_broken_datagrams)
{
	static struct whole w;
	struct berth_reassembler *r = reassembler(0, 0, 0);
	struct berth_reassembler_counts counts;

	for (unsigned i = 0; i < 8; i++) {
		whole_make(&w, i & 1, i < 4 ? 17 : 6, i, 1, 0, 0, 200);
		if (i < 2)
			w.bytes[w.length - 1] ^= 1; /* payload */
		else if (i < 4)
			be16_store(w.bytes + w.l4 + 4, 209); /* UDP length past the end */
		else if (i < 6)
			w.bytes[w.l4 + 12] =
				0xf0; /* TCP header past the first fragment, sum wrong */
		else
			w.bytes[w.l4 + 5] ^= 1;
		cut(&w, 64);
		cr_expect(zero(u16, run(r, 0)), "case %u", i);
	}
	berth_reassembler_count(r, &counts);
	cr_expect(eq(u64, counts.malformed, 8));

	whole_make(&w, false, 17, 50, 1, 0, 0, 200);
	be16_store(w.bytes + w.l4 + 6, 0); /* no checksum: IPv4 may */
	cut(&w, 64);
	cr_expect(eq(u16, run(r, 0), 1));
	whole_make(&w, true, 17, 50, 1, 0, 0, 200);
	be16_store(w.bytes + w.l4 + 6, 0);
	cut(&w, 64);
	cr_expect(zero(u16, run(r, 0)));
	berth_reassembler_close(r);
}

/* Goal: RFC 3168 5.3: one fragment's congestion mark is the datagram's; beside a fragment that does
 * not know of it, the datagram is lost. */
Test(reassemble, ecn)
{
	static struct whole w;
	struct berth_reassembler *r = reassembler(0, 0, 0);

	for (unsigned v6 = 0; v6 < 2; v6++) {
		for (unsigned base = 0; base < 4; base++) {
			whole_make(&w, v6, 17, 10 + base, 1, 0, 0, 200);
			w.bytes[1] |= (uint8_t)(v6 ? base << 4 : base);
			whole_checksums(&w);
			cut(&w, 64);
			parts.bytes[2][1] |= v6 ? 0x30 : 3;
			w.bytes[1] |= v6 ? 0x30 : 3;
			whole_checksums(&w);
			cr_assert(eq(u16, run(r, 0), base > 0));
			if (base > 0)
				is_whole(&parts.packets[0], &w, 8);
		}
	}
	berth_reassembler_close(r);
}

/* Goal: fragments that cannot be any are counted and gone. */
Test(reassemble, refuses_broken_fragments)
{
	static struct whole w;
	struct berth_reassembler *r = reassembler(0, 0, 0);
	struct berth_reassembler_counts counts;
	struct berth_packet *p;

	whole_make(&w, false, 17, 1, 1, 0, 0, 200);
	part(&w, 64, 60); /* more to come, and no multiple of 8 */
	p = part(&w, 64, 64);
	p->bytes--; /* not what the header says */
	p = part(&w, 64, 64);
	parts.bytes[2][0] = 0x4f; /* header longer than the packet */
	p->bytes = 40;
	be16_store(parts.bytes[2] + 2, 40);
	p = part(&w, 64, 64);
	be16_store(parts.bytes[3] + 6, 0x1fff); /* ends past 65535 */
	p = part(&w, 0, 64);
	p->l4_offset = 200;
	p = part(&w, 64, 64);
	p->flags |= BERTH_PACKET_IPV6;
	p = part(&w, 64, 64);
	p->bytes = 12;
	whole_make(&w, true, 17, 1, 1, 0, 0, 200);
	p = part(&w, 64, 64);
	parts.bytes[7][6] = 59; /* no fragment header in sight */
	p = part(&w, 64, 64);
	p->bytes = 30;
	whole_make(&w, true, 17, 1, 1, 512, 0, 200);
	part(&w, 64, 64); /* more headers than there is room for */
	cr_expect(zero(u16, run(r, 0)));
	berth_reassembler_count(r, &counts);
	cr_expect(eq(u64, counts.malformed, 10));
	cr_expect(eq(u64, counts.gave_way, 0));
	berth_reassembler_close(r);
}

/* Goal: an overlap gives the datagram up until its time is over (RFC 5722), a duplicate does not;
 * what takes too long is given up, also across a wrap of the clock. */
Test(reassemble, overlap_and_timeout)
{
	static struct whole w;
	const uint32_t start = UINT32_MAX - 100;
	struct berth_reassembler *r = reassembler(0, 0, 1000);
	struct berth_reassembler_counts counts;

	whole_make(&w, true, 17, 9, 1, 0, 0, 200);
	part(&w, 0, 64);
	part(&w, 0, 64);
	part(&w, 56, 64);
	part(&w, 64, 144);
	cr_expect(zero(u16, run(r, start)));
	cut(&w, 64);
	cr_expect(zero(u16, run(r, start + 999)));
	cut(&w, 64);
	cr_expect(eq(u16, run(r, start + 1000), 1));
	part(&w, 64, 144);
	cr_expect(zero(u16, run(r, start + 2000)));
	part(&w, 0, 64);
	cr_expect(zero(u16, run(r, start + 3000)));
	berth_reassembler_count(r, &counts);
	cr_expect(all(eq(u64, counts.overlapped, 1), eq(u64, counts.completed, 1),
		      eq(u64, counts.expired, 1)));
	berth_reassembler_close(r);
}

/* Goal: a flood gives way to what completes, one sender only to itself, and the caller's datagrams
 * are not touched. */
Test(reassemble, limits)
{
	static struct whole w, own;
	struct berth_reassembler *r = reassembler(4, 2, 0);
	struct berth_reassembler_counts counts;

	whole_make(&own, false, 17, 1, 1, 0, 0, 200);
	part(&own, 64, 144);
	cr_expect(zero(u16, run(r, 0)));
	for (uint32_t i = 0; i < 40; i++) {
		whole_make(&w, false, 17, 100 + i, 2, 0, 0, 200);
		part(&w, 0, 64);
		cr_expect(zero(u16, run(r, 1 + i)));
	}
	part(&own, 0, 64);
	cr_assert(eq(u16, run(r, 50), 1)); /* sender 2 took 2 of 4 */
	is_whole(&parts.packets[0], &own, 8);

	for (uint32_t i = 0; i < 40; i++) {
		whole_make(&w, false, 17, 200 + i, (uint8_t)(10 + i), 0, 0, 200);
		part(&w, 0, 64);
	}
	for (uint32_t i = 0; i < 5; i++) {
		whole_make(&w, false, 17, 300 + i, (uint8_t)(100 + i), 0, 0, 200);
		cut(&w, 104);
	}
	cr_expect(eq(u16, run(r, 60), 4)); /* the fifth finds no room: the caller has all */
	berth_reassembler_count(r, &counts);
	cr_expect(eq(u64, counts.completed, 5));
	cr_expect(eq(u64, counts.gave_way, 38 + 38 + 4 + 2));
	berth_reassembler_close(r);
}

/* Goal: options out of range are refused; NULL and zeros are the defaults. */
Test(reassemble, options)
{
	struct berth_reassembler_options o = { .datagrams = BERTH_REASSEMBLER_DATAGRAMS_MAX + 1 };
	struct berth_reassembler *r = NULL;

	cr_expect(eq(int, berth_reassembler_open(&o, &r), -EINVAL));
	o = (struct berth_reassembler_options){ .reserved[4] = 1 };
	cr_expect(eq(int, berth_reassembler_open(&o, &r), -EINVAL));
	o = (struct berth_reassembler_options){ .timeout_ms = 1u << 31 };
	cr_expect(eq(int, berth_reassembler_open(&o, &r), -EINVAL));
	cr_expect(eq(ptr, r, NULL));
	cr_assert(zero(int, berth_reassembler_open(NULL, &r)));
	cr_expect(eq(u16, berth_reassemble(r, parts.packets, 0), 0));
	berth_reassembler_close(r);
	berth_reassembler_close(NULL);
}
