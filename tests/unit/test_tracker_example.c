/* SPDX-License-Identifier: BSD-3-Clause */
/* test_tracker_example.c: the tracker that docs/tracking.md writes, of a toy protocol, and its
 * tests.
 *
 * The toy protocol "knock": a client sends 3 packets; the server's first packet answers the third.
 * Earlier ones belong to nothing. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/base/check.h"
#include "dataplane/track/tracker.h"

/* [tracker] */
enum knock_state { KNOCK_NONE, KNOCK_KNOCKING, KNOCK_OPEN, KNOCK_STATES };

static const struct tracker_state knock_states[KNOCK_STATES] = {
	[KNOCK_NONE] = { "none", TIMER_OTHER },
	[KNOCK_KNOCKING] = { "knocking", TIMER_UDP_NEW },
	[KNOCK_OPEN] = { "open", TIMER_UDP_STREAM, .confirmed = true },
};

#define KNOCKS 3u

struct TRACK_LINE knock_line {
	uint32_t knocks;
};

static enum track_judgement
knock_packet(struct track_line *line, uint8_t *state, const struct track_step *step)
{
	struct knock_line *k = (struct knock_line *)line;

	if (step->reply && k->knocks < KNOCKS)
		return TRACK_REFUSED;
	if (step->reply)
		*state = KNOCK_OPEN;
	else if (*state == KNOCK_NONE)
		*state = KNOCK_KNOCKING;
	if (!step->reply && k->knocks < KNOCKS)
		k->knocks++;
	return TRACK_BELONGS;
}

static bool
knock_quoted(const struct track_line *line, uint8_t state, const struct track_step *step)
{
	(void)line;
	return step->reply || state == KNOCK_OPEN;
}

static const struct tracker tracker_knock = {
	.name = "knock",
	.states = knock_states,
	.states_count = array_length(knock_states),
	.timer = TIMER_UDP_STREAM,
	.packet = knock_packet,
	.quoted = knock_quoted,
};
/* [tracker] */

/* [test] */
/* Goal: the server opens the flow after three knocks and not before. Method: a table. */
Test(tracker_example, opens_after_three_knocks)
{
	static const struct {
		bool reply;
		enum track_judgement judgement;
		uint8_t state;
	} steps[] = {
		{ true, TRACK_REFUSED, KNOCK_NONE },      { false, TRACK_BELONGS, KNOCK_KNOCKING },
		{ false, TRACK_BELONGS, KNOCK_KNOCKING }, { true, TRACK_REFUSED, KNOCK_KNOCKING },
		{ false, TRACK_BELONGS, KNOCK_KNOCKING }, { true, TRACK_BELONGS, KNOCK_OPEN },
		{ false, TRACK_BELONGS, KNOCK_OPEN },
	};
	struct track_line line = { 0 };
	uint8_t state = KNOCK_NONE;

	for (unsigned i = 0; i < array_length(steps); i++) {
		const struct track_step step = { .reply = steps[i].reply };

		cr_expect(eq(int, tracker_knock.packet(&line, &state, &step), steps[i].judgement),
			  "step %u", i);
		cr_expect(eq(u8, state, steps[i].state), "step %u", i);
	}
}
/* [test] */

/* Goal: an ICMP error counts when its packet was sent, and states have names and timers.
 * Method: both directions in both states. */
Test(tracker_example, is_complete)
{
	const struct track_line line = { 0 };

	for (uint8_t state = KNOCK_KNOCKING; state < KNOCK_STATES; state++) {
		for (unsigned reply = 0; reply < 2; reply++) {
			const struct track_step step = { .reply = reply == 1 };

			cr_expect(eq(int, tracker_knock.quoted(&line, state, &step),
				     reply == 1 || state == KNOCK_OPEN));
		}
	}
	cr_expect(tracker_knock.states_count == KNOCK_STATES &&
		  tracker_knock.states[KNOCK_OPEN].timer == TIMER_UDP_STREAM);
}
