/* SPDX-License-Identifier: BSD-3-Clause */
/* test_listen.c: who gets a socket path, and who is left alone on it. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/listen.h"

static char folder[] = "/tmp/berth-listen-XXXXXX";
static char path[100], lock[110];
static struct event_base *base;
static int accepted;

static int
accept_one(void *context, int fd)
{
	(void)context;
	accepted++;
	close(fd);
	return 0;
}

static void
setup(void)
{
	cr_assert(mkdtemp(folder) != NULL);
	snprintf(path, sizeof(path), "%s/run/app.sock", folder);
	snprintf(lock, sizeof(lock), "%s.lock", path);
	base = event_base_new();
}

static void
teardown(void)
{
	unlink(path);
	unlink(lock);
	*strrchr(path, '/') = '\0';
	rmdir(path);
	rmdir(folder);
	event_base_free(base);
}

TestSuite(listen, .init = setup, .fini = teardown);

static int
open_at(struct listener **out)
{
	const struct listener_options options = { .base = base,
						  .path = path,
						  .type = SOCK_SEQPACKET,
						  .group = "",
						  .accept = accept_one };

	return listener_open(&options, out);
}

/* A socket of the test's own, connected or bound to the path. */
static int
socket_at(int (*use)(int, const struct sockaddr *, socklen_t))
{
	const int fd = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	struct sockaddr_un a = { .sun_family = AF_UNIX };

	snprintf(a.sun_path, sizeof(a.sun_path), "%s", path);
	cr_assert(eq(int, use(fd, (const struct sockaddr *)&a, sizeof(a)), 0));
	return fd;
}

/* Goal: the folder is made, nobody else may connect, connections arrive, and the end leaves no
 * socket.
 * Method: open, look at the mode, connect, close. */
Test(listen, serves_its_path)
{
	struct listener *l;
	struct stat s;
	int fd;

	cr_assert(eq(int, open_at(&l), 0));
	cr_assert(eq(int, stat(path, &s), 0));
	cr_assert(eq(uint, s.st_mode & 0777, 0600));
	fd = socket_at(connect);
	event_base_loop(base, EVLOOP_NONBLOCK);
	cr_assert(eq(int, accepted, 1));
	close(fd);
	listener_close(l);
	cr_assert(eq(int, access(path, F_OK), -1));
}

/* Goal: a living daemon keeps its path, whether it holds the lock or only answers; a dead one's is
 * replaced; what is no socket stays.
 * Method: each of them in turn. */
Test(listen, leaves_the_living_alone)
{
	struct listener *first, *second;
	struct stat before, after;
	int fd;

	cr_assert(eq(int, open_at(&first), 0));
	cr_assert(eq(int, stat(path, &before), 0));
	cr_assert(eq(int, open_at(&second), -EADDRINUSE), "the lock is held");
	cr_assert(eq(int, stat(path, &after), 0));
	cr_assert(eq(u64, before.st_ino, after.st_ino));
	listener_close(first);

	fd = socket_at(bind);
	cr_assert(eq(int, listen(fd, 1), 0));
	cr_assert(eq(int, open_at(&second), -EADDRINUSE), "somebody answers");
	close(fd);
	cr_assert(eq(int, open_at(&second), 0), "nobody answers any more");
	listener_close(second);

	fd = open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
	close(fd);
	cr_assert(eq(int, open_at(&second), -EEXIST), "a file");
	cr_assert(eq(int, access(path, F_OK), 0));
}

/* Goal: a path that cannot be had is refused, and a group that is not there.
 * Method: too long a path; an unknown group. */
Test(listen, refuses_what_cannot_be)
{
	struct listener_options options = { .base = base,
					    .path = path,
					    .type = SOCK_STREAM,
					    .group = "no-such-group-here",
					    .accept = accept_one };
	char longer[200];
	struct listener *l;

	cr_assert(eq(int, listener_open(&options, &l), -ENOENT));
	cr_assert(eq(int, access(path, F_OK), -1), "nothing is left behind");
	memset(longer, 'x', sizeof(longer) - 1);
	longer[sizeof(longer) - 1] = '\0';
	options.path = longer;
	cr_assert(eq(int, listener_open(&options, &l), -ENAMETOOLONG));
}
