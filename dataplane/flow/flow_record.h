/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_record.h: what is told of a flow: a copy of its numbers at one moment, and why it ended.
 * Served by flow_record.c. */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "dataplane/flow/flow_entry.h"

/* Why a flow ended. */
enum flow_end {
	FLOW_LIVES,
	FLOW_END_FIN,      /* both sides closed it */
	FLOW_END_RST,      /* one side reset it */
	FLOW_END_TIMEOUT,  /* it idled for its time */
	FLOW_END_EVICTED,  /* it gave way to another one */
	FLOW_END_UNBOUND,  /* it idled, and the port it was steered to is gone */
	FLOW_END_SHUTDOWN, /* it lived when the workers stopped */
	FLOW_ENDS
};
extern const char *const flow_end_names[FLOW_ENDS];

struct flow_record {
	struct flow_key key;
	uint64_t packets[2], bytes[2]; /* [0]: original direction; IP bytes */
	uint32_t first_ms, last_ms;    /* of the workers' clock */
	port_ref port;                 /* of the near side (flow_near_side) */
	uint16_t link;                 /* or LINK_NONE */
	uint8_t tcp_flags[2];          /* all that packets of each direction carried */
	uint8_t state;                 /* the tracker's */
	uint8_t flags;                 /* enum flow_flag */
	uint8_t end;                   /* enum flow_end */
	uint8_t reserved;
	uint32_t history; /* flow_history_state() */
	uint32_t reserved2;
};
static_assert(sizeof(struct flow_record) == 104, "no holes");

/* Copies what is known of the flow at e/d; end is FLOW_LIVES. Each number is right at some moment
 * during the call. Reader. */
void
flow_record_read(const struct flow_entry *e, const struct flow_detail *d, struct flow_record *out);

/* Which end of the key sent the flow's first packet. */
static inline unsigned
flow_record_origin(const struct flow_record *r)
{
	return (r->flags & FLOW_ORIG_IS_1) != 0;
}
