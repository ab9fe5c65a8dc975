/* SPDX-License-Identifier: BSD-3-Clause */
/* flows.c: writes flow entries as JSON, some per turn of the event loop. */
#include "control/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/filter.h"
#include "control/records.h"

#define LIMIT_DEFAULT 1000
/* Calls of dataplane_flows() per piece, and output that ends a piece early. */
#define STEPS_PER_PIECE 4
#define PIECE_BYTES     (64u << 10)

struct flow_dump {
	struct dataplane *dp;
	const struct apps *apps;
	struct evbuffer *out; /* of the present piece */
	struct flow_filter filter;
	struct record_clock clock;
	uint64_t left; /* flows that may still be written */
	bool begun, written_one, more;
	uint16_t worker;
	uint32_t cursor;
};

static int
request_read(struct flow_dump *d, const json_t *request, const char **why)
{
	json_int_t limit = LIMIT_DEFAULT;

	if (filter_read(request, &d->filter, why) != 0)
		return -EINVAL;
	*why = "limit is a number, 0 for all";
	if (filter_number(json_object_get(request, "limit"), 0, INT64_MAX, &limit) != 0)
		return -EINVAL;
	d->left = limit == 0 ? UINT64_MAX : (uint64_t)limit;
	return 0;
}

int
flow_dump_create(struct dataplane *dp, const struct apps *apps, const json_t *request,
		 struct flow_dump **out, const char **why)
{
	struct flow_dump *d = calloc(1, sizeof(*d));

	if (d == NULL)
		return -ENOMEM;
	d->dp = dp;
	d->apps = apps;
	if (request_read(d, request, why) != 0) {
		free(d);
		return -EINVAL;
	}
	*out = d;
	return 0;
}

void
flow_dump_destroy(struct flow_dump *d)
{
	free(d);
}

static json_t *
flow_object(const struct flow_dump *d, const struct flow_entry *e, const struct flow_detail *detail)
{
	struct flow_record r;
	json_t *object;

	flow_record_read(e, detail, &r);
	object = record_object(d->apps, &d->clock, d->worker, &r);
	json_object_set_new(object, "age_ms", json_integer(record_age_ms(&d->clock, r.first_ms)));
	json_object_set_new(object, "idle_ms", json_integer(record_age_ms(&d->clock, r.last_ms)));
	json_object_set_new(
		object, "timeout_ms",
		json_integer(track_timeout_ms(dataplane_timeouts(d->dp), r.key.proto, r.state)));
	return object;
}

static void
write_flow(const struct flow_entry *e, const struct flow_detail *detail, void *context)
{
	struct flow_dump *d = context;
	json_t *object;
	char *text;

	if (!filter_matches(&d->filter, &e->key))
		return;
	if (d->left == 0) {
		d->more = true;
		return;
	}
	object = flow_object(d, e, detail);
	text = object == NULL ? NULL : json_dumps(object, JSON_COMPACT);
	if (text != NULL) {
		if (d->written_one)
			evbuffer_add(d->out, ",", 1);
		evbuffer_add(d->out, text, strlen(text));
		d->written_one = true;
		d->left--;
	}
	free(text);
	json_decref(object);
}

bool
flow_dump_next(struct flow_dump *d, struct evbuffer *out)
{
	const size_t before = evbuffer_get_length(out);

	d->out = out;
	record_clock_read(&d->clock, d->dp);
	if (!d->begun)
		evbuffer_add_printf(out, "{\"ok\":true,\"flows\":[");
	d->begun = true;
	for (unsigned i = 0; i < STEPS_PER_PIECE; i++) {
		if (evbuffer_get_length(out) - before >= PIECE_BYTES)
			return true;
		if (d->more || d->worker == dataplane_workers(d->dp)) {
			evbuffer_add_printf(out, "],\"more\":%s}\n", d->more ? "true" : "false");
			return false;
		}
		if (!dataplane_flows(d->dp, d->worker, &d->cursor, write_flow, d)) {
			d->worker++;
			d->cursor = 0;
		}
	}
	return true;
}
