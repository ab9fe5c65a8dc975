/* SPDX-License-Identifier: BSD-3-Clause */
/* tracker.h: what a protocol's tracker is: one struct of operations, in one file per protocol.
 *
 * A tracker sees one packet of one flow at a time, on the worker that owns the flow, and decides by
 * the packet, the flow's state and the flow's line. It keeps nothing else, calls nobody, and never
 * fails. docs/tracking.md shows how to write one. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "common/base/timers.h"
#include "dataplane/parse/parse.h"

/* What a tracker remembers of one flow besides its state; it lies in the flow's detail. All zero
 * when the flow begins. Its worker alone reads and writes it. */
#define TRACK_LINE_BYTES 32u
struct track_line {
	uint32_t words[TRACK_LINE_BYTES / sizeof(uint32_t) - 1];
	/* The tracker's while the flow is confirmed, and 0 when it becomes so; a tracker that says
	 * it no longer is leaves 0 there. Else its worker's. */
	uint32_t later;
};
/* Goes behind the type by which a tracker looks at the line: `struct TRACK_LINE name { ... };` */
#define TRACK_LINE __attribute__((may_alias))

/* One packet, as a tracker sees it. */
struct track_step {
	const struct packet *packet;
	const uint8_t *frame; /* what the packet's offsets count from */
	uint32_t now_ms;
	bool reply;   /* it runs against the flow's first packet */
	bool replied; /* so did an earlier one that belonged to the flow */
	bool loose;   /* a flow may be picked up in its middle */
};

/* What a tracker says of a packet. */
enum track_judgement {
	TRACK_BELONGS, /* it is part of the flow; state and line are up to date */
	TRACK_IGNORED, /* it may be part of the flow (an old one come late, one that asks for a
			  challenge): let it pass, nothing has changed */
	TRACK_REFUSED, /* it can be no part of the flow; nothing has changed */
	TRACK_ANEW,    /* it begins another flow between the same ends: asked again with state 0,
			  an empty line, and the packet as the first */
	TRACK_ENDS,    /* it belongs, and nothing is left of the flow: the next one is a first */
};

/* States are 0 .. TRACK_STATES_MAX-1. 0: no packet has belonged to the flow yet. */
#define TRACK_STATES_MAX 15u

struct tracker_state {
	const char *name;
	uint8_t timer; /* enum timer: how long a flow may idle in it */
	bool closed;   /* the protocol ended the flow: it waits only for what comes late */
	/* Both sides have shown that they want the flow, or its protocol has no way to; what is
	 * neither closed nor confirmed is half-open. */
	bool confirmed;
};

struct tracker {
	const char *name;
	const struct tracker_state *states; /* states[0] is that of a flow without packets */
	uint8_t states_count;
	uint8_t timer;  /* enum timer, of flows that are not tracked */
	bool handshake; /* its flows are confirmed by a handshake, or never used */
	/* Judges one packet. May change *state and *line only with TRACK_BELONGS or TRACK_ENDS,
	 * except for notes in the line that judge later packets. */
	enum track_judgement (*packet)(struct track_line *line, uint8_t *state,
				       const struct track_step *step);
	/* Whether step->packet, an ICMP error, quotes what may be in flight (RFC 5927 4). The
	 * quoted packet ran against step->reply. State 0 is never asked. An error changes
	 * nothing, ever: the line is constant. */
	bool (*quoted)(const struct track_line *line, uint8_t state, const struct track_step *step);
};

extern const struct tracker tracker_tcp, tracker_udp, tracker_sctp, tracker_icmp, tracker_other;
