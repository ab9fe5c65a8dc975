/* SPDX-License-Identifier: BSD-3-Clause */
/* connection.h: one question to berthd, one answer. Served by connection.c. */
#pragma once

#include <jansson.h>

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
