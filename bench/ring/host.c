/* SPDX-License-Identifier: BSD-3-Clause */
/* host.c: berthd's end of app.sock, reduced to what a measurement needs. */
#include "bench/ring/host.h"

#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "common/abi/message.h"
#include "control/notifier.h"

bool
host_pin(int core)
{
	cpu_set_t set;

	if (core < 0 || core >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

int
host_open(struct host *h)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };

	*h = (struct host){ .folder = "/tmp/berth-ring-XXXXXX" };
	if (mkdtemp(h->folder) == NULL)
		return -errno;
	snprintf(h->path, sizeof(h->path), "%s/app.sock", h->folder);
	memcpy(address.sun_path, h->path, sizeof(h->path));
	h->listener = socket(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0);
	if (h->listener < 0 ||
	    bind(h->listener, (const struct sockaddr *)&address, sizeof(address)) != 0 ||
	    listen(h->listener, HOST_APPLICATIONS_MAX) != 0)
		return -errno;
	return 0;
}

/* Takes one request of `type` from a connection. */
static int
request_take(int fd, enum message_type type, struct message_request *q)
{
	const ssize_t got = recv(fd, q, sizeof(*q), 0);

	return got == (ssize_t)sizeof(*q) && q->type == type ? 0 : -EPROTO;
}

/* Answers with `n` descriptors, which are closed afterwards. */
static int
answer(int fd, const struct message_reply *r, const int *fds, unsigned n)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(3 * sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r) };
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = CMSG_SPACE(n * sizeof(int)) };
	int rc = 0;

	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	if (sendmsg(fd, &m, MSG_NOSIGNAL) != (ssize_t)sizeof(*r))
		rc = -errno;
	for (unsigned i = 0; i < n; i++)
		close(fds[i]);
	return rc;
}

static int
attach(struct host *h, unsigned i)
{
	struct message_reply r = { .version = MESSAGE_VERSION, .rings = 1, .mtu = MTU_DEFAULT };
	const int fd = h->connections[i] = accept4(h->listener, NULL, NULL, SOCK_CLOEXEC);
	struct message_request q;
	int fds[3], ours;
	int rc;

	if (fd < 0)
		return -errno;
	rc = request_take(fd, MESSAGE_HELLO, &q);
	if (rc != 0)
		return rc;
	r.type = q.type;
	r.id = i + 1;
	r.ring_bytes = RING_BYTES_MIN;
	rc = app_memory_create(i + 1, 1, r.ring_bytes, &h->apps[i], fds);
	if (rc == 0)
		rc = answer(fd, &r, fds, 2);
	if (rc == 0)
		rc = request_take(fd, MESSAGE_PORT_OPEN, &q);
	if (rc != 0)
		return rc;
	r.type = q.type;
	r.id = i;
	r.ring_bytes = q.ring_bytes == 0 ? RING_BYTES_DEFAULT : q.ring_bytes;
	rc = port_memory_create(port_ref_make((uint16_t)i, 1), i + 1, 1, r.ring_bytes, &h->ports[i],
				fds);
	if (rc == 0)
		rc = notifier_channel(&ours, &fds[2]);
	if (rc == 0)
		rc = answer(fd, &r, fds, 3);
	return rc;
}

int
host_attach(struct host *h, unsigned applications)
{
	int rc = 0;

	for (; h->applications < applications && rc == 0; h->applications++)
		rc = attach(h, h->applications);
	return rc;
}

void
host_close(struct host *h)
{
	for (unsigned i = 0; i < h->applications; i++) {
		close(h->connections[i]);
		memory_free(h->ports[i]);
		memory_free(h->apps[i]);
	}
	close(h->listener);
	unlink(h->path);
	rmdir(h->folder);
}
