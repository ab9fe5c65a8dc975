/* SPDX-License-Identifier: BSD-3-Clause */
/* far_ends.h: the far ends of a worker's flows, each kept once however many flows have it. Served
 * by far_ends.c.
 *
 * A far end is either the Ethernet address that packets of the flow came from, or another port here
 * with its binding. A flow keeps its name, two bytes instead of eight. The worker alone uses this.
 *
 * E1  A name stands for one value as long as a flow has it: `flows` counts them. */
#pragma once

#include <stdint.h>

#define FAR_ENDS 16384u
#define FAR_NONE 0u /* no far end, or none that there was room for */

struct far_end {
	uint64_t value; /* 0: free */
	uint32_t flows;
	uint16_t next; /* of the same chain, or the next free one */
	uint16_t reserved;
};

struct far_ends {
	uint64_t factor; /* odd and secret: nobody outside can choose values of one chain */
	uint16_t heads[FAR_ENDS];
	struct far_end ends[FAR_ENDS]; /* by name; [0] stands for FAR_NONE */
	uint16_t free;
	uint16_t free_count;
};

void far_ends_init(struct far_ends *f, uint64_t secret);

/* The name of `value` (not 0) for one more flow, or FAR_NONE: it is not there, and of the free
 * names no more than `spare` are left. */
uint16_t far_ends_take(struct far_ends *f, uint64_t value, uint16_t spare);
/* One flow less has `name`; FAR_NONE: nothing. */
void far_ends_leave(struct far_ends *f, uint16_t name);

/* 0 for FAR_NONE. */
static inline uint64_t
far_ends_value(const struct far_ends *f, uint16_t name)
{
	return f->ends[name].value;
}
