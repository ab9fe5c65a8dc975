/* SPDX-License-Identifier: BSD-3-Clause */
/* ipfix.c: sends flows that ended, and parts of flows that last, to a collector as IPFIX messages.
 */
#include "control/ipfix.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>

#include "common/base/clock.h"
#include "control/interim.h"
#include "control/records.h"
#include "dataplane/export/ipfix_writer.h"

/* A record waits no longer than this for its message to fill. */
#define TICK_MS 200
/* All flows that live are looked at this often between two records of one, but at most once in
 * PASS_MS. */
#define LOOKS   4
#define PASS_MS 10000u

struct ipfix {
	struct flow_listener listener;
	struct ipfix_options options;
	struct flow_events *events;
	struct dataplane *dp;
	const struct link_set *links;
	struct collector *collector;
	struct event *tick;
	/* Of one session: a UDP collector's whole life, or one TCP connection. */
	uint32_t session; /* of the collector; 0: none */
	struct ipfix_writer *writer;
	uint64_t templates_ms; /* when they were sent last */
	bool templates_due;    /* a message was refused: it, or one before, may have had them */
	/* The walk over flows that live. */
	struct interim *interim; /* NULL: flows are told at their end only */
	struct record_clock clock;
	uint16_t walk_worker;
	uint32_t walk_cursor, walk_calls, pass_calls;
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

/* Tells one record: all of a flow, or a part of it. */
static void
tell_part(struct ipfix *x, const struct record_clock *clock, const struct flow_record *r,
	  const struct interim_part *part, enum ipfix_end end)
{
	const struct link *link = r->link < x->links->count ? &x->links->links[r->link] : NULL;
	const struct ipfix_record record = {
		.flow = r,
		.start_ms = record_wall_ms(clock, part->start_ms),
		.end_ms = record_wall_ms(clock, r->last_ms),
		.packets = { part->packets[0], part->packets[1] },
		.bytes = { part->bytes[0], part->bytes[1] },
		.interface = link == NULL ? 0 : link->nic + 1u,
		.vlan = link == NULL ? 0 : link->vlan,
		.end = end,
	};

	if (x->session == 0 || !ipfix_writer_put(x->writer, &record))
		x->counts.lost++;
}

static void
tell(struct flow_listener *l, const struct flow_event *event, const struct record_clock *clock)
{
	struct ipfix *x = ipfix_of(l);
	const struct flow_record *r = &event->flow;
	struct interim_part part = { .packets = { r->packets[0], r->packets[1] },
				     .bytes = { r->bytes[0], r->bytes[1] },
				     .start_ms = r->first_ms };

	if (event->kind != FLOW_EVENT_DESTROY)
		return;
	if (x->interim != NULL)
		interim_last(x->interim, event->worker, r, &part);
	tell_part(x, clock, r, &part, ipfix_end_of(r->end));
}

/* flow_each_fn: a flow that lives. */
static void
look(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	struct ipfix *x = context;
	struct flow_record r;
	struct interim_part part;

	flow_record_read(e, d, &r);
	if (interim_due(x->interim, x->walk_worker, &r, x->clock.now_ms, &part))
		tell_part(x, &x->clock, &r, &part, IPFIX_END_ACTIVE);
}

/* Looks at some of the flows that live. */
static void
walk(struct ipfix *x)
{
	const uint32_t share_ms = x->options.active_s * 1000 / LOOKS;
	const uint32_t pass_ms = share_ms < PASS_MS ? share_ms : PASS_MS;
	const uint16_t workers = dataplane_workers(x->dp);
	/* Calls of dataplane_flows() per tick: as many as the pass before took, spread over its
	 * time. */
	const uint32_t calls = x->pass_calls * TICK_MS / pass_ms + 1;

	record_clock_read(&x->clock, x->dp);
	for (uint32_t i = 0; i < calls; i++) {
		x->walk_calls++;
		if (dataplane_flows(x->dp, x->walk_worker, &x->walk_cursor, look, x))
			continue;
		x->walk_cursor = 0;
		x->walk_worker++;
		if (x->walk_worker < workers)
			continue;
		x->walk_worker = 0;
		x->pass_calls = x->walk_calls;
		x->walk_calls = 0;
		interim_pass(x->interim);
		return;
	}
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
	if (x->session != 0 && x->interim != NULL)
		walk(x);
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
	if (options->active_s != 0 && interim_create(options->active_s * 1000, &x->interim) != 0) {
		collector_destroy(x->collector);
		free(x);
		return -ENOMEM;
	}
	x->options = *options;
	x->events = events;
	x->dp = dp;
	x->links = dataplane_links(dp);
	x->listener.tell = tell;
	x->listener.lost = lost;
	x->tick = event_new(base, -1, EV_PERSIST, tick_event, x);
	if (x->tick == NULL || event_add(x->tick, &tick) != 0) {
		if (x->tick != NULL)
			event_free(x->tick);
		interim_destroy(x->interim);
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
	interim_destroy(x->interim);
	collector_destroy(x->collector);
	event_free(x->tick);
	free(x);
}

void
ipfix_count(const struct ipfix *x, struct ipfix_counts *out)
{
	*out = x->counts;
}
