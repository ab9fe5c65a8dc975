/* SPDX-License-Identifier: BSD-3-Clause */
/* port_ring.h: berthd's ends of the rings of common/abi/ring.h. Served by port_ring.c, and by
 * the forms of port_put.h.
 *
 * One struct is one worker's end; only that worker calls the functions on it, while control makes
 * it before and takes it down after the worker can see it. What any thread may call says so. */
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/abi/ring.h"

/* Writes records into one rx ring. Private to berthd (R3). */
struct rx_ring {
	alignas(CACHE_LINE) uint8_t *data;
	_Atomic uint32_t *produced_shared;       /* ours, the application reads it */
	const _Atomic uint32_t *consumed_shared; /* the application's: hostile */
	uint32_t ring_bytes;
	uint32_t produced; /* reserved so far; published by rx_ring_publish() */
	uint32_t room;     /* bytes that surely are free from `produced` on, without a wrap */
	uint32_t published;
	uint32_t consumed;       /* last value that kept R1 and R2 */
	_Atomic uint32_t broken; /* set once by the worker when a rule broke; read by control */
};
static_assert(sizeof(struct rx_ring) == CACHE_LINE, "neighbours belong to other workers");

/* `segment` is a SEGMENT_PORT mapping, `peer` its SEGMENT_PORT_PEER, both new; `ring` 0..rings-1.
 */
void rx_ring_init(struct rx_ring *r, struct segment *segment, const struct segment *peer,
		  uint32_t rings, uint32_t ring_bytes, uint32_t ring);

/* One packet for an rx ring. */
struct rx_put {
	struct record_head head; /* tells how many bytes are at `packet`: 1..PACKET_BYTES_MAX */
	const uint8_t *packet;
	uint64_t reserved;
};
static_assert(sizeof(struct rx_put) == 32, "two in a line");

/* What became of packets that were put. */
struct rx_put_result {
	uint32_t packets, bytes; /* in the ring; IP bytes */
	uint32_t full;           /* without room */
	uint32_t broken;         /* the application broke R1 or R2, now or before */
};

/* Copies records and their packets into the ring, unseen until published. Each finds its own end,
 * so a small packet may have room where a large one before it had none. */
void rx_ring_put_burst(struct rx_ring *r, const struct rx_put *puts, uint16_t n,
		       struct rx_put_result *result);
/* To be called between that, for any number of rings, and rx_ring_publish(). */
void rx_rings_settle(void);

/* Asks for a line that will be written, with the right to write. Compilers make a plain prefetch of
 * __builtin_prefetch(at, 1) unless told that the processor knows better, and then the line comes
 * twice; where it does not know prefetchw, that does nothing. */
static inline void
prefetch_write(const void *at)
{
#if defined(__x86_64__)
	__asm__ volatile("prefetchw %0" : : "m"(*(const uint8_t *)at));
#else
	__builtin_prefetch(at, 1);
#endif
}

/* Asks for the line that the next publication goes to: the application's core holds it. */
static inline void
rx_ring_prefetch(const struct rx_ring *r)
{
	prefetch_write(r->produced_shared);
}

/* Shows all records put so far to the application. */
static inline void
rx_ring_publish(struct rx_ring *r)
{
	if (r->produced == r->published)
		return;
	r->published = r->produced;
	/* Publishes the records (R2); acquire in the application's end and in rx_ring_pending(). */
	atomic_store_explicit(r->produced_shared, r->published, memory_order_release);
}

/* Whether published records wait for the application. Any thread, for waking sleepers: the peer's
 * count is only compared, so whatever it holds does no harm. */
static inline bool
rx_ring_pending(const struct rx_ring *r)
{
	return atomic_load_explicit(r->produced_shared, memory_order_acquire) !=
	       atomic_load_explicit(r->consumed_shared, memory_order_acquire);
}

/* Whether the application broke its rules. Any thread. */
static inline bool
rx_ring_broken(const struct rx_ring *r)
{
	return atomic_load_explicit(&r->broken, memory_order_relaxed) != 0;
}

/* Reads records from one tx ring. Private to berthd. */
struct tx_ring {
	alignas(CACHE_LINE) const uint8_t *data;
	const _Atomic uint32_t *produced_shared; /* the application's: hostile */
	_Atomic uint32_t *consumed_shared;       /* ours */
	uint32_t ring_bytes;
	uint32_t consumed;
	uint32_t released; /* last value of *consumed_shared */
	_Atomic uint32_t broken;
};
static_assert(sizeof(struct tx_ring) == CACHE_LINE, "neighbours belong to other workers");

/* `peer` is a SEGMENT_APP_PEER mapping, `segment` its SEGMENT_APP, both new; `ring` 0..rings-1. */
void tx_ring_init(struct tx_ring *r, const struct segment *peer, struct segment *segment,
		  uint32_t rings, uint32_t ring_bytes, uint32_t ring);

void tx_ring_break(struct tx_ring *r);

/* Bytes waiting, 0 when empty or broken. Loads the peer's count once. */
static inline uint32_t
tx_ring_waiting(struct tx_ring *r)
{
	/* The application's release of its count shows its records (R2). */
	const uint32_t produced = atomic_load_explicit(r->produced_shared, memory_order_acquire);
	const uint32_t waiting = produced - r->consumed;

	if (waiting == 0)
		return 0;
	if (waiting > r->ring_bytes || waiting % RECORD_ALIGN != 0)
		tx_ring_break(r);
	return atomic_load_explicit(&r->broken, memory_order_relaxed) ? 0 : waiting;
}

/* Takes the next of `*waiting` bytes: copies its head once to *head, checks the copy, and returns
 * where its packet lies in shared memory: copy head->packet_bytes from there once, parse only the
 * copy (T4). Skips padding. NULL: none left, or the application broke R1 or R4 (broken is then
 * set, and *waiting 0). The room is returned by tx_ring_release(). */
const uint8_t *tx_ring_take(struct tx_ring *r, uint32_t *waiting, struct record *head);

/* Returns the room of all packets taken so far to the application. */
static inline void
tx_ring_release(struct tx_ring *r)
{
	if (r->consumed == r->released)
		return;
	r->released = r->consumed;
	/* Our copies are done before the application may write there again (R2); acquire in its
	 * end. */
	atomic_store_explicit(r->consumed_shared, r->released, memory_order_release);
}

/* Whether the application broke its rules. Any thread. */
static inline bool
tx_ring_broken(const struct tx_ring *r)
{
	return atomic_load_explicit(&r->broken, memory_order_relaxed) != 0;
}
