/* SPDX-License-Identifier: BSD-3-Clause */
/* choose.c: chooses local ports (RFC 6056 section 3.3.4, double-hash port selection).
 *
 * Both functions that the algorithm asks for, F for the offset and G for the counter, are parts of
 * one keyed hash of the pair without its local port. Who does not know the key cannot tell from the
 * ports of one remote where those of another begin, nor how many connections others open; one
 * remote sees its own ports in turn, so that none comes again soon. */
#include <errno.h>

#include "dataplane/connect/connect_priv.h"
#include "dataplane/flow/siphash.h"

/* Candidates that are looked up together: few at first, unless the last search by this counter
 * needed more. */
#define BATCH_FIRST 2u
#define BATCH       8u

struct batch {
	unsigned n;
	uint16_t steps[BATCH]; /* the place of each in the search */
	uint16_t ports[BATCH];
	uint8_t sides[BATCH];
	struct flow_key keys[BATCH];
	uint64_t hashes[BATCH];
	uint32_t slots[BATCH];
};
static_assert(BATCH <= BURST_MAX, "one burst of the table");

void
connect_choice_init(struct connect_table *t)
{
	for (uint32_t i = 0; i < CHOICE_COUNTERS; i++)
		t->counters[i] = (uint32_t)siphash(t->options.choice_key, &i, sizeof(i), 2, 4);
}

/* F and G: the low half says where the search begins, the next bits which counter moves it. Never
 * 0. */
static uint64_t
rest_hash(const struct connect_table *t, const struct flow_key *sent)
{
	struct flow_key rest = *sent;

	rest.port[0] = 0;
	return siphash(t->options.choice_key, &rest, sizeof(rest), 1, 3) | 1ull << 63;
}

static uint32_t
counter_of(uint64_t hash)
{
	return (uint32_t)(hash >> 32) % CHOICE_COUNTERS;
}

/* Collects those of `n` ports from place `at` of the range on that a packet may have, are not
 * bound, and are the worker's. */
static void
batch_fill(const struct connect_table *t, const struct connect_request *r, uint16_t worker,
	   uint32_t at, unsigned n, struct batch *b)
{
	const uint32_t span = (uint32_t)r->last - r->first + 1;
	const bool mirrored = memcmp(r->key.addr[0], r->key.addr[1], 16) == 0;
	struct flow_key sent = r->key, canonical;
	const bool side = flow_key_canonical(&sent, &canonical);
	unsigned kept = 0;

	for (unsigned i = 0; i < n; i++, at = at + 1 < span ? at + 1 : 0) {
		const uint16_t port = (uint16_t)(r->first + at);

		if ((mirrored && port == sent.port[1]) ||
		    (r->bound != NULL && r->bound(port, r->context)))
			continue;
		b->steps[kept] = (uint16_t)i;
		b->ports[kept] = port;
		/* Where the addresses differ, ports do not change the order. */
		b->sides[kept] = side;
		b->keys[kept] = canonical;
		b->keys[kept].port[side] = port;
		if (mirrored) {
			sent.port[0] = port;
			b->sides[kept] = flow_key_canonical(&sent, &b->keys[kept]);
		}
		kept++;
	}
	flow_hash_burst(&t->options.secret, b->keys, b->hashes, (uint16_t)kept);
	b->n = 0;
	for (unsigned i = 0; i < kept; i++) {
		if (worker != CONNECT_WORKER_ANY &&
		    flow_owner(b->hashes[i], t->options.workers) != worker)
			continue;
		if (b->n != i) {
			b->steps[b->n] = b->steps[i];
			b->ports[b->n] = b->ports[i];
			b->sides[b->n] = b->sides[i];
			b->keys[b->n] = b->keys[i];
			b->hashes[b->n] = b->hashes[i];
		}
		b->n++;
	}
}

/* Searches the range once around. */
static bool
search_around(struct connect_table *t, const struct connect_request *r, uint64_t hash,
	      uint16_t worker, struct connect_place *out)
{
	const uint32_t span = (uint32_t)r->last - r->first + 1;
	uint32_t *counter = &t->counters[counter_of(hash)];
	bool *crowded = &t->crowded[counter_of(hash)];
	uint32_t at = (uint32_t)(((hash & UINT32_MAX) + *counter) % span);
	struct batch b;
	unsigned n;

	for (uint32_t tried = 0; tried < span; tried += n) {
		n = tried == 0 && !*crowded ? BATCH_FIRST : BATCH;
		n = n < span - tried ? n : span - tried;
		batch_fill(t, r, worker, at, n, &b);
		flow_lookup_burst(t->pairs, b.keys, b.hashes, b.slots, (uint16_t)b.n);
		for (unsigned i = 0; i < b.n; i++) {
			if (connect_taken(t, b.slots[i], b.sides[i]))
				continue;
			*counter += b.steps[i] + 1u;
			*crowded = tried + b.steps[i] >= BATCH_FIRST;
			*out = (struct connect_place){ b.keys[i], b.hashes[i], b.sides[i],
						       b.ports[i] };
			return true;
		}
		*counter += n;
		at = (at + n) % span;
	}
	return false;
}

int
connect_search(struct connect_table *t, const struct connect_request *r, struct connect_place *out)
{
	const uint64_t hash = rest_hash(t, &r->key);
	uint64_t *exhausted = &t->exhausted[counter_of(hash)];

	/* Whoever asks in vain again and again costs no search each time. */
	if (*exhausted == hash)
		return -EADDRNOTAVAIL;
	if (search_around(t, r, hash, r->worker, out) ||
	    (r->worker != CONNECT_WORKER_ANY && search_around(t, r, hash, CONNECT_WORKER_ANY, out)))
		return 0;
	t->exhausted_count += *exhausted == 0;
	*exhausted = hash;
	return -EADDRNOTAVAIL;
}

void
connect_choice_freed(struct connect_table *t, const struct flow_key *sent)
{
	uint64_t hash;

	if (t->exhausted_count == 0)
		return;
	hash = rest_hash(t, sent);
	if (t->exhausted[counter_of(hash)] != hash)
		return;
	t->exhausted[counter_of(hash)] = 0;
	t->exhausted_count--;
}

void
connect_unbound(struct connect_table *t)
{
	if (t->exhausted_count == 0)
		return;
	memset(t->exhausted, 0, sizeof(t->exhausted));
	t->exhausted_count = 0;
}

int
connect_choose(struct connect_table *t, const struct connect_request *r, uint16_t *port)
{
	const _Atomic uint32_t *uses = t->uses[connect_proto(r->key.proto)];
	const uint32_t span = (uint32_t)r->last - r->first + 1;
	const uint64_t hash = rest_hash(t, &r->key);
	uint32_t *counter = &t->counters[counter_of(hash)];
	const uint32_t start = (uint32_t)(((hash & UINT32_MAX) + *counter) % span);
	uint32_t second = UINT32_MAX;

	for (uint32_t i = 0; i < span; i++) {
		const uint16_t candidate = (uint16_t)(r->first + (start + i) % span);

		if (r->bound(candidate, r->context))
			continue;
		if (second == UINT32_MAX)
			second = i;
		if (atomic_load_explicit(&uses[candidate], memory_order_relaxed) == 0) {
			second = i;
			break;
		}
	}
	if (second == UINT32_MAX)
		return -EADDRNOTAVAIL;
	*counter += second + 1;
	*port = (uint16_t)(r->first + (start + second) % span);
	return 0;
}
