/* SPDX-License-Identifier: BSD-3-Clause */
/* eal.h: what EAL is told, and what the machine must have first. Served by eal.c, preflight.c.
 *
 * Nothing here calls EAL: it runs in unit tests. The control thread alone, before EAL starts. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "config/config.h"

#define EAL_ARGUMENTS_MAX (16 + 2 * (NICS_MAX + 1 + PORT_ENDS_MAX))
#define EAL_TEXT_BYTES    24576

/* values[] points into text[]: the struct stays where eal_arguments() filled it. */
struct eal_arguments {
	int count;
	char *values[EAL_ARGUMENTS_MAX + 1]; /* NULL after the last; rte_eal_init() reorders them */
	char device[NICS_MAX][64];           /* names by which DPDK knows the nics */
	char kernel_device[64];              /* "": no kernel port */
	char end_device[PORT_ENDS_MAX][64];  /* of ports' ends */
	bool hugepages;                      /* what CONFIG_MEMORY_AUTO came to */
	uint32_t text_used;
	char text[EAL_TEXT_BYTES];
};

/* Builds EAL's command line: the main lcore 0 floats over the processors `cpus` ("0-3"), worker i
 * is lcore i + 1 on its core (DPDK 22.11 EAL parameters). Only the devices of the configuration are
 * named, and no file outlives the process. `hugepages`: use them, as eal_preflight() found. 0, or
 * -ENOSPC.
 *
 * A nic by interface becomes an af_packet device; its ring's frames are sized for the nic's MTU. */
int eal_arguments(const struct config *config, const char *cpus, bool hugepages,
		  struct eal_arguments *out);

/* Adds one argument behind the others, for example "--log-level=debug": of two that contradict each
 * other EAL heeds the later. 0 or -ENOSPC. */
int eal_arguments_add(struct eal_arguments *arguments, const char *argument);

/* Packet buffers of the one pool: as many as the configuration orders, or as can be in use at once.
 */
uint32_t eal_buffers(const struct config *config);

/* MiB that buffers, queues and rings of this configuration need, of hugepages or of ordinary pages,
 * in which buffers take more; or what it orders. */
uint32_t eal_megabytes(const struct config *config, bool hugepages);

/* Looks below `root` ("" in the daemon) at /sys, /proc, /dev and DPDK's drivers for what the
 * configuration needs: memory, drivers, permissions. Writes one line per thing missing to `errors`,
 * with the command that mends it; lines with "note:" tell what works badly and fail nothing.
 * Returns 0 and sets *hugepages, or -ENODEV. */
int eal_preflight(const struct config *config, const char *root, FILE *errors, bool *hugepages);
