/* SPDX-License-Identifier: BSD-3-Clause */
/* pieces.c: which bytes of one fragmented datagram have come. */
#include "common/base/pieces.h"

#include <string.h>

#define IP_BYTES_MAX 65535u

enum pieces_result
pieces_check(uint32_t offset, uint32_t bytes, bool more, uint32_t header_bytes)
{
	if (bytes == 0 || (more && bytes % 8 != 0))
		return PIECES_LENGTH;
	if (header_bytes + offset + bytes > IP_BYTES_MAX)
		return PIECES_TOO_LONG;
	return PIECES_NEW;
}

/* Index of the first part that ends behind `offset`; looked for from the end, where parts that come
 * in order belong. */
static unsigned
place_of(const struct pieces *p, uint16_t offset)
{
	unsigned i = p->count;

	while (i > 0 && p->at[i - 1].end > offset)
		i--;
	return i;
}

/* Whether the datagram may have such a part, going by what is known of its end. */
static bool
end_agrees(const struct pieces *p, uint16_t end, bool more)
{
	if (p->last)
		return more ? end < p->end : end == p->end;
	return more || end >= p->end;
}

enum pieces_result
pieces_add(struct pieces *p, uint16_t offset, uint16_t bytes, bool more)
{
	const uint16_t end = (uint16_t)(offset + bytes);
	const unsigned i = place_of(p, offset);

	if (!end_agrees(p, end, more))
		return PIECES_OVERLAP;
	if (i < p->count && p->at[i].offset < end) {
		const bool was_last = p->last && p->at[i].end == p->end;

		return p->at[i].offset == offset && p->at[i].end == end && was_last == !more
			       ? PIECES_DUPLICATE
			       : PIECES_OVERLAP;
	}
	if (p->count == PIECES_MAX)
		return PIECES_TOO_MANY;
	memmove(&p->at[i + 1], &p->at[i], (p->count - i) * sizeof(p->at[0]));
	p->at[i] = (struct piece){ .offset = offset, .end = end };
	p->count++;
	p->bytes += bytes;
	if (end > p->end)
		p->end = end;
	p->last |= !more;
	return PIECES_NEW;
}
