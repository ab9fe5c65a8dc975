/* SPDX-License-Identifier: BSD-3-Clause */
/* connect.c: connects sockets, and binds to ports that berthd chooses. */
#include <errno.h>
#include <netinet/in.h>
#include <string.h>

#include "client/client_priv.h"

_Static_assert(WORKERS_MAX < UINT8_MAX, "berth_connection.ring counts from 1");

void
client_sockaddr(uint8_t family, const uint8_t *address, uint16_t port, struct sockaddr_storage *out)
{
	memset(out, 0, sizeof(*out));
	if (family == FAMILY_IPV4) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };

		memcpy(&in.sin_addr, address, sizeof(in.sin_addr));
		memcpy(out, &in, sizeof(in));
	} else {
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };

		memcpy(&in6.sin6_addr, address, sizeof(in6.sin6_addr));
		memcpy(out, &in6, sizeof(in6));
	}
}

/* Writes what berthd says a socket is. Any local address is that of IPv6, which stands for both. */
static void
socket_write(const struct identity *id, const struct message_reply *reply,
	     struct berth_connection *out)
{
	const uint8_t family = id->local.address.family;

	memset(out, 0, sizeof(*out));
	client_sockaddr(family == FAMILY_ANY ? FAMILY_IPV6 : family, id->local.address.bytes,
			id->port_first, &out->local);
	if (id->connected)
		client_sockaddr(id->remote.family, id->remote.bytes, id->remote_port, &out->remote);
	out->binding = reply->id;
	out->zone = id->zone;
	out->proto = id->proto;
	identity_format(id, out->text);
}

static bool
identity_is_exact(const struct identity *id)
{
	return id->port_first == id->port_last &&
	       ((id->local.address.family == FAMILY_IPV4 && id->local.length == 32) ||
		(id->local.address.family == FAMILY_IPV6 && id->local.length == 128));
}

/* Puts what the user says of the local end into `id`; an asterisk leaves the part open (0). */
static int
local_apply(struct berth *b, const char *local, struct identity *id)
{
	struct identity given;
	const char *why;
	int rc = identity_parse(local, &given, &why);

	if (rc != 0)
		return client_fail(b, rc, "%s: %s", local, why);
	if (given.proto != id->proto || given.zone != id->zone)
		return client_fail(b, -EINVAL,
				   "%s: protocol and zone must be those of the remote end", local);
	if (given.local.address.family != FAMILY_ANY) {
		if (given.local.address.family != id->remote.family ||
		    given.local.length != (id->remote.family == FAMILY_IPV4 ? 32 : 128))
			return client_fail(b, -EINVAL,
					   "%s: write one address of the remote end's family, or *",
					   local);
		id->local = given.local;
	}
	if (given.port_first == 1 && given.port_last == 65535)
		return 0;
	if (given.port_first != given.port_last)
		return client_fail(b, -EINVAL, "%s: write one port, or *", local);
	id->port_first = given.port_first;
	id->port_last = given.port_last;
	return 0;
}

int
berth_connect(struct berth_port *port, const char *local, const char *remote,
	      struct berth_connection *out)
{
	struct message_request request = { .type = MESSAGE_CONNECT, .port = port->id };
	struct berth *b = port->berth;
	struct message_reply reply;
	struct identity given, id;
	const char *why;
	int rc = identity_parse(remote, &given, &why);

	if (rc != 0)
		return client_fail(b, rc, "%s: %s", remote, why);
	if (!identity_is_exact(&given))
		return client_fail(b, -EINVAL, "%s: the remote end is one address and one port",
				   remote);
	id = (struct identity){
		.remote = given.local.address,
		.remote_port = given.port_first,
		.zone = given.zone,
		.proto = given.proto,
		.connected = true,
	};
	if (local != NULL)
		rc = local_apply(b, local, &id);
	if (rc != 0)
		return rc;
	message_identity_pack(&id, &request.identity);
	rc = client_exchange(b, &request, &reply, NULL, 0);
	if (rc != 0)
		return rc;
	if (message_identity_unpack(&reply.identity, false, &id) != 0 || !id.connected)
		return client_fail(b, -EPROTO, "berthd's reply is not a connected socket");
	socket_write(&id, &reply, out);
	/* A ring that is not there is no hint. */
	if (reply.rings < b->rings)
		out->ring = (uint8_t)(reply.rings + 1);
	return 0;
}

uint64_t
berth_connection_flow(const struct berth_connection *connection)
{
	return connection->ring == 0 ? 0 : record_flow_of_worker(connection->ring - 1u);
}

/* Reads an identity whose port may be 0, which stands for none. */
static int
open_identity_parse(const char *text, struct identity *out, const char **why)
{
	char copy[IDENTITY_TEXT_BYTES];
	const size_t bytes = strnlen(text, sizeof(copy));
	char *colon = NULL;
	int rc;

	if (bytes < sizeof(copy)) {
		memcpy(copy, text, bytes + 1);
		colon = strrchr(copy, ':');
	}
	if (colon == NULL || colon[1] != '0' || (colon[2] != '\0' && colon[2] != '@'))
		return identity_parse(text, out, why);
	colon[1] = '1';
	rc = identity_parse(copy, out, why);
	if (rc == 0)
		out->port_first = out->port_last = 0;
	return rc;
}

int
berth_bind_local(struct berth_port *port, const char *identity, unsigned flags,
		 struct berth_connection *out)
{
	struct berth *b = port->berth;
	struct message_reply reply;
	struct identity id;
	const char *why;
	int rc = open_identity_parse(identity, &id, &why);

	if (rc != 0)
		return client_fail(b, rc, "%s: %s", identity, why);
	rc = client_bind(port, identity, &id, flags, &reply);
	if (rc != 0)
		return rc;
	if (message_identity_unpack(&reply.identity, false, &id) != 0 || id.connected)
		return client_fail(b, -EPROTO, "berthd's reply is not a binding");
	socket_write(&id, &reply, out);
	return 0;
}
