/* SPDX-License-Identifier: BSD-3-Clause */
/* collector.c: connects to an IPFIX collector again and again, and sends it messages. */
#include "control/collector.h"

#include <errno.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/limits.h"

#define RETRY_MS   1000
#define SEND_BYTES (4 << 20) /* as far as the kernel allows it */
#define LAST_MS    200

struct collector {
	struct collector_options options;
	int fd; /* -1: none */
	bool connecting;
	uint32_t session;  /* the number of the last connection */
	uint64_t tried_ms; /* when the last attempt began */
	size_t rest_bytes; /* of a message that TCP took only a part of */
	uint8_t rest[IPFIX_MESSAGE_BYTES];
};

int
collector_create(const struct collector_options *options, struct collector **out)
{
	struct collector *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->options = *options;
	c->fd = -1;
	*out = c;
	return 0;
}

static void
hang_up(struct collector *c)
{
	close(c->fd);
	c->fd = -1;
	c->rest_bytes = 0;
}

/* Sends what is left of a message. False while something still is. */
static bool
rest_send(struct collector *c)
{
	ssize_t n;

	if (c->rest_bytes == 0)
		return true;
	n = send(c->fd, c->rest, c->rest_bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0)
		return false;
	c->rest_bytes -= (size_t)n;
	memmove(c->rest, c->rest + n, c->rest_bytes);
	return c->rest_bytes == 0;
}

void
collector_destroy(struct collector *c)
{
	struct pollfd wait;

	if (c == NULL)
		return;
	if (c->fd >= 0) {
		wait = (struct pollfd){ .fd = c->fd, .events = POLLOUT };
		if (!rest_send(c) && poll(&wait, 1, LAST_MS) == 1)
			(void)rest_send(c);
		close(c->fd);
	}
	free(c);
}

static int
call(const struct collector *c, int fd)
{
	const struct collector_options *o = &c->options;
	struct sockaddr_in v4 = { .sin_family = AF_INET, .sin_port = htons(o->port) };
	struct sockaddr_in6 v6 = { .sin6_family = AF_INET6, .sin6_port = htons(o->port) };

	memcpy(&v4.sin_addr, o->address.bytes, sizeof(v4.sin_addr));
	memcpy(&v6.sin6_addr, o->address.bytes, sizeof(v6.sin6_addr));
	if (o->address.family == FAMILY_IPV4)
		return connect(fd, (const struct sockaddr *)&v4, sizeof(v4));
	return connect(fd, (const struct sockaddr *)&v6, sizeof(v6));
}

static void
dial(struct collector *c)
{
	const int family = c->options.address.family == FAMILY_IPV4 ? AF_INET : AF_INET6;
	const int type = (c->options.tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_NONBLOCK | SOCK_CLOEXEC;
	const int room = SEND_BYTES;

	c->fd = socket(family, type, 0);
	if (c->fd < 0)
		return;
	(void)setsockopt(c->fd, SOL_SOCKET, SO_SNDBUF, &room, sizeof(room));
	if (call(c, c->fd) == 0)
		c->session++;
	else if (errno == EINPROGRESS)
		c->connecting = true;
	else
		hang_up(c);
}

/* Looks how a connection under way came out. */
static void
dial_check(struct collector *c)
{
	struct pollfd ready = { .fd = c->fd, .events = POLLOUT };
	int error = 0;
	socklen_t bytes = sizeof(error);

	if (poll(&ready, 1, 0) == 0)
		return;
	c->connecting = false;
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &error, &bytes) == 0 && error == 0)
		c->session++;
	else
		hang_up(c);
}

/* A TCP collector says nothing; the end of its stream is its leave. */
static bool
has_left(const struct collector *c)
{
	uint8_t byte;

	return c->options.tcp && recv(c->fd, &byte, 1, MSG_DONTWAIT) == 0;
}

void
collector_tick(struct collector *c, uint64_t now_ms)
{
	if (c->fd >= 0 && !c->connecting && has_left(c))
		hang_up(c);
	if (c->fd < 0 && (c->tried_ms == 0 || now_ms - c->tried_ms >= RETRY_MS)) {
		c->tried_ms = now_ms;
		dial(c);
	}
	if (c->connecting)
		dial_check(c);
}

uint32_t
collector_session(const struct collector *c)
{
	return c->fd < 0 || c->connecting ? 0 : c->session;
}

bool
collector_send(struct collector *c, const uint8_t *message, size_t bytes)
{
	ssize_t n;

	if (collector_session(c) == 0 || !rest_send(c))
		return false;
	n = send(c->fd, message, bytes, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && c->options.tcp && errno != EAGAIN && errno != EINTR)
		hang_up(c);
	if (n < 0)
		return false;
	c->rest_bytes = bytes - (size_t)n;
	memcpy(c->rest, message + n, c->rest_bytes);
	return true;
}
