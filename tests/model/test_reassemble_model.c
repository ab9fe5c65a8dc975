/* SPDX-License-Identifier: BSD-3-Clause */
/* test_reassemble_model.c: random datagrams, cut at random, shuffled, with losses, duplicates and
 * overlaps, through libberth's reassembler and through bytes painted one by one. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

#include "client/reassemble.h"
#include "tests/datagrams.h"
#include "tests/random.h"

#define DATAGRAMS   6
#define CUTS_MAX    20
#define ARRIVALS    400
#define PAYLOAD_MAX 1200
#define PART_BYTES  1500
#define DATA_MAX    2048

/* One datagram, and what of it has come. */
struct model {
	struct whole whole;
	uint16_t cuts[CUTS_MAX + 1]; /* where its fragments begin; the end is the last */
	unsigned fragments;
	bool dead, has_end;
	uint32_t end, furthest;
	bool there[DATA_MAX];
	bool begins[DATA_MAX];   /* a part that came begins here ... */
	uint32_t ends[DATA_MAX]; /* ... and ends there */
	bool finals[DATA_MAX];
	uint8_t bytes[DATA_MAX];
};

struct arrival {
	struct model *of;
	uint32_t offset, bytes;
	bool more, harmed; /* one bit of its data is turned */
};

static struct model models[DATAGRAMS];

static void
model_make(struct model *m, struct random *r, uint32_t id)
{
	static const uint8_t protos[] = { 17, 6, 17, 132 };
	const bool v6 = random_one_in(r, 2);
	const uint32_t options = 8 * random_below(r, 4), inside = v6 ? 8 * random_below(r, 3) : 0;
	uint32_t at = 0, data;

	memset(m, 0, sizeof(*m));
	whole_make(&m->whole, v6, protos[random_below(r, 4)], id, (uint8_t)(1 + id % 3), options,
		   inside, random_below(r, PAYLOAD_MAX));
	data = whole_data(&m->whole);
	/* The first fragment has the whole transport header. */
	at = (inside + 20 + 7) / 8 * 8;
	m->fragments = 1;
	while (at < data && m->fragments < CUTS_MAX) {
		m->cuts[m->fragments++] = (uint16_t)at;
		at += 8 * (1 + random_below(r, 30));
	}
	m->cuts[m->fragments] = (uint16_t)data;
}

/* Paints one fragment. True: the datagram is whole now. */
static bool
model_take(struct model *m, const struct arrival *a)
{
	const uint32_t end = a->offset + a->bytes;
	bool clash = (m->has_end && (a->more ? end >= m->end : end != m->end)) ||
		     (!a->more && m->furthest > end);

	if (m->dead)
		return false;
	if (m->begins[a->offset] && m->ends[a->offset] == end && m->finals[a->offset] == !a->more)
		return false;
	for (uint32_t i = a->offset; i < end; i++)
		clash |= m->there[i];
	m->dead = clash;
	if (clash)
		return false;
	for (uint32_t i = a->offset; i < end; i++) {
		m->there[i] = true;
		m->bytes[i] = m->whole.bytes[m->whole.header + i];
	}
	if (a->harmed)
		m->bytes[a->offset] ^= 1;
	m->begins[a->offset] = true;
	m->ends[a->offset] = end;
	m->finals[a->offset] = !a->more;
	m->furthest = end > m->furthest ? end : m->furthest;
	if (!a->more) {
		m->has_end = true;
		m->end = end;
	}
	for (uint32_t i = 0; m->has_end && i < m->end; i++)
		if (!m->there[i])
			return false;
	return m->has_end;
}

/* Forgets what came, as the reassembler does once a datagram is out. */
static void
model_reset(struct model *m)
{
	m->has_end = false;
	m->end = m->furthest = 0;
	memset(m->there, 0, sizeof(m->there));
	memset(m->begins, 0, sizeof(m->begins));
}

/* Whether the transport would take what was painted; others than TCP and UDP are not looked at. */
static bool
model_sound(const struct model *m)
{
	const uint8_t proto = m->whole.proto;

	if (m->end == whole_data(&m->whole) &&
	    memcmp(m->bytes, m->whole.bytes + m->whole.header, m->end) == 0)
		return true;
	return proto != 6 && proto != 17;
}

static void
packet_make(const struct arrival *a, uint8_t *at, struct berth_packet *p)
{
	const struct whole *w = &a->of->whole;
	const uint32_t length = whole_fragment(w, a->offset, a->bytes, at);
	const uint32_t data_at = length - a->bytes;

	if (w->v6)
		at[data_at - 5] = (uint8_t)((at[data_at - 5] & 0xf8) | a->more);
	else
		at[6] = (uint8_t)((at[6] & 0x1f) | (a->more ? 0x20 : 0));
	if (a->harmed)
		at[data_at] ^= 1;
	*p = (struct berth_packet){ .data = at,
				    .bytes = length,
				    .proto = w->proto,
				    .flags = BERTH_PACKET_FRAGMENT,
				    .l4_offset = (uint16_t)data_at };
	p->flags |= w->v6 ? BERTH_PACKET_IPV6 : 0;
	if (a->offset == 0)
		p->l4_offset = (uint16_t)(data_at + w->l4 - w->header);
	p->payload_offset = p->l4_offset;
}

/* Every fragment at least once or, rarely, never; some again; some that do not belong. */
static unsigned
arrivals_make(struct arrival *a, struct random *r)
{
	unsigned n = 0;

	for (unsigned d = 0; d < DATAGRAMS; d++) {
		struct model *m = &models[d];
		const uint32_t data = whole_data(&m->whole);
		/* Two turned bits may cancel each other out in a checksum, one does not. */
		const unsigned harmed = random_below(r, 5 * m->fragments);

		for (unsigned i = 0; i < m->fragments; i++) {
			const struct arrival good = { m, m->cuts[i],
						      (uint32_t)m->cuts[i + 1] - m->cuts[i],
						      i + 1 < m->fragments, false };

			for (unsigned copies = random_one_in(r, 60) ? 0 : 1; copies > 0; copies--) {
				a[n++] = good;
				copies += random_one_in(r, 20);
			}
			if (i == harmed) {
				a[n] = good;
				a[n++].harmed = good.offset > 0;
			}
		}
		if (random_one_in(r, 4)) {
			const uint32_t offset = 8 * random_below(r, data / 8 + 1);
			const uint32_t room = data - offset < 200 ? data - offset : 200;

			if (offset > 0 && room >= 8)
				a[n++] = (struct arrival){ m, offset, room / 8 * 8,
							   random_below(r, 2), false };
		}
	}
	for (unsigned i = n; i > 1; i--) {
		const unsigned k = random_below(r, i);
		const struct arrival t = a[k];

		a[k] = a[i - 1];
		a[i - 1] = t;
	}
	return n;
}

/* Goal: the same datagrams come out, at the same fragment, with the same bytes, and no others.
 * Method: rounds of a few datagrams in bursts of random size; the reassembler is new each round, so
 * that no limit plays in. */
Test(reassemble_model, equals_model)
{
	static struct arrival arrivals[ARRIVALS];
	static uint8_t bytes[16][PART_BYTES];
	const uint64_t seed = random_seed();
	struct random r = { seed };
	unsigned whole = 0, broken = 0, dead = 0;

	for (uint32_t round = 0; round < 3000; round++) {
		struct berth_reassembler *reassembler;
		unsigned n, at = 0;

		for (uint32_t i = 0; i < DATAGRAMS; i++)
			model_make(&models[i], &r, round * DATAGRAMS + i);
		n = arrivals_make(arrivals, &r);
		cr_assert(le(u32, n, ARRIVALS));
		cr_assert(zero(int, berth_reassembler_open(NULL, &reassembler)));
		while (at < n) {
			const unsigned burst = 1 + random_below(&r, 16);
			struct berth_packet packets[16];
			struct model *expected[16], done[16];
			uint16_t expected_count = 0, count = 0, got;

			for (; count < burst && at < n; at++, count++) {
				const struct arrival *a = &arrivals[at];

				packet_make(a, bytes[count], &packets[count]);
				if (!model_take(a->of, a))
					continue;
				if (model_sound(a->of)) {
					done[expected_count] = *a->of;
					expected[expected_count++] = a->of;
				}
				whole += model_sound(a->of);
				broken += !model_sound(a->of);
				model_reset(a->of);
			}
			got = reassemble_burst(reassembler, packets, count, round);
			cr_assert(eq(u16, got, expected_count), "round %u, seed %#jx", round,
				  (uintmax_t)seed);
			for (uint16_t i = 0; i < got; i++) {
				const struct whole *w = &expected[i]->whole;
				const uint8_t *ip = packets[i].data;

				cr_assert(eq(u32, packets[i].bytes, w->header + done[i].end),
					  "round %u, seed %#jx", round, (uintmax_t)seed);
				cr_assert(zero(int,
					       memcmp(ip + w->header, done[i].bytes, done[i].end)),
					  "round %u, seed %#jx", round, (uintmax_t)seed);
				cr_assert(eq(u16, packets[i].l4_offset, w->l4));
				if (packets[i].bytes == w->length)
					cr_assert(zero(int, memcmp(ip, w->bytes, w->header)),
						  "round %u, seed %#jx", round, (uintmax_t)seed);
			}
		}
		for (unsigned i = 0; i < DATAGRAMS; i++)
			dead += models[i].dead;
		berth_reassembler_close(reassembler);
	}
	cr_expect(gt(u32, whole, 6000));
	cr_expect(gt(u32, broken, 10));
	cr_expect(gt(u32, dead, 1000));
}
