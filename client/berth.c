/* SPDX-License-Identifier: BSD-3-Clause */
/* berth.c: opens and closes the connection. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client_priv.h"

/* Of this thread's last failed berth_open(), which left no connection to keep it in. */
static _Thread_local char open_error[ERROR_BYTES];

static int
options_check(struct berth *b, const char *name, const struct berth_options *options)
{
	static const uint32_t zeros[sizeof(options->reserved) / sizeof(options->reserved[0])];

	if (name == NULL || name[0] == '\0' || strlen(name) >= BERTH_NAME_BYTES)
		return client_fail(b, -EINVAL, "an application's name has 1 to %d bytes",
				   BERTH_NAME_BYTES - 1);
	if (options != NULL && memcmp(options->reserved, zeros, sizeof(zeros)) != 0)
		return client_fail(b, -EINVAL, "reserved options are not zero");
	return 0;
}

static int
hello(struct berth *b, const char *name, const struct berth_options *options)
{
	struct message_request request = {
		.type = MESSAGE_HELLO,
		.ring_bytes = options != NULL ? options->tx_ring_bytes : 0,
	};
	struct message_reply reply;
	struct segment *maps[2];
	uint64_t bytes[2];
	int fds[2], rc;

	memcpy(request.name, name, strlen(name) + 1);
	rc = client_exchange(b, &request, &reply, fds, 2);
	if (rc != 0)
		return rc;
	rc = client_attach(b, fds, SEGMENT_APP, SEGMENT_APP_PEER, maps, bytes);
	close(fds[0]);
	close(fds[1]);
	if (rc != 0)
		return rc;
	b->segment = maps[0];
	b->peer = maps[1];
	b->segment_bytes = bytes[0];
	b->peer_bytes = bytes[1];
	b->rings = maps[0]->head.rings;
	b->mtu = reply.mtu < PACKET_BYTES_MAX ? reply.mtu : PACKET_BYTES_MAX;
	for (uint32_t i = 0; i < b->rings; i++)
		tx_end_init(&b->tx[i], b->segment, b->peer, i);
	return 0;
}

int
berth_open(const char *socket_path, const char *name, const struct berth_options *options,
	   struct berth **out)
{
	struct berth *b = aligned_alloc(CACHE_LINE,
					(sizeof(*b) + CACHE_LINE - 1) & ~(size_t)(CACHE_LINE - 1));
	int rc;

	if (b == NULL) {
		snprintf(open_error, sizeof(open_error), "%s", strerror(ENOMEM));
		return -ENOMEM;
	}
	*b = (struct berth){ .fd = -1 };
	rc = options_check(b, name, options);
	if (rc == 0)
		rc = client_connect(b, socket_path);
	if (rc == 0)
		rc = hello(b, name, options);
	if (rc != 0) {
		memcpy(open_error, b->error, sizeof(open_error));
		berth_close(b);
		return rc;
	}
	*out = b;
	return 0;
}

void
berth_close(struct berth *b)
{
	if (b == NULL)
		return;
	/* The hang-up alone makes berthd take the ports back; asking for each is not needed. */
	atomic_store_explicit(&b->lost, true, memory_order_relaxed);
	while (b->ports != NULL)
		berth_port_close(b->ports);
	if (b->segment != NULL) {
		segment_unmap(b->segment, b->segment_bytes);
		segment_unmap(b->peer, b->peer_bytes);
	}
	if (b->fd >= 0)
		close(b->fd);
	free(b);
}

const char *
berth_last_error(const struct berth *b)
{
	return b != NULL ? b->error : open_error;
}

uint32_t
berth_mtu(const struct berth *b)
{
	return b->mtu;
}

int
berth_hangup_fd(const struct berth *b)
{
	return b->fd;
}
