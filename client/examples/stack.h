/* SPDX-License-Identifier: BSD-3-Clause */
/* stack.h: lwIP's TCP/IP stack over a port of berthd, for one thread.
 *
 * Whoever started the stack uses lwIP's raw API (lwip/tcp.h) between calls of stack_poll() and in
 * the callbacks that it makes. */
#ifndef CLIENT_EXAMPLES_STACK_H
#define CLIENT_EXAMPLES_STACK_H

#include <berth/berth.h>

/* Starts lwIP, once in a process. It receives on `port`, and sends through `b` from the identities
 * bound there, which must all be of `zone`. */
void stack_start(struct berth *b, struct berth_port *port, uint16_t zone);

/* Gives lwIP what came, runs its timers, and sleeps until something is to be done, for at most
 * `timeout_ms`. 0 or -EINTR, or as berth_wait(): berthd is no more. */
int stack_poll(int timeout_ms);

#endif
