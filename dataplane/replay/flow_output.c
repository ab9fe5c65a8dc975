/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_output.c: see flow_output.h. */
#include "dataplane/replay/flow_output.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/address.h"
#include "dataplane/export/ipfix_writer.h"

const char *const flow_format_names[FLOW_FORMATS] = {
	[FLOW_FORMAT_JSON] = "json",
	[FLOW_FORMAT_CSV] = "csv",
	[FLOW_FORMAT_IPFIX] = "ipfix",
};

static const char csv_header[] =
	"id,first,last,l3,proto,orig_addr,orig_port,orig_packets,orig_bytes,"
	"reply_addr,reply_port,reply_packets,reply_bytes,state,history,end\n";

struct flow_output {
	enum flow_format format;
	struct ipfix_writer *ipfix; /* NULL: another format */
	bool begun;                 /* the templates were written */
	struct json_line line;
};

/* What a flow that outlives its captures is said to be. */
static const char *
end_name(uint8_t end)
{
	return end == FLOW_END_SHUTDOWN ? "active" : flow_end_names[end];
}

/* Who sends in `direction`, 0 being the original one. */
static const char *
address_text(const struct flow_record *r, unsigned direction, char text[ADDRESS_TEXT_BYTES])
{
	struct address address = { .family = r->key.family };

	memcpy(address.bytes, r->key.addr[flow_record_origin(r) ^ direction],
	       sizeof(address.bytes));
	return address_format(&address, text);
}

static void
direction_print(struct json_line *line, const char *key, const struct flow_record *r,
		unsigned direction)
{
	char text[ADDRESS_TEXT_BYTES];

	json_open(line, key);
	json_text(line, "addr", address_text(r, direction, text));
	json_number(line, "port", r->key.port[flow_record_origin(r) ^ direction]);
	json_number(line, "packets", r->packets[direction]);
	json_number(line, "bytes", r->bytes[direction]);
	json_close(line);
}

static void
json_put(struct flow_output *o, const struct ended_flow *f)
{
	const struct flow_record *r = &f->record;
	struct json_line *line = &o->line;
	char text[MOMENT_BYTES], history[TRACK_HISTORY_BYTES];

	json_open(line, NULL);
	json_number(line, "id", f->id);
	json_text(line, "first", moment_text(&f->first, text));
	json_text(line, "last", moment_text(&f->last, text));
	json_text(line, "l3", r->key.family == FAMILY_IPV4 ? "ipv4" : "ipv6");
	json_number(line, "proto", r->key.proto);
	direction_print(line, "orig", r, 0);
	direction_print(line, "reply", r, 1);
	json_text(line, "state", track_state_name(r->key.proto, r->state));
	json_text(line, "history", track_history(r->key.proto, r->history, history));
	json_text(line, "end", end_name(r->end));
	json_close(line);
	fwrite(line->text, 1, line->used, stdout);
	putchar('\n');
}

static void
csv_put(const struct ended_flow *f)
{
	const struct flow_record *r = &f->record;
	const unsigned from = flow_record_origin(r);
	char text[ADDRESS_TEXT_BYTES], first[MOMENT_BYTES], last[MOMENT_BYTES];
	char history[TRACK_HISTORY_BYTES];

	printf("%llu,%s,%s,%s,%u,", (unsigned long long)f->id, moment_text(&f->first, first),
	       moment_text(&f->last, last), r->key.family == FAMILY_IPV4 ? "ipv4" : "ipv6",
	       r->key.proto);
	for (unsigned d = 0; d < 2; d++)
		printf("%s,%u,%llu,%llu,", address_text(r, d, text), r->key.port[from ^ d],
		       (unsigned long long)r->packets[d], (unsigned long long)r->bytes[d]);
	printf("%s,%s,%s\n", track_state_name(r->key.proto, r->state),
	       track_history(r->key.proto, r->history, history), end_name(r->end));
}

static uint64_t
milliseconds(const struct moment *m)
{
	return (uint64_t)m->seconds * 1000 + m->nanoseconds / 1000000;
}

/* Messages are as old as what is in them. 0 would mean now. */
static void
ipfix_begin(struct flow_output *o, int64_t seconds)
{
	ipfix_writer_time(o->ipfix, seconds == 0 ? 1 : (uint32_t)seconds);
	if (!o->begun)
		(void)ipfix_writer_templates(o->ipfix);
	o->begun = true;
}

static void
ipfix_put(struct flow_output *o, const struct ended_flow *f)
{
	const struct flow_record *r = &f->record;
	const struct ipfix_record record = {
		.flow = r,
		.start_ms = milliseconds(&f->first),
		.end_ms = milliseconds(&f->last),
		.packets = { r->packets[0], r->packets[1] },
		.bytes = { r->bytes[0], r->bytes[1] },
		.end = ipfix_end_of(r->end),
	};

	ipfix_begin(o, f->now.seconds);
	(void)ipfix_writer_put(o->ipfix, &record);
}

/* ipfix_emit_fn */
static bool
message_write(void *context, const uint8_t *message, size_t bytes, uint32_t records)
{
	(void)context;
	(void)records;
	return fwrite(message, 1, bytes, stdout) == bytes;
}

int
flow_output_open(enum flow_format format, struct flow_output **out)
{
	struct flow_output *o = calloc(1, sizeof(*o));
	int error = o == NULL ? -ENOMEM : 0;

	if (error == 0 && format == FLOW_FORMAT_IPFIX)
		error = ipfix_writer_create(0, message_write, o, &o->ipfix);
	if (error != 0) {
		free(o);
		return error;
	}
	o->format = format;
	if (format == FLOW_FORMAT_CSV)
		fputs(csv_header, stdout);
	*out = o;
	return 0;
}

void
flow_output_put(struct flow_output *o, const struct ended_flow *flow)
{
	switch (o->format) {
	case FLOW_FORMAT_CSV:
		csv_put(flow);
		break;
	case FLOW_FORMAT_IPFIX:
		ipfix_put(o, flow);
		break;
	default:
		json_put(o, flow);
	}
}

void
flow_output_close(struct flow_output *o)
{
	if (o->ipfix != NULL) {
		if (!o->begun)
			ipfix_begin(o, 0);
		(void)ipfix_writer_flush(o->ipfix);
	}
	ipfix_writer_destroy(o->ipfix);
	free(o);
}
