/* SPDX-License-Identifier: BSD-3-Clause */
/* malformed.h: packets that must be dropped, by reason. Served by malformed.c. */
#pragma once

#include <stdint.h>

#include "bench/traffic/frame.h"

/* A valid frame of `family` and `proto`, without tags and options and with a payload of some tens
 * of bytes, is what spoil() expects. */
struct malformed {
	const char *reason; /* the drop's name in common/abi/counters.h */
	uint8_t family;
	uint8_t proto;
	void (*spoil)(struct frame *frame);
};

/* Several ways to one reason stand next to one another. */
extern const struct malformed malformed_list[];
extern const unsigned malformed_count;
#define MALFORMED_MAX 64
