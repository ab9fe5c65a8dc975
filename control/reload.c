/* SPDX-License-Identifier: BSD-3-Clause */
/* reload.c: see reload.h. */
#include "control/reload.h"

#include <stdio.h>
#include <stdlib.h>

#include "control/options.h"

struct differences {
	json_t *changed, *waiting;
};

/* config_change_fn */
static void
note(void *context, const char *path, bool live)
{
	const struct differences *d = context;

	json_array_append_new(live ? d->changed : d->waiting, json_string(path));
}

/* Makes what changed of how flows are followed known to the workers. */
static bool
apply(struct reload *r, const struct config *fresh)
{
	struct track_rules rules;

	options_rules(fresh, &rules);
	if (dataplane_rules_publish(r->dp, &rules) != 0)
		return false;
	config_take_over(r->config, fresh);
	return true;
}

/* Loads the file; *why has what is wrong with it. */
static struct config *
load(const struct reload *r, char **why)
{
	struct config *fresh = calloc(1, sizeof(*fresh));
	size_t bytes;
	FILE *errors = open_memstream(why, &bytes);
	int rc = -1;

	if (fresh != NULL && errors != NULL)
		rc = config_load(r->path, fresh, errors);
	if (errors != NULL && fclose(errors) != 0)
		rc = -1;
	if (rc == 0) {
		free(*why);
		*why = NULL;
		return fresh;
	}
	free(fresh);
	return NULL;
}

bool
reload_run(struct reload *r, json_t **changed, json_t **waiting, char **why)
{
	struct differences d = { NULL, NULL };
	struct config *fresh;
	bool applied;

	*why = NULL;
	fresh = load(r, why);
	if (fresh == NULL)
		return false;
	d.changed = json_array();
	d.waiting = json_array();
	config_compare(r->config, fresh, note, &d);
	applied = d.changed != NULL && d.waiting != NULL && apply(r, fresh);
	free(fresh);
	if (!applied) {
		json_decref(d.changed);
		json_decref(d.waiting);
		return false;
	}
	*changed = d.changed;
	*waiting = d.waiting;
	return true;
}

static void
list_say(const char *what, const json_t *paths)
{
	const json_t *path;
	size_t i;

	if (json_array_size(paths) == 0)
		return;
	fprintf(stderr, "berthd: %s", what);
	json_array_foreach (paths, i, path) {
		fprintf(stderr, "%s%s", i == 0 ? " " : ", ", json_string_value(path));
	}
	fputc('\n', stderr);
}

void
reload_say(struct reload *r)
{
	json_t *changed, *waiting;
	char *why;

	if (!reload_run(r, &changed, &waiting, &why)) {
		fprintf(stderr, "%sberthd: the configuration was not reloaded; nothing changed\n",
			why == NULL ? "" : why);
		free(why);
		return;
	}
	fprintf(stderr, "berthd: reloaded %s\n", r->path);
	list_say("changed:", changed);
	list_say("only a start reads:", waiting);
	json_decref(changed);
	json_decref(waiting);
}
