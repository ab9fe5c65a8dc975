/* SPDX-License-Identifier: BSD-3-Clause */
/* receive.c: datagrams from the port to the program. */
#include <errno.h>
#include <poll.h>
#include <string.h>

#include "client/client_priv.h"
#include "client/run/real.h"
#include "client/run/table.h"

/* What a datagram is said to have come in by: the interface that every network namespace has. */
#define INTERFACE 1

static unsigned
source_index(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? 0 : 1;
}

/* Whether the packet is a datagram for this socket. */
static bool
packet_is_ours(const struct sock *s, const struct berth_packet *p)
{
	struct sockaddr_storage from;

	if (p->proto != IPPROTO_UDP || (p->flags & BERTH_PACKET_ICMP_ERROR))
		return false;
	berth_packet_source(p, &from);
	return !s->connected || endpoint_equal(&from, &s->connection.remote);
}

/* The next datagram, or NULL. Nothing of the former ones is used any more. */
static const struct berth_packet *
next_packet(struct sock *s)
{
	for (;;) {
		while (s->next < s->count) {
			if (packet_is_ours(s, &s->batch[s->next]))
				return &s->batch[s->next];
			s->next++;
		}
		berth_release(s->port);
		s->next = 0;
		s->count = berth_rx_burst(s->port, s->batch, SOCK_BATCH);
		if (s->count == 0)
			return NULL;
		s->count = berth_reassemble(s->reassembler, s->batch, s->count);
	}
}

/* The datagram was given to the program: the descriptor stays readable only while there are more.
 */
static void
consume(struct sock *s)
{
	s->next++;
	if (next_packet(s) == NULL)
		client_fd_settle(s->port);
}

/* Waits until there is a datagram; s->lock is held, but not while it waits. */
static int
packet_wait(int fd, struct sock *s, int flags, const struct berth_packet **out)
{
	struct pollfd poller = { .fd = fd, .events = POLLIN };
	int rc;

	while ((*out = next_packet(s)) == NULL) {
		rc = berth_wait(s->port, 0);
		if (rc == 1)
			continue;
		if (rc != 0)
			return rc;
		client_fd_settle(s->port);
		if (sock_nonblocking(s, flags))
			return -EAGAIN;
		const int timeout_ms = sock_timeout_ms(s, SO_RCVTIMEO);

		pthread_mutex_unlock(&s->lock);
		rc = poll(&poller, 1, timeout_ms);
		if (rc < 0)
			rc = -errno;
		pthread_mutex_lock(&s->lock);
		if (rc <= 0)
			return rc == 0 ? -EAGAIN : rc;
	}
	return 0;
}

/* Spreads `bytes` over the program's parts. Returns how many fitted. */
static size_t
scatter(const struct msghdr *m, const void *data, size_t bytes)
{
	const char *from = data;
	size_t done = 0;

	for (size_t i = 0; i < m->msg_iovlen && done < bytes; i++) {
		const size_t room = m->msg_iov[i].iov_len;
		const size_t n = room < bytes - done ? room : bytes - done;

		memcpy(m->msg_iov[i].iov_base, from + done, n);
		done += n;
	}
	return done;
}

static void
control_put(struct msghdr *m, int level, int type, const void *data, size_t bytes)
{
	const size_t room = m->msg_controllen;
	struct cmsghdr *c = CMSG_FIRSTHDR(m);

	m->msg_controllen = 0;
	if (c == NULL || room < CMSG_LEN(bytes)) {
		m->msg_flags |= MSG_CTRUNC;
		return;
	}
	c->cmsg_level = level;
	c->cmsg_type = type;
	c->cmsg_len = CMSG_LEN(bytes);
	memcpy(CMSG_DATA(c), data, bytes);
	m->msg_controllen = room < CMSG_SPACE(bytes) ? room : CMSG_SPACE(bytes);
}

/* Says where the datagram was sent to, if the program wants to know. */
static void
control_write(const struct sock *s, const struct sockaddr_storage *to, struct msghdr *m)
{
	struct sockaddr_in6 in6;
	socklen_t bytes = sizeof(in6);

	if (!s->pktinfo || m->msg_control == NULL) {
		m->msg_controllen = 0;
		return;
	}
	endpoint_write(s->family, to, (struct sockaddr *)&in6, &bytes);
	if (s->family == AF_INET6) {
		const struct in6_pktinfo info = { .ipi6_addr = in6.sin6_addr,
						  .ipi6_ifindex = INTERFACE };

		control_put(m, IPPROTO_IPV6, IPV6_PKTINFO, &info, sizeof(info));
	} else {
		struct in_pktinfo info = { .ipi_ifindex = INTERFACE };

		memcpy(&info.ipi_addr, (const char *)to + offsetof(struct sockaddr_in, sin_addr),
		       sizeof(info.ipi_addr));
		info.ipi_spec_dst = info.ipi_addr;
		control_put(m, IPPROTO_IP, IP_PKTINFO, &info, sizeof(info));
	}
}

/* Gives the datagram to the program, as recvmsg() does. */
static ssize_t
packet_give(struct sock *s, const struct berth_packet *p, struct msghdr *m, int flags)
{
	struct sockaddr_storage from, to;
	uint32_t bytes;
	const void *payload = berth_packet_payload(p, &bytes);
	const size_t given = scatter(m, payload, bytes);

	berth_packet_source(p, &from);
	berth_packet_destination(p, &to);
	s->sources[source_index(&to)] = to;
	m->msg_flags = given < bytes ? MSG_TRUNC : 0;
	if (m->msg_name != NULL)
		endpoint_write(s->family, &from, m->msg_name, &m->msg_namelen);
	control_write(s, &to, m);
	return (flags & MSG_TRUNC) != 0 ? (ssize_t)bytes : (ssize_t)given;
}

ssize_t
sock_receive(int fd, struct sock *s, struct msghdr *m, int flags)
{
	const struct berth_packet *p;
	ssize_t rc;

	if (!connection_ours())
		return -EBADF;
	/* There are no errors to be told of here. */
	if (flags & MSG_ERRQUEUE)
		return -EAGAIN;
	table_enter();
	pthread_mutex_lock(&s->lock);
	rc = packet_wait(fd, s, flags, &p);
	if (rc == 0) {
		rc = packet_give(s, p, m, flags);
		if (!(flags & MSG_PEEK))
			consume(s);
	}
	pthread_mutex_unlock(&s->lock);
	table_leave();
	return rc;
}

int
sock_pending(struct sock *s)
{
	const struct berth_packet *p;
	uint32_t bytes = 0;

	if (!connection_ours())
		return 0;
	table_enter();
	pthread_mutex_lock(&s->lock);
	p = next_packet(s);
	if (p != NULL)
		berth_packet_payload(p, &bytes);
	pthread_mutex_unlock(&s->lock);
	table_leave();
	return (int)bytes;
}
