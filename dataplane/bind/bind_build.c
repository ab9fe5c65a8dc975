/* SPDX-License-Identifier: BSD-3-Clause */
/* bind_build.c: bindings sorted for search: connected sockets, then address scopes by prefix
 * length, each with its ports cut into disjoint segments. */
#include <errno.h>
#include <stdlib.h>

#include "dataplane/bind/bind_priv.h"

struct bind_sorted {
	struct bind_norm norm;
	const struct bind_rule *rule;
};

static int
sorted_compare(const void *a, const void *b)
{
	const struct bind_sorted *x = a, *y = b;
	const int order = bind_norm_compare(&x->norm, &y->norm);

	if (order != 0)
		return order;
	return x->rule->id < y->rule->id ? -1 : x->rule->id > y->rule->id;
}

static struct bind_table *
table_make(uint32_t n)
{
	struct bind_table *t = calloc(1, sizeof(*t));

	if (t == NULL)
		return NULL;
	t->members = calloc(n + 1, sizeof(*t->members));
	t->groups = calloc(n + 1, sizeof(*t->groups));
	t->connected = calloc(n + 1, sizeof(*t->connected));
	t->scopes = calloc(n + 1, sizeof(*t->scopes));
	t->segment_ports = calloc(2 * n + 1, sizeof(*t->segment_ports));
	t->segment_groups = calloc(2 * n + 1, sizeof(*t->segment_groups));
	t->owners = calloc(n + 1, sizeof(*t->owners));
	if (t->members == NULL || t->groups == NULL || t->connected == NULL || t->scopes == NULL ||
	    t->segment_ports == NULL || t->segment_groups == NULL || t->owners == NULL) {
		bind_table_destroy(t);
		return NULL;
	}
	return t;
}

void
bind_table_destroy(struct bind_table *t)
{
	if (t == NULL)
		return;
	free(t->members);
	free(t->groups);
	free(t->connected);
	free(t->scopes);
	free(t->segment_ports);
	free(t->segment_groups);
	free(t->owners);
	free(t);
}

int
bind_owner_compare(const void *a, const void *b)
{
	const struct bind_result *x = a, *y = b;

	if (x->id != y->id)
		return x->id < y->id ? -1 : 1;
	return x->port < y->port ? -1 : x->port > y->port;
}

static void
owners_make(struct bind_table *t)
{
	for (uint32_t i = 0; i < t->members_count; i++)
		t->owners[i] = (struct bind_result){ t->members[i].id, t->members[i].port };
	qsort(t->owners, t->members_count, sizeof(*t->owners), bind_owner_compare);
}

/* Makes those members passive that the newest active one keeps from new flows. */
static void
group_supersede(struct bind_rule *members, uint32_t n)
{
	uint32_t newest = n;

	while (newest > 0 &&
	       (members[newest - 1].port == PORT_REF_NONE || members[newest - 1].passive))
		newest--;
	if (newest-- == 0)
		return;
	for (uint32_t i = 0; i < n; i++)
		members[i].passive |= i != newest && (members[i].alone || members[newest].alone);
}

/* Cuts the sorted rules into groups. -EINVAL: one is too large. */
static int
groups_make(struct bind_table *t, const struct bind_sorted *sorted, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		t->members[i] = *sorted[i].rule;
		if (i == 0 || bind_norm_compare(&sorted[i - 1].norm, &sorted[i].norm) != 0)
			t->groups[t->groups_count++] = i;
		if (i - t->groups[t->groups_count - 1] == GROUP_MEMBERS_MAX)
			return -EINVAL;
	}
	t->groups[t->groups_count] = n;
	t->members_count = n;
	for (uint32_t g = 0; g < t->groups_count; g++)
		group_supersede(&t->members[t->groups[g]], t->groups[g + 1] - t->groups[g]);
	return 0;
}

/* Appends the scope of groups [first, end), which share it, with its segments. */
static void
scope_append(struct bind_table *t, const struct bind_sorted *sorted, struct bind_scratch *s,
	     uint32_t first, uint32_t end)
{
	struct bind_scope *scope = &t->scopes[t->scopes_count++];

	for (uint32_t i = first; i < end; i++) {
		const struct bind_norm *norm = &sorted[t->groups[i]].norm;

		s->ranges[i - first] = (struct bind_range){ norm->port_first, norm->port_last, i };
	}
	memcpy(scope->key, sorted[t->groups[first]].norm.scope, sizeof(scope->key));
	scope->segment = t->segments_count;
	bind_segments_append(t, s, end - first);
	scope->segments_count = t->segments_count - scope->segment;
}

/* Groups come sorted: connected ones first, then scope by scope, class by class. */
static void
classes_make(struct bind_table *t, const struct bind_sorted *sorted, struct bind_scratch *s)
{
	uint32_t last_rank = 0, classes = 0;
	uint32_t end, g = 0;
	unsigned family = 0;

	for (; g < t->groups_count && sorted[t->groups[g]].norm.rank < RANK_CLASSES; g++)
		t->connected[t->connected_count++] = sorted[t->groups[g]].norm;
	for (; g < t->groups_count; g = end) {
		const struct bind_norm *norm = &sorted[t->groups[g]].norm;

		for (end = g + 1; end < t->groups_count; end++) {
			if (bind_scope_compare(norm, &sorted[t->groups[end]].norm) != 0)
				break;
		}
		if (norm->rank != last_rank) {
			const uint8_t length = (uint8_t)(128 - norm->rank % RANK_CLASSES);
			struct bind_class *c = &t->classes[classes];

			for (; family < norm->rank / RANK_CLASSES; family++)
				t->classes_first[family] = classes;
			bind_mask(length, c->mask);
			c->any_address = length == 0;
			c->scope = t->scopes_count;
			last_rank = norm->rank;
			classes++;
		}
		scope_append(t, sorted, s, g, end);
		t->classes[classes - 1].scopes_count++;
	}
	for (; family <= FAMILIES; family++)
		t->classes_first[family] = classes;
}

static bool
rule_is_valid(const struct bind_rule *rule)
{
	return bind_identity_valid(&rule->identity) && rule->id != 0 && rule->weight >= 1 &&
	       rule->weight <= UINT8_MAX;
}

int
bind_table_build(const struct bind_rule *rules, uint32_t n, struct bind_table **out)
{
	struct bind_scratch scratch = { 0 };
	struct bind_sorted *sorted;
	struct bind_table *t;
	int error = -ENOMEM;

	if (n > BINDINGS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		if (!rule_is_valid(&rules[i]))
			return -EINVAL;
	}
	t = table_make(n);
	sorted = calloc(n + 1, sizeof(*sorted));
	if (!bind_scratch_make(&scratch, n) || t == NULL || sorted == NULL)
		goto fail;
	for (uint32_t i = 0; i < n; i++)
		sorted[i] = (struct bind_sorted){ bind_norm_of(&rules[i].identity), &rules[i] };
	qsort(sorted, n, sizeof(*sorted), sorted_compare);
	error = groups_make(t, sorted, n);
	if (error != 0)
		goto fail;
	classes_make(t, sorted, &scratch);
	owners_make(t);
	bind_log_fill(t->log);
	bind_scratch_free(&scratch);
	free(sorted);
	*out = t;
	return 0;
fail:
	bind_scratch_free(&scratch);
	free(sorted);
	bind_table_destroy(t);
	return error;
}
