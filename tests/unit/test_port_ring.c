/* SPDX-License-Identifier: BSD-3-Clause */
/* test_port_ring.c: berthd's ends of the rings against honest and hostile applications. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "dataplane/port/port_ring.h"

#define RINGS     2
#define RING      1 /* the one under test: not at offset 0 */
#define BYTES     RING_BYTES_MIN
#define MODEL_MAX (RING_BYTES_MIN / RECORD_ALIGN)

/* Both segments of a pair in private memory; berthd's end and what an application would keep. */
struct fixture {
	struct segment *ours, *theirs;
	struct rx_ring rx;
	struct tx_ring tx;
	uint8_t *data; /* of the ring under test */
	_Atomic uint32_t *produced, *consumed;
	uint32_t count; /* the application's own: next byte to take, or to produce */
	uint64_t random;
};

static struct segment *
segment_make(uint64_t bytes)
{
	struct segment *s = aligned_alloc(4096, bytes);

	cr_assert(s != NULL);
	memset(s, 0, bytes);
	return s;
}

static struct fixture
fixture_rx(uint32_t start)
{
	struct fixture f = { .ours = segment_make(segment_bytes(RINGS, BYTES)),
			     .theirs = segment_make(segment_bytes_bare(RINGS)),
			     .count = start,
			     .random = 0x9e3779b97f4a7c15u ^ start };

	rx_ring_init(&f.rx, f.ours, f.theirs, RINGS, BYTES, RING);
	f.rx.produced = f.rx.published = f.rx.consumed = start;
	f.data = f.rx.data;
	f.produced = &f.ours->counts[RING].bytes;
	f.consumed = &f.theirs->counts[RING].bytes;
	atomic_store(f.produced, start);
	atomic_store(f.consumed, start);
	return f;
}

static struct fixture
fixture_tx(uint32_t start)
{
	struct fixture f = { .ours = segment_make(segment_bytes_bare(RINGS)),
			     .theirs = segment_make(segment_bytes(RINGS, BYTES)),
			     .count = start,
			     .random = 0x9e3779b97f4a7c15u ^ start };

	tx_ring_init(&f.tx, f.theirs, f.ours, RINGS, BYTES, RING);
	f.tx.consumed = f.tx.released = start;
	f.data = segment_ring(f.theirs, RINGS, BYTES, RING);
	f.produced = &f.theirs->counts[RING].bytes;
	f.consumed = &f.ours->counts[RING].bytes;
	atomic_store(f.produced, start);
	atomic_store(f.consumed, start);
	return f;
}

static void
fixture_end(struct fixture *f)
{
	free(f->ours);
	free(f->theirs);
}

/* xorshift64: the seed is the start of the counts, which each failure prints. */
static uint32_t
random_below(struct fixture *f, uint32_t bound)
{
	f->random ^= f->random << 13;
	f->random ^= f->random >> 7;
	f->random ^= f->random << 17;
	return (uint32_t)(f->random >> 32) % bound;
}

/* Mostly small packets, some of any size. */
static uint32_t
random_bytes(struct fixture *f)
{
	return random_below(f, 4) != 0 ? 20 + random_below(f, 300)
				       : 1 + random_below(f, PACKET_BYTES_MAX);
}

static void
packet_fill(uint8_t *packet, uint32_t bytes, uint32_t id)
{
	for (uint32_t i = 0; i < bytes; i++)
		packet[i] = (uint8_t)(id * 31 + i);
}

static bool
packet_is(const uint8_t *packet, uint32_t bytes, uint32_t id)
{
	for (uint32_t i = 0; i < bytes; i++)
		if (packet[i] != (uint8_t)(id * 31 + i))
			return false;
	return true;
}

/* The application's side of an rx ring, written from ring.h's rules alone. Returns packet_bytes of
 * the next published record, 0 when there is none. */
static uint32_t
application_take(struct fixture *f, struct record *head, const uint8_t **packet)
{
	while (f->count != atomic_load(f->produced)) {
		const uint32_t offset = f->count % BYTES;

		memcpy(head, f->data + offset, sizeof(*head));
		if (head->flags & RECORD_PAD) {
			f->count += BYTES - offset;
			continue;
		}
		*packet = f->data + offset + sizeof(*head);
		f->count += record_space(head->packet_bytes);
		return head->packet_bytes;
	}
	return 0;
}

/* The application's side of a tx ring; false when there is no room. */
static bool
application_put(struct fixture *f, uint32_t bytes, uint32_t id)
{
	const uint32_t space = record_space(bytes);
	const uint32_t to_end = BYTES - f->count % BYTES;
	const uint32_t room = BYTES - (f->count - atomic_load(f->consumed));

	if ((space > to_end ? space + to_end : space) > room)
		return false;
	if (space > to_end) {
		memcpy(f->data + f->count % BYTES, &(struct record){ .flags = RECORD_PAD },
		       sizeof(struct record));
		f->count += to_end;
	}
	memcpy(f->data + f->count % BYTES,
	       &(struct record){
		       .packet_bytes = bytes, .zone = (uint16_t)(id % ZONES_MAX), .flow = id },
	       sizeof(struct record));
	packet_fill(f->data + f->count % BYTES + sizeof(struct record), bytes, id);
	f->count += space;
	return true;
}

/* Goal: both processes agree on every offset, whatever compiler made them.
 * Method: the numbers of the layout, written out. */
Test(port_ring, layout)
{
	cr_assert(eq(sz, sizeof(struct record), 32));
	cr_assert(eq(sz, offsetof(struct record, packet_bytes), 0));
	cr_assert(eq(sz, offsetof(struct record, flags), 4));
	cr_assert(eq(sz, offsetof(struct record, zone), 6));
	cr_assert(eq(sz, offsetof(struct record, flow), 8));
	cr_assert(eq(sz, offsetof(struct record, binding), 16));
	cr_assert(eq(sz, offsetof(struct record, l4_offset), 20));
	cr_assert(eq(sz, offsetof(struct record, payload_offset), 22));
	cr_assert(eq(sz, offsetof(struct record, proto), 24));
	cr_assert(eq(sz, offsetof(struct segment, counts), CACHE_LINE));
	cr_assert(eq(sz, sizeof(struct ring_count), CACHE_LINE));
	cr_assert(eq(u64, segment_data_offset(1), 4096));
	cr_assert(eq(u64, segment_data_offset(WORKERS_MAX), 4096));
	cr_assert(eq(u64, segment_bytes(2, BYTES), 4096 + 2 * BYTES));
	cr_assert(eq(u64, segment_bytes_bare(2), 8192));
	cr_assert(eq(u32, record_space(1), 64));
	cr_assert(eq(u32, record_space(32), 64));
	cr_assert(eq(u32, record_space(33), 128));
	cr_assert(eq(u32, record_space(60), 128));
	cr_assert(eq(u32, record_space(96), 128));
}

/* Goal: packets of every size arrive whole and nothing beside them is touched.
 * Method: each size up to past the wide copy, and the largest; bytes around the room are watched.
 */
Test(port_ring, copies_exactly)
{
	uint8_t *packet = malloc(PACKET_BYTES_MAX); /* so that a sanitizer sees an over-read */

	for (uint32_t bytes = 1; bytes <= PACKET_BYTES_MAX;
	     bytes = bytes < 400 || bytes == PACKET_BYTES_MAX ? bytes + 1 : PACKET_BYTES_MAX) {
		struct fixture f = fixture_rx(0);
		uint8_t *source = packet + PACKET_BYTES_MAX - bytes;
		const struct record head = { .packet_bytes = bytes, .flow = 7, .proto = 17 };

		memset(f.data, 0xee, BYTES);
		packet_fill(source, bytes, bytes);
		cr_assert(eq(int, rx_ring_put(&f.rx, &head, source), 0));
		cr_assert(eq(u32, atomic_load(f.produced), 0), "unseen until published");
		rx_ring_publish(&f.rx);
		cr_assert(eq(u32, atomic_load(f.produced), record_space(bytes)));
		cr_assert(eq(int, memcmp(f.data, &head, sizeof(head)), 0));
		cr_assert(packet_is(f.data + sizeof(head), bytes, bytes), "%u bytes", bytes);
		for (uint32_t i = (uint32_t)sizeof(head) + bytes; i < record_space(bytes) + 64; i++)
			cr_assert(eq(u8, f.data[i], 0xee), "%u bytes, offset %u", bytes, i);
		fixture_end(&f);
	}
	free(packet);
}

/* Goal: a full ring refuses, keeps what it holds, and takes more once room is returned (R1, R2).
 * Method: fill with 60-byte packets, drop, release one, put one. */
Test(port_ring, full_ring_refuses)
{
	struct fixture f = fixture_rx(0);
	const struct record head = { .packet_bytes = 60 };
	uint8_t packet[60] = { 0 };
	uint32_t put = 0;

	while (rx_ring_put(&f.rx, &head, packet) == 0)
		put++;
	cr_assert(eq(u32, put, BYTES / 128));
	cr_assert(eq(int, rx_ring_put(&f.rx, &head, packet), -ENOSPC));
	cr_assert(not(rx_ring_pending(&f.rx)));
	rx_ring_publish(&f.rx);
	cr_assert(rx_ring_pending(&f.rx));
	atomic_store(f.consumed, 128);
	cr_assert(eq(int, rx_ring_put(&f.rx, &head, packet), 0));
	cr_assert(eq(int, rx_ring_put(&f.rx, &head, packet), -ENOSPC));
	cr_assert(not(rx_ring_broken(&f.rx)));
	fixture_end(&f);
}

/* One random step of rx_survives_wrap: put some, publish perhaps, take some, release perhaps. */
static void
rx_step(struct fixture *f, uint32_t *next, uint32_t *expected, uint32_t sizes[MODEL_MAX])
{
	static uint8_t packet[PACKET_BYTES_MAX];
	const uint8_t *got;
	struct record head;

	for (uint32_t n = random_below(f, 16); n > 0; n--) {
		const uint32_t bytes = random_bytes(f);
		const struct record put = { .packet_bytes = bytes, .flow = *next };

		packet_fill(packet, bytes, *next);
		if (rx_ring_put(&f->rx, &put, packet) != 0)
			break;
		sizes[*next % MODEL_MAX] = bytes;
		(*next)++;
	}
	if (random_below(f, 2))
		rx_ring_publish(&f->rx);
	for (uint32_t n = random_below(f, 16); n > 0; n--) {
		const uint32_t bytes = application_take(f, &head, &got);

		if (bytes == 0)
			break;
		cr_assert(eq(u32, bytes, sizes[*expected % MODEL_MAX]));
		cr_assert(eq(u64, head.flow, *expected));
		cr_assert(packet_is(got, bytes, *expected));
		(*expected)++;
	}
	if (random_below(f, 2))
		atomic_store(f->consumed, f->count);
}

/* Goal: counts wrap at 2^32 and rings at their end without losing, repeating or changing a packet
 * (R1, R2, R4).
 * Method: start below the wrap, random puts and takes across it, compare with an array of sizes. */
Test(port_ring, rx_survives_wrap)
{
	static const uint32_t before[] = { 0, 64, 640, 8192, BYTES - 64, BYTES, 5 * BYTES + 64 };
	static uint32_t sizes[MODEL_MAX];

	for (unsigned i = 0; i < array_length(before); i++) {
		struct fixture f = fixture_rx(0u - before[i]);
		uint32_t next = 0, expected = 0;

		for (unsigned step = 0; step < 2000; step++) {
			rx_step(&f, &next, &expected, sizes);
			cr_assert(not(rx_ring_broken(&f.rx)), "start -%u step %u", before[i], step);
			cr_assert(le(u32, f.rx.produced - f.rx.consumed, BYTES));
		}
		cr_assert(gt(u32, expected, 1000), "start -%u", before[i]);
		fixture_end(&f);
	}
}

/* Goal: an application's count that breaks R1 or R2 ends its ring and nothing else.
 * Method: a ring with 256 bytes consumed, 512 published and 640 reserved; a table of counts. */
Test(port_ring, rx_hostile_counts)
{
	static const struct {
		uint32_t consumed;
		bool broken;
	} cases[] = {
		{ 256, false },
		{ 320, false },
		{ 512, false },
		{ 0, true },
		{ 192, true },
		{ 257, true },
		{ 300, true },
		{ 511, true },
		{ 513, true },
		{ 576, true },
		{ 640, true },
		{ 704, true },
		{ BYTES, true },
		{ BYTES + 256, true },
		{ 0x80000000u, true },
		{ UINT32_MAX, true },
		{ UINT32_MAX - 63, true },
	};
	const struct record small = { .packet_bytes = 32 }, large = { .packet_bytes = 9000 };
	static uint8_t packet[9000];

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct fixture f = fixture_rx(0);
		int rc = 0;

		for (unsigned n = 0; n < 8; n++)
			cr_assert(eq(int, rx_ring_put(&f.rx, &small, packet), 0));
		rx_ring_publish(&f.rx);
		atomic_store(f.consumed, 256);
		f.rx.room = 0; /* the slow half looks again */
		for (unsigned n = 0; n < 2; n++)
			cr_assert(eq(int, rx_ring_put(&f.rx, &small, packet), 0));
		atomic_store(f.consumed, cases[i].consumed);
		for (unsigned n = 0; n < 20 && rc == 0; n++)
			rc = rx_ring_put(&f.rx, &large, packet);
		cr_assert(eq(int, rc, cases[i].broken ? -EPROTO : -ENOSPC), "%u",
			  cases[i].consumed);
		cr_assert(eq(int, rx_ring_broken(&f.rx), cases[i].broken));
		/* Once broken, an honest count does not mend it. */
		atomic_store(f.consumed, 512);
		rc = rx_ring_put(&f.rx, &large, packet);
		cr_assert(eq(int, rc, cases[i].broken ? -EPROTO : -ENOSPC), "%u",
			  cases[i].consumed);
		fixture_end(&f);
	}
}

/* Goal: what an honest application sends is taken whole and in order, across both wraps.
 * Method: random bursts from below the wrap, compared with what was put. */
Test(port_ring, tx_survives_wrap)
{
	static const uint32_t before[] = { 0, 64, 4096, BYTES, 3 * BYTES + 128 };
	static uint32_t sizes[MODEL_MAX];

	for (unsigned i = 0; i < array_length(before); i++) {
		struct fixture f = fixture_tx(0u - before[i]);
		uint32_t next = 0, expected = 0;

		for (unsigned step = 0; step < 4000; step++) {
			uint32_t waiting;

			for (uint32_t n = random_below(&f, 16); n > 0; n--, next++) {
				sizes[next % MODEL_MAX] = random_bytes(&f);
				if (!application_put(&f, sizes[next % MODEL_MAX], next))
					break;
			}
			atomic_store(f.produced, f.count);
			waiting = tx_ring_waiting(&f.tx);
			for (uint32_t n = random_below(&f, 16); n > 0; n--, expected++) {
				struct record head;
				const uint8_t *packet = tx_ring_take(&f.tx, &waiting, &head);

				if (packet == NULL)
					break;
				cr_assert(eq(u64, head.flow, expected));
				cr_assert(eq(u32, head.packet_bytes, sizes[expected % MODEL_MAX]));
				cr_assert(packet_is(packet, head.packet_bytes, expected));
			}
			tx_ring_release(&f.tx);
			cr_assert(not(tx_ring_broken(&f.tx)), "start -%u step %u", before[i], step);
		}
		cr_assert(gt(u32, expected, 1000));
		fixture_end(&f);
	}
}

/* Goal: a count or record that breaks a rule is never followed; the ring is marked and stays so.
 * Method: a table of counts and heads at a place in the ring; each is taken once. */
Test(port_ring, tx_hostile_records)
{
	static const struct {
		const char *what;
		uint32_t start;    /* where berthd stands */
		uint32_t produced; /* what the application claims, from `start` on */
		uint32_t bytes;
		uint16_t flags;
		bool broken;
	} cases[] = {
		{ "honest", 0, 128, 60, 0, false },
		{ "honest at the end", BYTES - 128, 128, 96, 0, false },
		{ "honest, largest", 0, 9664, PACKET_BYTES_MAX, 0, false },
		{ "honest pad", BYTES - 128, 128, 0, RECORD_PAD, false },
		{ "count not aligned", 0, 129, 60, 0, true },
		{ "count past the ring", 0, BYTES + 64, 60, 0, true },
		{ "count far past", 0, 0x80000000u, 60, 0, true },
		{ "count before ours", 0, 0u - 64, 60, 0, true },
		{ "empty packet", 0, 128, 0, 0, true },
		{ "too long", 0, 16384, PACKET_BYTES_MAX + 1, 0, true },
		{ "length wraps the sum", 0, BYTES, UINT32_MAX, 0, true },
		{ "length wraps to nothing", 0, BYTES, UINT32_MAX - 31, 0, true },
		{ "passes waiting", 0, 128, 97, 0, true },
		{ "passes the end", BYTES - 128, 256, 97, 0, true },
		{ "pad at the start", 0, BYTES, 0, RECORD_PAD, true },
		{ "pad passes waiting", BYTES - 128, 64, 0, RECORD_PAD, true },
		{ "pad after pad", BYTES - 128, 256, 0, RECORD_PAD, true },
		{ "flag of ours", 0, 128, 60, RECORD_LOCAL, true },
		{ "pad and more", BYTES - 128, 128, 60, RECORD_PAD | RECORD_IPV6, true },
		{ "flag without meaning", 0, 128, 60, 0x8000, true },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct fixture f = fixture_tx(cases[i].start);
		const struct record hostile = { .packet_bytes = cases[i].bytes,
						.flags = cases[i].flags };
		struct record head;
		uint32_t waiting;

		memcpy(f.data + cases[i].start % BYTES, &hostile, sizeof(hostile));
		if (strcmp(cases[i].what, "pad after pad") == 0)
			memcpy(f.data, &hostile, sizeof(hostile));
		atomic_store(f.produced, cases[i].start + cases[i].produced);
		waiting = tx_ring_waiting(&f.tx);
		while (tx_ring_take(&f.tx, &waiting, &head) != NULL)
			cr_assert(not(cases[i].broken), "%s", cases[i].what);
		cr_assert(eq(int, tx_ring_broken(&f.tx), cases[i].broken), "%s", cases[i].what);
		cr_assert(eq(u32, waiting, 0), "%s", cases[i].what);
		if (cases[i].broken)
			cr_assert(eq(u32, tx_ring_waiting(&f.tx), 0), "%s", cases[i].what);
		fixture_end(&f);
	}
}

/* Goal: no content of a tx segment makes berthd read outside its ring, or work without end.
 * Method: random counts and random bytes, biased towards valid heads; a sanitizer watches, and the
 * packet that each take returns must lie inside the ring. */
Test(port_ring, tx_random_garbage)
{
	struct fixture f = fixture_tx(0);

	for (unsigned round = 0; round < 20000; round++) {
		struct record head;
		uint32_t waiting, taken = 0;
		const uint8_t *packet;
		const uint32_t start = random_below(&f, BYTES / 64) * 64 - 8 * BYTES;

		tx_ring_init(&f.tx, f.theirs, f.ours, RINGS, BYTES, RING);
		f.tx.consumed = start;
		for (uint32_t n = 0, at = start; n < 8; n++) {
			const struct record r = { .packet_bytes = random_below(&f, 3)
									  ? random_bytes(&f)
									  : f.random,
						  .flags = random_below(&f, 4) ? 0 : f.random & 3 };

			memcpy(f.data + at % BYTES, &r, sizeof(r));
			at += random_below(&f, 8) ? record_space(r.packet_bytes) : 64;
			at &= ~63u;
		}
		atomic_store(f.produced, start + (random_below(&f, 8) ? random_below(&f, 1024) * 64
								      : (uint32_t)f.random));
		waiting = tx_ring_waiting(&f.tx);
		while ((packet = tx_ring_take(&f.tx, &waiting, &head)) != NULL) {
			cr_assert(packet >= f.data && packet + head.packet_bytes <= f.data + BYTES);
			cr_assert(lt(u32, taken++, MODEL_MAX));
		}
		tx_ring_release(&f.tx);
	}
	fixture_end(&f);
}
