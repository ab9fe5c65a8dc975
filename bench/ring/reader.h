/* SPDX-License-Identifier: BSD-3-Clause */
/* reader.h: the applications' side: one thread that reads the ports of many applications. Served by
 * reader.c. */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/base/limits.h"

/* What was read until now; written by the reader after each turn over all ports that found packets,
 * relaxed but for `packets`, which is stored last with release. */
struct reader_work {
	alignas(CACHE_LINE) _Atomic uint64_t packets;
	_Atomic uint64_t bursts; /* calls that found packets */
	_Atomic uint64_t cycles; /* of turns that found packets, with reading and giving back */
	_Atomic uint64_t payload;
};

/* One line that both cores pass to each other: what it costs is what a line costs. Each turn is
 * stored with release by one and awaited with acquire by the other. */
struct exchange {
	alignas(CACHE_LINE) _Atomic uint32_t turn;
};
#define EXCHANGE_ROUNDS 1000 /* of one exchange; two ways each */

/* What daemon and applications of one round share. */
struct shared {
	struct reader_work work;
	struct exchange exchange;
};

/* Begins an exchange with the reader, which is idle or about to be. The mean way in cycles. */
double exchange_measure(struct exchange *e);

/* Attaches `applications` applications with one port each at `socket_path`, then reads their ports
 * in turn, on core `core`, for ever; `stalled` of them it never reads. Returns only when something
 * fails: 1, said on stderr. */
int reader_run(const char *socket_path, int core, unsigned applications, unsigned stalled,
	       uint32_t ring_bytes, struct shared *shared);
