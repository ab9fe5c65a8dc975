/* SPDX-License-Identifier: BSD-3-Clause */
/* test_flow_model.c: random operations on a flow table against a plain map. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "dataplane/flow/flow_code.h"
#include "tests/flow_keys.h"
#include "tests/random.h"

#define KEYS  2400
#define SLOTS 2048
#define NAMES 64

struct carried {
	struct flow_batch batch;
	struct flow_key keys[BURST_MAX];
	uint64_t hashes[BURST_MAX];
	uint32_t which[BURST_MAX], found[BURST_MAX];
	const struct flow_code *code; /* by which it is looked up */
};

enum slot_state { SLOT_FREE, SLOT_LIVE, SLOT_OPEN, SLOT_CLOSED };

struct model {
	struct flow_table *t;
	struct random r;
	uint64_t seed;
	struct flow_key keys[KEYS];
	uint64_t hashes[KEYS];
	uint32_t index[KEYS];      /* FLOW_NONE: not in the table */
	uint32_t key_of[SLOTS];    /* of live slots */
	uint8_t slots[SLOTS];      /* enum slot_state */
	uint32_t open[8192];       /* deleted and not yet closed, oldest first */
	uint32_t open_n, closed_n; /* the closed ones are no longer in open[] */
	uint32_t count, asked;
	struct {
		uint64_t handle;
		uint32_t key, life;
	} names[NAMES];
	bool idle[KEYS];           /* to be asked about, and deleted when asked */
	struct carried carried[3]; /* bursts in flight */
	unsigned carried_at;
	uint32_t lives[KEYS]; /* how often each key was inserted */
};

static struct model m;

/* Half of the keys crowd four neighbouring buckets, the last and the first among them. */
static void
model_start(uint64_t seed)
{
	const struct flow_table_options options = { .capacity = FLOW_CAPACITY_MIN,
						    .numa_node = -1,
						    .secret = test_secret };
	uint32_t n = 0;

	m.seed = seed;
	m.r.state = seed;
	cr_assert(eq(int, flow_table_create(&options, &m.t), 0));
	cr_assert(le(u32, flow_slots(m.t), SLOTS));
	for (unsigned i = 0; i < 3; i++)
		m.carried[i].code = m.t->code;
	for (uint32_t i = 0; i < KEYS; i++) {
		const uint32_t crowd =
			(m.t->buckets_count - 2 + random_below(&m.r, 4)) % m.t->buckets_count;

		m.keys[i] = i % 2 == 0 ? flow_key_of_home(m.t, crowd, &n) : flow_key_number(n++);
		m.hashes[i] = flow_hash(&test_secret, &m.keys[i]);
		m.index[i] = FLOW_NONE;
	}
}

static bool
model_has_room(uint32_t key)
{
	const uint32_t home = flow_home(m.t, m.hashes[key]);

	for (uint32_t i = 0; i < FLOW_PROBES_MAX * FLOW_BUCKET_SLOTS; i++) {
		if (m.slots[(home * FLOW_BUCKET_SLOTS + i) % flow_slots(m.t)] == SLOT_FREE)
			return true;
	}
	return false;
}

static void
step_insert(uint32_t key)
{
	const bool expect_room = m.count < FLOW_CAPACITY_MIN && model_has_room(key);
	uint32_t index = FLOW_NONE;
	bool created = false;
	const int rc = flow_insert(m.t, &m.keys[key], m.hashes[key], &index, &created);

	if (m.index[key] != FLOW_NONE) {
		cr_assert(rc == 0 && !created && index == m.index[key], "seed %lu", m.seed);
		return;
	}
	cr_assert(eq(int, rc, expect_room ? 0 : -ENOSPC), "seed %lu", m.seed);
	if (rc != 0)
		return;
	cr_assert(created && m.slots[index] == SLOT_FREE, "seed %lu", m.seed);
	m.slots[index] = SLOT_LIVE;
	m.key_of[index] = key;
	m.index[key] = index;
	m.count++;
	m.lives[key]++;
	m.names[key % NAMES].handle = flow_handle(m.t, index);
	m.names[key % NAMES].key = key;
	m.names[key % NAMES].life = m.lives[key];
	flow_entry_at(m.t, index)->last_seen_ms = key;
	flow_entry_show(flow_entry_at(m.t, index), 1 + key);
	m.idle[key] = false;
	flow_expect(m.t, index, 0, INT32_MAX);
}

static void
model_deleted(uint32_t index)
{
	m.index[m.key_of[index]] = FLOW_NONE;
	m.slots[index] = SLOT_OPEN;
	m.open[m.open_n++] = index;
	m.count--;
}

static void
step_delete(uint32_t key)
{
	if (m.index[key] == FLOW_NONE)
		return;
	flow_delete(m.t, m.index[key]);
	model_deleted(m.index[key]);
}

/* One of the forms that this processor can run. */
static const struct flow_code *
model_code(void)
{
	const struct flow_code *code;

	do {
		code = flow_codes[random_below(&m.r, FLOW_CODES)];
	} while (!code->usable());
	return code;
}

/* A burst of random keys. Returns how many. */
static uint16_t
random_burst(uint32_t *which, struct flow_key *keys, uint64_t *hashes)
{
	const uint16_t n = (uint16_t)random_below(&m.r, BURST_MAX + 1);

	for (uint16_t i = 0; i < n; i++) {
		which[i] = random_below(&m.r, KEYS);
		keys[i] = m.keys[which[i]];
		hashes[i] = m.hashes[which[i]];
	}
	return n;
}

/* A burst by any form of the code. */
static void
step_lookup(void)
{
	struct flow_key keys[BURST_MAX];
	uint64_t hashes[BURST_MAX];
	uint32_t which[BURST_MAX], found[BURST_MAX];
	const uint16_t n = random_burst(which, keys, hashes);

	m.t->code = model_code();
	flow_lookup_burst(m.t, keys, hashes, found, n);
	for (uint16_t i = 0; i < n; i++) {
		cr_assert(eq(u32, found[i], m.index[which[i]]), "seed %lu", m.seed);
		cr_assert(eq(u32, flow_lookup(m.t, &keys[i], hashes[i]), found[i]), "seed %lu",
			  m.seed);
	}
}

/* Three bursts in flight: what comes out is true now, whatever happened since they went in. */
static void
step_carry(void)
{
	struct carried *fresh = &m.carried[m.carried_at];
	struct carried *middle = &m.carried[(m.carried_at + 2) % 3];
	struct carried *old = &m.carried[(m.carried_at + 1) % 3];

	m.t->code = fresh->code = model_code();
	fresh->batch.keys = fresh->keys;
	fresh->batch.hashes = fresh->hashes;
	fresh->batch.indices = fresh->found;
	fresh->batch.n = random_burst(fresh->which, fresh->keys, fresh->hashes);
	flow_lookup_begin(m.t, &fresh->batch);
	m.t->code = middle->code;
	flow_lookup_match(m.t, &middle->batch);
	m.t->code = old->code;
	flow_lookup_finish(m.t, &old->batch);
	for (uint16_t i = 0; i < old->batch.n; i++)
		cr_assert(eq(u32, old->found[i], m.index[old->which[i]]), "seed %lu", m.seed);
	m.carried_at = (m.carried_at + 1) % 3;
}

static void
step_limbo(void)
{
	if (random_one_in(&m.r, 2)) {
		const uint32_t expected = m.closed_n > 0                    ? 0
					  : m.open_n < FLOW_LIMBO_BATCH_MAX ? m.open_n
									    : FLOW_LIMBO_BATCH_MAX;

		cr_assert(eq(u32, flow_limbo_close(m.t), expected), "seed %lu", m.seed);
		for (uint32_t i = 0; i < expected; i++)
			m.slots[m.open[i]] = SLOT_CLOSED;
		m.open_n -= expected;
		memmove(m.open, m.open + expected, m.open_n * sizeof(m.open[0]));
		m.closed_n += expected;
		return;
	}
	cr_assert(eq(int, flow_limbo_closed(m.t), m.closed_n > 0), "seed %lu", m.seed);
	flow_limbo_free(m.t);
	m.closed_n = 0;
	for (uint32_t i = 0; i < SLOTS; i++) {
		if (m.slots[i] == SLOT_CLOSED)
			m.slots[i] = SLOT_FREE;
	}
}

/* A handle is good exactly while the life that it was made for lasts. */
static void
step_handle(void)
{
	const uint32_t i = random_below(&m.r, NAMES);
	const uint32_t key = m.names[i].key;
	const bool alive = m.names[i].handle != 0 && m.lives[key] == m.names[i].life;

	cr_assert(eq(u32, flow_handle_resolve(m.t, m.names[i].handle),
		     alive ? m.index[key] : FLOW_NONE),
		  "seed %lu", m.seed);
}

static uint32_t
expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *context)
{
	const uint32_t key = m.key_of[index];

	(void)t;
	(void)context;
	cr_assert(eq(int, m.slots[index], SLOT_LIVE), "seed %lu", m.seed);
	cr_assert(eq(u32, idle_ms, KEYS - key), "seed %lu", m.seed);
	if (!m.idle[key])
		return INT32_MAX;
	m.asked++;
	if (key % 3 == 0)
		return 1;
	model_deleted(index);
	return 0;
}

/* Entries of one key in ten are made idle, and the next slots are looked through; at times all, and
 * then each of the idle ones is asked about. */
static void
step_expire(void)
{
	const uint32_t before = m.count;
	const bool all = random_one_in(&m.r, 4);
	uint32_t deleted, idle = 0;

	for (uint32_t key = random_below(&m.r, 10); key < KEYS; key += 10) {
		if (m.index[key] != FLOW_NONE) {
			m.idle[key] = true;
			flow_expect(m.t, m.index[key], KEYS, 0);
		}
	}
	for (uint32_t key = 0; key < KEYS; key++)
		idle += m.index[key] != FLOW_NONE && m.idle[key];
	m.asked = 0;
	deleted = flow_expire(m.t, KEYS, all ? UINT32_MAX : random_below(&m.r, 400), expire, NULL);
	cr_assert(eq(u32, before - m.count, deleted), "seed %lu", m.seed);
	cr_assert(all ? m.asked == idle : m.asked <= idle, "seed %lu", m.seed);
}

static void
each(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	uint32_t *visited = context;
	const uint32_t index = (uint32_t)(e - flow_entry_at(m.t, 0));

	cr_assert(eq(int, m.slots[index], SLOT_LIVE), "seed %lu", m.seed);
	cr_assert(d == flow_detail_at(m.t, index));
	cr_assert(eq(u32, e->last_seen_ms, m.key_of[index]), "seed %lu", m.seed);
	cr_assert(eq(int, memcmp(&e->key, &m.keys[m.key_of[index]], sizeof(e->key)), 0));
	++*visited;
}

/* Everything at once: a dump, the counts, and the private books (B1, B2). */
static void
check_whole(void)
{
	uint32_t cursor = 0, visited = 0, passed[SLOTS / FLOW_BUCKET_SLOTS + 1] = { 0 };

	while (flow_each(m.t, &cursor, 100, each, &visited))
		continue;
	cr_assert(eq(u32, visited, m.count), "seed %lu", m.seed);
	cr_assert(eq(u32, flow_count(m.t), m.count), "seed %lu", m.seed);
	for (uint32_t key = 0; key < KEYS; key++) {
		uint32_t b = flow_home(m.t, m.hashes[key]);

		if (m.index[key] == FLOW_NONE)
			continue;
		for (; b != m.index[key] / FLOW_BUCKET_SLOTS; b = (b + 1) % m.t->buckets_count)
			passed[b]++;
	}
	for (uint32_t b = 0; b < m.t->buckets_count; b++) {
		uint32_t busy = 0;

		for (uint32_t s = 0; s < FLOW_BUCKET_SLOTS; s++)
			busy |= (uint32_t)(m.slots[b * FLOW_BUCKET_SLOTS + s] != SLOT_FREE) << s;
		cr_assert(eq(u32, m.t->buckets[b].busy, busy), "seed %lu", m.seed);
		cr_assert(eq(u32, m.t->buckets[b].overflow, passed[b]), "seed %lu", m.seed);
	}
}

/* Goal: whatever the order of operations, the table and a plain map agree, slot by slot (F1..F4).
 * Method: a million random steps on the smallest table, more keys than it holds, half of them
 * crowded into four buckets; phases that rather fill alternate with phases that rather empty. */
Test(flow_model, equals_a_map)
{
	model_start(random_seed());
	cr_log_info("seed %lu", m.seed);
	for (uint32_t step = 0; step < 1000000; step++) {
		const bool filling = step / 20000 % 2 == 0;
		const uint32_t dice = random_below(&m.r, 1000);

		if (dice < 600)
			(dice < 450) == filling ? step_insert(random_below(&m.r, KEYS))
						: step_delete(random_below(&m.r, KEYS));
		else if (dice < 750)
			step_lookup();
		else if (dice < 800)
			step_carry();
		else if (dice < 820)
			step_limbo();
		else if (dice < 990)
			step_handle();
		else
			step_expire();
		if (step % 5000 == 0)
			check_whole();
	}
	check_whole();
	flow_table_destroy(m.t);
}
