/* SPDX-License-Identifier: BSD-3-Clause */
/* timers.c: idle times, from the profiles and what is configured. */
#include "dataplane/track/track.h"

static const struct {
	uint8_t wide; /* enum timer */
	uint32_t seconds[TIMER_PROFILES];
} timers[TIMER_COUNT] = {
#define X(NAME, key, wide, rfc, linux, help) [TIMER_##NAME] = { TIMER_##wide, { (rfc), (linux) } },
	TIMER_LIST(X)
#undef X
};

void
track_timeouts_fill(struct track_timeouts *out, enum timer_profile profile,
		    const uint32_t configured_s[TIMER_COUNT])
{
	for (unsigned i = 0; i < TIMER_COUNT; i++) {
		uint32_t seconds = configured_s[i];

		if (seconds == 0)
			seconds = configured_s[timers[i].wide];
		if (seconds == 0)
			seconds = timers[i].seconds[profile];
		out->ms[i] = seconds * 1000;
	}
}
