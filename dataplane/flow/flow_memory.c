/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_memory.c: the memory of a flow table: near its worker, in large pages where there are any,
 * present before the first packet. */
#include <errno.h>
#include <numa.h>
#include <numaif.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <unistd.h>

#include "dataplane/flow/flow_priv.h"

#define HUGE_PAGE_BYTES (2ull << 20)

/* Asks for pages of `node`. A preference: another node's memory is slower, not wrong, and a
 * container may forbid the call. */
static void
memory_prefer_node(void *memory, uint64_t bytes, int node)
{
	struct bitmask *nodes = numa_allocate_nodemask();

	if (nodes == NULL)
		return;
	numa_bitmask_setbit(nodes, (unsigned)node);
	(void)mbind(memory, bytes, MPOL_PREFERRED, nodes->maskp, nodes->size + 1, 0);
	numa_bitmask_free(nodes);
}

/* Makes all pages present, so that a packet never waits for one and a lack of memory shows now. */
static int
memory_populate(void *memory, uint64_t bytes)
{
	const uint64_t page_bytes = (uint64_t)sysconf(_SC_PAGESIZE);
	volatile uint8_t *p = memory;

	if (madvise(memory, bytes, MADV_POPULATE_WRITE) == 0)
		return 0;
	if (errno != EINVAL)
		return -ENOMEM;
	/* Kernels before 5.14 do not know the call. */
	for (uint64_t at = 0; at < bytes; at += page_bytes)
		p[at] = 0;
	return 0;
}

/* Maps `bytes` so that they start on a large page: maps one more and gives back both ends. */
static void *
memory_map_aligned(uint64_t bytes)
{
	const uint64_t slack = bytes >= HUGE_PAGE_BYTES ? HUGE_PAGE_BYTES : 0;
	uint8_t *base = mmap(NULL, bytes + slack, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
	uint64_t before;

	if (base == MAP_FAILED)
		return NULL;
	if (slack == 0)
		return base;
	before = -(uintptr_t)base & (HUGE_PAGE_BYTES - 1);
	if (before > 0)
		munmap(base, before);
	if (slack > before)
		munmap(base + before + bytes, slack - before);
	return base + before;
}

int
flow_memory_map(uint64_t bytes, int numa_node, void **out)
{
	const bool numa = numa_node >= 0 && numa_available() >= 0;
	void *memory;

	if (numa_node < -1 || (numa && numa_node > numa_max_node()))
		return -EINVAL;
	memory = memory_map_aligned(bytes);
	if (memory == NULL)
		return -ENOMEM;
	if (numa)
		memory_prefer_node(memory, bytes, numa_node);
	/* Without large pages everything works, about a quarter slower. */
	(void)madvise(memory, bytes, MADV_HUGEPAGE);
	if (memory_populate(memory, bytes) != 0) {
		munmap(memory, bytes);
		return -ENOMEM;
	}
	*out = memory;
	return 0;
}

void
flow_memory_unmap(void *memory, uint64_t bytes)
{
	munmap(memory, bytes);
}
