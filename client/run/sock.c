/* SPDX-License-Identifier: BSD-3-Clause */
/* sock.c: sockets taken over from the kernel, connected, and given up. */
#include "client/run/sock.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/client_priv.h"
#include "client/run/real.h"
#include "client/run/table.h"

/* Of a socket's reassembler: what a small server needs. */
#define DATAGRAMS 16

static int
option(int fd, int level, int name)
{
	int value = 0;
	socklen_t bytes = sizeof(value);

	return real()->getsockopt(fd, level, name, &value, &bytes) == 0 ? value : 0;
}

/* Whether berth-run was told to take this port: "53,5000-5999"; everything, if it was told none. */
static bool
port_wanted(in_port_t port)
{
	const char *at = getenv("BERTH_RUN_PORTS");

	if (at == NULL)
		return true;
	while (*at != '\0') {
		char *end;
		const unsigned long first = strtoul(at, &end, 10);
		const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

		if (first <= port && port <= last)
			return true;
		at = *end == ',' ? end + 1 : "";
	}
	return false;
}

/* Whether the socket is one for berthd. */
static bool
wanted(int fd, const struct sockaddr_storage *local)
{
	return endpoint_port(local) != 0 && !endpoint_kernels(local) &&
	       port_wanted(endpoint_port(local)) && option(fd, SOL_SOCKET, SO_TYPE) == SOCK_DGRAM &&
	       option(fd, SOL_SOCKET, SO_PROTOCOL) == IPPROTO_UDP;
}

/* A ring as large as the program asked for, where that is more than usual. */
static uint32_t
ring_bytes(int fd)
{
	const int asked = option(fd, SOL_SOCKET, SO_RCVBUF);
	uint32_t bytes = RING_BYTES_DEFAULT;

	while (bytes < RING_BYTES_MAX && asked > (int)bytes)
		bytes *= 2;
	return bytes;
}

/* Binds the socket's port as it is bound for the program. */
static int
port_bind(struct sock *s)
{
	const bool both = s->family == AF_INET6 && endpoint_any(&s->local) &&
			  option(s->shadow, IPPROTO_IPV6, IPV6_V6ONLY) == 0;
	char text[BERTH_IDENTITY_BYTES];

	endpoint_identity(&s->local, both, text);
	return berth_bind(s->port, text, s->bind_flags, &s->binding);
}

/* Puts the port's wake-up socket in the place of the program's. */
static int
descriptor_replace(struct sock *s, int fd)
{
	const int flags = real()->fcntl(fd, F_GETFD);

	table_hide(&s->port->wake_fd);
	if (real()->dup3(s->port->wake_fd, fd, flags & FD_CLOEXEC ? O_CLOEXEC : 0) < 0)
		return -errno;
	client_fd_settle(s->port);
	return table_add(fd, s);
}

static struct sock *
sock_make(int fd, const struct sockaddr_storage *local)
{
	struct sock *s = calloc(1, sizeof(*s));

	if (s == NULL)
		return NULL;
	s->family = option(fd, SOL_SOCKET, SO_DOMAIN);
	s->local = *local;
	if (option(fd, SOL_SOCKET, SO_REUSEPORT) != 0)
		s->bind_flags |= BERTH_SHARED;
	if (option(fd, SOL_SOCKET, SO_REUSEADDR) != 0)
		s->bind_flags |= BERTH_REUSE;
	s->pktinfo = s->family == AF_INET6 ? option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO) != 0
					   : option(fd, IPPROTO_IP, IP_PKTINFO) != 0;
	pthread_mutex_init(&s->lock, NULL);
	s->shadow = real()->fcntl(fd, F_DUPFD_CLOEXEC, 0);
	if (s->shadow < 0) {
		free(s);
		return NULL;
	}
	table_hide(&s->shadow);
	return s;
}

/* Opens the port and all that goes with it. The connection is locked. */
static int
sock_open(struct berth *b, struct sock *s, int fd)
{
	const struct berth_port_options options = { .ring_bytes = ring_bytes(fd) };
	const struct berth_reassembler_options parts = { .datagrams = DATAGRAMS,
							 .per_source = DATAGRAMS };
	char name[BERTH_NAME_BYTES];
	int rc;

	snprintf(name, sizeof(name), "udp/%u", endpoint_port(&s->local));
	rc = berth_port_open(b, name, &options, &s->port);
	if (rc == 0)
		rc = port_bind(s);
	if (rc != 0)
		return rc;
	return berth_reassembler_open(&parts, &s->reassembler);
}

static void
sock_free(struct sock *s)
{
	if (s->port != NULL) {
		table_unhide(s->port->wake_fd);
		berth_port_close(s->port);
	}
	berth_reassembler_close(s->reassembler);
	table_unhide(s->shadow);
	real()->close(s->shadow);
	pthread_mutex_destroy(&s->lock);
	free(s);
}

int
sock_bind(int fd, const struct sockaddr *address, socklen_t bytes)
{
	const int family = option(fd, SOL_SOCKET, SO_DOMAIN);
	struct sockaddr_storage local;
	struct berth *b;
	struct sock *s;
	int rc;

	if (endpoint_read(family, address, bytes, &local) != 0 || !wanted(fd, &local))
		return real()->bind(fd, address, bytes) == 0 ? 0 : -errno;
	b = connection_lock(&rc);
	if (b == NULL)
		return rc;
	s = sock_make(fd, &local);
	rc = s == NULL ? -ENOMEM : sock_open(b, s, fd);
	if (rc == 0)
		rc = descriptor_replace(s, fd);
	if (rc != 0 && rc != -EADDRNOTAVAIL)
		fprintf(stderr, "berth-run: %s\n", berth_last_error(b));
	if (rc != 0 && s != NULL)
		sock_free(s);
	connection_unlock();
	if (rc == -EADDRNOTAVAIL)
		return real()->bind(fd, address, bytes) == 0 ? 0 : -errno;
	return rc;
}

/* Back to a socket that hears everybody. */
static int
disconnect(struct sock *s)
{
	int rc;

	if (!s->connected)
		return 0;
	rc = port_bind(s);
	if (rc != 0)
		return rc;
	berth_unbind(s->port, s->connection.binding);
	s->connected = false;
	return 0;
}

/* The socket gives its own binding up for that of the connection: another may take its place. */
static int
reconnect(struct sock *s, const struct sockaddr_storage *remote)
{
	const struct berth_connection former = s->connection;
	char from[BERTH_IDENTITY_BYTES], to[BERTH_IDENTITY_BYTES];
	int rc;

	endpoint_identity(&s->local, endpoint_any(&s->local), from);
	endpoint_identity(remote, false, to);
	if (s->connected && endpoint_equal(remote, &former.remote))
		return 0;
	rc = berth_connect(s->port, from, to, &s->connection);
	if (rc != 0)
		return rc;
	berth_unbind(s->port, s->connected ? former.binding : s->binding);
	s->connected = true;
	s->binding = 0;
	return 0;
}

int
sock_connect(struct sock *s, const struct sockaddr *address, socklen_t bytes)
{
	struct sockaddr_storage remote;
	int rc = 0;

	if (!connection_ours())
		return -EBADF;
	if (bytes < sizeof(address->sa_family))
		return -EINVAL;
	if (address->sa_family != AF_UNSPEC)
		rc = endpoint_read(s->family, address, bytes, &remote);
	if (rc != 0)
		return rc;
	pthread_mutex_lock(&s->lock);
	connection_relock();
	rc = address->sa_family == AF_UNSPEC ? disconnect(s) : reconnect(s, &remote);
	connection_unlock();
	pthread_mutex_unlock(&s->lock);
	return rc;
}

/* In a process that lost its sockets to another one after a fork(), and in one that did not say yet
 * whether it wants them, only its own memory goes. */
void
sock_destroy(struct sock *s)
{
	if (!connection_claimed()) {
		table_unhide(s->port->wake_fd);
		real()->close(s->port->wake_fd);
		table_unhide(s->shadow);
		real()->close(s->shadow);
		berth_reassembler_close(s->reassembler);
		pthread_mutex_destroy(&s->lock);
		free(s);
		return;
	}
	connection_relock();
	sock_free(s);
	connection_unlock();
}
