/* SPDX-License-Identifier: BSD-3-Clause */
/* flows.h: a dump of live flows, in pieces. Served by flows.c. */
#pragma once

#include <event2/buffer.h>
#include <jansson.h>

#include "control/apps.h"
#include "dataplane/dataplane.h"

struct flow_dump;

/* Starts a dump filtered by the members proto, port, address and limit of `request` (each may be
 * absent; limit 0: all). 0, -ENOMEM, or -EINVAL with a sentence in *why. */
int flow_dump_create(struct dataplane *dp, const struct apps *apps, const json_t *request,
		     struct flow_dump **out, const char **why);
void flow_dump_destroy(struct flow_dump *d);

/* Appends the next piece of the one line that answers the request; a bounded number of flows is
 * looked at. False: that was the last piece. */
bool flow_dump_next(struct flow_dump *d, struct evbuffer *out);
