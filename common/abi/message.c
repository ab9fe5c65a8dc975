/* SPDX-License-Identifier: BSD-3-Clause */
/* message.c: socket identities to and from their fixed layout. */
#include "common/abi/message.h"

#include <errno.h>
#include <string.h>

void
message_identity_pack(const struct identity *from, struct message_identity *to)
{
	*to = (struct message_identity){
		.family = from->local.address.family,
		.local_length = from->local.length,
		.proto = from->proto,
		.connected = from->connected,
		.port_first = from->port_first,
		.port_last = from->port_last,
		.zone = from->zone,
	};
	memcpy(to->local, from->local.address.bytes, sizeof(to->local));
	if (!from->connected)
		return;
	to->family = from->remote.family;
	to->remote_port = from->remote_port;
	memcpy(to->remote, from->remote.bytes, sizeof(to->remote));
}

static bool
bytes_are_zero(const uint8_t *bytes, unsigned first, unsigned end)
{
	for (unsigned i = first; i < end; i++)
		if (bytes[i] != 0)
			return false;
	return true;
}

/* The longest prefix of the family, 0 for FAMILY_ANY; -1: no family. */
static int
family_bits(uint8_t family)
{
	switch (family) {
	case FAMILY_ANY:
		return 0;
	case FAMILY_IPV4:
		return 32;
	case FAMILY_IPV6:
		return 128;
	default:
		return -1;
	}
}

/* Whether a connected identity names one remote socket and at most one local one. */
static bool
connected_valid(const struct message_identity *m, int bits, bool choose)
{
	const bool any_local = m->local_length == 0 && bytes_are_zero(m->local, 0, 16);

	if (bits == 0 || m->remote_port == 0 || bytes_are_zero(m->remote, 0, 16))
		return false;
	if (m->port_first != m->port_last || (m->port_first == 0 && !choose))
		return false;
	return m->local_length == bits || (choose && any_local);
}

int
message_identity_unpack(const struct message_identity *from, bool choose, struct identity *to)
{
	const int bits = family_bits(from->family);
	struct identity id;

	if (bits < 0 || from->local_length > bits || from->connected > 1 || from->zone >= ZONES_MAX)
		return -EINVAL;
	if (!proto_has_ports(from->proto))
		return -EINVAL;
	if (!bytes_are_zero(from->local, (unsigned)bits / 8, 16) ||
	    !bytes_are_zero(from->remote, from->connected ? (unsigned)bits / 8 : 0, 16))
		return -EINVAL;
	if (from->connected) {
		if (!connected_valid(from, bits, choose))
			return -EINVAL;
	} else if ((from->port_first == 0 && !(choose && from->port_last == 0)) ||
		   from->port_last < from->port_first || from->remote_port != 0) {
		return -EINVAL;
	}
	id = (struct identity){
		.local = { .address.family = from->family, .length = from->local_length },
		.port_first = from->port_first,
		.port_last = from->port_last,
		.remote_port = from->remote_port,
		.zone = from->zone,
		.proto = from->proto,
		.connected = from->connected,
	};
	memcpy(id.local.address.bytes, from->local, sizeof(from->local));
	address_mask(&id.local.address, id.local.length);
	if (id.connected) {
		id.remote.family = from->family;
		memcpy(id.remote.bytes, from->remote, sizeof(from->remote));
	}
	*to = id;
	return 0;
}
