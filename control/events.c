/* SPDX-License-Identifier: BSD-3-Clause */
/* events.c: empties the workers' rings of flow events, some per turn of the event loop. */
#include "control/events.h"

#include <errno.h>
#include <stdlib.h>

/* A ring holds what a worker tells in this time at a million flows per second and more. */
#define POLL_MS 5
/* Events of one worker between two looks at everything else that the loop serves. */
#define BATCH 128u

TAILQ_HEAD(listener_list, flow_listener);

struct flow_events {
	struct dataplane *dp;
	struct event *poll; /* pending while somebody listens */
	struct listener_list listeners;
	unsigned count;
	struct record_clock clock;
	uint64_t lost; /* of the workers, as far as it was told */
};

static void
tell_all(struct flow_events *f, const struct flow_event *event)
{
	struct flow_listener *l;

	TAILQ_FOREACH (l, &f->listeners, of_all) {
		l->tell(l, event, &f->clock);
	}
}

/* Takes one batch of each worker. Returns whether one of them may have more. */
static bool
take(struct flow_events *f)
{
	struct flow_event events[BATCH];
	bool more = false;

	record_clock_read(&f->clock, f->dp);
	for (uint16_t w = 0; w < dataplane_workers(f->dp); w++) {
		const unsigned n = dataplane_flow_events(f->dp, w, events, BATCH);

		for (unsigned i = 0; i < n; i++)
			tell_all(f, &events[i]);
		more |= n == BATCH;
	}
	return more;
}

static void
tell_lost(struct flow_events *f)
{
	const uint64_t lost = dataplane_flow_events_lost(f->dp);
	struct flow_listener *l;

	if (lost == f->lost)
		return;
	TAILQ_FOREACH (l, &f->listeners, of_all) {
		l->lost(l, lost - f->lost);
	}
	f->lost = lost;
}

static void
poll_event(evutil_socket_t fd, short what, void *argument)
{
	static const struct timeval now = { 0, 0 }, later = { .tv_usec = POLL_MS * 1000 };
	struct flow_events *f = argument;
	const bool more = take(f);

	(void)fd;
	(void)what;
	tell_lost(f);
	event_add(f->poll, more ? &now : &later);
}

int
flow_events_create(struct event_base *base, struct dataplane *dp, struct flow_events **out)
{
	struct flow_events *f = calloc(1, sizeof(*f));

	if (f == NULL)
		return -ENOMEM;
	f->dp = dp;
	TAILQ_INIT(&f->listeners);
	f->poll = event_new(base, -1, 0, poll_event, f);
	if (f->poll == NULL) {
		free(f);
		return -ENOMEM;
	}
	*out = f;
	return 0;
}

void
flow_events_destroy(struct flow_events *f)
{
	if (f == NULL)
		return;
	event_free(f->poll);
	free(f);
}

/* Forgets what workers told before they saw that nobody listens. */
static void
discard(struct flow_events *f)
{
	struct flow_event events[BATCH];

	for (uint16_t w = 0; w < dataplane_workers(f->dp); w++)
		for (unsigned i = 0; i <= FLOW_EVENTS / BATCH; i++)
			if (dataplane_flow_events(f->dp, w, events, BATCH) < BATCH)
				break;
	f->lost = dataplane_flow_events_lost(f->dp);
}

unsigned
flow_events_listeners(const struct flow_events *f)
{
	return f->count;
}

void
flow_events_listen(struct flow_events *f, struct flow_listener *l)
{
	static const struct timeval now = { 0, 0 };

	if (TAILQ_EMPTY(&f->listeners)) {
		discard(f);
		dataplane_flow_events_want(f->dp, true);
		event_add(f->poll, &now);
	}
	TAILQ_INSERT_TAIL(&f->listeners, l, of_all);
	f->count++;
}

void
flow_events_leave(struct flow_events *f, struct flow_listener *l)
{
	TAILQ_REMOVE(&f->listeners, l, of_all);
	f->count--;
	if (!TAILQ_EMPTY(&f->listeners))
		return;
	dataplane_flow_events_want(f->dp, false);
	event_del(f->poll);
}

struct ending {
	struct flow_events *f;
	uint16_t worker;
};

static void
tell_end(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	const struct ending *g = context;
	struct flow_event event = { .worker = g->worker, .kind = FLOW_EVENT_DESTROY };

	flow_record_read(e, d, &event.flow);
	event.flow.end = FLOW_END_SHUTDOWN;
	tell_all(g->f, &event);
}

void
flow_events_finish(struct flow_events *f)
{
	if (TAILQ_EMPTY(&f->listeners))
		return;
	while (take(f))
		continue;
	tell_lost(f);
	for (uint16_t w = 0; w < dataplane_workers(f->dp); w++) {
		struct ending g = { .f = f, .worker = w };
		uint32_t cursor = 0;

		while (dataplane_flows(f->dp, w, &cursor, tell_end, &g))
			continue;
	}
}
