/* SPDX-License-Identifier: BSD-3-Clause */
/* classes.c: rules by which a difference to Linux is explained: on the situation, never a list. */
#include "tests/e2e/track_linux/classes.h"

#include <string.h>

#include "common/base/identity.h"
#include "dataplane/track/tcp_priv.h"

const char *const class_what[CLASS_COUNT] = {
#define X(NAME, what, source) [CLASS_##NAME] = what,
	CLASS_LIST(X)
#undef X
};
const char *const class_source[CLASS_COUNT] = {
#define X(NAME, what, source) [CLASS_##NAME] = source,
	CLASS_LIST(X)
#undef X
};

#define BIT(NAME) (1u << CLASS_##NAME)

static bool
in(const struct comparison *c, const char *states)
{
	const char *state = track_state_name(c->packet->key.proto, c->before.flow.state);

	return strstr(states, state) != NULL;
}

static const struct tcp_line *
tcp_before(const struct comparison *c)
{
	return (const struct tcp_line *)&c->before.line;
}

static uint32_t
syn_classes(const struct comparison *c)
{
	if (in(c, "syn_sent simultaneous"))
		return c->direction == c->before.flow.origin ? BIT(SYN_OTHER) : BIT(SIMULTANEOUS);
	if (in(c, "closed time_wait"))
		return BIT(SYN_ANEW);
	return c->before.flow.state == 0 ? 0 : BIT(SYN_OPEN);
}

static uint32_t
tcp_classes(const struct comparison *c)
{
	const struct tcp_line *t = tcp_before(c);
	const struct track_step step = { .packet = c->packet,
					 .frame = c->sent->bytes,
					 .reply = c->direction != c->before.flow.origin };
	const struct tcp_segment s = tcp_segment_read(t, &step);
	uint32_t classes = tcp_has(t, TCP_BOTH_OPEN, 0) ? BIT(SIMULTANEOUS) : 0;

	if (tcp_has(t, TCP_LIBERAL, 0))
		classes |= BIT(PICKED_UP);
	switch (s.kind) {
	case TCP_SYN:
		return classes | syn_classes(c);
	case TCP_RST:
		if (c->before.flow.state != c->after.flow.state)
			return classes | (s.has_ack ? BIT(RESET_ACK) : 0);
		return classes |
		       (in(c, "syn_sent simultaneous") ? BIT(RESET_SYN) : BIT(RESET_INEXACT));
	case TCP_SYN_ACK:
		if (c->ours == TRACK_INVALID)
			classes |= BIT(SYN_ACK_WRONG);
		else if (in(c, "syn_received") && s.end != t->side[s.from].end)
			classes |= BIT(SYN_OTHER);
		return classes;
	default:
		if (c->ours == TRACK_INVALID && in(c, "syn_received"))
			classes |= BIT(HANDSHAKE_ACK);
		else if (c->ours == TRACK_INVALID && seq_after(s.seq, t->side[s.from].end_max))
			classes |= BIT(BEYOND_WINDOW);
		if (in(c, "fin_wait close_wait last_ack"))
			classes |= BIT(FIN_ACKED);
		return classes;
	}
}

static uint32_t
sctp_classes(const struct comparison *c)
{
	const uint32_t *tags = c->before.line.words; /* struct sctp_line, sctp.c */
	const bool reply = c->direction != c->before.flow.origin;

	if (c->packet->sctp_chunks == 1u << 1) {
		if (in(c, "closed"))
			return BIT(SCTP_ANEW);
		return c->before.flow.state == 0 ? 0 : BIT(SCTP_RESTART);
	}
	return c->ours == TRACK_INVALID && c->packet->sctp_tag != tags[reply] ? BIT(SCTP_TAG) : 0;
}

uint32_t
classes_of(const struct comparison *c)
{
	if (!c->parsed)
		return 0;
	if (c->packet->kind == PACKET_ICMP_ERROR)
		return c->ours == TRACK_INVALID ? BIT(ERROR_NOT_IN_FLIGHT) : 0;
	if (c->packet->kind == PACKET_ICMP_QUERY)
		return c->direction != c->before.flow.origin ? BIT(QUERY_BOTH_WAYS) : 0;
	if (c->packet->key.proto == PROTO_SCTP)
		return sctp_classes(c);
	return c->packet->key.proto == PROTO_TCP ? tcp_classes(c) : 0;
}

bool
class_goes_on(enum situation why)
{
	return why == CLASS_ERROR_NOT_IN_FLIGHT || why == CLASS_QUERY_BOTH_WAYS;
}

/* The verdicts by which a situation shows in its own packet. */
static bool
shows(enum situation why, enum track_verdict ours, enum track_verdict linux)
{
	switch (why) {
	case CLASS_ERROR_NOT_IN_FLIGHT:
		return ours == TRACK_INVALID && linux == TRACK_RELATED;
	case CLASS_QUERY_BOTH_WAYS:
		return ours == TRACK_ESTABLISHED && linux == TRACK_NEW;
	case CLASS_SYN_ANEW:
	case CLASS_SCTP_ANEW:
		return ours == TRACK_NEW;
	case CLASS_SYN_OPEN:
		return ours == TRACK_ESTABLISHED;
	case CLASS_SYN_ACK_WRONG:
	case CLASS_HANDSHAKE_ACK:
	case CLASS_BEYOND_WINDOW:
	case CLASS_SCTP_TAG:
		return ours == TRACK_INVALID;
	case CLASS_RESET_ACK:
		return linux == TRACK_INVALID;
	default:
		return true;
	}
}

enum situation
class_of_difference(const struct comparison *c)
{
	const uint32_t now = classes_of(c);
	/* An error leaves nothing behind that could show later. */
	const uint32_t ever = c->before.causes & ~BIT(ERROR_NOT_IN_FLIGHT);

	for (unsigned i = 0; i < CLASS_COUNT; i++)
		if ((now & 1u << i) != 0 && shows(i, c->ours, c->linux))
			return i;
	return ever != 0 ? (unsigned)__builtin_ctz(ever) : CLASS_NONE;
}
