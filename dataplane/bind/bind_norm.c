/* SPDX-License-Identifier: BSD-3-Clause */
/* bind_norm.c: socket identities in the form in which equal means the same sockets. */
#include "dataplane/bind/bind_priv.h"

static uint8_t
family_bits(uint8_t family)
{
	return family == FAMILY_IPV4 ? 32 : family == FAMILY_IPV6 ? 128 : 0;
}

void
bind_mask(uint8_t length, uint64_t mask[2])
{
	uint8_t bytes[16] = { 0 };

	memset(bytes, 0xff, length / 8);
	if (length % 8 != 0)
		bytes[length / 8] = (uint8_t)(0xff00u >> length % 8);
	memcpy(mask, bytes, sizeof(bytes));
}

bool
bind_identity_valid(const struct identity *i)
{
	const uint8_t family = i->local.address.family;

	if (!proto_has_ports(i->proto))
		return false;
	if (family != FAMILY_ANY && family != FAMILY_IPV4 && family != FAMILY_IPV6)
		return false;
	if (i->zone >= ZONES_MAX || i->port_first == 0 || i->port_first > i->port_last ||
	    i->local.length > family_bits(family))
		return false;
	if (!i->connected)
		return true;
	return family != FAMILY_ANY && i->remote.family == family &&
	       i->local.length == family_bits(family) && i->port_first == i->port_last &&
	       i->remote_port != 0;
}

struct bind_norm
bind_norm_of(const struct identity *i)
{
	const unsigned family = family_index(i->local.address.family);
	struct bind_norm n = { .port_first = i->port_first, .port_last = i->port_last };
	uint64_t mask[2];

	n.scope[0] = zone_proto(i->zone, i->proto);
	if (family != FAMILY_INDEX_ANY) {
		bind_mask(i->local.length, mask);
		memcpy(&n.scope[1], i->local.address.bytes, 16);
		n.scope[1] &= mask[0];
		n.scope[2] &= mask[1];
	}
	n.rank = (family + 1) * RANK_CLASSES + 128u - i->local.length;
	if (i->connected) {
		n.rank = family;
		memcpy(n.remote, i->remote.bytes, 16);
		n.remote_port = i->remote_port;
	}
	return n;
}

int
bind_words_compare(const uint64_t *a, const uint64_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

int
bind_scope_compare(const struct bind_norm *a, const struct bind_norm *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return bind_words_compare(a->scope, b->scope, 3);
}

int
bind_norm_compare(const struct bind_norm *a, const struct bind_norm *b)
{
	int order = bind_scope_compare(a, b);

	if (order == 0)
		order = (int)a->port_first - (int)b->port_first;
	if (order == 0)
		order = (int)a->port_last - (int)b->port_last;
	if (order == 0)
		order = bind_words_compare(a->remote, b->remote, 2);
	if (order == 0)
		order = (int)a->remote_port - (int)b->remote_port;
	return order;
}

bool
bind_same(const struct identity *a, const struct identity *b)
{
	const struct bind_norm x = bind_norm_of(a), y = bind_norm_of(b);

	return bind_norm_compare(&x, &y) == 0;
}

/* Ranges of different width never conflict, as the narrower wins; equally wide ones that overlap
 * claim the same sockets. */
bool
bind_conflicts(const struct identity *a, const struct identity *b)
{
	const struct bind_norm x = bind_norm_of(a), y = bind_norm_of(b);

	if (a->connected)
		return bind_norm_compare(&x, &y) == 0;
	return bind_scope_compare(&x, &y) == 0 &&
	       x.port_last - x.port_first == y.port_last - y.port_first &&
	       x.port_first <= y.port_last && y.port_first <= x.port_last;
}
