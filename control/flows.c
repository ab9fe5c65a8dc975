/* SPDX-License-Identifier: BSD-3-Clause */
/* flows.c: writes flow entries as JSON, some per turn of the event loop. */
#include "control/flows.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define LIMIT_DEFAULT 1000
/* Calls of dataplane_flows() per piece, and output that ends a piece early. */
#define STEPS_PER_PIECE 4
#define PIECE_BYTES     (64u << 10)

struct flow_dump {
	struct dataplane *dp;
	const struct apps *apps;
	struct evbuffer *out;   /* of the present piece */
	uint8_t proto;          /* 0: any */
	uint16_t port;          /* 0: any */
	struct address address; /* FAMILY_ANY: any */
	uint64_t left;          /* flows that may still be written */
	bool begun, written_one, more;
	uint16_t worker;
	uint32_t cursor;
	uint32_t now_ms;
};

static int
filter_proto(struct flow_dump *d, const json_t *value, const char **why)
{
	const char *text = json_string_value(value);

	if (value == NULL)
		return 0;
	*why = "proto is \"tcp\", \"udp\", \"sctp\", \"udplite\", \"icmp\" or \"icmpv6\"";
	if (text == NULL)
		return -EINVAL;
	if (strcmp(text, "icmp") == 0)
		d->proto = PROTO_ICMP;
	else if (strcmp(text, "icmpv6") == 0)
		d->proto = PROTO_ICMPV6;
	else
		d->proto = proto_parse(text);
	return d->proto != 0 ? 0 : -EINVAL;
}

static int
filter_number(const json_t *value, json_int_t least, json_int_t most, json_int_t *out)
{
	if (value == NULL)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < least ||
	    json_integer_value(value) > most)
		return -EINVAL;
	*out = json_integer_value(value);
	return 0;
}

static int
filter_read(struct flow_dump *d, const json_t *request, const char **why)
{
	const json_t *address = json_object_get(request, "address");
	json_int_t port = 0, limit = LIMIT_DEFAULT;

	if (filter_proto(d, json_object_get(request, "proto"), why) != 0)
		return -EINVAL;
	*why = "port is a number, 1 to 65535";
	if (filter_number(json_object_get(request, "port"), 1, UINT16_MAX, &port) != 0)
		return -EINVAL;
	*why = "limit is a number, 0 for all";
	if (filter_number(json_object_get(request, "limit"), 0, INT64_MAX, &limit) != 0)
		return -EINVAL;
	*why = "address is an IPv4 or IPv6 address";
	if (address != NULL && (!json_is_string(address) ||
				address_parse(json_string_value(address), &d->address) != 0))
		return -EINVAL;
	d->port = (uint16_t)port;
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
	if (filter_read(d, request, why) != 0) {
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

static bool
wanted(const struct flow_dump *d, const struct flow_key *k)
{
	if (d->proto != 0 && d->proto != k->proto)
		return false;
	if (d->port != 0 && d->port != k->port[0] && d->port != k->port[1])
		return false;
	return d->address.family == FAMILY_ANY ||
	       (d->address.family == k->family &&
		(memcmp(d->address.bytes, k->addr[0], sizeof(k->addr[0])) == 0 ||
		 memcmp(d->address.bytes, k->addr[1], sizeof(k->addr[1])) == 0));
}

/* One direction: who sends in it, and how much. */
static json_t *
direction_object(const struct flow_key *k, unsigned endpoint, const struct flow_totals *totals,
		 unsigned direction)
{
	struct address a = { .family = k->family };
	char text[ADDRESS_TEXT_BYTES];

	memcpy(a.bytes, k->addr[endpoint], sizeof(a.bytes));
	return json_pack("{s:s, s:i, s:I, s:I}", "address", address_format(&a, text), "port",
			 k->port[endpoint], "packets", (json_int_t)totals->packets[direction],
			 "bytes", (json_int_t)totals->bytes[direction]);
}

/* Name of the port that serves the flow: for an outgoing one the sender's, else the receiver's. */
static const char *
flow_port_name(const struct flow_dump *d, const struct flow_detail *detail, unsigned server)
{
	const port_ref ref = atomic_load_explicit(&detail->port[server], memory_order_relaxed);
	const struct app_port *port = apps_port(d->apps, port_ref_id(ref));

	return port != NULL && port->ref == ref ? port->name : "";
}

static json_t *
flow_object(const struct flow_dump *d, const struct flow_entry *e, const struct flow_detail *detail)
{
	const uint64_t word = flow_entry_word(e);
	const unsigned flags = flow_word_flags(word), state = flow_word_state(word);
	const unsigned origin = (flags & FLOW_ORIG_IS_1) != 0;
	const uint32_t first = atomic_load_explicit(&detail->first_ms, memory_order_relaxed);
	const uint32_t last = atomic_load_explicit(&e->last_seen_ms, memory_order_relaxed);
	const uint32_t timeout = track_timeout_ms(dataplane_timeouts(d->dp), e->key.proto, state);
	/* A packet may have come since now_ms was read. */
	const uint32_t idle = (int32_t)(d->now_ms - last) < 0 ? 0 : d->now_ms - last;
	const uint32_t age = (int32_t)(d->now_ms - first) < 0 ? 0 : d->now_ms - first;
	struct flow_totals totals;
	char proto[16];

	flow_totals_read(e, detail, &totals);
	return json_pack("{s:i, s:s, s:i, s:o, s:o, s:s, s:s, s:I, s:I, s:I, s:b}", "worker",
			 d->worker, "proto", proto_name(e->key.proto, proto), "zone", e->key.zone,
			 "orig", direction_object(&e->key, origin, &totals, 0), "reply",
			 direction_object(&e->key, !origin, &totals, 1), "state",
			 track_state_name(e->key.proto, state), "port",
			 flow_port_name(d, detail, flow_near_side(flags)), "age_ms",
			 (json_int_t)age, "idle_ms", (json_int_t)idle, "timeout_ms",
			 (json_int_t)timeout, "outgoing", (flags & FLOW_OUTGOING) != 0);
}

static void
write_flow(const struct flow_entry *e, const struct flow_detail *detail, void *context)
{
	struct flow_dump *d = context;
	json_t *object;
	char *text;

	if (!wanted(d, &e->key))
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
	d->now_ms = dataplane_now_ms(d->dp);
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
