/* SPDX-License-Identifier: BSD-3-Clause */
/* listen.h: a unix socket at a path that belongs to one daemon. Served by listen.c. */
#pragma once

#include <event2/event.h>

struct listener;

/* Called with each new connection, which it owns. */
typedef int (*listener_accept_fn)(void *context, int fd);

struct listener_options {
	struct event_base *base;
	const char *path;
	int type; /* SOCK_SEQPACKET or SOCK_STREAM */
	/* Who may connect besides the daemon's own user: this group; "": nobody. */
	const char *group;
	listener_accept_fn accept;
	void *context;
};

/* Takes the path: another daemon that lives there is left alone and named as the reason; what a
 * dead one left is replaced. A lock file beside the socket ("PATH.lock", kept for ever) decides
 * between daemons that start at once. 0, or a negative errno after a line to stderr. */
int listener_open(const struct listener_options *options, struct listener **out);

/* Takes connections up again after the process ran out of descriptors. */
void listener_tick(struct listener *l);

/* Closes and removes the socket. NULL is fine. */
void listener_close(struct listener *l);
