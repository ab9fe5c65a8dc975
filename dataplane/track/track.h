/* SPDX-License-Identifier: BSD-3-Clause */
/* track.h: runs the tracker of a packet's protocol over its flow. Served by track.c and timers.c;
 * the trackers themselves: tracker.h. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/timers.h"
#include "dataplane/flow/flow.h"
#include "dataplane/track/tracker.h"

enum track_mode {
	TRACK_LOOSE,  /* flows may be picked up in their middle; nothing is dropped */
	TRACK_STRICT, /* what belongs to no flow is refused */
	TRACK_OFF,    /* no state */
};

/* What a packet is to its flow: Linux's words (`ct state`). */
enum track_verdict {
	TRACK_UNTRACKED,   /* mode off */
	TRACK_NEW,         /* the flow was seen in one direction only */
	TRACK_ESTABLISHED, /* in both */
	TRACK_RELATED,     /* an ICMP error about a packet of the flow */
	TRACK_INVALID,     /* it fits neither the flow nor the beginning of one */
	TRACK_VERDICTS
};
extern const char *const track_verdict_names[TRACK_VERDICTS];

/* State of a flow with TRACK_OFF, beyond those of all trackers. */
#define TRACK_STATE_OFF TRACK_STATES_MAX

/* Idle times in milliseconds, each below 2^31. */
struct track_timeouts {
	uint32_t ms[TIMER_COUNT];
};

/* Fills *out from `profile` and from `configured_s`, in seconds, 0: not configured. A timer without
 * a configured time takes that of its wider one. */
void track_timeouts_fill(struct track_timeouts *out, enum timer_profile profile,
			 const uint32_t configured_s[TIMER_COUNT]);

/* The tracker of an IP protocol; never NULL. Pure. */
const struct tracker *tracker_of(uint8_t proto);
/* Name of a state of a flow of that protocol; "" for what is no state. Pure. */
const char *track_state_name(uint8_t proto, unsigned state);
/* The states that a flow went through, oldest first, with ">" between them; "..." stands before the
 * last FLOW_HISTORY_STATES where there may have been more. Pure. */
#define TRACK_HISTORY_BYTES 160
const char *track_history(uint8_t proto, uint32_t history, char text[TRACK_HISTORY_BYTES]);
/* How long a flow of `proto` may idle in `state`. Pure. */
uint32_t track_timeout_ms(const struct track_timeouts *timeouts, uint8_t proto, unsigned state);

/* A flow, as its caller keeps it. A new one is zero but for line and mode. */
struct track_flow {
	struct track_line *line;
	uint8_t mode;   /* enum track_mode */
	uint8_t state;  /* 0: no packet belonged to it yet */
	uint8_t origin; /* direction (of the key) of its first packet; set when state is 0 */
	bool replied;   /* packets of both directions belonged to it */
};

/* Judges one packet and brings *f up to date: state, and with a first packet origin and replied.
 * `frame` is what the packet's offsets count from; `direction` is that of its key. An ICMP error is
 * judged by the flow that it quotes, and changes nothing. The flow's worker. */
enum track_verdict track_judge(struct track_flow *f, const struct packet *p, const uint8_t *frame,
			       unsigned direction, uint32_t now_ms);

/* The flags of a new flow's entry that keep how it is tracked. Pure. */
static inline unsigned
track_mode_flags(enum track_mode mode)
{
	return (unsigned)mode * FLOW_MODE_0;
}

/* What a packet did to its flow. */
enum track_event {
	TRACK_STATE = 1u << 0,   /* the state is another one, and with it the idle time */
	TRACK_REFRESH = 1u << 1, /* the first one of its direction, or after a second's pause, or
				    one of many: a time for what need not be done for each */
};

/* Judges one packet (no ICMP error) of the flow at e/d and accounts it: last seen, packets, bytes,
 * flags, state. What is invalid is counted but does not prolong the flow. Returns a set of enum
 * track_event, and the verdict in *verdict. Worker. */
unsigned track_packet(struct flow_entry *e, struct flow_detail *d, const struct packet *p,
		      const uint8_t *frame, unsigned direction, uint32_t now_ms,
		      enum track_verdict *verdict);

/* Whether a flow of `proto` in `state` was closed by its protocol and waits only for what comes
 * late. Pure. */
bool track_closed(uint8_t proto, unsigned state);

/* Whether a flow of `proto` in `state` is confirmed (tracker.h); one without tracking is. Pure. */
bool track_confirmed(uint8_t proto, unsigned state);

/* Whether the ICMP error `p` quotes what may be in flight in the flow at e: TRACK_RELATED or
 * TRACK_INVALID; TRACK_UNTRACKED with mode off. Worker. */
enum track_verdict track_error(const struct flow_entry *e, struct flow_detail *d,
			       const struct packet *p, unsigned direction);
