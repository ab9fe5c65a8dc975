/* SPDX-License-Identifier: BSD-3-Clause */
/* port_ring.h: berthd's ends of the rings of common/abi/ring.h. Served by port_ring.c.
 *
 * One struct is one worker's end; only that worker calls the functions on it, while control makes
 * it before and takes it down after the worker can see it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/abi/ring.h"

/* Writes records into one rx ring. Private to berthd (R3). */
struct rx_ring {
	uint8_t *data;
	_Atomic uint32_t *produced_shared;       /* ours, the application reads it */
	const _Atomic uint32_t *consumed_shared; /* the application's: hostile */
	uint32_t ring_bytes;
	uint32_t produced; /* reserved so far; published by rx_ring_publish() */
	uint32_t published;
	uint32_t consumed;       /* last value that kept R1 */
	_Atomic uint32_t broken; /* set once by the worker when R1 broke; read by control */
};

/* `segment` is a SEGMENT_PORT mapping, `peer` its SEGMENT_PORT_PEER; `ring` 0..rings-1. */
void rx_ring_init(struct rx_ring *r, struct segment *segment, const struct segment *peer,
		  uint32_t rings, uint32_t ring_bytes, uint32_t ring);

/* Copies one record and its packet (head->packet_bytes at `packet`) into the ring, unseen until
 * published. 0, -ENOSPC: no room; -EPROTO: the application broke R1, now or before. */
int rx_ring_put(struct rx_ring *r, const struct record *head, const void *packet);
/* Shows all records put so far to the application. */
void rx_ring_publish(struct rx_ring *r);

/* Reads records from one tx ring. Private to berthd. */
struct tx_ring {
	const uint8_t *data;
	const _Atomic uint32_t *produced_shared; /* the application's: hostile */
	_Atomic uint32_t *consumed_shared;       /* ours */
	uint32_t ring_bytes;
	uint32_t consumed;
	_Atomic uint32_t broken;
};

void tx_ring_init(struct tx_ring *r, const struct segment *peer, struct segment *segment,
		  uint32_t rings, uint32_t ring_bytes, uint32_t ring);

/* Bytes waiting, 0 when empty or broken. Loads the peer's count once. */
uint32_t tx_ring_waiting(struct tx_ring *r);

/* Takes the next of `*waiting` bytes: copies its head once to *head, checks the copy, and returns
 * where its packet lies in shared memory: copy head->packet_bytes from there once, parse only the
 * copy (T4). Skips padding. NULL: none left, or the application broke R1 or R4 (broken is then
 * set). The room is returned by tx_ring_release(). */
const uint8_t *tx_ring_take(struct tx_ring *r, uint32_t *waiting, struct record *head);
void tx_ring_release(struct tx_ring *r);
