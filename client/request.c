/* SPDX-License-Identifier: BSD-3-Clause */
/* request.c: the conversation with berthd over app.sock. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#include "client/client_priv.h"

/* berthd answers within one turn of its control loop; who waits longer than this waits for ever. */
#define REPLY_TIMEOUT_S 10

int
client_fail(struct berth *b, int rc, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(b->error, sizeof(b->error), format, arguments);
	va_end(arguments);
	return rc;
}

/* Ends a connection whose other end hung up or is out of step: berthd then takes everything back.
 */
static int
client_lose(struct berth *b, int rc, const char *why)
{
	atomic_store_explicit(&b->lost, true, memory_order_relaxed);
	shutdown(b->fd, SHUT_RDWR);
	return client_fail(b, rc, "%s", why);
}

int
client_connect(struct berth *b, const char *socket_path)
{
	const struct timeval timeout = { .tv_sec = REPLY_TIMEOUT_S };
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const char *path = socket_path;
	int rc;

	if (path == NULL)
		path = secure_getenv("BERTH_SOCKET");
	if (path == NULL)
		path = BERTH_SOCKET_DEFAULT;
	if (strlen(path) >= sizeof(address.sun_path))
		return client_fail(b, -ENAMETOOLONG, "socket path is longer than %zu bytes: %s",
				   sizeof(address.sun_path) - 1, path);
	memcpy(address.sun_path, path, strlen(path) + 1);
	b->fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (b->fd < 0)
		return client_fail(b, -errno, "no socket: %s", strerror(errno));
	if (setsockopt(b->fd, SOL_SOCKET, SO_RCVTIMEO, &timeout, sizeof(timeout)) != 0 ||
	    setsockopt(b->fd, SOL_SOCKET, SO_SNDTIMEO, &timeout, sizeof(timeout)) != 0 ||
	    connect(b->fd, (const struct sockaddr *)&address, sizeof(address)) != 0) {
		rc = -errno;
		close(b->fd);
		b->fd = -1;
		return client_fail(b, rc, "berthd is not reachable at %s: %s", path, strerror(-rc));
	}
	return 0;
}

static int
request_send(struct berth *b, const struct message_request *request)
{
	ssize_t sent;

	do {
		sent = send(b->fd, request, sizeof(*request), MSG_NOSIGNAL);
	} while (sent < 0 && errno == EINTR);
	if (sent == (ssize_t)sizeof(*request))
		return 0;
	return client_lose(b, -ECONNRESET, "berthd ended the connection");
}

/* Takes the descriptors out of a message; more than FDS_MAX the kernel did not let through. */
static unsigned
descriptors_of(struct msghdr *message, int fds[FDS_MAX])
{
	unsigned count = 0;

	for (struct cmsghdr *c = CMSG_FIRSTHDR(message); c != NULL; c = CMSG_NXTHDR(message, c)) {
		const size_t n = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		for (size_t i = 0; i < n && count < FDS_MAX; i++)
			memcpy(&fds[count++], CMSG_DATA(c) + i * sizeof(int), sizeof(int));
	}
	return count;
}

static int
reply_receive(struct berth *b, struct message_reply *reply, int fds[FDS_MAX], unsigned *fds_count)
{
	union {
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
		struct cmsghdr aligned;
	} control;
	struct iovec data = { .iov_base = reply, .iov_len = sizeof(*reply) };
	struct msghdr message = { .msg_iov = &data,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  /* Without the padding, in which a fourth would have room. */
				  .msg_controllen = CMSG_LEN(FDS_MAX * sizeof(int)) };
	ssize_t got;

	do {
		got = recvmsg(b->fd, &message, MSG_CMSG_CLOEXEC);
	} while (got < 0 && errno == EINTR);
	/* A message without bytes can bring some as well. */
	*fds_count = got < 0 ? 0 : descriptors_of(&message, fds);
	if (got < 0 && (errno == EAGAIN || errno == EWOULDBLOCK))
		return client_lose(b, -ETIMEDOUT, "berthd did not answer in time");
	if (got <= 0)
		return client_lose(b, -ECONNRESET, "berthd ended the connection");
	if (got != (ssize_t)sizeof(*reply) || message.msg_flags & (MSG_TRUNC | MSG_CTRUNC))
		return client_lose(b, -EPROTO, "berthd's reply has the wrong size");
	reply->text[sizeof(reply->text) - 1] = '\0';
	return 0;
}

/* What the reply means for the caller, before its contents are used. */
static int
reply_judge(struct berth *b, const struct message_request *request,
	    const struct message_reply *reply, unsigned fds_count, unsigned fds_wanted)
{
	const bool refused = reply->status < 0 && reply->status >= -4095;

	if (refused)
		return client_fail(b, reply->status, "%s",
				   reply->text[0] != '\0' ? reply->text : strerror(-reply->status));
	if (reply->version != MESSAGE_VERSION || reply->type != request->type)
		return client_lose(b, -EPROTO, "berthd speaks another version than this library");
	if (reply->status != 0 || fds_count != fds_wanted)
		return client_lose(b, -EPROTO, "berthd's reply is not one to the request");
	return 0;
}

int
client_exchange(struct berth *b, struct message_request *request, struct message_reply *reply,
		int *fds, unsigned fds_wanted)
{
	int received[FDS_MAX];
	unsigned count;
	int rc;

	if (atomic_load_explicit(&b->lost, memory_order_relaxed))
		return client_fail(b, -ECONNRESET, "berthd ended the connection");
	request->version = MESSAGE_VERSION;
	rc = request_send(b, request);
	if (rc != 0)
		return rc;
	rc = reply_receive(b, reply, received, &count);
	if (rc == 0)
		rc = reply_judge(b, request, reply, count, fds_wanted);
	if (rc == 0) {
		if (count > 0)
			memcpy(fds, received, count * sizeof(int));
		return 0;
	}
	for (unsigned i = 0; i < count; i++)
		close(received[i]);
	return rc;
}

int
client_attach(struct berth *b, const int fds[2], enum segment_kind ours, enum segment_kind theirs,
	      struct segment *maps[2], uint64_t bytes[2])
{
	int rc = segment_attach(fds[0], ours, &maps[0], &bytes[0]);

	if (rc != 0)
		goto fail;
	rc = segment_attach(fds[1], theirs, &maps[1], &bytes[1]);
	if (rc == 0 && maps[0]->head.rings != maps[1]->head.rings)
		rc = -EBADMSG;
	else if (rc == 0)
		return 0;
	else
		goto unmap_ours;
	segment_unmap(maps[1], bytes[1]);
unmap_ours:
	segment_unmap(maps[0], bytes[0]);
fail:
	return client_fail(b, rc, "berthd's shared memory is not as agreed: %s", strerror(-rc));
}
