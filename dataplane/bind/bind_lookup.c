/* SPDX-License-Identifier: BSD-3-Clause */
/* bind_lookup.c: from a packet to the binding that it is for. */
#include "dataplane/bind/bind_priv.h"

/* One end's view of a packet: whose socket it is asked for, and who is at the other end. */
struct bind_query {
	uint64_t scope[3];
	uint64_t remote[2];
	uint16_t port, remote_port;
	uint8_t family;
	bool local;
};

static struct bind_query
query_make(const struct flow_key *packet, unsigned endpoint, bool local)
{
	const unsigned other = 1 - endpoint;
	struct bind_query q = { .port = packet->port[endpoint],
				.remote_port = packet->port[other],
				.family = packet->family,
				.local = local };

	q.scope[0] = zone_proto(packet->zone, packet->proto);
	memcpy(&q.scope[1], packet->addr[endpoint], 16);
	memcpy(q.remote, packet->addr[other], 16);
	return q;
}

static uint32_t
connected_find(const struct bind_table *t, const struct bind_query *q)
{
	struct bind_norm wanted = { .rank = family_index(q->family),
				    .port_first = q->port,
				    .port_last = q->port,
				    .remote_port = q->remote_port };
	uint32_t low = 0, high = t->connected_count;

	memcpy(wanted.scope, q->scope, sizeof(wanted.scope));
	memcpy(wanted.remote, q->remote, sizeof(wanted.remote));
	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = bind_norm_compare(&t->connected[middle], &wanted);

		if (order == 0)
			return middle;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return GROUP_NONE;
}

static const struct bind_scope *
scope_find(const struct bind_table *t, const struct bind_class *c, const struct bind_query *q)
{
	const uint64_t key[3] = { q->scope[0], q->scope[1] & c->mask[0], q->scope[2] & c->mask[1] };
	uint32_t low = c->scope, high = c->scope + c->scopes_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = bind_words_compare(t->scopes[middle].key, key, 3);

		if (order == 0)
			return &t->scopes[middle];
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}

/* The group of the last segment that starts at or before `port`. */
static uint32_t
segment_find(const struct bind_table *t, const struct bind_scope *scope, uint16_t port)
{
	const uint16_t *ports = &t->segment_ports[scope->segment];
	uint32_t low = 0;

	if (port < ports[0])
		return GROUP_NONE;
	for (uint32_t n = scope->segments_count; n > 1;) {
		const uint32_t half = n / 2;

		if (ports[low + half] <= port)
			low += half;
		n -= half;
	}
	return t->segment_groups[scope->segment + low];
}

static uint32_t
family_find(const struct bind_table *t, unsigned family, const struct bind_query *q)
{
	for (uint32_t i = t->classes_first[family]; i < t->classes_first[family + 1]; i++) {
		const struct bind_class *c = &t->classes[i];
		const struct bind_scope *scope;
		uint32_t group;

		if (c->any_address && !q->local)
			continue;
		scope = scope_find(t, c, q);
		if (scope == NULL)
			continue;
		group = segment_find(t, scope, q->port);
		if (group != GROUP_NONE)
			return group;
	}
	return GROUP_NONE;
}

static uint32_t
group_find(const struct bind_table *t, const struct bind_query *q)
{
	uint32_t group;

	if (q->family != FAMILY_IPV4 && q->family != FAMILY_IPV6)
		return GROUP_NONE;
	group = connected_find(t, q);
	if (group == GROUP_NONE)
		group = family_find(t, family_index(q->family), q);
	if (group == GROUP_NONE)
		group = family_find(t, FAMILY_INDEX_ANY, q);
	return group;
}

/* Why a group has no member for a new flow. */
static enum bind_found
group_state(const struct bind_table *t, uint32_t group)
{
	for (uint32_t i = t->groups[group]; i < t->groups[group + 1]; i++) {
		if (t->members[i].port != PORT_REF_NONE)
			return BIND_PASSIVE;
	}
	return BIND_DEAD;
}

enum bind_found
bind_lookup(const struct bind_table *t, const struct flow_key *packet, bool local, uint64_t hash,
	    struct bind_result *out)
{
	const struct bind_query q = query_make(packet, 1, local);
	const uint32_t group = group_find(t, &q);
	const struct bind_rule *member;

	if (group == GROUP_NONE)
		return BIND_NONE;
	member = bind_choose(t, group, hash);
	if (member != NULL) {
		*out = (struct bind_result){ member->id, member->port };
		return BIND_MEMBER;
	}
	*out = (struct bind_result){ t->members[t->groups[group]].id, PORT_REF_NONE };
	return group_state(t, group);
}

bool
bind_source_of(const struct bind_table *t, const struct flow_key *packet, bool local,
	       bind_owned_fn owned, void *context, struct bind_result *out)
{
	const struct bind_query q = query_make(packet, 0, local);
	const uint32_t group = group_find(t, &q);

	if (group == GROUP_NONE)
		return false;
	for (uint32_t i = t->groups[group]; i < t->groups[group + 1]; i++) {
		const struct bind_rule *m = &t->members[i];

		if (m->port != PORT_REF_NONE && owned(m->port, context)) {
			*out = (struct bind_result){ m->id, m->port };
			return true;
		}
	}
	return false;
}

bool
bind_alive(const struct bind_table *t, uint32_t id, port_ref port)
{
	const struct bind_result wanted = { id, port };
	uint32_t low = 0, high = t->members_count;

	while (low < high) {
		const uint32_t middle = low + (high - low) / 2;
		const int order = bind_owner_compare(&t->owners[middle], &wanted);

		if (order == 0)
			return port != PORT_REF_NONE;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
