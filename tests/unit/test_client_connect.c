/* SPDX-License-Identifier: BSD-3-Clause */
/* test_client_connect.c: connected sockets and chosen ports as libberth sees them. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>

#include "client/client_priv.h"
#include "common/base/check.h"
#include "tests/support/fake_daemon.h"

TestSuite(client_connect, .timeout = 60);

#define ID 0x80000123u

/* What berthd answers to the next request, and what it was asked. */
struct script {
	struct message_reply reply;
	struct message_request asked;
};

static void
play(struct fake_daemon *d, void *context)
{
	struct script *s = context;

	fake_serve(d, MESSAGE_HELLO);
	fake_serve(d, MESSAGE_PORT_OPEN);
	while (fake_take(d, &s->asked)) {
		s->reply.version = MESSAGE_VERSION;
		s->reply.type = s->asked.type;
		fake_send(d, &s->reply, sizeof(s->reply), NULL, 0);
	}
}

/* A reply that says 192.0.2.1:`port` is connected to 198.51.100.7:53. */
static struct message_reply
connected_reply(uint16_t port, uint32_t ring)
{
	struct message_reply r = { .id = ID, .rings = ring };
	struct identity id;

	cr_assert(zero(int, identity_parse("udp/192.0.2.1:1@3", &id, NULL)));
	id.connected = true;
	id.port_first = id.port_last = port;
	cr_assert(zero(int, address_parse("198.51.100.7", &id.remote)));
	id.remote_port = 53;
	message_identity_pack(&id, &r.identity);
	return r;
}

struct client {
	struct fake_daemon d;
	struct script script;
	struct berth *b;
	struct berth_port *port;
};

static void
begin(struct client *c, struct message_reply reply)
{
	c->script = (struct script){ .reply = reply };
	fake_daemon_start(&c->d, play, &c->script);
	cr_assert(zero(int, berth_open(c->d.path, "test", NULL, &c->b)));
	cr_assert(zero(int, berth_port_open(c->b, "port", NULL, &c->port)));
}

static void
end(struct client *c)
{
	berth_close(c->b);
	fake_daemon_stop(&c->d);
}

/* Bytes that wait in a tx ring of the application. */
static uint32_t
queued(struct client *c, uint32_t ring)
{
	return atomic_load(&c->d.app.peer->counts[ring].bytes);
}

/* Goal: the application learns both ends and the id, asks berthd for what it left open, and its
 * datagrams go through the ring of the socket's owner. Method: each ring in turn. */
Test(client_connect, tells_both_ends_and_sends_to_the_owner)
{
	for (uint32_t ring = 0; ring < FAKE_RINGS; ring++) {
		struct berth_connection connection;
		struct sockaddr_in end_of;
		struct client c;

		begin(&c, connected_reply(50001, ring));
		cr_assert(zero(int,
			       berth_connect(c.port, NULL, "udp/198.51.100.7:53@3", &connection)));
		cr_expect(all(eq(u16, c.script.asked.identity.port_first, 0),
			      eq(u8, c.script.asked.identity.local_length, 0),
			      eq(u16, c.script.asked.identity.remote_port, 53)));
		memcpy(&end_of, &connection.local, sizeof(end_of));
		cr_expect(all(eq(u16, ntohs(end_of.sin_port), 50001),
			      eq(u32, ntohl(end_of.sin_addr.s_addr), 0xc0000201)));
		memcpy(&end_of, &connection.remote, sizeof(end_of));
		cr_expect(all(eq(u16, ntohs(end_of.sin_port), 53),
			      eq(u32, ntohl(end_of.sin_addr.s_addr), 0xc6336407)));
		cr_expect(all(eq(u32, connection.binding, ID), eq(u16, connection.zone, 3)));
		cr_expect(eq(str, connection.text,
			     (char *)"udp/192.0.2.1:50001@3 -> 198.51.100.7:53"));
		cr_expect(eq(u16, record_flow_worker(berth_connection_flow(&connection)), ring));
		cr_assert(zero(int, berth_udp_send(c.b, &connection, "x", 1)));
		cr_expect(gt(u32, queued(&c, ring), 0));
		cr_expect(zero(u32, queued(&c, 1 - ring)));
		end(&c);
	}
}

/* Goal: a ring that does not exist is no hint; nor is that of a connection made by hand. */
Test(client_connect, hints_are_only_hints)
{
	struct berth_connection connection, by_hand = { .proto = IPPROTO_UDP };
	struct client c;

	begin(&c, connected_reply(50001, FAKE_RINGS));
	cr_assert(zero(int, berth_connect(c.port, NULL, "udp/198.51.100.7:53@3", &connection)));
	cr_expect(zero(u8, connection.ring));
	cr_expect(zero(u64, berth_connection_flow(&connection)));
	cr_expect(zero(u64, berth_connection_flow(&by_hand)));
	connection.ring = UINT8_MAX;
	cr_expect(zero(int, berth_udp_send(c.b, &connection, "x", 1)));
	end(&c);
}

/* Goal: berthd's refusals reach the application with their sentence, and a reply that names no
 * socket is no success. */
Test(client_connect, refusals_and_nonsense)
{
	static const int refusals[] = { -EADDRNOTAVAIL, -EADDRINUSE, -EDQUOT, -ENOSPC,
					-ENETUNREACH };
	struct berth_connection connection;
	struct message_reply reply = { 0 };
	struct client c;

	for (unsigned i = 0; i < array_length(refusals); i++) {
		reply.status = refusals[i];
		snprintf(reply.text, sizeof(reply.text), "no port of 49152-65535 is free");
		begin(&c, reply);
		cr_expect(eq(int, berth_connect(c.port, NULL, "udp/198.51.100.7:53", &connection),
			     refusals[i]));
		cr_expect(eq(str, (char *)(uintptr_t)berth_last_error(c.b), reply.text));
		cr_expect(
			eq(int, berth_bind_local(c.port, "udp/*:0", 0, &connection), refusals[i]));
		end(&c);
	}
	begin(&c, connected_reply(0, 0));
	cr_expect(
		eq(int, berth_connect(c.port, NULL, "udp/198.51.100.7:53", &connection), -EPROTO));
	cr_expect(eq(int, berth_bind_local(c.port, "udp/*:0", 0, &connection), -EPROTO));
	end(&c);
}

/* Goal: port 0 asks berthd to choose, any other identity stays as it is, and what was bound is
 * told; broken ones are refused here. Method: a table of texts. */
Test(client_connect, binding_to_a_chosen_port)
{
	static const struct {
		const char *text, *bound, *told;
		uint16_t asked;
		int family;
	} cases[] = {
		{ "udp/192.0.2.1:0", "udp/192.0.2.1:50001", "udp/192.0.2.1:50001", 0, AF_INET },
		{ "udp/[2001:db8::1]:0@7", "udp/[2001:db8::1]:50002@7", "udp/[2001:db8::1]:50002@7",
		  0, AF_INET6 },
		{ "tcp/*:0", "tcp/*:50003", "tcp/*:50003", 0, AF_INET6 },
		{ "udp/192.0.2.1:5300", "udp/192.0.2.1:5300", "udp/192.0.2.1:5300", 5300, AF_INET },
	};
	struct berth_connection connection;
	struct client c;

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct message_reply reply = { .id = 9 };
		struct identity id;

		cr_assert(zero(int, identity_parse(cases[i].bound, &id, NULL)));
		message_identity_pack(&id, &reply.identity);
		begin(&c, reply);
		cr_assert(zero(int, berth_bind_local(c.port, cases[i].text, 0, &connection)), "%s",
			  berth_last_error(c.b));
		cr_expect(eq(u16, c.script.asked.type, MESSAGE_BIND));
		cr_expect(all(eq(u16, c.script.asked.identity.port_first, cases[i].asked),
			      eq(u16, c.script.asked.identity.port_last, cases[i].asked)));
		cr_expect(eq(str, connection.text, (char *)(uintptr_t)cases[i].told));
		cr_expect(all(eq(u32, connection.binding, 9),
			      eq(int, connection.local.ss_family, cases[i].family),
			      zero(int, connection.remote.ss_family), zero(u8, connection.ring)));
		end(&c);
	}
	begin(&c, (struct message_reply){ 0 });
	cr_expect(eq(int, berth_bind_local(c.port, "udp/192.0.2.1:00", 0, &connection), -EINVAL));
	cr_expect(eq(int, berth_bind_local(c.port, "udp/192.0.2.1:0x", 0, &connection), -EINVAL));
	cr_expect(eq(int, berth_bind_local(c.port, "udp:0", 0, &connection), -EINVAL));
	cr_expect(eq(int, berth_bind(c.port, "udp/192.0.2.1:0", 0, NULL), -EINVAL));
	end(&c);
}
