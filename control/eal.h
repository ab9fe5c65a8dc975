/* SPDX-License-Identifier: BSD-3-Clause */
/* eal.h: what EAL is told, and what the machine must have first. Served by eal.c, preflight.c.
 *
 * Nothing here calls EAL: it runs in unit tests. The control thread alone, before EAL starts. */
#pragma once

#include <stdio.h>

#include "config/config.h"

#define EAL_ARGUMENTS_MAX (16 + 2 * (NICS_MAX + 1))

struct eal_arguments {
	int count;
	char *values[EAL_ARGUMENTS_MAX + 1]; /* point into text[]; NULL after the last */
	char device[NICS_MAX][64];           /* names by which DPDK knows the nics */
	char kernel_device[64];              /* "": no kernel port */
	bool hugepages;                      /* what CONFIG_MEMORY_AUTO came to */
	char text[EAL_ARGUMENTS_MAX][CONFIG_TEXT_BYTES + 64];
};

/* Builds EAL's command line: the main lcore 0 floats over the processors `cpus` ("0-3"), worker i
 * is lcore i + 1 on its core (DPDK 22.11 EAL parameters). `hugepages`: use them, as eal_preflight()
 * found. 0, or -ENOSPC. */
int eal_arguments(const struct config *config, const char *cpus, bool hugepages,
		  struct eal_arguments *out);

/* MiB that buffers, queues and rings of this configuration need, of hugepages or of ordinary pages,
 * in which buffers take more. */
uint32_t eal_megabytes(const struct config *config, bool hugepages);

/* Looks below `root` ("" in the daemon) at /sys and /proc for what the configuration needs: memory,
 * drivers, permissions. Writes one line per thing missing to `errors`, with the command that mends
 * it. Returns 0 and sets *hugepages, or -ENODEV. */
int eal_preflight(const struct config *config, const char *root, FILE *errors, bool *hugepages);
