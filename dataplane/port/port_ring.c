/* SPDX-License-Identifier: BSD-3-Clause */
/* port_ring.c: berthd's ends of the rings: what runs once per wrap or once per packet sent. */
#include "dataplane/port/port_ring.h"

#include <string.h>

#include "dataplane/port/port_put.h"

void
rx_ring_init(struct rx_ring *r, struct segment *segment, const struct segment *peer, uint32_t rings,
	     uint32_t ring_bytes, uint32_t ring)
{
	assert(ring < rings && (ring_bytes & (ring_bytes - 1)) == 0);
	*r = (struct rx_ring){
		.data = segment_ring(segment, rings, ring_bytes, ring),
		.produced_shared = &segment->counts[ring].bytes,
		.consumed_shared = &peer->counts[ring].bytes,
		.ring_bytes = ring_bytes,
	};
}

/* Loads the application's count once and keeps it if it moved forward through published bytes only,
 * which is all that R1 and R2 allow. */
static void
rx_ring_consumed_load(struct rx_ring *r)
{
	const uint32_t consumed = atomic_load_explicit(r->consumed_shared, memory_order_acquire);

	if (consumed - r->consumed > r->published - r->consumed || consumed % RECORD_ALIGN != 0) {
		atomic_store_explicit(&r->broken, 1, memory_order_relaxed);
		r->room = 0;
		return;
	}
	r->consumed = consumed;
}

/* Whether `room` bytes, counted across the ring's end, hold a record, and the padding before it. */
static bool
rx_ring_fit(struct rx_ring *r, uint32_t space)
{
	const uint32_t room = r->ring_bytes - (r->produced - r->consumed);
	const uint32_t offset = r->produced & (r->ring_bytes - 1);
	const uint32_t to_end = r->ring_bytes - offset;

	if (space <= to_end) {
		r->room = room < to_end ? room : to_end;
		return space <= r->room;
	}
	if (space + to_end > room)
		return false;
	const struct record_head pad = record_pack(&(struct record){ .flags = RECORD_PAD });

	memcpy(r->data + offset, &pad, sizeof(pad));
	r->produced += to_end;
	r->room = room - to_end;
	return true;
}

bool
rx_ring_make_room(struct rx_ring *r, uint32_t space, bool *looked, struct rx_put_result *result)
{
	if (!*looked && !rx_ring_broken(r))
		rx_ring_consumed_load(r);
	*looked = true;
	if (rx_ring_broken(r)) {
		result->broken++;
		return false;
	}
	if (rx_ring_fit(r, space))
		return true;
	result->full++;
	return false;
}

void
tx_ring_init(struct tx_ring *r, const struct segment *peer, struct segment *segment, uint32_t rings,
	     uint32_t ring_bytes, uint32_t ring)
{
	assert(ring < rings && (ring_bytes & (ring_bytes - 1)) == 0);
	*r = (struct tx_ring){
		.data = (const uint8_t *)peer + segment_data_offset(rings) +
			(uint64_t)ring * ring_bytes,
		.produced_shared = &peer->counts[ring].bytes,
		.consumed_shared = &segment->counts[ring].bytes,
		.ring_bytes = ring_bytes,
	};
}

void
tx_ring_break(struct tx_ring *r)
{
	atomic_store_explicit(&r->broken, 1, memory_order_relaxed);
}

/* Copies a head by loads that happen once each: with plain ones a compiler may read the shared
 * memory again where the copy is meant, after its owner changed it. */
static struct record
record_load(const uint8_t *at)
{
	const _Atomic uint64_t *shared = (const _Atomic uint64_t *)(const void *)at;
	struct record_head head;

	for (unsigned i = 0; i < sizeof(head.words) / sizeof(head.words[0]); i++)
		head.words[i] = atomic_load_explicit(&shared[i], memory_order_relaxed);
	return record_unpack(head);
}

const uint8_t *
tx_ring_take(struct tx_ring *r, uint32_t *waiting, struct record *head)
{
	uint32_t offset = r->consumed & (r->ring_bytes - 1);
	uint64_t to_end = r->ring_bytes - offset;
	struct record copy;

	if (*waiting == 0)
		return NULL;
	copy = record_load(r->data + offset);
	if (copy.flags == RECORD_PAD) {
		if (offset == 0 || to_end > *waiting)
			goto broken;
		r->consumed += (uint32_t)to_end;
		*waiting -= (uint32_t)to_end;
		if (*waiting == 0)
			return NULL;
		offset = 0;
		to_end = r->ring_bytes;
		copy = record_load(r->data);
	}
	/* The length is bounded before record_space() adds to it, so that nothing can wrap. */
	if (copy.flags != 0 || copy.packet_bytes == 0 || copy.packet_bytes > PACKET_BYTES_MAX)
		goto broken;
	const uint64_t space = record_space(copy.packet_bytes);
	if (space > to_end || space > *waiting)
		goto broken;
	r->consumed += (uint32_t)space;
	*waiting -= (uint32_t)space;
	*head = copy;
	return r->data + offset + sizeof(struct record_head);
broken:
	tx_ring_break(r);
	*waiting = 0;
	return NULL;
}
