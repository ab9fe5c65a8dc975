/* SPDX-License-Identifier: BSD-3-Clause */
/* stats.h: readings of counters, ports, nics and workers as JSON. Served by stats.c.
 *
 * Each function returns a new object whose members are the command's answer, or NULL without
 * memory. The control thread alone. */
#pragma once

#include <jansson.h>

#include "control/apps.h"
#include "control/bindings.h"
#include "dataplane/dataplane.h"

/* A reading in which both sides of C1 agree, if one comes within a few tries: while packets are on
 * their way through a worker its counters may be some packets apart. Returns whether they do. */
bool stats_totals(const struct dataplane *dp, struct counter_totals *out);

json_t *stats_counters(const struct dataplane *dp);
/* `limit`: the most entries of closed_ports, those with most packets first. */
json_t *stats_drops(const struct dataplane *dp, uint32_t limit);
json_t *stats_nics(const struct dataplane *dp);
json_t *stats_workers(const struct dataplane *dp);
json_t *
stats_ports(const struct dataplane *dp, const struct apps *apps, const struct bindings *bindings);
json_t *stats_bindings(const struct bindings *bindings);

/* Name of the service, or "". Remembered: /etc/services is read once per port. */
const char *stats_service(uint8_t proto, uint16_t port);
