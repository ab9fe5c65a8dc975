/* SPDX-License-Identifier: BSD-3-Clause */
/* pages.c: memory in 2 MiB pages, the same for all contenders. */
#include "bench/flow/pages.h"

#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "common/base/check.h"

/* Mappings by address; a bench has few. */
#define MAPPINGS_MAX 256u

static struct {
	void *memory;
	uint64_t bytes;
} mappings[MAPPINGS_MAX];

static unsigned
mapping_find(const void *memory)
{
	for (unsigned i = 0; i < MAPPINGS_MAX; i++)
		if (mappings[i].memory == memory)
			return i;
	panic_unless(!"a mapping of ours, or room for one more");
	return 0;
}

void *
pages_map(uint64_t bytes)
{
	const uint64_t whole = (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
	uint8_t *base = mmap(NULL, whole + PAGE_BYTES, PROT_READ | PROT_WRITE,
			     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
	const unsigned slot = mapping_find(NULL);
	uint64_t before;

	if (base == MAP_FAILED)
		goto no_memory;
	before = -(uintptr_t)base & (PAGE_BYTES - 1);
	if (before > 0)
		munmap(base, before);
	if (PAGE_BYTES - before > 0)
		munmap(base + before + whole, PAGE_BYTES - before);
	base += before;
	(void)madvise(base, whole, MADV_HUGEPAGE);
	if (madvise(base, whole, MADV_POPULATE_WRITE) != 0)
		goto no_memory;
	mappings[slot].memory = base;
	mappings[slot].bytes = whole;
	return base;

no_memory:
	fprintf(stderr, "bench-flow: no memory for %ju MiB; ask for smaller --sizes\n",
		(uintmax_t)(whole >> 20));
	exit(1);
}

void
pages_unmap(void *memory)
{
	unsigned slot;

	if (memory == NULL)
		return;
	slot = mapping_find(memory);
	munmap(memory, mappings[slot].bytes);
	mappings[slot].memory = NULL;
}

/* The number after `name` in a file of "Name:  number kB" lines; 0: none. */
static uint64_t
field_kb(const char *path, const char *name)
{
	FILE *f = fopen(path, "r");
	unsigned long long kb = 0;
	char line[256];

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL)
		if (strncmp(line, name, strlen(name)) == 0 &&
		    sscanf(line + strlen(name), "%llu", &kb) == 1)
			break;
	fclose(f);
	return kb;
}

/* Small mappings are the program's own, not those of tables and keys. */
int
pages_huge_percent(void)
{
	unsigned long long all = 0, huge = 0, size = 0, kb;
	FILE *f = fopen("/proc/self/smaps", "r");
	char line[512];

	if (f == NULL)
		return -1;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (sscanf(line, "Size: %llu", &kb) == 1)
			size = kb;
		if (size << 10 < PAGE_BYTES)
			continue;
		if (sscanf(line, "Anonymous: %llu", &kb) == 1)
			all += kb;
		if (sscanf(line, "AnonHugePages: %llu", &kb) == 1)
			huge += kb;
	}
	fclose(f);
	return all == 0 ? -1 : (int)(100 * huge / all);
}

uint64_t
pages_available(void)
{
	return field_kb("/proc/meminfo", "MemAvailable:") << 10;
}
