/* SPDX-License-Identifier: BSD-3-Clause */
/* interleave_atomic.h: stands in for the accesses of flow_atomic.h, under the explorer's eye. */
#pragma once

#include <stdatomic.h>
#include <string.h>

#include "tests/concurrency/interleave.h"

/* The comma takes the qualifiers off the object's type. */
#define flow_load(object, order)                                                              \
	__extension__((__typeof__((void)0, *(object)))interleave_load((const void *)(object), \
								      sizeof(*(object)), order))
#define flow_store(object, value, order) \
	interleave_store((void *)(object), sizeof(*(object)), (uint64_t)(value), order)
#define flow_write(to, from, bytes) interleave_write(to, from, bytes)
#define flow_read(to, from, bytes)  interleave_read(to, from, bytes)
