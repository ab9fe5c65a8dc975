/* SPDX-License-Identifier: BSD-3-Clause */
/* eal_host.h: the machine as preflight.c sees it, so that tests can bring another; and what eal.c
 * and preflight.c share. */
#pragma once

#include "control/eal.h"

struct eal_interface {
	uint32_t mtu;
	bool up;
	bool merges; /* hands several received packets on as one (GRO, LRO) */
};

struct eal_host {
	const char *root; /* before every path */
	/* 0, or a negative errno. */
	int (*interface_read)(const char *name, struct eal_interface *out);
};

/* Frames of an af_packet ring; they lie back to back only if a block holds a whole number. */
struct eal_frames {
	uint32_t frame_bytes, block_bytes, count;
};

struct eal_frames eal_frames(const struct config_nic *nic);

/* What buffers and EAL itself need, whatever the configuration orders. */
uint32_t eal_megabytes_needed(const struct config *config, bool hugepages);

/* Buffers that queues and workers can hold at once. */
uint32_t eal_buffers_needed(const struct config *config);

int eal_preflight_on(const struct eal_host *host, const struct config *config, FILE *errors,
		     bool *hugepages);
