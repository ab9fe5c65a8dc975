/* SPDX-License-Identifier: BSD-3-Clause */
/* connect.h: connected sockets: who holds which pair of ends, and local ports for those that name
 * none. Served by connect.c, choose.c, release.c.
 *
 * A pair is (zone, protocol, local address and port, remote address and port). Its holder alone
 * sends from it and receives what comes to it; no binding is published for it. The pair is an entry
 * here from connect to close; its flow is made, and made again after it idled for its time, by the
 * first packet of either direction that its owner worker sees.
 *
 * K1  Control is the only writer; any worker reads at any time, under the quiescent states that
 *     guard what control publishes.
 * K2  A pair has one holder. Ends are counted by themselves: where both are addresses of ours, two
 *     sockets can hold one pair, each from its own end.
 * K3  An id names one life of one socket: they count up and come again after 2^31 of them. From
 *     connect_close() on no worker takes the id for live.
 * K4  A closed pair of a protocol with TIME-WAIT (RFC 9293 3.4.2; SCTP's tags, RFC 9260 5.3.1) is
 *     nobody's for quarantine_ms; one of UDP or UDP-Lite is free at once, as datagrams have no
 *     connection that a late one could enter.
 * K5  An account pays for its pairs until they are free, so those in quarantine count. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/abi/ring.h"
#include "common/base/limits.h"
#include "dataplane/flow/flow.h"

/* Ids of sockets, beside those of bindings, which are below. A record has room for both. */
#define CONNECT_ID     0x02000000u
#define CONNECT_ID_MAX 0x03ffffffu
static_assert(CONNECT_ID_MAX == RECORD_BINDING_MAX, "of all ids");
/* Accounts that pairs may be counted for: 0..CONNECT_ACCOUNTS_MAX-1. */
#define CONNECT_ACCOUNTS_MAX 2048u
/* For connect_request.worker: any. */
#define CONNECT_WORKER_ANY UINT16_MAX

static inline bool
connect_is(uint32_t id)
{
	return (id & CONNECT_ID) != 0;
}

/* A socket that was closed, for the worker that may still have its flow. */
struct connect_closed {
	struct flow_key key; /* canonical */
	uint32_t id;
	uint8_t side;
	uint8_t reserved[3];
};
static_assert(sizeof(struct connect_closed) == 48, "ring element");
/* Tells it to `owner`. False: not now; a dead port's socket then waits, any other's flow idles. */
typedef bool (*connect_closed_fn)(const struct connect_closed *closed, uint16_t owner,
				  void *context);

struct connect_options {
	uint32_t capacity;         /* FLOW_CAPACITY_MIN..FLOW_CAPACITY_MAX ends held or in
				      quarantine */
	uint32_t quarantine_ms;    /* below 2^31 */
	uint16_t workers;          /* 1..WORKERS_MAX */
	struct flow_secret secret; /* that of the workers' flow tables: one hash serves both */
	uint64_t choice_key[2];    /* of the choice of ports; from a random source */
	connect_closed_fn closed;  /* called once for each socket that closes; NULL: not */
	void *context;
};

struct connect_table;

/* 0, -EINVAL or -ENOMEM. Destroyed (NULL: nothing) when no thread uses it any more. */
int connect_table_create(const struct connect_options *options, struct connect_table **out);
void connect_table_destroy(struct connect_table *t);
/* Bytes that the table takes. Pure. */
uint64_t connect_table_bytes(uint32_t capacity);

/* -- Workers -- */

struct connect_holder {
	uint32_t id;
	port_ref port; /* may have died since */
};

/* Who holds the pair `key` (canonical, `hash` its flow_hash()) from its end `side`. False: nobody.
 * Where no socket has that local port it costs one load. */
bool connect_find(const struct connect_table *t, const struct flow_key *key, uint64_t hash,
		  unsigned side, struct connect_holder *out);
/* Whether the socket with this id is open. */
bool connect_live(const struct connect_table *t, uint32_t id);

/* -- Control -- */

/* Whether a local port is bound, so that none may be chosen. */
typedef bool (*connect_bound_fn)(uint16_t port, void *context);

struct connect_request {
	struct flow_key key; /* as a packet of the socket has it; port[0] 0: to be chosen */
	port_ref port;
	uint16_t account;
	/* For the choice: the ports, and where answers arrive. One that this worker owns is
	 * preferred; when there is none left, any. */
	uint16_t first, last; /* 1 <= first <= last */
	uint16_t worker;      /* or CONNECT_WORKER_ANY */
	connect_bound_fn bound;
	void *context;
};

struct connect_opened {
	uint32_t id;
	uint16_t port;  /* local */
	uint16_t owner; /* worker that owns the flow */
};

/* Takes a pair, and chooses its local port by RFC 6056 3.3.4: where the search begins depends on
 * the rest of the pair by a keyed hash, and moves on by one of many counters. 0; -EADDRINUSE: the
 * pair named is held, or in quarantine; -EADDRNOTAVAIL: so are all of the range, or they are bound;
 * -EINVAL: both ends are the same; -ENOSPC: the table is full. */
int
connect_open(struct connect_table *t, const struct connect_request *r, struct connect_opened *out);

/* Chooses a port for a binding to key->addr[0], where key's endpoint 1 is zero: one without
 * connected sockets, or when there is none, one that only such use. 0 or -EADDRNOTAVAIL. */
int connect_choose(struct connect_table *t, const struct connect_request *r, uint16_t *port);

/* Says that a binding went: choices that were in vain may succeed now. */
void connect_unbound(struct connect_table *t);

/* The port of an open socket, by its id or by what its packets look like; or PORT_REF_NONE. */
port_ref connect_port(const struct connect_table *t, uint32_t id);
port_ref connect_holder_of(const struct connect_table *t, const struct flow_key *sent);
/* Whether some socket of the protocol has this local port, those in quarantine included. */
bool connect_used(const struct connect_table *t, uint8_t proto, uint16_t port);
/* Calls `each` for every socket that is open, with what its packets look like. */
typedef void (*connect_each_fn)(const struct flow_key *sent, uint16_t account, void *context);
void connect_each(const struct connect_table *t, connect_each_fn each, void *context);
/* Closes an open socket. */
void connect_close(struct connect_table *t, uint32_t id, uint32_t now_ms);
/* Closes all sockets of a port that is no more: at once as far as its list goes, one by one in
 * later connect_step(). */
void connect_close_port(struct connect_table *t, port_ref port);
/* Goes on with what is due, a bounded number of sockets, up to one that cannot be told now.
 * `now_ms` wraps; it is that of connect_close(). True: there is more. */
bool connect_step(struct connect_table *t, uint32_t now_ms);

/* Freed entries wait for readers as those of flow.h: close, wait until every worker has passed a
 * quiescent point, free. */
bool connect_limbo_close(struct connect_table *t);
bool connect_limbo_closed(const struct connect_table *t);
void connect_limbo_free(struct connect_table *t);

/* Pairs that an account pays for (K5). */
uint32_t connect_paid(const struct connect_table *t, uint16_t account);

struct connect_counts {
	uint32_t capacity;
	uint32_t open;       /* those of ports that are no more included, until they are closed */
	uint32_t quarantine; /* closed, not free */
};
void connect_count(const struct connect_table *t, struct connect_counts *out);
