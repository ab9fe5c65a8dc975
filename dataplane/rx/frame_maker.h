/* SPDX-License-Identifier: BSD-3-Clause */
/* frame_maker.h: frames of numbered flows, made from a template with right lengths and checksums.
 * Served by frame_maker.c. Of one thread. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FRAME_MAKER_BYTES_MIN 60 /* without the check sequence */
#define FRAME_MAKER_BYTES_MAX 1514
/* What each frame carries behind its headers: its number and the time at which it arrived. */
#define FRAME_MAKER_MARK_BYTES 16

enum frame_kind { FRAME_UDP, FRAME_TCP, FRAME_SYN, FRAME_KINDS };

struct frame_template {
	uint8_t data[96];
	uint16_t header_bytes; /* of data: up to the mark, or all of a SYN */
	uint16_t bytes_min;    /* of a frame with the mark */
	uint16_t l3_offset, l4_offset;
	uint32_t l3_sum, l4_sum; /* checksum_add() of all that is the same in each frame */
};

struct frame_maker {
	struct frame_template templates[FRAME_KINDS][2]; /* by kind and whether IPv6 */
	uint16_t port_first, ports;
};

struct frame_maker_ends {
	uint8_t mac[6];      /* of the nic */
	uint8_t addr[2][16]; /* of the nic, IPv4 in the first 4 bytes, and IPv6 */
	uint16_t port_first, port_last;
};

void frame_maker_init(struct frame_maker *m, const struct frame_maker_ends *ends);

/* Writes frame `number` of flow `flow` to `out`: `bytes` or, where its headers and mark need more,
 * that many. Flows come from the networks for benchmarking, 198.18.0.0/15 (RFC 2544 C.2.2) and
 * 2001:2::/48 (RFC 5180 8); those of different kinds differ in their source ports. `out` has room
 * for FRAME_MAKER_BYTES_MAX. Returns the frame's length. */
uint16_t
frame_maker_write(const struct frame_maker *m, enum frame_kind kind, bool ipv6, uint32_t flow,
		  uint64_t number, uint64_t arrival, uint16_t bytes, uint8_t *out);
