/* SPDX-License-Identifier: BSD-3-Clause */
/* reading.h: what the parser says of one captured packet, and how it is printed. Served by
 * reading.c (asks the parser) and print.c (one line of JSON). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/parse/parse.h"
#include "dataplane/replay/capture.h"
#include "dataplane/replay/json_line.h"

enum reading_verdict {
	READING_OK,   /* `packet` is valid */
	READING_DROP, /* `drop` says why */
	READING_SKIP, /* the parser cannot tell; `skip` says why */
};

enum reading_skip {
	SKIP_LINK_TYPE,   /* no link type that the parser reads */
	SKIP_SNAP_LENGTH, /* the capture kept too little of the packet */
	SKIP_COUNT,
};
extern const char *const skip_names[SKIP_COUNT];
extern const char *const tunnel_names[TUNNEL_TYPES]; /* NULL: TUNNEL_NONE */

struct reading_options {
	bool checksum_ignore; /* as the daemon's `checksum: ignore` */
	bool source_any;      /* as `sources: any` */
	bool offload;         /* as a nic with offloads hands the frame over */
	unsigned tunnels;     /* PARSE_TUNNEL() of each type to look into, as `tunnels` of a nic */
};

/* One packet and all that is printed of it. Made anew by each reading_make(). */
struct reading {
	enum reading_verdict verdict;
	enum drop_reason drop;
	enum reading_skip skip;
	struct packet packet;
	int link_type;
	struct captured captured;
	uint8_t frame[FRAME_BYTES_MAX]; /* what the offsets of `packet` count in */
};

/* Reads one packet of a capture of that link type. */
void reading_make(const struct reading_options *options, int link_type,
		  const struct captured *captured, struct reading *out);

#define MOMENT_BYTES 40
/* Seconds with six digits behind the point, nine where the capture is finer than microseconds. */
const char *moment_text(const struct moment *m, char text[MOMENT_BYTES]);

/* Writes the reading as packet number `n` of its file, as far as its verdict. `name`: the file's,
 * or NULL for none. */
void
reading_print(const struct reading *reading, const char *name, uint64_t n, struct json_line *line);
/* Writes the parser's verdict, and ends the line. */
void reading_print_end(const struct reading *reading, struct json_line *line);
/* Writes a verdict that is no skip: DROP_NONE for "ok". */
void verdict_print(enum drop_reason drop, struct json_line *line);
