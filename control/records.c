/* SPDX-License-Identifier: BSD-3-Clause */
/* records.c: turns records of flows into JSON. */
#include "control/records.h"

#include <string.h>
#include <time.h>

#include "common/base/identity.h"

/* A difference of the clocks by less is noise of reading them. */
#define CLOCK_NOISE_MS 50
/* Packets are this much newer than a reading of the clock at most. */
#define AHEAD_MS   60000u
#define TIME_BYTES 40

void
record_clock_read(struct record_clock *c, const struct dataplane *dp)
{
	const uint32_t now_ms = dataplane_now_ms(dp);
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	const uint64_t wall_ms = (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
	const uint64_t expected_ms = c->wall_ms + (now_ms - c->now_ms);
	const int64_t off_ms = (int64_t)(wall_ms - expected_ms);

	c->wall_ms = off_ms > -CLOCK_NOISE_MS && off_ms < CLOCK_NOISE_MS ? expected_ms : wall_ms;
	c->now_ms = now_ms;
}

uint32_t
record_age_ms(const struct record_clock *c, uint32_t ms)
{
	return ms - c->now_ms < AHEAD_MS ? 0 : c->now_ms - ms;
}

uint64_t
record_wall_ms(const struct record_clock *c, uint32_t ms)
{
	return ms - c->now_ms < AHEAD_MS ? c->wall_ms + (ms - c->now_ms)
					 : c->wall_ms - (c->now_ms - ms);
}

/* RFC 3339, in UTC. */
static const char *
time_format(uint64_t wall_ms, char text[TIME_BYTES])
{
	const time_t seconds = (time_t)(wall_ms / 1000);
	struct tm t;
	size_t used;

	gmtime_r(&seconds, &t);
	used = strftime(text, TIME_BYTES, "%Y-%m-%dT%H:%M:%S", &t);
	snprintf(text + used, TIME_BYTES - used, ".%03uZ", (unsigned)(wall_ms % 1000));
	return text;
}

/* "FSPA": the letters of the flags, from the lowest bit on (RFC 9293 3.1). */
static const char *
flags_format(uint8_t tcp_flags, char text[9])
{
	static const char letters[] = "FSRPAUEC";
	size_t used = 0;

	for (unsigned i = 0; i < 8; i++)
		if ((tcp_flags >> i & 1) != 0)
			text[used++] = letters[i];
	text[used] = '\0';
	return text;
}

/* One direction: who sends in it, how much, and which TCP flags. */
static json_t *
direction_object(const struct flow_record *r, unsigned direction)
{
	const unsigned endpoint = flow_record_origin(r) ^ direction;
	struct address a = { .family = r->key.family };
	char text[ADDRESS_TEXT_BYTES], flags[9];

	memcpy(a.bytes, r->key.addr[endpoint], sizeof(a.bytes));
	return json_pack("{s:s, s:i, s:I, s:I, s:s}", "address", address_format(&a, text), "port",
			 r->key.port[endpoint], "packets", (json_int_t)r->packets[direction],
			 "bytes", (json_int_t)r->bytes[direction], "tcp_flags",
			 flags_format(r->tcp_flags[direction], flags));
}

/* Name of the port that serves the flow: for an outgoing one the sender's, else the receiver's. */
static const char *
port_name(const struct apps *apps, port_ref ref)
{
	const struct app_port *port = apps_port(apps, port_ref_id(ref));

	return port != NULL && port->ref == ref ? port->name : "";
}

json_t *
record_object(const struct apps *apps, const struct record_clock *c, uint16_t worker,
	      const struct flow_record *r)
{
	char proto[16], first[TIME_BYTES], last[TIME_BYTES], history[TRACK_HISTORY_BYTES];

	return json_pack("{s:i, s:s, s:i, s:o, s:o, s:s, s:s, s:s, s:s, s:s, s:b}", "worker",
			 worker, "proto", proto_name(r->key.proto, proto), "zone", r->key.zone,
			 "orig", direction_object(r, 0), "reply", direction_object(r, 1), "state",
			 track_state_name(r->key.proto, r->state), "history",
			 track_history(r->key.proto, r->history, history), "port",
			 port_name(apps, r->port), "first",
			 time_format(record_wall_ms(c, r->first_ms), first), "last",
			 time_format(record_wall_ms(c, r->last_ms), last), "outgoing",
			 (r->flags & FLOW_OUTGOING) != 0);
}
