/* SPDX-License-Identifier: BSD-3-Clause */
/* icmp.c: tracker of ICMP and ICMPv6 queries: an answer belongs to a request of its own kind.
 *
 * A flow is two hosts and one identifier (RFC 5508 3.1), whoever asks; both may. */
#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/track/tracker.h"

enum icmp_state { ICMP_NONE, ICMP_REQUESTED, ICMP_REPLIED, ICMP_STATES };

static const struct tracker_state states[ICMP_STATES] = {
	[ICMP_NONE] = { "none", TIMER_ICMP },
	[ICMP_REQUESTED] = { "requested", TIMER_ICMP },
	[ICMP_REPLIED] = { "replied", TIMER_ICMP, .confirmed = true },
};

struct TRACK_LINE icmp_line {
	uint32_t requested[2]; /* by direction: bit k, a request of kind k was seen */
};
static_assert(sizeof(struct icmp_line) <= sizeof(struct track_line), "it fits");

/* Queries: type of the request, type of the answer. */
static const struct {
	uint8_t proto, request, answer;
} kinds[] = {
	{ PROTO_ICMP, 8, 0 },       /* echo (RFC 792) */
	{ PROTO_ICMP, 13, 14 },     /* timestamp (RFC 792) */
	{ PROTO_ICMP, 15, 16 },     /* information (RFC 792) */
	{ PROTO_ICMP, 17, 18 },     /* address mask (RFC 950) */
	{ PROTO_ICMPV6, 128, 129 }, /* echo (RFC 4443 4) */
};

static enum track_judgement
icmp_packet(struct track_line *line, uint8_t *state, const struct track_step *step)
{
	struct icmp_line *i = (struct icmp_line *)line;
	const struct packet *p = step->packet;

	for (unsigned k = 0; k < array_length(kinds); k++) {
		if (kinds[k].proto != p->key.proto)
			continue;
		if (kinds[k].request == p->icmp_type) {
			i->requested[step->reply] |= 1u << k;
			if (*state == ICMP_NONE)
				*state = ICMP_REQUESTED;
			return TRACK_BELONGS;
		}
		if (kinds[k].answer == p->icmp_type) {
			if ((i->requested[!step->reply] & 1u << k) == 0)
				return TRACK_REFUSED;
			*state = ICMP_REPLIED;
			return TRACK_BELONGS;
		}
	}
	return TRACK_REFUSED;
}

/* The error is about a packet that ran the other way: was there one? */
static bool
icmp_quoted(const struct track_line *line, uint8_t state, const struct track_step *step)
{
	const struct icmp_line *i = (const struct icmp_line *)line;

	return i->requested[!step->reply] != 0 ||
	       (state == ICMP_REPLIED && i->requested[step->reply] != 0);
}

const struct tracker tracker_icmp = {
	.name = "icmp",
	.states = states,
	.states_count = array_length(states),
	.timer = TIMER_ICMP,
	.packet = icmp_packet,
	.quoted = icmp_quoted,
};
