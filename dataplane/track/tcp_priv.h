/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_priv.h: what the TCP tracker knows of each side, and one segment. tcp.c, tcp_window.c. */
#pragma once

#include <stddef.h>

#include "common/base/seq.h"
#include "common/base/wire.h"
#include "dataplane/track/tracker.h"

/* What is known of one side as a sender. */
struct tcp_side {
	uint32_t end;     /* past the last sequence number it sent */
	uint32_t end_max; /* past the last that the other side's windows allowed so far */
	/* First number that the other side has not acknowledged; while that has not acknowledged
	 * anything (TCP_ACKED), the first one after this side's SYN. */
	uint32_t unacked;
};

/* Bits of tcp_line.flags. The first three are a pair each: shift left by the side. */
enum tcp_flag {
	TCP_SACK = 1u << 0,  /* the side's SYN permitted SACK */
	TCP_ACKED = 1u << 2, /* the side has acknowledged something */
	TCP_ENDS = 1u << 4,  /* the side sent a FIN, which is the last of its `end` */
	/* Flow's. A SYN was not seen, nor the scale of the windows. */
	TCP_LIBERAL = 1u << 6,
	TCP_BOTH_OPEN = 1u << 7, /* both sides sent a SYN first */
};

#define TCP_SCALE_BITS 4u
#define TCP_SCALE_NONE 15u /* its SYN offered none; a scale is 0..14 (RFC 7323 2.3) */

struct TRACK_LINE tcp_line {
	struct tcp_side side[2]; /* [0]: who sent the flow's first packet */
	uint8_t window[2]; /* largest window each offered, as tcp_window_code(); 0: none seen */
	uint8_t scales;    /* of side 0 low, of side 1 high; or TCP_SCALE_NONE */
	uint8_t flags;     /* enum tcp_flag */
	/* Past a SYN of side 0 that changed nothing, or 0. If the other side answers it, we were
	 * wrong about the flow. */
	uint32_t knock;
};
static_assert(sizeof(struct tcp_line) <= sizeof(struct track_line), "it fits");
static_assert(offsetof(struct tcp_line, knock) == offsetof(struct track_line, later),
	      "used when the flow is confirmed");

static inline bool
tcp_has(const struct tcp_line *t, enum tcp_flag flag, unsigned side)
{
	return (t->flags & (unsigned)flag << side) != 0;
}
static inline void
tcp_note(struct tcp_line *t, enum tcp_flag flag, unsigned side)
{
	t->flags |= (uint8_t)((unsigned)flag << side);
}
static inline bool
tcp_acked_both(const struct tcp_line *t)
{
	return tcp_has(t, TCP_ACKED, 0) && tcp_has(t, TCP_ACKED, 1);
}

/* A window in eight bits, rounded up by less than an eighth: three bits of it behind its highest
 * one, and an exponent. It bounds only what is old, which passes either way. */
static inline uint32_t
tcp_window_value(uint8_t code)
{
	return code < 8 ? code : (8u + code % 8) << (code / 8 - 1);
}
static inline uint8_t
tcp_window_code(uint32_t window)
{
	const uint32_t most = 1u << 31;
	const uint32_t size = window < most ? window : most;
	const unsigned shift = size < 16 ? 0 : 28u - (unsigned)__builtin_clz(size);

	return (uint8_t)(((size + (1u << shift) - 1) >> shift) + 8 * shift);
}

enum tcp_kind { TCP_SYN, TCP_SYN_ACK, TCP_ACK, TCP_FIN, TCP_RST };

struct tcp_segment {
	uint32_t seq, end; /* its sequence numbers, SYN and FIN counted */
	uint32_t ack;
	uint32_t sack;   /* right edge of what it acknowledges at all; ack without SACK */
	uint32_t window; /* scaled */
	enum tcp_kind kind;
	bool has_ack;
	unsigned from; /* which side sent it */
};

static inline bool
seq_after(uint32_t a, uint32_t b)
{
	return seq_before(b, a);
}

/* tcp_window.c */
/* Reads the packet of `step`. */
struct tcp_segment tcp_segment_read(const struct tcp_line *t, const struct track_step *step);
/* Starts the sender's side from its SYN, or SYN ACK. */
void tcp_side_open(struct tcp_line *t, const struct tcp_segment *s, const struct packet *p);
/* Starts the sender's side from any segment, when no SYN of it was seen. */
void tcp_side_pick_up(struct tcp_line *t, const struct tcp_segment *s);
/* Where a segment lies: TRACK_BELONGS inside the windows, TRACK_IGNORED before them, TRACK_REFUSED
 * beyond. */
enum track_judgement tcp_window_judge(const struct tcp_line *t, const struct tcp_segment *s);
/* Learns from a segment that lies inside. */
void tcp_window_learn(struct tcp_line *t, const struct tcp_segment *s);
