/* SPDX-License-Identifier: BSD-3-Clause */
/* fragment.h: later fragments find the ports of their datagram's first one. Served by fragment.c
 * (what a fragment does), fragment_table.c (the bounded memory).
 *
 * All fragments of a datagram come to one worker: the owner of the hash of fragment_identity().
 * The first one has the ports and goes on at once; later ones then follow it. Those that came
 * before it are held. A datagram leaves the table when all of it has gone on, when it is older than
 * the timeout, or when it must give way.
 *
 * G1  Nothing is allocated after creation: the table holds at most `datagrams` datagrams and
 *     `held_packets` packets; of one source (zone and address) at most `per_source` of either.
 * G2  At a limit the oldest gives way, never the newest: what completes, completes soon, and who
 *     fills the table with what never does pushes out their own first.
 * G3  Each packet given to fragment_put() is ended exactly once, there or in a later call.
 * G4  A datagram with an overlap is given up whole (RFC 5722), for the rest of its time.
 *
 * No packet bytes, no clock of its own. One thread at a time per table. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/abi/counters.h"
#include "common/base/limits.h"
#include "dataplane/flow/flow.h"

/* One fragment, with the parser's facts. The parser has proved that a first fragment holds all
 * headers up to the transport header (RFC 7112, RFC 1858). */
struct fragment {
	struct flow_key key;   /* ports: the first fragment's, else ignored */
	uint32_t id;           /* IPv4: 16 bits */
	uint16_t offset;       /* of the data in the datagram; a multiple of 8; 0: the first */
	uint16_t bytes;        /* of data */
	uint16_t header_bytes; /* as pieces_check() has it */
	bool more;
	uint8_t kind; /* enum packet_kind; the first fragment's counts */
	void *packet; /* the caller's; not NULL */
};

/* What later fragments take over from the first. */
struct fragment_tuple {
	uint16_t port[2];
	uint8_t proto;
	uint8_t kind;
};

/* The end of one packet. DROP_NONE: it goes on, with the first fragment's tuple; else it is dropped
 * by `reason` and `first` is NULL. Does not call back into the table. */
typedef void (*fragment_end_fn)(void *context, void *packet, const struct fragment_tuple *first,
				enum drop_reason reason);

struct fragment_options {
	uint32_t timeout_ms;   /* since the first arrival of a part; 1..2^31-1 */
	uint32_t datagrams;    /* 1..FRAGMENT_DATAGRAMS_MAX */
	uint32_t held_packets; /* 1..FRAGMENT_HELD_MAX */
	uint32_t per_source;   /* 1..FRAGMENT_DATAGRAMS_MAX */
};

struct fragment_table;

/* 0, -EINVAL (an option out of range) or -ENOMEM. `secret` as for flow_hash(); no pointer to it is
 * kept. Destroying forgets held packets: drain first. NULL: nothing. */
int fragment_table_create(const struct fragment_options *options, const struct flow_secret *secret,
			  struct fragment_table **out);
void fragment_table_destroy(struct fragment_table *t);
/* Bytes that such a table takes, packets not included; it never takes more. Pure. */
uint64_t fragment_table_bytes(const struct fragment_options *options);

/* What names a datagram: addresses, identification and, for IPv4, the protocol (RFC 791 3.2). IPv6
 * does not count it: only the first fragment's next header is valid (RFC 8200 4.5). The ports
 * hold the identification. Pure. */
void fragment_identity(const struct fragment *f, struct flow_key *out);

/* Takes one fragment and ends it and those that it sets free, in the order in which they came
 * behind the first; others stay held. */
void fragment_put(struct fragment_table *t, const struct fragment *f, uint32_t now_ms,
		  fragment_end_fn end, void *context);

/* Gives up datagrams older than the timeout, at most `max` of them. Returns how many. A host that
 * puts datagrams together would send a time exceeded message (RFC 792, RFC 4443 3.3); berthd only
 * steers their parts, and does not. */
uint32_t fragment_expire(struct fragment_table *t, uint32_t now_ms, uint32_t max,
			 fragment_end_fn end, void *context);

/* Gives up all datagrams, by `reason`. */
void fragment_drain(struct fragment_table *t, enum drop_reason reason, fragment_end_fn end,
		    void *context);

/* Datagrams in the table and packets held, now. */
uint32_t fragment_datagrams(const struct fragment_table *t);
uint32_t fragment_held(const struct fragment_table *t);
