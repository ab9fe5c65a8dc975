/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_daemon.c: berthd's end of app.sock for tests of libberth. */
#include "tests/support/fake_daemon.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/base/check.h"

static void *
thread_run(void *argument)
{
	struct fake_daemon *d = argument;

	d->connection = accept4(d->listener, NULL, NULL, SOCK_CLOEXEC);
	panic_unless(d->connection >= 0);
	d->play(d, d->context);
	if (d->connection >= 0)
		close(d->connection);
	return NULL;
}

void
fake_daemon_start(struct fake_daemon *d, void (*play)(struct fake_daemon *, void *), void *context)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*d = (struct fake_daemon){ .play = play, .context = context, .wake_fd = -1 };
	snprintf(d->folder, sizeof(d->folder), "/tmp/berth-fake-XXXXXX");
	panic_unless(mkdtemp(d->folder) != NULL);
	snprintf(d->path, sizeof(d->path), "%s/app.sock", d->folder);
	memcpy(address.sun_path, d->path, strlen(d->path) + 1);
	d->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	panic_unless(d->listener >= 0);
	panic_unless(bind(d->listener, (struct sockaddr *)&address, sizeof(address)) == 0);
	panic_unless(listen(d->listener, 1) == 0);
	panic_unless(pthread_create(&d->thread, NULL, thread_run, d) == 0);
}

static void
pair_unmap(struct fake_pair *p)
{
	if (p->ours != NULL)
		segment_unmap(p->ours, p->ours_bytes);
	if (p->peer != NULL)
		segment_unmap(p->peer, p->peer_bytes);
}

void
fake_daemon_stop(struct fake_daemon *d)
{
	panic_unless(pthread_join(d->thread, NULL) == 0);
	pair_unmap(&d->app);
	pair_unmap(&d->port);
	if (d->wake_fd >= 0)
		close(d->wake_fd);
	close(d->listener);
	unlink(d->path);
	rmdir(d->folder);
}

bool
fake_take(struct fake_daemon *d, struct message_request *request)
{
	const ssize_t got = recv(d->connection, request, sizeof(*request), 0);

	panic_unless(got <= 0 || got == (ssize_t)sizeof(*request));
	return got > 0;
}

void
fake_send(struct fake_daemon *d, const void *bytes, size_t count, const int *fds, unsigned n)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(8 * sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = (void *)(uintptr_t)bytes, .iov_len = count };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };

	panic_unless(n <= 8);
	if (n > 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	}
	panic_unless(sendmsg(d->connection, &m, MSG_NOSIGNAL) == (ssize_t)count);
}

/* A memfd that is no segment, or nearly one. */
static int
forged_segment(enum segment_kind kind, enum fake_fault fault)
{
	const uint64_t bytes = segment_bytes(FAKE_RINGS, FAKE_BYTES);
	const struct segment_head head = {
		.magic = fault == FAULT_SEGMENT_MAGIC ? SEGMENT_MAGIC + 1 : SEGMENT_MAGIC,
		.version = SEGMENT_VERSION + (fault == FAULT_SEGMENT_VERSION),
		.kind = (uint16_t)kind,
		.rings = FAKE_RINGS,
		.ring_bytes = kind == SEGMENT_PORT ? FAKE_BYTES : 0,
		.bytes = kind == SEGMENT_PORT ? bytes : segment_bytes_bare(FAKE_RINGS),
	};
	const int fd = memfd_create("berth-forged", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	const uint64_t size = fault == FAULT_SEGMENT_EMPTY  ? 0
			      : fault == FAULT_SEGMENT_SIZE ? head.bytes + 4096
							    : head.bytes;
	int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE | F_SEAL_SEAL;

	panic_unless(fd >= 0 && ftruncate(fd, (off_t)size) == 0);
	if (size != 0)
		panic_unless(pwrite(fd, &head, sizeof(head), 0) == (ssize_t)sizeof(head));
	if (fault == FAULT_SEGMENT_UNSEALED)
		seals = 0;
	if (fault == FAULT_SEGMENT_WRITABLE)
		seals &= ~F_SEAL_FUTURE_WRITE;
	panic_unless(fcntl(fd, F_ADD_SEALS, seals) == 0);
	return fd;
}

/* berthd maps what the application writes for reading only; a test may want to write there too. */
static void
pair_make(struct fake_pair *p, enum segment_kind ours, enum segment_kind peer, uint32_t peer_rings,
	  int fds[2])
{
	panic_unless(segment_create(ours, FAKE_RINGS, FAKE_BYTES, &fds[0], &p->ours,
				    &p->ours_bytes) == 0);
	panic_unless(segment_create(peer, peer_rings, FAKE_BYTES, &fds[1], &p->peer,
				    &p->peer_bytes) == 0);
}

static void
fault_in_fds(enum fake_fault fault, enum segment_kind ours, int fds[4])
{
	int ends[2], other;

	switch (fault) {
	case FAULT_FD_NO_MEMORY:
		panic_unless(pipe2(ends, O_CLOEXEC) == 0);
		close(ends[1]);
		close(fds[0]);
		fds[0] = ends[0];
		break;
	case FAULT_SEGMENT_UNSEALED:
	case FAULT_SEGMENT_WRITABLE:
	case FAULT_SEGMENT_SIZE:
	case FAULT_SEGMENT_EMPTY:
	case FAULT_SEGMENT_MAGIC:
	case FAULT_SEGMENT_VERSION:
		close(fds[0]);
		fds[0] = forged_segment(ours, fault);
		break;
	case FAULT_SEGMENTS_SWAPPED:
		other = fds[0];
		fds[0] = fds[1];
		fds[1] = other;
		break;
	default:
		break;
	}
}

static void
fault_in_reply(enum fake_fault fault, struct message_reply *r)
{
	switch (fault) {
	case FAULT_VERSION:
		r->version++;
		break;
	case FAULT_TYPE:
		r->type = MESSAGE_UNBIND;
		break;
	case FAULT_STATUS_POSITIVE:
		r->status = 1;
		break;
	case FAULT_STATUS_LOW:
		r->status = -4096;
		break;
	default:
		break;
	}
}

struct longer {
	struct message_reply reply;
	char more;
};

void
fake_reply(struct fake_daemon *d, const struct message_request *q, enum fake_fault fault)
{
	const bool hello = q->type == MESSAGE_HELLO;
	const unsigned wanted = hello ? 2 : 3;
	const enum segment_kind ours = hello ? SEGMENT_APP : SEGMENT_PORT;
	unsigned n = fault == FAULT_FDS_NONE ? 0 : fault == FAULT_FDS_FEWER ? wanted - 1 : wanted;
	struct longer m = { .reply = { .version = MESSAGE_VERSION,
				       .type = q->type,
				       .id = 7,
				       .rings = FAKE_RINGS,
				       .ring_bytes = FAKE_BYTES,
				       .mtu = FAKE_MTU } };
	size_t bytes = sizeof(m.reply);
	int fds[4];

	if (fault == FAULT_HANG_UP) {
		close(d->connection);
		d->connection = -1;
		return;
	}
	pair_make(hello ? &d->app : &d->port, ours, hello ? SEGMENT_APP_PEER : SEGMENT_PORT_PEER,
		  FAKE_RINGS + (fault == FAULT_RINGS_DIFFER), fds);
	fds[2] = eventfd(0, EFD_CLOEXEC);
	fds[3] = eventfd(0, EFD_CLOEXEC);
	if (!hello)
		d->wake_fd = fcntl(fds[2], F_DUPFD_CLOEXEC, 0);
	fault_in_fds(fault, ours, fds);
	fault_in_reply(fault, &m.reply);
	if (fault == FAULT_FDS_MORE)
		n = wanted + 1;
	if (fault == FAULT_SHORT || fault == FAULT_EMPTY)
		bytes = fault == FAULT_SHORT ? bytes - 1 : 0;
	if (fault == FAULT_LONG)
		bytes = offsetof(struct longer, more) + 1;
	fake_send(d, &m, bytes, fds, n);
	for (unsigned i = 0; i < 4; i++)
		close(fds[i]);
}

void
fake_serve(struct fake_daemon *d, enum message_type type)
{
	struct message_request q;

	panic_unless(fake_take(d, &q) && q.type == type && q.version == MESSAGE_VERSION);
	fake_reply(d, &q, FAULT_NONE);
}
