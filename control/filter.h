/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.h: which flows somebody asked for. Served by filter.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "dataplane/dataplane.h"

struct flow_filter {
	uint8_t proto;          /* 0: any */
	uint16_t port;          /* at either end; 0: any */
	struct address address; /* at either end; FAMILY_ANY: any */
};

/* Reads the members proto, port and address of `request`; each may be absent. 0, or -EINVAL with a
 * sentence in *why. */
int filter_read(const json_t *request, struct flow_filter *out, const char **why);
bool filter_matches(const struct flow_filter *f, const struct flow_key *k);

/* Reads a number between `least` and `most`; without a value *out stays. 0 or -EINVAL. */
int filter_number(const json_t *value, json_int_t least, json_int_t most, json_int_t *out);
