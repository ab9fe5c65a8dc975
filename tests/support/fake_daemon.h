/* SPDX-License-Identifier: BSD-3-Clause */
/* fake_daemon.h: berthd's end of app.sock for tests of libberth: one connection, one thread, which
 * says what a test wants it to say. Served by fake_daemon.c. */
#pragma once

#include <pthread.h>
#include <stdbool.h>

#include "common/abi/message.h"
#include "common/abi/segment.h"

#define FAKE_RINGS 2
#define FAKE_BYTES RING_BYTES_MIN
#define FAKE_MTU   1500

/* What is wrong with a reply that brings descriptors. */
enum fake_fault {
	FAULT_NONE,
	FAULT_VERSION,         /* of the message */
	FAULT_TYPE,            /* of another request */
	FAULT_STATUS_POSITIVE, /* neither success nor an errno */
	FAULT_STATUS_LOW,      /* below every errno */
	FAULT_SHORT,           /* a byte is missing */
	FAULT_LONG,            /* a byte too many */
	FAULT_EMPTY,           /* no byte at all */
	FAULT_HANG_UP,         /* no reply: the connection ends */
	FAULT_FDS_NONE,
	FAULT_FDS_FEWER,
	FAULT_FDS_MORE,
	FAULT_FD_NO_MEMORY, /* the first descriptor is a pipe */
	FAULT_SEGMENT_UNSEALED,
	FAULT_SEGMENT_WRITABLE, /* berthd's own, without the seal against writers */
	FAULT_SEGMENT_SIZE,     /* another than its head says */
	FAULT_SEGMENT_EMPTY,
	FAULT_SEGMENT_MAGIC,
	FAULT_SEGMENT_VERSION,
	FAULT_SEGMENTS_SWAPPED,
	FAULT_RINGS_DIFFER, /* between the two segments of a pair */
	FAULT_COUNT,
};

struct fake_pair {
	struct segment *ours, *peer;
	uint64_t ours_bytes, peer_bytes;
};

struct fake_daemon {
	char folder[32];
	char path[64];
	int listener;
	int connection;
	pthread_t thread;
	void (*play)(struct fake_daemon *d, void *context);
	void *context;
	struct fake_pair app, port; /* mapped here as well */
	int wake_fd;                /* writes to it wake the port; -1: no port yet */
};

/* Starts a daemon that accepts one connection, plays and hangs up. */
void
fake_daemon_start(struct fake_daemon *d, void (*play)(struct fake_daemon *, void *), void *context);
/* Joins its thread and removes what it made. */
void fake_daemon_stop(struct fake_daemon *d);

/* For players. */
/* False: the application hung up. */
bool fake_take(struct fake_daemon *d, struct message_request *request);
void fake_send(struct fake_daemon *d, const void *bytes, size_t count, const int *fds, unsigned n);
/* Replies to HELLO or PORT_OPEN. */
void fake_reply(struct fake_daemon *d, const struct message_request *q, enum fake_fault fault);
/* Takes the expected request and answers it well. */
void fake_serve(struct fake_daemon *d, enum message_type type);
