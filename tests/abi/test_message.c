/* SPDX-License-Identifier: BSD-3-Clause */
/* test_message.c: socket identities on app.sock, honest and hostile. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "common/abi/message.h"
#include "common/base/check.h"

/* Goal: an identity survives the way over the socket.
 * Method: texts of every shape, packed, unpacked, written again. */
Test(message, identity_round_trip)
{
	static const char *const texts[] = {
		"tcp/192.0.2.10:443",
		"udp/*:53",
		"udp/198.51.100.0/24:49152-65535",
		"tcp/[2001:db8::1]:80",
		"udp/[2001:db8::]/32:*",
		"udp/0.0.0.0:53",
		"tcp/[2001:db8::1]:80@17",
	};

	for (unsigned i = 0; i < array_length(texts); i++) {
		char before[IDENTITY_TEXT_BYTES], after[IDENTITY_TEXT_BYTES];
		struct identity id, again;
		struct message_identity m;

		cr_assert(eq(int, identity_parse(texts[i], &id, NULL), 0), "%s", texts[i]);
		message_identity_pack(&id, &m);
		cr_assert(eq(int, message_identity_unpack(&m, false, &again), 0), "%s", texts[i]);
		cr_assert(eq(str, (char *)identity_format(&again, after),
			     (char *)identity_format(&id, before)));
	}
}

/* A connected one that is right in every field. */
static struct message_identity
connected(void)
{
	return (struct message_identity){ .local = { 192, 0, 2, 10 },
					  .remote = { 198, 51, 100, 1 },
					  .family = FAMILY_IPV4,
					  .local_length = 32,
					  .proto = PROTO_UDP,
					  .connected = 1,
					  .port_first = 4000,
					  .port_last = 4000,
					  .remote_port = 53 };
}

/* Goal: a connected identity may leave its local end open only where that is asked for.
 * Method: the same request with and without `choose`. */
Test(message, connected_choice)
{
	struct message_identity m = connected();
	struct identity id, again;

	cr_assert(eq(int, message_identity_unpack(&m, false, &id), 0));
	cr_assert(id.connected && id.remote.family == FAMILY_IPV4 && id.remote_port == 53);
	message_identity_pack(&id, &m);
	cr_assert(eq(int, message_identity_unpack(&m, false, &again), 0));
	cr_assert(eq(int, memcmp(again.remote.bytes, id.remote.bytes, 16), 0));

	m.port_first = m.port_last = 0;
	cr_assert(eq(int, message_identity_unpack(&m, false, &id), -EINVAL));
	cr_assert(eq(int, message_identity_unpack(&m, true, &id), 0));
	memset(m.local, 0, sizeof(m.local));
	m.local_length = 0;
	cr_assert(eq(int, message_identity_unpack(&m, true, &id), 0));
	m.port_first = m.port_last = 4000;
	cr_assert(eq(int, message_identity_unpack(&m, false, &id), -EINVAL));
}

/* Goal: nothing that a peer can put into the struct reaches berthd's tables unchecked.
 * Method: one right identity, broken in one field after the other. */
Test(message, hostile_identities)
{
	static const struct {
		const char *what;
		uint8_t offset, value;
	} cases[] = {
		{ "address bytes past the family", 4, 1 },
		{ "remote bytes past the family", 31, 1 },
		{ "family", 32, 5 },
		{ "family any, connected", 32, FAMILY_ANY },
		{ "local length past the family", 33, 33 },
		{ "local prefix, connected", 33, 24 },
		{ "protocol", 34, PROTO_ICMP },
		{ "connected is no truth value", 35, 2 },
		{ "remote without connected", 35, 0 },
		{ "port range, connected", 36, 1 },
		{ "zone", 43, 0x10 },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct message_identity m = connected();
		struct identity id = { .zone = 77 };

		((uint8_t *)&m)[cases[i].offset] = cases[i].value;
		cr_assert(eq(int, message_identity_unpack(&m, false, &id), -EINVAL), "%s",
			  cases[i].what);
		cr_assert(eq(int, message_identity_unpack(&m, true, &id), -EINVAL), "%s",
			  cases[i].what);
		cr_assert(eq(u16, id.zone, 77), "untouched");
	}
}

/* Goal: a listening identity needs a port range in order, or none at all where berthd may choose.
 * Method: a table of ranges. */
Test(message, listening_ports)
{
	static const struct {
		uint16_t first, last, remote;
		int expected, chosen;
	} cases[] = { { 1, 65535, 0, 0, 0 },           { 53, 53, 0, 0, 0 },
		      { 0, 0, 0, -EINVAL, 0 },         { 0, 53, 0, -EINVAL, -EINVAL },
		      { 54, 53, 0, -EINVAL, -EINVAL }, { 53, 0, 0, -EINVAL, -EINVAL },
		      { 53, 53, 1, -EINVAL, -EINVAL }, { 0, 0, 1, -EINVAL, -EINVAL } };

	for (unsigned i = 0; i < array_length(cases); i++) {
		const struct message_identity m = { .proto = PROTO_TCP,
						    .port_first = cases[i].first,
						    .port_last = cases[i].last,
						    .remote_port = cases[i].remote };
		struct identity id;

		cr_assert(eq(int, message_identity_unpack(&m, false, &id), cases[i].expected),
			  "case %u", i);
		cr_assert(eq(int, message_identity_unpack(&m, true, &id), cases[i].chosen),
			  "case %u", i);
	}
}
