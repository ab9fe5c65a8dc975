/* SPDX-License-Identifier: BSD-3-Clause */
/* test_commands.c: control.sock: requests, answers, refusals, and clients that misbehave. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/console.h"
#include "tests/support/fake_dataplane.h"

static struct event_base *base;
static struct bindings *registry;
static struct connections *connections;
static struct notifier *notifier;
static struct apps *apps;
static struct neighbours *table;
static struct flow_events *events;
static struct console *console;
static struct command_context context;
static int app_fd;

static const struct credentials root = { .uid = 0 };
static const struct credentials stranger = { .uid = 4242, .gid = 4242 };

/* Attaches one application with a port "web" through its socket. */
static void
attach_one(void)
{
	struct message_request q = { .version = MESSAGE_VERSION, .type = MESSAGE_HELLO };
	int pair[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0));
	cr_assert(eq(int, apps_accept(apps, pair[1]), 0));
	app_fd = pair[0];
	snprintf(q.name, sizeof(q.name), "server");
	cr_assert(send(app_fd, &q, sizeof(q), 0) > 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	q.type = MESSAGE_PORT_OPEN;
	snprintf(q.name, sizeof(q.name), "web");
	cr_assert(send(app_fd, &q, sizeof(q), 0) > 0);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_assert(eq(u32, apps_ports_count(apps), 1));
}

static void
setup(void)
{
	struct bindings_options rules = { .quota = 100, .links = &fake.links };
	struct connections_options sockets = { .quota = 12,
					       .ephemeral_first = 50000,
					       .ephemeral_last = 50009 };
	struct apps_options options = { .quota_applications = 4,
					.quota_ports = 20,
					.quota_ring_bytes = 64u << 20 };

	signal(SIGPIPE, SIG_IGN);
	fake_dataplane_reset();
	base = event_base_new();
	cr_assert(eq(int, bindings_create(&rules, &registry), 0));
	sockets.dp = fake_dataplane();
	sockets.bindings = registry;
	cr_assert(eq(int, connections_create(&sockets, &connections), 0));
	cr_assert(eq(int, notifier_start(&notifier), 0));
	cr_assert(eq(int, neighbours_create(fake_dataplane(), &table), 0));
	cr_assert(eq(int, flow_events_create(base, fake_dataplane(), &events), 0));
	options.base = base;
	options.dp = fake_dataplane();
	options.bindings = registry;
	options.connections = connections;
	options.notifier = notifier;
	cr_assert(eq(int, apps_create(&options, &apps), 0));
	context = (struct command_context){
		.dp = fake_dataplane(),
		.apps = apps,
		.bindings = registry,
		.neighbours = table,
		.events = events,
		.version = "1.2.3",
		.memory = "ordinary",
		.daemon_uid = 900,
	};
	cr_assert(eq(int, console_create(base, &context, &console), 0));
	attach_one();
}

static void
teardown(void)
{
	close(app_fd);
	console_destroy(console);
	flow_events_destroy(events);
	apps_destroy(apps);
	neighbours_destroy(table);
	notifier_stop(notifier);
	connections_destroy(connections);
	bindings_destroy(registry);
	dataplane_reclaim(fake_dataplane());
	event_base_free(base);
}

TestSuite(commands, .init = setup, .fini = teardown);

/* Whether the member is there and is this boolean. */
static bool
says(const json_t *object, const char *member, bool value)
{
	const json_t *found = json_object_get(object, member);

	return json_is_boolean(found) && json_is_true(found) == value;
}

static json_t *
run(const struct credentials *who, const char *line)
{
	struct command_stream stream;
	json_t *answer = command_run(&context, who, line, strlen(line), &stream);

	cr_assert(answer != NULL && stream.dump == NULL && stream.events == NULL, "%s", line);
	return answer;
}

/* Goal: whatever is asked wrongly is refused with a sentence and the right code.
 * Method: a table of requests, as root and as another user. */
Test(commands, refusals_have_a_sentence_and_a_code)
{
	static const struct {
		const char *line, *code;
		bool as_root;
	} cases[] = {
		{ "", "usage", true },
		{ "ports", "usage", true },
		{ "[]", "usage", true },
		{ "{\"command\":5}", "usage", true },
		{ "{\"command\":\"reboot\"}", "usage", true },
		{ "{\"command\":\"ports\",\"command\":\"ports\"}", "usage", true },
		{ "{\"command\":\"drops\",\"limit\":-1}", "usage", true },
		{ "{\"command\":\"drops\",\"limit\":\"x\"}", "usage", true },
		{ "{\"command\":\"flows\",\"proto\":\"dccp\"}", "usage", true },
		{ "{\"command\":\"flows\",\"proto\":6}", "usage", true },
		{ "{\"command\":\"flows\",\"port\":65536}", "usage", true },
		{ "{\"command\":\"flows\",\"address\":\"here\"}", "usage", true },
		{ "{\"command\":\"flows\",\"limit\":1.5}", "usage", true },
		{ "{\"command\":\"events\",\"proto\":\"esp\"}", "usage", true },
		{ "{\"command\":\"events\",\"type\":\"old\"}", "usage", true },
		{ "{\"command\":\"events\",\"type\":1}", "usage", true },
		{ "{\"command\":\"bind\"}", "usage", true },
		{ "{\"command\":\"bind\",\"port\":\"web\",\"identity\":\"tcp\"}", "usage", true },
		{ "{\"command\":\"bind\",\"port\":\"no\",\"identity\":\"tcp/*:80\"}", "refused",
		  true },
		{ "{\"command\":\"bind\",\"port\":\"0x0\",\"identity\":\"tcp/*:80\"}", "refused",
		  true },
		{ "{\"command\":\"bind\",\"port\":-1,\"identity\":\"tcp/*:80\"}", "refused", true },
		{ "{\"command\":\"bind\",\"port\":4096,\"identity\":\"tcp/*:80\"}", "refused",
		  true },
		{ "{\"command\":\"bind\",\"port\":\"web\",\"identity\":\"tcp/*:80\",\"shared\":1}",
		  "usage", true },
		{ "{\"command\":\"bind\",\"port\":\"web\",\"identity\":\"tcp/*:80\",\"weight\":0}",
		  "usage", true },
		{ "{\"command\":\"drain\"}", "usage", true },
		{ "{\"command\":\"drain\",\"target\":\"web\",\"pid\":0}", "usage", true },
		{ "{\"command\":\"drain\",\"target\":\"nobody\"}", "refused", true },
		{ "{\"command\":\"drain\",\"target\":\"server\",\"pid\":1}", "refused", true },
		{ "{\"command\":\"drain\",\"target\":\"web\"}", "denied", false },
		{ "{\"command\":\"unbind\"}", "usage", true },
		{ "{\"command\":\"unbind\",\"binding\":9}", "refused", true },
		{ "{\"command\":\"unbind\",\"binding\":\"tcp/*:80\"}", "refused", true },
		{ "{\"command\":\"unbind\",\"binding\":99999999999}", "refused", true },
		{ "{\"command\":\"bind\",\"port\":\"web\",\"identity\":\"tcp/*:80\"}", "denied",
		  false },
		{ "{\"command\":\"unbind\",\"binding\":1}", "denied", false },
		{ "{\"command\":\"generate\"}", "usage", true },
		{ "{\"command\":\"generate\",\"nic\":\"none\"}", "refused", true },
		{ "{\"command\":\"generate\",\"nic\":\"wire\",\"rate\":-1}", "usage", true },
		{ "{\"command\":\"generate\",\"nic\":\"wire\",\"syn_flood\":1000000001}", "usage",
		  true },
		{ "{\"command\":\"generate\",\"nic\":\"wire\"}", "denied", false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *a = run(cases[i].as_root ? &root : &stranger, cases[i].line);

		cr_assert(says(a, "ok", false), "row %u", i);
		cr_assert(json_string_length(json_object_get(a, "error")) > 5, "row %u", i);
		cr_assert(eq(str, (char *)json_string_value(json_object_get(a, "code")),
			     (char *)cases[i].code),
			  "row %u", i);
		json_decref(a);
	}
}

/* Goal: a nic's rates are set one by one, and answered as they then are. Method: set, set others,
 * and only look. */
Test(commands, generate)
{
	json_decref(run(&root, "{\"command\":\"generate\",\"nic\":\"wire\",\"rate\":1000000000}"));
	json_decref(run(&root, "{\"command\":\"generate\",\"nic\":\"wire\",\"new_flows\":7,"
			       "\"syn_flood\":8}"));
	cr_expect(eq(u32, fake.rates.packets, 1000000000));
	json_t *a = run(&root, "{\"command\":\"generate\",\"nic\":\"wire\"}");

	cr_expect(says(a, "ok", true));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(a, "rate")), 1000000000));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(a, "new_flows")), 7));
	cr_expect(eq(int, (int)json_integer_value(json_object_get(a, "syn_flood")), 8));
	json_decref(a);
}

/* Goal: bind publishes before it answers, and ports, bindings and unbind agree with it.
 * Method: bind by name and by number, look, unbind by identity and by number. */
Test(commands, bind_and_unbind)
{
	json_t *a = run(&root, "{\"command\":\"bind\",\"port\":\"web\","
			       "\"identity\":\"tcp/192.0.2.1:443\"}");
	json_t *ports, *port;

	cr_assert(says(a, "ok", true));
	json_decref(a);
	a = run(&root, "{\"command\":\"bind\",\"port\":\"0\",\"identity\":\"udp/*:domain\"}");
	cr_assert(says(a, "ok", true));
	json_decref(a);
	cr_assert(eq(u32, bindings_count(registry), 2));

	ports = run(&stranger, "{\"command\":\"ports\"}");
	port = json_array_get(json_object_get(ports, "ports"), 0);
	cr_assert(eq(str, (char *)json_string_value(json_object_get(port, "name")), "web"));
	cr_assert(eq(str, (char *)json_string_value(json_object_get(port, "app")), "server"));
	cr_assert(eq(str, (char *)json_string_value(json_object_get(port, "service")), "https"));
	cr_assert(eq(str, (char *)json_string_value(json_object_get(port, "class")), "well-known"));
	cr_assert(eq(sz, json_array_size(json_object_get(port, "identities")), 2));
	cr_assert(eq(i64, json_integer_value(json_object_get(port, "delivered")), 100));
	json_decref(ports);

	a = run(&root, "{\"command\":\"unbind\",\"binding\":\"tcp/192.0.2.1:443\"}");
	cr_assert(says(a, "ok", true));
	json_decref(a);
	a = run(&root, "{\"command\":\"unbind\",\"binding\":\"2\"}");
	cr_assert(says(a, "ok", true));
	json_decref(a);
	cr_assert(eq(u32, bindings_count(registry), 0));
}

/* Goal: a port or an application drains, and the listing shows terms and state of each binding.
 * Method: bind with all terms; drain by the port's name, then by the application's. */
Test(commands, drain)
{
	static const char *const targets[] = { "web", "0", "server" };
	json_t *a = run(&root, "{\"command\":\"bind\",\"port\":\"web\",\"shared\":true,"
			       "\"weight\":9,\"identity\":\"tcp/192.0.2.1:443\"}");
	json_t *row;

	cr_assert(says(a, "ok", true));
	json_decref(a);
	for (unsigned i = 0; i < sizeof(targets) / sizeof(targets[0]); i++) {
		char line[80];

		a = run(&stranger, "{\"command\":\"bindings\"}");
		row = json_array_get(json_object_get(a, "bindings"), 0);
		cr_assert(says(row, "draining", i != 0) && says(row, "shared", true));
		cr_assert(says(row, "reuse", false));
		cr_assert(eq(i64, json_integer_value(json_object_get(row, "weight")), 9));
		json_decref(a);
		snprintf(line, sizeof(line), "{\"command\":\"drain\",\"target\":\"%s\"}",
			 targets[i]);
		a = run(&root, line);
		row = json_array_get(json_object_get(a, "ports"), 0);
		cr_assert(eq(str, (char *)json_string_value(json_object_get(row, "name")), "web"));
		cr_assert(eq(int, json_is_integer(json_object_get(row, "flows")), 1));
		json_decref(a);
	}
}

/* Goal: every reading has the shape that scripts rely on, and says whether C1 holds.
 * Method: give the counters known values, once in balance and once not. */
Test(commands, readings)
{
	static const char shape[] = "{s:s, s:i, s:I, s:i, s:I, s:I, s:I, s:I, s:s, s:b}";
	json_t *a;
	const char *version, *memory;
	int pid, workers, conserved;
	json_int_t uptime, applications, ports, bindings, flows;

	fake.totals.counters[COUNTER_received] = 10;
	fake.totals.counters[COUNTER_delivered] = 3;
	fake.totals.drops[DROP_PORT_CLOSED] = 7;
	fake.closed_port = 23;
	a = run(&stranger, "{\"command\":\"status\"}");
	cr_assert(eq(int,
		     json_unpack(a, shape, "version", &version, "pid", &pid, "uptime_ms", &uptime,
				 "workers", &workers, "applications", &applications, "ports",
				 &ports, "bindings", &bindings, "flows", &flows, "memory", &memory,
				 "conserved", &conserved),
		     0));
	cr_assert(applications == 1 && ports == 1 && conserved);
	json_decref(a);

	a = run(&stranger, "{\"command\":\"drops\"}");
	cr_assert(
		eq(i64,
		   json_integer_value(json_object_get(json_object_get(a, "drops"), "port_closed")),
		   7));
	cr_assert(eq(sz, json_object_size(json_object_get(a, "drops")), 1));
	json_decref(a);
	a = run(&stranger, "{\"command\":\"drops\",\"limit\":5}");
	cr_assert(eq(str,
		     (char *)json_string_value(json_object_get(
			     json_array_get(json_object_get(a, "closed_ports"), 0), "service")),
		     "telnet"));
	json_decref(a);

	fake.totals.held = 1;
	a = run(&stranger, "{\"command\":\"stats\"}");
	cr_assert(says(a, "conserved", false));
	cr_assert(eq(i64, json_integer_value(json_object_get(a, "out")), 11));
	cr_assert(eq(sz, json_object_size(json_object_get(a, "counters")), COUNTER_COUNT));
	json_decref(a);
	json_decref(run(&stranger, "{\"command\":\"nics\"}"));
	json_decref(run(&stranger, "{\"command\":\"workers\"}"));
	json_decref(run(&stranger, "{\"command\":\"bindings\"}"));
}

/* A client of control.sock; its other end is given to the console. */
static int
dial(void)
{
	int pair[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
		     0));
	cr_assert(eq(int, console_accept(console, pair[1]), 0));
	return pair[0];
}

/* Reads up to a line's end while the loop turns; NULL: the connection ended. */
static char *
read_line(int fd)
{
	size_t used = 0, room = 64u << 20;
	char *text = malloc(room);

	cr_assert(text != NULL);
	for (unsigned turns = 0; turns < 1000000; turns++) {
		const ssize_t n = recv(fd, text + used, room - used - 1, MSG_DONTWAIT);

		if (n > 0)
			used += (size_t)n;
		if (used > 0 && text[used - 1] == '\n') {
			text[used] = '\0';
			return text;
		}
		if (n == 0 || (n < 0 && errno != EAGAIN))
			break;
		event_base_loop(base, EVLOOP_NONBLOCK);
	}
	free(text);
	return NULL;
}

static void
fill_flows(void)
{
	fake.now_ms = 10000;
	fake.flows_count = FAKE_FLOWS_MAX;
	for (uint32_t i = 0; i < FAKE_FLOWS_MAX; i++) {
		struct flow_key *k = &fake.flows[i].key;

		*k = (struct flow_key){ .family = FAMILY_IPV4,
					.proto = i % 2 == 0 ? PROTO_TCP : PROTO_UDP,
					.port = { (uint16_t)(1000 + i), 443 } };
		memcpy(k->addr[0], &i, sizeof(i));
		fake.flows[i].word = flow_word_with(0, 0, i % 4 == 0 ? FLOW_ORIG_IS_1 : 0);
		fake.flows[i].last_seen_ms = i == 0 ? 10001 : 9000;
		fake.details[i].port[1] = fake.snapshot->ports[0]->ref;
		fake.details[i].packets[0] = i;
	}
}

/* Goal: a dump of many flows comes whole and filtered, in one line, over a client that reads
 * slowly. Method: dump everything, then one port, then with a limit. */
Test(commands, flows_are_streamed)
{
	static const struct {
		const char *line;
		size_t count;
		bool more;
	} cases[] = {
		{ "{\"command\":\"flows\",\"limit\":0}\n", FAKE_FLOWS_MAX, false },
		{ "{\"command\":\"flows\"}\n", 1000, true },
		{ "{\"command\":\"flows\",\"port\":1001}\n", 1, false },
		{ "{\"command\":\"flows\",\"proto\":\"udp\",\"limit\":0}\n", FAKE_FLOWS_MAX / 2,
		  false },
		{ "{\"command\":\"flows\",\"address\":\"192.0.2.77\"}\n", 0, false },
	};
	const int fd = dial();

	fill_flows();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_t *answer, *flow;
		char *line;

		cr_assert(send(fd, cases[i].line, strlen(cases[i].line), 0) > 0);
		line = read_line(fd);
		cr_assert(line != NULL, "row %u", i);
		answer = json_loads(line, 0, NULL);
		cr_assert(says(answer, "ok", true), "row %u", i);
		cr_assert(eq(sz, json_array_size(json_object_get(answer, "flows")), cases[i].count),
			  "row %u", i);
		cr_assert(eq(int, says(answer, "more", true), cases[i].more), "row %u", i);
		flow = json_array_get(json_object_get(answer, "flows"), 0);
		if (i == 2) {
			cr_assert(eq(str, (char *)json_string_value(json_object_get(flow, "port")),
				     "web"));
			cr_assert(eq(i64, json_integer_value(json_object_get(flow, "idle_ms")),
				     1000));
			cr_assert(eq(i64,
				     json_integer_value(json_object_get(
					     json_object_get(flow, "orig"), "port")),
				     1001));
		}
		json_decref(answer);
		free(line);
	}
	close(fd);
}

/* Goal: clients that ask too much, too long or too many are bounded, and others still served.
 * Method: a line over the limit, two requests at once, more clients than fit, leaving amid a dump.
 */
Test(commands, clients_are_bounded)
{
	static char flood[COMMAND_BYTES_MAX * 2];
	static const char twice[] = "{\"command\":\"nics\"}\n{\"command\":\"nics\"}\n";
	static const char dump[] = "{\"command\":\"flows\",\"limit\":0}\n";
	int fd = dial(), pair[2], many[100];
	char *line;
	unsigned n = 0;

	memset(flood, 'x', sizeof(flood));
	cr_assert(send(fd, flood, sizeof(flood), MSG_NOSIGNAL) > 0);
	line = read_line(fd);
	cr_assert(line != NULL && strstr(line, "too long") != NULL);
	free(line);
	cr_assert(read_line(fd) == NULL, "and the connection ends");
	close(fd);

	fd = dial();
	cr_assert(send(fd, twice, sizeof(twice) - 1, 0) > 0);
	line = read_line(fd);
	cr_assert(line != NULL && strchr(line, '\n') != line + strlen(line) - 1, "two answers");
	free(line);

	fill_flows();
	cr_assert(send(fd, dump, sizeof(dump) - 1, 0) > 0);
	event_base_loop(base, EVLOOP_ONCE);
	close(fd);
	for (unsigned i = 0; i < 100; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);

	do
		cr_assert(
			eq(int,
			   socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair),
			   0));
	while (many[n++] = pair[0], console_accept(console, pair[1]) == 0 && n < 100);
	cr_assert(n > 60 && n < 100, "%u", n);
	while (n > 0)
		close(many[--n]);
}

/* Adds one event of a flow from 192.0.2.9:`from` to port 443. */
static void
tell(uint8_t proto, uint16_t from, enum flow_event_kind kind)
{
	struct flow_event *e = &fake.flow_events[fake.flow_events_count++];

	*e = (struct flow_event){ .kind = (uint8_t)kind };
	e->flow.key = (struct flow_key){ .family = FAMILY_IPV4,
					 .proto = proto,
					 .port = { 443, from },
					 .addr = { { 198, 51, 100, 2 }, { 192, 0, 2, 9 } } };
	e->flow.flags = FLOW_ORIG_IS_1 | FLOW_REPLIED;
	e->flow.packets[0] = 3;
	e->flow.bytes[1] = 120;
	e->flow.tcp_flags[0] = 0x1b;
	e->flow.first_ms = fake.now_ms - 1500;
	e->flow.last_ms = fake.now_ms;
	e->flow.port = fake.snapshot->ports[0]->ref;
	e->flow.end = kind == FLOW_EVENT_DESTROY ? FLOW_END_FIN : FLOW_LIVES;
}

/* A line of a client, without an answer yet. */
static int
ask(const char *line)
{
	const int fd = dial();

	cr_assert(send(fd, line, strlen(line), 0) > 0);
	return fd;
}

/* Turns the loop until all events were told. Its timer is a few milliseconds away at most. */
static void
tell_all(void)
{
	while (fake.flow_events_count != 0)
		event_base_loop(base, EVLOOP_ONCE);
}

/* How many lines there are in `text`, and in *lost how many events it says were lost. */
static unsigned
lines_count(char *text, json_int_t *lost)
{
	unsigned n = 0;

	*lost = 0;
	for (char *line = strtok(text, "\n"); line != NULL; line = strtok(NULL, "\n")) {
		json_t *o = json_loads(line, 0, NULL);

		cr_assert(ne(ptr, o, NULL), "%s", line);
		if (json_object_get(o, "events") != NULL)
			*lost += json_integer_value(json_object_get(o, "events"));
		else
			n++;
		json_decref(o);
	}
	return n;
}

/* Goal: an event has the shape that scripts rely on. Method: one flow that was closed. */
Test(commands, events_have_a_shape)
{
	static const char shape[] = "{s:s, s:s, s:s, s:{s:s, s:i, s:I, s:I, s:s}, s:{s:s, s:I}, "
				    "s:s, s:s, s:s, s:s, s:i, s:i, s:b}";
	const int fd = ask("{\"command\":\"events\"}\n");
	const char *event, *end, *proto, *address, *flags, *to, *state, *port, *first, *last;
	int from, worker, zone, outgoing;
	json_int_t packets, bytes, back;
	char *line = read_line(fd);
	json_t *o;

	cr_assert(eq(str, line, "{\"ok\":true}\n"));
	free(line);
	cr_assert(fake.flow_events_wanted);
	fake.now_ms = 10000;
	tell(PROTO_TCP, 5000, FLOW_EVENT_DESTROY);
	line = read_line(fd);
	o = json_loads(line, 0, NULL);
	cr_assert(eq(int,
		     json_unpack(o, shape, "event", &event, "end", &end, "proto", &proto, "orig",
				 "address", &address, "port", &from, "packets", &packets, "bytes",
				 &bytes, "tcp_flags", &flags, "reply", "address", &to, "bytes",
				 &back, "state", &state, "port", &port, "first", &first, "last",
				 &last, "worker", &worker, "zone", &zone, "outgoing", &outgoing),
		     0));
	cr_expect(eq(str, (char *)event, "destroy"));
	cr_expect(eq(str, (char *)end, "fin"));
	cr_expect(eq(str, (char *)proto, "tcp"));
	cr_expect(eq(str, (char *)address, "192.0.2.9"));
	cr_expect(eq(str, (char *)to, "198.51.100.2"));
	cr_expect(eq(str, (char *)flags, "FSPA"));
	cr_expect(eq(str, (char *)port, "web"));
	cr_expect(from == 5000 && packets == 3 && bytes == 0 && back == 120 && !outgoing);
	cr_expect(eq(sz, strlen(first), strlen("2026-01-01T00:00:00.000Z")));
	cr_expect(lt(int, strcmp(first, last), 0));
	json_decref(o);
	free(line);
	close(fd);
	for (unsigned i = 0; i < 100 && fake.flow_events_wanted; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	cr_expect(not(fake.flow_events_wanted), "the last listener has left");
}

/* Goal: each of several clients gets what it asked for, and no other. */
Test(commands, events_are_filtered)
{
	static const struct {
		const char *line;
		unsigned count;
	} cases[] = {
		{ "{\"command\":\"events\"}\n", 6 },
		{ "{\"command\":\"events\",\"proto\":\"udp\"}\n", 3 },
		{ "{\"command\":\"events\",\"type\":\"new\"}\n", 2 },
		{ "{\"command\":\"events\",\"type\":\"update\",\"port\":6000}\n", 1 },
		{ "{\"command\":\"events\",\"type\":\"destroy\",\"proto\":\"tcp\"}\n", 1 },
		{ "{\"command\":\"events\",\"address\":\"192.0.2.9\"}\n", 6 },
		{ "{\"command\":\"events\",\"address\":\"192.0.2.10\"}\n", 0 },
	};
	int fds[sizeof(cases) / sizeof(cases[0])];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		fds[i] = ask(cases[i].line);
		free(read_line(fds[i]));
	}
	for (unsigned kind = 0; kind < FLOW_EVENT_KINDS; kind++) {
		tell(PROTO_TCP, 5000, kind);
		tell(PROTO_UDP, 6000, kind);
	}
	tell_all();
	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		json_int_t lost = 0;
		char *lines = cases[i].count == 0 ? NULL : read_line(fds[i]);

		cr_expect(eq(u32, lines == NULL ? 0 : lines_count(lines, &lost), cases[i].count),
			  "row %u", i);
		cr_expect(eq(i64, lost, 0), "row %u", i);
		free(lines);
		close(fds[i]);
	}
}

/* Goal: a client that does not read misses events by count, is told how many, and costs nobody
 * else any; so are events that workers had no room for.
 * Method: one client reads, one does not until the end; what it got and missed must add up. */
Test(commands, a_slow_reader_of_events_loses_by_count)
{
	enum { ROUNDS = 40, EACH = 500, WORKERS_LOST = 7 };
	const int slow = ask("{\"command\":\"events\"}\n"),
		  good = ask("{\"command\":\"events\"}\n");
	json_int_t lost, slow_lost = 0;
	unsigned good_count = 0, slow_count = 0;
	char *lines;

	free(read_line(good));
	for (unsigned round = 0; round < ROUNDS; round++) {
		for (unsigned i = 0; i < EACH; i++)
			tell(PROTO_UDP, (uint16_t)(1000 + i), FLOW_EVENT_NEW);
		tell_all();
		lines = read_line(good);
		good_count += lines_count(lines, &lost);
		cr_assert(eq(i64, lost, 0), "round %u", round);
		free(lines);
	}
	fake.flow_events_lost = WORKERS_LOST;
	lines = read_line(good);
	cr_expect(eq(u32, lines_count(lines, &lost), 0));
	cr_expect(eq(i64, lost, WORKERS_LOST));
	free(lines);
	cr_expect(eq(u32, good_count, ROUNDS * EACH));
	while (slow_count + slow_lost < ROUNDS * EACH + WORKERS_LOST + 1) {
		lines = read_line(slow);
		cr_assert(ne(ptr, lines, NULL), "%u and %lld lost", slow_count,
			  (long long)slow_lost);
		slow_count += lines_count(lines, &lost);
		slow_lost += lost;
		free(lines);
	}
	cr_expect(gt(i64, slow_lost, WORKERS_LOST));
	cr_expect(eq(u64, slow_count + (uint64_t)slow_lost, ROUNDS * EACH + WORKERS_LOST + 1),
		  "one line more says that it begins");
	close(slow);
	close(good);
}

/* Goal: listeners are bounded, and one that left makes room. What they still say is ignored. */
Test(commands, listeners_are_bounded)
{
	int fds[FLOW_LISTENERS_MAX + 1];
	char *line;

	for (unsigned i = 0; i <= FLOW_LISTENERS_MAX; i++) {
		fds[i] = ask("{\"command\":\"events\"}\n{\"command\":\"nics\"}\nand so on\n");
		line = read_line(fds[i]);
		cr_assert(ne(ptr, line, NULL));
		if (i < FLOW_LISTENERS_MAX)
			cr_expect(eq(str, line, "{\"ok\":true}\n"));
		else
			cr_expect(ne(ptr, strstr(line, "too many clients listen"), NULL));
		free(line);
	}
	close(fds[0]);
	for (unsigned i = 0; i < 100; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
	close(fds[FLOW_LISTENERS_MAX]);
	fds[0] = ask("{\"command\":\"events\"}\n");
	line = read_line(fds[0]);
	cr_expect(eq(str, line, "{\"ok\":true}\n"));
	free(line);
	for (unsigned i = 0; i < FLOW_LISTENERS_MAX; i++)
		close(fds[i]);
}
