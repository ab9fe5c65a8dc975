/* SPDX-License-Identifier: BSD-3-Clause */
/* interim.h: what was told already of flows that last long, so that each record tells what came
 * since the one before (the active timeout of RFC 5470 5.1.1). Served by interim.c. One thread.
 *
 * Bounded: of more than 262144 long flows at once, the others are told at their end. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/dataplane.h"

struct interim;

/* One flow, or a part of it, to be told. */
struct interim_part {
	uint64_t packets[2], bytes[2]; /* [0]: original direction */
	uint32_t start_ms;             /* of the workers' clock */
};

/* 0, or -ENOMEM. */
int interim_create(uint32_t active_ms, struct interim **out);
void interim_destroy(struct interim *x);

/* A flow that lives, as it is at now_ms of the workers' clock. Returns whether a part of it is to
 * be told, and remembers that it was. */
bool interim_due(struct interim *x, uint16_t worker, const struct flow_record *r, uint32_t now_ms,
		 struct interim_part *part);
/* The rest of a flow that ended, which is forgotten. */
void interim_last(struct interim *x, uint16_t worker, const struct flow_record *r,
		  struct interim_part *part);
/* interim_due() has seen all flows once more: forgets what it has not seen for two passes, as the
 * news of its end was lost. */
void interim_pass(struct interim *x);
/* Flows of which a part was told. */
uint32_t interim_count(const struct interim *x);
