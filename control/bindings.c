/* SPDX-License-Identifier: BSD-3-Clause */
/* bindings.c: the registry of bindings: validates, refuses conflicts. */
#include "control/bindings.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "control/refuse.h"
#include "control/route.h"
#include "dataplane/connect/connect.h"

struct bindings {
	struct bindings_options options;
	struct binding *list; /* in order of age */
	uint32_t count;
	uint32_t room;
	uint32_t last_id;
	uint64_t version;
};

int
bindings_create(const struct bindings_options *options, struct bindings **out)
{
	struct bindings *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -ENOMEM;
	b->options = *options;
	b->version = 1;
	*out = b;
	return 0;
}

void
bindings_destroy(struct bindings *b)
{
	if (b == NULL)
		return;
	free(b->list);
	free(b);
}

static uint8_t
family_bits(uint8_t family)
{
	return family == FAMILY_IPV4 ? 32 : 128;
}

static bool
address_whole(const struct prefix *p)
{
	return p->address.family != FAMILY_ANY && p->length == family_bits(p->address.family);
}

static bool
family_known(uint8_t family)
{
	return family == FAMILY_ANY || family == FAMILY_IPV4 || family == FAMILY_IPV6;
}

/* IPv4 addresses leave 12 bytes zero; other bytes there would make two texts of one address. */
static bool
address_clean(const struct address *a)
{
	static const uint8_t zero[16];
	const size_t used = a->family == FAMILY_IPV6 ? 16 : a->family == FAMILY_IPV4 ? 4 : 0;

	return memcmp(a->bytes + used, zero, sizeof(zero) - used) == 0;
}

static int
validate_remote(const struct identity *id, char *why)
{
	const uint8_t family = id->remote.family;

	if (!id->connected)
		return id->remote_port == 0 && family == FAMILY_ANY && address_clean(&id->remote)
			       ? 0
			       : refuse(why, -EINVAL, "only a connected identity names a remote");
	if (family != FAMILY_IPV4 && family != FAMILY_IPV6)
		return refuse(why, -EINVAL, "a connected identity needs a remote address");
	if (!address_clean(&id->remote))
		return refuse(why, -EINVAL, "an IPv4 address leaves its last 12 bytes zero");
	if (id->remote_port == 0)
		return refuse(why, -EINVAL, "a remote port is 1..65535");
	if (id->local.length != 0 &&
	    (id->local.address.family != family || !address_whole(&id->local)))
		return refuse(why, -EINVAL,
			      "a connected identity has one local address of the remote's family");
	if (id->port_first != id->port_last)
		return refuse(why, -EINVAL, "a connected identity has one local port");
	return 0;
}

int
bindings_validate(const struct identity *id, char why[MESSAGE_TEXT_BYTES])
{
	const struct prefix *local = &id->local;

	if (!proto_has_ports(id->proto))
		return refuse(why, -EINVAL,
			      "protocol %u cannot be bound, only tcp, udp, sctp, "
			      "udplite",
			      id->proto);
	if (id->zone >= ZONES_MAX)
		return refuse(why, -EINVAL, "zone %u is out of range 0..%u", id->zone,
			      ZONES_MAX - 1);
	if (!family_known(local->address.family) || !address_clean(&local->address))
		return refuse(why, -EINVAL, "the local address is neither IPv4 nor IPv6");
	if (local->address.family == FAMILY_ANY
		    ? local->length != 0
		    : local->length > family_bits(local->address.family))
		return refuse(why, -EINVAL, "prefix length %u is too long", local->length);
	if (id->port_first > id->port_last || (id->port_first == 0 && !id->connected))
		return refuse(why, -EINVAL, "ports %u-%u are no range within 1..65535",
			      id->port_first, id->port_last);
	return validate_remote(id, why);
}

/* Only root and the daemon's own user may own, and so send from, addresses that are not ours. */
static int
check_address(const struct bindings *b, const struct identity *id, const struct credentials *asker,
	      char *why)
{
	const struct prefix *local = &id->local;
	char text[ADDRESS_TEXT_BYTES];

	if (b->options.links->count != 0 && !route_zone_known(b->options.links, id->zone))
		return refuse(why, -EADDRNOTAVAIL, "no link is in zone %u", id->zone);
	if (asker->uid == 0 || asker->uid == b->options.daemon_uid || local->length == 0)
		return 0;
	if (!address_whole(local))
		return refuse(why, -EACCES, "a prefix of addresses may be bound by root only");
	if (!link_set_local(b->options.links, id->zone, local->address.family,
			    local->address.bytes))
		return refuse(why, -EADDRNOTAVAIL, "%s is no address of ours in zone %u",
			      address_format(&local->address, text), id->zone);
	return 0;
}

static int
check_others(const struct bindings *b, const struct binding *want, char *why)
{
	char text[IDENTITY_TEXT_BYTES];
	uint32_t members = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct binding *have = &b->list[i];

		if (!binding_collides(&have->identity, &want->identity))
			continue;
		if (!binding_joins(have, want))
			return refuse(why, -EADDRINUSE, "%.110s is bound by %s (pid %d)",
				      identity_format(&have->identity, text), have->app_name,
				      (int)have->pid);
		members += bind_same(&have->identity, &want->identity);
	}
	if (members >= GROUP_MEMBERS_MAX)
		return refuse(why, -ENOSPC, "the group has its %u members already",
			      GROUP_MEMBERS_MAX);
	return 0;
}

int
bindings_admit(const struct bindings *b, const struct binding *want,
	       const struct credentials *asker, char why[MESSAGE_TEXT_BYTES])
{
	const struct identity *id = &want->identity;
	const int rc = check_address(b, id, asker, why);
	uint16_t denied;

	if (rc != 0)
		return rc;
	/* A port that is still to be chosen comes from a range without privileged ones. */
	denied = id->port_first == 0 ? 0
				     : permission_ports(&b->options, asker, id->proto,
							id->port_first, id->port_last);
	if (denied != 0)
		return refuse(why, -EACCES,
			      "port %u is for root, or needs a grant in the configuration", denied);
	return check_others(b, want, why);
}

static int
check_room(const struct bindings *b, uid_t uid, char *why)
{
	uint32_t owned = 0;

	for (uint32_t i = 0; i < b->count; i++)
		owned += b->list[i].uid == uid;
	if (owned >= b->options.quota)
		return refuse(why, -EDQUOT, "user %u has its quota of %u bindings", (unsigned)uid,
			      b->options.quota);
	if (b->count >= BINDINGS_MAX)
		return refuse(why, -ENOSPC, "there are %u bindings already, the most that can be",
			      BINDINGS_MAX);
	return 0;
}

static int
make_room(struct bindings *b)
{
	const uint32_t room = b->room == 0 ? 64 : b->room * 2;
	struct binding *list;

	if (b->count < b->room)
		return 0;
	list = realloc(b->list, room * sizeof(*list));
	if (list == NULL)
		return -ENOMEM;
	b->list = list;
	b->room = room;
	return 0;
}

static uint32_t
next_id(struct bindings *b)
{
	do
		b->last_id = b->last_id == CONNECT_ID - 1 ? 1 : b->last_id + 1;
	while (bindings_find(b, b->last_id) != NULL);
	return b->last_id;
}

int
bindings_add(struct bindings *b, const struct binding *want, const struct credentials *asker,
	     const struct binding **out, char why[MESSAGE_TEXT_BYTES])
{
	struct binding added = *want;
	struct identity *id = &added.identity;
	int rc;

	rc = bindings_validate(id, why);
	if (rc == 0 && id->connected)
		rc = refuse(why, -EINVAL, "a connected socket is no binding");
	if (rc != 0)
		return rc;
	address_mask(&id->local.address, id->local.length);
	rc = bindings_admit(b, &added, asker, why);
	if (rc == 0)
		rc = check_room(b, want->uid, why);
	if (rc != 0)
		return rc;
	if (make_room(b) != 0)
		return refuse(why, -ENOMEM, "no memory for another binding");
	added.id = next_id(b);
	b->list[b->count++] = added;
	b->version++;
	*out = &b->list[b->count - 1];
	return 0;
}

bool
bindings_remove(struct bindings *b, uint32_t id)
{
	for (uint32_t i = 0; i < b->count; i++) {
		if (b->list[i].id != id)
			continue;
		b->count--;
		b->version++;
		memmove(&b->list[i], &b->list[i + 1], (b->count - i) * sizeof(*b->list));
		return true;
	}
	return false;
}

uint32_t
bindings_remove_port(struct bindings *b, port_ref port)
{
	uint32_t kept = 0;
	const uint32_t before = b->count;

	for (uint32_t i = 0; i < before; i++)
		if (b->list[i].port != port)
			b->list[kept++] = b->list[i];
	b->count = kept;
	b->version += before != kept;
	return before - kept;
}

uint32_t
bindings_drain_port(struct bindings *b, port_ref port)
{
	uint32_t n = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		if (b->list[i].port != port || b->list[i].draining)
			continue;
		b->list[i].draining = true;
		n++;
	}
	return n;
}

uint64_t
bindings_version(const struct bindings *b)
{
	return b->version;
}

uint32_t
bindings_count(const struct bindings *b)
{
	return b->count;
}

const struct binding *
bindings_at(const struct bindings *b, uint32_t i)
{
	return &b->list[i];
}

const struct binding *
bindings_find(const struct bindings *b, uint32_t id)
{
	for (uint32_t i = 0; i < b->count; i++)
		if (b->list[i].id == id)
			return &b->list[i];
	return NULL;
}

void
bindings_rules(const struct bindings *b, struct bind_rule *rules)
{
	for (uint32_t i = 0; i < b->count; i++)
		rules[i] = (struct bind_rule){
			.identity = b->list[i].identity,
			.id = b->list[i].id,
			.port = b->list[i].port,
			.weight = b->list[i].weight,
			.alone = !b->list[i].shared,
			.passive = b->list[i].draining,
		};
}
