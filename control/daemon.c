/* SPDX-License-Identifier: BSD-3-Clause */
/* daemon.c: the order in which berthd starts, and its mirror. */
#include "control/daemon.h"

#include <errno.h>
#include <pthread.h>
#include <rte_eal.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "control/apps.h"
#include "control/commands.h"
#include "control/console.h"
#include "control/eal.h"
#include "control/ends.h"
#include "control/events.h"
#include "control/ipfix.h"
#include "control/listen.h"
#include "control/neighbours.h"
#include "control/notifier.h"
#include "control/options.h"
#include "control/reload.h"
#include "dataplane/dataplane.h"

static_assert(sizeof(((struct eal_arguments *)0)->device[0]) ==
		      sizeof(((struct dataplane_nic_options *)0)->device),
	      "names of devices fit");

struct daemon {
	struct config *config;
	struct reload reload;
	cpu_set_t cores;  /* those of all threads but the workers */
	sigset_t signals; /* blocked when the process began */
	struct event_base *base;
	struct listener *app_socket;
	struct listener *control_socket;
	struct eal_arguments eal;
	struct dataplane *dp;
	struct bindings *bindings;
	struct connections *connections;
	struct notifier *notifier;
	struct apps *apps;
	struct neighbours *neighbours;
	struct flow_events *flow_events;
	struct ipfix *ipfix; /* NULL: none is configured */
	struct command_context commands;
	struct console *console;
	struct event *tick, *poll, *terminate, *interrupt, *hangup;
};

static int
fail(const char *what, int rc)
{
	fprintf(stderr, "berthd: %s: %s\n", what, strerror(-rc));
	return rc;
}

/* The cores this process may use, without the workers' own where others remain: the notifier wakes
 * thousands of times a second, and each time would take its core from a worker. */
static int
cores_choose(const struct config *config, cpu_set_t *out)
{
	cpu_set_t all, others;

	if (sched_getaffinity(0, sizeof(all), &all) != 0)
		return -errno;
	others = all;
	for (uint16_t w = 0; w < config->workers_count; w++)
		CPU_CLR(config->worker_cores[w], &others);
	*out = CPU_COUNT(&others) > 0 ? others : all;
	return 0;
}

/* Every port takes a descriptor, every application one. */
static int
process_start(struct daemon *d)
{
	struct rlimit files;

	if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
		files.rlim_cur = files.rlim_max;
		(void)setrlimit(RLIMIT_NOFILE, &files);
	}
	signal(SIGPIPE, SIG_IGN);
	signal(SIGHUP, SIG_IGN);
	const int rc = cores_choose(d->config, &d->cores);

	return rc == 0 ? 0 : fail("the processor cores cannot be listed", rc);
}

static int
loop_start(struct daemon *d)
{
	d->base = event_base_new();
	return d->base != NULL ? 0 : fail("the event loop cannot be made", -ENOMEM);
}

static void
loop_stop(struct daemon *d)
{
	event_base_free(d->base);
}

static int
app_accepted(void *context, int fd)
{
	struct daemon *d = context;

	return apps_accept(d->apps, fd);
}

static int
control_accepted(void *context, int fd)
{
	struct daemon *d = context;

	return console_accept(d->console, fd);
}

/* Before any device is touched: a second berthd ends here. Who connects waits until all runs. */
static int
sockets_start(struct daemon *d)
{
	struct listener_options options = {
		.base = d->base,
		.path = d->config->sockets.app_socket,
		.type = SOCK_SEQPACKET,
		.group = d->config->sockets.socket_group,
		.accept = app_accepted,
		.context = d,
	};
	int rc = listener_open(&options, &d->app_socket);

	if (rc != 0)
		return rc;
	options.path = d->config->sockets.control_socket;
	options.type = SOCK_STREAM;
	options.accept = control_accepted;
	rc = listener_open(&options, &d->control_socket);
	if (rc != 0)
		listener_close(d->app_socket);
	return rc;
}

static void
sockets_stop(struct daemon *d)
{
	listener_close(d->control_socket);
	listener_close(d->app_socket);
}

/* Writes "0-3,8-11". */
static void
cores_text(const cpu_set_t *cores, char *text, size_t room)
{
	size_t used = 0;

	for (unsigned first = 0, last; first < CPU_SETSIZE && used < room; first = last + 1) {
		last = first;
		if (!CPU_ISSET(first, cores))
			continue;
		while (last + 1 < CPU_SETSIZE && CPU_ISSET(last + 1, cores))
			last++;
		used += (size_t)snprintf(text + used, room - used, "%s%u-%u", used == 0 ? "" : ",",
					 first, last);
	}
}

/* EAL's threads inherit a mask without signals, which are the control thread's. EAL also pins this
 * thread; it gets back its cores, and the notifier inherits them. */
static int
eal_start(struct daemon *d)
{
	sigset_t all;
	char cpus[CPU_SETSIZE * 5];
	bool hugepages;
	int rc = eal_preflight(d->config, "", stderr, &hugepages);

	if (rc != 0)
		return rc;
	cores_text(&d->cores, cpus, sizeof(cpus));
	rc = eal_arguments(d->config, cpus, hugepages, &d->eal);
	if (rc != 0)
		return fail("the arguments of DPDK cannot be made", rc);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &d->signals);
	rc = rte_eal_init(d->eal.count, d->eal.values) < 0 ? -EIO : 0;
	pthread_sigmask(SIG_SETMASK, &d->signals, NULL);
	if (rc != 0)
		return fail("DPDK did not start", rc);
	rc = pthread_setaffinity_np(pthread_self(), sizeof(d->cores), &d->cores);
	return rc == 0 ? 0 : fail("the control thread stays on one core", -rc);
}

static void
eal_stop(struct daemon *d)
{
	(void)d;
	rte_eal_cleanup();
}

static int
dataplane_prepare(struct daemon *d)
{
	struct dataplane_options options;

	options_from_config(d->config, &options);
	for (uint16_t i = 0; i < options.nics_count; i++)
		memcpy(options.nics[i].device, d->eal.device[i], sizeof(options.nics[i].device));
	memcpy(options.kernel_device, d->eal.kernel_device, sizeof(options.kernel_device));
	for (uint16_t i = 0; i < options.ends_count; i++)
		memcpy(options.ends[i].device.device, d->eal.end_device[i],
		       sizeof(options.ends[i].device.device));
	fprintf(stderr, "berthd: flow tables: %u flows of each worker, %llu MiB in all\n",
		options.flows_capacity,
		(unsigned long long)(options.workers * dataplane_flow_bytes(options.flows_capacity,
									    options.tracking)) >>
			20);
	return dataplane_create(&options, &d->dp);
}

static void
dataplane_end(struct daemon *d)
{
	dataplane_destroy(d->dp);
}

static int
bindings_start(struct daemon *d)
{
	const struct bindings_options options = {
		.daemon_uid = geteuid(),
		.quota = d->config->quota.bindings,
		.links = dataplane_links(d->dp),
		.grants_count = d->config->grants_count,
		.grants = d->config->grants,
		.privileged_count = d->config->privileged_count,
		.privileged = d->config->privileged,
	};
	const int rc = bindings_create(&options, &d->bindings);

	return rc == 0 ? 0 : fail("the bindings cannot be kept", rc);
}

static void
bindings_stop(struct daemon *d)
{
	bindings_destroy(d->bindings);
}

static int
connections_start(struct daemon *d)
{
	const struct connections_options options = {
		.dp = d->dp,
		.bindings = d->bindings,
		.quota = d->config->quota.connections,
		.ephemeral_first = d->config->ephemeral.first,
		.ephemeral_last = d->config->ephemeral.last,
	};
	const int rc = connections_create(&options, &d->connections);

	return rc == 0 ? 0 : fail("connected sockets cannot be kept", rc);
}

static void
connections_stop(struct daemon *d)
{
	connections_destroy(d->connections);
}

static int
notifier_begin(struct daemon *d)
{
	const int rc = notifier_start(&d->notifier);

	return rc == 0 ? 0 : fail("the notifier thread did not start", rc);
}

static void
notifier_end(struct daemon *d)
{
	notifier_stop(d->notifier);
}

static int
apps_start(struct daemon *d)
{
	const struct apps_options options = {
		.base = d->base,
		.dp = d->dp,
		.bindings = d->bindings,
		.connections = d->connections,
		.notifier = d->notifier,
		.quota_applications = d->config->quota.applications,
		.quota_ports = d->config->quota.ports,
		.quota_ring_bytes = d->config->quota.ring_bytes,
	};
	const int rc = apps_create(&options, &d->apps);

	return rc == 0 ? 0 : fail("applications cannot be kept", rc);
}

/* Undone by apps_stop(). */
static int
ends_start(struct daemon *d)
{
	return ends_open(d->apps, d->config);
}

static void
apps_stop(struct daemon *d)
{
	apps_destroy(d->apps);
}

static int
neighbours_start(struct daemon *d)
{
	const int rc = neighbours_create(d->dp, &d->neighbours);

	return rc == 0 ? 0 : fail("neighbours cannot be kept", rc);
}

static void
neighbours_stop(struct daemon *d)
{
	neighbours_destroy(d->neighbours);
}

static int
flow_events_start(struct daemon *d)
{
	const int rc = flow_events_create(d->base, d->dp, &d->flow_events);

	return rc == 0 ? 0 : fail("flow events cannot be kept", rc);
}

static void
flow_events_stop(struct daemon *d)
{
	flow_events_destroy(d->flow_events);
}

static int
ipfix_start(struct daemon *d)
{
	const struct ipfix_options options = {
		.collector = { .address = d->config->ipfix.address,
			       .port = d->config->ipfix.port,
			       .tcp = d->config->ipfix.tcp },
		.domain = d->config->ipfix.domain,
		.template_s = d->config->ipfix.template_s,
		.active_s = d->config->ipfix.active_s,
	};
	int rc = 0;

	if (options.collector.address.family != FAMILY_ANY)
		rc = ipfix_create(d->base, d->dp, d->flow_events, &options, &d->ipfix);
	return rc == 0 ? 0 : fail("flows cannot be exported", rc);
}

static void
ipfix_stop(struct daemon *d)
{
	ipfix_destroy(d->ipfix);
}

static int
console_start(struct daemon *d)
{
	int rc;

	d->reload.dp = d->dp;
	d->commands = (struct command_context){
		.dp = d->dp,
		.apps = d->apps,
		.bindings = d->bindings,
		.neighbours = d->neighbours,
		.events = d->flow_events,
		.ipfix = d->ipfix,
		.reload = &d->reload,
		.version = BERTH_VERSION,
		.memory = rte_eal_has_hugepages() ? "hugepages" : "ordinary",
		.started_ms = clock_monotonic_ms(),
		.daemon_uid = geteuid(),
	};
	rc = console_create(d->base, &d->commands, &d->console);
	return rc == 0 ? 0 : fail("the control socket cannot be served", rc);
}

static void
console_stop(struct daemon *d)
{
	console_destroy(d->console);
}

static int
workers_start(struct daemon *d)
{
	return dataplane_start(d->dp);
}

static void
workers_stop(struct daemon *d)
{
	struct counter_totals t;
	uint64_t dropped = 0, in, out;

	dataplane_stop(d->dp);
	flow_events_finish(d->flow_events);
	dataplane_totals(d->dp, &t);
	for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++)
		dropped += t.drops[i];
	in = counter_totals_in(&t);
	out = counter_totals_out(&t);
	fprintf(stderr,
		"berthd: stopped: received %llu, originated %llu, delivered %llu, transmitted "
		"%llu, dropped %llu, held %llu; in %llu, out %llu: %s\n",
		(unsigned long long)t.counters[COUNTER_received],
		(unsigned long long)t.counters[COUNTER_originated],
		(unsigned long long)t.counters[COUNTER_delivered],
		(unsigned long long)t.counters[COUNTER_transmitted], (unsigned long long)dropped,
		(unsigned long long)t.held, (unsigned long long)in, (unsigned long long)out,
		in == out ? "conserved" : "not conserved");
}

static void
tick_event(evutil_socket_t fd, short what, void *argument)
{
	struct daemon *d = argument;

	(void)fd;
	(void)what;
	apps_tick(d->apps, clock_monotonic_ms());
	listener_tick(d->app_socket);
	listener_tick(d->control_socket);
}

static void
poll_event(evutil_socket_t fd, short what, void *argument)
{
	struct daemon *d = argument;

	(void)fd;
	(void)what;
	neighbours_poll(d->neighbours, clock_monotonic_ms());
}

static void
stop_event(evutil_socket_t fd, short what, void *argument)
{
	struct daemon *d = argument;

	(void)fd;
	(void)what;
	event_base_loopbreak(d->base);
}

static void
reload_event(evutil_socket_t fd, short what, void *argument)
{
	struct daemon *d = argument;

	(void)fd;
	(void)what;
	reload_say(&d->reload);
}

static void
events_stop(struct daemon *d)
{
	struct event *const events[] = { d->tick, d->poll, d->terminate, d->interrupt, d->hangup };

	for (unsigned i = 0; i < array_length(events); i++)
		if (events[i] != NULL)
			event_free(events[i]);
}

static int
events_start(struct daemon *d)
{
	static const struct timeval tick = { .tv_usec = APPS_TICK_MS * 1000 };
	static const struct timeval poll = { .tv_usec = NEIGHBOURS_POLL_MS * 1000 };

	d->tick = event_new(d->base, -1, EV_PERSIST, tick_event, d);
	d->poll = event_new(d->base, -1, EV_PERSIST, poll_event, d);
	d->terminate = evsignal_new(d->base, SIGTERM, stop_event, d);
	d->interrupt = evsignal_new(d->base, SIGINT, stop_event, d);
	d->hangup = evsignal_new(d->base, SIGHUP, reload_event, d);
	if (d->tick == NULL || d->poll == NULL || d->terminate == NULL || d->interrupt == NULL ||
	    d->hangup == NULL || event_add(d->hangup, NULL) != 0 ||
	    event_add(d->tick, &tick) != 0 || event_add(d->poll, &poll) != 0 ||
	    event_add(d->terminate, NULL) != 0 || event_add(d->interrupt, NULL) != 0) {
		events_stop(d);
		return fail("timers and signals cannot be watched", -ENOMEM);
	}
	return 0;
}

/* Started from the first to the last, stopped from the last to the first. A start that fails undoes
 * what it did itself. */
static const struct {
	int (*start)(struct daemon *d);
	void (*stop)(struct daemon *d);
} stages[] = {
	{ process_start, NULL },
	{ loop_start, loop_stop },
	{ sockets_start, sockets_stop },
	{ eal_start, eal_stop },
	{ dataplane_prepare, dataplane_end },
	{ bindings_start, bindings_stop },
	{ connections_start, connections_stop },
	{ notifier_begin, notifier_end },
	{ apps_start, apps_stop },
	{ ends_start, NULL },
	{ neighbours_start, neighbours_stop },
	{ flow_events_start, flow_events_stop },
	{ ipfix_start, ipfix_stop },
	{ console_start, console_stop },
	{ events_start, events_stop },
	{ workers_start, workers_stop },
};

int
daemon_run(struct config *config, const char *path)
{
	static struct daemon d;
	unsigned started = 0;
	int rc = 0;

	d.config = config;
	d.reload = (struct reload){ .path = path, .config = config };
	while (rc == 0 && started < array_length(stages)) {
		rc = stages[started].start(&d);
		if (rc == 0)
			started++;
	}
	if (rc == 0) {
		fprintf(stderr, "berthd: ready\n");
		rc = event_base_dispatch(d.base) < 0 ? fail("the event loop failed", -EIO) : 0;
	}
	while (started > 0)
		if (stages[--started].stop != NULL)
			stages[started].stop(&d);
	return rc;
}
