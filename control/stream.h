/* SPDX-License-Identifier: BSD-3-Clause */
/* stream.h: the answer to the command "events": lines of JSON until the client leaves. Served by
 * stream.c.
 *
 * A line is {"event":"new|update|destroy", "end":"...", ...members of record_object()}. A client
 * that reads slower than flows come and go misses some, and then gets {"event":"lost","events":N}
 * in their place. */
#pragma once

#include <event2/buffer.h>
#include <jansson.h>

#include "control/apps.h"
#include "control/events.h"

/* More than this is not kept for a client. */
#define STREAM_BACKLOG_BYTES (512u << 10)

struct event_stream;

/* Reads the members proto, port, address and type of `request`; each may be absent. 0, -ENOMEM,
 * -EUSERS (FLOW_LISTENERS_MAX listen), or -EINVAL; the last two with a sentence in *why. Once it is
 * there it is started in the same turn of the loop, or destroyed. */
int event_stream_create(struct flow_events *events, const struct apps *apps, const json_t *request,
			struct event_stream **out, const char **why);
/* NULL is fine. */
void event_stream_destroy(struct event_stream *s);

/* Writes {"ok":true} to `out`, which stays the caller's, and from then on lines to it. */
void event_stream_start(struct event_stream *s, struct evbuffer *out);
/* `out` has room: says what was missed, if nothing came since. */
void event_stream_room(struct event_stream *s);
