/* SPDX-License-Identifier: BSD-3-Clause */
/* sock.h: one UDP socket of the program that berthd serves. Served by sock.c (life), endpoint.c
 * (addresses), receive.c, send.c, option.c.
 *
 * Its descriptor in the program is a duplicate of its port's wake-up socket, which berthd's
 * notifier makes readable while packets wait: poll, select, epoll and what builds on them work on
 * it as they are. Only its own end is ever read here, when nothing waits any more. */
#pragma once

#include <netinet/in.h>
#include <pthread.h>
#include <stdbool.h>
#include <sys/socket.h>

#include "client/include/berth/berth.h"

#define SOCK_BATCH    64
#define DATAGRAM_MAX  65536
#define SOURCES_COUNT 2 /* IPv4, IPv6 */

struct sock {
	unsigned refs; /* descriptors, and calls under way; table.c's lock */

	pthread_mutex_t lock; /* of all below */
	struct berth_port *port;
	struct berth_reassembler *reassembler;
	int shadow;   /* the program's socket as the kernel knows it, unbound: keeps its options */
	int family;   /* AF_INET or AF_INET6 */
	bool pktinfo; /* the program wants to know where datagrams were sent to */
	uint32_t binding;              /* of berth_bind(); 0 while connected */
	unsigned bind_flags;           /* enum berth_bind_flag */
	struct sockaddr_storage local; /* as the program bound it */
	bool connected;
	struct berth_connection connection;
	/* Where answers of a socket that is bound to no address come from: where it was asked last,
	 * else what berthd chooses; AF_UNSPEC: not known yet. */
	struct sockaddr_storage sources[SOURCES_COUNT];

	/* Packets taken from the port, of which [next, count) are the program's still. */
	struct berth_packet batch[SOCK_BATCH];
	uint16_t next, count;
	char gather[DATAGRAM_MAX]; /* for datagrams in several parts */
};

/* -- sock.c -- */

/* As bind(): takes the socket over if it is one for berthd, else binds it as the kernel does. All
 * functions here return 0 or more, or a negative errno. */
int sock_bind(int fd, const struct sockaddr *address, socklen_t bytes);
/* Connects, or with AF_UNSPEC ends that. */
int sock_connect(struct sock *s, const struct sockaddr *address, socklen_t bytes);
/* Frees it; nobody else knows it any more. */
void sock_destroy(struct sock *s);

/* -- endpoint.c -- */

/* Reads a socket address of the program's for a socket of `family`; a mapped IPv4 address becomes
 * one of IPv4. -EINVAL or -EAFNOSUPPORT. */
int endpoint_read(int family, const struct sockaddr *address, socklen_t bytes,
		  struct sockaddr_storage *out);
/* Writes as accept() would: cut to *bytes, which becomes the whole length. */
void endpoint_write(int family, const struct sockaddr_storage *from, struct sockaddr *to,
		    socklen_t *bytes);
in_port_t endpoint_port(const struct sockaddr_storage *a);
void endpoint_port_set(struct sockaddr_storage *a, in_port_t port);
bool endpoint_any(const struct sockaddr_storage *a);
bool endpoint_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b);
/* Whether it is an address that only the kernel can serve: loopback, a group, broadcast. */
bool endpoint_kernels(const struct sockaddr_storage *a);
/* The address space that berth-run was told. */
uint16_t endpoint_zone(void);
/* The identity's text; `both`: any address of both families instead of its address. */
void
endpoint_identity(const struct sockaddr_storage *a, bool both, char text[BERTH_IDENTITY_BYTES]);

/* -- receive.c, send.c -- */

/* As recvmsg() and sendmsg(). */
ssize_t sock_receive(int fd, struct sock *s, struct msghdr *m, int flags);
ssize_t sock_send(struct sock *s, const struct msghdr *m, int flags);
/* Bytes of the next datagram, 0: none; for FIONREAD. */
int sock_pending(struct sock *s);

/* -- option.c -- */

int sock_option_set(struct sock *s, int level, int name, const void *value, socklen_t bytes);
int sock_option_get(struct sock *s, int level, int name, void *value, socklen_t *bytes);
/* Whether calls return instead of waiting. */
bool sock_nonblocking(const struct sock *s, int flags);
/* SO_RCVTIMEO or SO_SNDTIMEO in milliseconds; -1: none. */
int sock_timeout_ms(const struct sock *s, int option);
