/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.c: applications from connection to hang-up, and the publication of what they have. */
#include "control/apps.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "control/log.h"
#include "control/requests.h"

/* How soon to look again whether the workers passed a publication. */
#define SETTLE_US 500
/* A connection says HELLO within this time. */
#define HELLO_MS 5000
/* Connections beyond those that may attach, so that who is one too many can be told. */
#define CONNECTIONS_SPARE 16

static void
publish_event(evutil_socket_t fd, short what, void *argument)
{
	struct apps *a = argument;

	(void)fd;
	(void)what;
	if (a->unpublished)
		apps_publish(a);
}

/* Every publication retires one of these after itself. */
static void
publication_passed(void *apps)
{
	((struct apps *)apps)->passed++;
}

/* Answers whose publication all workers have passed; looks again soon for the others. */
static void
answer_settled(struct apps *a)
{
	static const struct timeval soon = { .tv_usec = SETTLE_US };
	struct app *app = TAILQ_FIRST(&a->list);
	bool waiting = false;

	while (app != NULL) {
		struct app *next = TAILQ_NEXT(app, of_all);
		const bool settles = app->answer_settles && app->settles_after != 0;

		if (settles && app->settles_after > a->passed)
			waiting = true;
		else if (settles)
			request_answer(app);
		app = next;
	}
	if (waiting)
		event_add(a->settle, &soon);
}

static void
settle_event(evutil_socket_t fd, short what, void *argument)
{
	struct apps *a = argument;

	(void)fd;
	(void)what;
	dataplane_reclaim(a->options.dp);
	answer_settled(a);
}

static uint32_t
links_mtu(const struct link_set *links)
{
	uint32_t mtu = 0;

	for (uint16_t i = 0; i < links->count; i++)
		if (links->links[i].mtu > mtu)
			mtu = links->links[i].mtu;
	return mtu == 0 ? MTU_DEFAULT : mtu;
}

int
apps_create(const struct apps_options *options, struct apps **out)
{
	struct apps *a = calloc(1, sizeof(*a));

	if (a == NULL)
		return -ENOMEM;
	a->options = *options;
	a->rings = dataplane_workers(options->dp);
	a->mtu = links_mtu(dataplane_links(options->dp));
	TAILQ_INIT(&a->list);
	a->publish = event_new(options->base, -1, 0, publish_event, a);
	a->settle = event_new(options->base, -1, 0, settle_event, a);
	if (a->publish == NULL || a->settle == NULL) {
		if (a->publish != NULL)
			event_free(a->publish);
		free(a);
		return -ENOMEM;
	}
	*out = a;
	return 0;
}

/* Hands what the last publication hid from the workers to the dataplane. */
static void
retire_over(struct apps *a)
{
	while (a->over != NULL) {
		struct memory_head *m = a->over;

		a->over = m->next;
		dataplane_retire(a->options.dp, memory_free, m);
	}
}

void
apps_destroy(struct apps *a)
{
	if (a == NULL)
		return;
	while (!TAILQ_EMPTY(&a->list))
		app_detach(TAILQ_FIRST(&a->list), NULL);
	retire_over(a);
	publication_end(&a->publication, a->options.dp);
	event_free(a->publish);
	event_free(a->settle);
	/* After all that counts publications in it. */
	dataplane_retire(a->options.dp, free, a);
}

static void
readable_event(evutil_socket_t fd, short what, void *argument)
{
	(void)fd;
	(void)what;
	request_serve(argument);
}

static uint32_t
uid_connections(const struct apps *a, uid_t uid)
{
	const struct app *app;
	uint32_t n = 0;

	TAILQ_FOREACH (app, &a->list, of_all) {
		n += app->who.uid == uid;
	}
	return n;
}

int
apps_accept(struct apps *a, int fd)
{
	struct app *app = calloc(1, sizeof(*app));
	int rc = -ENOMEM;

	if (app == NULL)
		goto fail;
	rc = credentials_of_peer(fd, &app->who);
	if (rc != 0)
		goto fail;
	rc = -EDQUOT;
	if (a->connections >= APPS_MAX + CONNECTIONS_SPARE ||
	    uid_connections(a, app->who.uid) >= a->options.quota_applications + CONNECTIONS_SPARE)
		goto fail;
	rc = -ENOMEM;
	app->readable = event_new(a->options.base, fd, EV_READ | EV_PERSIST, readable_event, app);
	if (app->readable == NULL || event_add(app->readable, NULL) != 0)
		goto fail;
	app->apps = a;
	app->fd = fd;
	app->since_ms = clock_monotonic_ms();
	TAILQ_INIT(&app->ports);
	TAILQ_INSERT_TAIL(&a->list, app, of_all);
	a->connections++;
	return 0;
fail:
	if (app != NULL) {
		if (app->readable != NULL)
			event_free(app->readable);
		credentials_release(&app->who);
		free(app);
	}
	close(fd);
	return rc;
}

uint32_t
apps_count(const struct apps *a)
{
	const struct app *app;
	uint32_t n = 0;

	TAILQ_FOREACH (app, &a->list, of_all) {
		n += app->id != 0 && app->fd >= 0;
	}
	return n;
}

/* What all applications of a user have together. */
static void
uid_usage(const struct apps *a, uid_t uid, uint32_t *attached, uint64_t *ring_bytes)
{
	const struct app_port *port;
	const struct app *app;

	*attached = 0;
	*ring_bytes = 0;
	TAILQ_FOREACH (app, &a->list, of_all) {
		if (app->who.uid != uid || app->fd < 0)
			continue;
		*attached += app->id != 0;
		*ring_bytes += app->ring_bytes;
		TAILQ_FOREACH (port, &app->ports, of_app) {
			*ring_bytes += port->ring_bytes;
		}
	}
}

int
app_check_rings(const struct app *app, uint32_t ring_bytes, char why[MESSAGE_TEXT_BYTES])
{
	const struct apps *a = app->apps;
	uint32_t attached;
	uint64_t used;

	if (ring_bytes < RING_BYTES_MIN || ring_bytes > RING_BYTES_MAX ||
	    (ring_bytes & (ring_bytes - 1)) != 0) {
		snprintf(why, MESSAGE_TEXT_BYTES,
			 "%u is no ring size; a power of two from %u to %u is", ring_bytes,
			 RING_BYTES_MIN, RING_BYTES_MAX);
		return -EINVAL;
	}
	uid_usage(a, app->who.uid, &attached, &used);
	if (used + (uint64_t)a->rings * ring_bytes > a->options.quota_ring_bytes) {
		snprintf(why, MESSAGE_TEXT_BYTES,
			 "user %u has %llu bytes of rings; %u more of %u would pass the quota of "
			 "%llu",
			 (unsigned)app->who.uid, (unsigned long long)used, a->rings, ring_bytes,
			 (unsigned long long)a->options.quota_ring_bytes);
		return -EDQUOT;
	}
	return 0;
}

static uint32_t
next_id(struct apps *a)
{
	const struct app *app;

	/* Past 2^32 attachments ids of the dead come again, those of the living do not. */
again:
	if (++a->last_id == 0)
		goto again;
	TAILQ_FOREACH (app, &a->list, of_all) {
		if (app->id == a->last_id)
			goto again;
	}
	return a->last_id;
}

int
app_attach(struct app *app, const char *name, uint32_t ring_bytes, int fds[2],
	   char why[MESSAGE_TEXT_BYTES])
{
	struct apps *a = app->apps;
	uint32_t attached;
	uint64_t used;
	uint32_t id;
	int rc = app_check_rings(app, ring_bytes, why);

	if (rc != 0)
		return rc;
	uid_usage(a, app->who.uid, &attached, &used);
	if (attached >= a->options.quota_applications || apps_count(a) >= APPS_MAX) {
		snprintf(why, MESSAGE_TEXT_BYTES,
			 "user %u has %u applications attached, the most that may be",
			 (unsigned)app->who.uid, attached);
		return -EDQUOT;
	}
	id = next_id(a);
	rc = app_memory_create(id, a->rings, ring_bytes, &app->memory, fds);
	if (rc != 0) {
		snprintf(why, MESSAGE_TEXT_BYTES, "berthd could not make the rings: %s",
			 strerror(-rc));
		return rc;
	}
	app->id = id;
	app->ring_bytes = (uint64_t)a->rings * ring_bytes;
	memcpy(app->name, name, sizeof(app->name));
	log_detail("%s (pid %d, user %u) attached", app->name, (int)app->who.pid,
		   (unsigned)app->who.uid);
	apps_changed(a);
	return 0;
}

struct app *
app_add_end(struct apps *a, const char *name)
{
	struct app *app = calloc(1, sizeof(*app));

	if (app == NULL)
		return NULL;
	app->apps = a;
	app->fd = -1;
	app->id = next_id(a);
	app->who = (struct credentials){ .pid = getpid(), .uid = geteuid(), .gid = getegid() };
	snprintf(app->name, sizeof(app->name), "%s", name);
	TAILQ_INIT(&app->ports);
	TAILQ_INSERT_TAIL(&a->list, app, of_all);
	a->connections++;
	return app;
}

void
app_detach(struct app *app, const char *why)
{
	struct apps *a = app->apps;

	while (!TAILQ_EMPTY(&app->ports))
		app_port_close(TAILQ_FIRST(&app->ports));
	if (app->memory != NULL) {
		app->memory->head.next = a->over;
		a->over = &app->memory->head;
		apps_changed(a);
	}
	if (why != NULL)
		log_line("%s (pid %d, user %u) is detached: %s",
			 app->id == 0 ? "an application" : app->name, (int)app->who.pid,
			 (unsigned)app->who.uid, why);
	else
		log_detail("%s (pid %d) hung up", app->name, (int)app->who.pid);
	TAILQ_REMOVE(&a->list, app, of_all);
	a->connections--;
	if (app->fd >= 0) {
		event_free(app->readable);
		close(app->fd);
	}
	credentials_release(&app->who);
	free(app);
}

void
apps_changed(struct apps *a)
{
	a->unpublished = true;
	event_active(a->publish, 0, 0);
}

static struct dp_snapshot *
snapshot_make(const struct apps *a)
{
	struct dp_snapshot *s = calloc(1, sizeof(*s));
	const struct app *app;

	if (s == NULL)
		return NULL;
	TAILQ_FOREACH (app, &a->list, of_all) {
		if (app->memory != NULL)
			s->apps[s->apps_count++] = &app->memory->dp;
	}
	for (uint32_t i = 0; i < PORTS_MAX; i++)
		if (a->ports[i] != NULL)
			s->ports[i] = &a->ports[i]->memory->dp;
	return s;
}

static void
answer_waiting(struct apps *a, bool published)
{
	struct app *app = TAILQ_FIRST(&a->list);

	while (app != NULL) {
		struct app *next = TAILQ_NEXT(app, of_all);

		if (app->answer_waits) {
			if (!published)
				request_revoke(app);
			request_answer(app);
		} else if (app->answer_settles && app->settles_after == 0 && published) {
			app->settles_after = a->published;
		}
		app = next;
	}
	answer_settled(a);
}

int
apps_publish(struct apps *a)
{
	struct dp_snapshot *s = snapshot_make(a);
	int rc = -ENOMEM;

	a->unpublished = false;
	if (s != NULL) {
		rc = publication_renew(&a->publication, a->options.dp, s, a->options.bindings);
		retire_over(a);
		a->published++;
		dataplane_retire(a->options.dp, publication_passed, a);
	}
	answer_waiting(a, rc == 0);
	/* The next tick tries again; the workers go on with what they have. */
	if (rc != 0)
		a->unpublished = true;
	return rc;
}

static bool
app_broke_ring(const struct apps *a, const struct app *app)
{
	for (uint32_t i = 0; i < a->rings; i++)
		if (atomic_load_explicit(&app->memory->dp.tx[i].broken, memory_order_relaxed))
			return true;
	return false;
}

static bool
port_broke_ring(const struct apps *a, const struct app_port *port)
{
	for (uint32_t i = 0; i < a->rings; i++)
		if (atomic_load_explicit(&port->memory->dp.rx[i].broken, memory_order_relaxed))
			return true;
	return false;
}

static const char *
offence(const struct apps *a, const struct app *app, uint64_t now_ms)
{
	const struct app_port *port;

	if (app->fd < 0)
		return NULL;
	if (app->memory == NULL)
		return now_ms - app->since_ms > HELLO_MS ? "it never said hello" : NULL;
	if (app_broke_ring(a, app))
		return "it broke the rules of a sending ring";
	TAILQ_FOREACH (port, &app->ports, of_app) {
		if (port_broke_ring(a, port))
			return "it broke the rules of a receiving ring";
	}
	return NULL;
}

void
apps_tick(struct apps *a, uint64_t now_ms)
{
	struct app *app = TAILQ_FIRST(&a->list);

	while (app != NULL) {
		struct app *next = TAILQ_NEXT(app, of_all);
		const char *why = offence(a, app, now_ms);

		if (why != NULL)
			app_detach(app, why);
		app = next;
	}
	if (a->unpublished)
		apps_publish(a);
	connections_step(a->options.connections);
	dataplane_reclaim(a->options.dp);
	answer_settled(a);
}
