/* SPDX-License-Identifier: BSD-3-Clause */
/* ours.c: asks the registry of bindings who may bind, and the table made of it who receives. */
#include "tests/e2e/bind_linux/ours.h"

#include <errno.h>
#include <string.h>

#include "control/bindings.h"

#define FIRST_UID    1001
#define CONNECTED_ID 1000000u /* past all ids of the registry */

struct ours {
	struct link_set links;
	struct bindings *bindings;
	/* Connected sockets claim pairs beside the registry; by index of the trial. */
	bool is_connected[SPECS_MAX];
	struct binding connected[SPECS_MAX];
};

int
ours_create(struct ours **out)
{
	struct ours *o = calloc(1, sizeof(*o));
	struct bindings_options options = { .quota = 100, .daemon_uid = 900 };
	struct link *l;

	if (o == NULL)
		return -ENOMEM;
	o->links.count = 1;
	l = &o->links.links[0];
	for (unsigned i = 0; i < 4; i++) {
		const bool ipv6 = i >= 2;

		l->addresses[l->addresses_count].address = trial_local(ipv6, i % 2 + 1);
		l->addresses[l->addresses_count++].length = ipv6 ? 64 : 24;
	}
	options.links = &o->links;
	const int rc = bindings_create(&options, &o->bindings);

	if (rc != 0) {
		free(o);
		return rc;
	}
	*out = o;
	return 0;
}

void
ours_destroy(struct ours *o)
{
	bindings_destroy(o->bindings);
	free(o);
}

/* Nobody else may have the pair, nor without consent the port. */
static int
open_connected(struct ours *o, unsigned index, const struct binding *want,
	       const struct credentials *who, char *why)
{
	const int rc = bindings_admit(o->bindings, want, who, why);

	if (rc != 0)
		return rc;
	for (unsigned i = 0; i < SPECS_MAX; i++) {
		if (o->is_connected[i] && bind_same(&o->connected[i].identity, &want->identity))
			return -EADDRINUSE;
	}
	o->is_connected[index] = true;
	o->connected[index] = *want;
	return 0;
}

int
ours_open(struct ours *o, unsigned index, const struct spec *s)
{
	const uid_t uid = FIRST_UID + s->user;
	const struct credentials who = { .uid = uid, .gid = uid };
	const struct binding *out;
	char why[MESSAGE_TEXT_BYTES];
	const struct binding want = {
		.identity = trial_identity(s),
		.shared = s->shared,
		.reuse = s->reuse,
		.weight = 1,
		.port = port_ref_make((uint16_t)index, 1),
		.uid = uid,
	};

	return s->remote != 0 ? open_connected(o, index, &want, &who, why)
			      : bindings_add(o->bindings, &want, &who, &out, why);
}

void
ours_close(struct ours *o, unsigned index)
{
	o->is_connected[index] = false;
	bindings_remove_port(o->bindings, port_ref_make((uint16_t)index, 1));
}

/* The table that the workers would have. */
static int
table_build(struct ours *o, struct bind_table **out)
{
	struct bind_rule rules[2 * SPECS_MAX];
	uint32_t n = bindings_count(o->bindings);

	bindings_rules(o->bindings, rules);
	for (uint32_t i = 0; i < SPECS_MAX; i++) {
		if (o->is_connected[i])
			rules[n++] = (struct bind_rule){ .identity = o->connected[i].identity,
							 .id = CONNECTED_ID + i,
							 .port = o->connected[i].port,
							 .weight = 1 };
	}
	return bind_table_build(rules, n, out);
}

int
ours_probe(struct ours *o, const struct probe *p, uint64_t hash)
{
	const struct address from = trial_remote(p->ipv6, p->from),
			     to = trial_local(p->ipv6, p->to);
	struct flow_key key = { .family = p->ipv6 ? FAMILY_IPV6 : FAMILY_IPV4,
				.proto = p->proto,
				.port = { TRIAL_REMOTE(p->from), TRIAL_PORT(p->port) } };
	struct bind_table *table;
	struct bind_result r = { 0 };
	enum bind_found found;

	memcpy(key.addr[0], from.bytes, 16);
	memcpy(key.addr[1], to.bytes, 16);
	if (table_build(o, &table) != 0)
		abort();
	found = bind_lookup(table, &key, true, hash, &r);
	bind_table_destroy(table);
	return found == BIND_MEMBER ? port_ref_id(r.port) : NOBODY;
}
