/* SPDX-License-Identifier: BSD-3-Clause */
/* connection.c: asks berthd over its control socket, and reads what it answers. */
#include "control/ctl/connection.h"

#include <errno.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

/* A daemon that says nothing for so long does not work. */
#define ANSWER_S    30
#define CHUNK_BYTES (256u << 10)

static enum ctl_exit
unreachable(const char *socket_path, int error)
{
	fprintf(stderr, "berthctl: %s: %s\n", socket_path, strerror(error));
	if (error == ENOENT || error == ECONNREFUSED)
		fprintf(stderr, "berthctl: is berthd running, and is this its control socket "
				"(--socket)?\n");
	return error == EACCES || error == EPERM ? CTL_DENIED : CTL_UNREACHABLE;
}

static int
connection_open(const char *socket_path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	const struct timeval patience = { .tv_sec = ANSWER_S };
	const size_t length = strlen(socket_path);
	int fd, error;

	if (length >= sizeof(address.sun_path))
		return -ENAMETOOLONG;
	memcpy(address.sun_path, socket_path, length);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -errno;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof(patience)) == 0 &&
	    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof(patience)) == 0 &&
	    connect(fd, (const struct sockaddr *)&address, sizeof(address)) == 0)
		return fd;
	error = errno;
	close(fd);
	return -error;
}

static int
line_send(int fd, const json_t *request)
{
	char *text = json_dumps(request, JSON_COMPACT);
	size_t length, sent = 0;
	int rc = 0;

	if (text == NULL)
		return -ENOMEM;
	length = strlen(text);
	text[length++] = '\n'; /* in place of the terminating zero */
	while (sent < length && rc == 0) {
		const ssize_t n = send(fd, text + sent, length - sent, MSG_NOSIGNAL);

		if (n > 0)
			sent += (size_t)n;
		else if (errno != EINTR)
			rc = errno == EAGAIN ? -ETIMEDOUT : -errno;
	}
	free(text);
	return rc;
}

/* Reads up to the line's end. On 0 the caller owns *out of *bytes. */
static int
line_receive(int fd, char **out, size_t *bytes)
{
	char *line = NULL;
	size_t used = 0, room = 0;
	int rc;

	for (;;) {
		ssize_t n;

		if (room - used < CHUNK_BYTES) {
			char *grown = realloc(line, room + room / 2 + CHUNK_BYTES);

			rc = -ENOMEM;
			if (grown == NULL)
				break;
			line = grown;
			room += room / 2 + CHUNK_BYTES;
		}
		n = recv(fd, line + used, CHUNK_BYTES, 0);
		if (n < 0 && errno == EINTR)
			continue;
		rc = n == 0 ? -ECONNRESET : errno == EAGAIN ? -ETIMEDOUT : -errno;
		if (n <= 0)
			break;
		used += (size_t)n;
		if (line[used - 1] == '\n') {
			*out = line;
			*bytes = used;
			return 0;
		}
	}
	free(line);
	return rc;
}

/* Turns a refusal into an exit status. */
static enum ctl_exit
refused(const json_t *answer)
{
	const char *error = json_string_value(json_object_get(answer, "error"));
	const char *code = json_string_value(json_object_get(answer, "code"));

	if (error == NULL || code == NULL) {
		fprintf(stderr, "berthctl: the daemon's answer is not understood\n");
		return CTL_UNREACHABLE;
	}
	fprintf(stderr, "berthctl: %s\n", error);
	if (strcmp(code, "denied") == 0)
		return CTL_DENIED;
	return strcmp(code, "usage") == 0 ? CTL_USAGE : CTL_REFUSED;
}

/* Turns one line into JSON; anything but an answer that was given is said and becomes an exit
 * status. */
static enum ctl_exit
answer_read(const char *line, size_t bytes, json_t **answer)
{
	json_t *json = json_loadb(line, bytes, 0, NULL);

	if (!json_is_true(json_object_get(json, "ok"))) {
		const enum ctl_exit status = refused(json);

		json_decref(json);
		return status;
	}
	*answer = json;
	return CTL_OK;
}

enum ctl_exit
connection_ask(const char *socket_path, const json_t *request, json_t **answer)
{
	const int fd = connection_open(socket_path);
	char *line = NULL;
	enum ctl_exit status;
	size_t bytes = 0;
	int rc;

	if (fd < 0)
		return unreachable(socket_path, -fd);
	rc = line_send(fd, request);
	if (rc == 0)
		rc = line_receive(fd, &line, &bytes);
	close(fd);
	if (rc != 0)
		return unreachable(socket_path, -rc);
	status = answer_read(line, bytes, answer);
	free(line);
	return status;
}

/* Of connection_follow(); there is one at a time. */
static volatile sig_atomic_t followed_fd = -1, stopped;

/* Ends the stream, so that a read that is about to wait does not. */
static void
stop(int signal_number)
{
	const int error = errno;

	(void)signal_number;
	stopped = 1;
	shutdown(followed_fd, SHUT_RDWR);
	errno = error;
}

static void
stop_on(int signal_number)
{
	const struct sigaction action = { .sa_handler = stop };

	sigaction(signal_number, &action, NULL);
}

/* Reads lines until `each` wants no more, somebody stops it, or the daemon does. */
static enum ctl_exit
lines_read(FILE *stream, connection_line_fn each, void *context)
{
	enum ctl_exit status = CTL_OK;
	char *line = NULL;
	size_t room = 0;
	bool more = true;

	while (more && status == CTL_OK) {
		const ssize_t bytes = getline(&line, &room, stream);
		json_t *json;

		if (stopped)
			break;
		if (bytes <= 0) {
			fprintf(stderr, "berthctl: berthd ended the connection\n");
			status = CTL_UNREACHABLE;
			break;
		}
		json = json_loadb(line, (size_t)bytes, 0, NULL);
		if (json_object_get(json, "event") == NULL)
			status = refused(json);
		else
			more = each(json, context);
		json_decref(json);
	}
	free(line);
	return status;
}

/* Sends the request and reads what comes, from a connected socket. */
static enum ctl_exit
follow(int fd, FILE *stream, const json_t *request, connection_line_fn each, void *context)
{
	static const struct timeval for_ever = { 0, 0 };
	enum ctl_exit status = CTL_UNREACHABLE;
	json_t *answer = NULL;
	char *line = NULL;
	size_t room = 0;
	ssize_t bytes;

	if (line_send(fd, request) == 0) {
		bytes = getline(&line, &room, stream);
		status = bytes > 0 ? answer_read(line, (size_t)bytes, &answer) : CTL_UNREACHABLE;
	}
	json_decref(answer);
	free(line);
	if (status == CTL_OK &&
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &for_ever, sizeof(for_ever)) == 0)
		return lines_read(stream, each, context);
	return stopped ? CTL_OK : status;
}

enum ctl_exit
connection_follow(const char *socket_path, const json_t *request, connection_line_fn each,
		  void *context)
{
	const int fd = connection_open(socket_path);
	enum ctl_exit status;
	FILE *stream;

	if (fd < 0)
		return unreachable(socket_path, -fd);
	stream = fdopen(fd, "r");
	if (stream == NULL) {
		close(fd);
		return unreachable(socket_path, ENOMEM);
	}
	followed_fd = fd;
	stop_on(SIGINT);
	stop_on(SIGTERM);
	status = follow(fd, stream, request, each, context);
	fclose(stream);
	return status;
}
