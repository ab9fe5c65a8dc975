/* SPDX-License-Identifier: BSD-3-Clause */
/* udp.c: tracker of UDP and UDP-Lite: unanswered, answered, and streams of one way or of two. */
#include "common/base/check.h"
#include "dataplane/track/tracker.h"

/* A question and its answer are over sooner than this; what goes on longer is a stream. */
#define STREAM_MS 2000u

enum udp_state { UDP_NONE, UDP_UNREPLIED, UDP_REPLIED, UDP_STREAM, UDP_ONE_WAY, UDP_STATES };

static const struct tracker_state states[UDP_STATES] = {
	[UDP_NONE] = { "none", TIMER_UDP_NEW },
	[UDP_UNREPLIED] = { "unreplied", TIMER_UDP_NEW },
	[UDP_REPLIED] = { "replied", TIMER_UDP_REPLIED, .confirmed = true },
	[UDP_STREAM] = { "stream", TIMER_UDP_STREAM, .confirmed = true },
	[UDP_ONE_WAY] = { "one_way", TIMER_UDP_NEW, .confirmed = true },
};

struct TRACK_LINE udp_line {
	uint32_t first_ms;
};
static_assert(sizeof(struct udp_line) <= sizeof(struct track_line), "it fits");

static enum track_judgement
udp_packet(struct track_line *line, uint8_t *state, const struct track_step *step)
{
	struct udp_line *u = (struct udp_line *)line;

	if (*state == UDP_NONE) {
		u->first_ms = step->now_ms;
		*state = UDP_UNREPLIED;
	} else if (step->reply || step->replied) {
		*state = *state == UDP_STREAM || step->now_ms - u->first_ms > STREAM_MS
				 ? UDP_STREAM
				 : UDP_REPLIED;
	} else if (*state == UDP_UNREPLIED && step->now_ms - u->first_ms > STREAM_MS) {
		*state = UDP_ONE_WAY;
	}
	return TRACK_BELONGS;
}

/* UDP has no sequence numbers to check; the quoted tuple must be that of a datagram sent. */
static bool
udp_quoted(const struct track_line *line, uint8_t state, const struct track_step *step)
{
	(void)line, (void)state;
	return step->reply || step->replied;
}

const struct tracker tracker_udp = {
	.name = "udp",
	.states = states,
	.states_count = array_length(states),
	.timer = TIMER_UDP_STREAM,
	.packet = udp_packet,
	.quoted = udp_quoted,
};
