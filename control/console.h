/* SPDX-License-Identifier: BSD-3-Clause */
/* console.h: the clients of control.sock: lines in, lines out. Served by console.c.
 *
 * Bounded: clients, the length of a request, and the time in which a client takes its answers. The
 * process ignores SIGPIPE. */
#pragma once

#include <event2/event.h>

#include "control/commands.h"

struct console;

/* `commands` is borrowed. 0 or -ENOMEM. */
int console_create(struct event_base *base, const struct command_context *commands,
		   struct console **out);
void console_destroy(struct console *c);

/* Takes over a connected stream socket; on failure it is closed. 0 or a negative errno. */
int console_accept(struct console *c, int fd);
