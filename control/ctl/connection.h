/* SPDX-License-Identifier: BSD-3-Clause */
/* connection.h: one question to berthd, and one answer or many. Served by connection.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

/* What berthctl exits with. */
enum ctl_exit {
	CTL_OK = 0,
	CTL_REFUSED = 1,
	CTL_USAGE = 2,
	CTL_UNREACHABLE = 3,
	CTL_DENIED = 4,
};

/* Asks the daemon at `socket_path`. CTL_OK and *answer, the caller's to release; else the exit
 * status, with the reason said on standard error. */
enum ctl_exit connection_ask(const char *socket_path, const json_t *request, json_t **answer);

/* Called with each line of an answer without end, a JSON object. Whether to go on. */
typedef bool (*connection_line_fn)(json_t *line, void *context);

/* Asks for an answer without end and calls `each` for each of its lines. CTL_OK once `each` wants
 * no more, or SIGINT or SIGTERM came: it takes these signals over. Else as above. Once per
 * process. */
enum ctl_exit connection_follow(const char *socket_path, const json_t *request,
				connection_line_fn each, void *context);
