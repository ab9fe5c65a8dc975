/* SPDX-License-Identifier: BSD-3-Clause */
/* test_bindings.c: who may own which socket identity. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

#include "control/bindings.h"
#include "control/route.h"
#include "tests/support/fake_dataplane.h"

static struct bindings *registry;
static struct config_grant grants[] = {
	{ .uid = 1001, .gid = UINT32_MAX, .proto = PROTO_TCP, .port_first = 80, .port_last = 80 },
	{ .uid = UINT32_MAX, .gid = 2000, .proto = 0, .port_first = 500, .port_last = 600 },
	{ .uid = UINT32_MAX,
	  .gid = 2000,
	  .proto = PROTO_UDP,
	  .port_first = 601,
	  .port_last = 1023 },
	{ .uid = UINT32_MAX,
	  .gid = UINT32_MAX,
	  .proto = PROTO_UDP,
	  .port_first = 53,
	  .port_last = 53 },
	{ .uid = 1002, .gid = 3000, .proto = 0, .port_first = 443, .port_last = 443 },
	{ .uid = 1003, .gid = UINT32_MAX, .proto = 0, .port_first = 18440, .port_last = 18445 },
};

static const struct config_ports privileged[] = { { PROTO_TCP, 18443, 18450 },
						  { 0, 15432, 15432 } };

static struct bindings_options options = { .daemon_uid = 900,
					   .quota = 70,
					   .privileged_count = 2,
					   .privileged = privileged,
					   .grants_count = sizeof(grants) / sizeof(grants[0]),
					   .grants = grants };

static void
setup(void)
{
	fake_dataplane_reset();
	options.links = &fake.links;
	cr_assert(eq(int, bindings_create(&options, &registry), 0));
}

static void
teardown(void)
{
	bindings_destroy(registry);
}

TestSuite(bindings, .init = setup, .fini = teardown);

static struct identity
identity(const char *text)
{
	struct identity id;
	const char *why = "";

	cr_assert(eq(int, identity_parse(text, &id, &why), 0), "%s: %s", text, why);
	return id;
}

/* Binds for a port `port` of user `uid`, `by` the bits 1 shared, 2 reuse; returns the status. */
static int
bind_by(uid_t uid, uint16_t port, unsigned by, const char *text, char why[MESSAGE_TEXT_BYTES])
{
	const struct credentials who = { .uid = uid, .gid = uid, .pid = 42 };
	const struct binding *out;
	struct binding want = { .identity = identity(text),
				.shared = (by & 1) != 0,
				.reuse = (by & 2) != 0,
				.weight = 1,
				.port = port_ref_make(port, 1),
				.pid = 42,
				.uid = uid,
				.app_name = "tester" };

	return bindings_add(registry, &want, &who, &out, why);
}

static int
bind_as(uid_t uid, uint16_t port, bool shared, const char *text, char why[MESSAGE_TEXT_BYTES])
{
	return bind_by(uid, port, shared, text, why);
}

/* Goal: rule T7: ports below 1024 need root or a grant; grants combine, a user of a grant with a
 * group needs both.
 * Method: a table of users, protocols and ranges. */
Test(bindings, low_ports_need_root_or_a_grant)
{
	static const gid_t many[] = { 7, 2000 };
	static const struct {
		uid_t uid;
		gid_t gid;
		bool in_many;
		uint8_t proto;
		uint16_t first, last;
		bool allowed;
	} cases[] = {
		{ 0, 0, false, PROTO_TCP, 1, 65535, true },
		{ 1001, 1, false, PROTO_TCP, 80, 80, true },
		{ 1001, 1, false, PROTO_UDP, 80, 80, false },
		{ 1001, 1, false, PROTO_TCP, 80, 81, false },
		{ 1001, 1, false, PROTO_TCP, 79, 80, false },
		{ 1009, 1, false, PROTO_TCP, 80, 80, false },
		{ 1009, 1, false, PROTO_TCP, 1023, 1023, false },
		{ 1009, 1, false, PROTO_TCP, 1024, 5000, true },
		{ 1009, 1, false, PROTO_UDP, 53, 53, true },
		{ 1009, 2000, false, PROTO_TCP, 500, 600, true },
		{ 1009, 1, true, PROTO_TCP, 500, 600, true }, /* supplementary group */
		{ 1009, 1, true, PROTO_TCP, 500, 601, false },
		{ 1009, 1, true, PROTO_UDP, 500, 5000, true }, /* two grants adjoin */
		{ 1002, 1, false, PROTO_TCP, 443, 443, false },
		{ 1009, 3000, false, PROTO_TCP, 443, 443, false },
		{ 1002, 3000, false, PROTO_TCP, 443, 443, true },
		/* what the configuration adds */
		{ 1009, 1, false, PROTO_TCP, 18443, 18443, false },
		{ 1009, 1, false, PROTO_UDP, 18443, 18443, true },
		{ 1009, 1, false, PROTO_UDP, 15432, 15432, false },
		{ 1009, 1, false, PROTO_TCP, 18451, 65535, true },
		{ 1009, 1, false, PROTO_TCP, 1024, 15431, true },
		{ 1009, 1, false, PROTO_TCP, 1024, 15432, false },
		{ 1003, 1, false, PROTO_TCP, 18443, 18445, true },
		{ 1003, 1, false, PROTO_TCP, 18440, 18446, false },
		{ 1003, 1, false, PROTO_UDP, 18440, 18446, true },
		{ 0, 0, false, PROTO_TCP, 18443, 18443, true },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		gid_t groups[2];
		struct credentials who = { .uid = cases[i].uid, .gid = cases[i].gid };

		memcpy(groups, many, sizeof(groups));
		who.groups = groups;
		who.groups_count = cases[i].in_many ? 2 : 0;
		cr_assert(eq(int,
			     permission_ports(&options, &who, cases[i].proto, cases[i].first,
					      cases[i].last) == 0,
			     cases[i].allowed),
			  "row %u", i);
	}
}

/* Goal: of two bindings that claim the same sockets the second is refused with the owner's name,
 * unless both consent and belong to one user; root is no exception (B1, B2).
 * Method: bind the first of each row as one user, then the second as another or the same. */
Test(bindings, conflicts_are_refused)
{
	enum { NO, SHARED, REUSE, BOTH };
	static const struct {
		const char *first, *second;
		unsigned first_by, second_by;
		uid_t second_uid;
		int status;
	} cases[] = {
		{ "tcp/192.0.2.1:8080", "tcp/192.0.2.1:8080", NO, NO, 1001, -EADDRINUSE },
		{ "tcp/192.0.2.1:8080", "udp/192.0.2.1:8080", NO, NO, 1002, 0 },
		{ "tcp/192.0.2.1:8080", "tcp/192.0.2.1:8081", NO, NO, 1002, 0 },
		{ "tcp/192.0.2.1:8080", "tcp/192.0.2.2:8080", NO, NO, 0, 0 },
		{ "tcp/*:8080", "tcp/192.0.2.1:8080", NO, NO, 1001, -EADDRINUSE },
		{ "tcp/*:8080", "tcp/192.0.2.1:8080", NO, NO, 1002, -EADDRINUSE },
		{ "tcp/*:8080", "tcp/192.0.2.1:8080", NO, NO, 0, -EADDRINUSE },
		{ "tcp/192.0.2.1:8080", "tcp/*:8080", NO, NO, 1002, -EADDRINUSE },
		{ "tcp/*:8080", "tcp/0.0.0.0:8080", NO, NO, 1001, -EADDRINUSE },
		{ "tcp/[::]:8080", "tcp/0.0.0.0:8080", NO, NO, 1002, 0 },
		/* consent */
		{ "tcp/*:8080", "tcp/192.0.2.1:8080", SHARED, SHARED, 1001, 0 },
		{ "tcp/*:8080", "tcp/192.0.2.1:8080", SHARED, NO, 1001, -EADDRINUSE },
		{ "tcp/*:8080", "tcp/192.0.2.1:8080", SHARED, SHARED, 1002, -EADDRINUSE },
		{ "tcp/*:8080", "tcp/*:8080", REUSE, REUSE, 1001, -EADDRINUSE },
		{ "udp/*:8080", "udp/*:8080", REUSE, REUSE, 1001, 0 },
		{ "udp/*:8080", "udp/*:8080", REUSE, REUSE, 1002, -EADDRINUSE },
		{ "udp/*:8080", "udp/*:8080", REUSE, SHARED, 1001, -EADDRINUSE },
		{ "udp/*:8080", "udp/*:8080", REUSE, BOTH, 1001, 0 },
		/* ranges and prefixes give way to single ports, and take none */
		{ "tcp/*:8080", "tcp/*:8000-9000", NO, NO, 1002, 0 },
		{ "tcp/*:8000-9000", "tcp/192.0.2.1:8080", NO, NO, 1002, 0 },
		{ "tcp/*:8000-9000", "tcp/192.0.2.1:8080-8090", NO, NO, 1002, 0 },
		{ "tcp/*:8080", "tcp/192.0.2.1:8000-9000", NO, NO, 1002, -EADDRINUSE },
		{ "tcp/192.0.2.1:8000-9000", "tcp/*:8080", NO, NO, 1002, -EADDRINUSE },
		{ "tcp/*:8080", "tcp/192.0.2.0/24:8080", NO, NO, 0, -EADDRINUSE },
		{ "tcp/*:8000-9000", "tcp/*:8000-9000", NO, NO, 1002, -EADDRINUSE },
		{ "tcp/*:8000-9000", "tcp/*:8000-9000", SHARED, SHARED, 1001, 0 },
		{ "tcp/*:8000-9000", "tcp/*:8001-9001", SHARED, SHARED, 1001, -EADDRINUSE },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		char why[MESSAGE_TEXT_BYTES] = "";

		teardown();
		setup();
		cr_assert(eq(int, bind_by(1001, 1, cases[i].first_by, cases[i].first, why), 0),
			  "row %u: %s", i, why);
		cr_assert(eq(int,
			     bind_by(cases[i].second_uid, 2, cases[i].second_by, cases[i].second,
				     why),
			     cases[i].status),
			  "row %u: %s", i, why);
		if (cases[i].status != 0)
			cr_assert(strstr(why, "tester (pid 42)") != NULL, "row %u: %s", i, why);
	}
}

/* Goal: a group is one user's, of ports that all asked for it, and bounded.
 * Method: join, then join wrongly, then fill it up. */
Test(bindings, groups_are_one_users)
{
	char why[MESSAGE_TEXT_BYTES];

	cr_assert(eq(int, bind_as(1001, 1, true, "udp/*:5000", why), 0));
	cr_assert(eq(int, bind_as(1001, 2, true, "udp/*:5000", why), 0));
	cr_assert(eq(int, bind_as(1001, 2, true, "udp/*:5000", why), -EADDRINUSE), "same port");
	cr_assert(eq(int, bind_as(1001, 3, false, "udp/*:5000", why), -EADDRINUSE), "not shared");
	cr_assert(eq(int, bind_as(1002, 3, true, "udp/*:5000", why), -EADDRINUSE), "another user");
	cr_assert(eq(int, bind_as(0, 3, true, "udp/*:5000", why), -EADDRINUSE), "not even root");
	for (uint16_t port = 3; port <= GROUP_MEMBERS_MAX; port++)
		cr_assert(eq(int, bind_as(1001, port, true, "udp/*:5000", why), 0));
	cr_assert(eq(int, bind_as(1001, 1000, true, "udp/*:5000", why), -ENOSPC));
}

/* Goal: a quota is per user, and what is removed counts no more.
 * Method: fill it, remove one, bind again. */
Test(bindings, quota_is_per_user)
{
	char why[MESSAGE_TEXT_BYTES], text[64];

	for (unsigned i = 0; i < 70; i++) {
		snprintf(text, sizeof(text), "udp/*:%u", 2000 + i);
		cr_assert(eq(int, bind_as(1001, 1, false, text, why), 0));
	}
	cr_assert(eq(int, bind_as(1001, 1, false, "udp/*:3000", why), -EDQUOT));
	cr_assert(eq(int, bind_as(1002, 2, false, "udp/*:3000", why), 0));
	cr_assert(bindings_remove(registry, bindings_at(registry, 0)->id));
	cr_assert(eq(int, bind_as(1001, 1, false, "udp/*:3001", why), 0));
	cr_assert(eq(u32, bindings_remove_port(registry, port_ref_make(1, 1)), 70));
	cr_assert(eq(u32, bindings_count(registry), 1));
	cr_assert(not(bindings_remove(registry, 1)));
}

/* Goal: who is neither root nor the daemon's user binds our own addresses only, so that nobody can
 * send from another's; a zone without addresses takes all.
 * Method: foreign addresses as several users, then without addresses. */
Test(bindings, foreign_addresses_are_for_root)
{
	char why[MESSAGE_TEXT_BYTES];

	cr_assert(eq(int, bind_as(1001, 1, false, "udp/8.8.8.8:5000", why), -EADDRNOTAVAIL));
	cr_assert(eq(int, bind_as(1001, 1, false, "udp/192.0.2.0/24:5000", why), -EACCES));
	cr_assert(eq(int, bind_as(0, 1, false, "udp/8.8.8.8:5000", why), 0));
	cr_assert(eq(int, bind_as(900, 1, false, "udp/8.8.8.9:5000", why), 0));
	cr_assert(eq(int, bind_as(1001, 1, false, "udp/*:5000@7", why), -EADDRNOTAVAIL));
	fake.links.links[0].addresses_count = 0;
	cr_assert(eq(int, bind_as(1001, 1, false, "udp/9.9.9.9:5000", why), 0));
}

/* Goal: whatever bytes an identity holds, it is refused or sound.
 * Method: one broken field per case. */
Test(bindings, broken_identities_are_refused)
{
	const struct credentials root = { .uid = 0 };
	struct identity good = identity("udp/192.0.2.1:5000");
	char why[MESSAGE_TEXT_BYTES];

	for (unsigned i = 0; i < 12; i++) {
		struct binding want = { .identity = good, .port = port_ref_make(1, 1) };
		struct identity *id = &want.identity;
		const struct binding *out;

		switch (i) {
		case 0:
			id->proto = PROTO_ICMP;
			break;
		case 1:
			id->zone = ZONES_MAX;
			break;
		case 2:
			id->local.address.family = 5;
			break;
		case 3:
			id->local.length = 33;
			break;
		case 4:
			id->local.address.bytes[15] = 1;
			break;
		case 5:
			id->port_first = 0;
			break;
		case 6:
			id->port_last = 4999;
			break;
		case 7:
			id->remote_port = 1;
			break;
		case 8:
			id->connected = true;
			break;
		case 9:
			id->connected = true;
			id->remote = (struct address){ { 1, 2, 3, 4 }, FAMILY_IPV4 };
			break;
		case 10:
			id->connected = true;
			id->remote = (struct address){ { 1, 2, 3, 4 }, FAMILY_IPV6 };
			id->remote_port = 9;
			break;
		default:
			id->local = (struct prefix){ .length = 1 };
		}
		cr_assert(eq(int, bindings_add(registry, &want, &root, &out, why), -EINVAL),
			  "case %u", i);
	}
	cr_assert(eq(u32, bindings_count(registry), 0));
}

/* Goal: our address follows the longest on-link prefix, else the gateway.
 * Method: two links, one of them a narrower network; then no gateway. */
Test(bindings, route_prefers_the_longest_prefix)
{
	struct link *l = &fake.links.links[1];
	struct address remote, local;

	fake.links.count = 2;
	l->addresses_count = 1;
	cr_assert(eq(int, prefix_parse("192.0.2.129/25", &l->addresses[0]), 0));
	cr_assert(eq(int, address_parse("192.0.2.200", &remote), 0));
	cr_assert(eq(int, route_source(&fake.links, 0, &remote, &local), 0));
	cr_assert(eq(u8, local.bytes[3], 129));
	cr_assert(eq(int, address_parse("192.0.2.100", &remote), 0));
	cr_assert(eq(int, route_source(&fake.links, 0, &remote, &local), 0));
	cr_assert(eq(u8, local.bytes[3], 1));
	cr_assert(eq(int, address_parse("10.0.0.1", &remote), 0));
	cr_assert(eq(int, route_source(&fake.links, 0, &remote, &local), 0));
	cr_assert(eq(int, route_source(&fake.links, 1, &remote, &local), -ENETUNREACH));
	fake.links.links[0].gateway[0].family = FAMILY_ANY;
	cr_assert(eq(int, route_source(&fake.links, 0, &remote, &local), -ENETUNREACH));
	cr_assert(eq(int, address_parse("fe80::5", &remote), 0));
	cr_assert(eq(int, route_source(&fake.links, 0, &remote, &local), -ENETUNREACH));
}

/* Goal: the rules for the workers are the registry's, in full.
 * Method: bind three and build a table of them. */
Test(bindings, rules_make_a_table)
{
	struct bind_table *table;
	struct bind_rule rules[3];
	char why[MESSAGE_TEXT_BYTES];

	cr_assert(eq(int, bind_as(1001, 1, true, "udp/*:5000", why), 0));
	cr_assert(eq(int, bind_as(1001, 2, true, "udp/*:5000", why), 0));
	cr_assert(eq(int, bind_as(1001, 2, false, "tcp/[2001:db8::1]:5000-6000", why), 0));
	bindings_rules(registry, rules);
	cr_assert(eq(u32, rules[2].port, port_ref_make(2, 1)));
	cr_assert(rules[0].id != rules[1].id && rules[0].id != 0);
	cr_assert(rules[2].alone && !rules[0].alone && !rules[0].passive);
	cr_assert(eq(int, bind_table_build(rules, 3, &table), 0));
	bind_table_destroy(table);
	cr_assert(eq(u32, bindings_drain_port(registry, port_ref_make(2, 1)), 2));
	bindings_rules(registry, rules);
	cr_assert(rules[1].passive && rules[2].passive && !rules[0].passive);
}
