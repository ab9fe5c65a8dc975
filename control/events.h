/* SPDX-License-Identifier: BSD-3-Clause */
/* events.h: takes news of flows from the workers and gives them to whoever listens. Served by
 * events.c. The control thread alone.
 *
 * Workers tell only while there is a listener. A listener must not wait: what it cannot take, it
 * counts. */
#pragma once

#include <event2/event.h>
#include <stdint.h>
#include <sys/queue.h>

#include "control/records.h"

/* Listeners there may be at once. */
#define FLOW_LISTENERS_MAX 16

struct flow_events;

/* Part of whoever listens, filled before flow_events_listen(). Neither call may end another
 * listener. */
struct flow_listener {
	TAILQ_ENTRY(flow_listener) of_all;
	void (*tell)(struct flow_listener *l, const struct flow_event *event,
		     const struct record_clock *clock);
	/* Workers had no room for `events` of them. */
	void (*lost)(struct flow_listener *l, uint64_t events);
};

/* 0 or -ENOMEM. */
int flow_events_create(struct event_base *base, struct dataplane *dp, struct flow_events **out);
/* Nobody listens any more. NULL is fine. */
void flow_events_destroy(struct flow_events *f);

unsigned flow_events_listeners(const struct flow_events *f);
/* Not when there are FLOW_LISTENERS_MAX. From now on `l` is told what happens, until
 * flow_events_leave(). */
void flow_events_listen(struct flow_events *f, struct flow_listener *l);
void flow_events_leave(struct flow_events *f, struct flow_listener *l);

/* The workers have ended: tells the rest of what they told, and of each flow that lives that it
 * ends by shutdown. */
void flow_events_finish(struct flow_events *f);
