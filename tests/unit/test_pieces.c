/* SPDX-License-Identifier: BSD-3-Clause */
/* test_pieces.c: the rules of parts of a datagram, one case each, and against bytes painted one by
 * one. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/pieces.h"
#include "tests/random.h"

struct part {
	uint16_t offset, bytes;
	bool more;
	enum pieces_result result;
};

struct sequence {
	const char *name;
	struct part parts[6]; /* bytes 0: the end */
	bool complete;
};

static const struct sequence sequences[] = {
	{ "in order", { { 0, 16, 1, 0 }, { 16, 8, 1, 0 }, { 24, 3, 0, 0 } }, true },
	{ "reversed", { { 24, 3, 0, 0 }, { 16, 8, 1, 0 }, { 0, 16, 1, 0 } }, true },
	{ "without the middle", { { 24, 3, 0, 0 }, { 0, 16, 1, 0 } }, false },
	{ "without the end", { { 0, 16, 1, 0 }, { 16, 8, 1, 0 } }, false },
	{ "without the start", { { 16, 8, 1, 0 }, { 24, 8, 0, 0 } }, false },
	{ "a duplicate",
	  { { 0, 16, 1, 0 }, { 0, 16, 1, PIECES_DUPLICATE }, { 16, 8, 0, 0 } },
	  true },
	{ "a duplicate last", { { 8, 3, 0, 0 }, { 8, 3, 0, PIECES_DUPLICATE } }, false },
	{ "same place, longer", { { 8, 8, 1, 0 }, { 8, 16, 1, PIECES_OVERLAP } }, false },
	{ "same place, shorter", { { 8, 16, 1, 0 }, { 8, 8, 1, PIECES_OVERLAP } }, false },
	{ "tail into head", { { 8, 16, 1, 0 }, { 0, 16, 1, PIECES_OVERLAP } }, false },
	{ "head into tail", { { 0, 16, 1, 0 }, { 8, 16, 1, PIECES_OVERLAP } }, false },
	{ "around", { { 8, 8, 1, 0 }, { 0, 24, 1, PIECES_OVERLAP } }, false },
	{ "inside", { { 0, 24, 1, 0 }, { 8, 8, 1, PIECES_OVERLAP } }, false },
	{ "a duplicate that is the last now",
	  { { 0, 8, 1, 0 }, { 8, 8, 1, 0 }, { 8, 8, 0, PIECES_OVERLAP } },
	  false },
	{ "a last that has followers now", { { 8, 8, 0, 0 }, { 8, 8, 1, PIECES_OVERLAP } }, false },
	{ "two ends", { { 8, 8, 0, 0 }, { 24, 8, 0, PIECES_OVERLAP } }, false },
	{ "past the end", { { 8, 8, 0, 0 }, { 16, 8, 1, PIECES_OVERLAP } }, false },
	{ "up to the end", { { 16, 8, 0, 0 }, { 8, 8, 1, 0 }, { 0, 8, 1, 0 } }, true },
	{ "an end before what came", { { 16, 8, 1, 0 }, { 8, 4, 0, PIECES_OVERLAP } }, false },
	{ "whole in one", { { 0, 5, 0, 0 } }, true },
};

/* Goal: each rule of RFC 791 3.2, RFC 8200 4.5 and RFC 5722 decides as named. */
Test(pieces, rules)
{
	for (unsigned i = 0; i < array_length(sequences); i++) {
		const struct sequence *s = &sequences[i];
		struct pieces p = { 0 };

		for (unsigned k = 0; k < array_length(s->parts) && s->parts[k].bytes != 0; k++) {
			const struct part *part = &s->parts[k];
			struct pieces before = p;

			cr_expect(eq(u32, pieces_add(&p, part->offset, part->bytes, part->more),
				     part->result),
				  "%s, part %u", s->name, k);
			if (part->result != PIECES_NEW)
				cr_expect(zero(int, memcmp(&before, &p, sizeof(p))), "%s", s->name);
		}
		cr_expect(eq(int, pieces_complete(&p), s->complete), "%s", s->name);
	}
}

/* Goal: lengths that no fragment may have are refused before anything else. */
Test(pieces, lengths)
{
	cr_expect(eq(u32, pieces_check(0, 0, false, 20), PIECES_LENGTH));
	cr_expect(eq(u32, pieces_check(8, 0, true, 20), PIECES_LENGTH));
	cr_expect(eq(u32, pieces_check(0, 9, true, 20), PIECES_LENGTH));
	cr_expect(eq(u32, pieces_check(0, 9, false, 20), PIECES_NEW));
	cr_expect(eq(u32, pieces_check(65512, 3, false, 20), PIECES_NEW));
	cr_expect(eq(u32, pieces_check(65512, 4, false, 20), PIECES_TOO_LONG));
	cr_expect(eq(u32, pieces_check(65528, 7, false, 0), PIECES_NEW));
	cr_expect(eq(u32, pieces_check(65528, 8, true, 0), PIECES_TOO_LONG));
	cr_expect(eq(u32, pieces_check(65528, 65535, false, 60), PIECES_TOO_LONG));
}

/* Goal: the room for parts ends by name, and a duplicate is still known then. */
Test(pieces, too_many)
{
	struct pieces p = { 0 };

	for (unsigned i = 0; i < PIECES_MAX; i++)
		cr_assert(eq(u32, pieces_add(&p, (uint16_t)(16 * i), 8, true), PIECES_NEW));
	cr_expect(eq(u32, pieces_add(&p, 8, 8, true), PIECES_TOO_MANY));
	cr_expect(eq(u32, pieces_add(&p, 16, 8, true), PIECES_DUPLICATE));
	cr_expect(eq(u32, p.count, PIECES_MAX));
}

/* The reference: one number per byte, that of the fragment that brought it. */
struct painting {
	uint8_t bytes[1024];
	struct part parts[PIECES_MAX + 1];
	unsigned count;
};

static enum pieces_result
paint(struct painting *w, const struct part *f)
{
	const unsigned end = f->offset + f->bytes;
	bool touched = false;

	for (unsigned i = 1; i <= w->count; i++) {
		const struct part *o = &w->parts[i];
		const unsigned other = o->offset + o->bytes;

		if (o->offset == f->offset && other == end && o->more == f->more)
			return PIECES_DUPLICATE;
		/* One of them says where the datagram ends, and the other lies behind. */
		if ((!o->more && (end > other || (!f->more && end != other))) ||
		    (!f->more && other > end))
			touched = true;
	}
	for (unsigned at = f->offset; at < end; at++)
		touched |= w->bytes[at] != 0;
	if (touched)
		return PIECES_OVERLAP;
	if (w->count == PIECES_MAX)
		return PIECES_TOO_MANY;
	w->parts[++w->count] = *f;
	memset(w->bytes + f->offset, (int)w->count, f->bytes);
	return PIECES_NEW;
}

static bool
painted_whole(const struct painting *w)
{
	for (unsigned i = 1; i <= w->count; i++)
		if (!w->parts[i].more)
			return memchr(w->bytes, 0, w->parts[i].offset) == NULL;
	return false;
}

/* Goal: random parts, mostly of one fragmentation, agree with the reference at every step. */
Test(pieces, equals_painted_bytes)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };

	for (unsigned round = 0; round < 20000; round++) {
		const uint16_t unit = (uint16_t)(8 * (1 + random_below(&r, 8)));
		const unsigned units = 1 + random_below(&r, 12);
		struct painting w = { 0 };
		struct pieces p = { 0 };

		for (unsigned step = 0; step < 40; step++) {
			const unsigned i = random_below(&r, units);
			struct part f = { .offset = (uint16_t)(i * unit),
					  .bytes = unit,
					  .more = i + 1 < units };

			if (random_one_in(&r, 40))
				f.offset = (uint16_t)(8 * random_below(&r, 64));
			if (random_one_in(&r, 40))
				f.bytes = (uint16_t)(8 * (1 + random_below(&r, 16)));
			if (random_one_in(&r, 40))
				f.more = !f.more;
			cr_assert(eq(u32, pieces_add(&p, f.offset, f.bytes, f.more), paint(&w, &f)),
				  "round %u, step %u, seed %#jx", round, step, (uintmax_t)seed);
			cr_assert(eq(int, pieces_complete(&p), painted_whole(&w)),
				  "round %u, step %u, seed %#jx", round, step, (uintmax_t)seed);
		}
	}
}
