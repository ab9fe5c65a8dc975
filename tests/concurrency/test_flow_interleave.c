/* SPDX-License-Identifier: BSD-3-Clause */
/* test_flow_interleave.c: the flow table's own code, one writer and readers, in every way that the
 * memory model allows (interleave.h).
 *
 * A table of two buckets, in the state that each scenario wants, is put back before each run. Who
 * reads judges at once: a key that was there before is found (F2); what is found is that flow's and
 * no other's (F3); what a dump shows is complete (F6); totals are exact (C1, C2). */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "tests/concurrency/interleave.h"
#include "tests/flow_keys.h"

#define BUCKETS 2u
#define SLOTS   (BUCKETS * FLOW_BUCKET_SLOTS)
#define KEYS    (SLOTS + 2)

static struct flow_table *table;
static struct flow_key keys[2][KEYS]; /* by home */
static uint64_t hashes[2][KEYS];

/* What the scenario starts from. */
static struct {
	struct flow_table table;
	struct flow_bucket buckets[BUCKETS];
	struct flow_entry entries[SLOTS];
	struct flow_detail details[SLOTS];
	uint32_t limbo[SLOTS];
} saved;

/* Between threads, beside the table: words of their own. */
static alignas(CACHE_LINE) _Atomic uint64_t told;    /* by the writer */
static alignas(CACHE_LINE) _Atomic uint64_t seen[2]; /* by each reader: what it was told */

static void
state_save(void)
{
	saved.table = *table;
	memcpy(saved.buckets, table->buckets, sizeof(saved.buckets));
	memcpy(saved.entries, table->entries, sizeof(saved.entries));
	memcpy(saved.details, table->details, sizeof(saved.details));
	memcpy(saved.limbo, table->limbo, sizeof(saved.limbo));
}

static void
state_restore(void)
{
	*table = saved.table;
	memcpy(table->buckets, saved.buckets, sizeof(saved.buckets));
	memcpy(table->entries, saved.entries, sizeof(saved.entries));
	memcpy(table->details, saved.details, sizeof(saved.details));
	memcpy(table->limbo, saved.limbo, sizeof(saved.limbo));
	told = 0;
	seen[0] = seen[1] = 0;
}

/* ---- what threads do ---- */

/* What the writer leaves in the detail and in the epoch of a key's entry. */
static uint32_t
mark_of(const struct flow_key *k)
{
	return (uint32_t)k->port[1] << 16 | (uint32_t)k->addr[1][2] << 8 | k->addr[1][3] | 1u << 31;
}

static void
insert(unsigned home, unsigned n)
{
	const struct flow_detail detail = { .first_ms = mark_of(&keys[home][n]) };
	uint32_t index;
	bool created;

	if (flow_insert(table, &keys[home][n], hashes[home][n], &index, &created) != 0 || !created)
		interleave_fail("an insert was refused");
	flow_write(flow_detail_at(table, index), &detail, sizeof(detail));
	flow_entry_show(flow_entry_at(table, index), mark_of(&keys[home][n]));
}

static void delete (unsigned home, unsigned n)
{
	flow_delete(table, flow_lookup(table, &keys[home][n], hashes[home][n]));
}

/* Found is this very flow: the key (which the lookup compared), no other's mark, a living slot. */
static void
judge(uint32_t index, const struct flow_key *k)
{
	const struct flow_entry *e = flow_entry_at(table, index);
	const uint32_t mark = flow_load(&e->epoch, memory_order_relaxed);

	if (mark != 0 && mark != mark_of(k))
		interleave_fail("the value of another flow");
	if (flow_load(&e->generation, memory_order_relaxed) == 0)
		interleave_fail("an entry that was never made");
	if (!flow_key_equal(&e->key, k))
		interleave_fail("the key of another flow");
}

static bool
look(unsigned home, unsigned n)
{
	const uint32_t index = flow_lookup(table, &keys[home][n], hashes[home][n]);

	if (index == FLOW_NONE)
		return false;
	judge(index, &keys[home][n]);
	return true;
}

/* The same by a burst of one, with every form of the code. */
static bool
look_burst(unsigned home, unsigned n)
{
	uint32_t index;

	flow_lookup_burst(table, &keys[home][n], &hashes[home][n], &index, 1);
	if (index == FLOW_NONE)
		return false;
	judge(index, &keys[home][n]);
	return true;
}

static void
dump_entry(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	bool *met = context;
	struct flow_key k;

	flow_read(&k, &e->key, sizeof(k));
	if (flow_load(&d->first_ms, memory_order_relaxed) != mark_of(&k))
		interleave_fail("a dump shows a detail that is not there yet");
	*met = true;
}

/* Whether the walk over some slots met a flow. */
static bool
dump(uint32_t from, uint32_t slots)
{
	bool met = false;

	flow_each(table, &from, slots, dump_entry, &met);
	return met;
}

/* ---- scenarios ---- */

static void
key_appears_write(void)
{
	insert(0, 0);
	flow_store(&told, 1, memory_order_release);
}

/* A key that is being inserted is found whole or not at all; once told, always. */
static void
key_appears_read(void)
{
	const bool must = flow_load(&told, memory_order_acquire) == 1;

	if (!look(0, 0) && must)
		interleave_fail("a present key was missed");
	dump(0, 2);
}

static void
key_appears_read_burst(void)
{
	const bool must = flow_load(&told, memory_order_acquire) == 1;

	if (!look_burst(0, 0) && must)
		interleave_fail("a present key was missed");
}

/* Bucket 0 is full of its own keys, and key SLOTS of home 0 comes to lie in bucket 1. */
static void
overflow_start(void)
{
	for (unsigned n = 0; n < FLOW_BUCKET_SLOTS; n++)
		insert(0, n);
}

static void
overflow_appears_write(void)
{
	insert(0, SLOTS);
	flow_store(&told, 1, memory_order_release);
	delete (0, 3);
}

/* Whoever was told of the key, or has met it in a dump, also finds it. */
static void
overflow_appears_read(void)
{
	const bool must = flow_load(&told, memory_order_acquire) == 1 || dump(FLOW_BUCKET_SLOTS, 1);

	if (!look(0, SLOTS) && must)
		interleave_fail("a present key was missed behind a full bucket");
}

/* The same key is there from the start, beside another that passed by. */
static void
overflow_stays_start(void)
{
	overflow_start();
	insert(0, SLOTS);
	insert(0, SLOTS + 1);
}

static void
overflow_stays_write(void)
{
	delete (0, SLOTS + 1);
	delete (0, 7);
	insert(0, 40);
}

static void
overflow_stays_read(void)
{
	if (!look(0, SLOTS))
		interleave_fail("a present key was missed while its neighbours changed");
}

/* One flow is there; the writer ends it, waits for both readers as the worker does, and gives the
 * slot to another. */
static void
reuse_start(void)
{
	insert(0, 0);
}

static void
reuse_write(void)
{
	bool free_now = true;

	delete (0, 0);
	flow_limbo_close(table);
	flow_store(&told, 1, memory_order_release);
	for (unsigned r = 0; r < 2; r++)
		free_now &= flow_load(&seen[r], memory_order_acquire) == 1;
	if (free_now)
		flow_limbo_free(table);
	insert(0, 1);
	if (free_now && flow_lookup(table, &keys[0][1], hashes[0][1]) != 0)
		interleave_fail("the slot was not used again");
}

static void
reuse_read(unsigned r)
{
	look(0, 0);
	dump(0, 1);
	/* A quiescent point: what was read so far was read before, and what was deleted before the
	 * writer's word is not met any more. */
	flow_store(&seen[r], flow_load(&told, memory_order_acquire), memory_order_release);
	if (look(0, 0) && flow_load(&seen[r], memory_order_relaxed) == 1)
		interleave_fail("a deleted key was found after a quiescent point");
	look(0, 1);
}

static void
reuse_read_0(void)
{
	reuse_read(0);
}

static void
reuse_read_1(void)
{
	look(0, 0);
	flow_store(&seen[1], flow_load(&told, memory_order_acquire), memory_order_release);
	look(0, 1);
}

/* Packets of a flow, near the points where its counts pass halves and wholes of their ranges. */
static const uint32_t packet_bytes[] = { 40000, 65535, 65535, 1 };

static void
totals_start(void)
{
	struct flow_entry *e;
	struct flow_detail *d;

	insert(0, 0);
	e = flow_entry_at(table, 0);
	d = flow_detail_at(table, 0);
	for (unsigned i = 0; i < 62; i++)
		flow_count_add(e, d, flow_entry_word(e), 1, 500, 0, 0);
}

static void
totals_write(void)
{
	struct flow_entry *e = flow_entry_at(table, 0);

	for (unsigned i = 0; i < array_length(packet_bytes); i++)
		flow_count_add(e, flow_detail_at(table, 0), flow_entry_word(e), 1, packet_bytes[i],
			       0, 0);
}

static void
totals_read(void)
{
	struct flow_totals totals;
	uint64_t packets = 62, bytes = 62 * 500;
	bool packets_ok = false, bytes_ok = false;

	flow_totals_read(flow_entry_at(table, 0), flow_detail_at(table, 0), &totals);
	for (unsigned i = 0; i <= array_length(packet_bytes); i++) {
		packets_ok |= totals.packets[1] == packets;
		bytes_ok |= totals.bytes[1] == bytes;
		packets++;
		bytes += i < array_length(packet_bytes) ? packet_bytes[i] : 0;
	}
	if (totals.packets[0] != 0 || totals.bytes[0] != 0 || !packets_ok || !bytes_ok)
		interleave_fail("totals that never were");
}

/* The near side goes to another port, and that to none. */
static const port_ref ports_given[] = { 0x00010002, 0x00030004, PORT_REF_NONE };

static void
port_start(void)
{
	insert(0, 0);
	flow_near_port_set(flow_entry_at(table, 0), flow_detail_at(table, 0), ports_given[0]);
}

static void
port_write(void)
{
	for (unsigned i = 1; i < array_length(ports_given); i++)
		flow_near_port_set(flow_entry_at(table, 0), flow_detail_at(table, 0),
				   ports_given[i]);
}

static void
port_read(void)
{
	const port_ref port = flow_near_port(flow_entry_at(table, 0), flow_detail_at(table, 0));
	bool given = false;

	for (unsigned i = 0; i < array_length(ports_given); i++)
		given |= port == ports_given[i];
	if (!given)
		interleave_fail("a port that never was");
}

static void
nothing(void)
{
}

static const struct {
	void (*start)(void); /* fills the empty table */
	struct interleave_scenario scenario;
} scenarios[] = {
	{ nothing,
	  { "a key appears", 2, state_restore, { key_appears_write, key_appears_read }, NULL } },
	{ nothing,
	  { "a key appears to two",
	    3,
	    state_restore,
	    { key_appears_write, key_appears_read, key_appears_read_burst },
	    NULL } },
	{ overflow_start,
	  { "a key appears behind a full bucket",
	    2,
	    state_restore,
	    { overflow_appears_write, overflow_appears_read },
	    NULL } },
	{ overflow_stays_start,
	  { "a key stays behind a full bucket",
	    2,
	    state_restore,
	    { overflow_stays_write, overflow_stays_read },
	    NULL } },
	{ reuse_start,
	  { "a slot is used again",
	    3,
	    state_restore,
	    { reuse_write, reuse_read_0, reuse_read_1 },
	    NULL } },
	{ port_start,
	  { "a flow goes to another port", 2, state_restore, { port_write, port_read }, NULL } },
	{ totals_start,
	  { "totals pass their halves", 2, state_restore, { totals_write, totals_read }, NULL } },
};

/* A table of which the first two buckets are used. */
static void
table_make(void)
{
	const struct flow_table_options options = { .capacity = FLOW_CAPACITY_MIN,
						    .numa_node = -1,
						    .secret = test_secret };
	uint32_t n = 0;

	panic_unless(flow_table_create(&options, &table) == 0);
	table->buckets_count = BUCKETS;
	table->slots = SLOTS;
	for (unsigned home = 0; home < BUCKETS; home++) {
		for (unsigned i = 0; i < KEYS; i++) {
			keys[home][i] = flow_key_of_home(table, home, &n);
			hashes[home][i] = flow_hash(&test_secret, &keys[home][i]);
		}
	}
}

int
main(void)
{
	for (unsigned i = 0; i < array_length(scenarios); i++) {
		table_make();
		scenarios[i].start();
		state_save();
		printf("%-40s %10llu runs\n", scenarios[i].scenario.name,
		       (unsigned long long)interleave_explore(&scenarios[i].scenario));
		fflush(stdout);
		flow_table_destroy(table);
	}
	return 0;
}
