/* SPDX-License-Identifier: BSD-3-Clause */
/* talk_tcp.c: two endpoints of TCP that lose packets, and somebody who sends wrong ones. */
#include <string.h>

#include "common/base/address.h"
#include "common/base/wire.h"
#include "tests/e2e/track_linux/talk.h"

#define F          TCP_FLAG_FIN
#define S          TCP_FLAG_SYN
#define R          TCP_FLAG_RST
#define P          TCP_FLAG_PSH
#define A          TCP_FLAG_ACK

#define DATA_MAX   400u
#define WINDOW_MIN 2000u

struct tcp_out {
	unsigned from;
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t window, data;
	bool sack;
	uint32_t sack_left, sack_right;
};

void
talk_tcp_begin(struct talk *t, struct random *r)
{
	/* Some flows are well under way when they are first seen. */
	const bool middle = random_one_in(r, 10);

	t->simultaneous = random_one_in(r, 15);
	for (unsigned s = 0; s < 2; s++) {
		struct talk_tcp_side *side = &t->tcp[s];

		*side = (struct talk_tcp_side){
			/* Near the wrap, often. */
			.iss = random_one_in(r, 3) ? UINT32_MAX - random_below(r, 2000)
						   : (uint32_t)random_u64(r),
			.window = (uint16_t)(WINDOW_MIN + random_below(r, 60000)),
			.scales = !random_one_in(r, 4),
			.sacks = !random_one_in(r, 4),
			.scale = (uint8_t)random_below(r, 8),
		};
		side->next = side->unacked = side->iss;
	}
	for (unsigned s = 0; middle && s < 2; s++) {
		struct talk_tcp_side *side = &t->tcp[s];

		side->next = side->unacked = side->iss + 1 + random_below(r, 100000);
		side->sent_syn = side->heard_syn = side->open = true;
	}
	for (unsigned s = 0; middle && s < 2; s++)
		t->tcp[s].expected = t->tcp[!s].next;
}

static unsigned
options_write(const struct talk *t, const struct tcp_out *o, uint8_t *at)
{
	const struct talk_tcp_side *side = &t->tcp[o->from];
	uint8_t *const start = at;

	if ((o->flags & S) != 0 && side->scales) {
		memcpy(at, (uint8_t[]){ 1, 3, 3, side->scale }, 4);
		at += 4;
	}
	if ((o->flags & S) != 0 && side->sacks) {
		memcpy(at, (uint8_t[]){ 1, 1, 4, 2 }, 4);
		at += 4;
	}
	if (o->sack) {
		memcpy(at, (uint8_t[]){ 1, 1, 5, 10 }, 4);
		be32_store(at + 4, o->sack_left);
		be32_store(at + 8, o->sack_right);
		at += 12;
	}
	return (unsigned)(at - start);
}

static void
segment_write(const struct talk *t, const struct tcp_out *o, struct talk_packet *out)
{
	uint8_t options[40] = { 0 };
	const unsigned options_bytes = options_write(t, o, options);
	const uint16_t bytes = (uint16_t)(TCP_BYTES + options_bytes + o->data);
	uint8_t *tcp = talk_ip(t, o->from, bytes, out);

	memset(tcp, 0, bytes);
	be16_store(tcp, t->port[o->from]);
	be16_store(tcp + 2, t->port[!o->from]);
	be32_store(tcp + 4, o->seq);
	be32_store(tcp + 8, o->ack);
	tcp[12] = (uint8_t)((TCP_BYTES + options_bytes) / 4 << 4);
	tcp[13] = o->flags;
	be16_store(tcp + 14, o->window);
	memcpy(tcp + TCP_BYTES, options, options_bytes);
}

/* What side `from` sends of its own accord. */
static struct tcp_out
segment_honest(struct talk *t, unsigned from, struct random *r)
{
	struct talk_tcp_side *me = &t->tcp[from];
	const struct talk_tcp_side *peer = &t->tcp[!from];
	struct tcp_out o = { .from = from, .window = me->window, .ack = me->expected };
	const uint32_t room = (uint32_t)peer->window
			      << (me->scales && peer->scales ? peer->scale : 0);

	if (!me->open && !(me->heard_syn && me->sent_syn && me->unacked == me->iss + 1)) {
		o.seq = me->iss;
		o.flags = me->heard_syn ? S | A : S;
		me->sent_syn = true;
		me->next = me->iss + 1;
		return o;
	}
	me->open = true;
	o.flags = A;
	o.seq = me->next;
	if (me->ahead != me->ahead_end && me->sacks && peer->sacks) {
		o.sack = true;
		o.sack_left = me->ahead;
		o.sack_right = me->ahead_end;
	}
	if (random_one_in(r, 3) || me->sent_fin) {
		/* Bare, a keepalive, or what was not acknowledged once more. */
		if (random_one_in(r, 10) && !me->sent_fin)
			o.seq = me->next - 1;
		else if (random_one_in(r, 4))
			o.seq = me->unacked;
		else if (me->sent_fin && random_one_in(r, 3)) {
			o.seq = me->next - 1;
			o.flags = F | A;
		}
		return o;
	}
	o.data = (uint16_t)random_below(r, DATA_MAX);
	if (me->next - me->unacked + o.data > room)
		o.data = 0;
	if (random_one_in(r, 12))
		o.flags |= F;
	me->sent_fin = (o.flags & F) != 0;
	me->next += o.data + me->sent_fin;
	return o;
}

/* What the receiver makes of an honest segment. */
static void
segment_arrive(struct talk *t, const struct tcp_out *o)
{
	struct talk_tcp_side *me = &t->tcp[!o->from];
	const struct talk_tcp_side *peer = &t->tcp[o->from];
	const uint32_t end = o->seq + o->data + ((o->flags & (S | F)) != 0);

	if ((o->flags & S) != 0 && !me->heard_syn) {
		me->heard_syn = true;
		me->expected = peer->iss + 1;
	} else if (me->heard_syn && o->seq == me->expected) {
		me->expected = end;
		if (me->ahead != me->ahead_end && (int32_t)(me->ahead - me->expected) <= 0) {
			if ((int32_t)(me->ahead_end - me->expected) > 0)
				me->expected = me->ahead_end;
			me->ahead = me->ahead_end;
		}
		me->heard_fin |= (o->flags & F) != 0;
	} else if (me->heard_syn && o->data > 0 && (int32_t)(o->seq - me->expected) > 0 &&
		   me->ahead == me->ahead_end) {
		me->ahead = o->seq;
		me->ahead_end = o->seq + o->data;
	}
	if ((o->flags & A) != 0 && (int32_t)(o->ack - me->unacked) > 0 &&
	    (int32_t)(o->ack - me->next) <= 0)
		me->unacked = o->ack;
	if (me->heard_fin && me->sent_fin && me->unacked == me->next)
		me->closed = true;
}

/* A number that is a little or very wrong. */
static uint32_t
number_wrong(uint32_t right, struct random *r)
{
	switch (random_below(r, 6)) {
	case 0:
		return right + 1 + random_below(r, 10);
	case 1:
		return right - 1 - random_below(r, 10);
	case 2:
		return right + random_below(r, 70000);
	case 3:
		return right - random_below(r, 70000);
	case 4:
		return right + (1u << 20);
	default:
		return (uint32_t)random_u64(r);
	}
}

/* Somebody else's segment, or one of a broken end. */
static struct tcp_out
segment_wrong(const struct talk *t, unsigned from, struct random *r)
{
	static const uint8_t flags[] = { R, R, R | A, R | A, S, S, S | A, A, A | P, F | A };
	const struct talk_tcp_side *me = &t->tcp[from];
	struct tcp_out o = { .from = from,
			     .flags = flags[random_below(r, sizeof(flags))],
			     .seq = me->next,
			     .ack = me->expected,
			     .window = me->window };

	if (!random_one_in(r, 4))
		o.seq = number_wrong(me->next, r);
	if (random_one_in(r, 3))
		o.ack = number_wrong(me->expected, r);
	if ((o.flags & A) == 0)
		o.ack = 0;
	if ((o.flags & (S | R)) == 0)
		o.data = (uint16_t)random_below(r, DATA_MAX);
	if (random_one_in(r, 10))
		o.window = random_one_in(r, 2) ? 0 : (uint16_t)random_u64(r);
	return o;
}

void
talk_tcp_next(struct talk *t, struct random *r, struct talk_packet *out)
{
	unsigned from = random_one_in(r, 2);
	struct tcp_out o;

	if (!t->tcp[1].heard_syn && !t->tcp[1].sent_syn && !(t->simultaneous && t->packets > 0))
		from = 0;
	if (random_one_in(r, t->packets == 0 ? 20 : 12)) {
		o = segment_wrong(t, from, r);
	} else {
		if (random_one_in(r, 60)) {
			/* A reset of its own: after it there is nothing left of this side. */
			o = (struct tcp_out){ .from = from,
					      .flags = R | A,
					      .seq = t->tcp[from].next,
					      .ack = t->tcp[from].expected };
			t->over = true;
		} else {
			o = segment_honest(t, from, r);
		}
		if (!random_one_in(r, 12))
			segment_arrive(t, &o);
	}
	segment_write(t, &o, out);
	if (t->tcp[0].closed && t->tcp[1].closed && random_one_in(r, 3))
		t->over = true;
}
