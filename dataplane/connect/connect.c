/* SPDX-License-Identifier: BSD-3-Clause */
/* connect.c: the table of connected sockets: making it, opening sockets, finding holders. */
#include <errno.h>

#include "common/base/check.h"
#include "dataplane/connect/connect_priv.h"
#include "dataplane/flow/flow_memory.h"

#define PAGE_BYTES 4096u

/* Twice as many words for ids as can be live, so that a free one is near. */
static uint32_t
live_words(uint32_t capacity)
{
	return 1u << (33 - __builtin_clz(capacity - 1));
}

/* Bytes of all arrays beside the flow table. */
static uint64_t
arrays_bytes(uint32_t capacity)
{
	const uint64_t nodes = 2ull * flow_slots_for(capacity) + CONNECT_HEADS;
	const uint64_t bytes = sizeof(struct connect_table) + nodes * sizeof(struct connect_node) +
			       live_words(capacity) * 2ull * sizeof(uint32_t) +
			       CONNECT_PROTOS * PORT_VALUES * sizeof(uint32_t);

	return (bytes + PAGE_BYTES - 1) / PAGE_BYTES * PAGE_BYTES;
}

uint64_t
connect_table_bytes(uint32_t capacity)
{
	return flow_table_bytes(capacity) + arrays_bytes(capacity);
}

/* Lays the arrays out in the memory behind the struct. */
static void
arrays_place(struct connect_table *t, uint32_t capacity)
{
	const uint32_t slots = flow_slots_for(capacity), words = live_words(capacity);

	t->nodes = (struct connect_node *)(void *)(t + 1);
	t->heads = 2 * slots;
	for (uint32_t i = t->heads; i < t->heads + CONNECT_HEADS; i++)
		t->nodes[i].next = t->nodes[i].prev = i;
	t->live = (_Atomic uint32_t *)(void *)(t->nodes + t->heads + CONNECT_HEADS);
	t->live_mask = words - 1;
	t->node_of = (uint32_t *)(void *)(t->live + words);
	t->uses = (_Atomic uint32_t(*)[PORT_VALUES])(void *)(t->node_of + words);
}

int
connect_table_create(const struct connect_options *options, struct connect_table **out)
{
	const struct flow_table_options pairs = { .capacity = options->capacity,
						  .numa_node = -1,
						  .secret = options->secret };
	struct flow_table *flows;
	struct connect_table *t;
	void *memory;
	int error;

	if (options->workers == 0 || options->workers > WORKERS_MAX ||
	    options->quarantine_ms > INT32_MAX)
		return -EINVAL;
	error = flow_table_create(&pairs, &flows);
	if (error != 0)
		return error;
	error = flow_memory_map(arrays_bytes(options->capacity), -1, &memory);
	if (error != 0) {
		flow_table_destroy(flows);
		return error;
	}
	t = memory;
	t->pairs = flows;
	t->options = *options;
	t->bytes = arrays_bytes(options->capacity);
	arrays_place(t, options->capacity);
	connect_choice_init(t);
	*out = t;
	return 0;
}

void
connect_table_destroy(struct connect_table *t)
{
	if (t == NULL)
		return;
	flow_table_destroy(t->pairs);
	flow_memory_unmap(t, t->bytes);
}

/* ---- workers ---- */

bool
connect_live(const struct connect_table *t, uint32_t id)
{
	/* Acquire: see connect_find(); elsewhere the word alone matters. */
	return atomic_load_explicit(&t->live[id & t->live_mask], memory_order_acquire) == id;
}

bool
connect_find(const struct connect_table *t, const struct flow_key *key, uint64_t hash,
	     unsigned side, struct connect_holder *out)
{
	const struct flow_detail *d;
	struct connect_holder found;
	uint32_t slot;

	/* Relaxed: whoever may send from a new pair learnt of it after it was counted here. */
	if (atomic_load_explicit(&t->uses[connect_proto(key->proto)][key->port[side]],
				 memory_order_relaxed) == 0)
		return false;
	slot = flow_lookup(t->pairs, key, hash);
	if (slot == FLOW_NONE)
		return false;
	d = flow_detail_at(t->pairs, slot);
	/* A new holder is written live first, then port, then id; a former one's id is out of
	 * live[] before that. So an id that is live after the port was read is that port's. Acquire
	 * pairs with the releases in node_open(). */
	found.id = atomic_load_explicit(&d->socket.id[side], memory_order_acquire);
	found.port = atomic_load_explicit(&d->socket.port[side], memory_order_acquire);
	if (found.id == 0 || !connect_live(t, found.id))
		return false;
	*out = found;
	return true;
}

/* ---- opening ---- */

/* The next id whose word is free: half of them are, as no more sockets than the capacity are open.
 */
static uint32_t
next_id(struct connect_table *t)
{
	do
		t->last_id++;
	while ((t->last_id & (CONNECT_ID - 1)) == 0 ||
	       atomic_load_explicit(&t->live[t->last_id & t->live_mask], memory_order_relaxed) !=
		       0);
	return (t->last_id & (CONNECT_ID - 1)) | CONNECT_ID;
}

/* Makes one side of an entry a socket of the request's port; returns its id. */
static uint32_t
node_open(struct connect_table *t, uint32_t slot, const struct connect_place *place,
	  const struct connect_request *r)
{
	const uint32_t node = connect_node_index(slot, place->side);
	struct flow_entry *e = flow_entry_at(t->pairs, slot);
	struct flow_detail *d = flow_detail_at(t->pairs, slot);
	_Atomic uint32_t *uses = &t->uses[connect_proto(place->key.proto)][place->port];
	const uint32_t id = next_id(t);

	flow_entry_port_set(e, (uint16_t)(flow_entry_port(e) | 1u << place->side));
	t->nodes[node].account = r->account;
	t->node_of[id & t->live_mask] = node;
	connect_append(t, connect_head_port(t, r->port), node);
	t->paid[r->account]++;
	t->open++;
	atomic_store_explicit(uses, atomic_load_explicit(uses, memory_order_relaxed) + 1,
			      memory_order_relaxed);
	/* Releases pair with the acquires in connect_find(), where the order is told. */
	atomic_store_explicit(&t->live[id & t->live_mask], id, memory_order_release);
	atomic_store_explicit(&d->socket.port[place->side], r->port, memory_order_release);
	atomic_store_explicit(&d->socket.id[place->side], id, memory_order_release);
	flow_entry_show(e, 1);
	return id;
}

/* Whether a packet would have the same socket at both ends. */
static bool
meets_itself(const struct flow_key *sent)
{
	return sent->port[0] == sent->port[1] && memcmp(sent->addr[0], sent->addr[1], 16) == 0;
}

int
connect_open(struct connect_table *t, const struct connect_request *r, struct connect_opened *out)
{
	struct connect_place place;
	bool created;
	uint32_t slot;
	int error;

	panic_unless(r->account < CONNECT_ACCOUNTS_MAX && r->port != PORT_REF_NONE);
	if (t->open + t->quarantine >= t->options.capacity)
		return -ENOSPC;
	if (r->key.port[0] != 0) {
		if (meets_itself(&r->key))
			return -EINVAL;
		connect_place(t, &r->key, &place);
		if (connect_taken(t, flow_lookup(t->pairs, &place.key, place.hash), place.side))
			return -EADDRINUSE;
	} else {
		error = connect_search(t, r, &place);
		if (error != 0)
			return error;
	}
	error = flow_insert(t->pairs, &place.key, place.hash, &slot, &created);
	if (error != 0)
		return error;
	*out = (struct connect_opened){
		.id = node_open(t, slot, &place, r),
		.port = place.port,
		.owner = flow_owner(place.hash, t->options.workers),
	};
	return 0;
}

port_ref
connect_port(const struct connect_table *t, uint32_t id)
{
	uint32_t node;

	if (!connect_is(id) || !connect_live(t, id))
		return PORT_REF_NONE;
	node = t->node_of[id & t->live_mask];
	return atomic_load_explicit(&flow_detail_at(t->pairs, node / 2)->socket.port[node % 2],
				    memory_order_relaxed);
}

port_ref
connect_holder_of(const struct connect_table *t, const struct flow_key *sent)
{
	struct connect_holder holder;
	struct connect_place place;

	connect_place(t, sent, &place);
	return connect_find(t, &place.key, place.hash, place.side, &holder) ? holder.port
									    : PORT_REF_NONE;
}

bool
connect_used(const struct connect_table *t, uint8_t proto, uint16_t port)
{
	return atomic_load_explicit(&t->uses[connect_proto(proto)][port], memory_order_relaxed) !=
	       0;
}

struct each {
	const struct connect_table *table;
	connect_each_fn fn;
	void *context;
};

/* flow_each_fn: both sides of an entry. */
static void
each_entry(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	const struct each *each = context;
	const uint32_t slot = (uint32_t)(e - flow_entry_at(each->table->pairs, 0));

	for (unsigned side = 0; side < 2; side++) {
		const struct flow_key sent = side == 0 ? e->key : flow_key_reverse(&e->key);

		if (atomic_load_explicit(&d->socket.id[side], memory_order_relaxed) != 0)
			each->fn(&sent, each->table->nodes[connect_node_index(slot, side)].account,
				 each->context);
	}
}

void
connect_each(const struct connect_table *t, connect_each_fn each, void *context)
{
	struct each all = { t, each, context };
	uint32_t cursor = 0;

	while (flow_each(t->pairs, &cursor, flow_slots(t->pairs), each_entry, &all))
		;
}

uint32_t
connect_paid(const struct connect_table *t, uint16_t account)
{
	return t->paid[account];
}

void
connect_count(const struct connect_table *t, struct connect_counts *out)
{
	*out = (struct connect_counts){
		.capacity = t->options.capacity,
		.open = t->open,
		.quarantine = t->quarantine,
	};
}
