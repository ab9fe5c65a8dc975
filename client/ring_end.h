/* SPDX-License-Identifier: BSD-3-Clause */
/* ring_end.h: the application's ends of the rings of common/abi/ring.h. Served by ring_end.c.
 *
 * berthd is trusted not to change what it published, so packets are used in place; its counts and
 * heads are checked all the same, so that an accident there ends in an error here. One thread at a
 * time per end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "client/include/berth/berth.h"
#include "common/abi/ring.h"

/* Consumer of one rx ring. */
struct rx_end {
	const uint8_t *data;
	const _Atomic uint32_t *produced_shared; /* berthd's */
	_Atomic uint32_t *consumed_shared;       /* ours */
	uint32_t ring_bytes;
	uint32_t produced; /* last value seen */
	uint32_t taken;
	uint32_t released;
	bool broken; /* a count or head made no sense; the end stays as it is */
};

void rx_end_init(struct rx_end *e, struct segment *segment, struct segment *peer, uint32_t ring);

/* Takes up to `max` packets, oldest first; valid until rx_end_release(). */
uint16_t rx_end_take_burst(struct rx_end *e, struct berth_packet *packets, uint16_t max);

/* Whether a packet waits that was not taken yet. */
bool rx_end_pending(const struct rx_end *e);

void rx_end_release(struct rx_end *e);

/* Producer of one tx ring. */
struct tx_end {
	uint8_t *data;
	_Atomic uint32_t *produced_shared;       /* ours */
	const _Atomic uint32_t *consumed_shared; /* berthd's */
	uint32_t ring_bytes;
	uint32_t produced;
	uint32_t published;
	uint32_t consumed; /* last value seen */
	bool broken;
};

void tx_end_init(struct tx_end *e, struct segment *segment, struct segment *peer, uint32_t ring);

/* Makes a record for `bytes` (1..PACKET_BYTES_MAX) of packet, which berthd sees after
 * tx_end_publish(). Returns where the packet's bytes go; NULL: no room. */
uint8_t *tx_end_put(struct tx_end *e, uint32_t bytes, uint16_t zone, uint64_t flow);

void tx_end_publish(struct tx_end *e);
