/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.h: the flow table of one worker: single writer, readers anywhere. Served by flow.c,
 * flow_memory.c.
 *
 * F1  Only the owning worker (the writer) calls the functions marked "writer". Any thread that the
 *     caller's quiescent-state scheme protects may call those marked "reader".
 * F2  Entries do not move: an index names the same entry until it is deleted and its slot freed.
 *     A reader never misses a key that is present throughout its lookup.
 * F3  A slot is written completely before its tag is published (release; acquire in the reader's
 *     match), and reused only after flow_limbo_free(): the writer calls that when every reader has
 *     passed a quiescent point since flow_limbo_close(). So no reader sees a torn key.
 * F4  Probes are bounded: an insert that finds no slot within FLOW_PROBES_MAX buckets is refused.
 * F5  What a packet updates is atomic and relaxed: a reader may see old numbers, never torn ones.
 */
#pragma once

#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "dataplane/flow/flow_key.h"

#define FLOW_NONE         UINT32_MAX
#define FLOW_PROBES_MAX   16
#define FLOW_CAPACITY_MIN 1024u
#define FLOW_CAPACITY_MAX (1u << 27)
/* Slots that one flow_limbo_free() makes usable: bounds the pause. */
#define FLOW_LIMBO_BATCH_MAX 4096u

/* Names one life of one port object: generation in the high half, id in the low. */
typedef uint32_t port_ref;
#define PORT_REF_NONE 0u /* generations start at 1 */

static inline port_ref
port_ref_make(uint16_t id, uint16_t generation)
{
	return (uint32_t)generation << 16 | id;
}
static inline uint16_t
port_ref_id(port_ref ref)
{
	return (uint16_t)ref;
}

/* Secret of the keyed hash, the same for all workers of one start. */
struct flow_secret {
	uint64_t key[2];
};

enum flow_flag {
	FLOW_ORIG_IS_1 = 1u << 0, /* the first packet came from the key's endpoint 1 */
	FLOW_REPLIED = 1u << 1,   /* seen in both directions */
	FLOW_OUTGOING = 1u << 2,  /* the first packet was sent by an application here */
	FLOW_LOCAL = 1u << 3,     /* both ends are applications here */
	FLOW_ENCLOSED = 1u << 4,  /* came by a tunnel or PPPoE, into which nothing is sent */
};

/* The line that each packet of the flow touches. `side` s below is about packets *to* endpoint s of
 * the key: port[s] is who receives them. */
struct flow_entry {
	alignas(CACHE_LINE) struct flow_key key; /* canonical; constant while published */
	_Atomic uint32_t last_seen_ms;           /* wraps; compare differences */
	_Atomic port_ref port[2];                /* PORT_REF_NONE: not an application of ours */
	_Atomic uint32_t epoch;                  /* of the bindings that port[] was decided under */
	_Atomic uint16_t generation;             /* of the slot's lives; wraps, never 0 */
	_Atomic uint8_t state;                   /* the tracker's */
	_Atomic uint8_t flags;                   /* enum flow_flag */
};
static_assert(sizeof(struct flow_entry) == CACHE_LINE, "one line");

/* Second line, same index: accounting and the way back. Written by the worker alone. */
struct flow_detail {
	alignas(CACHE_LINE) _Atomic uint64_t packets[2]; /* [0]: original direction */
	_Atomic uint64_t bytes[2];                       /* IP bytes */
	_Atomic uint32_t first_ms;
	_Atomic uint32_t binding[2]; /* per side, as port[]; 0: none */
	_Atomic uint32_t timeout_ms; /* the tracker's, for the present state; below 2^31 */
	uint8_t peer_mac[6];         /* who last sent us a packet of it; control does not read it */
	_Atomic uint16_t link;       /* index of the link it came by; LINKS_MAX: none yet */
	_Atomic uint8_t tcp_flags[2]; /* union of flags seen, per direction */
};
static_assert(sizeof(struct flow_detail) == CACHE_LINE, "one line");

struct flow_table;

struct flow_table_options {
	/* FLOW_CAPACITY_MIN..FLOW_CAPACITY_MAX live entries; slots in limbo use the spare quarter
	 */
	uint32_t capacity;
	uint16_t worker; /* 0..WORKERS_MAX-1; part of the handles */
	int numa_node;   /* -1: any; a preference, its pages may come from elsewhere */
	struct flow_secret secret;
};

/* Allocates everything the table will ever need, all of it present in memory. 0, -EINVAL (an option
 * out of range, no such node) or -ENOMEM. Any thread. The table is destroyed (NULL: nothing) when
 * no thread uses it any more. */
int flow_table_create(const struct flow_table_options *options, struct flow_table **out);
void flow_table_destroy(struct flow_table *t);

/* The keyed hash of a canonical key. Pure. Bits 32..63 index the table, bits 0..31 choose owners
 * and group members, so that neither choice is seen in the other. */
uint64_t flow_hash(const struct flow_secret *secret, const struct flow_key *key);

/* Which of `workers` (1..WORKERS_MAX) owns the flow with this hash. Pure, the same everywhere. */
static inline uint16_t
flow_owner(uint64_t hash, uint16_t workers)
{
	return (uint16_t)(((hash & UINT32_MAX) * workers) >> 32);
}

/* In all calls below `hash` is flow_hash() of the key under the table's own secret. */

/* Sets indices[i] to the entry of keys[i], or FLOW_NONE. n is at most BURST_MAX. Writer or reader.
 */
void flow_lookup_burst(const struct flow_table *t, const struct flow_key *keys,
		       const uint64_t *hashes, uint32_t *indices, uint16_t n);
uint32_t flow_lookup(const struct flow_table *t, const struct flow_key *key, uint64_t hash);

/* Makes the entry of a key that is not in the table, or finds the one that is (*created false). All
 * fields but key and generation are zero in a new one, so its caller sets last_seen_ms and
 * timeout_ms before it lets flow_expire() look; it is published at once. A key whose entry is in
 * limbo gets another slot. 0, or -ENOSPC: `capacity` entries are live, or limbo holds what the
 * probe may reach (F4). Writer. */
int flow_insert(struct flow_table *t, const struct flow_key *key, uint64_t hash, uint32_t *index,
		bool *created);

/* Takes the live entry out: later lookups miss it; its memory stays as it is until freed (F3).
 * Writer. */
void flow_delete(struct flow_table *t, uint32_t index);

/* Limbo: deleted slots wait in an open batch. close() seals its oldest FLOW_LIMBO_BATCH_MAX slots,
 * later ones wait for the next close (returns how many; 0 when there is nothing, or when a closed
 * batch still waits); free() makes the closed batch usable. Writer. */
uint32_t flow_limbo_close(struct flow_table *t);
bool flow_limbo_closed(const struct flow_table *t);
void flow_limbo_free(struct flow_table *t);

struct flow_entry *flow_entry_at(const struct flow_table *t, uint32_t index);
struct flow_detail *flow_detail_at(const struct flow_table *t, uint32_t index);

/* A handle that fits in a record: worker, index, generation; never 0. The generation has 16 bits: a
 * handle kept while its slot was reused 65,535 times names the slot's present flow. So it stays a
 * hint: whoever acts on what a packet says also compares the packet's tuple with the entry's key.
 * Writer. */
uint64_t flow_handle(const struct flow_table *t, uint32_t index);
/* The worker that a handle (from anyone: hostile) names; may be out of range. Pure. */
uint16_t flow_handle_worker(uint64_t handle);
/* The live entry that a handle names, or FLOW_NONE when it is stale or nonsense. Writer. */
uint32_t flow_handle_resolve(const struct flow_table *t, uint64_t handle);

/* Looks at up to `slots` slots (more than all: each once) from where the last call ended and calls
 * `expired` for each live entry idle for at least its detail's timeout_ms; when that returns true
 * the entry is deleted. `expired` does not insert or delete. Returns the number deleted. Each slot
 * must be looked at within 2^31 ms, so that idle times do not wrap. Writer. */
typedef bool (*flow_expire_fn)(struct flow_table *t, uint32_t index, void *context);
uint32_t flow_expire(struct flow_table *t, uint32_t now_ms, uint32_t slots, flow_expire_fn expired,
		     void *context);

/* Calls `each` for live entries from slot *cursor on, over at most `slots` slots, and moves
 * *cursor; false when the end was reached. Reader; a long dump passes quiescent points between
 * calls. */
typedef void (*flow_each_fn)(const struct flow_entry *e, const struct flow_detail *d,
			     void *context);
bool flow_each(const struct flow_table *t, uint32_t *cursor, uint32_t slots, flow_each_fn each,
	       void *context);

/* Live entries now. Reader; relaxed. */
uint32_t flow_count(const struct flow_table *t);
uint32_t flow_slots(const struct flow_table *t);
/* Bytes of memory that the table takes for `capacity`; it never takes more. Pure. */
uint64_t flow_table_bytes(uint32_t capacity);
