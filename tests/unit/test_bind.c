/* SPDX-License-Identifier: BSD-3-Clause */
/* test_bind.c: precedence of bindings, refusals, conflicts, groups. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "dataplane/bind/bind.h"
#include "tests/random.h"

#define ANY4  FAMILY_IPV4, { 0 }, 0
#define ANY6  FAMILY_IPV6, { 0 }, 0
#define ANY   FAMILY_ANY, { 0 }, 0
#define HOST1 FAMILY_IPV4, { 192, 0, 2, 1 }, 32
#define HOST2 FAMILY_IPV4, { 192, 0, 2, 2 }, 32
#define NET24 FAMILY_IPV4, { 192, 0, 2, 99 }, 24
#define NET20 FAMILY_IPV4, { 192, 0, 0, 0 }, 20
#define HOST6 FAMILY_IPV6, { 0x20, 1, 0xd, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1 }, 128
#define NET6  FAMILY_IPV6, { 0x20, 1, 0xd, 0xb8 }, 33

struct rule_case {
	uint8_t family, bytes[16], length;
	uint16_t first, last;
};

static struct identity
identity_of(const struct rule_case *c)
{
	struct identity i = { .local = { { .family = c->family }, c->length },
			      .port_first = c->first,
			      .port_last = c->last,
			      .zone = 1,
			      .proto = PROTO_TCP };

	memcpy(i.local.address.bytes, c->bytes, 16);
	return i;
}

static struct bind_rule
rule_of(const struct rule_case *c, uint32_t id)
{
	return (struct bind_rule){ .identity = identity_of(c),
				   .id = id,
				   .port = port_ref_make((uint16_t)id, 1),
				   .weight = 1 };
}

static struct bind_table *
table_of(const struct bind_rule *rules, uint32_t n)
{
	struct bind_table *t = NULL;

	cr_assert(eq(int, bind_table_build(rules, n, &t), 0));
	return t;
}

/* A TCP packet in zone 1 from 198.51.100.7:5000, or that shape in IPv6, to bytes:port. */
static struct flow_key
packet_to(uint8_t family, const uint8_t bytes[16], uint16_t port)
{
	struct flow_key k = { .family = family,
			      .proto = PROTO_TCP,
			      .zone = 1,
			      .port = { 5000, port },
			      .addr = { { 198, 51, 100, 7 } } };

	memcpy(k.addr[1], bytes, 16);
	return k;
}

static struct flow_key
packet4_to(uint8_t a, uint8_t b, uint8_t c, uint8_t d, uint16_t port)
{
	const uint8_t bytes[16] = { a, b, c, d };

	return packet_to(FAMILY_IPV4, bytes, port);
}

/* The id that the packet gets; 0: none. */
static uint32_t
lookup_id(const struct bind_table *t, struct flow_key packet, bool local)
{
	struct bind_result r = { 0 };

	return bind_lookup(t, &packet, local, 1, &r) != BIND_NONE ? r.id : 0;
}

/* Goal: the most specific binding wins, first by address, then by port.
 * Method: one table with everything in it; a list of packets and the id each must get. The order
 * of the rules does not matter: the table is built from them reversed as well. */
Test(bind, precedence)
{
	static const struct rule_case rules[] = {
		{ ANY, 1, 65535 },       /* 1 */
		{ ANY, 80, 80 },         /* 2 */
		{ ANY4, 80, 80 },        /* 3 */
		{ ANY6, 1000, 2000 },    /* 4 */
		{ NET20, 1, 65535 },     /* 5 */
		{ NET24, 443, 443 },     /* 6 */
		{ NET24, 400, 500 },     /* 7 */
		{ HOST1, 400, 500 },     /* 8 */
		{ HOST1, 450, 450 },     /* 9 */
		{ HOST1, 440, 460 },     /* 10 */
		{ HOST1, 455, 600 },     /* 11: wider than 10 and than 8 */
		{ NET6, 1500, 1600 },    /* 12 */
		{ HOST6, 65535, 65535 }, /* 13 */
		{ HOST1, 65000, 65535 }, /* 14 */
	};
	static const struct {
		uint8_t a[4];
		uint16_t port;
		bool local;
		uint32_t id;
	} v4[] = {
		{ { 203, 0, 113, 1 }, 80, true, 3 },   { { 203, 0, 113, 1 }, 81, true, 1 },
		{ { 203, 0, 113, 1 }, 80, false, 0 },  { { 203, 0, 113, 1 }, 0, true, 0 },
		{ { 203, 0, 113, 1 }, 1500, true, 1 }, { { 192, 0, 3, 1 }, 80, true, 5 },
		{ { 192, 0, 3, 1 }, 80, false, 5 },    { { 192, 0, 16, 1 }, 80, true, 3 },
		{ { 192, 0, 2, 9 }, 443, true, 6 },    { { 192, 0, 2, 9 }, 444, false, 7 },
		{ { 192, 0, 2, 9 }, 399, true, 5 },    { { 192, 0, 2, 9 }, 501, true, 5 },
		{ { 192, 0, 2, 1 }, 400, true, 8 },    { { 192, 0, 2, 1 }, 439, true, 8 },
		{ { 192, 0, 2, 1 }, 440, true, 10 },   { { 192, 0, 2, 1 }, 443, true, 10 },
		{ { 192, 0, 2, 1 }, 450, true, 9 },    { { 192, 0, 2, 1 }, 451, true, 10 },
		{ { 192, 0, 2, 1 }, 460, true, 10 },   { { 192, 0, 2, 1 }, 461, true, 8 },
		{ { 192, 0, 2, 1 }, 500, true, 8 },    { { 192, 0, 2, 1 }, 501, true, 11 },
		{ { 192, 0, 2, 1 }, 600, true, 11 },   { { 192, 0, 2, 1 }, 601, true, 5 },
		{ { 192, 0, 2, 1 }, 65535, true, 14 }, { { 192, 0, 2, 1 }, 64999, true, 5 },
	};
	static const struct {
		uint8_t a[16];
		uint16_t port;
		bool local;
		uint32_t id;
	} v6[] = {
		{ { 0x20, 1, 0xd, 0xb8, 0x7f }, 1500, false, 12 },
		{ { 0x20, 1, 0xd, 0xb8, 0x80 }, 1500, false, 0 },
		{ { 0x20, 1, 0xd, 0xb8, 0x80 }, 1500, true, 4 },
		{ { 0x20, 1, 0xd, 0xb8, 0x80 }, 80, true, 2 },
		{ { 0x20, 1, 0xd, 0xb8, [15] = 1 }, 65535, true, 13 },
		{ { 0x20, 1, 0xd, 0xb8, [15] = 1 }, 65534, true, 1 },
	};
	struct bind_rule forward[array_length(rules)], backward[array_length(rules)];

	for (unsigned i = 0; i < array_length(rules); i++) {
		forward[i] = rule_of(&rules[i], i + 1);
		backward[array_length(rules) - 1 - i] = forward[i];
	}
	for (unsigned way = 0; way < 2; way++) {
		struct bind_table *t = table_of(way == 0 ? forward : backward, array_length(rules));

		for (unsigned i = 0; i < array_length(v4); i++) {
			const struct flow_key p = packet4_to(v4[i].a[0], v4[i].a[1], v4[i].a[2],
							     v4[i].a[3], v4[i].port);

			cr_expect(eq(u32, lookup_id(t, p, v4[i].local), v4[i].id), "v4 case %u", i);
		}
		for (unsigned i = 0; i < array_length(v6); i++) {
			const struct flow_key p = packet_to(FAMILY_IPV6, v6[i].a, v6[i].port);

			cr_expect(eq(u32, lookup_id(t, p, v6[i].local), v6[i].id), "v6 case %u", i);
		}
		bind_table_destroy(t);
	}
}

/* Goal: zone, protocol and family are part of the identity. Method: packets that differ in one. */
Test(bind, other_spaces_do_not_match)
{
	const struct rule_case c = { HOST1, 80, 80 };
	const struct rule_case everything = { ANY6, 1, 65535 };
	const struct bind_rule rules[2] = { rule_of(&c, 1), rule_of(&everything, 2) };
	struct bind_table *t = table_of(rules, 2);
	struct flow_key p = packet4_to(192, 0, 2, 1, 80);

	cr_expect(eq(u32, lookup_id(t, p, true), 1));
	p.zone = 2;
	cr_expect(eq(u32, lookup_id(t, p, true), 0));
	p.zone = 1;
	p.proto = PROTO_UDP;
	cr_expect(eq(u32, lookup_id(t, p, true), 0));
	p.proto = PROTO_ICMP;
	cr_expect(eq(u32, lookup_id(t, p, true), 0));
	p.proto = PROTO_TCP;
	p.family = FAMILY_IPV6;
	cr_expect(eq(u32, lookup_id(t, p, true), 2));
	p.family = 0;
	cr_expect(eq(u32, lookup_id(t, p, true), 0));
	p.family = 255;
	cr_expect(eq(u32, lookup_id(t, p, true), 0));
	bind_table_destroy(t);
}

static struct bind_rule
connected_rule(uint8_t remote_last, uint16_t remote_port, uint32_t id)
{
	const struct rule_case c = { HOST1, 80, 80 };
	struct bind_rule r = rule_of(&c, id);

	r.identity.connected = true;
	r.identity.remote = (struct address){ { 198, 51, 100, remote_last }, FAMILY_IPV4 };
	r.identity.remote_port = remote_port;
	return r;
}

/* Goal: a connected socket takes its packets before any listener, and only those.
 * Method: connected ones beside a listener; remote ends that differ in one part. */
Test(bind, connected_comes_first)
{
	const struct rule_case listener = { HOST1, 80, 80 };
	const struct bind_rule rules[] = { rule_of(&listener, 1), connected_rule(7, 5000, 2),
					   connected_rule(7, 5001, 3), connected_rule(8, 5000, 4) };
	struct bind_table *t = table_of(rules, 4);
	struct flow_key p = packet4_to(192, 0, 2, 1, 80);

	cr_expect(eq(u32, lookup_id(t, p, false), 2));
	p.port[0] = 5001;
	cr_expect(eq(u32, lookup_id(t, p, true), 3));
	p.port[0] = 5002;
	cr_expect(eq(u32, lookup_id(t, p, true), 1));
	p.addr[0][3] = 8;
	cr_expect(eq(u32, lookup_id(t, p, true), 1));
	p.port[0] = 5000;
	cr_expect(eq(u32, lookup_id(t, p, true), 4));
	p.port[1] = 81;
	cr_expect(eq(u32, lookup_id(t, p, true), 0));
	bind_table_destroy(t);
}

/* Goal: rules out of range are refused, nothing is written. Method: change one part at a time. */
Test(bind, refuses_bad_rules)
{
	const struct rule_case c = { HOST1, 80, 80 };
	const struct bind_rule good = rule_of(&c, 1);
	struct bind_rule bad[16], *many;
	struct bind_table *t = NULL;
	unsigned n = 0;

	for (unsigned i = 0; i < array_length(bad); i++)
		bad[i] = i < 10 ? good : connected_rule(7, 5000, 1);
	bad[n++].id = 0;
	bad[n++].weight = 0;
	bad[n++].weight = 256;
	bad[n++].identity.proto = PROTO_ICMP;
	bad[n++].identity.port_first = 0;
	bad[n++].identity.port_last = 79;
	bad[n++].identity.zone = ZONES_MAX;
	bad[n++].identity.local.length = 33;
	bad[n++].identity.local.address.family = 5;
	bad[n++].identity.local.address.family = FAMILY_ANY; /* with a length */
	bad[n++].identity.remote.family = FAMILY_IPV6;
	bad[n++].identity.remote.family = FAMILY_ANY;
	bad[n++].identity.remote_port = 0;
	bad[n++].identity.local.length = 31;
	bad[n++].identity.port_last = 81;
	bad[n++].identity.local = (struct prefix){ 0 };
	cr_assert(eq(uint, n, array_length(bad)));
	for (unsigned i = 0; i < n; i++) {
		cr_expect(eq(int, bind_table_build(&bad[i], 1, &t), -EINVAL), "case %u", i);
		cr_expect(t == NULL);
	}
	many = calloc(BINDINGS_MAX + 1, sizeof(*many));
	cr_assert(many != NULL);
	for (uint32_t i = 0; i <= BINDINGS_MAX; i++)
		many[i] = good;
	cr_expect(eq(int, bind_table_build(many, BINDINGS_MAX + 1, &t), -EINVAL));
	cr_expect(eq(int, bind_table_build(many, GROUP_MEMBERS_MAX + 1, &t), -EINVAL));
	cr_expect(t == NULL);
	cr_expect(eq(int, bind_table_build(many, GROUP_MEMBERS_MAX, &t), 0));
	bind_table_destroy(t);
	free(many);
}

/* Goal: no rules, no binding. Method: an empty table. */
Test(bind, empty_table)
{
	struct bind_table *t = table_of(NULL, 0);

	cr_expect(eq(u32, lookup_id(t, packet4_to(192, 0, 2, 1, 80), true), 0));
	cr_expect(not(bind_alive(t, 1, 1)));
	bind_table_destroy(t);
	bind_table_destroy(NULL);
}

/* Goal: conflicts are equal specificity and common sockets; equal identities alone are the same.
 * Method: a table of pairs, each asked both ways. */
Test(bind, conflicts)
{
	static const struct {
		struct rule_case a, b;
		bool conflicts, same;
	} cases[] = {
		{ { HOST1, 80, 80 }, { HOST1, 80, 80 }, true, true },
		{ { HOST1, 80, 80 }, { HOST1, 81, 81 }, false, false },
		{ { HOST1, 80, 80 }, { HOST2, 80, 80 }, false, false },
		{ { HOST1, 80, 80 }, { NET24, 80, 80 }, false, false },
		{ { HOST1, 80, 80 }, { HOST1, 70, 90 }, false, false },
		{ { HOST1, 70, 90 }, { HOST1, 80, 100 }, true, false },
		{ { HOST1, 70, 90 }, { HOST1, 90, 110 }, true, false },
		{ { HOST1, 70, 90 }, { HOST1, 91, 111 }, false, false },
		{ { HOST1, 70, 90 }, { HOST1, 80, 101 }, false, false },
		{ { ANY, 80, 80 }, { ANY4, 80, 80 }, false, false },
		{ { ANY4, 80, 80 }, { ANY6, 80, 80 }, false, false },
		{ { ANY, 1, 65535 }, { ANY, 1, 65535 }, true, true },
		{ { NET24, 80, 80 }, { FAMILY_IPV4, { 192, 0, 2, 5 }, 24, 80, 80 }, true, true },
		{ { NET24, 80, 80 }, { FAMILY_IPV4, { 192, 0, 2, 5 }, 25, 80, 80 }, false, false },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		const struct identity a = identity_of(&cases[i].a), b = identity_of(&cases[i].b);
		struct identity other = b;

		cr_expect(eq(int, bind_conflicts(&a, &b), cases[i].conflicts), "case %u", i);
		cr_expect(eq(int, bind_conflicts(&b, &a), cases[i].conflicts), "case %u", i);
		cr_expect(eq(int, bind_same(&a, &b), cases[i].same), "case %u", i);
		cr_expect(eq(int, bind_same(&b, &a), cases[i].same), "case %u", i);
		other.zone = 2;
		cr_expect(all(not(bind_conflicts(&a, &other)), not(bind_same(&a, &other))));
		other = b;
		other.proto = PROTO_UDP;
		cr_expect(all(not(bind_conflicts(&a, &other)), not(bind_same(&a, &other))));
	}
}

/* Goal: connected identities conflict only with their equals. Method: differ in one part. */
Test(bind, conflicts_of_connected)
{
	const struct bind_rule a = connected_rule(7, 5000, 1), b = connected_rule(7, 5000, 2);
	const struct bind_rule c = connected_rule(7, 5001, 3), d = connected_rule(8, 5000, 4);
	struct identity listener = a.identity;

	listener.connected = false;
	cr_expect(bind_conflicts(&a.identity, &b.identity));
	cr_expect(bind_same(&a.identity, &b.identity));
	cr_expect(not(bind_conflicts(&a.identity, &c.identity)));
	cr_expect(not(bind_conflicts(&a.identity, &d.identity)));
	cr_expect(not(bind_conflicts(&a.identity, &listener)));
	cr_expect(not(bind_conflicts(&listener, &a.identity)));
}

/* Goal: a binding without owner is found and hides what is less specific, but not a live member of
 * its own group. Method: take owners away one by one. */
Test(bind, dead_owners)
{
	const struct rule_case exact = { HOST1, 80, 80 }, wide = { ANY, 1, 65535 };
	struct bind_rule rules[3] = { rule_of(&exact, 7), rule_of(&exact, 3), rule_of(&wide, 1) };
	const struct flow_key p = packet4_to(192, 0, 2, 1, 80);
	struct bind_result r = { 0 };
	struct bind_table *t;

	rules[1].port = PORT_REF_NONE;
	t = table_of(rules, 3);
	for (uint64_t hash = 0; hash < 100; hash++) {
		cr_assert(eq(int, bind_lookup(t, &p, true, hash << 32, &r), BIND_MEMBER));
		cr_expect(eq(u32, r.id, 7));
		cr_expect(eq(u32, r.port, rules[0].port));
	}
	bind_table_destroy(t);
	rules[0].port = PORT_REF_NONE;
	t = table_of(rules, 3);
	cr_assert(eq(int, bind_lookup(t, &p, true, 9, &r), BIND_DEAD));
	cr_expect(eq(u32, r.id, 3));
	cr_expect(eq(u32, r.port, PORT_REF_NONE));
	bind_table_destroy(t);
}

static void
group_make(struct bind_rule *rules, unsigned n, const uint16_t *weights)
{
	const struct rule_case c = { HOST1, 80, 80 };

	for (unsigned i = 0; i < n; i++) {
		rules[i] = rule_of(&c, 100 + i);
		rules[i].weight = weights[i];
	}
}

static uint32_t
group_choice(const struct bind_table *t, uint64_t hash)
{
	const struct flow_key p = packet4_to(192, 0, 2, 1, 80);
	struct bind_result r = { 0 };

	cr_assert(eq(int, bind_lookup(t, &p, true, hash, &r), BIND_MEMBER));
	return r.id - 100;
}

/* Goal: new flows fall to members in proportion to their weights, from 1 to 255.
 * Method: 400,000 random flows; each share is within five standard deviations, and the thousandth
 * by which the logarithm may be off, of what is due. */
Test(bind, groups_share_by_weight)
{
	static const uint16_t weights[] = { 1, 2, 2, 10, 85, 255, 45 };
	enum { N = array_length(weights), FLOWS = 400000, TOTAL = 400 };
	const uint64_t seed = random_seed();
	struct random random = { seed };
	struct bind_rule rules[N];
	uint32_t share[N] = { 0 };
	struct bind_table *t;

	group_make(rules, N, weights);
	t = table_of(rules, N);
	for (unsigned i = 0; i < FLOWS; i++)
		share[group_choice(t, random_u64(&random))]++;
	for (unsigned i = 0; i < N; i++) {
		const double due = (double)FLOWS * weights[i] / TOTAL;
		const double off = share[i] - due;

		cr_expect(lt(dbl, off * off, 25 * due + 1e-6 * due * due),
			  "member %u: %u of %.0f, seed %lu", i, share[i], due, seed);
	}
	bind_table_destroy(t);
}

/* Goal: neighbouring hashes spread as well, as an owner's flows share the top of the low half.
 * Method: hashes that differ in few bits, equal weights. */
Test(bind, groups_share_neighbouring_hashes)
{
	static const uint16_t weights[4] = { 7, 7, 7, 7 };
	struct bind_rule rules[4];
	uint32_t share[4] = { 0 };
	struct bind_table *t;

	group_make(rules, 4, weights);
	t = table_of(rules, 4);
	for (unsigned i = 0; i < 40000; i++)
		share[group_choice(t, 0xf8000000u + i)]++;
	for (unsigned i = 0; i < 4; i++) {
		cr_expect(gt(u32, share[i], 9500));
		cr_expect(lt(u32, share[i], 10500));
	}
	bind_table_destroy(t);
}

/* Goal: a member that dies or is removed moves only its own flows, a new one only takes flows.
 * Method: the same flows against the group whole, with one dead, with one removed. */
Test(bind, groups_move_little)
{
	static const uint16_t weights[] = { 3, 1, 200, 40, 40, 7 };
	enum { N = array_length(weights), GONE = 2, FLOWS = 20000 };
	struct random random = { random_seed() };
	struct bind_rule rules[N];
	struct bind_table *whole, *dead, *removed;

	group_make(rules, N, weights);
	whole = table_of(rules, N);
	rules[GONE].port = PORT_REF_NONE;
	dead = table_of(rules, N);
	memmove(&rules[GONE], &rules[GONE + 1], (N - GONE - 1) * sizeof(rules[0]));
	removed = table_of(rules, N - 1);
	for (unsigned i = 0; i < FLOWS; i++) {
		const uint64_t hash = random_u64(&random);
		const uint32_t before = group_choice(whole, hash);
		const uint32_t after = group_choice(dead, hash);

		cr_assert(eq(u32, after, group_choice(removed, hash)));
		cr_assert(ne(u32, after, GONE));
		if (before != GONE)
			cr_assert(eq(u32, after, before));
	}
	bind_table_destroy(whole);
	bind_table_destroy(dead);
	bind_table_destroy(removed);
}

static bool
owned_by(port_ref port, void *context)
{
	return port == *(port_ref *)context;
}

/* Goal: a packet may be sent by whoever would receive the answer, any member of the group; a more
 * specific binding of another hides a less specific one of ours. Method: ask for several owners. */
Test(bind, source_of)
{
	const struct rule_case host = { HOST1, 80, 80 }, wide = { ANY, 1, 65535 };
	struct bind_rule rules[4] = { rule_of(&host, 1), rule_of(&host, 2), rule_of(&host, 3),
				      rule_of(&wide, 4) };
	static const struct {
		uint8_t last;
		uint16_t port;
		bool local;
		uint32_t owner, id;
	} cases[] = {
		{ 1, 80, true, 1, 1 }, { 1, 80, true, 2, 2 },  { 1, 80, true, 3, 0 },
		{ 1, 80, true, 4, 0 }, { 1, 81, true, 4, 4 },  { 1, 81, true, 1, 0 },
		{ 9, 80, true, 4, 4 }, { 9, 80, false, 4, 0 }, { 1, 80, false, 1, 1 },
	};
	struct bind_table *t;

	rules[2].port = PORT_REF_NONE;
	t = table_of(rules, 4);
	for (unsigned i = 0; i < array_length(cases); i++) {
		const struct flow_key answer = packet4_to(192, 0, 2, cases[i].last, cases[i].port);
		const struct flow_key p = flow_key_reverse(&answer);
		port_ref owner = port_ref_make((uint16_t)cases[i].owner, 1);
		struct bind_result r = { 0 };

		cr_expect(eq(int, bind_source_of(t, &p, cases[i].local, owned_by, &owner, &r),
			     cases[i].id != 0),
			  "case %u", i);
		cr_expect(eq(u32, r.id, cases[i].id), "case %u", i);
		cr_expect(eq(u32, r.port, cases[i].id != 0 ? owner : 0), "case %u", i);
	}
	bind_table_destroy(t);
}

/* Goal: a binding is alive with its own port only. Method: right, wrong and missing pairs. */
Test(bind, alive)
{
	const struct rule_case c = { HOST1, 1, 1 };
	struct bind_rule rules[50];
	struct bind_table *t;

	for (uint32_t i = 0; i < 50; i++) {
		rules[i] = rule_of(&c, 1000 - 7 * i);
		rules[i].identity.port_first = rules[i].identity.port_last = (uint16_t)(i + 1);
	}
	rules[9].port = PORT_REF_NONE;
	t = table_of(rules, 50);
	for (uint32_t i = 0; i < 50; i++) {
		const uint32_t id = rules[i].id;

		cr_expect(eq(int, bind_alive(t, id, rules[i].port), i != 9), "rule %u", i);
		cr_expect(not(bind_alive(t, id, port_ref_make((uint16_t)id, 2))));
		cr_expect(not(bind_alive(t, id + 1, rules[i].port)));
		cr_expect(not(bind_alive(t, id, PORT_REF_NONE)));
	}
	bind_table_destroy(t);
}

/* Goal: the largest table is built, whatever its shape, and answers right. Method: all ports of one
 * address; nested ranges of one address; a host each; time is printed, not judged. */
Test(bind, largest_tables)
{
	struct bind_rule *rules = calloc(BINDINGS_MAX, sizeof(*rules));

	cr_assert(rules != NULL);
	for (unsigned shape = 0; shape < 3; shape++) {
		uint64_t start_ms;
		struct bind_table *t;

		for (uint32_t i = 0; i < BINDINGS_MAX; i++) {
			struct rule_case c = { HOST1, 1, 65535 };

			if (shape == 0)
				c.first = c.last = (uint16_t)(i % 65535 + 1);
			if (shape == 1) {
				c.first = (uint16_t)(i / 2 + 1);
				c.last = (uint16_t)(65535 - (i + 1) / 2);
			}
			if (shape == 2) {
				c.bytes[1] = (uint8_t)(i >> 8);
				c.bytes[2] = (uint8_t)i;
			}
			if (c.first > c.last)
				c.first = c.last = 32768;
			rules[i] = rule_of(&c, i + 1);
		}
		start_ms = clock_monotonic_ms();
		t = table_of(rules, BINDINGS_MAX);
		cr_log_info("shape %u built in %lu ms", shape, clock_monotonic_ms() - start_ms);
		for (uint32_t i = 0; i < BINDINGS_MAX - 1; i += 97) {
			const struct flow_key p =
				shape == 2   ? packet4_to(192, (uint8_t)(i >> 8), (uint8_t)i, 1, 5)
				: shape == 1 ? packet4_to(192, 0, 2, 1,
							  i % 2 == 1 ? rules[i].identity.port_first
								     : rules[i].identity.port_last)
					     : packet4_to(192, 0, 2, 1, (uint16_t)(i + 1));

			if (shape == 0 && i == 0)
				continue; /* port 1 has two */
			cr_assert(eq(u32, lookup_id(t, p, true), i + 1), "shape %u rule %u", shape,
				  i);
		}
		bind_table_destroy(t);
	}
	free(rules);
}
