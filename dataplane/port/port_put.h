/* SPDX-License-Identifier: BSD-3-Clause */
/* port_put.h: how records get into an rx ring; included by each form of the code, which brings its
 * own way to write one.
 *
 * port_portable.c runs everywhere; port_avx2.c copies by 32 bytes, port_avx512.c by whole lines.
 * All forms put the same records at the same places; only the padding behind a packet differs. */
#pragma once

#include <string.h>

#include "dataplane/port/port_ring.h"

struct port_code {
	const char *name;
	bool (*usable)(void); /* by this processor */
	/* As rx_ring_put_burst(). */
	void (*put_burst)(struct rx_ring *r, const struct rx_put *puts, uint16_t n,
			  struct rx_put_result *result);
	/* As rx_rings_settle(). */
	void (*settle)(void);
};

extern const struct port_code port_code_portable;
#if defined(__x86_64__)
#define PORT_CODES 3
extern const struct port_code port_code_avx2, port_code_avx512;
#else
#define PORT_CODES 1
#endif
/* All forms, the best first. */
extern const struct port_code *const port_codes[PORT_CODES];

/* How far before its use a line of the ring is asked for: what the application read last lies in
 * its core's cache, and has to come from there. */
#define PUT_AHEAD_BYTES (16 * CACHE_LINE)

/* Writes one record to the line `at`; `bytes` of packet. May write all lines of its space. */
typedef void (*record_write_fn)(uint8_t *at, const struct rx_put *put, uint32_t bytes);

/* The rare half: at the ring's end, or when the known room is used up. The application's count is
 * loaded at most once per burst (*looked). Whether r->room holds `space` now; else *result counts
 * the packet. */
bool
rx_ring_make_room(struct rx_ring *r, uint32_t space, bool *looked, struct rx_put_result *result);

/* `ahead`: `write` goes through the caches, so lines are asked for ahead. */
static inline __attribute__((always_inline)) void
put_burst(struct rx_ring *r, const struct rx_put *puts, uint16_t n, struct rx_put_result *result,
	  record_write_fn write, bool ahead)
{
	const uint32_t mask = r->ring_bytes - 1;
	uint8_t *const data = r->data;
	uint32_t produced = r->produced, room = r->room;
	uint32_t packets = 0, bytes_sum = 0;
	bool looked = false;

	*result = (struct rx_put_result){ 0 };
	for (uint16_t i = 0; i < n; i++) {
		const uint32_t bytes = record_packet_bytes(puts[i].head.words[1]);
		const uint32_t space = record_space(bytes);

		if (__builtin_expect(space > room, 0)) {
			r->produced = produced;
			r->room = room;
			const bool fits = rx_ring_make_room(r, space, &looked, result);

			produced = r->produced;
			room = r->room;
			if (!fits)
				continue;
		}
		if (ahead)
			prefetch_write(data + ((produced + PUT_AHEAD_BYTES) & mask));
		write(data + (produced & mask), &puts[i], bytes);
		produced += space;
		room -= space;
		packets++;
		bytes_sum += bytes;
	}
	r->produced = produced;
	r->room = room;
	result->packets = packets;
	result->bytes = bytes_sum;
}

/* Copies `bytes` exactly, none of the source's neighbours with them: they may be another
 * application's. The common sizes are copied by moves of 32 bytes that overlap at the end. */
static inline __attribute__((always_inline)) void
packet_copy(uint8_t *to, const uint8_t *from, uint32_t bytes)
{
	uint32_t done = 0;

	if (bytes < 32 || bytes > 256) {
		memcpy(to, from, bytes);
		return;
	}
	do {
		memcpy(to + done, from + done, 32);
		done += 32;
	} while (done + 32 <= bytes);
	memcpy(to + bytes - 32, from + bytes - 32, 32);
}

static inline __attribute__((always_inline)) void
write_by_32(uint8_t *at, const struct rx_put *put, uint32_t bytes)
{
	memcpy(at, &put->head, sizeof(put->head));
	packet_copy(at + sizeof(put->head), put->packet, bytes);
}
