/* SPDX-License-Identifier: BSD-3-Clause */
/* commands.h: what may be asked over control.sock. Served by commands.c.
 *
 * A request is one line with a JSON object: {"command":"ports", ...arguments}. The answer is one
 * line: {"ok":true, ...} or {"ok":false,"error":"a sentence","code":"refused|denied|usage"}. The
 * control thread alone. */
#pragma once

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "control/apps.h"
#include "control/flows.h"
#include "control/ipfix.h"
#include "control/neighbours.h"
#include "control/reload.h"
#include "control/stream.h"

#define COMMAND_BYTES_MAX (64u << 10)

struct command_context {
	struct dataplane *dp;
	struct apps *apps;
	struct bindings *bindings;
	struct neighbours *neighbours;
	struct flow_events *events;
	const struct ipfix *ipfix; /* NULL: none is configured */
	struct reload *reload;
	const char *version;
	const char *memory; /* "hugepages" or "ordinary" */
	uint64_t started_ms;
	uid_t daemon_uid; /* may, like root, make changes */
};

/* An answer that takes more than one turn of the loop; at most one member is set. The caller's to
 * destroy. */
struct command_stream {
	struct flow_dump *dump;      /* comes from flow_dump_next() */
	struct event_stream *events; /* comes once event_stream_start() was called */
};

/* Carries out the request in `bytes` at `line` for `asker`. Returns the answer, the caller's to
 * release; NULL with *stream set: the answer is that; NULL without: no memory for an answer. */
json_t *command_run(const struct command_context *c, const struct credentials *asker,
		    const char *line, size_t bytes, struct command_stream *stream);

/* The answer to a request that was not carried out. */
json_t *command_refusal(const char *code, const char *error);
