/* SPDX-License-Identifier: BSD-3-Clause */
/* stages_priv.h: what stages.c and stages_time.c share. */
#pragma once

#include "dataplane/fragment/fragment.h"
#include "dataplane/replay/stages.h"

/* Beside each flow: what a capture knows better than a worker's clock. */
struct flow_note {
	uint64_t id;
	struct moment first, last;
};

struct stages {
	struct stages_options options;
	struct flow_secret secret;
	struct flow_table *flows;
	struct track_line *lines; /* by index of the flow, as the next two */
	struct flow_note *notes;
	uint32_t *due; /* those that end at one time */
	uint32_t due_count;
	struct fragment_table *fragments;
	uint64_t last_id, refused;

	/* The clock: milliseconds since the first packet, long silences shortened. */
	bool started, finishing;
	struct moment now;
	int64_t zero_ms;     /* of the capture's clock, when ours was 0 */
	uint64_t elapsed_ms; /* ours; its low bits are what the stages see */
};

static inline uint32_t
stages_now_ms(const struct stages *s)
{
	return (uint32_t)s->elapsed_ms;
}

/* stages.c: fragment_end_fn. */
void stages_fragment_ended(void *context, void *packet, const struct fragment_tuple *first,
			   enum drop_reason reason);
