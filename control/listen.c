/* SPDX-License-Identifier: BSD-3-Clause */
/* listen.c: takes a socket path, and accepts connections on it. */
#include "control/listen.h"

#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/log.h"

#define BACKLOG 64

struct listener {
	struct listener_options options;
	struct sockaddr_un address;
	int lock;
	int fd;
	struct event *readable;
	bool bound;  /* the path is ours to remove */
	bool paused; /* no descriptor was left */
};

static int
fail(const char *path, const char *what, int error)
{
	fprintf(stderr, "berthd: %s: %s: %s\n", path, what, strerror(error));
	return -error;
}

/* Makes the folder of the socket where only that is missing. */
static void
folder_make(const char *path)
{
	char folder[sizeof(((struct sockaddr_un *)0)->sun_path)];
	char *slash;

	snprintf(folder, sizeof(folder), "%s", path);
	slash = strrchr(folder, '/');
	if (slash == NULL || slash == folder)
		return;
	*slash = '\0';
	/* When this fails, the next step says why. */
	(void)mkdir(folder, 0755);
}

/* The lock goes with the process, so a daemon that was killed leaves none. */
static int
lock_take(const char *path, int *out)
{
	char name[sizeof(((struct sockaddr_un *)0)->sun_path) + 8];
	int fd;

	snprintf(name, sizeof(name), "%s.lock", path);
	fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	if (fd < 0)
		return fail(name, "cannot be opened", errno);
	if (flock(fd, LOCK_EX | LOCK_NB) != 0) {
		const int error = errno;

		close(fd);
		if (error != EWOULDBLOCK)
			return fail(name, "cannot be locked", error);
		fprintf(stderr,
			"berthd: another berthd serves %s; stop it, or configure other sockets\n",
			path);
		return -EADDRINUSE;
	}
	*out = fd;
	return 0;
}

/* Removes what a dead daemon left; refuses what somebody answers on and what is no socket. */
static int
path_clear(const struct listener *l)
{
	const char *path = l->address.sun_path;
	struct stat s;
	int probe, rc;

	if (lstat(path, &s) != 0)
		return errno == ENOENT ? 0 : fail(path, "cannot be looked at", errno);
	if (!S_ISSOCK(s.st_mode))
		return fail(path, "is no socket and stays where it is", EEXIST);
	probe = socket(AF_UNIX, l->options.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (probe < 0)
		return fail(path, "cannot be tried", errno);
	rc = connect(probe, (const struct sockaddr *)&l->address, sizeof(l->address)) == 0 ? 0
											   : -errno;
	close(probe);
	if (rc != -ECONNREFUSED) {
		fprintf(stderr, "berthd: somebody else serves %s; configure another socket\n",
			path);
		return -EADDRINUSE;
	}
	return unlink(path) == 0 ? 0 : fail(path, "cannot be removed", errno);
}

static int
group_find(const char *name, gid_t *out)
{
	const struct group *g;

	errno = 0;
	g = getgrnam(name);
	if (g == NULL)
		return fail(name, "is no group of this machine", errno != 0 ? errno : ENOENT);
	*out = g->gr_gid;
	return 0;
}

/* Binds with nobody else's access, then opens it to the group. */
static int
path_bind(struct listener *l)
{
	const char *path = l->address.sun_path;
	const mode_t former = umask(0177);
	const int rc = bind(l->fd, (const struct sockaddr *)&l->address, sizeof(l->address)) == 0
			       ? 0
			       : errno;
	gid_t gid;

	umask(former);
	if (rc != 0)
		return fail(path, "cannot be made", rc);
	l->bound = true;
	if (l->options.group[0] == '\0')
		return 0;
	if (group_find(l->options.group, &gid) != 0)
		return -ENOENT;
	if (chown(path, (uid_t)-1, gid) != 0)
		return fail(path, "cannot be given to the group of sockets", errno);
	if (chmod(path, 0660) != 0)
		return fail(path, "cannot be opened to its group", errno);
	return 0;
}

static void
accept_event(evutil_socket_t fd, short what, void *argument)
{
	struct listener *l = argument;
	const int peer = accept4(fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int rc;

	(void)what;
	if (peer < 0) {
		if (errno != EMFILE && errno != ENFILE && errno != ENOMEM && errno != ENOBUFS)
			return;
		/* The connection stays in the queue: rather than try for ever, wait for a tick. */
		log_line("%s: no connection can be taken now: %s", l->options.path,
			 strerror(errno));
		event_del(l->readable);
		l->paused = true;
		return;
	}
	rc = l->options.accept(l->options.context, peer);
	if (rc != 0)
		log_line("%s: a connection was refused: %s", l->options.path, strerror(-rc));
}

static int
socket_open(struct listener *l)
{
	const char *path = l->address.sun_path;
	int rc;

	l->fd = socket(AF_UNIX, l->options.type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0)
		return fail(path, "cannot be made", errno);
	rc = path_bind(l);
	if (rc != 0)
		return rc;
	if (listen(l->fd, BACKLOG) != 0)
		return fail(path, "cannot be listened on", errno);
	l->readable = event_new(l->options.base, l->fd, EV_READ | EV_PERSIST, accept_event, l);
	if (l->readable == NULL || event_add(l->readable, NULL) != 0)
		return fail(path, "cannot be watched", ENOMEM);
	return 0;
}

int
listener_open(const struct listener_options *options, struct listener **out)
{
	const size_t length = strlen(options->path);
	struct listener *l = calloc(1, sizeof(*l));
	int rc;

	if (l == NULL)
		return fail(options->path, "cannot be made", ENOMEM);
	l->options = *options;
	l->fd = -1;
	l->lock = -1;
	rc = length < sizeof(l->address.sun_path)
		     ? 0
		     : fail(options->path, "cannot be made", ENAMETOOLONG);
	if (rc != 0)
		goto fail_free;
	l->address.sun_family = AF_UNIX;
	memcpy(l->address.sun_path, options->path, length);
	folder_make(options->path);
	rc = lock_take(options->path, &l->lock);
	if (rc != 0)
		goto fail_free;
	rc = path_clear(l);
	if (rc != 0)
		goto fail_lock;
	rc = socket_open(l);
	if (rc != 0) {
		listener_close(l);
		return rc;
	}
	*out = l;
	return 0;
fail_lock:
	close(l->lock);
fail_free:
	free(l);
	return rc;
}

void
listener_tick(struct listener *l)
{
	if (l->paused && event_add(l->readable, NULL) == 0)
		l->paused = false;
}

void
listener_close(struct listener *l)
{
	if (l == NULL)
		return;
	if (l->readable != NULL)
		event_free(l->readable);
	if (l->fd >= 0)
		close(l->fd);
	if (l->bound)
		unlink(l->address.sun_path);
	close(l->lock);
	free(l);
}
