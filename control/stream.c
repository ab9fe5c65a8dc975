/* SPDX-License-Identifier: BSD-3-Clause */
/* stream.c: writes flow events as lines of JSON, and counts what a slow reader misses. */
#include "control/stream.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "control/filter.h"

struct event_stream {
	struct flow_listener listener;
	struct flow_events *events;
	const struct apps *apps;
	struct flow_filter filter;
	int type;             /* enum flow_event_kind; -1: any */
	struct evbuffer *out; /* NULL: not started */
	uint64_t missed;      /* events not yet spoken of */
};

static const char *const kind_names[FLOW_EVENT_KINDS] = {
	[FLOW_EVENT_NEW] = "new",
	[FLOW_EVENT_UPDATE] = "update",
	[FLOW_EVENT_DESTROY] = "destroy",
};

static struct event_stream *
stream_of(struct flow_listener *l)
{
	return (struct event_stream *)((char *)l - offsetof(struct event_stream, listener));
}

static void
write_object(struct event_stream *s, json_t *object)
{
	char *text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);

	if (text != NULL)
		evbuffer_add_printf(s->out, "%s\n", text);
	else
		s->missed++;
	free(text);
	json_decref(object);
}

void
event_stream_room(struct event_stream *s)
{
	if (s->missed == 0 || evbuffer_get_length(s->out) > STREAM_BACKLOG_BYTES)
		return;
	evbuffer_add_printf(s->out, "{\"event\":\"lost\",\"events\":%llu}\n",
			    (unsigned long long)s->missed);
	s->missed = 0;
}

static void
tell(struct flow_listener *l, const struct flow_event *event, const struct record_clock *clock)
{
	struct event_stream *s = stream_of(l);
	json_t *object;

	if ((s->type >= 0 && s->type != event->kind) ||
	    !filter_matches(&s->filter, &event->flow.key))
		return;
	if (evbuffer_get_length(s->out) > STREAM_BACKLOG_BYTES) {
		s->missed++;
		return;
	}
	event_stream_room(s);
	object = json_pack("{s:s, s:s}", "event", kind_names[event->kind], "end",
			   flow_end_names[event->flow.end]);
	if (json_object_update_new(
		    object, record_object(s->apps, clock, event->worker, &event->flow)) != 0) {
		json_decref(object);
		object = NULL;
	}
	write_object(s, object);
}

static void
lost(struct flow_listener *l, uint64_t events)
{
	struct event_stream *s = stream_of(l);

	s->missed += events;
	event_stream_room(s);
}

/* Sets *out to the kind named by `value`, or -1 without one. */
static int
type_read(const json_t *value, int *out)
{
	const char *text = json_string_value(value);

	*out = -1;
	if (value == NULL)
		return 0;
	for (int i = 0; text != NULL && i < FLOW_EVENT_KINDS; i++) {
		if (strcmp(text, kind_names[i]) == 0) {
			*out = i;
			return 0;
		}
	}
	return -EINVAL;
}

int
event_stream_create(struct flow_events *events, const struct apps *apps, const json_t *request,
		    struct event_stream **out, const char **why)
{
	struct event_stream *s;
	struct flow_filter filter;
	int type;

	if (filter_read(request, &filter, why) != 0)
		return -EINVAL;
	*why = "type is \"new\", \"update\" or \"destroy\"";
	if (type_read(json_object_get(request, "type"), &type) != 0)
		return -EINVAL;
	*why = "too many clients listen to events; try again when one has left";
	if (flow_events_listeners(events) >= FLOW_LISTENERS_MAX)
		return -EUSERS;
	s = calloc(1, sizeof(*s));
	if (s == NULL)
		return -ENOMEM;
	s->listener.tell = tell;
	s->listener.lost = lost;
	s->events = events;
	s->apps = apps;
	s->filter = filter;
	s->type = type;
	*out = s;
	return 0;
}

void
event_stream_destroy(struct event_stream *s)
{
	if (s == NULL)
		return;
	if (s->out != NULL)
		flow_events_leave(s->events, &s->listener);
	free(s);
}

void
event_stream_start(struct event_stream *s, struct evbuffer *out)
{
	evbuffer_add_printf(out, "{\"ok\":true}\n");
	s->out = out;
	flow_events_listen(s->events, &s->listener);
}
