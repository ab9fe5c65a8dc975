/* SPDX-License-Identifier: BSD-3-Clause */
/* commands_drain.c: drains a port, or all ports of an application. */
#include <string.h>

#include "control/commands_priv.h"

/* The one application with this name, and this pid unless that is 0. NULL: *why says so. */
static struct app *
app_named(const struct apps *apps, const char *name, json_int_t pid, const char **why)
{
	struct app *app, *found = NULL;

	*why = "there is no such port or application";
	TAILQ_FOREACH (app, &apps->list, of_all) {
		if (app->id == 0 || strcmp(app->name, name) != 0 ||
		    (pid != 0 && app->who.pid != pid))
			continue;
		if (found != NULL) {
			*why = "several applications have that name; give the pid of one, or a "
			       "port's number";
			return NULL;
		}
		found = app;
	}
	return found;
}

static void
drain(struct app_port *port, json_t *list)
{
	bool changed;
	const uint64_t flows = app_port_drain(port, &changed);

	json_array_append_new(
		list, json_pack("{s:i, s:s, s:s, s:I, s:I}", "id", port_ref_id(port->ref), "name",
				port->name, "app", port->app->name, "pid",
				(json_int_t)port->app->who.pid, "flows", (json_int_t)flows));
}

json_t *
command_drain(struct request *q)
{
	const json_t *target = json_object_get(q->json, "target");
	const json_t *pid = json_object_get(q->json, "pid");
	const char *name = json_string_value(target), *why;
	struct app_port *port = NULL;
	struct app *app;
	json_t *list;

	if (target == NULL || (name == NULL && !json_is_integer(target)))
		return command_refusal("usage", "drain needs a port or an application");
	if (pid != NULL && (!json_is_integer(pid) || json_integer_value(pid) < 1))
		return command_refusal("usage", "pid is the number of a process");
	if (pid == NULL)
		port = command_port(q->c->apps, target, &why);
	app = port == NULL && name != NULL
		      ? app_named(q->c->apps, name, json_integer_value(pid), &why)
		      : NULL;
	if (port == NULL && app == NULL)
		return command_refusal("refused", why);
	list = json_array();
	if (port != NULL) {
		drain(port, list);
	} else {
		TAILQ_FOREACH (port, &app->ports, of_app) {
			drain(port, list);
		}
	}
	/* Without memory the next tick publishes it: nobody takes the drain back. */
	apps_publish(q->c->apps);
	return json_pack("{s:o}", "ports", list);
}
