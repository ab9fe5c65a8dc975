/* SPDX-License-Identifier: BSD-3-Clause */
/* fragment.c: what one fragment does: pass, wait, or be refused. */
#include "dataplane/fragment/fragment.h"

#include "common/base/address.h"
#include "common/base/identity.h"
#include "dataplane/fragment/fragment_priv.h"

/* Where the ends of packets go. */
struct outlet {
	fragment_end_fn end;
	void *context;
};

static void
drop(const struct outlet *out, void *packet, enum drop_reason reason)
{
	out->end(out->context, packet, NULL, reason);
}

void
fragment_identity(const struct fragment *f, struct flow_key *out)
{
	*out = f->key;
	out->port[0] = (uint16_t)(f->id >> 16);
	out->port[1] = (uint16_t)f->id;
	if (f->key.family == FAMILY_IPV6)
		out->proto = 0;
}

/* What can be said against a fragment alone. A TCP fragment at offset 8 would write the flags of
 * the first one's header (RFC 3128); with the rest of a header in the first one, it has no use. */
static enum drop_reason
check(const struct fragment *f)
{
	switch (pieces_check(f->offset, f->bytes, f->more, f->header_bytes)) {
	case PIECES_LENGTH:
		return DROP_FRAGMENT_LENGTH;
	case PIECES_TOO_LONG:
		return DROP_FRAGMENT_TOO_LONG;
	default:
		return f->offset == 8 && f->key.proto == PROTO_TCP ? DROP_FRAGMENT_TINY : DROP_NONE;
	}
}

static void
drop_held(struct fragment_table *t, struct datagram *d, enum drop_reason reason,
	  const struct outlet *out)
{
	void *packet;

	while ((packet = held_take(t, d)) != NULL)
		drop(out, packet, reason);
}

/* Forgets a datagram, with all it holds. */
static void
give_way(struct fragment_table *t, uint32_t index, enum drop_reason reason,
	 const struct outlet *out)
{
	drop_held(t, &t->datagrams[index], reason, out);
	datagram_remove(t, index);
}

/* Gives up a datagram for the rest of its time: what still comes is refused as well. */
static void
give_up(struct fragment_table *t, uint32_t index, enum drop_reason reason, const struct outlet *out)
{
	struct datagram *d = &t->datagrams[index];

	drop_held(t, d, reason, out);
	d->reason = (uint8_t)reason;
	datagram_settle(t, index, DATAGRAM_GIVEN_UP);
}

/* The head of the two queues that is older. */
static uint32_t
oldest(const struct fragment_table *t, const struct queue *queues)
{
	const uint32_t a = queues[QUEUE_WAITING].first, b = queues[QUEUE_OTHERS].first;

	if (a == FRAGMENT_NONE || b == FRAGMENT_NONE)
		return a == FRAGMENT_NONE ? b : a;
	return (int32_t)(t->datagrams[a].since_ms - t->datagrams[b].since_ms) <= 0 ? a : b;
}

/* Makes a datagram; at a limit the oldest gives way (G2). */
static uint32_t
open_datagram(struct fragment_table *t, const struct flow_key *identity, uint64_t hash,
	      uint32_t now_ms, const struct outlet *out)
{
	const uint32_t s = source_find(t, identity);

	if (s != FRAGMENT_NONE && t->sources[s].datagrams >= t->options.per_source)
		give_way(t, oldest(t, t->sources[s].queues), DROP_FRAGMENT_SOURCE_FULL, out);
	if (t->datagrams_free == FRAGMENT_NONE)
		give_way(t, oldest(t, t->queues), DROP_FRAGMENT_TABLE_FULL, out);
	return datagram_make(t, identity, hash, now_ms);
}

/* The datagram of a fragment: the one in the table, if it is not too old, or a new one. */
static uint32_t
get_datagram(struct fragment_table *t, const struct fragment *f, uint32_t now_ms,
	     const struct outlet *out)
{
	struct flow_key identity;
	uint64_t hash;
	uint32_t i;

	fragment_identity(f, &identity);
	hash = flow_hash(&t->secret, &identity);
	i = datagram_find(t, &identity, hash);
	if (i != FRAGMENT_NONE && now_ms - t->datagrams[i].since_ms >= t->options.timeout_ms) {
		give_way(t, i, DROP_FRAGMENT_TIMEOUT, out);
		i = FRAGMENT_NONE;
	}
	return i != FRAGMENT_NONE ? i : open_datagram(t, &identity, hash, now_ms, out);
}

/* Holds a fragment that came before its first; at a limit the datagram that has waited longest
 * gives way, which may be this one. */
static void
hold(struct fragment_table *t, uint32_t index, void *packet, const struct outlet *out)
{
	struct datagram *d = &t->datagrams[index];
	const struct source *s = &t->sources[d->source];
	enum drop_reason reason = DROP_NONE;
	uint32_t victim = FRAGMENT_NONE;

	if (s->held >= t->options.per_source) {
		victim = s->queues[QUEUE_WAITING].first;
		reason = DROP_FRAGMENT_SOURCE_FULL;
	} else if (t->held_free == FRAGMENT_NONE) {
		victim = t->queues[QUEUE_WAITING].first;
		reason = DROP_FRAGMENT_HELD_FULL;
	}
	if (victim == index) {
		drop(out, packet, reason);
		give_up(t, index, reason, out);
		return;
	}
	if (victim != FRAGMENT_NONE)
		give_way(t, victim, reason, out);
	held_put(t, d, packet);
}

/* The first fragment goes on, and then those that waited for it. */
static void
steer(struct fragment_table *t, uint32_t index, const struct fragment *f, const struct outlet *out)
{
	struct datagram *d = &t->datagrams[index];
	void *packet;

	d->tuple = (struct fragment_tuple){ .port = { f->key.port[0], f->key.port[1] },
					    .proto = f->key.proto,
					    .kind = f->kind };
	out->end(out->context, f->packet, &d->tuple, DROP_NONE);
	while ((packet = held_take(t, d)) != NULL)
		out->end(out->context, packet, &d->tuple, DROP_NONE);
	datagram_settle(t, index, DATAGRAM_STEERED);
}

/* A part of a datagram that was not there yet. */
static void
take_new(struct fragment_table *t, uint32_t index, const struct fragment *f,
	 const struct outlet *out)
{
	struct datagram *d = &t->datagrams[index];

	if (f->offset == 0)
		steer(t, index, f, out);
	else if (d->state == DATAGRAM_STEERED)
		out->end(out->context, f->packet, &d->tuple, DROP_NONE);
	else
		hold(t, index, f->packet, out);
	/* Its name may be used again at once (RFC 6864 4.1). */
	if (pieces_complete(&d->pieces))
		datagram_remove(t, index);
}

void
fragment_put(struct fragment_table *t, const struct fragment *f, uint32_t now_ms,
	     fragment_end_fn end, void *context)
{
	const struct outlet out = { end, context };
	const enum drop_reason reason = check(f);
	uint32_t i;

	if (reason != DROP_NONE) {
		drop(&out, f->packet, reason);
		return;
	}
	i = get_datagram(t, f, now_ms, &out);
	if (t->datagrams[i].state == DATAGRAM_GIVEN_UP) {
		drop(&out, f->packet, t->datagrams[i].reason);
		return;
	}
	switch (pieces_add(&t->datagrams[i].pieces, f->offset, f->bytes, f->more)) {
	case PIECES_NEW:
		take_new(t, i, f, &out);
		break;
	case PIECES_DUPLICATE:
		drop(&out, f->packet, DROP_FRAGMENT_DUPLICATE);
		break;
	case PIECES_TOO_MANY:
		drop(&out, f->packet, DROP_FRAGMENT_TOO_MANY);
		give_up(t, i, DROP_FRAGMENT_TOO_MANY, &out);
		break;
	default:
		drop(&out, f->packet, DROP_FRAGMENT_OVERLAP);
		give_up(t, i, DROP_FRAGMENT_OVERLAP, &out);
	}
}

/* Those that wait are in the order of their age. The others are in the order in which they got
 * their state, so one may stay for up to twice its time; get_datagram() does not find it then. */
uint32_t
fragment_expire(struct fragment_table *t, uint32_t now_ms, uint32_t max, fragment_end_fn end,
		void *context)
{
	const struct outlet out = { end, context };
	uint32_t n = 0;

	for (unsigned q = 0; q < QUEUES; q++) {
		while (n < max && t->queues[q].first != FRAGMENT_NONE &&
		       now_ms - t->datagrams[t->queues[q].first].since_ms >=
			       t->options.timeout_ms) {
			give_way(t, t->queues[q].first, DROP_FRAGMENT_TIMEOUT, &out);
			n++;
		}
	}
	return n;
}

void
fragment_drain(struct fragment_table *t, enum drop_reason reason, fragment_end_fn end,
	       void *context)
{
	const struct outlet out = { end, context };

	while (t->datagrams_count > 0)
		give_way(t, oldest(t, t->queues), reason, &out);
}
