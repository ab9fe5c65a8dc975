/* SPDX-License-Identifier: BSD-3-Clause */
/* profile.h: cycles per stage, in builds for measuring only; elsewhere the marks are nothing. */
#pragma once

#include <stdint.h>

#include "common/base/clock.h"

#define STAGE_LIST(X) X(RX) X(PARSE) X(RESPOND) X(KEY) X(FLOW) X(BIND) X(TRACK) X(STEER) X(FREE)

enum stage {
#define X(name) STAGE_##name,
	STAGE_LIST(X)
#undef X
		STAGE_COUNT
};

#ifdef BERTH_PROFILE
struct profile {
	uint64_t last;
	uint64_t cycles[STAGE_COUNT];
};
#define profile_begin(w) ((w)->profile.last = clock_cycles())
/* Books the cycles since the last mark to the stage that ends here. */
#define profile_mark(w, stage)                                                 \
	do {                                                                   \
		const uint64_t profile_now = clock_cycles();                   \
		(w)->profile.cycles[stage] += profile_now - (w)->profile.last; \
		(w)->profile.last = profile_now;                               \
	} while (0)
#else
#define profile_begin(w)       ((void)(w))
#define profile_mark(w, stage) ((void)(w))
#endif
