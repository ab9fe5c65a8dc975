/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c: the program's descriptors, and the one connection to berthd. */
#include "client/run/table.h"

#include <errno.h>
#include <fcntl.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include "client/client_priv.h"
#include "client/run/real.h"

#define TABLE_FDS 65536
/* Programs count on low numbers, for example for dup2(). */
#define HIDDEN_FROM 512

static struct sock hidden;
static _Atomic(struct sock *) table[TABLE_FDS];
static pthread_mutex_t table_lock = PTHREAD_MUTEX_INITIALIZER; /* of changes, and of sock.refs */
static pthread_mutex_t connection_mutex = PTHREAD_MUTEX_INITIALIZER;
static struct berth *connection;
/* Process that uses the sockets; 0: nobody since the last fork(). Shared with all children. */
static _Atomic pid_t *owner;
static _Atomic pid_t self;
static _Thread_local unsigned inside;

void
table_enter(void)
{
	inside++;
}

void
table_leave(void)
{
	inside--;
}

static struct sock *
entry(int fd)
{
	if (fd < 0 || fd >= TABLE_FDS)
		return NULL;
	/* Acquire pairs with the release in set(): a socket is whole when it is seen. */
	return atomic_load_explicit(&table[fd], memory_order_acquire);
}

static void
set(int fd, struct sock *s)
{
	atomic_store_explicit(&table[fd], s, memory_order_release);
}

struct sock *
table_get(int fd)
{
	struct sock *s = inside > 0 ? NULL : entry(fd);

	if (s == NULL || s == &hidden)
		return NULL;
	pthread_mutex_lock(&table_lock);
	s = entry(fd);
	if (s == &hidden)
		s = NULL;
	if (s != NULL)
		s->refs++;
	pthread_mutex_unlock(&table_lock);
	return s;
}

void
table_put(struct sock *s)
{
	bool last;

	pthread_mutex_lock(&table_lock);
	last = --s->refs == 0;
	pthread_mutex_unlock(&table_lock);
	if (last)
		sock_destroy(s);
}

int
table_add(int fd, struct sock *s)
{
	if (fd >= TABLE_FDS)
		return -EMFILE;
	pthread_mutex_lock(&table_lock);
	s->refs++;
	set(fd, s);
	pthread_mutex_unlock(&table_lock);
	return 0;
}

void
table_remove(int fd)
{
	struct sock *s;

	if (inside > 0 || entry(fd) == NULL || table_hidden(fd))
		return;
	pthread_mutex_lock(&table_lock);
	s = entry(fd);
	set(fd, NULL);
	pthread_mutex_unlock(&table_lock);
	if (s != NULL)
		table_put(s);
}

void
table_hide(int *fd)
{
	const int moved = real()->fcntl(*fd, F_DUPFD_CLOEXEC, HIDDEN_FROM);

	if (moved >= 0) {
		real()->close(*fd);
		*fd = moved;
	}
	if (*fd < TABLE_FDS)
		set(*fd, &hidden);
}

void
table_unhide(int fd)
{
	if (fd >= 0 && fd < TABLE_FDS)
		set(fd, NULL);
}

bool
table_hidden(int fd)
{
	return inside == 0 && entry(fd) == &hidden;
}

static void
fork_before(void)
{
	pthread_mutex_lock(&connection_mutex);
	pthread_mutex_lock(&table_lock);
}

static void
fork_in_parent(void)
{
	/* Relaxed: who claims does so by one exchange. */
	if (owner != NULL)
		atomic_store_explicit(owner, 0, memory_order_relaxed);
	pthread_mutex_unlock(&table_lock);
	pthread_mutex_unlock(&connection_mutex);
}

/* Only this thread is left: what others held is free, as far as it can be told. */
static void
fork_in_child(void)
{
	atomic_store_explicit(&self, getpid(), memory_order_relaxed);
	pthread_mutex_unlock(&table_lock);
	pthread_mutex_unlock(&connection_mutex);
	for (int fd = 0; fd < TABLE_FDS; fd++) {
		struct sock *s = entry(fd);

		if (s != NULL && s != &hidden)
			pthread_mutex_init(&s->lock, NULL);
	}
}

/* Opens the connection under the program's name. */
static int
connection_open(void)
{
	char name[BERTH_NAME_BYTES];
	int rc;

	if (owner == NULL) {
		owner = mmap(NULL, sizeof(*owner), PROT_READ | PROT_WRITE,
			     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
		if (owner == MAP_FAILED) {
			owner = NULL;
			return -ENOMEM;
		}
		atomic_store_explicit(&self, getpid(), memory_order_relaxed);
		pthread_atfork(fork_before, fork_in_parent, fork_in_child);
	}
	snprintf(name, sizeof(name), "%s", program_invocation_short_name);
	rc = berth_open(NULL, name, NULL, &connection);
	if (rc != 0) {
		fprintf(stderr, "berth-run: %s\n", berth_last_error(NULL));
		return rc;
	}
	table_hide(&connection->fd);
	atomic_store_explicit(owner, getpid(), memory_order_relaxed);
	return 0;
}

struct berth *
connection_lock(int *error)
{
	pthread_mutex_lock(&connection_mutex);
	table_enter();
	*error = connection == NULL ? connection_open() : connection_ours() ? 0 : -EBADF;
	if (*error == 0)
		return connection;
	table_leave();
	pthread_mutex_unlock(&connection_mutex);
	return NULL;
}

struct berth *
connection_relock(void)
{
	pthread_mutex_lock(&connection_mutex);
	table_enter();
	return connection;
}

void
connection_unlock(void)
{
	table_leave();
	pthread_mutex_unlock(&connection_mutex);
}

bool
connection_claimed(void)
{
	return atomic_load_explicit(owner, memory_order_relaxed) ==
	       atomic_load_explicit(&self, memory_order_relaxed);
}

bool
connection_ours(void)
{
	const pid_t pid = atomic_load_explicit(&self, memory_order_relaxed);
	pid_t nobody = 0;

	/* Relaxed: fork() ordered all that the sockets hold; the word only says who goes on. */
	return connection_claimed() ||
	       atomic_compare_exchange_strong_explicit(owner, &nobody, pid, memory_order_relaxed,
						       memory_order_relaxed);
}
