/* SPDX-License-Identifier: BSD-3-Clause */
/* port.c: opens and closes ports, binds and unbinds. */
#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "client/client_priv.h"

static_assert(BERTH_NAME_BYTES == NAME_BYTES, "the public header and the messages agree");
static_assert(BERTH_IDENTITY_BYTES == IDENTITY_TEXT_BYTES, "texts fit");
static_assert((int)BERTH_SHARED == (int)MESSAGE_BIND_SHARED &&
		      (int)BERTH_REUSE == (int)MESSAGE_BIND_REUSE &&
		      BERTH_WEIGHT(255) == MESSAGE_BIND_WEIGHT_MASK,
	      "flags travel as they are");

static int
port_options_check(struct berth *b, const char *name, const struct berth_port_options *options)
{
	static const uint32_t zeros[sizeof(options->reserved) / sizeof(options->reserved[0])];

	if (name == NULL || name[0] == '\0' || strlen(name) >= BERTH_NAME_BYTES)
		return client_fail(b, -EINVAL, "a port's name has 1 to %d bytes",
				   BERTH_NAME_BYTES - 1);
	if (options != NULL && memcmp(options->reserved, zeros, sizeof(zeros)) != 0)
		return client_fail(b, -EINVAL, "reserved options are not zero");
	return 0;
}

/* Fills a port from berthd's reply. Descriptors stay the caller's. */
static int
port_attach(struct berth *b, struct berth_port *port, uint32_t id, const int fds[3])
{
	const int flags = fcntl(fds[2], F_GETFL);
	struct segment *maps[2];
	uint64_t bytes[2];
	int rc;

	if (flags < 0 || fcntl(fds[2], F_SETFL, flags | O_NONBLOCK) != 0)
		return client_fail(b, -errno, "berthd's wake descriptor: %s", strerror(errno));
	rc = client_attach(b, fds, SEGMENT_PORT, SEGMENT_PORT_PEER, maps, bytes);
	if (rc != 0)
		return rc;
	*port = (struct berth_port){
		.berth = b,
		.id = id,
		.rings = maps[0]->head.rings,
		.wake_fd = fds[2],
		.sleep = segment_sleep(maps[1], maps[1]->head.rings),
		.segment = maps[0],
		.peer = maps[1],
		.segment_bytes = bytes[0],
		.peer_bytes = bytes[1],
	};
	for (uint32_t i = 0; i < port->rings; i++)
		rx_end_init(&port->rx[i], port->segment, port->peer, i);
	return 0;
}

int
berth_port_open(struct berth *b, const char *name, const struct berth_port_options *options,
		struct berth_port **out)
{
	struct message_request request = {
		.type = MESSAGE_PORT_OPEN,
		.ring_bytes = options != NULL ? options->ring_bytes : 0,
	};
	struct message_reply reply;
	struct berth_port *port;
	int fds[3];
	int rc = port_options_check(b, name, options);

	if (rc != 0)
		return rc;
	memcpy(request.name, name, strlen(name) + 1);
	port = malloc(sizeof(*port));
	if (port == NULL)
		return client_fail(b, -ENOMEM, "%s", strerror(ENOMEM));
	rc = client_exchange(b, &request, &reply, fds, 3);
	if (rc != 0)
		goto free_port;
	rc = port_attach(b, port, reply.id, fds);
	close(fds[0]);
	close(fds[1]);
	if (rc != 0)
		goto close_wake;
	port->next = b->ports;
	b->ports = port;
	*out = port;
	return 0;
close_wake:
	close(fds[2]);
	(void)client_exchange(
		b, &(struct message_request){ .type = MESSAGE_PORT_CLOSE, .port = reply.id },
		&reply, NULL, 0);
free_port:
	free(port);
	return rc;
}

void
berth_port_close(struct berth_port *port)
{
	struct message_request request = { .type = MESSAGE_PORT_CLOSE };
	struct message_reply reply;
	struct berth_port **link;

	if (port == NULL)
		return;
	link = &port->berth->ports;
	while (*link != port)
		link = &(*link)->next;
	*link = port->next;
	request.port = port->id;
	/* Where berthd does not answer any more, the port is gone already. */
	if (!atomic_load_explicit(&port->berth->lost, memory_order_relaxed))
		(void)client_exchange(port->berth, &request, &reply, NULL, 0);
	segment_unmap(port->segment, port->segment_bytes);
	segment_unmap(port->peer, port->peer_bytes);
	close(port->wake_fd);
	free(port);
}

int
client_bind(struct berth_port *port, const char *text, const struct identity *id, unsigned flags,
	    struct message_reply *reply)
{
	struct message_request request = { .type = MESSAGE_BIND, .port = port->id };

	if ((flags & ~(BERTH_SHARED | BERTH_REUSE | BERTH_WEIGHT(255))) != 0)
		return client_fail(port->berth, -EINVAL, "%s: unknown flag", text);
	request.flags = flags;
	message_identity_pack(id, &request.identity);
	return client_exchange(port->berth, &request, reply, NULL, 0);
}

int
berth_bind(struct berth_port *port, const char *identity, unsigned flags, uint32_t *binding)
{
	struct message_reply reply;
	struct identity id;
	const char *why;
	int rc = identity_parse(identity, &id, &why);

	if (rc != 0)
		return client_fail(port->berth, rc, "%s: %s", identity, why);
	rc = client_bind(port, identity, &id, flags, &reply);
	if (rc == 0 && binding != NULL)
		*binding = reply.id;
	return rc;
}

int
berth_unbind(struct berth_port *port, uint32_t binding)
{
	struct message_request request = {
		.type = MESSAGE_UNBIND,
		.port = port->id,
		.binding = binding,
	};
	struct message_reply reply;

	return client_exchange(port->berth, &request, &reply, NULL, 0);
}

int
berth_drain(struct berth_port *port, uint64_t *flows)
{
	struct message_request request = { .type = MESSAGE_DRAIN, .port = port->id };
	struct message_reply reply;
	const int rc = client_exchange(port->berth, &request, &reply, NULL, 0);

	if (rc == 0 && flows != NULL)
		*flows = reply.id;
	return rc;
}
