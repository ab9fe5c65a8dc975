/* SPDX-License-Identifier: BSD-3-Clause */
/* daemon.h: berthd from its first system call to its last. Served by daemon.c. */
#pragma once

#include "config/config.h"

/* Starts everything by `config`, which was loaded from the file at `path`, serves until SIGTERM or
 * SIGINT, and stops everything. 0, or the negative errno of what did not start, after a line to
 * stderr. Keeps *config up to date with reloads. Once per process. */
int daemon_run(struct config *config, const char *path);
