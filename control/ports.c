/* SPDX-License-Identifier: BSD-3-Clause */
/* ports.c: the ports of applications: opening, binding, closing. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "control/apps.h"

uint32_t
apps_ports_count(const struct apps *a)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < PORTS_MAX; i++)
		n += a->ports[i] != NULL;
	return n;
}

struct app_port *
apps_port(const struct apps *a, uint32_t id)
{
	return id < PORTS_MAX ? a->ports[id] : NULL;
}

/* A free id, as long as possible after its last use. */
static int
choose_id(struct apps *a, uid_t uid, uint16_t *id)
{
	uint32_t owned = 0;

	for (uint32_t i = 0; i < PORTS_MAX; i++)
		owned += a->ports[i] != NULL && a->ports[i]->app->who.uid == uid;
	if (owned >= a->options.quota_ports)
		return -EDQUOT;
	for (uint32_t i = 0; i < PORTS_MAX; i++) {
		const uint16_t candidate = (uint16_t)((a->next_port + i) % PORTS_MAX);

		if (a->ports[candidate] == NULL) {
			a->next_port = (uint16_t)((candidate + 1) % PORTS_MAX);
			*id = candidate;
			return 0;
		}
	}
	return -ENOSPC;
}

static port_ref
new_life(struct apps *a, uint16_t id)
{
	if (++a->generations[id] == 0)
		a->generations[id] = 1;
	return port_ref_make(id, a->generations[id]);
}

/* Makes all that a port has but its place in the registry. */
static int
port_build(struct app_port *port, uint32_t ring_bytes, int fds[3])
{
	struct apps *a = port->app->apps;
	int rc = port_memory_create(port->ref, port->app->id, a->rings, ring_bytes, &port->memory,
				    fds);

	if (rc != 0)
		return rc;
	rc = notifier_channel(&port->wake_fd, &fds[2]);
	if (rc != 0)
		goto undo_memory;
	rc = notifier_add(a->options.notifier, port->memory->pair.ours, port->memory->pair.theirs,
			  a->rings, port->wake_fd);
	if (rc != 0)
		goto undo_channel;
	return 0;
undo_channel:
	close(port->wake_fd);
	close(fds[2]);
undo_memory:
	close(fds[0]);
	close(fds[1]);
	memory_free(port->memory);
	return rc;
}

/* A port without its end, under a number of its own that it does not have yet. */
static int
port_make(struct app *app, const char *name, struct app_port **out)
{
	struct app_port *port;
	uint16_t id;
	const int rc = choose_id(app->apps, app->who.uid, &id);

	if (rc != 0)
		return rc;
	port = calloc(1, sizeof(*port));
	if (port == NULL)
		return -ENOMEM;
	port->app = app;
	port->ref = new_life(app->apps, id);
	port->wake_fd = -1;
	snprintf(port->name, sizeof(port->name), "%s", name);
	*out = port;
	return 0;
}

static void
port_enter(struct app_port *port)
{
	struct apps *a = port->app->apps;

	TAILQ_INSERT_TAIL(&port->app->ports, port, of_app);
	a->ports[port_ref_id(port->ref)] = port;
	apps_changed(a);
}

int
app_port_open(struct app *app, const char *name, uint32_t ring_bytes, struct app_port **out,
	      int fds[3], char why[MESSAGE_TEXT_BYTES])
{
	struct app_port *port;
	int rc = app_check_rings(app, ring_bytes, why);

	if (rc != 0)
		return rc;
	rc = port_make(app, name, &port);
	if (rc != 0) {
		snprintf(why, MESSAGE_TEXT_BYTES, "%s",
			 rc == -ENOMEM ? "no memory for another port"
				       : "there are as many ports open as may be");
		return rc;
	}
	rc = port_build(port, ring_bytes, fds);
	if (rc != 0) {
		snprintf(why, MESSAGE_TEXT_BYTES, "berthd could not make the rings: %s",
			 strerror(-rc));
		free(port);
		return rc;
	}
	port->ring_bytes = (uint64_t)app->apps->rings * ring_bytes;
	port_enter(port);
	*out = port;
	return 0;
}

int
app_port_open_end(struct app *app, const char *name, uint16_t end, struct app_port **out)
{
	struct app_port *port;
	int rc = port_make(app, name, &port);

	if (rc != 0)
		return rc;
	rc = port_memory_create_end(port->ref, app->id, end, &port->memory);
	if (rc != 0) {
		free(port);
		return rc;
	}
	port_enter(port);
	*out = port;
	return 0;
}

void
app_port_close(struct app_port *port)
{
	struct apps *a = port->app->apps;

	bindings_remove_port(a->options.bindings, port->ref);
	connections_close_port(a->options.connections, port->ref);
	if (port->wake_fd >= 0) {
		notifier_remove(a->options.notifier, port->memory->pair.ours);
		close(port->wake_fd);
	}
	port->memory->head.next = a->over;
	a->over = &port->memory->head;
	a->ports[port_ref_id(port->ref)] = NULL;
	TAILQ_REMOVE(&port->app->ports, port, of_app);
	free(port);
	apps_changed(a);
}

uint64_t
app_port_drain(struct app_port *port, bool *changed)
{
	struct apps *a = port->app->apps;
	struct port_counts counts;

	*changed = bindings_drain_port(a->options.bindings, port->ref) != 0;
	if (*changed)
		apps_changed(a);
	dataplane_port_counts(a->options.dp, port->ref, &counts);
	return counts.flows;
}

int
app_port_bind(struct app_port *port, const struct identity *identity, uint32_t flags,
	      const struct credentials *asker, const struct binding **out,
	      char why[MESSAGE_TEXT_BYTES])
{
	const struct app *app = port->app;
	const uint32_t weight = (flags & MESSAGE_BIND_WEIGHT_MASK) >> MESSAGE_BIND_WEIGHT_SHIFT;
	struct binding want = {
		.identity = *identity,
		.shared = (flags & MESSAGE_BIND_SHARED) != 0,
		.reuse = (flags & MESSAGE_BIND_REUSE) != 0,
		.weight = (uint16_t)(weight == 0 ? 1 : weight),
		.port = port->ref,
		.app = app->id,
		.pid = app->who.pid,
		.uid = app->who.uid,
	};
	int rc;

	memcpy(want.port_name, port->name, sizeof(want.port_name));
	memcpy(want.app_name, app->name, sizeof(want.app_name));
	rc = identity->port_first == 0
		     ? connections_choose(app->apps->options.connections, &want.identity, why)
		     : connections_admit(app->apps->options.connections, identity, asker->uid, why);
	if (rc != 0)
		return rc;
	rc = bindings_add(app->apps->options.bindings, &want, asker, out, why);
	if (rc == 0)
		apps_changed(app->apps);
	return rc;
}

int
app_port_connect(struct app_port *port, const struct identity *identity,
		 const struct credentials *asker, struct connection *out,
		 char why[MESSAGE_TEXT_BYTES])
{
	const struct app *app = port->app;
	struct connections *c = app->apps->options.connections;
	const struct binding want = {
		.identity = *identity,
		.port = port->ref,
		.uid = app->who.uid,
	};
	const int rc = connections_open(c, &want, asker, out, why);
	const struct app_port *holder;
	char text[IDENTITY_TEXT_BYTES];
	port_ref ref;

	if (rc != -EADDRINUSE)
		return rc;
	ref = connections_holder(c, identity);
	holder = apps_port(app->apps, port_ref_id(ref));
	if (ref != PORT_REF_NONE && holder != NULL && holder->ref == ref)
		snprintf(why, MESSAGE_TEXT_BYTES, "%.110s is connected by %s (pid %d)",
			 identity_format(identity, text), holder->app->name,
			 (int)holder->app->who.pid);
	return rc;
}
