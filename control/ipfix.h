/* SPDX-License-Identifier: BSD-3-Clause */
/* ipfix.h: flows that ended, and what came of those that last, as IPFIX biflow records to a
 * collector (RFC 7011, RFC 5103). Served by ipfix.c. The control thread alone; it never waits. */
#pragma once

#include "control/collector.h"
#include "control/events.h"

struct ipfix_options {
	struct collector_options collector;
	uint32_t domain;     /* observation domain (RFC 7011 3.1) */
	uint32_t template_s; /* over UDP, templates are sent this often (RFC 7011 8.4) */
	uint32_t active_s;   /* flows that last are told this often; 0: at their end only */
};

struct ipfix_counts {
	uint64_t exported; /* records in messages that the kernel took */
	uint64_t lost;     /* records that were not, and events that workers had no room for */
};

struct ipfix;

/* Listens to `events` from now on. 0 or a negative errno. */
int ipfix_create(struct event_base *base, struct dataplane *dp, struct flow_events *events,
		 const struct ipfix_options *options, struct ipfix **out);
/* Sends what waits. NULL is fine. */
void ipfix_destroy(struct ipfix *x);

void ipfix_count(const struct ipfix *x, struct ipfix_counts *out);
