/* SPDX-License-Identifier: BSD-3-Clause */
/* sctp.c: tracker of SCTP: the states of RFC 9260 as seen from the middle, and verification tags.
 *
 *   none --INIT--> cookie_wait --COOKIE ECHO--> cookie_echoed --COOKIE ACK--> established
 *   none --HEARTBEAT--> heartbeat_sent --HEARTBEAT ACK--> established   (another path, 5.4)
 *   established --SHUTDOWN--> shutdown --SHUTDOWN ACK--> shutdown_ack --SHUTDOWN COMPLETE--> closed
 *   ABORT: closed
 *
 * Every packet carries the tag that its receiver chose (8.5): whoever does not see the path cannot
 * know it. What is out of the blue (8.4) makes no flow. */
#include "common/base/check.h"
#include "dataplane/track/tracker.h"

enum sctp_state {
	SCTP_NONE,
	SCTP_COOKIE_WAIT,
	SCTP_COOKIE_ECHOED,
	SCTP_ESTABLISHED,
	SCTP_SHUTDOWN_SENT,
	SCTP_SHUTDOWN_ACKED,
	SCTP_CLOSED,
	SCTP_HEARTBEAT_SENT,
	SCTP_STATES
};

static const struct tracker_state states[SCTP_STATES] = {
	[SCTP_NONE] = { "none", TIMER_SCTP_CLOSED },
	[SCTP_COOKIE_WAIT] = { "cookie_wait", TIMER_SCTP_OPENING },
	[SCTP_COOKIE_ECHOED] = { "cookie_echoed", TIMER_SCTP_OPENING },
	[SCTP_ESTABLISHED] = { "established", TIMER_SCTP_ESTABLISHED, .confirmed = true },
	[SCTP_SHUTDOWN_SENT] = { "shutdown", TIMER_SCTP_CLOSING, .confirmed = true },
	[SCTP_SHUTDOWN_ACKED] = { "shutdown_ack", TIMER_SCTP_CLOSING, .confirmed = true },
	[SCTP_CLOSED] = { "closed", TIMER_SCTP_CLOSED, true },
	[SCTP_HEARTBEAT_SENT] = { "heartbeat_sent", TIMER_SCTP_HEARTBEAT },
};

/* Tags by the direction of the packets that carry them; tag[d] was chosen by who receives them. 0:
 * not known. */
struct TRACK_LINE sctp_line {
	uint32_t tag[2];
	uint32_t tag_new[2]; /* of a handshake that is not finished */
};
static_assert(sizeof(struct sctp_line) <= sizeof(struct track_line), "it fits");

/* Chunk types (RFC 9260 3.2) as bits of packet.sctp_chunks. */
#define CHUNK(type)       (1u << (type))
#define INIT              CHUNK(1)
#define INIT_ACK          CHUNK(2)
#define HEARTBEAT         CHUNK(4)
#define HEARTBEAT_ACK     CHUNK(5)
#define ABORT             CHUNK(6)
#define SHUTDOWN          CHUNK(7)
#define SHUTDOWN_ACK      CHUNK(8)
#define ERROR             CHUNK(9)
#define COOKIE_ECHO       CHUNK(10)
#define COOKIE_ACK        CHUNK(11)
#define SHUTDOWN_COMPLETE CHUNK(14)

/* An INIT carries tag 0 and offers one (8.5.1 A). Until its handshake ends, a flow that is open
 * goes on as it is (5.2.2, 5.2.4): so a forged INIT does no harm. */
static enum track_judgement
init(struct sctp_line *l, uint8_t *state, const struct track_step *step)
{
	const struct packet *p = step->packet;

	if (p->sctp_tag != 0 || p->sctp_init_tag == 0 || p->sctp_chunks != INIT)
		return TRACK_REFUSED;
	if (*state == SCTP_CLOSED)
		return TRACK_ANEW;
	l->tag_new[!step->reply] = p->sctp_init_tag;
	if (*state != SCTP_NONE)
		return TRACK_IGNORED;
	*state = SCTP_COOKIE_WAIT;
	return TRACK_BELONGS;
}

/* Carries the tag of the INIT that it answers. */
static enum track_judgement
init_ack(struct sctp_line *l, uint8_t state, const struct track_step *step)
{
	const struct packet *p = step->packet;

	if (state == SCTP_NONE || l->tag_new[step->reply] == 0 ||
	    p->sctp_tag != l->tag_new[step->reply] || p->sctp_chunks != INIT_ACK)
		return TRACK_REFUSED;
	l->tag_new[!step->reply] = p->sctp_init_tag;
	return TRACK_BELONGS;
}

/* The cookie proves that its sender has seen the INIT ACK: the tags of both hold from here. */
static enum track_judgement
cookie_echo(struct sctp_line *l, uint8_t *state, const struct track_step *step)
{
	const uint32_t tag = step->packet->sctp_tag;

	if (*state == SCTP_NONE)
		return TRACK_REFUSED;
	if (tag != 0 && tag == l->tag_new[step->reply] && l->tag_new[!step->reply] != 0) {
		l->tag[0] = l->tag_new[0];
		l->tag[1] = l->tag_new[1];
		*state = SCTP_COOKIE_ECHOED;
		return TRACK_BELONGS;
	}
	return tag != 0 && tag == l->tag[step->reply] ? TRACK_IGNORED : TRACK_REFUSED;
}

/* 8.5.1 B, C: who has no association any more sends the tag back that it was sent. Of both tags one
 * is right; the other one, too, is known on the path only. */
static bool
tag_reflected(const struct sctp_line *l, const struct track_step *step)
{
	const uint32_t tag = step->packet->sctp_tag;

	return tag != 0 && (tag == l->tag[0] || tag == l->tag[1] ||
			    tag == l->tag_new[step->reply] || tag == l->tag_new[!step->reply]);
}

static enum track_judgement
abort_or_complete(const struct sctp_line *l, uint8_t *state, const struct track_step *step)
{
	if (*state == SCTP_NONE || !tag_reflected(l, step))
		return TRACK_REFUSED;
	*state = SCTP_CLOSED;
	return TRACK_BELONGS;
}

/* A path between other addresses of two associated hosts begins by a HEARTBEAT (5.4). */
static enum track_judgement
heartbeat(struct sctp_line *l, uint8_t *state, const struct track_step *step)
{
	const uint32_t tag = step->packet->sctp_tag;

	if (*state == SCTP_NONE) {
		if (tag == 0)
			return TRACK_REFUSED;
		l->tag[0] = tag;
		*state = SCTP_HEARTBEAT_SENT;
		return TRACK_BELONGS;
	}
	if (*state != SCTP_HEARTBEAT_SENT || !step->reply)
		return tag != 0 && tag == l->tag[step->reply] ? TRACK_BELONGS : TRACK_REFUSED;
	if (l->tag[1] == 0)
		l->tag[1] = tag;
	if (tag != l->tag[1])
		return TRACK_REFUSED;
	if ((step->packet->sctp_chunks & HEARTBEAT_ACK) != 0)
		*state = SCTP_ESTABLISHED;
	return TRACK_BELONGS;
}

/* All other chunks: the tag decides, and the state follows what ends an association (9.2). */
static enum track_judgement
other(const struct sctp_line *l, uint8_t *state, const struct track_step *step)
{
	const struct packet *p = step->packet;

	/* Before both tags hold nothing but the handshake may come, and reports about it. */
	if ((*state == SCTP_COOKIE_WAIT && (p->sctp_chunks & ERROR) == 0) || *state == SCTP_NONE)
		return TRACK_REFUSED;
	if (p->sctp_tag == 0 ||
	    (p->sctp_tag != l->tag[step->reply] &&
	     !(*state == SCTP_COOKIE_WAIT && p->sctp_tag == l->tag_new[step->reply])))
		return TRACK_REFUSED;
	if ((p->sctp_chunks & COOKIE_ACK) != 0 && *state == SCTP_COOKIE_ECHOED)
		*state = SCTP_ESTABLISHED;
	if ((p->sctp_chunks & SHUTDOWN) != 0 && *state == SCTP_ESTABLISHED)
		*state = SCTP_SHUTDOWN_SENT;
	if ((p->sctp_chunks & SHUTDOWN_ACK) != 0 &&
	    (*state == SCTP_SHUTDOWN_SENT || *state == SCTP_ESTABLISHED))
		*state = SCTP_SHUTDOWN_ACKED;
	return TRACK_BELONGS;
}

static enum track_judgement
sctp_packet(struct track_line *line, uint8_t *state, const struct track_step *step)
{
	struct sctp_line *l = (struct sctp_line *)line;
	const uint32_t chunks = step->packet->sctp_chunks;

	if ((chunks & INIT) != 0)
		return init(l, state, step);
	if ((chunks & INIT_ACK) != 0)
		return init_ack(l, *state, step);
	if ((chunks & (ABORT | SHUTDOWN_COMPLETE)) != 0)
		return abort_or_complete(l, state, step);
	if ((chunks & COOKIE_ECHO) != 0)
		return cookie_echo(l, state, step);
	if ((chunks & (HEARTBEAT | HEARTBEAT_ACK)) != 0 &&
	    (*state == SCTP_HEARTBEAT_SENT || (*state == SCTP_NONE && (chunks & HEARTBEAT) != 0)))
		return heartbeat(l, state, step);
	return other(l, state, step);
}

/* RFC 9260 10, ICMP 6 and 7: the quoted tag must be the one that its receiver chose; an INIT's is
 * 0. */
static bool
sctp_quoted(const struct track_line *line, uint8_t state, const struct track_step *step)
{
	const struct sctp_line *l = (const struct sctp_line *)line;
	const uint32_t tag = step->packet->sctp_tag;

	if (tag == 0)
		return state == SCTP_COOKIE_WAIT && step->reply;
	return tag == l->tag[!step->reply] || tag == l->tag_new[!step->reply];
}

const struct tracker tracker_sctp = {
	.name = "sctp",
	.states = states,
	.states_count = array_length(states),
	.timer = TIMER_SCTP_ESTABLISHED,
	.handshake = true,
	.packet = sctp_packet,
	.quoted = sctp_quoted,
};
