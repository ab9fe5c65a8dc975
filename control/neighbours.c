/* SPDX-License-Identifier: BSD-3-Clause */
/* neighbours.c: the state machine of next hops. */
#include "control/neighbours.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#define SOLICITS_MAX    3
#define SOLICIT_MS      1000
#define REACHABLE_MS    30000
#define FAILED_MS       5000
#define UNWANTED_MS     600000 /* a worker that still needs the entry wants it anew */
#define EVENTS_PER_POLL 256
#define BUCKETS         4096u

/* Each state has its own queue, ordered by due_ms, since all waits of a state are equally long. */
enum state {
	STATE_KNOWN,   /* due: ask again */
	STATE_REFRESH, /* known and asked again; due: ask once more, or forget */
	STATE_ASKED,   /* not known; due: ask once more, or fail */
	STATE_FAILED,  /* due: forget */
	STATES
};

struct entry {
	TAILQ_ENTRY(entry) by_due;
	LIST_ENTRY(entry) by_hash;
	struct neighbour neighbour;
	enum state state;
	unsigned solicits;
	uint64_t due_ms;
	uint64_t wanted_ms; /* last time that a worker or the neighbour itself showed interest */
};
TAILQ_HEAD(entry_queue, entry);
LIST_HEAD(entry_list, entry);

struct neighbours {
	struct dataplane *dp;
	struct flow_secret secret; /* keyed hash: nobody can aim at a bucket */
	struct entry_queue queues[STATES];
	struct entry_queue unused;
	struct entry_list buckets[BUCKETS];
	struct entry entries[NEIGHBOURS_MAX];
	struct neighbour published[NEIGHBOURS_MAX];
	bool changed;
};

int
neighbours_create(struct dataplane *dp, struct neighbours **out)
{
	struct neighbours *n = calloc(1, sizeof(*n));

	if (n == NULL)
		return -ENOMEM;
	if (getrandom(&n->secret, sizeof(n->secret), 0) != sizeof(n->secret)) {
		free(n);
		return -EAGAIN;
	}
	n->dp = dp;
	for (unsigned i = 0; i < STATES; i++)
		TAILQ_INIT(&n->queues[i]);
	TAILQ_INIT(&n->unused);
	for (unsigned i = 0; i < NEIGHBOURS_MAX; i++)
		TAILQ_INSERT_TAIL(&n->unused, &n->entries[i], by_due);
	*out = n;
	return 0;
}

void
neighbours_destroy(struct neighbours *n)
{
	free(n);
}

static struct entry_list *
bucket_of(struct neighbours *n, uint16_t link, const struct address *address)
{
	struct flow_key key = { .family = address->family, .zone = link };

	memcpy(key.addr[0], address->bytes, sizeof(key.addr[0]));
	return &n->buckets[flow_hash(&n->secret, &key) % BUCKETS];
}

static struct entry *
entry_find(struct neighbours *n, uint16_t link, const struct address *address)
{
	struct entry *e;

	LIST_FOREACH (e, bucket_of(n, link, address), by_hash) {
		if (e->neighbour.link == link && address_equal(&e->neighbour.address, address))
			return e;
	}
	return NULL;
}

/* Moves the entry to the end of a state's queue. */
static void
entry_enter(struct neighbours *n, struct entry *e, enum state state, uint64_t due_ms)
{
	TAILQ_REMOVE(&n->queues[e->state], e, by_due);
	e->state = state;
	e->due_ms = due_ms;
	TAILQ_INSERT_TAIL(&n->queues[state], e, by_due);
}

static void
entry_forget(struct neighbours *n, struct entry *e)
{
	n->changed |= e->state != STATE_ASKED;
	TAILQ_REMOVE(&n->queues[e->state], e, by_due);
	LIST_REMOVE(e, by_hash);
	TAILQ_INSERT_TAIL(&n->unused, e, by_due);
}

/* N4: the entry whose loss costs least. */
static struct entry *
entry_oldest(struct neighbours *n)
{
	static const enum state order[] = { STATE_FAILED, STATE_ASKED, STATE_REFRESH, STATE_KNOWN };

	for (unsigned i = 0; i < STATES; i++)
		if (!TAILQ_EMPTY(&n->queues[order[i]]))
			return TAILQ_FIRST(&n->queues[order[i]]);
	return NULL;
}

/* Takes a free entry, or the oldest one, and puts it first in the ASKED queue: it is due now. */
static struct entry *
entry_make(struct neighbours *n, uint16_t link, const struct address *address, uint64_t now_ms)
{
	struct entry *e;

	if (TAILQ_EMPTY(&n->unused))
		entry_forget(n, entry_oldest(n));
	e = TAILQ_FIRST(&n->unused);
	TAILQ_REMOVE(&n->unused, e, by_due);
	*e = (struct entry){
		.neighbour = { .address = *address, .link = link },
		.state = STATE_ASKED,
		.due_ms = now_ms,
		.wanted_ms = now_ms,
	};
	LIST_INSERT_HEAD(bucket_of(n, link, address), e, by_hash);
	TAILQ_INSERT_HEAD(&n->queues[STATE_ASKED], e, by_due);
	return e;
}

/* Asks once; when no worker can take the question now, the next poll repeats it. */
static void
entry_ask(struct neighbours *n, struct entry *e, enum state state, uint64_t now_ms)
{
	if (dataplane_neighbour_solicit(n->dp, e->neighbour.link, &e->neighbour.address) != 0)
		return;
	e->solicits++;
	entry_enter(n, e, state, now_ms + SOLICIT_MS);
}

static void
entry_learn(struct neighbours *n, struct entry *e, const uint8_t mac[6], uint64_t now_ms)
{
	const bool known = e->state == STATE_KNOWN || e->state == STATE_REFRESH;

	if (!known || memcmp(e->neighbour.mac, mac, sizeof(e->neighbour.mac)) != 0)
		n->changed = true;
	memcpy(e->neighbour.mac, mac, sizeof(e->neighbour.mac));
	e->neighbour.failed = false;
	e->solicits = 0;
	entry_enter(n, e, STATE_KNOWN, now_ms + REACHABLE_MS);
}

/* A host's own address: neither a group's nor the unspecified one, nor one of ours. */
static bool
address_plausible(const struct link *l, const struct address *a)
{
	static const uint8_t zero[16];

	if (a->family == FAMILY_IPV4) {
		if (a->bytes[0] == 0 || a->bytes[0] == 127 || a->bytes[0] >= 224)
			return false;
	} else if (a->family != FAMILY_IPV6 || a->bytes[0] == 0xff ||
		   memcmp(a->bytes, zero, sizeof(zero)) == 0) {
		return false;
	}
	return !link_owns(l, a->family, a->bytes);
}

/* Whether hosts with this address live on the link itself. */
static bool
address_on_link(const struct link *l, const struct address *a)
{
	if (a->family == FAMILY_IPV6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0x80)
		return true;
	for (uint16_t i = 0; i < l->addresses_count; i++)
		if (prefix_covers(&l->addresses[i], a->family, a->bytes))
			return true;
	return address_equal(a, &l->gateway[a->family == FAMILY_IPV6]);
}

static bool
mac_plausible(const uint8_t mac[6])
{
	static const uint8_t zero[6];

	return (mac[0] & 1) == 0 && memcmp(mac, zero, sizeof(zero)) != 0;
}

static void
event_seen(struct neighbours *n, const struct link *l, const struct neighbour_event *event,
	   const struct address *address, uint64_t now_ms)
{
	struct entry *e = entry_find(n, event->link, address);
	const bool asked_us = (event->flags & NEIGHBOUR_ASKED_US) != 0;

	if (!mac_plausible(event->mac))
		return;
	if (e == NULL) {
		if (!asked_us || !address_on_link(l, address))
			return;
		e = entry_make(n, event->link, address, now_ms);
	}
	if (asked_us)
		e->wanted_ms = now_ms;
	/* RFC 4861 7.2.5: without leave to override, another mac only raises doubt. */
	if ((e->state == STATE_KNOWN || e->state == STATE_REFRESH) && !asked_us &&
	    (event->flags & NEIGHBOUR_OVERRIDE) == 0 &&
	    memcmp(e->neighbour.mac, event->mac, sizeof(event->mac)) != 0) {
		if (e->state == STATE_KNOWN)
			entry_ask(n, e, STATE_REFRESH, now_ms);
		return;
	}
	entry_learn(n, e, event->mac, now_ms);
}

static void
event_wanted(struct neighbours *n, const struct neighbour_event *event,
	     const struct address *address, uint64_t now_ms)
{
	struct entry *e = entry_find(n, event->link, address);

	if (e != NULL) {
		e->wanted_ms = now_ms;
		return;
	}
	entry_ask(n, entry_make(n, event->link, address, now_ms), STATE_ASKED, now_ms);
}

static void
event_take(struct neighbours *n, const struct neighbour_event *event, uint64_t now_ms)
{
	const struct link_set *links = dataplane_links(n->dp);
	struct address address = { .family = event->family };

	memcpy(address.bytes, event->addr, sizeof(address.bytes));
	if (event->link >= links->count || !address_plausible(&links->links[event->link], &address))
		return;
	if (event->kind == NEIGHBOUR_SEEN)
		event_seen(n, &links->links[event->link], event, &address, now_ms);
	else if (event->kind == NEIGHBOUR_WANTED)
		event_wanted(n, event, &address, now_ms);
}

/* What happens to an entry whose wait is over. */
static void
entry_due(struct neighbours *n, struct entry *e, uint64_t now_ms)
{
	switch (e->state) {
	case STATE_KNOWN:
		if (now_ms - e->wanted_ms >= UNWANTED_MS)
			entry_forget(n, e);
		else
			entry_ask(n, e, STATE_REFRESH, now_ms);
		break;
	case STATE_REFRESH:
		if (e->solicits < SOLICITS_MAX)
			entry_ask(n, e, STATE_REFRESH, now_ms);
		else
			entry_forget(n, e);
		break;
	case STATE_ASKED:
		if (e->solicits < SOLICITS_MAX) {
			entry_ask(n, e, STATE_ASKED, now_ms);
		} else {
			e->neighbour.failed = true;
			n->changed = true;
			entry_enter(n, e, STATE_FAILED, now_ms + FAILED_MS);
		}
		break;
	default:
		entry_forget(n, e);
	}
}

static void
timers_run(struct neighbours *n, uint64_t now_ms)
{
	for (unsigned state = 0; state < STATES; state++) {
		struct entry *e = TAILQ_FIRST(&n->queues[state]);

		while (e != NULL && e->due_ms <= now_ms) {
			struct entry *next = TAILQ_NEXT(e, by_due);

			entry_due(n, e, now_ms);
			e = next;
		}
	}
}

static void
publish(struct neighbours *n)
{
	static const enum state states[] = { STATE_KNOWN, STATE_REFRESH, STATE_FAILED };
	const struct entry *e;
	uint32_t count = 0;

	for (unsigned i = 0; i < sizeof(states) / sizeof(states[0]); i++)
		TAILQ_FOREACH (e, &n->queues[states[i]], by_due) {
			n->published[count++] = e->neighbour;
		}
	/* Without memory the former table stays in force, and the next poll tries again. */
	if (dataplane_neighbours_publish(n->dp, n->published, count) == 0)
		n->changed = false;
}

void
neighbours_poll(struct neighbours *n, uint64_t now_ms)
{
	struct neighbour_event events[EVENTS_PER_POLL];
	const unsigned taken = dataplane_neighbour_events(n->dp, events, EVENTS_PER_POLL);

	for (unsigned i = 0; i < taken; i++)
		event_take(n, &events[i], now_ms);
	timers_run(n, now_ms);
	if (n->changed)
		publish(n);
}

void
neighbours_count(const struct neighbours *n, struct neighbours_counts *out)
{
	struct neighbours_counts c = { 0 };
	const struct entry *e;

	for (unsigned state = 0; state < STATES; state++) {
		uint32_t *count = state == STATE_ASKED    ? &c.asked
				  : state == STATE_FAILED ? &c.failed
							  : &c.known;

		TAILQ_FOREACH (e, &n->queues[state], by_due) {
			(*count)++;
		}
	}
	*out = c;
}
