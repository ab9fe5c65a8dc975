/* SPDX-License-Identifier: BSD-3-Clause */
/* collide.c: which bindings claim the same sockets, and who may do so all the same.
 *
 * Single ports follow Linux (inet_csk_get_port, udp_lib_get_port): an address collides with any
 * address, not only with itself, since who binds the one would take packets from the other. Linux
 * has neither ranges nor prefixes; what is wider there is meant to give way. */
#include "control/bindings.h"

static bool
is_single(const struct identity *i)
{
	return i->port_first == i->port_last;
}

bool
binding_overlaps(const struct identity *a, const struct identity *b)
{
	const struct prefix *x = &a->local, *y = &b->local;

	if (a->zone != b->zone || a->proto != b->proto)
		return false;
	if (x->address.family == FAMILY_ANY || y->address.family == FAMILY_ANY)
		return true;
	return x->address.family == y->address.family &&
	       (prefix_covers(x, y->address.family, y->address.bytes) ||
		prefix_covers(y, x->address.family, x->address.bytes));
}

/* Whether the addresses of `a`, which overlap those of `b`, are fewer. */
static bool
prefix_narrower(const struct prefix *a, const struct prefix *b)
{
	return a->length > b->length ||
	       (a->address.family != FAMILY_ANY && b->address.family == FAMILY_ANY);
}

bool
binding_collides(const struct identity *a, const struct identity *b)
{
	if (a->port_first > b->port_last || b->port_first > a->port_last || !binding_overlaps(a, b))
		return false;
	if (is_single(a) && is_single(b))
		return true;
	if (is_single(a) != is_single(b))
		return prefix_narrower(is_single(a) ? &b->local : &a->local,
				       is_single(a) ? &a->local : &b->local);
	return bind_conflicts(a, b);
}

/* Listeners of TCP and SCTP cannot take turns: Linux refuses the second one, SO_REUSEADDR or not.
 */
static bool
has_listeners(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_SCTP;
}

bool
binding_joins(const struct binding *have, const struct binding *want)
{
	const struct identity *a = &have->identity, *b = &want->identity;

	if (have->uid != want->uid)
		return false;
	if (a->connected != b->connected)
		return true;
	/* Two of equal width that overlap have no order; one port twice is no group. */
	if (bind_conflicts(a, b) && (!bind_same(a, b) || have->port == want->port))
		return false;
	return (have->shared && want->shared) ||
	       (have->reuse && want->reuse && !has_listeners(a->proto));
}
