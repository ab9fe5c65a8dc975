/* SPDX-License-Identifier: BSD-3-Clause */
/* test_port_ring.c: berthd's ends of the rings against honest and hostile applications. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/check.h"
#include "dataplane/port/port_put.h"

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

static struct record_head
head_of(uint32_t bytes, uint64_t flow)
{
	return record_pack(&(struct record){ .packet_bytes = (uint16_t)bytes, .flow = flow });
}

/* Puts one packet by a form of the code. 0, -ENOSPC: no room, or -EPROTO: broken. */
static int
put_by(const struct port_code *code, struct rx_ring *r, struct record_head head, const void *packet)
{
	const struct rx_put put = { .head = head, .packet = packet };
	struct rx_put_result done;

	code->put_burst(r, &put, 1, &done);
	cr_assert(eq(u32, done.packets + done.full + done.broken, 1));
	cr_assert(eq(u32, done.bytes, done.packets * record_packet_bytes(head.words[1])));
	return done.packets ? 0 : done.full ? -ENOSPC : -EPROTO;
}

static int
put(struct rx_ring *r, struct record_head head, const void *packet)
{
	unsigned best = 0;

	while (!port_codes[best]->usable())
		best++;
	return put_by(port_codes[best], r, head, packet);
}

/* The application's side of an rx ring, written from ring.h's rules alone. Returns packet_bytes of
 * the next published record, 0 when there is none. */
static uint32_t
application_take(struct fixture *f, struct record *head, const uint8_t **packet)
{
	while (f->count != atomic_load(f->produced)) {
		const uint32_t offset = f->count % BYTES;

		struct record_head packed;

		memcpy(&packed, f->data + offset, sizeof(packed));
		*head = record_unpack(packed);
		if (head->flags & RECORD_PAD) {
			f->count += BYTES - offset;
			continue;
		}
		*packet = f->data + offset + sizeof(packed);
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
	struct record_head head = record_pack(&(struct record){ .flags = RECORD_PAD });

	if (space > to_end) {
		memcpy(f->data + f->count % BYTES, &head, sizeof(head));
		f->count += to_end;
	}
	head = record_pack(&(struct record){
		.packet_bytes = (uint16_t)bytes, .zone = (uint16_t)(id % ZONES_MAX), .flow = id });
	memcpy(f->data + f->count % BYTES, &head, sizeof(head));
	packet_fill(f->data + f->count % BYTES + sizeof(head), bytes, id);
	f->count += space;
	return true;
}

/* Goal: both processes agree on every offset, whatever compiler made them.
 * Method: the numbers of the layout, written out. */
Test(port_ring, layout)
{
	static const struct record all = {
		.flow = UINT64_MAX,
		.binding = RECORD_BINDING_MAX,
		.packet_bytes = RECORD_BYTES_MASK,
		.l4_offset = RECORD_L4_MAX,
		.payload_offset = RECORD_L4_MAX + RECORD_PAYLOAD_MAX,
		.flags = RECORD_FLAGS_MASK,
		.zone = ZONES_MAX - 1,
		.proto = 255,
	};
	static const struct {
		struct record record;
		uint64_t words[2];
	} places[] = {
		{ { .flow = 0x001f0fffffffffff }, { 0x001f0fffffffffff, 0 } },
		{ { .l4_offset = 20, .payload_offset = 20 + 60 }, { 0xfull << 44, 5ull << 14 } },
		{ { .flags = RECORD_PAD }, { 1ull << 53, 0 } },
		{ { .flags = RECORD_LATER }, { 1ull << 59, 0 } },
		{ { .packet_bytes = 0x3fff }, { 0, 0x3fff } },
		{ { .proto = 255 }, { 0, 255ull << 22 } },
		{ { .zone = 4095 }, { 0, 4095ull << 30 } },
		{ { .binding = 0x3fffff }, { 0, 0x3fffffull << 42 } },
		{ { .binding = 0x3c00000 }, { 0xfull << 60, 0 } },
	};

	cr_assert(eq(sz, sizeof(struct record_head), 16));
	for (unsigned i = 0; i < array_length(places); i++) {
		const struct record_head h = record_pack(&places[i].record);
		const struct record back = record_unpack(h);

		cr_assert(eq(u64, h.words[0], places[i].words[0]), "place %u", i);
		cr_assert(eq(u64, h.words[1], places[i].words[1]), "place %u", i);
		cr_assert(zero(int, memcmp(&back, &places[i].record, sizeof(back))), "place %u", i);
	}
	cr_assert(eq(u64, record_pack(&all).words[0], UINT64_MAX));
	cr_assert(eq(u64, record_pack(&all).words[1], UINT64_MAX));
	cr_assert(eq(sz, offsetof(struct segment, counts), CACHE_LINE));
	cr_assert(eq(sz, sizeof(struct ring_count), CACHE_LINE));
	cr_assert(eq(u64, segment_data_offset(1), 4096));
	cr_assert(eq(u64, segment_data_offset(WORKERS_MAX), 4096));
	cr_assert(eq(u64, segment_bytes(2, BYTES), 4096 + 2 * BYTES));
	cr_assert(eq(u64, segment_bytes_bare(2), 8192));
	cr_assert(eq(u32, record_space(1), 64));
	cr_assert(eq(u32, record_space(48), 64));
	cr_assert(eq(u32, record_space(49), 128));
	cr_assert(eq(u32, record_space(60), 128));
	cr_assert(eq(u32, record_space(112), 128));
}

static void
copies_exactly(const struct port_code *code, uint32_t bytes, const uint8_t *source)
{
	struct fixture f = fixture_rx(0);
	const struct record_head head = head_of(bytes, 7);

	memset(f.data, 0xee, BYTES);
	cr_assert(eq(int, put_by(code, &f.rx, head, source), 0));
	cr_assert(eq(u32, atomic_load(f.produced), 0), "unseen until published");
	rx_ring_publish(&f.rx);
	cr_assert(eq(u32, atomic_load(f.produced), record_space(bytes)));
	cr_assert(eq(int, memcmp(f.data, &head, sizeof(head)), 0));
	cr_assert(packet_is(f.data + sizeof(head), bytes, bytes), "%s, %u bytes", code->name,
		  bytes);
	/* Padding is the ring's own or nothing, never the source's neighbours. */
	for (uint32_t i = (uint32_t)sizeof(head) + bytes; i < record_space(bytes); i++)
		cr_assert(f.data[i] == 0xee || f.data[i] == 0, "%s, %u bytes, offset %u",
			  code->name, bytes, i);
	for (uint32_t i = record_space(bytes); i < record_space(bytes) + 128; i++)
		cr_assert(eq(u8, f.data[i], 0xee), "%s, %u bytes, offset %u", code->name, bytes, i);
	fixture_end(&f);
}

/* Goal: packets of every size arrive whole by every form of the code, nothing beside them is
 * touched, and nothing behind the source is read.
 * Method: each size up to past the wide copy, and the largest; bytes around the room are watched;
 * the source ends where its page does, and the next one cannot be read. */
Test(port_ring, copies_exactly)
{
	const size_t room = (PACKET_BYTES_MAX + 4095) / 4096 * 4096;
	uint8_t *pages =
		mmap(NULL, room + 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	cr_assert(ne(ptr, pages, MAP_FAILED));
	cr_assert(zero(int, mprotect(pages + room, 4096, PROT_NONE)));
	for (uint32_t bytes = 1; bytes <= PACKET_BYTES_MAX;
	     bytes = bytes < 400 || bytes == PACKET_BYTES_MAX ? bytes + 1 : PACKET_BYTES_MAX) {
		uint8_t *source = pages + room - bytes;

		packet_fill(source, bytes, bytes);
		for (unsigned i = 0; i < PORT_CODES; i++)
			if (port_codes[i]->usable())
				copies_exactly(port_codes[i], bytes, source);
	}
	munmap(pages, room + 4096);
}

/* Goal: all forms of the code do the same: places, wraps, refusals, counts.
 * Method: the same random bursts into a ring of each form, of which the application takes as it
 * likes, the same from each; after each burst the ends must be equal. */
Test(port_ring, forms_agree)
{
	static uint8_t packet[PACKET_BYTES_MAX];
	struct fixture f[PORT_CODES];

	for (unsigned c = 0; c < PORT_CODES; c++)
		f[c] = fixture_rx(0u - 4096);
	for (unsigned step = 0; step < 20000; step++) {
		const uint16_t n = (uint16_t)(1 + random_below(&f[0], BURST_MAX));
		const uint32_t taken = random_below(&f[0], 2 * BYTES / 3) & ~63u;
		struct rx_put puts[BURST_MAX];
		const struct rx_ring *model = NULL; /* the first form's */
		struct rx_put_result done, expected = { 0 };

		for (uint16_t i = 0; i < n; i++)
			puts[i] = (struct rx_put){ .head = head_of(random_bytes(&f[0]), step),
						   .packet = packet };
		for (unsigned c = 0; c < PORT_CODES; c++) {
			struct rx_ring *r = &f[c].rx;
			const uint32_t waiting = r->published - f[c].count;

			if (!port_codes[c]->usable())
				continue;
			f[c].count += taken < waiting ? taken : waiting;
			atomic_store(f[c].consumed, f[c].count);
			port_codes[c]->put_burst(r, puts, n, &done);
			rx_ring_publish(r);
			cr_assert(eq(u32, done.packets + done.full, n));
			if (model == NULL) {
				model = r;
				expected = done;
			}
			cr_assert(zero(int, memcmp(&done, &expected, sizeof(done))), "step %u",
				  step);
			cr_assert(eq(u32, r->produced, model->produced), "step %u", step);
			cr_assert(eq(u32, r->room, model->room), "step %u", step);
		}
	}
	for (unsigned c = 0; c < PORT_CODES; c++)
		fixture_end(&f[c]);
}

/* Goal: a full ring refuses, keeps what it holds, and takes more once room is returned (R1, R2).
 * Method: fill with 60-byte packets, drop, release one, put one. */
Test(port_ring, full_ring_refuses)
{
	struct fixture f = fixture_rx(0);
	const struct record_head head = head_of(60, 0);
	uint8_t packet[60] = { 0 };
	uint32_t puts = 0;

	while (put(&f.rx, head, packet) == 0)
		puts++;
	cr_assert(eq(u32, puts, BYTES / 128));
	cr_assert(eq(int, put(&f.rx, head, packet), -ENOSPC));
	cr_assert(not(rx_ring_pending(&f.rx)));
	rx_ring_publish(&f.rx);
	cr_assert(rx_ring_pending(&f.rx));
	atomic_store(f.consumed, 128);
	cr_assert(eq(int, put(&f.rx, head, packet), 0));
	cr_assert(eq(int, put(&f.rx, head, packet), -ENOSPC));
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

		packet_fill(packet, bytes, *next);
		if (put(&f->rx, head_of(bytes, *next), packet) != 0)
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
	const struct record_head small = head_of(32, 0), large = head_of(9000, 0);
	static uint8_t packet[9000];

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct fixture f = fixture_rx(0);
		int rc = 0;

		for (unsigned n = 0; n < 8; n++)
			cr_assert(eq(int, put(&f.rx, small, packet), 0));
		rx_ring_publish(&f.rx);
		atomic_store(f.consumed, 256);
		f.rx.room = 0; /* the slow half looks again */
		for (unsigned n = 0; n < 2; n++)
			cr_assert(eq(int, put(&f.rx, small, packet), 0));
		atomic_store(f.consumed, cases[i].consumed);
		for (unsigned n = 0; n < 20 && rc == 0; n++)
			rc = put(&f.rx, large, packet);
		cr_assert(eq(int, rc, cases[i].broken ? -EPROTO : -ENOSPC), "%u",
			  cases[i].consumed);
		cr_assert(eq(int, rx_ring_broken(&f.rx), cases[i].broken));
		/* Once broken, an honest count does not mend it. */
		atomic_store(f.consumed, 512);
		rc = put(&f.rx, large, packet);
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
		{ "honest at the end", BYTES - 128, 128, 112, 0, false },
		{ "honest, largest", 0, 9664, PACKET_BYTES_MAX, 0, false },
		{ "honest pad", BYTES - 128, 128, 0, RECORD_PAD, false },
		{ "count not aligned", 0, 129, 60, 0, true },
		{ "count past the ring", 0, BYTES + 64, 60, 0, true },
		{ "count far past", 0, 0x80000000u, 60, 0, true },
		{ "count before ours", 0, 0u - 64, 60, 0, true },
		{ "empty packet", 0, 128, 0, 0, true },
		{ "too long", 0, 16384, PACKET_BYTES_MAX + 1, 0, true },
		{ "all bits of the length", 0, BYTES, RECORD_BYTES_MASK, 0, true },
		{ "passes waiting", 0, 128, 113, 0, true },
		{ "passes the end", BYTES - 128, 256, 113, 0, true },
		{ "pad at the start", 0, BYTES, 0, RECORD_PAD, true },
		{ "pad passes waiting", BYTES - 128, 64, 0, RECORD_PAD, true },
		{ "pad after pad", BYTES - 128, 256, 0, RECORD_PAD, true },
		{ "flag of ours", 0, 128, 60, RECORD_LOCAL, true },
		{ "pad and more", BYTES - 128, 128, 60, RECORD_PAD | RECORD_IPV6, true },
		{ "every flag", 0, 128, 60, RECORD_FLAGS_MASK, true },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct fixture f = fixture_tx(cases[i].start);
		const struct record_head hostile = record_pack(&(struct record){
			.packet_bytes = (uint16_t)cases[i].bytes, .flags = cases[i].flags });
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
			const struct record r = { .packet_bytes =
							  (uint16_t)random_below(&f, 3)
								  ? (uint16_t)random_bytes(&f)
								  : (uint16_t)f.random,
						  .flags = random_below(&f, 4) ? 0 : f.random & 3 };
			const struct record_head packed = record_pack(&r);

			memcpy(f.data + at % BYTES, &packed, sizeof(packed));
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
