/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_atomic.h: every access of the flow table to memory that two threads may use at once.
 *
 * The table's code touches shared memory through these alone, so that a test can put itself in
 * between (tests/concurrency/interleave.h): it defines FLOW_ATOMIC_HEADER to its own. */
#pragma once

#ifdef FLOW_ATOMIC_HEADER
#include FLOW_ATOMIC_HEADER
#else

#include <stdatomic.h>
#include <string.h>

/* A number on its own. `order` is a memory_order; the call says what it pairs with. */
#define flow_load(object, order)         atomic_load_explicit(object, order)
#define flow_store(object, value, order) atomic_store_explicit(object, value, order)

/* Bytes that nobody writes while a reader may look at them: what a release store of a tag publishes
 * and the load of that tag with acquire has found. Multiples of 8 bytes, aligned to 8. */
#define flow_write(to, from, bytes)      memcpy(to, from, bytes)
#define flow_read(to, from, bytes)       memcpy(to, from, bytes)

#endif
