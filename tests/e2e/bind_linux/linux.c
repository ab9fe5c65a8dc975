/* SPDX-License-Identifier: BSD-3-Clause */
/* linux.c: opens real sockets under two users and sends real packets over the loopback device.
 *
 * All runs on one core: what is sent goes through that core's queue in order, so that a packet to a
 * socket of ours, sent behind the one in question, tells when that one has arrived anywhere. */
#include "tests/e2e/bind_linux/linux.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define FIRST_UID  1001
#define FENCE_PORT 7000
#define WAIT_MS    2000

static struct {
	int child[USERS]; /* our end of each child's socket */
	int sender[2][2]; /* by family, remote address */
	int fence[2];     /* by family: receives what it sends to itself */
} k;

static socklen_t
sockaddr_of(bool ipv6, const struct address *a, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (ipv6) {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

		if (a->family == FAMILY_IPV6) {
			memcpy(&in6.sin6_addr, a->bytes, 16);
		} else if (a->family == FAMILY_IPV4) {
			memset(&in6.sin6_addr.s6_addr[10], 0xff, 2);
			memcpy(&in6.sin6_addr.s6_addr[12], a->bytes, 4);
		}
		memcpy(out, &in6, sizeof(in6));
		return sizeof(in6);
	}
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

	memcpy(&in.sin_addr, a->bytes, 4);
	memcpy(out, &in, sizeof(in));
	return sizeof(in);
}

static int
call_bind(int fd, bool ipv6, const struct address *a, uint16_t port)
{
	struct sockaddr_storage to;
	const socklen_t bytes = sockaddr_of(ipv6, a, port, &to);

	return bind(fd, (const struct sockaddr *)&to, bytes) == 0 ? 0 : -errno;
}

static int
call_connect(int fd, bool ipv6, const struct address *a, uint16_t port)
{
	struct sockaddr_storage to;
	const socklen_t bytes = sockaddr_of(ipv6, a, port, &to);

	return connect(fd, (const struct sockaddr *)&to, bytes) == 0 ? 0 : -errno;
}

static int
set_option(int fd, int level, int name, int value)
{
	return setsockopt(fd, level, name, &value, sizeof(value)) == 0 ? 0 : -errno;
}

/* In the child: bind, then listen or connect. The socket or a negative errno. */
static int
open_here(const struct spec *s)
{
	const struct identity id = trial_identity(s);
	const bool ipv6 = s->kind != KIND_V4;
	const int type = s->proto == PROTO_TCP ? SOCK_STREAM : SOCK_DGRAM;
	const int fd = socket(ipv6 ? AF_INET6 : AF_INET, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc;

	if (fd < 0)
		return -errno;
	rc = ipv6 ? set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, s->kind == KIND_V6ONLY) : 0;
	if (rc == 0 && s->reuse)
		rc = set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	if (rc == 0 && s->shared)
		rc = set_option(fd, SOL_SOCKET, SO_REUSEPORT, 1);
	if (rc == 0)
		rc = call_bind(fd, ipv6, &id.local.address, id.port_first);
	if (rc == 0 && s->proto == PROTO_TCP)
		rc = listen(fd, 8) == 0 ? 0 : -errno;
	if (rc == 0 && id.connected)
		rc = call_connect(fd, ipv6, &id.remote, id.remote_port);
	if (rc == 0)
		return fd;
	close(fd);
	return rc;
}

/* A reply: the errno, and the socket when it is 0. */
static int
reply_send(int channel, int rc, int fd)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { &rc, sizeof(rc) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	if (rc == 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = sizeof(control.bytes);
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(sizeof(int));
		memcpy(CMSG_DATA(&control.head), &fd, sizeof(fd));
	}
	return sendmsg(channel, &m, MSG_NOSIGNAL) == (ssize_t)sizeof(rc) ? 0 : -errno;
}

static int
reply_receive(int channel)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control;
	int rc = -EIO, fd;
	char alone;
	struct iovec data = { &rc, sizeof(rc) };
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };

	if (recvmsg(channel, &m, MSG_CMSG_CLOEXEC) != (ssize_t)sizeof(rc) ||
	    recv(channel, &alone, 1, 0) != 1)
		return LINUX_FAILED;
	if (rc != 0 || CMSG_FIRSTHDR(&m) == NULL)
		return rc;
	memcpy(&fd, CMSG_DATA(&control.head), sizeof(fd));
	return fd;
}

/* Serves until the other end closes. */
static void
child_run(int channel, uid_t uid)
{
	struct spec s;
	const int rc = uid == getuid() || (setgid(uid) == 0 && setuid(uid) == 0) ? 0 : -errno;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (send(channel, &rc, sizeof(rc), MSG_NOSIGNAL) != (ssize_t)sizeof(rc) || rc != 0)
		_exit(1);
	while (recv(channel, &s, sizeof(s), 0) == (ssize_t)sizeof(s)) {
		const int fd = open_here(&s);
		const int sent = reply_send(channel, fd < 0 ? fd : 0, fd);

		if (fd >= 0)
			close(fd);
		/* From here on the socket is the other end's alone. */
		if (sent != 0 || send(channel, "", 1, MSG_NOSIGNAL) != 1)
			_exit(1);
	}
	_exit(0);
}

/* 0, or why there is no child with that uid. */
static int
child_start(unsigned user, uid_t uid)
{
	int pair[2], rc;

	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	const pid_t pid = fork();

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		close(pair[0]);
		child_run(pair[1], uid);
	}
	close(pair[1]);
	if (recv(pair[0], &rc, sizeof(rc), 0) != (ssize_t)sizeof(rc))
		rc = -EIO;
	if (rc == 0)
		k.child[user] = pair[0];
	else
		close(pair[0]);
	return rc;
}

static int
bound_socket(bool ipv6, const struct address *a, uint16_t port)
{
	const int fd = socket(ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	const int rc = fd < 0 ? -errno : call_bind(fd, ipv6, a, port);

	return rc == 0 ? fd : rc;
}

int
linux_start(void)
{
	cpu_set_t one;

	CPU_ZERO(&one);
	CPU_SET(sched_getcpu(), &one);
	if (sched_setaffinity(0, sizeof(one), &one) != 0)
		return -errno;
	for (unsigned v6 = 0; v6 < 2; v6++) {
		const struct address here = trial_local(v6, 1);

		for (unsigned i = 0; i < 2; i++) {
			const struct address from = trial_remote(v6, i + 1);

			k.sender[v6][i] = bound_socket(v6, &from, TRIAL_REMOTE(i + 1));
			if (k.sender[v6][i] < 0)
				return k.sender[v6][i];
		}
		k.fence[v6] = bound_socket(v6, &here, FENCE_PORT);
		if (k.fence[v6] < 0)
			return k.fence[v6];
	}
	if (child_start(0, FIRST_UID) == 0 && child_start(1, FIRST_UID + 1) == 0)
		return USERS;
	/* In a user namespace there is one user. */
	const int rc = child_start(0, getuid());

	return rc == 0 ? 1 : rc;
}

void
linux_stop(void)
{
	for (unsigned i = 0; i < USERS; i++)
		if (k.child[i] != 0)
			close(k.child[i]);
	while (wait(NULL) > 0)
		;
}

int
linux_open(const struct spec *s)
{
	if (send(k.child[s->user], s, sizeof(*s), MSG_NOSIGNAL) != (ssize_t)sizeof(*s))
		return LINUX_FAILED;
	return reply_receive(k.child[s->user]);
}

static bool
readable(int fd, int timeout_ms, short events)
{
	struct pollfd p = { .fd = fd, .events = events };

	return poll(&p, 1, timeout_ms) == 1;
}

/* Sends one byte and waits until all that was sent before has arrived. */
static int
send_udp(const struct probe *p)
{
	const struct address to = trial_local(p->ipv6, p->to), here = trial_local(p->ipv6, 1);
	const int from = k.sender[p->ipv6][p->from - 1], fence = k.fence[p->ipv6];
	struct sockaddr_storage address;
	socklen_t bytes = sockaddr_of(p->ipv6, &to, TRIAL_PORT(p->port), &address);
	char byte = 1;

	if (sendto(from, &byte, 1, 0, (const struct sockaddr *)&address, bytes) != 1)
		return LINUX_FAILED - errno;
	bytes = sockaddr_of(p->ipv6, &here, FENCE_PORT, &address);
	if (sendto(fence, &byte, 1, 0, (const struct sockaddr *)&address, bytes) != 1 ||
	    !readable(fence, WAIT_MS, POLLIN) || recv(fence, &byte, 1, 0) != 1)
		return LINUX_FAILED;
	return 0;
}

/* A closed connection leaves nothing behind, as with a reset it does not wait. */
static void
close_reset(int fd)
{
	const struct linger now = { .l_onoff = 1 };

	setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof(now));
	close(fd);
}

/* The connection, made or refused, or LINUX_FAILED and below. */
static int
begin_tcp(const struct probe *p)
{
	const struct address from = trial_remote(p->ipv6, p->from),
			     to = trial_local(p->ipv6, p->to);
	const int fd =
		socket(p->ipv6 ? AF_INET6 : AF_INET, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int rc = fd < 0 ? -errno : call_bind(fd, p->ipv6, &from, 0);

	if (rc == 0)
		rc = call_connect(fd, p->ipv6, &to, TRIAL_PORT(p->port));
	if (rc == -EINPROGRESS && !readable(fd, WAIT_MS, POLLOUT))
		rc = -ETIMEDOUT;
	if (rc == 0 || rc == -EINPROGRESS || rc == -ECONNREFUSED)
		return fd;
	close(fd);
	return LINUX_FAILED + rc;
}

/* Takes what a socket has; true: it had something. */
static bool
take(int fd, uint8_t proto)
{
	char byte;
	int accepted;

	if (proto == PROTO_UDP)
		return recv(fd, &byte, 1, MSG_DONTWAIT) == 1;
	accepted = accept(fd, NULL, NULL);
	if (accepted < 0)
		return false;
	close_reset(accepted);
	return true;
}

int
linux_probe(const struct probe *p, const int *fds, const struct spec *specs, unsigned n)
{
	const int sent = p->proto == PROTO_UDP ? send_udp(p) : begin_tcp(p);
	int receiver = NOBODY;

	if (sent < 0)
		return sent;
	for (unsigned i = 0; i < n; i++) {
		if (fds[i] < 0 || specs[i].proto != p->proto || !take(fds[i], p->proto))
			continue;
		receiver = receiver == NOBODY ? (int)i : LINUX_FAILED;
	}
	if (p->proto == PROTO_TCP)
		close_reset(sent);
	return receiver;
}
