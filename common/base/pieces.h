/* SPDX-License-Identifier: BSD-3-Clause */
/* pieces.h: which bytes of one fragmented datagram have come. Served by pieces.c.
 *
 * The rules of RFC 791 3.2 and RFC 8200 4.5 that need no packet bytes, for berthd, which steers
 * fragments, and for libberth, which puts them together. Offsets and lengths are those of the
 * fragmentable part, in bytes. No allocation; one thread at a time per object. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"

enum pieces_result {
	PIECES_NEW,       /* a part that was not there yet */
	PIECES_DUPLICATE, /* exactly a part that is there: to be left out, nothing is lost */
	PIECES_OVERLAP,   /* covers bytes that are there, or disagrees about the datagram's end */
	PIECES_TOO_MANY,  /* PIECES_MAX parts are there already */
	PIECES_LENGTH,    /* empty, or more is to follow and it does not end at a multiple of 8 */
	PIECES_TOO_LONG,  /* ends past what an IP length can say */
};

/* Half open: [offset, end). */
struct piece {
	uint16_t offset, end;
};

/* All zero: nothing has come. `at` is sorted and without overlaps. */
struct pieces {
	struct piece at[PIECES_MAX];
	uint32_t bytes; /* sum of all parts */
	uint16_t count;
	uint16_t end; /* of the datagram once the last part has come, else of the furthest part */
	bool last;    /* the part without "more fragments" has come */
};
static_assert(sizeof(struct pieces) == PIECES_MAX * 4 + 12, "no padding inside");

/* Whether a fragment of `bytes` at `offset` (a multiple of 8, 0..65528) can be one at all.
 * `more`: the flag. `header_bytes`: what the length field of the whole packet counts besides: the
 * IPv4 header, or IPv6 extension headers before the fragment header. PIECES_NEW, PIECES_LENGTH or
 * PIECES_TOO_LONG. Pure. */
enum pieces_result pieces_check(uint32_t offset, uint32_t bytes, bool more, uint32_t header_bytes);

/* Notes a fragment that passed pieces_check(). PIECES_NEW, or *p is as before.
 * An overlap is never trimmed: it gives up the datagram (RFC 5722 4; for IPv4 RFC 791 3.2 lets the
 * later copy win, which lets a forger choose what a receiver sees, RFC 1858 4). Exact duplicates
 * are what networks make, and harmless (RFC 8200 4.5). */
enum pieces_result pieces_add(struct pieces *p, uint16_t offset, uint16_t bytes, bool more);

/* Whether every byte of the datagram has come. */
static inline bool
pieces_complete(const struct pieces *p)
{
	return p->last && p->bytes == p->end;
}
