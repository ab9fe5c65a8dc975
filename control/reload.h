/* SPDX-License-Identifier: BSD-3-Clause */
/* reload.h: reads the configuration again while berthd runs. Served by reload.c. The control thread
 * alone. */
#pragma once

#include <jansson.h>

#include "config/config.h"
#include "dataplane/dataplane.h"

struct reload {
	const char *path;      /* of the file; it outlives this */
	struct config *config; /* what berthd runs with; keys that may change are kept up to date */
	struct dataplane *dp;
};

/* Reads and checks the whole file; where all of it is right, what may change at run time does.
 * Returns true and the paths of keys in two lists, both the caller's to release: *changed, and
 * *waiting, those that differ as well but are read only at a start. False: nothing changed, and
 * *why, the caller's to free, has a line "file:line:column: ..." per mistake; NULL: no memory. */
bool reload_run(struct reload *r, json_t **changed, json_t **waiting, char **why);

/* The same, told on standard error. */
void reload_say(struct reload *r);
