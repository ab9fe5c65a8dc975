/* SPDX-License-Identifier: BSD-3-Clause */
/* ipfix.c: turns flows that ended into IPFIX messages, by libfixbuf, which writes them to memory.
 */
#include "control/ipfix.h"

#include <errno.h>
#include <fixbuf/public.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/clock.h"

/* A record waits no longer than this for its message to fill. */
#define TICK_MS          200
#define TEMPLATE_IPV4    256
#define TEMPLATE_IPV6    257
#define TEMPLATE_MEMORY  300
#define BIFLOW_INITIATOR 1 /* RFC 5103 6.3: the source is who began */

/* flowEndReason (RFC 5102 5.11.3). */
enum { END_IDLE = 1, END_DETECTED = 3, END_FORCED = 4, END_NO_RESOURCES = 5 };

/* A record in memory, as `elements` describes it. */
struct export_record {
	uint64_t start_ms, end_ms;
	uint64_t bytes[2], packets[2];
	uint32_t source4, destination4; /* host order: libfixbuf turns them */
	uint8_t source6[16], destination6[16];
	uint32_t interface, zone;
	uint16_t source_port, destination_port;
	uint16_t tcp_flags[2];
	uint16_t vlan;
	uint8_t proto, end, direction;
	uint8_t padding[3];
};
static_assert(sizeof(struct export_record) == 112, "no holes but the named one");

enum { IPV4 = 1, IPV6 = 2, MEMORY = 4, ALL = 7 };

/* Every element is in memory; those of a family are sent in its template only. */
static fbInfoElementSpec_t elements[] = {
	{ (char *)"flowStartMilliseconds", 8, 0 },
	{ (char *)"flowEndMilliseconds", 8, 0 },
	{ (char *)"octetDeltaCount", 8, 0 },
	{ (char *)"reverseOctetDeltaCount", 8, 0 },
	{ (char *)"packetDeltaCount", 8, 0 },
	{ (char *)"reversePacketDeltaCount", 8, 0 },
	{ (char *)"sourceIPv4Address", 4, IPV4 },
	{ (char *)"destinationIPv4Address", 4, IPV4 },
	{ (char *)"sourceIPv6Address", 16, IPV6 },
	{ (char *)"destinationIPv6Address", 16, IPV6 },
	{ (char *)"ingressInterface", 4, 0 },
	{ (char *)"ingressVRFID", 4, 0 },
	{ (char *)"sourceTransportPort", 2, 0 },
	{ (char *)"destinationTransportPort", 2, 0 },
	{ (char *)"tcpControlBits", 2, 0 },
	{ (char *)"reverseTcpControlBits", 2, 0 },
	{ (char *)"vlanId", 2, 0 },
	{ (char *)"protocolIdentifier", 1, 0 },
	{ (char *)"flowEndReason", 1, 0 },
	{ (char *)"biflowDirection", 1, 0 },
	{ (char *)"paddingOctets", 3, MEMORY },
	FB_IESPEC_NULL,
};

struct ipfix {
	struct flow_listener listener;
	struct ipfix_options options;
	struct flow_events *events;
	const struct link_set *links;
	struct collector *collector;
	struct event *tick;
	fbInfoModel_t *model;
	/* Of one session: a UDP collector's whole life, or one TCP connection. */
	uint32_t session; /* of the collector; 0: none */
	fBuf_t *buffer;
	fbExporter_t *exporter;
	uint64_t templates_ms; /* when they were sent last */
	bool templates_due;    /* a message was refused: it, or one before, may have had them */
	uint32_t waiting;      /* records in the buffer's message */
	uint8_t message[COLLECTOR_MESSAGE_BYTES];
	struct ipfix_counts counts;
};

static struct ipfix *
ipfix_of(struct flow_listener *l)
{
	return (struct ipfix *)((char *)l - offsetof(struct ipfix, listener));
}

/* Ends the buffer's message and gives it to the collector. */
static void
flush(struct ipfix *x)
{
	GError *error = NULL;
	const bool taken =
		fBufEmit(x->buffer, &error) &&
		collector_send(x->collector, x->message, fbExporterGetMsgLen(x->exporter));

	g_clear_error(&error);
	*(taken ? &x->counts.exported : &x->counts.lost) += x->waiting;
	x->waiting = 0;
	x->templates_due |= !taken;
}

static void
session_end(struct ipfix *x)
{
	x->counts.lost += x->waiting;
	x->waiting = 0;
	if (x->buffer != NULL)
		fBufFree(x->buffer);
	x->buffer = NULL;
	x->session = 0;
}

/* Adds one template, in memory or for messages; those elements whose flags are among `flags`. */
static bool
template_add(struct ipfix *x, fbSession_t *session, bool memory, uint16_t id, uint32_t flags)
{
	fbTemplate_t *t = fbTemplateAlloc(x->model);
	GError *error = NULL;
	bool added = fbTemplateAppendSpecArray(t, elements, flags, &error) &&
		     fbSessionAddTemplate(session, memory, id, t, &error) == id;

	if (!added)
		fbTemplateFreeUnused(t);
	g_clear_error(&error);
	return added;
}

/* Begins a message with the templates, which fit; the one before was given away. */
static bool
templates_put(struct ipfix *x, uint64_t now_ms)
{
	GError *error = NULL;
	bool sent;

	/* libfixbuf begins a message for templates in this mode only. */
	fBufSetAutomaticMode(x->buffer, TRUE);
	sent = fbSessionExportTemplates(fBufGetSession(x->buffer), &error);
	fBufSetAutomaticMode(x->buffer, FALSE);
	g_clear_error(&error);
	x->templates_ms = now_ms;
	x->templates_due = false;
	return sent;
}

/* Sequence numbers begin at 0 and templates are unknown (RFC 7011 8, 10.4). */
static void
session_begin(struct ipfix *x, uint32_t number, uint64_t now_ms)
{
	fbSession_t *session = fbSessionAlloc(x->model);

	fbSessionSetDomain(session, x->options.domain);
	if (!template_add(x, session, true, TEMPLATE_MEMORY, ALL) ||
	    !template_add(x, session, false, TEMPLATE_IPV4, IPV4) ||
	    !template_add(x, session, false, TEMPLATE_IPV6, IPV6)) {
		fbSessionFree(session);
		return;
	}
	x->exporter = fbExporterAllocBuffer(x->message, sizeof(x->message));
	x->buffer = fBufAllocForExport(session, x->exporter);
	fBufSetAutomaticMode(x->buffer, FALSE);
	x->session = number;
	if (!templates_put(x, now_ms))
		session_end(x);
	else
		flush(x);
}

static void
tick_event(evutil_socket_t fd, short what, void *argument)
{
	struct ipfix *x = argument;
	const uint64_t now_ms = clock_monotonic_ms();
	uint32_t session;

	(void)fd;
	(void)what;
	if (x->waiting != 0)
		flush(x);
	collector_tick(x->collector, now_ms);
	session = collector_session(x->collector);
	if (session != x->session && x->session != 0)
		session_end(x);
	if (session != x->session)
		session_begin(x, session, now_ms);
	else if (session != 0 && !x->options.collector.tcp &&
		 (x->templates_due ||
		  now_ms - x->templates_ms >= x->options.template_s * 1000ull) &&
		 templates_put(x, now_ms))
		flush(x);
}

static uint8_t
end_reason(uint8_t end)
{
	switch (end) {
	case FLOW_END_FIN:
	case FLOW_END_RST:
		return END_DETECTED;
	case FLOW_END_SHUTDOWN:
		return END_FORCED;
	case FLOW_END_EVICTED:
		return END_NO_RESOURCES;
	default:
		return END_IDLE;
	}
}

static void
record_fill(const struct ipfix *x, const struct flow_record *r, const struct record_clock *clock,
	    struct export_record *out)
{
	const unsigned from = flow_record_origin(r), to = !from;
	const struct link *link = r->link < x->links->count ? &x->links->links[r->link] : NULL;

	*out = (struct export_record){
		.start_ms = record_wall_ms(clock, r->first_ms),
		.end_ms = record_wall_ms(clock, r->last_ms),
		.bytes = { r->bytes[0], r->bytes[1] },
		.packets = { r->packets[0], r->packets[1] },
		.interface = link == NULL ? 0 : link->nic + 1u,
		.zone = r->key.zone,
		.source_port = r->key.port[from],
		.destination_port = r->key.port[to],
		.tcp_flags = { r->tcp_flags[0], r->tcp_flags[1] },
		.vlan = link == NULL ? 0 : link->vlan,
		.proto = r->key.proto,
		.end = end_reason(r->end),
		.direction = BIFLOW_INITIATOR,
	};
	if (r->key.family == FAMILY_IPV4) {
		memcpy(&out->source4, r->key.addr[from], sizeof(out->source4));
		memcpy(&out->destination4, r->key.addr[to], sizeof(out->destination4));
		out->source4 = g_ntohl(out->source4);
		out->destination4 = g_ntohl(out->destination4);
	} else {
		memcpy(out->source6, r->key.addr[from], sizeof(out->source6));
		memcpy(out->destination6, r->key.addr[to], sizeof(out->destination6));
	}
}

/* Whether the record is in the message now; not when that is full. */
static bool
append(struct ipfix *x, const struct flow_record *r, struct export_record *record)
{
	const uint16_t template = r->key.family == FAMILY_IPV4 ? TEMPLATE_IPV4 : TEMPLATE_IPV6;
	GError *error = NULL;
	const bool added = fBufSetInternalTemplate(x->buffer, TEMPLATE_MEMORY, &error) &&
			   fBufSetExportTemplate(x->buffer, template, &error) &&
			   fBufAppend(x->buffer, (uint8_t *)record, sizeof(*record), &error);

	g_clear_error(&error);
	return added;
}

static void
tell(struct flow_listener *l, const struct flow_event *event, const struct record_clock *clock)
{
	struct ipfix *x = ipfix_of(l);
	struct export_record record;

	if (event->kind != FLOW_EVENT_DESTROY)
		return;
	if (x->session == 0) {
		x->counts.lost++;
		return;
	}
	record_fill(x, &event->flow, clock, &record);
	bool added = append(x, &event->flow, &record);

	/* libfixbuf refuses what no longer fits, and once what would begin another message. */
	if (!added) {
		if (x->waiting != 0)
			flush(x);
		added = append(x, &event->flow, &record);
	}
	if (added)
		x->waiting++;
	else
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
	x->model = fbInfoModelAlloc();
	x->tick = event_new(base, -1, EV_PERSIST, tick_event, x);
	if (x->tick == NULL || event_add(x->tick, &tick) != 0) {
		if (x->tick != NULL)
			event_free(x->tick);
		fbInfoModelFree(x->model);
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
	if (x->waiting != 0)
		flush(x);
	session_end(x);
	fbInfoModelFree(x->model);
	collector_destroy(x->collector);
	event_free(x->tick);
	free(x);
}

void
ipfix_count(const struct ipfix *x, struct ipfix_counts *out)
{
	*out = x->counts;
}
