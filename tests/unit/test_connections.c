/* SPDX-License-Identifier: BSD-3-Clause */
/* test_connections.c: who may have which connected socket, and how many. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdio.h>

#include "control/connections.h"
#include "tests/support/fake_dataplane.h"

#define QUOTA 12u

static struct bindings *registry;
static struct connections *connections;
static char why[MESSAGE_TEXT_BYTES];
static const struct config_grant grants[] = {
	{ .uid = UINT32_MAX,
	  .gid = UINT32_MAX,
	  .proto = PROTO_UDP,
	  .port_first = 53,
	  .port_last = 53 },
};

static void
setup(void)
{
	const struct bindings_options rules = { .daemon_uid = 900,
						.quota = 70,
						.links = &fake.links,
						.grants_count = 1,
						.grants = grants };
	struct connections_options options = { .quota = QUOTA,
					       .ephemeral_first = 50000,
					       .ephemeral_last = 50009 };

	fake_dataplane_reset();
	fake.workers = 2;
	cr_assert(eq(int, bindings_create(&rules, &registry), 0));
	options.dp = fake_dataplane();
	options.bindings = registry;
	cr_assert(eq(int, connections_create(&options, &connections), 0));
}

static void
teardown(void)
{
	connections_destroy(connections);
	bindings_destroy(registry);
}

TestSuite(connections, .init = setup, .fini = teardown);

static int
bind_as(uid_t uid, const char *text)
{
	const struct credentials who = { .uid = uid };
	const struct binding *out;
	struct binding want = { .weight = 1, .port = port_ref_make(9, 1), .uid = uid };

	cr_assert(eq(int, identity_parse(text, &want.identity, NULL), 0), "%s", text);
	return bindings_add(registry, &want, &who, &out, why);
}

/* A socket of port `uid` % 100: "PROTO/REMOTE:PORT", from `local` ("": any) and `port` (0: any). */
static int
connect_from(uid_t uid, const char *local, uint16_t port, const char *remote,
	     struct connection *out)
{
	const struct credentials who = { .uid = uid, .gid = uid };
	struct binding want = { .port = port_ref_make((uint16_t)(uid % 100), 1), .uid = uid };
	struct identity *id = &want.identity, given;

	cr_assert(eq(int, identity_parse(remote, &given, NULL), 0), "%s", remote);
	*id = (struct identity){ .connected = true,
				 .proto = given.proto,
				 .zone = given.zone,
				 .remote = given.local.address,
				 .remote_port = given.port_first,
				 .port_first = port,
				 .port_last = port };
	if (local[0] != '\0')
		cr_assert(eq(int, prefix_parse(local, &id->local), 0));
	return connections_open(connections, &want, &who, out, why);
}

static int
connect_as(uid_t uid, const char *remote, struct connection *out)
{
	return connect_from(uid, "", 0, remote, out);
}

/* Goal: a socket gets our address on the way to the remote, and a port that is its own for that
 * remote only: each has all of the range, until that runs out with a sentence that says what would
 * help. */
Test(connections, each_remote_has_the_range)
{
	bool seen[10] = { false };
	struct connection c;
	uid_t uid = 1000;

	for (unsigned i = 0; i < 10; i++) {
		cr_assert(eq(int, connect_as(uid + i % 2, "udp/198.51.100.7:53", &c), 0), "%s",
			  why);
		const uint16_t port = c.identity.port_first;

		cr_assert(connect_is(c.id));
		cr_assert(eq(u16, c.identity.port_last, port));
		cr_assert(port >= 50000 && port <= 50009 && !seen[port - 50000]);
		seen[port - 50000] = true;
		cr_assert(all(eq(u8, c.identity.local.address.bytes[3], 1),
			      eq(u8, c.identity.local.length, 32)));
	}
	cr_assert(eq(int, connect_as(uid, "udp/198.51.100.7:53", &c), -EADDRNOTAVAIL));
	cr_assert(strstr(why, "50000-50009") != NULL && strstr(why, "198.51.100.7 port 53") != NULL,
		  "%s", why);
	cr_assert(strstr(why, "ephemeral") != NULL, "%s", why);
	cr_expect(eq(int, connect_as(uid, "udp/198.51.100.7:54", &c), 0));
	cr_expect(eq(int, connect_as(uid, "udp/198.51.100.8:53", &c), 0));
	cr_expect(eq(int, connect_as(uid, "tcp/198.51.100.7:53", &c), 0));
	cr_assert(eq(int, connect_as(uid + 1, "udp/[2001:db8:1::7]:53", &c), 0), "%s", why);
	cr_expect(eq(u8, c.identity.local.address.family, FAMILY_IPV6));
	cr_expect(eq(int, connect_as(uid, "udp/198.51.100.7:53@7", &c), -ENETUNREACH));
}

/* Goal: a chosen port is none that is bound on that address, also none bound since the last search
 * was in vain and unbound again; a named one obeys the rules of bindings. */
Test(connections, bound_ports_are_respected)
{
	struct connection c;
	char text[64];

	for (unsigned i = 0; i < 9; i++) {
		snprintf(text, sizeof(text), i % 2 == 0 ? "udp/*:%u" : "udp/192.0.2.1:%u",
			 50000 + i);
		cr_assert(eq(int, bind_as(1002, text), 0));
	}
	cr_assert(eq(int, bind_as(1002, "udp/*:50000-50009"), 0));
	cr_assert(eq(int, bind_as(1002, "tcp/*:50009"), 0));
	cr_assert(eq(int, connect_as(1001, "udp/198.51.100.7:53", &c), 0));
	cr_expect(eq(u16, c.identity.port_first, 50009));
	cr_expect(eq(int, connect_as(1001, "udp/198.51.100.7:53", &c), -EADDRNOTAVAIL));
	cr_assert(bindings_remove(registry, bindings_at(registry, 4)->id));
	cr_assert(eq(int, connect_as(1001, "udp/198.51.100.7:53", &c), 0));
	cr_expect(eq(u16, c.identity.port_first, 50004));
	/* 2001:db8::1 is not 192.0.2.1: four of the ports are bound for IPv4 only, two for nobody.
	 */
	for (unsigned i = 0; i < 6; i++) {
		cr_assert(eq(int, connect_as(1003, "udp/[2001:db8::7]:53", &c), 0));
		cr_expect(c.identity.port_first % 2 == 1 || c.identity.port_first == 50004, "%u",
			  c.identity.port_first);
	}
	cr_expect(eq(int, connect_as(1003, "udp/[2001:db8::7]:53", &c), -EADDRNOTAVAIL));

	cr_expect(eq(int, connect_from(1001, "192.0.2.1", 50003, "udp/198.51.100.7:53", &c),
		     -EADDRINUSE));
	cr_expect(eq(int, connect_from(1002, "192.0.2.1", 50003, "udp/198.51.100.7:53", &c), 0));
	cr_expect(eq(int, connect_from(1001, "", 53, "udp/198.51.100.7:53", &c), 0));
	cr_expect(eq(int, connect_from(1001, "", 54, "udp/198.51.100.7:53", &c), -EACCES));
	cr_expect(eq(int, connect_from(1001, "192.0.2.9", 0, "udp/198.51.100.7:53", &c),
		     -EADDRNOTAVAIL));
}

/* Goal: what closes is free at once for UDP, and in quarantine for TCP, which the refusal says; the
 * pair of an open socket is refused. */
Test(connections, closing_and_quarantine)
{
	struct connection udp, tcp, again;

	cr_assert(eq(int, connect_from(1001, "", 50003, "udp/198.51.100.7:53", &udp), 0));
	cr_assert(eq(int, connect_from(1001, "", 50003, "tcp/198.51.100.7:53", &tcp), 0));
	cr_expect(
		eq(int, connect_from(1001, "", 50003, "udp/198.51.100.7:53", &again), -EADDRINUSE));
	cr_expect(strstr(why, "is connected already") != NULL, "%s", why);
	cr_expect(eq(u32, connections_port(connections, udp.id), port_ref_make(1, 1)));
	connections_close(connections, udp.id);
	connections_close(connections, tcp.id);
	cr_expect(eq(u32, connections_port(connections, udp.id), PORT_REF_NONE));
	cr_expect(eq(int, connect_from(1002, "", 50003, "udp/198.51.100.7:53", &again), 0));
	cr_expect(ne(u32, again.id, udp.id));
	cr_expect(
		eq(int, connect_from(1002, "", 50003, "tcp/198.51.100.7:53", &again), -EADDRINUSE));
	cr_expect(strstr(why, "TIME-WAIT") != NULL, "%s", why);
	cr_expect(eq(u32, connections_paid(connections, 1001), 1));
}

/* Goal: a quota is per user and counts what is in quarantine; the death of a port gives back what
 * has none. */
Test(connections, quota_is_per_user)
{
	struct connection c;
	char text[64];

	for (unsigned i = 0; i < QUOTA; i++) {
		snprintf(text, sizeof(text),
			 i % 4 == 0 ? "tcp/198.51.100.7:%u" : "udp/198.51.100.7:%u", 1000 + i);
		cr_assert(eq(int, connect_as(1001, text, &c), 0), "%s", why);
	}
	cr_expect(eq(int, connect_as(1001, "udp/198.51.100.7:53", &c), -EDQUOT));
	cr_expect(strstr(why, "quota.connections") != NULL, "%s", why);
	cr_expect(eq(int, connect_as(1002, "udp/198.51.100.7:53", &c), 0));
	connections_close_port(connections, port_ref_make(1, 1));
	connections_step(connections);
	cr_expect(eq(u32, connections_paid(connections, 1001), QUOTA / 4));
	for (unsigned i = 0; i < QUOTA - QUOTA / 4; i++) {
		snprintf(text, sizeof(text), "udp/198.51.100.9:%u", 1000 + i);
		cr_assert(eq(int, connect_as(1001, text, &c), 0), "%s", why);
	}
	cr_expect(eq(int, connect_as(1001, "udp/198.51.100.7:53", &c), -EDQUOT));
}

/* Goal: a table that is full says so, and what to configure. */
Test(connections, the_table_is_bounded)
{
	struct connection c;
	char text[64];
	int rc = 0;

	for (unsigned i = 0; rc == 0; i++) {
		snprintf(text, sizeof(text), "udp/198.51.100.7:%u", 1 + i);
		rc = connect_as(1000 + i / QUOTA, text, &c);
		cr_assert(le(u32, i, FLOW_CAPACITY_MIN));
	}
	cr_expect(eq(int, rc, -ENOSPC));
	cr_expect(strstr(why, "connections.capacity") != NULL, "%s", why);
}

/* Goal: who asks for any port gets one of the range that is not bound; who names one that another
 * user's sockets have is refused, as Linux does, and gets it once they are closed. */
Test(connections, ports_for_bindings)
{
	struct identity want, none;
	struct connection c;
	char text[64];

	cr_assert(eq(int, identity_parse("udp/192.0.2.1:1", &none, NULL), 0));
	none.port_first = none.port_last = 0;
	for (unsigned i = 0; i < 10; i++) {
		want = none;
		cr_assert(eq(int, connections_choose(connections, &want, why), 0));
		cr_assert(want.port_first >= 50000 && want.port_first <= 50009);
		cr_assert(eq(u16, want.port_first, want.port_last));
		snprintf(text, sizeof(text), "udp/192.0.2.1:%u", want.port_first);
		cr_assert(eq(int, bind_as(1001, text), 0), "%s", why);
	}
	want = none;
	cr_expect(eq(int, connections_choose(connections, &want, why), -EADDRNOTAVAIL));
	cr_expect(strstr(why, "50000-50009") != NULL, "%s", why);

	cr_assert(eq(int, connect_from(1001, "", 6000, "udp/198.51.100.7:53", &c), 0));
	cr_assert(eq(int, identity_parse("udp/*:6000", &want, NULL), 0));
	cr_expect(eq(int, connections_admit(connections, &want, 1002, why), -EADDRINUSE));
	cr_expect(strstr(why, "198.51.100.7") != NULL, "%s", why);
	cr_expect(eq(int, connections_admit(connections, &want, 1001, why), 0));
	cr_assert(eq(int, identity_parse("udp/[::]:6000", &want, NULL), 0));
	cr_expect(eq(int, connections_admit(connections, &want, 1002, why), 0));
	cr_assert(eq(int, identity_parse("udp/*:6000-6001", &want, NULL), 0));
	cr_expect(eq(int, connections_admit(connections, &want, 1002, why), 0));
	cr_assert(eq(int, identity_parse("udp/*:6000", &want, NULL), 0));
	connections_close(connections, c.id);
	cr_expect(eq(int, connections_admit(connections, &want, 1002, why), 0));
}

/* Goal: where all answers of a remote come to one worker, that worker owns the socket's flow. */
Test(connections, owners_are_where_answers_arrive)
{
	struct connection c;

	fake.answers_at = 1;
	for (unsigned i = 0; i < 3; i++) {
		cr_assert(eq(int, connect_as(1001, "udp/198.51.100.7:53", &c), 0));
		cr_expect(eq(u16, c.owner, 1));
	}
}
