/* SPDX-License-Identifier: BSD-3-Clause */
/* client_priv.h: what the files of libberth share. */
#pragma once

#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>

#include "client/include/berth/berth.h"
#include "client/ring_end.h"
#include "common/abi/message.h"
#include "common/abi/segment.h"

#define ERROR_BYTES 256
#define FDS_MAX     3

struct berth {
	int fd; /* app.sock */
	/* Set once when berthd hung up or made no sense; by the thread of any port (relaxed: it
	 * orders nothing, and who misses it finds out alone). */
	_Atomic bool lost;
	uint32_t mtu;
	uint32_t rings;
	struct segment *segment; /* SEGMENT_APP */
	struct segment *peer;    /* SEGMENT_APP_PEER */
	uint64_t segment_bytes;
	uint64_t peer_bytes;
	struct berth_port *ports;
	char error[ERROR_BYTES];
	struct tx_end tx[WORKERS_MAX];
};

struct berth_port {
	struct berth *berth;
	struct berth_port *next; /* of the same connection */
	uint32_t id;
	uint32_t rings;
	uint32_t turn; /* the ring that berth_rx_burst() looks at first */
	int wake_fd;
	struct port_sleep *sleep;
	struct segment *segment; /* SEGMENT_PORT */
	struct segment *peer;    /* SEGMENT_PORT_PEER */
	uint64_t segment_bytes;
	uint64_t peer_bytes;
	struct rx_end rx[WORKERS_MAX];
};

/* Keeps a sentence for berth_last_error() and returns `rc`. */
int
client_fail(struct berth *b, int rc, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Connects *b->fd to berthd. 0 or a negative errno. */
int client_connect(struct berth *b, const char *socket_path);

/* Sends one request and waits for its reply, which must bring `fds_wanted` (0..FDS_MAX)
 * descriptors; on 0 they are the caller's. Else a negative errno, the daemon's or ours. */
int client_exchange(struct berth *b, struct message_request *request, struct message_reply *reply,
		    int *fds, unsigned fds_wanted);

/* Attaches a pair of segments; both or none. `fds` stay the caller's. */
int client_attach(struct berth *b, const int fds[2], enum segment_kind ours,
		  enum segment_kind theirs, struct segment *maps[2], uint64_t bytes[2]);

/* For a descriptor that is to be readable exactly while packets wait: makes berth_fd() unreadable
 * and leaves it armed, so that berthd makes it readable again when packets wait, those included
 * that came just now. To be called when everything that was taken is released; and armed it stays.
 */
void client_fd_settle(struct berth_port *port);

/* Asks for the binding `id`, which `text` says for people. As berth_bind(). */
int client_bind(struct berth_port *port, const char *text, const struct identity *id,
		unsigned flags, struct message_reply *reply);

/* Writes the socket address of an endpoint. */
void client_sockaddr(uint8_t family, const uint8_t *address, uint16_t port,
		     struct sockaddr_storage *out);

/* Room for one packet of `bytes` in the tx ring of its flow; *ring is to be published. 0, or as
 * berth_tx_burst(). `spread` chooses the ring when `flow` names no worker. */
int client_tx_reserve(struct berth *b, uint32_t bytes, uint16_t zone, uint64_t flow,
		      uint32_t spread, uint8_t **at, uint32_t *ring);

/* A number that is the same for all packets of one flow of one direction. `bytes` at `ip` are an
 * IPv4 or IPv6 packet with a whole fixed header. */
uint32_t client_spread(const uint8_t *ip, uint32_t bytes);
