/* SPDX-License-Identifier: BSD-3-Clause */
/* exact.h: memory of exactly the size that an input needs, without an allocation per input: what
 * lies around it is poisoned, so that ASan reports any access there. */
#pragma once

#include <sanitizer/asan_interface.h>
#include <stdalign.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/base/check.h"

#define EXACT_BYTES_MAX 4096
#define EXACT_REDZONE   64

struct exact {
	alignas(64) uint8_t below[EXACT_REDZONE];
	uint8_t bytes[EXACT_BYTES_MAX + EXACT_REDZONE];
};

/* Ends the use of what exact_copy() gave. */
static inline void
exact_release(struct exact *e)
{
	ASAN_POISON_MEMORY_REGION(e, sizeof(*e));
}

/* `capacity` <= EXACT_BYTES_MAX bytes that begin with `bytes` of data; valid until the next call
 * for the same *e. */
static inline uint8_t *
exact_copy(struct exact *e, const uint8_t *data, size_t bytes, size_t capacity)
{
	panic_unless(bytes <= capacity && capacity <= EXACT_BYTES_MAX);
	exact_release(e);
	ASAN_UNPOISON_MEMORY_REGION(e->bytes, capacity);
	if (bytes > 0)
		memcpy(e->bytes, data, bytes);
	return e->bytes;
}
