/* SPDX-License-Identifier: BSD-3-Clause */
/* reassemble.c: a bounded number of datagrams in the making. */
#include "client/reassemble.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "client/datagram.h"
#include "common/base/clock.h"

#define DATAGRAMS_DEFAULT  64
#define PER_SOURCE_DEFAULT 16
#define TIMEOUT_MS_DEFAULT 60000 /* RFC 8200 4.5 */
#define SLOT_BYTES         (DATAGRAM_HEADER_MAX + DATAGRAM_BYTES_MAX)

enum slot_state {
	SLOT_FREE,
	SLOT_OPEN,
	SLOT_GIVEN_UP, /* RFC 5722: nothing more of it is taken */
	SLOT_DONE      /* the caller has it until the next call */
};

struct slot {
	enum slot_state state;
	uint32_t since_ms;
	struct datagram datagram;
};

/* There are so few slots that looking at all of them, for fragments only, costs less than an index
 * would, and no sender can aim at it. */
struct berth_reassembler {
	uint32_t datagrams, per_source, timeout_ms;
	bool done; /* some slots are SLOT_DONE */
	struct berth_reassembler_counts counts;
	uint8_t *memory;
	struct slot slots[];
};

int
berth_reassembler_open(const struct berth_reassembler_options *options,
		       struct berth_reassembler **out)
{
	static const struct berth_reassembler_options zeros;
	const struct berth_reassembler_options *o = options != NULL ? options : &zeros;
	const uint32_t datagrams = o->datagrams != 0 ? o->datagrams : DATAGRAMS_DEFAULT;
	struct berth_reassembler *r;

	if (datagrams > BERTH_REASSEMBLER_DATAGRAMS_MAX || o->timeout_ms > INT32_MAX ||
	    memcmp(o->reserved, zeros.reserved, sizeof(zeros.reserved)) != 0)
		return -EINVAL;
	r = calloc(1, sizeof(*r) + datagrams * sizeof(r->slots[0]));
	if (r == NULL)
		return -ENOMEM;
	r->memory = malloc(datagrams * (size_t)SLOT_BYTES);
	if (r->memory == NULL) {
		free(r);
		return -ENOMEM;
	}
	r->datagrams = datagrams;
	r->per_source = o->per_source != 0 ? o->per_source : PER_SOURCE_DEFAULT;
	r->timeout_ms = o->timeout_ms != 0 ? o->timeout_ms : TIMEOUT_MS_DEFAULT;
	for (uint32_t i = 0; i < datagrams; i++)
		r->slots[i].datagram.memory = r->memory + i * (size_t)SLOT_BYTES;
	*out = r;
	return 0;
}

void
berth_reassembler_close(struct berth_reassembler *r)
{
	if (r == NULL)
		return;
	free(r->memory);
	free(r);
}

void
berth_reassembler_count(const struct berth_reassembler *r, struct berth_reassembler_counts *out)
{
	*out = r->counts;
}

/* Takes back what the caller had, and what is too old. */
static void
tidy(struct berth_reassembler *r, uint32_t now_ms)
{
	for (uint32_t i = 0; i < r->datagrams; i++) {
		struct slot *s = &r->slots[i];

		if (s->state == SLOT_OPEN && now_ms - s->since_ms >= r->timeout_ms)
			r->counts.expired++;
		if (s->state == SLOT_DONE ||
		    (s->state != SLOT_FREE && now_ms - s->since_ms >= r->timeout_ms))
			s->state = SLOT_FREE;
	}
	r->done = false;
}

static bool
same_source(const struct datagram_name *a, const struct datagram_name *b)
{
	return a->zone == b->zone && a->ipv6 == b->ipv6 &&
	       memcmp(a->source, b->source, sizeof(a->source)) == 0;
}

/* The slot of a datagram, or NULL. */
static struct slot *
slot_find(struct berth_reassembler *r, const struct datagram_name *name)
{
	for (uint32_t i = 0; i < r->datagrams; i++) {
		struct slot *s = &r->slots[i];

		if ((s->state == SLOT_OPEN || s->state == SLOT_GIVEN_UP) &&
		    s->datagram.name.id == name->id &&
		    memcmp(&s->datagram.name, name, sizeof(*name)) == 0)
			return s;
	}
	return NULL;
}

/* A slot for a new datagram: a free one; or that of the sender's oldest, when it has its share; or
 * that of the oldest. NULL: the caller has them all. */
static struct slot *
slot_get(struct berth_reassembler *r, const struct datagram_name *name, uint32_t now_ms)
{
	struct slot *free_slot = NULL, *oldest = NULL, *own = NULL;
	uint32_t of_source = 0;

	for (uint32_t i = 0; i < r->datagrams; i++) {
		struct slot *s = &r->slots[i];

		if (s->state == SLOT_FREE)
			free_slot = s;
		if (s->state == SLOT_FREE || s->state == SLOT_DONE)
			continue;
		if (oldest == NULL || now_ms - s->since_ms > now_ms - oldest->since_ms)
			oldest = s;
		if (!same_source(&s->datagram.name, name))
			continue;
		of_source++;
		if (own == NULL || now_ms - s->since_ms > now_ms - own->since_ms)
			own = s;
	}
	if (of_source >= r->per_source)
		oldest = own;
	else if (free_slot != NULL)
		return free_slot;
	if (oldest != NULL && oldest->state == SLOT_OPEN)
		r->counts.gave_way++;
	return oldest;
}

static struct slot *
slot_open(struct berth_reassembler *r, const struct datagram_name *name, uint32_t now_ms)
{
	struct slot *s = slot_get(r, name, now_ms);

	if (s == NULL) {
		r->counts.gave_way++;
		return NULL;
	}
	s->state = SLOT_OPEN;
	s->since_ms = now_ms;
	s->datagram = (struct datagram){ .name = *name, .memory = s->datagram.memory };
	return s;
}

/* Takes one fragment. True: it made a datagram whole, which *out is. */
static bool
take(struct berth_reassembler *r, const struct berth_packet *p, uint32_t now_ms,
     struct berth_packet *out)
{
	struct datagram_part part;
	struct slot *s;

	if (!datagram_part_read(p, &part)) {
		r->counts.malformed++;
		return false;
	}
	s = slot_find(r, &part.name);
	if (s == NULL)
		s = slot_open(r, &part.name, now_ms);
	if (s == NULL || s->state == SLOT_GIVEN_UP)
		return false;
	switch (pieces_add(&s->datagram.pieces, part.offset, part.bytes, part.more)) {
	case PIECES_NEW:
		break;
	case PIECES_DUPLICATE:
		return false;
	default:
		r->counts.overlapped++;
		s->state = SLOT_GIVEN_UP;
		return false;
	}
	datagram_copy(&s->datagram, &part, p);
	if (!pieces_complete(&s->datagram.pieces))
		return false;
	if (datagram_finish(&s->datagram, out) != 0) {
		r->counts.malformed++;
		s->state = SLOT_FREE;
		return false;
	}
	r->counts.completed++;
	r->done = true;
	s->state = SLOT_DONE;
	return true;
}

uint16_t
reassemble_burst(struct berth_reassembler *r, struct berth_packet *packets, uint16_t n,
		 uint32_t now_ms)
{
	uint16_t kept = 0;

	tidy(r, now_ms);
	for (uint16_t i = 0; i < n; i++) {
		const struct berth_packet p = packets[i];

		if (!(p.flags & BERTH_PACKET_FRAGMENT))
			packets[kept++] = p;
		else if (take(r, &p, now_ms, &packets[kept]))
			kept++;
	}
	return kept;
}

uint16_t
berth_reassemble(struct berth_reassembler *r, struct berth_packet *packets, uint16_t n)
{
	uint16_t whole = 0;

	while (whole < n && !(packets[whole].flags & BERTH_PACKET_FRAGMENT))
		whole++;
	/* Without fragments there is nothing to do but to take back what was lent. */
	if (whole == n && !r->done)
		return n;
	return reassemble_burst(r, packets, n, (uint32_t)clock_monotonic_ms());
}
