/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_damage.c: the parser survives what is cut off and broken, and its fast path lies
 * never. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "dataplane/parse/walk.h"
#include "tests/unit/parse_samples.h"

/* Goal: a frame cut off anywhere is refused, never read past its end.
 * Method: every prefix of every sample, in an exact allocation. */
Test(parse, truncation_is_refused_everywhere)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct frame f;

		sample_make(&f, i);
		for (uint32_t whole = f.length; f.length > 0;) {
			struct packet p;

			f.length--;
			cr_assert(ne(int, (int)parse(&f, PARSE_TUNNELS, &p), DROP_NONE),
				  "sample %u, %u of %u", i, f.length, whole);
		}
	}
}

/* Goal: an IP packet whose own length is cut short, in any header, is refused too, although the
 * frame goes on. Method: every smaller IP length of every sample, with good checksums of what is
 * left; what is accepted (a shorter TCP, ICMP or UDP-with-surplus payload) stays inside. */
Test(parse, short_ip_length_is_never_passed)
{
	for (unsigned i = 0; i < ARP; i++) {
		const uint32_t fixed = i < TCP6 ? 0 : 40;
		struct frame f;

		sample_make(&f, i);
		for (uint32_t total = f.length - f.l3; total-- > fixed;) {
			struct packet p;

			be16_store(f.bytes + f.l3 + (fixed ? 4 : 2), (uint16_t)(total - fixed));
			frame_checksums(&f);
			if (parse(&f, 0, &p) != DROP_NONE)
				continue;
			cr_assert(eq(u32, p.l3_bytes, total), "sample %u", i);
			cr_assert(le(u32, p.payload_offset, p.l3_offset + p.l3_bytes), "sample %u",
				  i);
		}
	}
}

/* Flags that a nic may give, by number. */
static unsigned
flags_number(unsigned n)
{
	static const unsigned flags[] = {
		0,
		PARSE_CHECKSUM_IGNORE,
		PARSE_L3_CHECKSUM_GOOD | PARSE_L4_CHECKSUM_GOOD,
		PARSE_L3_CHECKSUM_GOOD,
		PARSE_VLAN_STRIPPED | PARSE_L4_CHECKSUM_GOOD,
		PARSE_VLAN_STRIPPED | PARSE_CHECKSUM_IGNORE,
		PARSE_SOURCE_ANY | PARSE_SOURCE_ROUTE | PARSE_CHECKSUM_IGNORE,
		PARSE_TUNNELS | PARSE_CHECKSUM_IGNORE,
	};

	return flags[n % array_length(flags)];
}

/* Whether two descriptions are equal: the first line, and the parts of the second that it names. */
static bool
packet_equal(const struct packet *a, const struct packet *b)
{
	const struct packet_more *x = &a->more, *y = &b->more;
	const unsigned facts = a->facts;

	if (memcmp(a, b, offsetof(struct packet, more)) != 0)
		return false;
	return (!(facts & PACKET_TAGGED_TWICE) || x->vlan_inner == y->vlan_inner) &&
	       (!(facts & PACKET_FRAGMENT) ||
		memcmp(&x->fragment, &y->fragment, sizeof(x->fragment)) == 0) &&
	       (!(facts & PACKET_TCP_OPTIONS) || memcmp(&x->tcp, &y->tcp, sizeof(x->tcp)) == 0) &&
	       (!(facts & PACKET_TUNNEL) ||
		memcmp(&x->tunnel, &y->tunnel, sizeof(x->tunnel)) == 0) &&
	       (!(facts & PACKET_PPPOE) || x->pppoe_session == y->pppoe_session) &&
	       (!(facts & PACKET_QUOTE) || x->quote_offset == y->quote_offset);
}

/* Parses the frame alone, in a burst, and by the walk alone; all must say the same. */
static enum drop_reason
parse_three_ways(const struct frame *f, unsigned flags, struct packet *p)
{
	uint8_t *copy = malloc(f->length == 0 ? 1 : f->length);
	struct parse_view views[2];
	struct packet walked, burst[2];
	uint8_t reasons[2];
	enum drop_reason reason, walk_reason;

	memcpy(copy, f->bytes, f->length);
	for (unsigned i = 0; i < 2; i++)
		views[i] = (struct parse_view){ .frame = copy,
						.bytes = f->length,
						.flags = (uint16_t)flags,
						.vlan_tci = 0x2007 };
	memset(burst, 0xa5, sizeof(burst));
	memset(&walked, 0x5a, sizeof(walked));
	reason = parse_frame(copy, f->length, flags, 0x2007, p);
	parse_burst(views, 2, burst, reasons);
	walk_reason = walk_frame(copy, f->length, flags, 0x2007, &walked);
	free(copy);
	cr_assert(all(eq(int, (int)reason, (int)walk_reason), eq(int, reasons[0], (int)reason),
		      eq(int, reasons[1], (int)reason)));
	cr_assert(ne(int, packet_equal(p, &walked), 0));
	cr_assert(ne(int, packet_equal(p, &burst[1]), 0));
	return reason;
}

/* Goal: the fast path says what the walk says, of whatever comes, whatever the device did.
 * Method: every sample under each set of flags, whole and with each of its first 80 bytes set to
 * values that rules look for. */
Test(parse, fast_path_equals_the_walk, .timeout = 240)
{
	static const uint8_t values[] = { 0,    1,    4,    5,    6,    8,    17,
					  0x20, 0x3f, 0x45, 0x7f, 0x80, 0xe0, 0xff };

	for (unsigned i = 0; i < SAMPLES * 8; i++) {
		struct frame f;
		struct packet p;

		sample_make(&f, i / 8);
		parse_three_ways(&f, flags_number(i), &p);
		for (uint32_t at = 12; at < f.length && at < 80; at++) {
			const uint8_t before = f.bytes[at];

			for (unsigned v = 0; v < array_length(values); v++) {
				f.bytes[at] = values[v];
				parse_three_ways(&f, flags_number(i), &p);
			}
			f.bytes[at] = before;
		}
	}
}

/* Goal: random damage never makes the parser read outside, accept offsets outside, or say two
 * things of one frame. Method: 200,000 frames, each a sample with up to 8 random bytes changed and
 * cut at random, under flags in turn; the seed is fixed. */
Test(parse, survives_damage)
{
	uint64_t state = 99;

	for (unsigned step = 0; step < 200000; step++) {
		struct frame f;
		struct packet p;

		state = state * 6364136223846793005u + 1442695040888963407u;
		sample_make(&f, (state >> 33) % SAMPLES);
		for (unsigned i = 0; i < (state >> 40) % 8; i++) {
			const uint64_t r = (state >> 20) * (i + 0x9e3779b97f4a7c15u);

			f.bytes[12 + (r >> 40) % (f.length - 12)] = (uint8_t)(r >> 32);
		}
		if (step % 3 == 0)
			f.length = (uint32_t)(state >> 45) % (f.length + 1);
		if (parse_three_ways(&f, flags_number(step), &p) != DROP_NONE)
			continue;
		cr_assert(le(u32, p.l3_offset, p.l4_offset));
		cr_assert(le(u32, p.l4_offset, p.payload_offset));
		cr_assert(le(u32, p.payload_offset, (uint32_t)p.l3_offset + p.l3_bytes));
		cr_assert(le(u32, (uint32_t)p.l3_offset + p.l3_bytes, f.length));
	}
}
