/* SPDX-License-Identifier: BSD-3-Clause */
/* test_fragment_model.c: random traffic of fragments through the stage and through a plain list
 * that is searched from one end to the other; every packet's end is compared. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/identity.h"
#include "dataplane/fragment/fragment.h"
#include "tests/random.h"

#define DATAGRAMS 12
#define HELD      10
#define SOURCE    4
#define TIMEOUT   300
#define ENDS_MAX  4096
#define WAITING   0
#define STEERED   1
#define GIVEN_UP  2

struct end {
	uintptr_t packet;
	enum drop_reason reason;
	struct fragment_tuple first;
};

struct ends {
	unsigned count;
	struct end at[ENDS_MAX];
};

struct model_part {
	unsigned offset, end;
	bool more;
};

/* One datagram; `order` is when it entered its queue. */
struct model_datagram {
	bool used;
	struct flow_key name;
	uint64_t order;
	uint32_t since;
	int state;
	enum drop_reason reason;
	struct fragment_tuple first;
	unsigned parts_count, held_count;
	struct model_part parts[PIECES_MAX];
	uintptr_t held[HELD];
};

struct model {
	struct model_datagram at[DATAGRAMS];
	uint64_t order;
	struct ends *out;
};

static void
model_end(struct model *m, uintptr_t packet, const struct fragment_tuple *first,
	  enum drop_reason reason)
{
	struct end *e = &m->out->at[m->out->count++];

	cr_assert(le(u32, m->out->count, ENDS_MAX));
	*e = (struct end){ .packet = packet, .reason = reason };
	if (first != NULL)
		e->first = *first;
}

static bool
same_source(const struct model_datagram *d, const struct flow_key *name)
{
	return d->used && d->name.family == name->family && d->name.zone == name->zone &&
	       memcmp(d->name.addr[0], name->addr[0], 16) == 0;
}

static void
model_drop_held(struct model *m, struct model_datagram *d, enum drop_reason reason)
{
	for (unsigned i = 0; i < d->held_count; i++)
		model_end(m, d->held[i], NULL, reason);
	d->held_count = 0;
}

static void
model_give_way(struct model *m, struct model_datagram *d, enum drop_reason reason)
{
	model_drop_held(m, d, reason);
	d->used = false;
}

/* The first in line: of one source (NULL: of all), waiting or not. */
static struct model_datagram *
model_first(struct model *m, const struct flow_key *source, bool waiting)
{
	struct model_datagram *best = NULL;

	for (unsigned i = 0; i < DATAGRAMS; i++) {
		struct model_datagram *d = &m->at[i];

		if (d->used && (d->state == WAITING) == waiting &&
		    (source == NULL || same_source(d, source)) &&
		    (best == NULL || d->order < best->order))
			best = d;
	}
	return best;
}

static struct model_datagram *
model_oldest(struct model *m, const struct flow_key *source)
{
	struct model_datagram *a = model_first(m, source, true), *b = model_first(m, source, false);

	if (a == NULL || b == NULL)
		return a == NULL ? b : a;
	return (int32_t)(a->since - b->since) <= 0 ? a : b;
}

static struct model_datagram *
model_open(struct model *m, const struct flow_key *name, uint32_t now)
{
	struct model_datagram *d = NULL;
	unsigned used = 0, of_source = 0;

	for (unsigned i = 0; i < DATAGRAMS; i++)
		of_source += same_source(&m->at[i], name);
	if (of_source >= SOURCE)
		model_give_way(m, model_oldest(m, name), DROP_FRAGMENT_SOURCE_FULL);
	for (unsigned i = 0; i < DATAGRAMS; i++)
		used += m->at[i].used;
	if (used == DATAGRAMS)
		model_give_way(m, model_oldest(m, NULL), DROP_FRAGMENT_TABLE_FULL);
	for (unsigned i = 0; i < DATAGRAMS && d == NULL; i++)
		if (!m->at[i].used)
			d = &m->at[i];
	cr_assert(ne(ptr, d, NULL));
	memset(d, 0, sizeof(*d));
	d->used = true;
	d->name = *name;
	d->order = m->order++;
	d->since = now;
	return d;
}

/* What the parts say about a further one: DROP_NONE, duplicate, overlap, or too many. */
static enum drop_reason
model_fits(const struct model_datagram *d, const struct model_part *n)
{
	for (unsigned i = 0; i < d->parts_count; i++) {
		const struct model_part *p = &d->parts[i];

		if (p->offset == n->offset && p->end == n->end && p->more == n->more)
			return DROP_FRAGMENT_DUPLICATE;
	}
	for (unsigned i = 0; i < d->parts_count; i++) {
		const struct model_part *p = &d->parts[i];

		if ((n->offset < p->end && p->offset < n->end) || (!p->more && n->end > p->end) ||
		    (!n->more && p->end > n->end))
			return DROP_FRAGMENT_OVERLAP;
	}
	return d->parts_count == PIECES_MAX ? DROP_FRAGMENT_TOO_MANY : DROP_NONE;
}

static bool
model_whole(const struct model_datagram *d)
{
	unsigned reached = 0;
	bool grew = true, last = false;

	while (grew) {
		grew = false;
		for (unsigned i = 0; i < d->parts_count; i++) {
			if (d->parts[i].offset != reached || d->parts[i].end == reached)
				continue;
			reached = d->parts[i].end;
			last = !d->parts[i].more;
			grew = true;
			break;
		}
	}
	return last;
}

static void
model_hold(struct model *m, struct model_datagram *d, uintptr_t packet)
{
	enum drop_reason reason = DROP_NONE;
	struct model_datagram *victim = NULL;
	unsigned all = 0, of_source = 0;

	for (unsigned i = 0; i < DATAGRAMS; i++) {
		all += m->at[i].used ? m->at[i].held_count : 0;
		of_source += same_source(&m->at[i], &d->name) ? m->at[i].held_count : 0;
	}
	if (of_source >= SOURCE) {
		reason = DROP_FRAGMENT_SOURCE_FULL;
		victim = model_first(m, &d->name, true);
	} else if (all == HELD) {
		reason = DROP_FRAGMENT_HELD_FULL;
		victim = model_first(m, NULL, true);
	}
	if (victim == d) {
		model_end(m, packet, NULL, reason);
		model_drop_held(m, d, reason);
		d->state = GIVEN_UP;
		d->reason = reason;
		d->order = m->order++;
		return;
	}
	if (victim != NULL)
		model_give_way(m, victim, reason);
	d->held[d->held_count++] = packet;
}

static void
model_take(struct model *m, struct model_datagram *d, const struct fragment *f)
{
	const struct model_part n = { f->offset, f->offset + (unsigned)f->bytes, f->more };
	const enum drop_reason reason = model_fits(d, &n);

	if (reason != DROP_NONE) {
		model_end(m, (uintptr_t)f->packet, NULL, reason);
		if (reason == DROP_FRAGMENT_DUPLICATE)
			return;
		model_drop_held(m, d, reason);
		d->state = GIVEN_UP;
		d->reason = reason;
		d->order = m->order++;
		return;
	}
	d->parts[d->parts_count++] = n;
	if (f->offset == 0) {
		d->first = (struct fragment_tuple){ { f->key.port[0], f->key.port[1] },
						    f->key.proto,
						    f->kind };
		model_end(m, (uintptr_t)f->packet, &d->first, DROP_NONE);
		for (unsigned i = 0; i < d->held_count; i++)
			model_end(m, d->held[i], &d->first, DROP_NONE);
		d->held_count = 0;
		d->state = STEERED;
		d->order = m->order++;
	} else if (d->state == STEERED) {
		model_end(m, (uintptr_t)f->packet, &d->first, DROP_NONE);
	} else {
		model_hold(m, d, (uintptr_t)f->packet);
	}
	if (model_whole(d))
		d->used = false;
}

static void
model_put(struct model *m, const struct fragment *f, uint32_t now)
{
	struct model_datagram *d = NULL;
	struct flow_key name = f->key;

	if (f->bytes == 0 || (f->more && f->bytes % 8 != 0)) {
		model_end(m, (uintptr_t)f->packet, NULL, DROP_FRAGMENT_LENGTH);
		return;
	}
	if (f->header_bytes + f->offset + f->bytes > 65535) {
		model_end(m, (uintptr_t)f->packet, NULL, DROP_FRAGMENT_TOO_LONG);
		return;
	}
	name.port[0] = (uint16_t)(f->id >> 16);
	name.port[1] = (uint16_t)f->id;
	name.proto = name.family == FAMILY_IPV4 ? name.proto : 0;
	for (unsigned i = 0; i < DATAGRAMS && d == NULL; i++)
		if (m->at[i].used && memcmp(&m->at[i].name, &name, sizeof(name)) == 0)
			d = &m->at[i];
	if (d != NULL && now - d->since >= TIMEOUT) {
		model_give_way(m, d, DROP_FRAGMENT_TIMEOUT);
		d = NULL;
	}
	if (d == NULL)
		d = model_open(m, &name, now);
	if (d->state == GIVEN_UP)
		model_end(m, (uintptr_t)f->packet, NULL, d->reason);
	else
		model_take(m, d, f);
}

static void
model_expire(struct model *m, uint32_t now)
{
	for (int waiting = 1; waiting >= 0; waiting--) {
		struct model_datagram *d;

		while ((d = model_first(m, NULL, waiting)) != NULL && now - d->since >= TIMEOUT)
			model_give_way(m, d, DROP_FRAGMENT_TIMEOUT);
	}
}

static void
stage_end(void *context, void *packet, const struct fragment_tuple *first, enum drop_reason reason)
{
	struct model m = { .out = context };

	model_end(&m, (uintptr_t)packet, first, reason);
}

static bool
ends_equal(const struct end *a, const struct end *b)
{
	return a->packet == b->packet && a->reason == b->reason &&
	       a->first.port[0] == b->first.port[0] && a->first.port[1] == b->first.port[1] &&
	       a->first.proto == b->first.proto && a->first.kind == b->first.kind;
}

/* A fragment of one of few datagrams of few hosts: mostly one that fits the others. */
static struct fragment
random_fragment(struct random *r, uintptr_t packet)
{
	const uint32_t id = random_below(r, 6), host = random_below(r, 4);
	const uint16_t unit = (uint16_t)(8 * (1 + (id + host) % 5));
	const unsigned units = 1 + (id + 3 * host) % 6, i = random_below(r, units + 1) % units;
	struct fragment f = { .id = id,
			      .offset = (uint16_t)(i * unit),
			      .bytes = (uint16_t)(i + 1 < units ? unit : unit - id),
			      .header_bytes = 20,
			      .more = i + 1 < units,
			      .packet = (void *)packet };

	f.key.family = host & 1 ? FAMILY_IPV6 : FAMILY_IPV4;
	f.key.proto = PROTO_UDP;
	f.key.addr[0][3] = (uint8_t)(host / 2);
	f.key.addr[1][3] = 9;
	if (f.key.family == FAMILY_IPV6 && i > 0)
		f.key.proto = (uint8_t)random_below(r, 3);
	if (i == 0) {
		f.key.port[0] = (uint16_t)random_below(r, 65536);
		f.key.port[1] = 53;
		f.kind = (uint8_t)random_below(r, 4);
	}
	if (random_one_in(r, 50))
		f.offset = (uint16_t)(8 * random_below(r, 8192));
	if (random_one_in(r, 50))
		f.bytes = (uint16_t)random_below(r, 100);
	if (random_one_in(r, 50))
		f.more = !f.more;
	return f;
}

/* Goal: the stage ends the same packets at the same times for the same reasons in the same order as
 * the model, at limits that random traffic reaches all the time, across a wrap of the clock, and
 * ends each packet once. */
Test(fragment_model, equals_model)
{
	static struct ends expected, got;
	const uint64_t seed = random_seed();
	const struct fragment_options o = { TIMEOUT, DATAGRAMS, HELD, SOURCE };
	const struct flow_secret secret = { { seed, 1 } };
	struct random r = { seed };
	uint32_t now = UINT32_MAX - 20000;
	struct model m = { .out = &expected };
	struct fragment_table *t;
	bool seen[DROP_COUNT] = { 0 };
	uint64_t put = 0, ended = 0;
	unsigned reasons = 0;

	cr_assert(zero(int, fragment_table_create(&o, &secret, &t)));
	for (uintptr_t step = 1; step <= 300000; step++) {
		const struct fragment f = random_fragment(&r, step);

		expected.count = got.count = 0;
		now += random_below(&r, random_one_in(&r, 100) ? 200 : 4);
		if (random_one_in(&r, 20)) {
			fragment_expire(t, now, UINT32_MAX, stage_end, &got);
			model_expire(&m, now);
		} else {
			fragment_put(t, &f, now, stage_end, &got);
			model_put(&m, &f, now);
			put++;
		}
		cr_assert(eq(u32, got.count, expected.count), "step %ju, seed %#jx",
			  (uintmax_t)step, (uintmax_t)seed);
		for (unsigned i = 0; i < got.count; i++) {
			cr_assert(ends_equal(&got.at[i], &expected.at[i]),
				  "step %ju, end %u, seed %#jx", (uintmax_t)step, i,
				  (uintmax_t)seed);
			seen[got.at[i].reason] = true;
		}
		ended += got.count;
		cr_assert(eq(u64, put, ended + fragment_held(t)));
	}
	fragment_drain(t, DROP_SHUTDOWN, stage_end, &got);
	cr_expect(eq(u32, fragment_datagrams(t), 0));
	fragment_table_destroy(t);
	for (unsigned i = 0; i < DROP_COUNT; i++)
		reasons += seen[i];
	cr_expect(eq(u32, reasons, 9)); /* all but tiny, too many and those of others */
}
