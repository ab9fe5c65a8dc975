/* SPDX-License-Identifier: BSD-3-Clause */
/* stages_time.c: see stages.h; this part ends what its time has come for.
 *
 * Flows are looked at when capture time passes a full second, as a worker passes over its table in
 * about one. Between two packets nothing happens, so one look at the last full second between them
 * finds what all looks would have. */
#include <stdlib.h>

#include "dataplane/replay/stages_priv.h"

/* No timer is longer; after a silence of this length no flow is left. */
#define SILENCE_MAX_MS ((int64_t)1 << 31)
/* The table wants to be passed this often. */
#define STEP_MAX_MS ((uint64_t)1 << 23)
#define SECOND_MS   1000u

/* flow_expire_fn */
static uint32_t
flow_ends(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *context)
{
	struct stages *s = context;
	const uint32_t wait_ms =
		s->finishing ? 0 : follow_wait_ms(&s->options.rules, t, index, idle_ms);

	if (wait_ms == 0)
		s->due[s->due_count++] = index;
	return wait_ms;
}

static int
by_id(const void *a, const void *b, void *context)
{
	const struct flow_note *notes = context;
	const uint64_t one = notes[*(const uint32_t *)a].id, other = notes[*(const uint32_t *)b].id;

	return (one > other) - (one < other);
}

static void
end_tell(struct stages *s, uint32_t index)
{
	const struct flow_note *note = &s->notes[index];
	struct ended_flow flow = {
		.id = note->id, .first = note->first, .last = note->last, .now = s->now
	};
	enum flow_end end;

	flow_record_read(flow_entry_at(s->flows, index), flow_detail_at(s->flows, index),
			 &flow.record);
	end = follow_end(&flow.record);
	if (end == FLOW_LIVES)
		end = s->finishing ? FLOW_END_SHUTDOWN : FLOW_END_TIMEOUT;
	flow.record.end = (uint8_t)end;
	s->options.ended(s->options.context, &flow);
}

static void
flows_collect(struct stages *s)
{
	(void)flow_expire(s->flows, stages_now_ms(s), UINT32_MAX, flow_ends, s);
}

/* Tells of all that were collected. Entries that were deleted stay as they are until limbo is
 * freed, and nobody else reads them. */
static void
flows_tell(struct stages *s)
{
	qsort_r(s->due, s->due_count, sizeof(*s->due), by_id, s->notes);
	for (uint32_t i = 0; i < s->due_count; i++)
		end_tell(s, s->due[i]);
	s->due_count = 0;
	while (flow_limbo_close(s->flows) > 0)
		flow_limbo_free(s->flows);
}

static void
step(struct stages *s, uint64_t to_ms)
{
	s->elapsed_ms = to_ms;
	(void)fragment_expire(s->fragments, stages_now_ms(s), UINT32_MAX, stages_fragment_ended, s);
	flows_collect(s);
	flows_tell(s);
}

static bool
is_later(const struct moment *a, const struct moment *b)
{
	return a->seconds > b->seconds ||
	       (a->seconds == b->seconds && a->nanoseconds > b->nanoseconds);
}

static int64_t
moment_ms(const struct moment *m)
{
	return m->seconds * 1000 + m->nanoseconds / 1000000;
}

void
stages_clock(struct stages *s, const struct moment *time)
{
	const int64_t time_ms = moment_ms(time);
	uint64_t target_ms, second_ms;

	if (!s->started) {
		s->started = true;
		s->zero_ms = time_ms;
		s->now = *time;
	}
	if (!is_later(time, &s->now))
		return;
	if (time_ms - moment_ms(&s->now) > SILENCE_MAX_MS)
		s->zero_ms += time_ms - moment_ms(&s->now) - SILENCE_MAX_MS;
	s->now = *time;
	target_ms = (uint64_t)(time_ms - s->zero_ms);
	second_ms = target_ms - target_ms % SECOND_MS;
	while (s->elapsed_ms < second_ms) {
		const uint64_t most_ms = s->elapsed_ms + STEP_MAX_MS;

		step(s, most_ms < second_ms ? most_ms : second_ms);
	}
	s->elapsed_ms = target_ms;
}

void
stages_finish(struct stages *s)
{
	fragment_drain(s->fragments, DROP_FRAGMENT_TIMEOUT, stages_fragment_ended, s);
	s->finishing = true;
	/* Until something in each flow's bucket is due, and the table asks. */
	while (flow_count(s->flows) > 0) {
		s->elapsed_ms += STEP_MAX_MS;
		flows_collect(s);
	}
	flows_tell(s);
}
