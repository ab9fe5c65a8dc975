/* SPDX-License-Identifier: BSD-3-Clause */
/* publish.h: swaps what workers see, and retires what they saw before. Served by publish.c. */
#pragma once

#include "control/bindings.h"
#include "dataplane/dataplane.h"

/* What workers see now. All NULL before the first publication. */
struct publication {
	struct dp_snapshot *snapshot;
	struct bind_table *table;
};

/* Gives `next`, whose applications and ports are filled, a table of all bindings and publishes it;
 * owns it from then on. 0. On -ENOMEM `next` is published with the former table, in which bindings
 * of ports that are gone find no port: what is new there does not work yet, what was taken away is
 * gone. */
int publication_renew(struct publication *p, struct dataplane *dp, struct dp_snapshot *next,
		      const struct bindings *bindings);

/* Retires all of it; the workers are stopped. */
void publication_end(struct publication *p, struct dataplane *dp);
