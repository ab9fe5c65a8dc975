/* SPDX-License-Identifier: BSD-3-Clause */
/* contender_ck.c: Concurrency Kit's ck_ht for one writer and many readers, the hash handed in. It
 * keeps pointers to keys: here key and state of a flow share a line. */
#include <ck_ht.h>

#include "bench/flow/contender.h"
#include "bench/flow/pages.h"
#include "common/base/check.h"

struct ck_flow {
	uint8_t key[40]; /* without the padding of the compact form */
	uint32_t last_seen_ms;
	uint32_t number;
	uint64_t packets, bytes;
};
static_assert(sizeof(struct ck_flow) == 64, "one line");

struct ck {
	ck_ht_t ht;
	struct ck_flow *lines;
	uint32_t flows;
	uint16_t key_bytes;
};

/* Of all tables; there is one of this kind at a time where it matters. */
static uint64_t ck_table_bytes;

static void *
table_malloc(size_t bytes)
{
	ck_table_bytes += bytes;
	return pages_map(bytes);
}

static void
table_free(void *memory, size_t bytes, bool deferred)
{
	(void)deferred;
	ck_table_bytes -= memory != NULL ? bytes : 0;
	pages_unmap(memory);
}

static struct ck_malloc table_memory = { .malloc = table_malloc, .free = table_free };

static void
hash_unused(ck_ht_hash_t *h, const void *key, size_t length, uint64_t seed)
{
	(void)seed;
	h->value = keys_hash(key, (uint32_t)length);
}

static void *
ck_create(uint32_t flows, uint8_t family)
{
	struct ck *c = calloc(1, sizeof(*c));

	panic_unless(c != NULL);
	c->flows = flows;
	c->key_bytes = family == 4 ? COMPACT_BYTES_IPV4 : sizeof(c->lines->key);
	c->lines = pages_map(flows * sizeof(*c->lines));
	/* It doubles itself when half full: so large that it does not. */
	panic_unless(ck_ht_init(&c->ht, CK_HT_MODE_BYTESTRING | CK_HT_WORKLOAD_DELETE, hash_unused,
				&table_memory, 2 * (uint64_t)flows + 2, 1));
	return c;
}

static void
ck_destroy(void *table)
{
	struct ck *c = table;

	ck_ht_destroy(&c->ht);
	pages_unmap(c->lines);
	free(c);
}

static uint64_t
ck_bytes(const void *table)
{
	const struct ck *c = table;

	return ck_table_bytes + c->flows * sizeof(*c->lines);
}

static inline ck_ht_entry_t
entry_of(const struct ck *c, const struct keys *k, uint32_t i, ck_ht_hash_t *h)
{
	ck_ht_entry_t entry;

	h->value = k->hashes[i];
	ck_ht_entry_key_set(&entry, k->compact + (uint64_t)i * k->compact_bytes, c->key_bytes);
	return entry;
}

static uint32_t
ck_insert(void *table, const struct keys *k)
{
	struct ck *c = table;
	uint32_t taken = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		struct ck_flow *line = &c->lines[state_slot(k->numbers[i], c->flows)];
		const ck_ht_hash_t h = { k->hashes[i] };
		ck_ht_entry_t entry;

		memset(line, 0, sizeof(*line));
		memcpy(line->key, k->compact + (uint64_t)i * k->compact_bytes, c->key_bytes);
		line->number = k->numbers[i];
		ck_ht_entry_set(&entry, h, line->key, c->key_bytes, line);
		taken += ck_ht_put_spmc(&c->ht, h, &entry);
	}
	return taken;
}

static uint32_t
ck_remove(void *table, const struct keys *k)
{
	struct ck *c = table;
	uint32_t removed = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		ck_ht_hash_t h;
		ck_ht_entry_t entry = entry_of(c, k, i, &h);

		removed += ck_ht_remove_spmc(&c->ht, h, &entry);
	}
	return removed;
}

static inline struct ck_flow *
find(struct ck *c, const struct keys *k, uint32_t i)
{
	ck_ht_hash_t h;
	ck_ht_entry_t entry = entry_of(c, k, i, &h);

	return ck_ht_get_spmc(&c->ht, h, &entry) ? ck_ht_entry_value(&entry) : NULL;
}

static uint32_t
ck_lookup(void *table, const struct keys *k)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < k->n; i++)
		hits += find(table, k, i) != NULL;
	return hits;
}

static uint32_t
ck_update(void *table, const struct keys *k, uint32_t now_ms)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < k->n; i++) {
		struct ck_flow *line = find(table, k, i);

		if (line == NULL)
			continue;
		line->packets++;
		line->bytes += STATE_PACKET_BYTES;
		line->last_seen_ms = now_ms;
		hits++;
	}
	return hits;
}

static void
ck_find(void *table, const struct keys *k, uint32_t *numbers)
{
	for (uint32_t i = 0; i < k->n; i++) {
		const struct ck_flow *line = find(table, k, i);

		numbers[i] = line != NULL ? line->number : NUMBER_NONE;
	}
}

static uint32_t
ck_sweep(void *table, uint32_t now_ms)
{
	struct ck *c = table;
	ck_ht_iterator_t iterator = CK_HT_ITERATOR_INITIALIZER;
	uint32_t looked = 0, due = 0;
	ck_ht_entry_t *entry;

	while (ck_ht_next(&c->ht, &iterator, &entry)) {
		const struct ck_flow *line = ck_ht_entry_value(entry);

		due += now_ms - line->last_seen_ms >= INT32_MAX;
		looked++;
	}
	panic_unless(due == 0);
	return looked;
}

const struct contender contender_ck = {
	.name = "ck_ht",
	.forms = KEY_COMPACT | KEY_HASH,
	.create = ck_create,
	.destroy = ck_destroy,
	.bytes = ck_bytes,
	.insert = ck_insert,
	.remove = ck_remove,
	.lookup = ck_lookup,
	.update = ck_update,
	.find = ck_find,
	.sweep = ck_sweep,
};
