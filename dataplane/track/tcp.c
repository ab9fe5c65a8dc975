/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp.c: tracker of TCP: the states of RFC 9293 as one sees them from the middle of the path.
 *
 *   none --SYN--> syn_sent --SYN ACK--> syn_received --ACK--> established
 *                    | SYN of the other side                    | FIN
 *                    v                                          v
 *              simultaneous --SYN ACK, both--> established   fin_wait --its ACK--> close_wait
 *                                                               | FIN of the other    | the same
 *   RST, exact: closed                                          v                     v
 *   SYN in time_wait or closed: anew                         last_ack --both ACKs--> time_wait
 *
 * RFC 5961: a reset counts if its number is exact; a SYN in a flow that both sides hold to be open
 * counts for nothing. Either way the receiver asks back by a challenge ACK, so they pass. */
#include "common/base/check.h"
#include "dataplane/track/tcp_priv.h"

enum tcp_state {
	TCP_NONE,
	TCP_SYN_SENT,
	TCP_SIMULTANEOUS,
	TCP_SYN_RECEIVED,
	TCP_ESTABLISHED,
	TCP_FIN_WAIT,
	TCP_CLOSE_WAIT,
	TCP_LAST_ACK,
	TCP_TIME_WAIT,
	TCP_CLOSED,
	TCP_STATES
};

static const struct tracker_state states[TCP_STATES] = {
	[TCP_NONE] = { "none", TIMER_TCP_CLOSED },
	[TCP_SYN_SENT] = { "syn_sent", TIMER_TCP_OPENING },
	[TCP_SIMULTANEOUS] = { "simultaneous", TIMER_TCP_OPENING },
	[TCP_SYN_RECEIVED] = { "syn_received", TIMER_TCP_SYN_RECEIVED },
	[TCP_ESTABLISHED] = { "established", TIMER_TCP_ESTABLISHED, .confirmed = true },
	[TCP_FIN_WAIT] = { "fin_wait", TIMER_TCP_CLOSING, .confirmed = true },
	[TCP_CLOSE_WAIT] = { "close_wait", TIMER_TCP_CLOSE_WAIT, .confirmed = true },
	[TCP_LAST_ACK] = { "last_ack", TIMER_TCP_LAST_ACK, .confirmed = true },
	[TCP_TIME_WAIT] = { "time_wait", TIMER_TCP_TIME_WAIT, true, true },
	[TCP_CLOSED] = { "closed", TIMER_TCP_CLOSED, true },
};

/* Whether the segment acknowledges the SYN of the side that it goes to, and no more than was sent
 * (RFC 9293 3.10.7.3). */
static bool
acks_syn(const struct tcp_line *t, const struct tcp_segment *s)
{
	const struct tcp_side *to = &t->side[!s->from];

	return s->has_ack && !seq_before(s->ack, to->unacked) && !seq_after(s->ack, to->end);
}

/* Whether the FIN of `side` was sent, and acknowledged. */
static bool
fin_acked(const struct tcp_line *t, unsigned side)
{
	return tcp_has(t, TCP_ACKED, !side) &&
	       !seq_before(t->side[side].unacked, t->side[side].end);
}

/* The state of a flow that was open, by the FINs of both sides (RFC 9293 3.6). */
static uint8_t
closing_state(const struct tcp_line *t)
{
	const bool fin[2] = { tcp_has(t, TCP_ENDS, 0), tcp_has(t, TCP_ENDS, 1) };

	if (!fin[0] && !fin[1])
		return TCP_ESTABLISHED;
	if (fin[0] && fin[1])
		return fin_acked(t, 0) && fin_acked(t, 1) ? TCP_TIME_WAIT : TCP_LAST_ACK;
	return fin_acked(t, fin[1]) ? TCP_CLOSE_WAIT : TCP_FIN_WAIT;
}

/* Notes a SYN that changes nothing. If the other side answers it, then both have lost the flow that
 * we still hold, and we follow them. */
static enum track_judgement
knock(struct tcp_line *t, uint8_t state, const struct tcp_segment *s)
{
	if (s->from == 0 && states[state].confirmed)
		t->knock = s->end;
	return TRACK_IGNORED;
}

static enum track_judgement
syn(struct tcp_line *t, uint8_t *state, const struct tcp_segment *s, const struct packet *p)
{
	switch (*state) {
	case TCP_NONE:
		*state = TCP_SYN_SENT;
		break;
	case TCP_SYN_SENT:
		if (s->from != 0) {
			*state = TCP_SIMULTANEOUS;
			tcp_note(t, TCP_BOTH_OPEN, 0);
		}
		break;
	case TCP_SIMULTANEOUS:
		break;
	case TCP_TIME_WAIT:
	case TCP_CLOSED:
		return TRACK_ANEW;
	default:
		return knock(t, *state, s);
	}
	/* One that waits for its SYN's answer may begin with another number. */
	tcp_side_open(t, s, p);
	return TRACK_BELONGS;
}

/* Both sides have begun anew: what we knew is void. Of the SYN nothing but its number was kept. */
static void
follow_knock(struct tcp_line *t)
{
	const uint32_t end = t->knock;

	*t = (struct tcp_line){ .side[0] = { .end = end, .end_max = end, .unacked = end },
				.window[0] = tcp_window_code(UINT16_MAX),
				.scales = TCP_SCALE_NONE,
				.flags = TCP_LIBERAL | TCP_SACK };
}

static enum track_judgement
syn_ack(struct tcp_line *t, uint8_t *state, const struct tcp_segment *s, const struct packet *p)
{
	if (s->from == 1 && states[*state].confirmed && t->knock != 0 && s->ack == t->knock) {
		follow_knock(t);
		*state = TCP_SYN_SENT;
	}
	switch (*state) {
	case TCP_SYN_SENT:
		if (s->from == 0)
			return TRACK_REFUSED;
		break;
	case TCP_SIMULTANEOUS:
		break;
	case TCP_SYN_RECEIVED:
		if (s->from == 0 && !tcp_has(t, TCP_BOTH_OPEN, 0))
			return TRACK_REFUSED;
		break;
	case TCP_NONE:
		return TRACK_REFUSED;
	default:
		return s->from == 1 || tcp_has(t, TCP_BOTH_OPEN, 0) ? TRACK_IGNORED : TRACK_REFUSED;
	}
	if (!acks_syn(t, s))
		return TRACK_REFUSED;
	tcp_side_open(t, s, p);
	tcp_window_learn(t, s);
	*state = tcp_acked_both(t) ? TCP_ESTABLISHED : TCP_SYN_RECEIVED;
	return TRACK_BELONGS;
}

/* RFC 5961 3.2: exactly the number that the receiver waits for: what it acknowledged last, or, if
 * that was not heard yet, behind all that was sent. A reset that refuses a SYN proves itself by
 * what it acknowledges (RFC 9293 3.10.7.3). */
static bool
reset_exact(const struct tcp_line *t, uint8_t state, const struct tcp_segment *s)
{
	const struct tcp_side *from = &t->side[s->from];
	const bool next = t->window[s->from] != 0 && s->seq == from->end;

	if (state == TCP_SYN_SENT || state == TCP_SIMULTANEOUS)
		return next || (t->window[!s->from] != 0 && acks_syn(t, s));
	return next || (tcp_has(t, TCP_ACKED, !s->from) && s->seq == from->unacked);
}

static enum track_judgement
reset(struct tcp_line *t, uint8_t *state, const struct tcp_segment *s, bool replied)
{
	const struct tcp_side *from = &t->side[s->from];

	if (*state == TCP_NONE)
		return TRACK_REFUSED;
	if (*state == TCP_CLOSED)
		return TRACK_BELONGS;
	if (reset_exact(t, *state, s)) {
		if (states[*state].confirmed)
			t->knock = 0;
		*state = TCP_CLOSED;
		/* A flow that was only refused leaves nothing behind. */
		return replied ? TRACK_BELONGS : TRACK_ENDS;
	}
	if (t->window[s->from] == 0)
		return TRACK_REFUSED;
	if (tcp_has(t, TCP_ACKED, !s->from) && seq_before(s->seq, from->unacked))
		return TRACK_REFUSED;
	if (seq_after(s->seq, from->end_max) && !tcp_has(t, TCP_LIBERAL, 0))
		return TRACK_REFUSED;
	return TRACK_IGNORED;
}

/* A segment of a flow of which both SYNs were seen, or that was picked up. */
static enum track_judgement
segment_open(struct tcp_line *t, uint8_t *state, const struct tcp_segment *s)
{
	enum track_judgement judgement;

	if (t->window[s->from] == 0)
		tcp_side_pick_up(t, s);
	/* The last step of the handshake (RFC 9293 3.10.7.4, SYN-RECEIVED STATE). */
	if (*state == TCP_SYN_RECEIVED && s->from == 0 && !acks_syn(t, s))
		return TRACK_REFUSED;
	judgement = tcp_window_judge(t, s);
	if (judgement != TRACK_BELONGS)
		return judgement;
	tcp_window_learn(t, s);
	if (s->kind == TCP_FIN && s->end == t->side[s->from].end)
		tcp_note(t, TCP_ENDS, s->from);
	if (*state == TCP_CLOSED || (*state == TCP_SYN_RECEIVED && !tcp_acked_both(t)))
		return TRACK_BELONGS;
	*state = closing_state(t);
	return TRACK_BELONGS;
}

/* ACK or FIN, with data or without. */
static enum track_judgement
segment(struct tcp_line *t, uint8_t *state, const struct tcp_segment *s, bool loose)
{
	switch (*state) {
	case TCP_NONE:
		if (!loose || s->kind != TCP_ACK)
			return TRACK_REFUSED;
		tcp_side_pick_up(t, s);
		tcp_window_learn(t, s);
		*state = TCP_ESTABLISHED;
		return TRACK_BELONGS;
	case TCP_SYN_SENT:
	case TCP_SIMULTANEOUS:
		/* RFC 9293 3.5.1: the other side may still hold the flow's last life; it answers a
		 * SYN by an ACK, and this side resets it. */
		return s->kind == TCP_ACK && s->from == 1 ? TRACK_IGNORED : TRACK_REFUSED;
	default:
		return segment_open(t, state, s);
	}
}

static enum track_judgement
tcp_packet(struct track_line *line, uint8_t *state, const struct track_step *step)
{
	struct tcp_line *t = (struct tcp_line *)line;
	const struct tcp_segment s = tcp_segment_read(t, step);

	/* A fragment does not tell how long the segment is: from here on the numbers are a guess.
	 */
	if ((step->packet->facts & PACKET_FRAGMENT) != 0 && *state != TCP_NONE)
		tcp_note(t, TCP_LIBERAL, 0);
	switch (s.kind) {
	case TCP_SYN:
		return syn(t, state, &s, step->packet);
	case TCP_SYN_ACK:
		return syn_ack(t, state, &s, step->packet);
	case TCP_RST:
		return reset(t, state, &s, step->replied);
	default:
		return segment(t, state, &s, step->loose);
	}
}

/* RFC 5927 4.1: the quoted segment's number lies between what was acknowledged and what was sent. A
 * bare ACK has the number that comes next. */
static bool
tcp_quoted(const struct track_line *line, uint8_t state, const struct track_step *step)
{
	const struct tcp_line *t = (const struct tcp_line *)line;
	const struct tcp_side *from = &t->side[!step->reply];
	const uint32_t seq = step->packet->tcp_seq;
	/* A SYN that was not acknowledged may be quoted too. */
	const uint32_t unacked = from->unacked - !tcp_has(t, TCP_ACKED, step->reply);

	return state != TCP_CLOSED && t->window[!step->reply] != 0 && !seq_before(seq, unacked) &&
	       !seq_after(seq, from->end);
}

const struct tracker tracker_tcp = {
	.name = "tcp",
	.states = states,
	.states_count = array_length(states),
	.timer = TIMER_TCP_ESTABLISHED,
	.handshake = true,
	.packet = tcp_packet,
	.quoted = tcp_quoted,
};
