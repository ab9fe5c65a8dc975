/* SPDX-License-Identifier: BSD-3-Clause */
/* other.c: tracker of protocols that have none of their own: answered or not. */
#include "common/base/check.h"
#include "dataplane/track/tracker.h"

enum other_state { OTHER_NONE, OTHER_UNREPLIED, OTHER_REPLIED, OTHER_STATES };

static const struct tracker_state states[OTHER_STATES] = {
	[OTHER_NONE] = { "none", TIMER_OTHER },
	[OTHER_UNREPLIED] = { "unreplied", TIMER_OTHER },
	[OTHER_REPLIED] = { "replied", TIMER_OTHER, .confirmed = true },
};

static enum track_judgement
other_packet(struct track_line *line, uint8_t *state, const struct track_step *step)
{
	(void)line;
	if (step->reply)
		*state = OTHER_REPLIED;
	else if (*state == OTHER_NONE)
		*state = OTHER_UNREPLIED;
	return TRACK_BELONGS;
}

static bool
other_quoted(const struct track_line *line, uint8_t state, const struct track_step *step)
{
	(void)line;
	return step->reply || state == OTHER_REPLIED;
}

const struct tracker tracker_other = {
	.name = "other",
	.states = states,
	.states_count = array_length(states),
	.timer = TIMER_OTHER,
	.packet = other_packet,
	.quoted = other_quoted,
};
