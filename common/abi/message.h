/* SPDX-License-Identifier: BSD-3-Clause */
/* message.h: what travels on app.sock: fixed structs over SOCK_SEQPACKET, one per datagram. Served
 * by message.c.
 *
 * The application sends one request and waits for its reply. The first request is HELLO; another
 * version is answered with -EPROTO. A request of wrong size or type is answered with -EBADMSG and
 * the connection is closed. Descriptors that an application sends are closed and it is detached.
 * All numbers are host order: both ends are one machine. */
#pragma once

#include <assert.h>
#include <stdint.h>

#include "common/base/identity.h"
#include "common/base/limits.h"

#define MESSAGE_VERSION 1u

enum message_type {
	/* Reply: fds[0] SEGMENT_APP, fds[1] SEGMENT_APP_PEER. */
	MESSAGE_HELLO = 1,
	/* Reply: fds[0] SEGMENT_PORT, fds[1] SEGMENT_PORT_PEER, fds[2] the wake descriptor: it
	 * polls readable once berthd woke the application, and does not block; reads of 8 bytes
	 * until it is empty quiet it. */
	MESSAGE_PORT_OPEN = 2,
	MESSAGE_PORT_CLOSE = 3,
	MESSAGE_BIND = 4,
	MESSAGE_UNBIND = 5,
	MESSAGE_CONNECT = 6,
	/* The port's bindings keep their flows and get no new ones. Repeated, it tells anew how
	 * many flows are left. */
	MESSAGE_DRAIN = 7,
};

enum message_bind_flag {
	MESSAGE_BIND_SHARED = 1u << 0, /* joins or founds a group (as SO_REUSEPORT) */
	MESSAGE_BIND_REUSE = 1u << 1,  /* the newest of equals gets new flows (as SO_REUSEADDR) */
};
/* Bits 8..15 of the flags of BIND: the share of a group's new flows; 0: 1. */
#define MESSAGE_BIND_WEIGHT_SHIFT 8
#define MESSAGE_BIND_WEIGHT_MASK  (0xffu << MESSAGE_BIND_WEIGHT_SHIFT)

/* Same meaning as struct identity; fixed layout. With `connected`, `family` is that of both
 * addresses; in a CONNECT request local_length 0 leaves the local address to berthd's choice, and
 * in CONNECT and BIND requests port_first and port_last 0 leave the local port. */
struct message_identity {
	uint8_t local[16];
	uint8_t remote[16];
	uint8_t family; /* FAMILY_*; FAMILY_ANY only without `connected` */
	uint8_t local_length;
	uint8_t proto;
	uint8_t connected; /* 0 or 1 */
	uint16_t port_first;
	uint16_t port_last;
	uint16_t remote_port;
	uint16_t zone;
};
static_assert(sizeof(struct message_identity) == 44, "no padding");

struct message_request {
	uint16_t version;    /* MESSAGE_VERSION */
	uint16_t type;       /* enum message_type */
	uint32_t port;       /* PORT_CLOSE, BIND, CONNECT, DRAIN */
	uint32_t binding;    /* UNBIND */
	uint32_t flags;      /* BIND: enum message_bind_flag and the weight */
	uint32_t ring_bytes; /* HELLO: each tx ring; PORT_OPEN: each rx ring; 0: the default */
	/* HELLO: the application's; PORT_OPEN: the port's. Zero-terminated. */
	char name[NAME_BYTES];
	struct message_identity identity; /* BIND, CONNECT */
};
static_assert(sizeof(struct message_request) == 96, "no padding");

#define MESSAGE_TEXT_BYTES 184

struct message_reply {
	uint16_t version;
	uint16_t type;       /* of the request */
	int32_t status;      /* 0 or negative errno */
	uint32_t id;         /* HELLO: application; PORT_OPEN: port; BIND, CONNECT: binding;
				DRAIN: live flows of the port, at most UINT32_MAX */
	uint32_t rings;      /* HELLO, PORT_OPEN: 1..WORKERS_MAX; CONNECT: the tx ring by which
				packets of the socket reach their worker directly, a hint */
	uint32_t ring_bytes; /* HELLO, PORT_OPEN */
	uint32_t mtu;        /* HELLO: largest IP packet any link takes */
	struct message_identity identity; /* BIND, CONNECT: what was bound, in full */
	char text[MESSAGE_TEXT_BYTES];    /* on failure: what is wrong and what would be right */
};
static_assert(sizeof(struct message_reply) == 24 + 44 + MESSAGE_TEXT_BYTES, "no padding");

/* Writes `from` in the fixed layout; unused bytes are zero. */
void message_identity_pack(const struct identity *from, struct message_identity *to);

/* Reads what a peer sent, trusting none of it. 0, or -EINVAL with *to untouched: a field is out of
 * its range, a bit is set that has no meaning, or a port or address is missing. With `choose`, as
 * in a CONNECT or BIND request, local ports of 0 are let through. */
int message_identity_unpack(const struct message_identity *from, bool choose, struct identity *to);
