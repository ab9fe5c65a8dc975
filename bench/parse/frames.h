/* SPDX-License-Identifier: BSD-3-Clause */
/* frames.h: the frames that are parsed in the bench, with right checksums. Served by frames.c. */
#pragma once

#include <stdint.h>

#define BENCH_FRAME_BYTES 128 /* room for each */

enum bench_shape {
	SHAPE_UDP4,
	SHAPE_TCP4,
	SHAPE_TCP4_TIMESTAMP,
	SHAPE_UDP6,
	SHAPE_TCP6,
	SHAPE_VLAN,       /* TCP over IPv4 behind one tag */
	SHAPE_QINQ,       /* behind two */
	SHAPE_OPTIONS4,   /* UDP behind IPv4 options */
	SHAPE_EXTENSION6, /* UDP behind an IPv6 destination header */
	SHAPE_ECHO4,
	SHAPE_MIX, /* each of the above in turn, and ARP */
	SHAPES
};
extern const char *const bench_shape_names[SHAPES];

/* Writes frame number `n` of a shape, its own flow; returns its length, 60 or more. */
uint32_t bench_frame_make(enum bench_shape shape, uint32_t n, uint8_t frame[BENCH_FRAME_BYTES]);
