/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_output.h: flows that ended, on standard output, in one of several forms. Served by
 * flow_output.c. */
#pragma once

#include "dataplane/replay/stages.h"

enum flow_format { FLOW_FORMAT_JSON, FLOW_FORMAT_CSV, FLOW_FORMAT_IPFIX, FLOW_FORMATS };
extern const char *const flow_format_names[FLOW_FORMATS];

struct flow_output;

/* Writes what stands before the first flow. 0 or -ENOMEM. */
int flow_output_open(enum flow_format format, struct flow_output **out);
/* Writes a flow, now or later. */
void flow_output_put(struct flow_output *o, const struct ended_flow *flow);
/* Writes what waits. */
void flow_output_close(struct flow_output *o);
