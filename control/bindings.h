/* SPDX-License-Identifier: BSD-3-Clause */
/* bindings.h: the registry of bindings: who may own which socket identity. Served by bindings.c,
 * collide.c, permission.c.
 *
 * B1  Of two bindings that binding_collides() finds to claim the same sockets, one owner has both
 *     only by consent: one uid, and MESSAGE_BIND_SHARED on each, or, where the protocol has no
 *     listeners, MESSAGE_BIND_REUSE on each (SO_REUSEPORT and SO_REUSEADDR).
 * B2  Whoever was refused learns who is in the way. Flows that live stay with their owner in any
 *     case: workers keep them until that port or binding is gone (T7).
 * B3  Ids grow; none is 0 or names two live bindings. Those from CONNECT_ID on are sockets'.
 *
 * Plain memory; the control thread alone. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "common/abi/message.h"
#include "common/base/identity.h"
#include "config/config.h"
#include "control/credentials.h"
#include "dataplane/bind/bind.h"
#include "dataplane/link.h"

struct binding {
	uint32_t id;
	struct identity identity;
	bool shared;     /* a member of a group, if only of itself */
	bool reuse;      /* shares with others that say so too; the newest gets all new flows */
	bool draining;   /* keeps the flows that it has, gets no new ones */
	uint16_t weight; /* 1..255 */
	port_ref port;
	uint32_t app;
	pid_t pid;
	uid_t uid;
	char port_name[NAME_BYTES];
	char app_name[NAME_BYTES];
};

struct bindings_options {
	uid_t daemon_uid;             /* may, like root, bind addresses that are not ours */
	uint32_t quota;               /* bindings per uid */
	const struct link_set *links; /* borrowed */
	uint16_t grants_count;
	const struct config_grant *grants; /* borrowed */
	uint16_t privileged_count;
	const struct config_ports *privileged; /* borrowed */
};

struct bindings;

int bindings_create(const struct bindings_options *options, struct bindings **out);
void bindings_destroy(struct bindings *b);

/* Binds `want->identity`, not a connected one, for the port that the other fields of `want`
 * describe (id is ignored). `asker` is who asks: its rights count, while the quota is that of
 * want->uid. On 0 *out points at the new binding, valid until the registry changes. Else -EINVAL,
 * -EACCES, -EADDRINUSE, -EADDRNOTAVAIL, -EDQUOT, -ENOSPC or -ENOMEM, with a sentence for people in
 * `why`. */
int bindings_add(struct bindings *b, const struct binding *want, const struct credentials *asker,
		 const struct binding **out, char why[MESSAGE_TEXT_BYTES]);

/* The checks of bindings_add() for a connected socket, which is no binding: what needs no look at
 * others (any bytes may be in *id; local.length and both ports may be 0); and whether `asker` may
 * have its local end, which is whole now but for the port. 0 or as bindings_add(). */
int bindings_validate(const struct identity *id, char why[MESSAGE_TEXT_BYTES]);
int bindings_admit(const struct bindings *b, const struct binding *want,
		   const struct credentials *asker, char why[MESSAGE_TEXT_BYTES]);
/* Another number each time that a binding came or went; not 0. */
uint64_t bindings_version(const struct bindings *b);

/* False: there is none with this id. */
bool bindings_remove(struct bindings *b, uint32_t id);
/* Returns how many were removed. */
uint32_t bindings_remove_port(struct bindings *b, port_ref port);

uint32_t bindings_count(const struct bindings *b);
/* In order of age; `i` below bindings_count(). */
const struct binding *bindings_at(const struct bindings *b, uint32_t i);
const struct binding *bindings_find(const struct bindings *b, uint32_t id);

/* From the next publication on the bindings of the port get no new flows. Returns how many of them
 * did until now. */
uint32_t bindings_drain_port(struct bindings *b, port_ref port);

/* Writes all rules, bindings_count() of them. */
void bindings_rules(const struct bindings *b, struct bind_rule *rules);

/* Whether some local address of one protocol and zone is in both, whatever the ports. Pure. */
bool binding_overlaps(const struct identity *a, const struct identity *b);
/* Whether two bindings claim the same sockets: both are single ports, of addresses that overlap; or
 * one is, and the other a range of a more specific address; or they are as specific as each other.
 * Any other range gives way to what is narrower. Pure. */
bool binding_collides(const struct identity *a, const struct identity *b);
/* Whether `want` may be bound beside `have`, with which it collides. Pure. */
bool binding_joins(const struct binding *have, const struct binding *want);

/* The first transport port of the range that `who` may not own (rule T7); 0: all are theirs to own.
 * Pure. */
uint16_t permission_ports(const struct bindings_options *o, const struct credentials *who,
			  uint8_t proto, uint16_t port_first, uint16_t port_last);
