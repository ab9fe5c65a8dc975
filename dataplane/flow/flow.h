/* SPDX-License-Identifier: BSD-3-Clause */
/* flow.h: the flow table of one worker: single writer, readers anywhere. Served by flow.c,
 * flow_walk.c, flow_totals.c, flow_record.c, flow_memory.c and the forms of the code in
 * flow_code.h.
 *
 * F1  Only the owning worker (the writer) calls the functions marked "writer". Any thread that the
 *     caller's quiescent-state scheme protects may call those marked "reader".
 * F2  Entries do not move: an index names the same entry until it is deleted and its slot freed.
 *     A reader never misses a key that is present throughout its lookup.
 * F3  A slot is written completely before its tag is published (release; acquire in the reader's
 *     match), and reused only after flow_limbo_free(): the writer calls that when every reader has
 *     passed a quiescent point since flow_limbo_close(). So no reader sees a torn key.
 * F4  Probes are bounded: an insert that finds no slot within FLOW_PROBES_MAX buckets is refused.
 * F5  What a packet updates is atomic: a reader may see old numbers, never torn ones.
 * F6  An entry's detail is worth reading once its epoch is not 0: the writer of the detail sets
 *     that last (flow_entry_show(), release; acquire in flow_entry_shown()).
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "dataplane/flow/flow_entry.h"
#include "dataplane/flow/flow_key.h"

#define FLOW_NONE         UINT32_MAX
#define FLOW_PROBES_MAX   32
#define FLOW_CAPACITY_MIN 1024u
#define FLOW_CAPACITY_MAX (1u << 27)
/* Slots that one flow_limbo_free() makes usable: bounds the pause. */
#define FLOW_LIMBO_BATCH_MAX 4096u

/* Secret of the keyed hash, the same for all workers of one start: all of it from a random source.
 */
struct flow_secret {
	alignas(16) uint64_t key[14];
};

struct flow_table;
struct flow_bucket;

struct flow_table_options {
	/* FLOW_CAPACITY_MIN..FLOW_CAPACITY_MAX live entries; slots in limbo use the spare seventh
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

/* The keyed hash of a canonical key: by AES where the processor has it, else by SipHash-1-3. Pure,
 * but not the same on two kinds of machine. Bits 32..63 index the table, bits 0..31 choose owners
 * and group members, so that neither choice is seen in the other. */
uint64_t flow_hash(const struct flow_secret *secret, const struct flow_key *key);
/* The same of n keys, several at a time. */
void flow_hash_burst(const struct flow_secret *secret, const struct flow_key *keys,
		     uint64_t *hashes, uint16_t n);

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

/* The same in three steps, for who has other work in between, on which memory's answers arrive: of
 * other bursts, say. What the table did in between counts: the answer is true at the last step. */
struct flow_batch {
	const struct flow_key *keys; /* these three stay as they are until it is answered */
	const uint64_t *hashes;
	uint32_t *indices; /* the answer */
	uint16_t n;        /* 0..BURST_MAX */
	/* The table's own. */
	uint32_t inserted, deleted; /* by then */
	uint64_t unsure;            /* a bit for each key that the home bucket says nothing of */
	/* By key: its home bucket, and that one's tag and first slot; then where it may be found.
	 */
	alignas(CACHE_LINE) const struct flow_bucket *buckets[BURST_MAX];
	alignas(CACHE_LINE) const struct flow_key *found[BURST_MAX];
	alignas(CACHE_LINE) uint32_t tags[BURST_MAX];
	alignas(CACHE_LINE) uint32_t firsts[BURST_MAX];
};

/* Asks memory for the buckets. Writer or reader, as the next. */
void flow_lookup_begin(const struct flow_table *t, struct flow_batch *b);
/* Finds candidates, and asks memory for their entries. */
void flow_lookup_match(const struct flow_table *t, struct flow_batch *b);
/* Answers. Writer. */
void flow_lookup_finish(const struct flow_table *t, struct flow_batch *b);

/* Asks memory for what flow_insert() will most likely write for those hashes whose index is
 * FLOW_NONE. Writer. */
void flow_insert_prefetch(const struct flow_table *t, const uint64_t *hashes,
			  const uint32_t *indices, uint16_t n);

/* Makes the entry of a key that is not in the table, or finds the one that is (*created false). A
 * new one is published at once, all of its line zero but key and generation; its detail is as the
 * slot's last flow left it. The caller sets last_seen_ms, calls flow_expect() before it lets
 * flow_expire() look, writes the detail and then shows the entry by its epoch (F6). A key whose
 * entry is in limbo gets another slot. 0, or -ENOSPC: `capacity` entries are live, or limbo holds
 * what the probe may reach (F4). Writer. */
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
/* All of them; constant. */
const struct flow_entry *flow_entries(const struct flow_table *t);
struct flow_detail *flow_detail_at(const struct flow_table *t, uint32_t index);

/* A handle that fits in a record: worker, index, generation; never 0. The generation has 16 bits: a
 * handle kept while its slot was reused 65,535 times names the slot's present flow. So it stays a
 * hint: whoever acts on what a packet says also compares the packet's tuple with the entry's key.
 * Writer. */
uint64_t flow_handle(const struct flow_table *t, uint32_t index);
/* The same where the entry is at hand. Bits 48..63 worker, 16..47 index, 0..15 generation. */
static inline uint64_t
flow_handle_of(uint16_t worker, uint32_t index, const struct flow_entry *e)
{
	return (uint64_t)worker << 48 | (uint64_t)index << 16 |
	       flow_load(&e->generation, memory_order_relaxed);
}
/* The worker that a handle (from anyone: hostile) names; may be out of range. Pure. */
uint16_t flow_handle_worker(uint64_t handle);
/* The live entry that a handle names, or FLOW_NONE when it is stale or nonsense. Writer. */
uint32_t flow_handle_resolve(const struct flow_table *t, uint64_t handle);

/* Says that the entry may be worth a look of flow_expire() `ms` after now_ms: on its creation, and
 * when what happened to it makes it end sooner than was thought. Writer. */
void flow_expect(struct flow_table *t, uint32_t index, uint32_t now_ms, uint32_t ms);

/* Passes over about `slots` slots (whole buckets; more than all: each once) from where the last
 * call ended. Of buckets in which something may be due it calls `expire` for each live entry with
 * the time since its last_seen_ms; that returns in how many milliseconds to ask again at the
 * latest, or 0, and then the entry is deleted. It is asked up to a second early, or for nothing: it
 * decides. It does not insert or delete. Returns the number deleted. Each slot must be passed
 * within 2^24 ms. Writer. */
typedef uint32_t (*flow_expire_fn)(struct flow_table *t, uint32_t index, uint32_t idle_ms,
				   void *context);
uint32_t flow_expire(struct flow_table *t, uint32_t now_ms, uint32_t slots, flow_expire_fn expire,
		     void *context);

/* Makes flow_expire() ask about all entries once, whatever was expected of them: times have
 * changed. Writer. */
void flow_expire_anew(struct flow_table *t);

/* Calls `each` for live entries that are shown (F6) from slot *cursor on, over at most `slots`
 * slots, and moves *cursor; false when the end was reached. Reader; a long dump passes quiescent
 * points between calls. */
typedef void (*flow_each_fn)(const struct flow_entry *e, const struct flow_detail *d,
			     void *context);
bool flow_each(const struct flow_table *t, uint32_t *cursor, uint32_t slots, flow_each_fn each,
	       void *context);

/* Sets indices[0..] to the live entries of the bucket that `hash` begins its search in, which is a
 * random sample of the table to all who do not know the secret. Returns how many. Writer. */
#define FLOW_SAMPLE_MAX 28u
uint32_t flow_sample(const struct flow_table *t, uint64_t hash, uint32_t indices[FLOW_SAMPLE_MAX]);

/* Live entries now. Reader; relaxed. */
uint32_t flow_count(const struct flow_table *t);
uint32_t flow_slots(const struct flow_table *t);
/* Bytes of memory that the table takes for `capacity`; it never takes more. Pure. */
uint64_t flow_table_bytes(uint32_t capacity);
/* Slots of a table for `capacity`: what flow_slots() will say. Pure. */
uint32_t flow_slots_for(uint32_t capacity);
