/* SPDX-License-Identifier: BSD-3-Clause */
/* ipfix.c: sends flows that ended to a collector, as IPFIX messages. */
#include "control/ipfix.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "dataplane/export/ipfix_writer.h"

/* A record waits no longer than this for its message to fill. */
#define TICK_MS 200

struct ipfix {
	struct flow_listener listener;
	struct ipfix_options options;
	struct flow_events *events;
	const struct link_set *links;
	struct collector *collector;
	struct event *tick;
	/* Of one session: a UDP collector's whole life, or one TCP connection. */
	uint32_t session; /* of the collector; 0: none */
	struct ipfix_writer *writer;
	uint64_t templates_ms; /* when they were sent last */
	bool templates_due;    /* a message was refused: it, or one before, may have had them */
	struct ipfix_counts counts;
};

static struct ipfix *
ipfix_of(struct flow_listener *l)
{
	return (struct ipfix *)((char *)l - offsetof(struct ipfix, listener));
}

/* ipfix_emit_fn */
static bool
emit(void *context, const uint8_t *message, size_t bytes, uint32_t records)
{
	struct ipfix *x = context;
	const bool taken = bytes > 0 && collector_send(x->collector, message, bytes);

	*(taken ? &x->counts.exported : &x->counts.lost) += records;
	x->templates_due |= !taken;
	return taken;
}

static void
session_end(struct ipfix *x)
{
	if (x->session == 0)
		return;
	x->counts.lost += ipfix_writer_waiting(x->writer);
	ipfix_writer_destroy(x->writer);
	x->session = 0;
}

static void
templates_send(struct ipfix *x, uint64_t now_ms)
{
	x->templates_ms = now_ms;
	x->templates_due = false;
	(void)ipfix_writer_templates(x->writer);
}

static void
session_begin(struct ipfix *x, uint32_t number, uint64_t now_ms)
{
	if (ipfix_writer_create(x->options.domain, emit, x, &x->writer) != 0)
		return;
	x->session = number;
	templates_send(x, now_ms);
}

static void
tick_event(evutil_socket_t fd, short what, void *argument)
{
	struct ipfix *x = argument;
	const uint64_t now_ms = clock_monotonic_ms();
	uint32_t session;

	(void)fd;
	(void)what;
	if (x->session != 0)
		(void)ipfix_writer_flush(x->writer);
	collector_tick(x->collector, now_ms);
	session = collector_session(x->collector);
	if (session != x->session)
		session_end(x);
	if (session != x->session)
		session_begin(x, session, now_ms);
	else if (session != 0 && !x->options.collector.tcp &&
		 (x->templates_due || now_ms - x->templates_ms >= x->options.template_s * 1000ull))
		templates_send(x, now_ms);
}

static void
tell(struct flow_listener *l, const struct flow_event *event, const struct record_clock *clock)
{
	struct ipfix *x = ipfix_of(l);
	const struct flow_record *r = &event->flow;
	const struct link *link = r->link < x->links->count ? &x->links->links[r->link] : NULL;
	const struct ipfix_record record = {
		.flow = r,
		.start_ms = record_wall_ms(clock, r->first_ms),
		.end_ms = record_wall_ms(clock, r->last_ms),
		.packets = { r->packets[0], r->packets[1] },
		.bytes = { r->bytes[0], r->bytes[1] },
		.interface = link == NULL ? 0 : link->nic + 1u,
		.vlan = link == NULL ? 0 : link->vlan,
		.end = ipfix_end_of(r->end),
	};

	if (event->kind == FLOW_EVENT_DESTROY &&
	    (x->session == 0 || !ipfix_writer_put(x->writer, &record)))
		x->counts.lost++;
}

static void
lost(struct flow_listener *l, uint64_t events)
{
	ipfix_of(l)->counts.lost += events;
}

int
ipfix_create(struct event_base *base, struct dataplane *dp, struct flow_events *events,
	     const struct ipfix_options *options, struct ipfix **out)
{
	static const struct timeval tick = { .tv_usec = TICK_MS * 1000 };
	struct ipfix *x = calloc(1, sizeof(*x));

	if (x == NULL || collector_create(&options->collector, &x->collector) != 0) {
		free(x);
		return -ENOMEM;
	}
	x->options = *options;
	x->events = events;
	x->links = dataplane_links(dp);
	x->listener.tell = tell;
	x->listener.lost = lost;
	x->tick = event_new(base, -1, EV_PERSIST, tick_event, x);
	if (x->tick == NULL || event_add(x->tick, &tick) != 0) {
		if (x->tick != NULL)
			event_free(x->tick);
		collector_destroy(x->collector);
		free(x);
		return -ENOMEM;
	}
	flow_events_listen(events, &x->listener);
	tick_event(-1, 0, x);
	*out = x;
	return 0;
}

void
ipfix_destroy(struct ipfix *x)
{
	if (x == NULL)
		return;
	flow_events_leave(x->events, &x->listener);
	if (x->session != 0)
		(void)ipfix_writer_flush(x->writer);
	session_end(x);
	collector_destroy(x->collector);
	event_free(x->tick);
	free(x);
}

void
ipfix_count(const struct ipfix *x, struct ipfix_counts *out)
{
	*out = x->counts;
}
