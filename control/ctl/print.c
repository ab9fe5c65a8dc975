/* SPDX-License-Identifier: BSD-3-Clause */
/* print.c: which columns each answer has. */
#include "control/ctl/print.h"

#include <stdio.h>
#include <string.h>

#include "control/ctl/table.h"

void
print_status(json_t *answer, const json_t *former, double seconds)
{
	(void)former;
	(void)seconds;
	table_print_members(answer);
}

void
print_nics(json_t *answer, const json_t *former, double seconds)
{
	static const struct column columns[] = {
		{ "NAME", "name" },
		{ "DEVICE", "device" },
		{ "DRIVER", "driver" },
		{ "MAC", "mac" },
		{ "UP", "up" },
		{ "MBIT/S", "speed_mbps", true },
		{ "MTU", "mtu", true },
		{ "QUEUES", "rx_queues", true },
		{ "RX", "rx_packets", true },
		{ "MISSED", "rx_missed", true },
		{ "RX-ERRORS", "rx_errors", true },
		{ "TX", "tx_packets", true },
		{ "TX-ERRORS", "tx_errors", true },
		{ NULL },
	};

	(void)former;
	(void)seconds;
	table_print(columns, json_object_get(answer, "nics"));
}

void
print_workers(json_t *answer, const json_t *former, double seconds)
{
	static const struct column columns[] = {
		{ "WORKER", "worker", true },     { "CORE", "core", true },
		{ "QUEUES", "queues", true },     { "POLLS", "polls", true },
		{ "BUSY", "busy_polls", true },   { "SLEEPS", "sleeps", true },
		{ "PACKETS", "packets", true },   { "DELIVERED", "delivered", true },
		{ "SENT", "transmitted", true },  { "HANDED-OVER", "handed_over", true },
		{ "DROPPED", "dropped", true },   { "FLOWS", "flows", true },
		{ "OF", "flows_capacity", true }, { NULL },
	};

	(void)former;
	(void)seconds;
	table_print(columns, json_object_get(answer, "workers"));
}

static const json_t *
row_with_id(const json_t *rows, const json_t *id)
{
	const json_t *row;
	size_t i;

	json_array_foreach (rows, i, row) {
		if (json_equal(json_object_get(row, "id"), id))
			return row;
	}
	return NULL;
}

/* Adds `rate`, the growth of `member` per second; a port that is new or began anew has none. */
static void
add_rate(json_t *row, const json_t *before, const char *member, const char *rate, double seconds)
{
	const json_int_t now = json_integer_value(json_object_get(row, member));
	const json_int_t then = json_integer_value(json_object_get(before, member));

	if (before != NULL && now >= then)
		json_object_set_new(row, rate, json_real((double)(now - then) / seconds));
	else
		json_object_set_new(row, rate, json_string(""));
}

void
print_ports(json_t *answer, const json_t *former, double seconds)
{
	static const struct column rates[] = {
		{ "ID", "id", true },
		{ "PORT", "name" },
		{ "APPLICATION", "app" },
		{ "SERVICE", "service" },
		{ "CLASS", "class" },
		{ "PACKETS/S", "packets_rate", true },
		{ "BYTES/S", "bytes_rate", true },
		{ "SENT/S", "sent_rate", true },
		{ "DROPPED", "dropped", true },
		{ "FLOWS", "flows", true },
		{ "IDENTITIES", "identities" },
		{ NULL },
	};
	static const struct column totals[] = {
		{ "ID", "id", true },
		{ "PORT", "name" },
		{ "APPLICATION", "app" },
		{ "PID", "pid", true },
		{ "SERVICE", "service" },
		{ "CLASS", "class" },
		{ "DELIVERED", "delivered", true },
		{ "BYTES", "delivered_bytes", true },
		{ "SENT", "sent", true },
		{ "DROPPED", "dropped", true },
		{ "FLOWS", "flows", true },
		{ "IDENTITIES", "identities" },
		{ NULL },
	};
	const json_t *rows = json_object_get(answer, "ports");
	json_t *row;
	size_t i;

	if (former == NULL) {
		table_print(totals, rows);
		return;
	}
	json_array_foreach (rows, i, row) {
		const json_t *before =
			row_with_id(json_object_get(former, "ports"), json_object_get(row, "id"));

		add_rate(row, before, "delivered", "packets_rate", seconds);
		add_rate(row, before, "delivered_bytes", "bytes_rate", seconds);
		add_rate(row, before, "sent", "sent_rate", seconds);
	}
	table_print(rates, rows);
}

void
print_bindings(json_t *answer, const json_t *former, double seconds)
{
	static const struct column columns[] = {
		{ "ID", "id", true },       { "IDENTITY", "identity" },
		{ "PORT", "port" },         { "PORT-ID", "port_id", true },
		{ "APPLICATION", "app" },   { "PID", "pid", true },
		{ "UID", "uid", true },     { "SHARED", "shared" },
		{ "REUSE", "reuse" },       { "WEIGHT", "weight", true },
		{ "DRAINING", "draining" }, { "SERVICE", "service" },
		{ "CLASS", "class" },       { NULL },
	};

	(void)former;
	(void)seconds;
	table_print(columns, json_object_get(answer, "bindings"));
}

void
print_flows(json_t *answer, const json_t *former, double seconds)
{
	static const struct column columns[] = {
		{ "PROTO", "proto" },
		{ "FROM", "orig.address" },
		{ "PORT", "orig.port", true },
		{ "PACKETS", "orig.packets", true },
		{ "BYTES", "orig.bytes", true },
		{ "TO", "reply.address" },
		{ "PORT", "reply.port", true },
		{ "PACKETS", "reply.packets", true },
		{ "BYTES", "reply.bytes", true },
		{ "STATE", "state" },
		{ "SERVED-BY", "port" },
		{ "IDLE-MS", "idle_ms", true },
		{ "WORKER", "worker", true },
		{ NULL },
	};

	(void)former;
	(void)seconds;
	table_print(columns, json_object_get(answer, "flows"));
	if (json_is_true(json_object_get(answer, "more")))
		printf("There are more flows: raise --limit.\n");
}

/* Lines come one by one: the columns have widths of their own. */
static void
event_line(const json_t *event)
{
	static const char *const ends[] = { "orig", "reply" };
	long long packets = 0, bytes = 0;

	printf("%-7s %-6s", json_string_value(json_object_get(event, "event")),
	       json_string_value(json_object_get(event, "proto")));
	for (unsigned i = 0; i < 2; i++) {
		const json_t *end = json_object_get(event, ends[i]);

		packets += json_integer_value(json_object_get(end, "packets"));
		bytes += json_integer_value(json_object_get(end, "bytes"));
		printf(" %-39s %5lld", json_string_value(json_object_get(end, "address")),
		       (long long)json_integer_value(json_object_get(end, "port")));
	}
	printf(" %8lld %10lld %-11s %-8s %s\n", packets, bytes,
	       json_string_value(json_object_get(event, "state")),
	       json_string_value(json_object_get(event, "end")),
	       json_string_value(json_object_get(event, "port")));
}

void
print_event(json_t *answer, const json_t *former, double seconds)
{
	const json_t *lost = json_object_get(answer, "events");

	(void)seconds;
	if (former == NULL)
		printf("%-7s %-6s %-39s %5s %-39s %5s %8s %10s %-11s %-8s %s\n", "EVENT", "PROTO",
		       "FROM", "PORT", "TO", "PORT", "PACKETS", "BYTES", "STATE", "END",
		       "SERVED-BY");
	if (lost != NULL)
		printf("%-7s %lld\n", "lost", (long long)json_integer_value(lost));
	else
		event_line(answer);
}

void
print_stats(json_t *answer, const json_t *former, double seconds)
{
	const json_int_t in = json_integer_value(json_object_get(answer, "in"));
	const json_int_t out = json_integer_value(json_object_get(answer, "out"));
	json_t *drops = json_object_get(answer, "drops");
	const char *name;
	json_t *count;
	void *next;

	(void)former;
	(void)seconds;
	table_print_members(json_object_get(answer, "counters"));
	/* Reasons that never happened would hide those that did. */
	json_object_foreach_safe(drops, next, name, count)
	{
		if (json_integer_value(count) == 0)
			json_object_del(drops, name);
	}
	printf("\nDROPPED\n");
	table_print_members(drops);
	printf("\nin %lld, out %lld, of which held %lld: %s\n", (long long)in, (long long)out,
	       (long long)json_integer_value(json_object_get(answer, "held")),
	       in == out ? "every packet is accounted for" : "packets are on their way");
}

void
print_drops(json_t *answer, const json_t *former, double seconds)
{
	static const struct column columns[] = {
		{ "PROTO", "proto" }, { "PORT", "port", true },       { "SERVICE", "service" },
		{ "CLASS", "class" }, { "PACKETS", "packets", true }, { NULL },
	};

	(void)former;
	(void)seconds;
	table_print_members(json_object_get(answer, "drops"));
	printf("\nCLOSED PORTS\n");
	table_print(columns, json_object_get(answer, "closed_ports"));
}

void
print_refusals(json_t *answer, const json_t *former, double seconds)
{
	static const struct column columns[] = {
		{ "TIME", "time" },     { "UID", "uid", true },
		{ "PID", "pid", true }, { "APPLICATION", "app" },
		{ "WHAT", "what" },     { "ERROR", "error" },
		{ "WHY", "why" },       { NULL },
	};

	(void)former;
	(void)seconds;
	table_print(columns, json_object_get(answer, "refusals"));
	printf("\n%lld refusals since berthd started\n",
	       (long long)json_integer_value(json_object_get(answer, "count")));
}

void
print_drained(json_t *answer, const json_t *former, double seconds)
{
	static const struct column columns[] = {
		{ "ID", "id", true },
		{ "PORT", "name" },
		{ "APPLICATION", "app" },
		{ "PID", "pid", true },
		{ "FLOWS-LEFT", "flows", true },
		{ NULL },
	};

	(void)former;
	(void)seconds;
	table_print(columns, json_object_get(answer, "ports"));
}

void
print_binding(json_t *answer, const json_t *former, double seconds)
{
	(void)former;
	(void)seconds;
	printf("binding %lld: %s of port %s\n",
	       (long long)json_integer_value(json_object_get(answer, "binding")),
	       json_string_value(json_object_get(answer, "identity")),
	       json_string_value(json_object_get(answer, "port")));
}

/* "changed: a, b". */
static void
paths_print(const char *what, const json_t *paths)
{
	const json_t *path;
	size_t i;

	if (json_array_size(paths) == 0)
		return;
	printf("%s", what);
	json_array_foreach (paths, i, path) {
		printf("%s%s", i == 0 ? " " : ", ", json_string_value(path));
	}
	putchar('\n');
}

void
print_reloaded(json_t *answer, const json_t *former, double seconds)
{
	const json_t *changed = json_object_get(answer, "changed");
	const json_t *waiting = json_object_get(answer, "waiting");

	(void)former;
	(void)seconds;
	if (json_array_size(changed) + json_array_size(waiting) == 0)
		printf("nothing differs\n");
	paths_print("changed:", changed);
	paths_print("only a start reads:", waiting);
}

void
print_rates(json_t *answer, const json_t *former, double seconds)
{
	const json_int_t rate = json_integer_value(json_object_get(answer, "rate"));

	(void)former;
	(void)seconds;
	printf("nic %s: ", json_string_value(json_object_get(answer, "nic")));
	if (rate == 0)
		printf("as many packets as are taken");
	else
		printf("%lld packets/s", (long long)rate);
	printf(", %lld new flows/s, %lld SYNs/s\n",
	       (long long)json_integer_value(json_object_get(answer, "new_flows")),
	       (long long)json_integer_value(json_object_get(answer, "syn_flood")));
}
