/* SPDX-License-Identifier: BSD-3-Clause */
/* meant.c: sorts differences between berth and Linux into those that are meant. */
#include "tests/e2e/bind_linux/meant.h"

#include "dataplane/bind/bind.h"

const char *const meant_why[MEANT_COUNT] = {
#define X(NAME, why) why,
	MEANT_LIST(X)
#undef X
};

static bool
same_identity(const struct spec *a, const struct spec *b)
{
	const struct identity x = trial_identity(a), y = trial_identity(b);

	return bind_same(&x, &y);
}

/* Whether some packet's destination fits both. */
static bool
overlap(const struct spec *a, const struct spec *b)
{
	for (unsigned i = 0; i < 4; i++) {
		const struct probe p = { .proto = a->proto,
					 .ipv6 = i >= 2,
					 .to = (uint8_t)(1 + i % 2),
					 .port = a->port };
		struct spec x = *a, y = *b;

		x.remote = 0;
		y.remote = 0;
		if (trial_matches(&x, &p) && trial_matches(&y, &p))
			return true;
	}
	return false;
}

static bool
both_shared(const struct spec *a, const struct spec *b)
{
	return a->shared && b->shared && a->user == b->user;
}

/* Whether Linux lets both be bound, asked of these two alone (udp_lib_lport_inuse,
 * inet_bind_conflict). */
static bool
linux_lets(const struct spec *a, const struct spec *b)
{
	return !overlap(a, b) || both_shared(a, b) ||
	       (a->reuse && b->reuse && a->proto == PROTO_UDP);
}

/* Linux opened it, berth did not: each socket in the way must be one for which that is meant. */
static enum meant
meant_refusal(const struct trial *t, const bool *opened, unsigned index)
{
	const struct spec *s = &t->specs[index];
	bool consents = false, refuses = false;
	enum meant found = MEANT_NONE;

	for (unsigned i = 0; i < index; i++) {
		const struct spec *other = &t->specs[i];

		if (!opened[i] || !overlap(s, other))
			continue;
		if (s->remote != 0 && same_identity(s, other))
			return MEANT_PAIR_HELD;
		consents |= both_shared(s, other);
		refuses |= !linux_lets(s, other);
		if (s->proto == PROTO_UDP && s->user != other->user && s->reuse && other->reuse)
			found = MEANT_OTHER_USER;
	}
	if (refuses)
		return consents ? MEANT_FIRST_CONSENT : MEANT_NONE;
	return found;
}

/* Berth opened it, Linux did not. */
static enum meant
meant_leave(const struct trial *t, const bool *opened, unsigned index)
{
	const struct spec *s = &t->specs[index];
	enum meant found = MEANT_NONE;

	for (unsigned i = 0; i < index; i++) {
		const struct spec *other = &t->specs[i];

		if (!opened[i] || linux_lets(s, other))
			continue;
		if (s->remote == 0 && other->remote == 0)
			return MEANT_NONE;
		if (other->remote != 0 || s->user == other->user)
			found = MEANT_PAIR_ONLY;
	}
	return found;
}

enum meant
meant_open(const struct trial *t, const bool *opened, unsigned index, bool linux_did)
{
	return linux_did ? meant_refusal(t, opened, index) : meant_leave(t, opened, index);
}

bool
meant_same_group(const struct spec *a, const struct spec *b)
{
	return both_shared(a, b) && same_identity(a, b);
}

/* The newest open socket with the identity of socket `index`. */
static unsigned
newest_equal(const struct trial *t, const bool *opened, unsigned index)
{
	unsigned newest = index;

	for (unsigned i = index + 1; i < t->specs_count; i++)
		if (opened[i] && same_identity(&t->specs[i], &t->specs[index]))
			newest = i;
	return newest;
}

enum meant
meant_probe(const struct trial *t, const bool *opened, const struct probe *p, int linux_got,
	    int ours_got)
{
	const struct spec *newest;

	const struct spec *a, *b;

	if (linux_got == NOBODY || ours_got == NOBODY)
		return MEANT_NONE;
	a = &t->specs[linux_got];
	b = &t->specs[ours_got];
	if (!trial_matches(a, p) || !trial_matches(b, p) || a->remote != b->remote)
		return MEANT_NONE;
	if (p->ipv6 && a->address == 0 && b->address == 0 && a->kind != b->kind)
		return b->kind == KIND_V6ONLY ? MEANT_FAMILY_FIRST : MEANT_NONE;
	if (!same_identity(a, b))
		return MEANT_NONE;
	if (a->kind == KIND_V4 && b->kind == KIND_MAPPED)
		return MEANT_ONE_IDENTITY;
	newest = &t->specs[newest_equal(t, opened, (unsigned)linux_got)];
	if (newest != a && newest->kind != KIND_V4 && newest->shared &&
	    (newest == b || both_shared(newest, b)))
		return MEANT_NEWEST;
	return MEANT_NONE;
}
