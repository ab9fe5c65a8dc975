/* SPDX-License-Identifier: BSD-3-Clause */
/* send.c: datagrams from the program to berthd. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "client/client_priv.h"
#include "client/run/table.h"

/* How long a full ring is left alone before it is tried again: berthd empties it in each turn. */
#define RETRY_US 50

/* The datagram's bytes in one piece. */
static int
gather(struct sock *s, const struct msghdr *m, const void **data, size_t *bytes)
{
	size_t n = 0;

	*data = m->msg_iovlen == 1 ? m->msg_iov[0].iov_base : s->gather;
	*bytes = m->msg_iovlen == 1 ? m->msg_iov[0].iov_len : 0;
	for (size_t i = 0; m->msg_iovlen > 1 && i < m->msg_iovlen; i++) {
		if (m->msg_iov[i].iov_len > sizeof(s->gather) - n)
			return -EMSGSIZE;
		memcpy(s->gather + n, m->msg_iov[i].iov_base, m->msg_iov[i].iov_len);
		n += m->msg_iov[i].iov_len;
		*bytes = n;
	}
	return *bytes > UINT16_MAX ? -EMSGSIZE : 0;
}

/* The address that the program wants to send from, if it names one. */
static void
control_read(const struct sock *s, const struct msghdr *m, struct sockaddr_storage *local)
{
	struct msghdr copy = *m;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(&copy); c != NULL; c = CMSG_NXTHDR(&copy, c)) {
		struct sockaddr_in in = { .sin_family = AF_INET };
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6 };

		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO &&
		    c->cmsg_len >= CMSG_LEN(sizeof(struct in_pktinfo))) {
			memcpy(&in.sin_addr,
			       CMSG_DATA(c) + offsetof(struct in_pktinfo, ipi_spec_dst),
			       sizeof(in.sin_addr));
			memcpy(local, &in, sizeof(in));
		} else if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO &&
			   c->cmsg_len >= CMSG_LEN(sizeof(struct in6_pktinfo))) {
			memcpy(&in6.sin6_addr, CMSG_DATA(c), sizeof(in6.sin6_addr));
			endpoint_read(s->family, (const struct sockaddr *)&in6, sizeof(in6), local);
		}
	}
}

/* Lets berthd choose our address for the way to `remote`, as connect() would. */
static int
source_ask(struct sock *s, const struct sockaddr_storage *remote, struct sockaddr_storage *local)
{
	char from[BERTH_IDENTITY_BYTES], to[BERTH_IDENTITY_BYTES];
	struct berth_connection c;
	int rc;

	endpoint_identity(&s->local, true, from);
	endpoint_identity(remote, false, to);
	rc = berth_connect(s->port, from, to, &c);
	if (rc != 0)
		return rc;
	berth_unbind(s->port, c.binding);
	*local = c.local;
	return 0;
}

/* Fills the local end: what the program names, what it bound, where it was asked last, what berthd
 * chooses, in this order. */
static int
source_choose(struct sock *s, const struct msghdr *m, const struct sockaddr_storage *remote,
	      struct sockaddr_storage *local)
{
	struct sockaddr_storage *known = &s->sources[remote->ss_family == AF_INET ? 0 : 1];
	int rc = 0;

	memset(local, 0, sizeof(*local));
	control_read(s, m, local);
	if (local->ss_family == remote->ss_family && !endpoint_any(local)) {
		endpoint_port_set(local, endpoint_port(&s->local));
		return 0;
	}
	if (!endpoint_any(&s->local)) {
		*local = s->local;
		return local->ss_family == remote->ss_family ? 0 : -ENETUNREACH;
	}
	if (known->ss_family == AF_UNSPEC)
		rc = source_ask(s, remote, known);
	*local = *known;
	return rc;
}

/* Fills both ends. */
static int
path_choose(struct sock *s, const struct msghdr *m, struct berth_connection *c)
{
	int rc;

	if (m->msg_name == NULL || m->msg_namelen == 0) {
		*c = s->connection;
		return s->connected ? 0 : -EDESTADDRREQ;
	}
	*c = (struct berth_connection){ .proto = IPPROTO_UDP, .zone = endpoint_zone() };
	rc = endpoint_read(s->family, m->msg_name, m->msg_namelen, &c->remote);
	if (rc == 0 && endpoint_port(&c->remote) == 0)
		rc = -EINVAL;
	if (rc == 0 && s->connected && endpoint_equal(&c->remote, &s->connection.remote)) {
		*c = s->connection;
		return 0;
	}
	return rc == 0 ? source_choose(s, m, &c->remote, &c->local) : rc;
}

/* A ring that is full for longer than SO_SNDTIMEO, or at all without waiting, is EAGAIN. */
static int
put(struct berth *b, struct sock *s, const struct berth_connection *c, const void *data,
    size_t bytes, int flags)
{
	const struct timespec pause = { .tv_nsec = RETRY_US * 1000 };
	int64_t left_us = -1;
	int rc;

	while ((rc = berth_udp_send(b, c, data, (uint32_t)bytes)) == -EAGAIN) {
		if (left_us < 0) {
			const int timeout_ms = sock_timeout_ms(s, SO_SNDTIMEO);

			if (sock_nonblocking(s, flags))
				return rc;
			left_us = timeout_ms < 0 ? INT64_MAX : (int64_t)timeout_ms * 1000;
		}
		if (left_us < RETRY_US)
			return rc;
		left_us -= RETRY_US;
		nanosleep(&pause, NULL);
	}
	return rc;
}

ssize_t
sock_send(struct sock *s, const struct msghdr *m, int flags)
{
	struct berth_connection c;
	const void *data;
	size_t bytes = 0;
	struct berth *b;
	int rc;

	if (!connection_ours())
		return -EBADF;
	pthread_mutex_lock(&s->lock);
	b = connection_relock();
	rc = gather(s, m, &data, &bytes);
	if (rc == 0)
		rc = path_choose(s, m, &c);
	if (rc == 0)
		rc = put(b, s, &c, data, bytes, flags);
	connection_unlock();
	pthread_mutex_unlock(&s->lock);
	return rc == 0 ? (ssize_t)bytes : rc;
}
