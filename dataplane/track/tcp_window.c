/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_window.c: which sequence and acknowledgement numbers a TCP flow's next segment may have.
 *
 * The four bounds of G. van Rooij, "Real Stateful TCP Packet Filtering in IP Filter" (2000): one
 * who watches a path knows of each side the highest number sent and the highest number that the
 * other side's windows allowed. For a segment from S to R:
 *
 *   1  seq  <= S.end_max               no further than R's windows allowed
 *   2  end  >= S.end - R.window        no older than what R may still wait for
 *   3  ack  <= R.end                   acknowledges only what R sent
 *   4  ack  >= R.end - max(S.window, ACK_BACK_MIN)
 *
 * What breaks 1 or 3 nobody can have sent in good faith. What breaks 2 or 4 is old: it may be a
 * copy or have been overtaken, and its receiver answers it with an ACK (RFC 9293 3.10.7.4). */
#include "common/base/bytes.h"
#include "dataplane/track/tcp_priv.h"

/* Bound 4 is at least so wide: an ACK may be overtaken by a whole window without scaling. */
#define ACK_BACK_MIN     66000u
#define SACK_BLOCK_BYTES 8u

static enum tcp_kind
kind_of(uint8_t flags)
{
	if ((flags & TCP_FLAG_RST) != 0)
		return TCP_RST;
	if ((flags & TCP_FLAG_SYN) != 0)
		return (flags & TCP_FLAG_ACK) != 0 ? TCP_SYN_ACK : TCP_SYN;
	return (flags & TCP_FLAG_FIN) != 0 ? TCP_FIN : TCP_ACK;
}

/* The scale of windows that `side` offers. RFC 7323 2.2: both sides must have offered to scale. */
static unsigned
scale_of(const struct tcp_line *t, unsigned side)
{
	const unsigned scale[2] = { t->scales % 16u, t->scales / 16u };

	return scale[0] == TCP_SCALE_NONE || scale[1] == TCP_SCALE_NONE ? 0 : scale[side];
}

/* The highest right edge of the SACK blocks, or the acknowledgement where that is higher. */
static uint32_t
sack_edge(const struct track_step *step, uint32_t ack)
{
	const struct packet_tcp *tcp = &step->packet->more.tcp;
	const uint8_t *block = step->frame + tcp->sack_offset;

	for (unsigned i = 0; i < tcp->sack_blocks; i++, block += SACK_BLOCK_BYTES) {
		const uint32_t right = be32_load(block + 4);

		if (seq_after(right, ack))
			ack = right;
	}
	return ack;
}

static bool
has_option(const struct packet *p, enum tcp_option_known option)
{
	return (p->facts & PACKET_TCP_OPTIONS) != 0 && (p->more.tcp.known & option) != 0;
}

struct tcp_segment
tcp_segment_read(const struct tcp_line *t, const struct track_step *step)
{
	const struct packet *p = step->packet;
	const uint32_t payload_bytes = (uint32_t)p->l3_offset + p->l3_bytes - p->payload_offset;
	const bool syn = (p->tcp_flags & TCP_FLAG_SYN) != 0;
	struct tcp_segment s = {
		.seq = p->tcp_seq,
		.end = p->tcp_seq + payload_bytes + syn + ((p->tcp_flags & TCP_FLAG_FIN) != 0),
		.kind = kind_of(p->tcp_flags),
		.has_ack = (p->tcp_flags & TCP_FLAG_ACK) != 0,
		.from = step->reply,
	};

	/* RFC 7323 2.2: the window of a SYN is never scaled. */
	s.window = syn ? p->tcp_window : (uint32_t)p->tcp_window << scale_of(t, s.from);
	/* Without an acknowledgement it is as if all was acknowledged. */
	s.ack = s.has_ack ? p->tcp_ack : t->side[!s.from].end;
	s.sack = s.ack;
	if (s.has_ack && tcp_has(t, TCP_SACK, !s.from) && has_option(p, TCP_HAS_SACK))
		s.sack = sack_edge(step, s.ack);
	return s;
}

static void
scale_set(struct tcp_line *t, unsigned side, unsigned scale)
{
	const unsigned shift = side * TCP_SCALE_BITS;

	t->scales = (uint8_t)((t->scales & ~(TCP_SCALE_NONE << shift)) | scale << shift);
}

/* Begins to know a side: one that offered no window at all is known as well. */
static void
side_begin(struct tcp_line *t, unsigned side, uint32_t window)
{
	t->window[side] = tcp_window_code(window == 0 ? 1 : window);
	t->flags &= (uint8_t) ~((TCP_SACK | TCP_ACKED | TCP_ENDS) << side);
	scale_set(t, side, TCP_SCALE_NONE);
}

void
tcp_side_open(struct tcp_line *t, const struct tcp_segment *s, const struct packet *p)
{
	t->side[s->from] =
		(struct tcp_side){ .end = s->end, .end_max = s->end, .unacked = s->seq + 1 };
	side_begin(t, s->from, s->window);
	if (has_option(p, TCP_HAS_SCALE))
		scale_set(t, s->from, p->more.tcp.scale);
	if (has_option(p, TCP_HAS_SACK_PERMITTED))
		tcp_note(t, TCP_SACK, s->from);
}

void
tcp_side_pick_up(struct tcp_line *t, const struct tcp_segment *s)
{
	const uint32_t unacked =
		tcp_has(t, TCP_ACKED, !s->from) ? t->side[s->from].unacked : s->seq;

	t->side[s->from] = (struct tcp_side){ .end = s->end,
					      .end_max = s->end + s->window,
					      .unacked = unacked };
	side_begin(t, s->from, s->window);
	/* What it acknowledges, the other side has sent. */
	if (t->window[!s->from] == 0)
		t->side[!s->from] =
			(struct tcp_side){ .end = s->sack, .end_max = s->sack, .unacked = s->ack };
	t->flags |= TCP_LIBERAL | TCP_SACK | TCP_SACK << 1;
}

enum track_judgement
tcp_window_judge(const struct tcp_line *t, const struct tcp_segment *s)
{
	const struct tcp_side *from = &t->side[s->from], *to = &t->side[!s->from];
	const uint32_t from_window = tcp_window_value(t->window[s->from]);
	const uint32_t to_window = tcp_window_value(t->window[!s->from]);
	const uint32_t back = from_window > ACK_BACK_MIN ? from_window : ACK_BACK_MIN;

	/* Where a scale was not seen the windows are not known either. */
	if (seq_after(s->seq, from->end_max) || seq_after(s->sack, to->end))
		return tcp_has(t, TCP_LIBERAL, 0) ? TRACK_IGNORED : TRACK_REFUSED;
	if ((to_window != 0 && seq_before(s->end, from->end - to_window)) ||
	    seq_before(s->sack, to->end - back))
		return TRACK_IGNORED;
	return TRACK_BELONGS;
}

void
tcp_window_learn(struct tcp_line *t, const struct tcp_segment *s)
{
	struct tcp_side *from = &t->side[s->from], *to = &t->side[!s->from];
	const uint32_t to_window = tcp_window_value(t->window[!s->from]);
	/* A window counts from `ack`, what SACK acknowledges lies inside of it. */
	const uint32_t window = s->window + (s->sack - s->ack);

	if (tcp_window_value(t->window[s->from]) < window)
		t->window[s->from] = tcp_window_code(window);
	/* More than the window was sent: the window must have been larger than it seemed. */
	if (to_window != 0 && seq_after(s->end, from->end_max))
		t->window[!s->from] = tcp_window_code(to_window + (s->end - from->end_max));
	if (seq_after(s->end, from->end))
		from->end = s->end;
	if (s->has_ack && (!tcp_has(t, TCP_ACKED, s->from) || seq_after(s->ack, to->unacked))) {
		to->unacked = s->ack;
		tcp_note(t, TCP_ACKED, s->from);
	}
	/* A closed window may be probed by one byte (RFC 9293 3.8.6.1). */
	if (!seq_before(s->sack + s->window, to->end_max))
		to->end_max = s->sack + s->window + (s->window == 0);
}
