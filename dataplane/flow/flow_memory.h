/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_memory.h: memory that grows with the number of flows. Served by flow_memory.c. */
#pragma once

#include <stdint.h>

/* Maps zeroed memory of `bytes`, all of it present, in large pages where there are any, near
 * `numa_node` if it is not -1. 0, -EINVAL (no such node) or -ENOMEM. Any thread. */
int flow_memory_map(uint64_t bytes, int numa_node, void **out);
void flow_memory_unmap(void *memory, uint64_t bytes);
