/* SPDX-License-Identifier: BSD-3-Clause */
/* host.h: just as much of berthd as applications need to attach and open a port. Served by
 * host.c. */
#pragma once

#include <stdbool.h>

#include "control/memory.h"

#define HOST_APPLICATIONS_MAX 64

struct host {
	char folder[32], path[64];
	int listener;
	unsigned applications;
	int connections[HOST_APPLICATIONS_MAX];
	struct app_memory *apps[HOST_APPLICATIONS_MAX];
	struct port_memory *ports[HOST_APPLICATIONS_MAX]; /* port i has id i, generation 1 */
};

/* Listens on a socket of its own. 0 or a negative errno. */
int host_open(struct host *h);
/* Attaches `applications` processes' or connections' worth of applications, each with one port. 0
 * or a negative errno. */
int host_attach(struct host *h, unsigned applications);
void host_close(struct host *h);

/* Runs the calling thread on `core` alone. */
bool host_pin(int core);
