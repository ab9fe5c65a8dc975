/* SPDX-License-Identifier: BSD-3-Clause */
/* ring_end.c: the application's ends of the rings. */
#include "client/ring_end.h"

#include <assert.h>
#include <string.h>

/* How far before its use a line is asked for: berthd wrote it last, and not into our cache. */
#define TAKE_AHEAD_BYTES (8 * CACHE_LINE)

void
rx_end_init(struct rx_end *e, struct segment *segment, struct segment *peer, uint32_t ring)
{
	*e = (struct rx_end){
		.data = segment_ring(segment, segment->head.rings, segment->head.ring_bytes, ring),
		.produced_shared = &segment->counts[ring].bytes,
		.consumed_shared = &peer->counts[ring].bytes,
		.ring_bytes = segment->head.ring_bytes,
	};
}

/* Looks for new records; false when there are none, or the count breaks R1. */
static bool
rx_end_look(struct rx_end *e)
{
	/* berthd's release of the count shows its records (R2). */
	const uint32_t produced = atomic_load_explicit(e->produced_shared, memory_order_acquire);

	if (produced == e->taken || e->broken)
		return false;
	if (produced - e->taken > e->ring_bytes || produced % RECORD_ALIGN != 0) {
		e->broken = true;
		return false;
	}
	e->produced = produced;
	return true;
}

/* Whether the record fits between its place and the end of what is there, and its offsets fit the
 * packet. */
static bool
record_valid(const struct record *r, uint32_t room)
{
	return r->packet_bytes >= 1 && r->packet_bytes <= PACKET_BYTES_MAX &&
	       record_space(r->packet_bytes) <= room && r->payload_offset <= r->packet_bytes;
}

static void
packet_fill(struct berth_packet *p, const struct record *r, const void *data)
{
	*p = (struct berth_packet){
		.data = data,
		.flow = r->flow,
		.bytes = r->packet_bytes,
		.binding = r->binding,
		.l4_offset = r->l4_offset,
		.payload_offset = r->payload_offset,
		.flags = r->flags,
		.zone = r->zone,
		.proto = r->proto,
	};
}

/* Takes what is known to be there. The counts stay in registers meanwhile: each record's place
 * follows from the one before, and a way through memory would be part of every step. */
static uint16_t
rx_end_take_seen(struct rx_end *e, struct berth_packet *packets, uint16_t max)
{
	const uint32_t ring_bytes = e->ring_bytes, produced = e->produced;
	const uint8_t *const data = e->data;
	uint32_t taken = e->taken;
	uint16_t n = 0;

	while (n < max && taken != produced) {
		const uint32_t offset = taken & (ring_bytes - 1);
		const uint32_t to_end = ring_bytes - offset;
		const uint32_t waiting = produced - taken;
		const uint8_t *head = data + offset;
		const struct record r =
			record_unpack(*(const struct record_head *)(const void *)head);

		/* Not what berthd has yet to write: it would have to come back for it. */
		if (waiting > TAKE_AHEAD_BYTES)
			__builtin_prefetch(data + ((offset + TAKE_AHEAD_BYTES) & (ring_bytes - 1)));
		if (__builtin_expect(r.flags & RECORD_PAD, 0)) {
			if (offset == 0 || to_end > waiting)
				goto broken;
			taken += to_end;
			continue;
		}
		if (!record_valid(&r, to_end < waiting ? to_end : waiting))
			goto broken;
		packet_fill(&packets[n++], &r, head + sizeof(struct record_head));
		taken += record_space(r.packet_bytes);
	}
	e->taken = taken;
	return n;
broken:
	e->broken = true;
	e->taken = e->produced = taken;
	return n;
}

uint16_t
rx_end_take_burst(struct rx_end *e, struct berth_packet *packets, uint16_t max)
{
	uint16_t n = 0;

	while (n < max && (e->taken != e->produced || rx_end_look(e)))
		n = (uint16_t)(n + rx_end_take_seen(e, packets + n, (uint16_t)(max - n)));
	return n;
}

bool
rx_end_pending(const struct rx_end *e)
{
	return !e->broken &&
	       atomic_load_explicit(e->produced_shared, memory_order_acquire) != e->taken;
}

void
rx_end_release(struct rx_end *e)
{
	if (e->released == e->taken)
		return;
	e->released = e->taken;
	/* Our reads are done before berthd may write there again (R2); acquire in its end. */
	atomic_store_explicit(e->consumed_shared, e->released, memory_order_release);
}

void
tx_end_init(struct tx_end *e, struct segment *segment, struct segment *peer, uint32_t ring)
{
	*e = (struct tx_end){
		.data = segment_ring(peer, peer->head.rings, peer->head.ring_bytes, ring),
		.produced_shared = &peer->counts[ring].bytes,
		.consumed_shared = &segment->counts[ring].bytes,
		.ring_bytes = peer->head.ring_bytes,
	};
}

/* Whether `space` bytes are free; reads berthd's count only when the last one does not suffice. */
static bool
tx_end_has_room(struct tx_end *e, uint32_t space)
{
	uint32_t consumed;

	if (e->ring_bytes - (e->produced - e->consumed) >= space)
		return true;
	/* berthd's release of the count says that its copies are done (R2). */
	consumed = atomic_load_explicit(e->consumed_shared, memory_order_acquire);
	if (consumed - e->consumed > e->published - e->consumed || consumed % RECORD_ALIGN != 0) {
		e->broken = true;
		return false;
	}
	e->consumed = consumed;
	return e->ring_bytes - (e->produced - e->consumed) >= space;
}

uint8_t *
tx_end_put(struct tx_end *e, uint32_t bytes, uint16_t zone, uint64_t flow)
{
	const uint32_t space = record_space(bytes);
	uint32_t offset = e->produced & (e->ring_bytes - 1);
	const uint32_t to_end = e->ring_bytes - offset;
	const uint32_t pad = space > to_end ? to_end : 0;
	struct record_head head;

	assert(bytes >= 1 && bytes <= PACKET_BYTES_MAX);
	if (e->broken || !tx_end_has_room(e, pad + space))
		return NULL;
	if (pad != 0) {
		head = record_pack(&(struct record){ .flags = RECORD_PAD });
		memcpy(e->data + offset, &head, sizeof(head));
		e->produced += pad;
		offset = 0;
	}
	head = record_pack(
		&(struct record){ .packet_bytes = (uint16_t)bytes, .zone = zone, .flow = flow });
	memcpy(e->data + offset, &head, sizeof(head));
	e->produced += space;
	return e->data + offset + sizeof(head);
}

void
tx_end_publish(struct tx_end *e)
{
	if (e->produced == e->published)
		return;
	e->published = e->produced;
	/* Publishes the records (R2); acquire in tx_ring_waiting(). */
	atomic_store_explicit(e->produced_shared, e->published, memory_order_release);
}
