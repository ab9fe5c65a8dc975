/* SPDX-License-Identifier: BSD-3-Clause */
/* interim.c: see interim.h. */
#include "control/interim.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#define FLOWS_MAX 262144u /* about 30 MiB */
#define BUCKETS   65536u

/* A flow is known by its worker, key and beginning: no two have all three. */
struct told {
	struct told *next;
	struct flow_key key;
	/* By endpoint of the key, which stay when a flow begins anew from its other end. */
	uint64_t packets[2], bytes[2];
	uint32_t first_ms, last_ms;
	uint32_t told_ms;
	uint32_t pass; /* in which it was seen last */
	uint16_t worker;
};

struct interim {
	uint32_t active_ms, count, pass;
	struct flow_secret secret;
	struct told *buckets[BUCKETS];
};

int
interim_create(uint32_t active_ms, struct interim **out)
{
	struct interim *x = calloc(1, sizeof(*x));

	if (x == NULL)
		return -ENOMEM;
	x->active_ms = active_ms;
	if (getrandom(&x->secret, sizeof(x->secret), 0) != (ssize_t)sizeof(x->secret)) {
		free(x);
		return -ENOMEM;
	}
	*out = x;
	return 0;
}

/* Frees what *at points to; *at is the next one then. */
static void
forget(struct interim *x, struct told **at)
{
	struct told *t = *at;

	*at = t->next;
	free(t);
	x->count--;
}

void
interim_destroy(struct interim *x)
{
	if (x == NULL)
		return;
	for (unsigned i = 0; i < BUCKETS; i++)
		while (x->buckets[i] != NULL)
			forget(x, &x->buckets[i]);
	free(x);
}

/* Where the flow is in its list, or the list's end. */
static struct told **
find(struct interim *x, uint16_t worker, const struct flow_record *r)
{
	struct told **at = &x->buckets[flow_hash(&x->secret, &r->key) % BUCKETS];

	while (*at != NULL && ((*at)->worker != worker || (*at)->first_ms != r->first_ms ||
			       memcmp(&(*at)->key, &r->key, sizeof(r->key)) != 0))
		at = &(*at)->next;
	return at;
}

/* What `r` has beyond what was told (NULL: nothing was). */
static void
rest_of(const struct told *t, const struct flow_record *r, struct interim_part *out)
{
	const unsigned origin = flow_record_origin(r);

	out->start_ms = t == NULL ? r->first_ms : t->last_ms;
	for (unsigned d = 0; d < 2; d++) {
		out->packets[d] = r->packets[d] - (t == NULL ? 0 : t->packets[origin ^ d]);
		out->bytes[d] = r->bytes[d] - (t == NULL ? 0 : t->bytes[origin ^ d]);
	}
}

static struct told *
told_make(struct interim *x, struct told **at, uint16_t worker, const struct flow_record *r)
{
	struct told *t = x->count < FLOWS_MAX ? calloc(1, sizeof(*t)) : NULL;

	if (t == NULL)
		return NULL;
	t->key = r->key;
	t->worker = worker;
	t->first_ms = r->first_ms;
	t->last_ms = r->first_ms;
	t->told_ms = r->first_ms;
	*at = t;
	x->count++;
	return t;
}

bool
interim_due(struct interim *x, uint16_t worker, const struct flow_record *r, uint32_t now_ms,
	    struct interim_part *part)
{
	const unsigned origin = flow_record_origin(r);
	struct told **at, *t;

	/* Signed: a flow may be newer than the reading of the clock. */
	if ((int32_t)(now_ms - r->first_ms) < (int32_t)x->active_ms)
		return false;
	at = find(x, worker, r);
	t = *at != NULL ? *at : told_make(x, at, worker, r);
	if (t == NULL)
		return false;
	t->pass = x->pass;
	if (now_ms - t->told_ms < x->active_ms)
		return false;
	rest_of(t, r, part);
	if (part->packets[0] + part->packets[1] == 0)
		return false;
	for (unsigned d = 0; d < 2; d++) {
		t->packets[origin ^ d] = r->packets[d];
		t->bytes[origin ^ d] = r->bytes[d];
	}
	t->told_ms = now_ms;
	t->last_ms = r->last_ms;
	return true;
}

void
interim_last(struct interim *x, uint16_t worker, const struct flow_record *r,
	     struct interim_part *part)
{
	struct told **at = find(x, worker, r);

	rest_of(*at, r, part);
	if (*at != NULL)
		forget(x, at);
}

void
interim_pass(struct interim *x)
{
	for (unsigned i = 0; i < BUCKETS; i++) {
		struct told **at = &x->buckets[i];

		while (*at != NULL)
			if (x->pass - (*at)->pass > 1)
				forget(x, at);
			else
				at = &(*at)->next;
	}
	x->pass++;
}

uint32_t
interim_count(const struct interim *x)
{
	return x->count;
}
