/* SPDX-License-Identifier: BSD-3-Clause */
/* commands.c: carries out the requests of control.sock. */
#include "control/commands_priv.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "control/stats.h"

#define CLOSED_PORTS_DEFAULT 100
#define CLOSED_PORTS_MAX     10000
#define DENIED               "only root and berthd's own user may change anything"

json_t *
command_refusal(const char *code, const char *error)
{
	return json_pack("{s:b, s:s, s:s}", "ok", 0, "error", error, "code", code);
}

static json_t *
command_status(struct request *q)
{
	const struct command_context *c = q->c;
	struct neighbours_counts known;
	struct connect_counts sockets;
	struct counter_totals t;
	const bool conserved = stats_totals(c->dp, &t);
	uint64_t flows = 0, dropped = 0;
	json_t *o;

	for (uint16_t w = 0; w < dataplane_workers(c->dp); w++) {
		struct worker_info info;

		dataplane_worker_info(c->dp, w, &info);
		flows += info.flows;
	}
	for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++)
		dropped += t.drops[i];
	neighbours_count(c->neighbours, &known);
	o = json_pack("{s:s, s:i, s:I, s:i, s:I, s:I, s:I, s:I, s:s, s:b}", "version", c->version,
		      "pid", (int)getpid(), "uptime_ms",
		      (json_int_t)(clock_monotonic_ms() - c->started_ms), "workers",
		      dataplane_workers(c->dp), "applications", (json_int_t)apps_count(c->apps),
		      "ports", (json_int_t)apps_ports_count(c->apps), "bindings",
		      (json_int_t)bindings_count(c->bindings), "flows", (json_int_t)flows, "memory",
		      c->memory, "conserved", conserved);
	json_object_set_new(o, "neighbours",
			    json_pack("{s:i, s:i, s:i}", "known", known.known, "asked", known.asked,
				      "failed", known.failed));
	connect_count(dataplane_connections(c->dp), &sockets);
	json_object_set_new(o, "connections",
			    json_pack("{s:I, s:I, s:I}", "open", (json_int_t)sockets.open,
				      "quarantine", (json_int_t)sockets.quarantine, "capacity",
				      (json_int_t)sockets.capacity));
	json_object_set_new(o, "listeners", json_integer(flow_events_listeners(c->events)));
	if (c->ipfix != NULL) {
		struct ipfix_counts records;

		ipfix_count(c->ipfix, &records);
		json_object_set_new(o, "ipfix_exported",
				    json_integer((json_int_t)records.exported));
		json_object_set_new(o, "ipfix_lost", json_integer((json_int_t)records.lost));
	}
	json_object_set_new(o, "refusals", json_integer((json_int_t)q->c->apps->refusals.count));
	json_object_set_new(o, "received", json_integer((json_int_t)t.counters[COUNTER_received]));
	json_object_set_new(o, "delivered",
			    json_integer((json_int_t)t.counters[COUNTER_delivered]));
	json_object_set_new(o, "transmitted",
			    json_integer((json_int_t)t.counters[COUNTER_transmitted]));
	json_object_set_new(o, "dropped", json_integer((json_int_t)dropped));
	return o;
}

static json_t *
command_nics(struct request *q)
{
	return stats_nics(q->c->dp);
}

static json_t *
command_workers(struct request *q)
{
	return stats_workers(q->c->dp);
}

static json_t *
command_ports(struct request *q)
{
	return stats_ports(q->c->dp, q->c->apps, q->c->bindings);
}

static json_t *
command_bindings(struct request *q)
{
	return stats_bindings(q->c->bindings);
}

static json_t *
command_refusals(struct request *q)
{
	return refusals_json(&q->c->apps->refusals);
}

static json_t *
command_stats(struct request *q)
{
	return stats_counters(q->c->dp);
}

static json_t *
command_drops(struct request *q)
{
	const json_t *limit = json_object_get(q->json, "limit");

	if (limit == NULL)
		return stats_drops(q->c->dp, CLOSED_PORTS_DEFAULT);
	if (!json_is_integer(limit) || json_integer_value(limit) < 0 ||
	    json_integer_value(limit) > CLOSED_PORTS_MAX)
		return command_refusal("usage", "limit is a number, 0 to 10000");
	return stats_drops(q->c->dp, (uint32_t)json_integer_value(limit));
}

static json_t *
command_flows(struct request *q)
{
	const char *why;
	const int rc = flow_dump_create(q->c->dp, q->c->apps, q->json, &q->stream.dump, &why);

	return rc == -EINVAL ? command_refusal("usage", why) : NULL;
}

static json_t *
command_events(struct request *q)
{
	const char *why;
	const int rc =
		event_stream_create(q->c->events, q->c->apps, q->json, &q->stream.events, &why);

	if (rc == -EUSERS)
		return command_refusal("refused", why);
	return rc == -EINVAL ? command_refusal("usage", why) : NULL;
}

struct app_port *
command_port(const struct apps *apps, const json_t *value, const char **why)
{
	const char *name = json_string_value(value);
	struct app_port *found = NULL;
	char *end;
	unsigned long id;

	*why = "there is no such port";
	if (json_is_integer(value))
		return json_integer_value(value) >= 0 && json_integer_value(value) < PORTS_MAX
			       ? apps_port(apps, (uint32_t)json_integer_value(value))
			       : NULL;
	if (name == NULL)
		return NULL;
	for (uint32_t i = 0; i < PORTS_MAX; i++) {
		struct app_port *port = apps_port(apps, i);

		if (port == NULL || strcmp(port->name, name) != 0)
			continue;
		if (found != NULL) {
			*why = "several ports have that name; give the number of one";
			return NULL;
		}
		found = port;
	}
	if (found != NULL || name[0] < '0' || name[0] > '9')
		return found;
	id = strtoul(name, &end, 10);
	return *end == '\0' && id < PORTS_MAX ? apps_port(apps, (uint32_t)id) : NULL;
}

static const char *
error_code(int error)
{
	return error == -EACCES ? "denied" : error == -EINVAL ? "usage" : "refused";
}

static json_t *
binding_answer(uint32_t id, const struct identity *identity, const char *port)
{
	char text[IDENTITY_TEXT_BYTES];

	return json_pack("{s:I, s:s, s:s}", "binding", (json_int_t)id, "identity",
			 identity_format(identity, text), "port", port);
}

/* What a bind request says besides the identity, as a BIND message has it. */
static bool
bind_flags(const json_t *request, uint32_t *flags, const char **why)
{
	const json_t *shared = json_object_get(request, "shared");
	const json_t *reuse = json_object_get(request, "reuse");
	const json_t *weight = json_object_get(request, "weight");

	*why = "shared and reuse are true or false";
	if ((shared != NULL && !json_is_boolean(shared)) ||
	    (reuse != NULL && !json_is_boolean(reuse)))
		return false;
	*why = "weight is a number, 1 to 255";
	if (weight != NULL && (!json_is_integer(weight) || json_integer_value(weight) < 1 ||
			       json_integer_value(weight) > UINT8_MAX))
		return false;
	*flags = (json_is_true(shared) ? MESSAGE_BIND_SHARED : 0) |
		 (json_is_true(reuse) ? MESSAGE_BIND_REUSE : 0) |
		 (uint32_t)json_integer_value(weight) << MESSAGE_BIND_WEIGHT_SHIFT;
	return true;
}

static json_t *
command_bind(struct request *q)
{
	const char *text = json_string_value(json_object_get(q->json, "identity"));
	const struct binding *b;
	struct identity identity;
	struct app_port *port;
	char sentence[MESSAGE_TEXT_BYTES];
	uint32_t flags;
	const char *why;
	json_t *answer;
	int rc;

	if (text == NULL)
		return command_refusal("usage", "bind needs an identity, as tcp/192.0.2.10:443");
	if (!bind_flags(q->json, &flags, &why))
		return command_refusal("usage", why);
	if (identity_parse(text, &identity, &why) != 0)
		return command_refusal("usage", why);
	port = command_port(q->c->apps, json_object_get(q->json, "port"), &why);
	if (port == NULL)
		return command_refusal("refused", why);
	rc = app_port_bind(port, &identity, flags, q->asker, &b, sentence);
	if (rc != 0) {
		char what[REFUSAL_WHAT_BYTES];

		snprintf(what, sizeof(what), "bind %.*s", IDENTITY_TEXT_BYTES, text);
		refusals_note(&q->c->apps->refusals, q->asker, "berthctl", what, rc, sentence);
		return command_refusal(error_code(rc), sentence);
	}
	answer = binding_answer(b->id, &b->identity, b->port_name);
	if (apps_publish(q->c->apps) != 0) {
		bindings_remove(q->c->bindings, b->id);
		apps_changed(q->c->apps);
		json_decref(answer);
		return command_refusal("refused", "no memory to publish the binding");
	}
	return answer;
}

/* Finds a binding by its number or by its identity where it alone has it. */
static const struct binding *
binding_named(const struct bindings *bindings, const json_t *value, const char **why)
{
	const char *text = json_string_value(value);
	const struct binding *found = NULL;
	struct identity identity;

	*why = "there is no such binding";
	if (json_is_integer(value))
		return json_integer_value(value) > 0 && json_integer_value(value) <= UINT32_MAX
			       ? bindings_find(bindings, (uint32_t)json_integer_value(value))
			       : NULL;
	if (text == NULL)
		return NULL;
	if (text[0] >= '0' && text[0] <= '9') {
		char *end;
		const unsigned long id = strtoul(text, &end, 10);

		return *end == '\0' && id <= UINT32_MAX ? bindings_find(bindings, (uint32_t)id)
							: NULL;
	}
	if (identity_parse(text, &identity, why) != 0)
		return NULL;
	address_mask(&identity.local.address, identity.local.length);
	for (uint32_t i = 0; i < bindings_count(bindings); i++) {
		const struct binding *b = bindings_at(bindings, i);

		if (!bind_same(&b->identity, &identity))
			continue;
		if (found != NULL) {
			*why = "several bindings have that identity; give the number of one";
			return NULL;
		}
		found = b;
	}
	if (found == NULL)
		*why = "there is no such binding";
	return found;
}

static json_t *
command_unbind(struct request *q)
{
	const json_t *name = json_object_get(q->json, "binding");
	const struct binding *b;
	const char *why;
	json_t *answer;

	if (name == NULL)
		return command_refusal("usage", "unbind needs a binding's number or identity");
	b = binding_named(q->c->bindings, name, &why);
	if (b == NULL)
		return command_refusal("refused", why);
	answer = binding_answer(b->id, &b->identity, b->port_name);
	bindings_remove(q->c->bindings, b->id);
	/* Without memory the next tick publishes it: what was taken away is never given back. */
	apps_changed(q->c->apps);
	apps_publish(q->c->apps);
	return answer;
}

/* Reads a rate that may be left out. False: it is no rate. */
static bool
rate_get(const json_t *request, const char *name, uint32_t *rate)
{
	const json_t *value = json_object_get(request, name);

	if (value == NULL)
		return true;
	if (!json_is_integer(value) || json_integer_value(value) < 0 ||
	    json_integer_value(value) > GENERATOR_RATE_MAX)
		return false;
	*rate = (uint32_t)json_integer_value(value);
	return true;
}

static json_t *
command_generate(struct request *q)
{
	const char *name = json_string_value(json_object_get(q->json, "nic"));
	struct generator_rates rates;
	struct nic_info info;
	uint16_t nic = 0;

	if (name == NULL)
		return command_refusal("usage", "generate needs the name of a nic");
	while (dataplane_nic_info(q->c->dp, nic, &info) == 0 && strcmp(info.name, name) != 0)
		nic++;
	if (dataplane_generator_info(q->c->dp, nic, &rates) != 0)
		return command_refusal("refused", "there is no nic of that name with a generator");
	if (!rate_get(q->json, "rate", &rates.packets) ||
	    !rate_get(q->json, "new_flows", &rates.new_flows) ||
	    !rate_get(q->json, "syn_flood", &rates.syns))
		return command_refusal(
			"usage", "rates are packets in a second, 0 to 1000000000; rate 0 is max");
	dataplane_generator_rates(q->c->dp, nic, &rates);
	dataplane_generator_info(q->c->dp, nic, &rates);
	return json_pack("{s:s, s:I, s:I, s:I}", "nic", name, "rate", (json_int_t)rates.packets,
			 "new_flows", (json_int_t)rates.new_flows, "syn_flood",
			 (json_int_t)rates.syns);
}

static const struct {
	const char *name;
	json_t *(*run)(struct request *q);
	bool changes; /* root and the daemon's own user only */
} commands[] = {
	{ "status", command_status, false },     { "nics", command_nics, false },
	{ "workers", command_workers, false },   { "ports", command_ports, false },
	{ "bindings", command_bindings, false }, { "flows", command_flows, false },
	{ "stats", command_stats, false },       { "drops", command_drops, false },
	{ "refusals", command_refusals, false }, { "events", command_events, false },
	{ "bind", command_bind, true },          { "unbind", command_unbind, true },
	{ "drain", command_drain, true },        { "generate", command_generate, true },
	{ "reload", command_reload, true },
};

static json_t *
dispatch(struct request *q)
{
	const char *name = json_string_value(json_object_get(q->json, "command"));
	const uid_t uid = q->asker->uid;

	if (name == NULL)
		return command_refusal("usage", "a request is {\"command\":\"NAME\", ...}");
	for (unsigned i = 0; i < sizeof(commands) / sizeof(commands[0]); i++) {
		json_t *answer;

		if (strcmp(commands[i].name, name) != 0)
			continue;
		if (commands[i].changes && uid != 0 && uid != q->c->daemon_uid) {
			refusals_note(&q->c->apps->refusals, q->asker, "berthctl", name, -EACCES,
				      DENIED);
			return command_refusal("denied", DENIED);
		}
		answer = commands[i].run(q);
		if (answer != NULL && json_object_get(answer, "ok") == NULL)
			json_object_set_new(answer, "ok", json_true());
		return answer;
	}
	return command_refusal("usage", "there is no such command");
}

json_t *
command_run(const struct command_context *c, const struct credentials *asker, const char *line,
	    size_t bytes, struct command_stream *stream)
{
	struct request q = { .c = c, .asker = asker };
	json_error_t error;
	json_t *json = json_loadb(line, bytes, JSON_REJECT_DUPLICATES, &error);
	json_t *answer;

	*stream = (struct command_stream){ 0 };
	if (json == NULL) {
		char sentence[JSON_ERROR_TEXT_LENGTH + 40];

		snprintf(sentence, sizeof(sentence), "that is no JSON object: column %d: %s",
			 error.column, error.text);
		return command_refusal("usage", sentence);
	}
	q.json = json;
	answer = dispatch(&q);
	json_decref(json);
	*stream = q.stream;
	return answer;
}
