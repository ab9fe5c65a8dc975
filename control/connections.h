/* SPDX-License-Identifier: BSD-3-Clause */
/* connections.h: connected sockets as control gives them out: who may have which, how many, and
 * from which local port. Served by connections.c; the table: dataplane/connect/connect.h.
 *
 * C1  A socket works from connections_open() on; no publication is needed. One that was closed is
 *     nobody's at once.
 * C2  A chosen local port is none that a single-port binding of an overlapping address has; ranges
 *     are passed by: what is connected is more specific.
 * C3  A user's sockets count against his quota until their pairs are free again.
 *
 * The control thread alone. */
#pragma once

#include "control/bindings.h"
#include "dataplane/dataplane.h"

struct connections_options {
	struct dataplane *dp;
	const struct bindings *bindings; /* borrowed */
	uint32_t quota;                  /* sockets per uid, those in quarantine included */
	uint16_t ephemeral_first;        /* 1..ephemeral_last */
	uint16_t ephemeral_last;
};

struct connections;

int connections_create(const struct connections_options *options, struct connections **out);
void connections_destroy(struct connections *c);

struct connection {
	uint32_t id; /* beside those of bindings: connect_is() */
	struct identity identity;
	uint16_t owner; /* worker that owns its flow: the tx ring that costs no hand-over */
};

/* Connects the connected identity `want->identity` for the port that the other fields of `want`
 * describe. Its local.length may be 0, to get the address of the link that leads to the remote, and
 * its ports 0, to get an ephemeral one. `asker` is who asks: its rights count, while the quota is
 * that of want->uid. 0, or as bindings_add(); -EADDRNOTAVAIL also when all ephemeral ports to the
 * remote are taken. */
int
connections_open(struct connections *c, const struct binding *want, const struct credentials *asker,
		 struct connection *out, char why[MESSAGE_TEXT_BYTES]);

/* The port that has the socket `id`, or holds the pair of a whole identity; PORT_REF_NONE: none. */
port_ref connections_port(const struct connections *c, uint32_t id);
port_ref connections_holder(const struct connections *c, const struct identity *identity);
/* Closes an open socket. */
void connections_close(struct connections *c, uint32_t id);
/* Closes all sockets of a port that is no more. */
void connections_close_port(struct connections *c, port_ref port);
/* Goes on with what closing left to do. To be called now and then. */
void connections_step(struct connections *c);

/* Chooses the port of a binding that asks for one (ports 0). 0 or -EADDRNOTAVAIL. */
int
connections_choose(struct connections *c, struct identity *identity, char why[MESSAGE_TEXT_BYTES]);
/* Whether sockets of another user than `uid` have the single port that is to be bound, so that
 * Linux would refuse it: -EADDRINUSE, else 0. */
int connections_admit(const struct connections *c, const struct identity *identity, uid_t uid,
		      char why[MESSAGE_TEXT_BYTES]);

/* Sockets of a user. */
uint32_t connections_paid(const struct connections *c, uid_t uid);
