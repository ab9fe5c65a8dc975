/* SPDX-License-Identifier: BSD-3-Clause */
/* stages.h: what stands behind the parser, on capture time: the fragments' rule, the flow table and
 * the trackers, as a worker runs them, without bindings: whatever has a tuple has a flow. Served by
 * stages.c (packets) and stages_time.c (the clock, and the ends of flows).
 *
 * Everything follows from the capture alone: the table's secret is a constant, flows have numbers,
 * and those that end at the same time are told in the order of their numbers. One thread. */
#pragma once

#include "dataplane/replay/reading.h"
#include "dataplane/track/follow.h"

/* What became of a packet behind the parser. */
struct fate {
	enum drop_reason drop; /* DROP_NONE: it goes on */
	bool judged;           /* false: it ended before there was a verdict */
	enum track_verdict verdict;
	uint64_t flow; /* number of its flow, from 1; 0: none */
};

/* A flow that ended. record.end is FLOW_END_SHUTDOWN where the captures ended before the flow. */
struct ended_flow {
	struct flow_record record;
	uint64_t id;
	struct moment first, last; /* of its packets; invalid ones do not prolong it */
	struct moment now;         /* capture time, some time after the end */
};

struct stages_options {
	struct track_rules rules;
	uint32_t capacity; /* FLOW_CAPACITY_MIN..FLOW_CAPACITY_MAX flows at once */
	/* Called from within the functions below. */
	void (*decided)(void *context, void *packet, const struct fate *fate);
	void (*ended)(void *context, const struct ended_flow *flow);
	void *context;
};

struct stages;

/* 0, -EINVAL (capacity) or -ENOMEM. */
int stages_create(const struct stages_options *options, struct stages **out);
void stages_destroy(struct stages *s);
/* Bytes of memory that it takes. Pure. */
uint64_t stages_bytes(uint32_t capacity);

/* It is now `time`: what is due ends. A time before an earlier one changes nothing. */
void stages_clock(struct stages *s, const struct moment *time);

/* Takes a packet that the parser has accepted. `packet`, the caller's name for it, is given back
 * through decided() once: before the call ends, or, for a fragment that came before its datagram's
 * first one, in a later call. */
void stages_packet(struct stages *s, const struct reading *reading, void *packet);

/* The captures are over: decides what is undecided, and ends all flows. */
void stages_finish(struct stages *s);

/* Packets that belong to no flow because the table was full. */
uint64_t stages_refused(const struct stages *s);
