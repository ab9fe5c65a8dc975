/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.h: what workers touch of an application or a port, and its shared segments. Served by
 * memory.c.
 *
 * Made by control, then part of a publication, then retired: freed when no worker can hold it. */
#pragma once

#include <stdint.h>

#include "common/abi/segment.h"
#include "dataplane/dataplane.h"

/* Two segments of a pair: berthd writes the first, the application the second. */
struct segment_pair {
	struct segment *ours;
	struct segment *theirs;
	uint64_t ours_bytes;
	uint64_t theirs_bytes;
};

/* Lets a life that is over wait in a list for the publication that ends it. */
struct memory_head {
	struct memory_head *next;
	void (*free_fn)(void *memory);
};

struct app_memory {
	struct memory_head head;
	struct dp_app dp;
	struct segment_pair pair;
};

struct port_memory {
	struct memory_head head;
	struct dp_port dp;
	struct segment_pair pair;
};

/* Makes segments and ring ends for `rings` rings of `ring_bytes`. On 0 the caller owns *out and the
 * descriptors fds[2] (ours, theirs), which are for the application. Else a negative errno. */
int app_memory_create(uint32_t id, uint32_t rings, uint32_t ring_bytes, struct app_memory **out,
		      int fds[2]);
int port_memory_create(port_ref ref, uint32_t app, uint32_t rings, uint32_t ring_bytes,
		       struct port_memory **out, int fds[2]);

/* The same of a port whose end is device `end`: without rings, and so nothing to send. */
int port_memory_create_end(port_ref ref, uint32_t app, uint16_t end, struct port_memory **out);

/* Frees what was made here; shaped for dataplane_retire(). */
void memory_free(void *memory);
