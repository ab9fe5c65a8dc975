/* SPDX-License-Identifier: BSD-3-Clause */
/* test_bind_model.c: random bindings against a search that tries every rule. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "dataplane/bind/bind.h"
#include "tests/random.h"

#define RULES_MAX 60

struct model {
	struct bind_rule rules[RULES_MAX];
	uint32_t n;
};

/* Few addresses, near one another, so that prefixes of all kinds meet. */
static void
random_address(struct random *r, uint8_t bytes[16], bool ipv6)
{
	memset(bytes, 0, 16);
	bytes[0] = 10;
	bytes[1] = (uint8_t)(random_below(r, 4) << 6);
	bytes[3] = (uint8_t)random_below(r, 4);
	if (ipv6)
		bytes[8] = bytes[15] = (uint8_t)random_below(r, 3);
}

static struct identity
random_identity(struct random *r)
{
	static const uint8_t lengths4[] = { 0, 8, 9, 10, 30, 31, 32, 32, 32 };
	static const uint8_t lengths6[] = { 0, 9, 10, 31, 64, 65, 71, 127, 128, 128 };
	const bool ipv6 = random_one_in(r, 2);
	struct identity i = { .zone = (uint16_t)random_below(r, 2),
			      .proto = random_one_in(r, 3) ? PROTO_UDP : PROTO_TCP };

	i.port_first = i.port_last = (uint16_t)(1 + random_below(r, 12));
	if (random_one_in(r, 3))
		i.port_last = (uint16_t)(i.port_first + random_below(r, 8));
	if (random_one_in(r, 10)) {
		i.port_first = 1;
		i.port_last = 65535;
	}
	if (random_one_in(r, 8))
		return i;
	i.local.address.family = ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
	random_address(r, i.local.address.bytes, ipv6);
	i.local.length = ipv6 ? lengths6[random_below(r, sizeof(lengths6))]
			      : lengths4[random_below(r, sizeof(lengths4))];
	if (random_one_in(r, 6)) {
		i.connected = true;
		i.local.length = ipv6 ? 128 : 32;
		i.port_last = i.port_first;
		i.remote.family = i.local.address.family;
		random_address(r, i.remote.bytes, ipv6);
		i.remote_port = (uint16_t)(1 + random_below(r, 3));
	}
	return i;
}

static bool
bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	for (unsigned i = 0; i < bits; i++) {
		if (((a[i / 8] ^ b[i / 8]) & 0x80 >> i % 8) != 0)
			return false;
	}
	return true;
}

static bool
model_matches(const struct identity *i, const struct flow_key *p, bool local)
{
	if (i->zone != p->zone || i->proto != p->proto || p->port[1] < i->port_first ||
	    p->port[1] > i->port_last)
		return false;
	if (i->local.length == 0 && !local)
		return false;
	if (i->local.address.family != FAMILY_ANY &&
	    (i->local.address.family != p->family ||
	     !bits_equal(i->local.address.bytes, p->addr[1], i->local.length)))
		return false;
	return !i->connected ||
	       (bits_equal(i->remote.bytes, p->addr[0], 128) && i->remote_port == p->port[0]);
}

/* Less is more specific: the parts of the precedence, each in its own digits. */
static uint64_t
model_rank(const struct identity *i)
{
	const uint64_t address =
		i->local.address.family == FAMILY_ANY ? 129u : 128u - i->local.length;

	return (uint64_t)!i->connected << 48 | address << 32 |
	       (uint64_t)(i->port_last - i->port_first) << 16 | i->port_first;
}

/* The best rank that any matching rule has; UINT64_MAX: none matches. */
static uint64_t
model_best(const struct model *m, const struct flow_key *p, bool local)
{
	uint64_t best = UINT64_MAX;

	for (uint32_t i = 0; i < m->n; i++) {
		const struct identity *identity = &m->rules[i].identity;

		if (model_matches(identity, p, local) && model_rank(identity) < best)
			best = model_rank(identity);
	}
	return best;
}

static bool
model_is_member(const struct model *m, uint32_t i, uint64_t rank, const struct flow_key *p,
		bool local)
{
	return model_matches(&m->rules[i].identity, p, local) &&
	       model_rank(&m->rules[i].identity) == rank;
}

static struct flow_key
random_packet(struct random *r)
{
	const bool ipv6 = random_one_in(r, 2);
	struct flow_key p = { .family = ipv6 ? FAMILY_IPV6 : FAMILY_IPV4,
			      .proto = random_one_in(r, 3) ? PROTO_UDP : PROTO_TCP,
			      .zone = (uint16_t)random_below(r, 2),
			      .port = { (uint16_t)(1 + random_below(r, 3)),
					(uint16_t)random_below(r, 22) } };

	random_address(r, p.addr[0], ipv6);
	random_address(r, p.addr[1], ipv6);
	return p;
}

static bool
owned_even(port_ref port, void *context)
{
	(void)context;
	return port_ref_id(port) % 2 == 0;
}

/* What a search through all rules says of a packet. */
struct expected {
	enum bind_found found;
	uint32_t lowest_id;         /* of all that match best */
	uint32_t source_id;         /* lowest of those that owned_even() */
	bool candidates[RULES_MAX]; /* who may get the flow */
};

static struct expected
model_expect(const struct model *m, const struct flow_key *p, bool local)
{
	const uint64_t best = model_best(m, p, local);
	const struct bind_rule *newest = NULL;
	struct expected e = { .found = best == UINT64_MAX ? BIND_NONE : BIND_DEAD };

	for (uint32_t i = 0; i < m->n; i++) {
		const struct bind_rule *rule = &m->rules[i];

		if (best == UINT64_MAX || !model_is_member(m, i, best, p, local))
			continue;
		if (e.lowest_id == 0 || rule->id < e.lowest_id)
			e.lowest_id = rule->id;
		if (rule->port == PORT_REF_NONE)
			continue;
		if (owned_even(rule->port, NULL) && (e.source_id == 0 || rule->id < e.source_id))
			e.source_id = rule->id;
		if (e.found == BIND_DEAD)
			e.found = BIND_PASSIVE;
		if (rule->passive)
			continue;
		e.found = BIND_MEMBER;
		e.candidates[i] = true;
		if (newest == NULL || rule->id > newest->id)
			newest = rule;
	}
	for (uint32_t i = 0; i < m->n; i++)
		if (e.candidates[i] && &m->rules[i] != newest)
			e.candidates[i] = !newest->alone && !m->rules[i].alone;
	return e;
}

static void
check_lookup(const struct model *m, const struct bind_table *t, const struct flow_key *p,
	     bool local, uint64_t hash, uint64_t seed)
{
	const struct expected e = model_expect(m, p, local);
	const struct flow_key answer = flow_key_reverse(p);
	struct bind_result r = { 0 }, source = { 0 };
	bool found = e.found != BIND_MEMBER;

	cr_assert(eq(int, bind_lookup(t, p, local, hash, &r), e.found), "seed %lu", seed);
	for (uint32_t i = 0; i < m->n; i++)
		found |= e.candidates[i] && m->rules[i].id == r.id && m->rules[i].port == r.port;
	cr_assert(found, "id %u, seed %lu", r.id, seed);
	if (e.found == BIND_DEAD)
		cr_assert(eq(u32, r.id, e.lowest_id), "seed %lu", seed);
	if (e.found != BIND_MEMBER)
		cr_assert(eq(u32, r.port, PORT_REF_NONE), "seed %lu", seed);
	cr_assert(eq(int, bind_source_of(t, &answer, local, owned_even, NULL, &source),
		     e.source_id != 0),
		  "seed %lu", seed);
	cr_assert(eq(u32, source.id, e.source_id), "seed %lu", seed);
}

/* Goal: for any set of rules and any packet, the table finds what a search through all rules by the
 * stated precedence finds; of equal identities the newest says who is a member.
 * Method: 2,000 random tables over a small space of addresses and ports, 200 packets each. */
Test(bind_model, equals_a_linear_search)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };

	cr_log_info("seed %lu", seed);
	for (unsigned round = 0; round < 2000; round++) {
		struct bind_table *t;
		struct model m = { .n = random_below(&r, RULES_MAX + 1) };

		for (uint32_t i = 0; i < m.n; i++) {
			m.rules[i].identity = i > 0 && random_one_in(&r, 4)
						      ? m.rules[random_below(&r, i)].identity
						      : random_identity(&r);
			m.rules[i].id = i * 37 % 61 + 1;
			m.rules[i].weight = (uint16_t)(1 + random_below(&r, 255));
			m.rules[i].port = random_one_in(&r, 3)
						  ? PORT_REF_NONE
						  : port_ref_make((uint16_t)random_below(&r, 9), 1);
			m.rules[i].alone = random_one_in(&r, 4);
			m.rules[i].passive = random_one_in(&r, 3);
		}
		cr_assert(eq(int, bind_table_build(m.rules, m.n, &t), 0), "seed %lu", seed);
		for (unsigned i = 0; i < 200; i++) {
			const struct flow_key p = random_packet(&r);

			check_lookup(&m, t, &p, random_one_in(&r, 2), random_u64(&r), seed);
		}
		bind_table_destroy(t);
	}
}

/* Goal: two identities conflict exactly when they rank equally for some packet that both match, and
 * such a pair of equal rank and start is the same. Method: compare with a search over packets. */
Test(bind_model, conflicts_are_equal_ranks)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };

	cr_log_info("seed %lu", seed);
	for (unsigned round = 0; round < 300000; round++) {
		const struct identity a = random_identity(&r), b = random_identity(&r);
		const struct bind_rule rule = { .identity = a, .id = 1, .port = 1, .weight = 1 };
		const uint64_t width_mask = ~(uint64_t)UINT16_MAX;
		struct flow_key p = { .family = a.local.address.family == FAMILY_ANY
							? FAMILY_IPV4
							: a.local.address.family,
				      .proto = a.proto,
				      .zone = a.zone,
				      .port = { a.remote_port, a.port_first > b.port_first
								       ? a.port_first
								       : b.port_first } };
		bool expected;

		memcpy(p.addr[0], a.remote.bytes, 16);
		memcpy(p.addr[1], a.local.address.bytes, 16);
		expected = model_matches(&rule.identity, &p, true) && model_matches(&b, &p, true) &&
			   (model_rank(&a) & width_mask) == (model_rank(&b) & width_mask);
		cr_assert(eq(int, bind_conflicts(&a, &b), expected), "round %u, seed %lu", round,
			  seed);
		cr_assert(eq(int, bind_same(&a, &b), expected &&a.port_first == b.port_first),
			  "round %u, seed %lu", round, seed);
	}
}
