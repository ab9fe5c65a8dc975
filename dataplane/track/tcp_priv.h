/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_priv.h: what the TCP tracker knows of each side, and one segment. tcp.c, tcp_window.c. */
#pragma once

#include "common/base/seq.h"
#include "common/base/wire.h"
#include "dataplane/track/tracker.h"

enum tcp_side_flag {
	TCP_SIDE_SCALE = 1u << 0,   /* its SYN offered window scaling */
	TCP_SIDE_SACK = 1u << 1,    /* its SYN permitted SACK */
	TCP_SIDE_ACKED = 1u << 2,   /* ack_max is known */
	TCP_SIDE_FIN = 1u << 3,     /* it sent a FIN, which is the last of `end` */
	TCP_SIDE_LIBERAL = 1u << 4, /* its SYN was not seen, nor its window's scale */
};

/* What is known of one side as a sender. */
struct tcp_side {
	uint32_t end;        /* past the last sequence number it sent */
	uint32_t end_max;    /* past the last that the other side's windows allowed so far */
	uint32_t ack_max;    /* highest acknowledgement it sent */
	uint32_t window_max; /* largest window it offered, scaled; 0: nothing seen of this side */
	uint32_t first;      /* first sequence number after its SYN */
	uint8_t scale;
	uint8_t flags; /* enum tcp_side_flag */
	uint16_t reserved;
};

/* A SYN that changed nothing: if the other side answers it, we were wrong about the flow. */
struct tcp_knock {
	uint32_t end;
	uint16_t window;
	uint8_t scale;
	uint8_t flags; /* enum tcp_side_flag */
};

struct TRACK_LINE tcp_line {
	struct tcp_side side[2]; /* [0]: who sent the flow's first packet */
	struct tcp_knock knock;  /* of side 0; end 0: none */
	uint8_t simultaneous;    /* both sides sent a SYN first */
};
static_assert(sizeof(struct tcp_line) <= sizeof(struct track_line), "one line");

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
