/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h: what berth-replay is asked to do. Served by options.c. */
#pragma once

#include "dataplane/replay/flow_output.h"
#include "dataplane/replay/reading.h"

enum exit_code {
	EXIT_BROKEN = 1, /* something could not be read, written or held to its end */
	EXIT_USAGE = 2,
};

struct options {
	struct reading_options reading;
	bool packets, flows;
	enum flow_format format;
	enum track_mode tracking;
	enum timer_profile timers;
	uint32_t capacity; /* flows at once */
	char **files;
	int files_count; /* at least 1 */
};

/* Reads the arguments. 0; EXIT_USAGE, which was said on standard error; or -1 where the answer was
 * already printed. */
int options_read(struct options *o, int argc, char **argv);
