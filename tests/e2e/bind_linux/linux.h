/* SPDX-License-Identifier: BSD-3-Clause */
/* linux.h: the sockets of a trial as the kernel has them. Served by linux.c. */
#pragma once

#include "tests/e2e/bind_linux/trial.h"

/* Starts one child per user, under a uid of its own where the kernel lets it. Returns the number of
 * users that there are, or a negative errno. */
int linux_start(void);
void linux_stop(void);

/* Opens the socket by a child of its user: bind, and listen or connect. The socket, or the negative
 * errno of the call that was refused. */
int linux_open(const struct spec *s);

/* Sends the packet, or connects, and looks which of the open sockets (fds below 0 are none) has it.
 * The index of it, NOBODY, or -1000 and below: the machine failed. */
int linux_probe(const struct probe *p, const int *fds, const struct spec *specs, unsigned n);

#define LINUX_FAILED (-1000)
