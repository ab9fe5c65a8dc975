/* SPDX-License-Identifier: BSD-3-Clause */
/* calls.c: the functions that stand before libc's in a program under berth-run.
 *
 * Each looks whether the descriptor is a socket of berthd's and else is libc's. They have names of
 * their own here and libc's names for the linker, since libc's headers give some of them other
 * types. */
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "client/run/real.h"
#include "client/run/table.h"

#define CALL(type, name, ...)                                     \
	BERTH_EXPORT type run_##name(__VA_ARGS__) __asm__(#name); \
	type run_##name(__VA_ARGS__)

/* As the kernel's calls: -1 and errno. */
static ssize_t
result(ssize_t rc)
{
	if (rc >= 0)
		return rc;
	errno = (int)-rc;
	return -1;
}

/* The same for a call on a socket, which is given back. */
static ssize_t
done(struct sock *s, ssize_t rc)
{
	table_put(s);
	return result(rc);
}

CALL(int, bind, int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct sock *s = table_get(fd);

	return (int)(s == NULL ? result(sock_bind(fd, address, bytes)) : done(s, -EINVAL));
}

CALL(int, connect, int fd, const struct sockaddr *address, socklen_t bytes)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->connect(fd, address, bytes)
			 : (int)done(s, sock_connect(s, address, bytes));
}

CALL(int, getsockname, int fd, struct sockaddr *address, socklen_t *bytes)
{
	struct sock *s = table_get(fd);

	if (s == NULL)
		return real()->getsockname(fd, address, bytes);
	pthread_mutex_lock(&s->lock);
	endpoint_write(s->family, s->connected ? &s->connection.local : &s->local, address, bytes);
	pthread_mutex_unlock(&s->lock);
	return (int)done(s, 0);
}

CALL(int, getpeername, int fd, struct sockaddr *address, socklen_t *bytes)
{
	struct sock *s = table_get(fd);
	int rc = -ENOTCONN;

	if (s == NULL)
		return real()->getpeername(fd, address, bytes);
	pthread_mutex_lock(&s->lock);
	if (s->connected) {
		endpoint_write(s->family, &s->connection.remote, address, bytes);
		rc = 0;
	}
	pthread_mutex_unlock(&s->lock);
	return (int)done(s, rc);
}

CALL(int, getsockopt, int fd, int level, int name, void *value, socklen_t *bytes)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->getsockopt(fd, level, name, value, bytes)
			 : (int)done(s, sock_option_get(s, level, name, value, bytes));
}

CALL(int, setsockopt, int fd, int level, int name, const void *value, socklen_t bytes)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->setsockopt(fd, level, name, value, bytes)
			 : (int)done(s, sock_option_set(s, level, name, value, bytes));
}

/* -- Sending -- */

static ssize_t
send_parts(struct sock *s, const struct iovec *parts, size_t count, int flags,
	   const struct sockaddr *to, socklen_t to_bytes)
{
	const struct msghdr m = { .msg_name = (void *)(uintptr_t)to,
				  .msg_namelen = to_bytes,
				  .msg_iov = (struct iovec *)(uintptr_t)parts,
				  .msg_iovlen = count };

	return done(s, sock_send(s, &m, flags));
}

static ssize_t
send_bytes(struct sock *s, const void *data, size_t bytes, int flags, const struct sockaddr *to,
	   socklen_t to_bytes)
{
	const struct iovec part = { (void *)(uintptr_t)data, bytes };

	return send_parts(s, &part, 1, flags, to, to_bytes);
}

CALL(ssize_t, sendto, int fd, const void *data, size_t bytes, int flags, const struct sockaddr *to,
     socklen_t to_bytes)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->sendto(fd, data, bytes, flags, to, to_bytes)
			 : send_bytes(s, data, bytes, flags, to, to_bytes);
}

CALL(ssize_t, send, int fd, const void *data, size_t bytes, int flags)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->send(fd, data, bytes, flags)
			 : send_bytes(s, data, bytes, flags, NULL, 0);
}

CALL(ssize_t, write, int fd, const void *data, size_t bytes)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->write(fd, data, bytes) : send_bytes(s, data, bytes, 0, NULL, 0);
}

CALL(ssize_t, writev, int fd, const struct iovec *parts, int count)
{
	struct sock *s = table_get(fd);

	if (s == NULL)
		return real()->writev(fd, parts, count);
	return count < 0 ? done(s, -EINVAL) : send_parts(s, parts, (size_t)count, 0, NULL, 0);
}

CALL(ssize_t, sendmsg, int fd, const struct msghdr *m, int flags)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->sendmsg(fd, m, flags) : done(s, sock_send(s, m, flags));
}

CALL(int, sendmmsg, int fd, struct mmsghdr *messages, unsigned count, int flags)
{
	struct sock *s = table_get(fd);
	unsigned n = 0;
	ssize_t rc = 0;

	if (s == NULL)
		return real()->sendmmsg(fd, messages, count, flags);
	while (n < count) {
		rc = sock_send(s, &messages[n].msg_hdr, flags);
		if (rc < 0)
			break;
		messages[n++].msg_len = (unsigned)rc;
	}
	return (int)done(s, n > 0 ? (ssize_t)n : rc);
}

/* -- Receiving -- */

static ssize_t
receive_parts(int fd, struct sock *s, const struct iovec *parts, size_t count, int flags,
	      struct sockaddr *from, socklen_t *from_bytes)
{
	struct msghdr m = { .msg_name = from,
			    .msg_namelen = from == NULL || from_bytes == NULL ? 0 : *from_bytes,
			    .msg_iov = (struct iovec *)(uintptr_t)parts,
			    .msg_iovlen = count };
	const ssize_t rc = sock_receive(fd, s, &m, flags);

	if (rc >= 0 && from != NULL && from_bytes != NULL)
		*from_bytes = m.msg_namelen;
	return done(s, rc);
}

static ssize_t
receive_bytes(int fd, struct sock *s, void *data, size_t bytes, int flags, struct sockaddr *from,
	      socklen_t *from_bytes)
{
	const struct iovec part = { data, bytes };

	return receive_parts(fd, s, &part, 1, flags, from, from_bytes);
}

CALL(ssize_t, recvfrom, int fd, void *data, size_t bytes, int flags, struct sockaddr *from,
     socklen_t *from_bytes)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->recvfrom(fd, data, bytes, flags, from, from_bytes)
			 : receive_bytes(fd, s, data, bytes, flags, from, from_bytes);
}

CALL(ssize_t, recv, int fd, void *data, size_t bytes, int flags)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->recv(fd, data, bytes, flags)
			 : receive_bytes(fd, s, data, bytes, flags, NULL, NULL);
}

CALL(ssize_t, read, int fd, void *data, size_t bytes)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->read(fd, data, bytes)
			 : receive_bytes(fd, s, data, bytes, 0, NULL, NULL);
}

CALL(ssize_t, readv, int fd, const struct iovec *parts, int count)
{
	struct sock *s = table_get(fd);

	if (s == NULL)
		return real()->readv(fd, parts, count);
	return count < 0 ? done(s, -EINVAL)
			 : receive_parts(fd, s, parts, (size_t)count, 0, NULL, NULL);
}

CALL(ssize_t, recvmsg, int fd, struct msghdr *m, int flags)
{
	struct sock *s = table_get(fd);

	return s == NULL ? real()->recvmsg(fd, m, flags) : done(s, sock_receive(fd, s, m, flags));
}

/* The timeout is looked at between datagrams only, as Linux does it (recvmmsg(2), BUGS). */
CALL(int, recvmmsg, int fd, struct mmsghdr *messages, unsigned count, int flags,
     struct timespec *timeout)
{
	struct sock *s = table_get(fd);
	struct timespec start, now;
	unsigned n = 0;
	ssize_t rc = 0;

	if (s == NULL)
		return real()->recvmmsg(fd, messages, count, flags, timeout);
	clock_gettime(CLOCK_MONOTONIC, &start);
	while (n < count) {
		const int wait = n > 0 && (flags & MSG_WAITFORONE) ? MSG_DONTWAIT : 0;

		rc = sock_receive(fd, s, &messages[n].msg_hdr, (flags & ~MSG_WAITFORONE) | wait);
		if (rc < 0)
			break;
		messages[n++].msg_len = (unsigned)rc;
		clock_gettime(CLOCK_MONOTONIC, &now);
		if (timeout != NULL &&
		    (now.tv_sec - start.tv_sec) * 1000000000 + now.tv_nsec - start.tv_nsec >=
			    timeout->tv_sec * 1000000000 + timeout->tv_nsec)
			break;
	}
	return (int)done(s, n > 0 ? (ssize_t)n : rc);
}

/* What the compiler makes of calls in programs built with _FORTIFY_SOURCE. */
CALL(ssize_t, __recv_chk, int fd, void *data, size_t bytes, size_t room, int flags)
{
	return run_recv(fd, data, bytes < room ? bytes : room, flags);
}

CALL(ssize_t, __recvfrom_chk, int fd, void *data, size_t bytes, size_t room, int flags,
     struct sockaddr *from, socklen_t *from_bytes)
{
	return run_recvfrom(fd, data, bytes < room ? bytes : room, flags, from, from_bytes);
}

CALL(ssize_t, __read_chk, int fd, void *data, size_t bytes, size_t room)
{
	return run_read(fd, data, bytes < room ? bytes : room);
}

/* -- Descriptors -- */

CALL(int, close, int fd)
{
	/* Programs that close all that they do not know would end the connection to berthd. */
	if (table_hidden(fd))
		return (int)result(-EBADF);
	table_remove(fd);
	return real()->close(fd);
}

CALL(int, shutdown, int fd, int how)
{
	struct sock *s = table_get(fd);

	if (s == NULL)
		return real()->shutdown(fd, how);
	return (int)done(s, s->connected ? 0 : -ENOTCONN);
}

/* `copy` is a new descriptor for what `fd` is, or -1. */
static int
name_copy(int fd, int copy)
{
	struct sock *s = copy < 0 ? NULL : table_get(fd);
	int rc;

	if (s == NULL)
		return copy;
	rc = table_add(copy, s);
	if (rc != 0)
		real()->close(copy);
	return (int)done(s, rc != 0 ? rc : copy);
}

CALL(int, dup, int fd)
{
	return name_copy(fd, real()->dup(fd));
}

CALL(int, dup2, int fd, int to)
{
	if (table_hidden(to))
		return (int)result(-EBUSY);
	if (fd == to)
		return real()->dup2(fd, to);
	table_remove(to);
	return name_copy(fd, real()->dup2(fd, to));
}

CALL(int, dup3, int fd, int to, int flags)
{
	if (table_hidden(to))
		return (int)result(-EBUSY);
	if (fd != to)
		table_remove(to);
	return name_copy(fd, real()->dup3(fd, to, flags));
}

/* Flags of the open file, which are the program's own socket's; the wake-up socket keeps its. */
static int
control(int fd, int command, void *argument)
{
	struct sock *s;

	if (command == F_DUPFD || command == F_DUPFD_CLOEXEC)
		return name_copy(fd, real()->fcntl(fd, command, argument));
	s = command == F_GETFL || command == F_SETFL ? table_get(fd) : NULL;
	if (s == NULL)
		return real()->fcntl(fd, command, argument);
	const int rc = real()->fcntl(s->shadow, command, argument);

	return (int)done(s, rc < 0 ? -errno : rc);
}

CALL(int, fcntl, int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return control(fd, command, argument);
}

CALL(int, fcntl64, int fd, int command, ...)
{
	va_list arguments;
	void *argument;

	va_start(arguments, command);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	return control(fd, command, argument);
}

CALL(int, ioctl, int fd, unsigned long request, ...)
{
	struct sock *s = table_get(fd);
	va_list arguments;
	void *argument;
	int rc = 0;

	va_start(arguments, request);
	argument = va_arg(arguments, void *);
	va_end(arguments);
	if (s == NULL)
		return real()->ioctl(fd, request, argument);
	if (request == FIONREAD)
		memcpy(argument, &(int){ sock_pending(s) }, sizeof(int));
	else
		rc = real()->ioctl(s->shadow, request, argument);
	return (int)done(s, rc < 0 ? -errno : rc);
}
