/* SPDX-License-Identifier: BSD-3-Clause */
/* fragment_table.c: the bounded memory of datagrams, their sources and held packets. */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/fragment/fragment_priv.h"

/* As many buckets as datagrams, or up to twice as many: chains are short, and their lengths are
 * not in a sender's hand, as the hash is keyed. */
static uint32_t
buckets_for(uint32_t datagrams)
{
	uint32_t n = 1;

	while (n < datagrams)
		n *= 2;
	return n;
}

uint64_t
fragment_table_bytes(const struct fragment_options *o)
{
	return sizeof(struct fragment_table) +
	       o->datagrams * (uint64_t)(sizeof(struct datagram) + sizeof(struct source)) +
	       o->held_packets * (uint64_t)sizeof(struct held) +
	       buckets_for(o->datagrams) * (uint64_t)(2 * sizeof(uint32_t));
}

static bool
in_range(uint32_t value, uint32_t max)
{
	return value >= 1 && value <= max;
}

/* Places the arrays behind the struct. */
static void
lay_out(struct fragment_table *t)
{
	const struct fragment_options *o = &t->options;
	const uint32_t buckets = t->bucket_mask + 1;

	t->datagrams = (struct datagram *)(t + 1);
	t->sources = (struct source *)(t->datagrams + o->datagrams);
	t->held = (struct held *)(t->sources + o->datagrams);
	t->datagram_buckets = (uint32_t *)(t->held + o->held_packets);
	t->source_buckets = t->datagram_buckets + buckets;
	for (uint32_t i = 0; i < o->datagrams; i++) {
		t->datagrams[i].next = i + 1 < o->datagrams ? i + 1 : FRAGMENT_NONE;
		t->sources[i].next = t->datagrams[i].next;
	}
	for (uint32_t i = 0; i < o->held_packets; i++)
		t->held[i].next = i + 1 < o->held_packets ? i + 1 : FRAGMENT_NONE;
	for (uint32_t i = 0; i < 2 * buckets; i++)
		t->datagram_buckets[i] = FRAGMENT_NONE;
	for (unsigned q = 0; q < QUEUES; q++)
		t->queues[q] = (struct queue){ FRAGMENT_NONE, FRAGMENT_NONE };
}

int
fragment_table_create(const struct fragment_options *options, const struct flow_secret *secret,
		      struct fragment_table **out)
{
	struct fragment_table *t;

	if (!in_range(options->timeout_ms, INT32_MAX) ||
	    !in_range(options->datagrams, FRAGMENT_DATAGRAMS_MAX) ||
	    !in_range(options->held_packets, FRAGMENT_HELD_MAX) ||
	    !in_range(options->per_source, FRAGMENT_DATAGRAMS_MAX))
		return -EINVAL;
	t = calloc(1, fragment_table_bytes(options));
	if (t == NULL)
		return -ENOMEM;
	t->options = *options;
	t->secret = *secret;
	t->bucket_mask = buckets_for(options->datagrams) - 1;
	lay_out(t);
	*out = t;
	return 0;
}

void
fragment_table_destroy(struct fragment_table *t)
{
	free(t);
}

uint32_t
fragment_datagrams(const struct fragment_table *t)
{
	return t->datagrams_count;
}

uint32_t
fragment_held(const struct fragment_table *t)
{
	return t->held_count;
}

/* A queue and where its links are: in_table or in_source. */
struct chain {
	struct queue *queue;
	size_t link_offset;
};

static struct queue_link *
link_of(struct fragment_table *t, const struct chain *c, uint32_t index)
{
	return (struct queue_link *)((char *)&t->datagrams[index] + c->link_offset);
}

static void
chain_append(struct fragment_table *t, const struct chain *c, uint32_t index)
{
	struct queue_link *l = link_of(t, c, index);

	l->before = c->queue->last;
	l->after = FRAGMENT_NONE;
	if (l->before == FRAGMENT_NONE)
		c->queue->first = index;
	else
		link_of(t, c, l->before)->after = index;
	c->queue->last = index;
}

static void
chain_remove(struct fragment_table *t, const struct chain *c, uint32_t index)
{
	const struct queue_link *l = link_of(t, c, index);

	if (l->before == FRAGMENT_NONE)
		c->queue->first = l->after;
	else
		link_of(t, c, l->before)->after = l->after;
	if (l->after == FRAGMENT_NONE)
		c->queue->last = l->before;
	else
		link_of(t, c, l->after)->before = l->before;
}

/* Puts a datagram at the end of its two queues, or takes it out of them. */
static void
datagram_queue(struct fragment_table *t, uint32_t index, bool append)
{
	const struct datagram *d = &t->datagrams[index];
	const unsigned q = d->state == DATAGRAM_WAITING ? QUEUE_WAITING : QUEUE_OTHERS;
	const struct chain chains[2] = {
		{ &t->queues[q], offsetof(struct datagram, in_table) },
		{ &t->sources[d->source].queues[q], offsetof(struct datagram, in_source) },
	};

	for (unsigned i = 0; i < 2; i++) {
		if (append)
			chain_append(t, &chains[i], index);
		else
			chain_remove(t, &chains[i], index);
	}
}

static struct flow_key
source_identity(const struct flow_key *identity)
{
	struct flow_key s = { .family = identity->family, .zone = identity->zone };

	memcpy(s.addr[0], identity->addr[0], sizeof(s.addr[0]));
	return s;
}

static uint32_t
source_find_hashed(const struct fragment_table *t, const struct flow_key *key, uint64_t hash)
{
	uint32_t i = t->source_buckets[hash >> 32 & t->bucket_mask];

	while (i != FRAGMENT_NONE && memcmp(&t->sources[i].identity, key, sizeof(*key)) != 0)
		i = t->sources[i].next;
	return i;
}

uint32_t
source_find(const struct fragment_table *t, const struct flow_key *identity)
{
	const struct flow_key key = source_identity(identity);

	return source_find_hashed(t, &key, flow_hash(&t->secret, &key));
}

static uint32_t
source_get(struct fragment_table *t, const struct flow_key *identity)
{
	const struct flow_key key = source_identity(identity);
	const uint64_t hash = flow_hash(&t->secret, &key);
	uint32_t *bucket = &t->source_buckets[hash >> 32 & t->bucket_mask];
	uint32_t i = source_find_hashed(t, &key, hash);

	if (i != FRAGMENT_NONE)
		return i;
	i = t->sources_free;
	t->sources_free = t->sources[i].next;
	t->sources[i] = (struct source){ .identity = key, .hash = hash, .next = *bucket };
	for (unsigned q = 0; q < QUEUES; q++)
		t->sources[i].queues[q] = (struct queue){ FRAGMENT_NONE, FRAGMENT_NONE };
	*bucket = i;
	return i;
}

static void
source_remove(struct fragment_table *t, uint32_t index)
{
	uint32_t *link = &t->source_buckets[t->sources[index].hash >> 32 & t->bucket_mask];

	while (*link != index)
		link = &t->sources[*link].next;
	*link = t->sources[index].next;
	t->sources[index].next = t->sources_free;
	t->sources_free = index;
}

uint32_t
datagram_find(const struct fragment_table *t, const struct flow_key *identity, uint64_t hash)
{
	uint32_t i = t->datagram_buckets[hash >> 32 & t->bucket_mask];

	while (i != FRAGMENT_NONE &&
	       memcmp(&t->datagrams[i].identity, identity, sizeof(*identity)) != 0)
		i = t->datagrams[i].next;
	return i;
}

uint32_t
datagram_make(struct fragment_table *t, const struct flow_key *identity, uint64_t hash,
	      uint32_t now_ms)
{
	uint32_t *bucket = &t->datagram_buckets[hash >> 32 & t->bucket_mask];
	const uint32_t i = t->datagrams_free;
	struct datagram *d = &t->datagrams[i];

	t->datagrams_free = d->next;
	*d = (struct datagram){ .identity = *identity,
				.hash = hash,
				.next = *bucket,
				.source = source_get(t, identity),
				.since_ms = now_ms,
				.held_first = FRAGMENT_NONE,
				.held_last = FRAGMENT_NONE,
				.state = DATAGRAM_WAITING };
	*bucket = i;
	datagram_queue(t, i, true);
	t->sources[d->source].datagrams++;
	t->datagrams_count++;
	return i;
}

void
datagram_remove(struct fragment_table *t, uint32_t index)
{
	struct datagram *d = &t->datagrams[index];
	uint32_t *link = &t->datagram_buckets[d->hash >> 32 & t->bucket_mask];

	datagram_queue(t, index, false);
	if (--t->sources[d->source].datagrams == 0)
		source_remove(t, d->source);
	while (*link != index)
		link = &t->datagrams[*link].next;
	*link = d->next;
	d->next = t->datagrams_free;
	t->datagrams_free = index;
	t->datagrams_count--;
}

void
datagram_settle(struct fragment_table *t, uint32_t index, enum datagram_state state)
{
	datagram_queue(t, index, false);
	t->datagrams[index].state = (uint8_t)state;
	datagram_queue(t, index, true);
}

void
held_put(struct fragment_table *t, struct datagram *d, void *packet)
{
	const uint32_t i = t->held_free;

	t->held_free = t->held[i].next;
	t->held[i] = (struct held){ .packet = packet, .next = FRAGMENT_NONE };
	if (d->held_first == FRAGMENT_NONE)
		d->held_first = i;
	else
		t->held[d->held_last].next = i;
	d->held_last = i;
	t->sources[d->source].held++;
	t->held_count++;
}

void *
held_take(struct fragment_table *t, struct datagram *d)
{
	const uint32_t i = d->held_first;

	if (i == FRAGMENT_NONE)
		return NULL;
	d->held_first = t->held[i].next;
	t->held[i].next = t->held_free;
	t->held_free = i;
	t->sources[d->source].held--;
	t->held_count--;
	return t->held[i].packet;
}
