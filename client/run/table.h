/* SPDX-License-Identifier: BSD-3-Clause */
/* table.h: which descriptors are sockets of berthd's, which are the shim's own; the connection to
 * berthd; what a fork() makes of both. Served by table.c.
 *
 * After a fork() two processes have the same sockets. The first of them that sends or receives
 * keeps all of them; in the other such calls fail with EBADF, and close() only closes. */
#pragma once

#include "client/run/sock.h"

/* The socket behind the descriptor, kept alive until table_put(); NULL: none of berthd's. NULL
 * also for calls that the shim itself makes, see table_enter(). */
struct sock *table_get(int fd);
void table_put(struct sock *s);

/* Makes `fd` another name of the socket. -EMFILE: past what the table holds. */
int table_add(int fd, struct sock *s);
/* Forgets the descriptor, which is about to be closed or replaced. */
void table_remove(int fd);

/* Moves a descriptor of the shim's own out of the way of the program's and hides it: the program's
 * close() leaves it alone. */
void table_hide(int *fd);
void table_unhide(int fd);
bool table_hidden(int fd);

/* Around what calls libc for the shim itself. */
void table_enter(void);
void table_leave(void);

/* Takes the connection to berthd, which is made at the first call; one thread at a time has it.
 * NULL with *error a negative errno, told on stderr. */
struct berth *connection_lock(int *error);
/* The same, never making one: there is one. */
struct berth *connection_relock(void);
void connection_unlock(void);

/* Whether this process may use the sockets; claims them where nobody did since the fork(). */
bool connection_ours(void);
/* The same without claiming. */
bool connection_claimed(void);
