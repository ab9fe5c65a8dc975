/* SPDX-License-Identifier: BSD-3-Clause */
/* bind.c: bindings sorted for search: connected sockets, then address scopes by prefix length, each
 * with its ports cut into disjoint segments.
 *
 * Everything is found by bisection in sorted arrays: the work for a packet is bounded by (prefix
 * lengths in use) * log(bindings) whatever addresses applications choose to bind, where a hash
 * could be aimed at. */
#include "dataplane/bind/bind.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#define GROUP_NONE       UINT32_MAX

#define LOG_CELLS_BITS   8
#define LOG_CELLS        (1u << LOG_CELLS_BITS)
#define LOG_ONE_BITS     32 /* a logarithm of 1 is 1 << LOG_ONE_BITS */
#define LOG_REST_BITS    24

#define FAMILIES         3 /* IPv4, IPv6, any */
#define FAMILY_INDEX_ANY 2u
#define RANK_CLASSES     256u /* connected identities rank below */

/* A socket identity brought to the form in which equal means the same sockets. Its order sorts the
 * table: connected ones, then each (family, prefix length), longest first, and there by scope. */
struct bind_norm {
	uint32_t rank;
	uint16_t port_first, port_last;
	uint64_t scope[3];  /* zone and protocol, then the masked local address */
	uint64_t remote[2]; /* these two: connected only, else 0 */
	uint16_t remote_port;
};

/* All bindings of one (zone, protocol, local prefix). */
struct bind_scope {
	uint64_t key[3];
	uint32_t segment, segments_count; /* into segment_ports[] and segment_groups[] */
};

/* All scopes of one (family, prefix length). */
struct bind_class {
	uint64_t mask[2];
	uint32_t scope, scopes_count;
	bool any_address; /* length 0: only for addresses of ours */
};

struct bind_table {
	struct bind_rule *members;   /* in the order of norms, then ids */
	uint32_t *groups;            /* first member of each group; one more at the end */
	struct bind_norm *connected; /* of groups 0..connected_count-1, in order */
	struct bind_scope *scopes;
	uint16_t *segment_ports; /* first port of each segment; ascending within a scope */
	uint32_t *segment_groups;
	struct bind_result *owners; /* of all members; sorted */
	uint32_t members_count, groups_count, connected_count, scopes_count, segments_count;
	/* Classes of a family, longest prefix first, end where those of the next begin. */
	uint32_t classes_first[FAMILIES + 1];
	struct bind_class classes[33 + 129 + 1]; /* all lengths there are */
	uint64_t log[LOG_CELLS + 1];             /* 1 - log2(1 + i / LOG_CELLS) */
};

/* ---- identities ---- */

static unsigned
family_index(uint8_t family)
{
	return family == FAMILY_IPV4 ? 0 : family == FAMILY_IPV6 ? 1 : FAMILY_INDEX_ANY;
}

static uint8_t
family_bits(uint8_t family)
{
	return family == FAMILY_IPV4 ? 32 : family == FAMILY_IPV6 ? 128 : 0;
}

static void
mask_words(uint8_t length, uint64_t mask[2])
{
	uint8_t bytes[16] = { 0 };

	memset(bytes, 0xff, length / 8);
	if (length % 8 != 0)
		bytes[length / 8] = (uint8_t)(0xff00u >> length % 8);
	memcpy(mask, bytes, sizeof(bytes));
}

static uint64_t
zone_proto(uint16_t zone, uint8_t proto)
{
	return (uint64_t)zone << 8 | proto;
}

static bool
identity_is_valid(const struct identity *i)
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

static struct bind_norm
identity_norm(const struct identity *i)
{
	const unsigned family = family_index(i->local.address.family);
	struct bind_norm n = { .port_first = i->port_first, .port_last = i->port_last };
	uint64_t mask[2];

	n.scope[0] = zone_proto(i->zone, i->proto);
	if (family != FAMILY_INDEX_ANY) {
		mask_words(i->local.length, mask);
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

static int
words_compare(const uint64_t *a, const uint64_t *b, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		if (a[i] != b[i])
			return a[i] < b[i] ? -1 : 1;
	}
	return 0;
}

static int
norm_compare_scope(const struct bind_norm *a, const struct bind_norm *b)
{
	if (a->rank != b->rank)
		return a->rank < b->rank ? -1 : 1;
	return words_compare(a->scope, b->scope, 3);
}

static int
norm_compare(const struct bind_norm *a, const struct bind_norm *b)
{
	int order = norm_compare_scope(a, b);

	if (order == 0)
		order = (int)a->port_first - (int)b->port_first;
	if (order == 0)
		order = (int)a->port_last - (int)b->port_last;
	if (order == 0)
		order = words_compare(a->remote, b->remote, 2);
	if (order == 0)
		order = (int)a->remote_port - (int)b->remote_port;
	return order;
}

bool
bind_same(const struct identity *a, const struct identity *b)
{
	const struct bind_norm x = identity_norm(a), y = identity_norm(b);

	return norm_compare(&x, &y) == 0;
}

/* Ranges of different width never conflict, as the narrower wins; equally wide ones that overlap
 * claim the same sockets. */
bool
bind_conflicts(const struct identity *a, const struct identity *b)
{
	const struct bind_norm x = identity_norm(a), y = identity_norm(b);

	if (a->connected)
		return norm_compare(&x, &y) == 0;
	return norm_compare_scope(&x, &y) == 0 &&
	       x.port_last - x.port_first == y.port_last - y.port_first &&
	       x.port_first <= y.port_last && y.port_first <= x.port_last;
}

/* ---- building ---- */

struct bind_sorted {
	struct bind_norm norm;
	const struct bind_rule *rule;
};

/* A group and its range, to be painted over the ports of its scope. */
struct bind_range {
	uint32_t first, last, group;
};

/* Memory that only the building needs, each array with room for all rules at once. */
struct bind_scratch {
	struct bind_sorted *sorted;
	struct bind_range *ranges;
	uint32_t *cuts;    /* ports where a range begins or one has just ended */
	uint32_t *painted; /* group of the ports from one cut to the next */
	uint32_t *skip;    /* from a cut to one at or after it that may be unpainted */
};

static int
sorted_compare(const void *a, const void *b)
{
	const struct bind_sorted *x = a, *y = b;
	const int order = norm_compare(&x->norm, &y->norm);

	if (order != 0)
		return order;
	return x->rule->id < y->rule->id ? -1 : x->rule->id > y->rule->id;
}

/* Narrowest first; equal widths (they conflict) by first port, so that the result does not depend
 * on the order of the rules. */
static int
range_compare(const void *a, const void *b)
{
	const struct bind_range *x = a, *y = b;
	const uint32_t x_width = x->last - x->first, y_width = y->last - y->first;

	if (x_width != y_width)
		return x_width < y_width ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int
port_compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

static void
scratch_free(struct bind_scratch *s)
{
	free(s->sorted);
	free(s->ranges);
	free(s->cuts);
	free(s->painted);
	free(s->skip);
}

static bool
scratch_make(struct bind_scratch *s, uint32_t n)
{
	s->sorted = calloc(n + 1, sizeof(*s->sorted));
	s->ranges = calloc(n + 1, sizeof(*s->ranges));
	s->cuts = calloc(2 * n + 1, sizeof(*s->cuts));
	s->painted = calloc(2 * n + 1, sizeof(*s->painted));
	s->skip = calloc(2 * n + 1, sizeof(*s->skip));
	return s->sorted != NULL && s->ranges != NULL && s->cuts != NULL && s->painted != NULL &&
	       s->skip != NULL;
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

static int
owner_compare(const void *a, const void *b)
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
	qsort(t->owners, t->members_count, sizeof(*t->owners), owner_compare);
}

/* Fills log[]: binary digits of log2(x) for x in [1, 2), one by one: squaring x doubles the
 * logarithm, and a square of 2 or more shows a digit 1. */
static void
log_fill(uint64_t log[LOG_CELLS + 1])
{
	const uint64_t two = 1ull << 32; /* x has 31 fractional bits */

	for (uint64_t i = 0; i < LOG_CELLS; i++) {
		uint64_t x = (LOG_CELLS + i) << (31 - LOG_CELLS_BITS);
		uint64_t digits = 0;

		for (unsigned digit = 0; digit < LOG_ONE_BITS; digit++) {
			x = x * x >> 31;
			digits <<= 1;
			if (x >= two) {
				x >>= 1;
				digits |= 1;
			}
		}
		log[i] = (1ull << LOG_ONE_BITS) - digits;
	}
	log[LOG_CELLS] = 0;
}

/* Position of `cut`, which is among the `n` cuts. */
static uint32_t
cut_find(const uint32_t *cuts, uint32_t n, uint32_t cut)
{
	uint32_t low = 0;

	while (n > 1) {
		const uint32_t half = n / 2;

		if (cuts[low + half] <= cut)
			low += half;
		n -= half;
	}
	return low;
}

/* Sorts the ends of `n` ranges to cuts without doubles; returns how many. */
static uint32_t
cuts_make(struct bind_scratch *s, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		s->cuts[2 * i] = s->ranges[i].first;
		s->cuts[2 * i + 1] = s->ranges[i].last + 1;
	}
	qsort(s->cuts, 2 * n, sizeof(*s->cuts), port_compare);
	for (uint32_t i = 0; i < 2 * n; i++) {
		if (count == 0 || s->cuts[count - 1] != s->cuts[i])
			s->cuts[count++] = s->cuts[i];
	}
	return count;
}

/* Paints `n` ranges, narrowest first, onto what is not painted yet. skip[] leads past painted
 * stretches and is shortened as it is walked, so all painting together is near linear. */
static void
ranges_paint(struct bind_scratch *s, uint32_t n, uint32_t cuts)
{
	for (uint32_t i = 0; i < cuts; i++) {
		s->painted[i] = GROUP_NONE;
		s->skip[i] = i;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t end = cut_find(s->cuts, cuts, s->ranges[i].last + 1);
		uint32_t at = cut_find(s->cuts, cuts, s->ranges[i].first);

		while (at < end) {
			if (s->skip[at] == at) {
				s->painted[at] = s->ranges[i].group;
				s->skip[at] = at + 1;
			}
			/* The last cut is never painted: it stays its own skip. */
			s->skip[at] = s->skip[s->skip[at]];
			at = s->skip[at];
		}
	}
}

/* Appends the scope of groups [first, end), which share it, with its segments. */
static void
scope_append(struct bind_table *t, struct bind_scratch *s, uint32_t first, uint32_t end)
{
	struct bind_scope *scope = &t->scopes[t->scopes_count++];
	const uint32_t n = end - first;
	uint32_t cuts;
	uint32_t previous = GROUP_NONE;

	for (uint32_t i = 0; i < n; i++) {
		const struct bind_norm *norm = &s->sorted[t->groups[first + i]].norm;

		s->ranges[i] = (struct bind_range){ norm->port_first, norm->port_last, first + i };
	}
	qsort(s->ranges, n, sizeof(*s->ranges), range_compare);
	cuts = cuts_make(s, n);
	ranges_paint(s, n, cuts);
	memcpy(scope->key, s->sorted[t->groups[first]].norm.scope, sizeof(scope->key));
	scope->segment = t->segments_count;
	for (uint32_t i = 0; i < cuts; i++) {
		if (s->painted[i] == previous || s->cuts[i] > UINT16_MAX)
			continue;
		previous = s->painted[i];
		t->segment_ports[t->segments_count] = (uint16_t)s->cuts[i];
		t->segment_groups[t->segments_count++] = previous;
	}
	scope->segments_count = t->segments_count - scope->segment;
}

/* Cuts the sorted rules into groups. -EINVAL: one is too large. */
static int
groups_make(struct bind_table *t, const struct bind_scratch *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		t->members[i] = *s->sorted[i].rule;
		if (i == 0 || norm_compare(&s->sorted[i - 1].norm, &s->sorted[i].norm) != 0)
			t->groups[t->groups_count++] = i;
		if (i - t->groups[t->groups_count - 1] == GROUP_MEMBERS_MAX)
			return -EINVAL;
	}
	t->groups[t->groups_count] = n;
	t->members_count = n;
	return 0;
}

/* Groups come sorted: connected ones first, then scope by scope, class by class. */
static void
classes_make(struct bind_table *t, struct bind_scratch *s)
{
	uint32_t last_rank = 0, classes = 0;
	uint32_t end, g = 0;
	unsigned family = 0;

	for (; g < t->groups_count && s->sorted[t->groups[g]].norm.rank < RANK_CLASSES; g++)
		t->connected[t->connected_count++] = s->sorted[t->groups[g]].norm;
	for (; g < t->groups_count; g = end) {
		const struct bind_norm *norm = &s->sorted[t->groups[g]].norm;

		for (end = g + 1; end < t->groups_count; end++) {
			if (norm_compare_scope(norm, &s->sorted[t->groups[end]].norm) != 0)
				break;
		}
		if (norm->rank != last_rank) {
			const uint8_t length = (uint8_t)(128 - norm->rank % RANK_CLASSES);
			struct bind_class *c = &t->classes[classes];

			for (; family < norm->rank / RANK_CLASSES; family++)
				t->classes_first[family] = classes;
			mask_words(length, c->mask);
			c->any_address = length == 0;
			c->scope = t->scopes_count;
			last_rank = norm->rank;
			classes++;
		}
		scope_append(t, s, g, end);
		t->classes[classes - 1].scopes_count++;
	}
	for (; family <= FAMILIES; family++)
		t->classes_first[family] = classes;
}

int
bind_table_build(const struct bind_rule *rules, uint32_t n, struct bind_table **out)
{
	struct bind_scratch scratch = { 0 };
	struct bind_table *t;
	int error = -ENOMEM;

	if (n > BINDINGS_MAX)
		return -EINVAL;
	for (uint32_t i = 0; i < n; i++) {
		if (!identity_is_valid(&rules[i].identity) || rules[i].id == 0 ||
		    rules[i].weight < 1 || rules[i].weight > UINT8_MAX)
			return -EINVAL;
	}
	t = table_make(n);
	if (!scratch_make(&scratch, n) || t == NULL)
		goto fail;
	for (uint32_t i = 0; i < n; i++)
		scratch.sorted[i] =
			(struct bind_sorted){ identity_norm(&rules[i].identity), &rules[i] };
	qsort(scratch.sorted, n, sizeof(*scratch.sorted), sorted_compare);
	error = groups_make(t, &scratch, n);
	if (error != 0)
		goto fail;
	classes_make(t, &scratch);
	owners_make(t);
	log_fill(t->log);
	scratch_free(&scratch);
	*out = t;
	return 0;
fail:
	scratch_free(&scratch);
	bind_table_destroy(t);
	return error;
}

/* ---- lookup ---- */

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
		const int order = norm_compare(&t->connected[middle], &wanted);

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
		const int order = words_compare(t->scopes[middle].key, key, 3);

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

/* A number for (flow, member) that looks random in both. */
static uint64_t
member_hash(uint64_t hash, uint32_t id)
{
	uint64_t x = hash + id * 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	x = (x ^ x >> 32) * 0xd6e8feb86659fd93u;
	return x ^ x >> 32;
}

/* -log2(hash / 2^64), LOG_ONE_BITS fractional bits: zeros in front count whole, the rest is read
 * from the table with a straight line between its points, right to a thousandth. */
static uint64_t
member_cost(const struct bind_table *t, uint64_t hash)
{
	const unsigned zeros = (unsigned)__builtin_clzll(hash | 1);
	const uint64_t m = (hash | 1) << zeros << 1; /* without the leading one */
	const uint32_t cell = (uint32_t)(m >> (64 - LOG_CELLS_BITS));
	const uint64_t rest =
		m >> (64 - LOG_CELLS_BITS - LOG_REST_BITS) & ((1u << LOG_REST_BITS) - 1);
	const uint64_t drop = (t->log[cell] - t->log[cell + 1]) * rest >> LOG_REST_BITS;

	return ((uint64_t)zeros << LOG_ONE_BITS) + t->log[cell] - drop;
}

/* Weighted rendezvous: of exponential numbers divided by weights, the least falls to each member in
 * proportion to its weight, and taking one member away moves only the flows that it had. Compared
 * by cross products, of at most 38 and 8 bits. */
static const struct bind_rule *
member_choose(const struct bind_table *t, uint32_t group, uint64_t hash)
{
	const struct bind_rule *best = NULL;
	uint64_t best_cost = 0;

	for (uint32_t i = t->groups[group]; i < t->groups[group + 1]; i++) {
		const struct bind_rule *m = &t->members[i];
		uint64_t cost;

		if (m->port == PORT_REF_NONE)
			continue;
		cost = member_cost(t, member_hash(hash, m->id));
		if (best == NULL || cost * best->weight < best_cost * m->weight) {
			best = m;
			best_cost = cost;
		}
	}
	return best != NULL ? best : &t->members[t->groups[group]];
}

bool
bind_lookup(const struct bind_table *t, const struct flow_key *packet, bool local, uint64_t hash,
	    struct bind_result *out)
{
	const struct bind_query q = query_make(packet, 1, local);
	const uint32_t group = group_find(t, &q);
	const struct bind_rule *member;

	if (group == GROUP_NONE)
		return false;
	member = member_choose(t, group, hash);
	*out = (struct bind_result){ member->id, member->port };
	return true;
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
		const int order = owner_compare(&t->owners[middle], &wanted);

		if (order == 0)
			return port != PORT_REF_NONE;
		if (order < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return false;
}
