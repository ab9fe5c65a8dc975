/* SPDX-License-Identifier: BSD-3-Clause */
/* pages.h: memory in 2 MiB pages, the same for all contenders. Served by pages.c. C++ reads it as
 * well. */
#pragma once

#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

#define PAGE_BYTES (2ull << 20)

/* `bytes` (any number), rounded up to whole pages: aligned to one, zeroed, present, advised to be
 * huge pages. Ends the process when there is no memory. */
void *pages_map(uint64_t bytes);
/* Gives back what pages_map() returned. NULL: nothing. */
void pages_unmap(void *memory);

/* Per cent of this process's anonymous memory, small mappings left out, that now lies in huge
 * pages; -1 where the system does not tell. */
int pages_huge_percent(void);
/* Bytes that can be had without pushing others out. */
uint64_t pages_available(void);

#ifdef __cplusplus
}
#endif
