/* SPDX-License-Identifier: BSD-3-Clause */
/* bindings.c: the registry of bindings: validates, refuses conflicts, picks ephemeral ports. */
#include "control/bindings.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "common/abi/ring.h"
#include "control/route.h"

struct bindings {
	struct bindings_options options;
	struct binding *list; /* in order of age */
	uint32_t count;
	uint32_t room;
	uint32_t last_id;
};

int
bindings_create(const struct bindings_options *options, struct bindings **out)
{
	struct bindings *b = calloc(1, sizeof(*b));

	if (b == NULL)
		return -ENOMEM;
	b->options = *options;
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

__attribute__((format(printf, 3, 4))) static int
refuse(char *why, int error, const char *format, ...)
{
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(why, MESSAGE_TEXT_BYTES, format, arguments);
	va_end(arguments);
	return error;
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

/* Checks all that needs no look at other bindings; any bytes may be in *id. */
static int
validate(const struct identity *id, char *why)
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

/* Whether some address lies in both. */
static bool
prefixes_overlap(const struct prefix *a, const struct prefix *b)
{
	if (a->address.family == FAMILY_ANY || b->address.family == FAMILY_ANY)
		return true;
	return a->address.family == b->address.family &&
	       (prefix_covers(a, b->address.family, b->address.bytes) ||
		prefix_covers(b, a->address.family, a->address.bytes));
}

static bool
same_space(const struct identity *a, const struct identity *b)
{
	return a->zone == b->zone && a->proto == b->proto && prefixes_overlap(&a->local, &b->local);
}

/* Chooses a local port that no single-port binding of an overlapping address has (RFC 6056,
 * algorithm 1: a random start, then the next free one). Ranges are passed by: what is connected is
 * more specific. */
static int
choose_port(const struct bindings *b, struct identity *id, char *why)
{
	const uint16_t first = b->options.ephemeral_first;
	const uint32_t span = (uint32_t)b->options.ephemeral_last - first + 1;
	uint8_t taken[(UINT16_MAX + 1) / 8] = { 0 };
	uint32_t start;

	if (getrandom(&start, sizeof(start), 0) != sizeof(start))
		return refuse(why, -EAGAIN, "the kernel gave no random numbers");
	for (uint32_t i = 0; i < b->count; i++) {
		const struct identity *have = &b->list[i].identity;

		if (have->port_first == have->port_last && same_space(have, id))
			taken[have->port_first / 8] |= (uint8_t)(1u << have->port_first % 8);
	}
	for (uint32_t i = 0; i < span; i++) {
		const uint16_t port = (uint16_t)(first + (start + i) % span);

		if ((taken[port / 8] >> port % 8 & 1) == 0) {
			id->port_first = port;
			id->port_last = port;
			return 0;
		}
	}
	return refuse(why, -EADDRINUSE, "all ephemeral ports %u-%u of this address are in use",
		      first, b->options.ephemeral_last);
}

/* Fills what a connected identity may leave open. */
static int
complete(const struct bindings *b, struct identity *id, char *why)
{
	char remote[ADDRESS_TEXT_BYTES];

	if (!id->connected)
		return 0;
	if (id->local.length == 0) {
		const int rc =
			route_source(b->options.links, id->zone, &id->remote, &id->local.address);

		if (rc == -ENETUNREACH)
			return refuse(why, rc, "no link or gateway of zone %u leads to %s",
				      id->zone, address_format(&id->remote, remote));
		if (rc != 0)
			return refuse(why, rc,
				      "the link to %s has no address of ours; name the local one",
				      address_format(&id->remote, remote));
		id->local.length = family_bits(id->remote.family);
	}
	return id->port_first == 0 ? choose_port(b, id, why) : 0;
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

/* Whether `want` would take packets of the single port that `have` bound (B2). */
static bool
takes_from(const struct identity *have, const struct identity *want)
{
	return have->port_first == have->port_last && want->port_first <= have->port_first &&
	       have->port_first <= want->port_last && !have->connected && same_space(have, want) &&
	       (want->connected || want->local.length > have->local.length ||
		(want->local.address.family != FAMILY_ANY &&
		 have->local.address.family == FAMILY_ANY));
}

static int
check_others(const struct bindings *b, const struct binding *want, const struct credentials *asker,
	     char *why)
{
	char text[IDENTITY_TEXT_BYTES];
	uint32_t owned = 0, members = 0;

	for (uint32_t i = 0; i < b->count; i++) {
		const struct binding *have = &b->list[i];
		const bool conflict = bind_conflicts(&have->identity, &want->identity);

		owned += have->uid == want->uid;
		if (conflict && have->shared && want->shared && have->uid == want->uid &&
		    have->port != want->port && bind_same(&have->identity, &want->identity)) {
			members++;
			continue;
		}
		if (conflict || (have->uid != want->uid && asker->uid != 0 &&
				 takes_from(&have->identity, &want->identity)))
			return refuse(why, -EADDRINUSE, "%.110s is bound by %s (pid %d)",
				      identity_format(&have->identity, text), have->app_name,
				      (int)have->pid);
	}
	if (members >= GROUP_MEMBERS_MAX)
		return refuse(why, -ENOSPC, "the group has its %u members already",
			      GROUP_MEMBERS_MAX);
	if (owned >= b->options.quota)
		return refuse(why, -EDQUOT, "user %u has its quota of %u bindings",
			      (unsigned)want->uid, b->options.quota);
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
	/* Records have room for so many. */
	do
		b->last_id = b->last_id == RECORD_BINDING_MAX ? 1 : b->last_id + 1;
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

	rc = validate(id, why);
	if (rc == 0)
		rc = complete(b, id, why);
	if (rc == 0)
		rc = check_address(b, id, asker, why);
	if (rc != 0)
		return rc;
	address_mask(&id->local.address, id->local.length);
	if (!permission_ports(b->options.grants, b->options.grants_count, asker, id->proto,
			      id->port_first, id->port_last))
		return refuse(why, -EACCES,
			      "ports below 1024 need root, or a grant in the configuration");
	rc = check_others(b, &added, asker, why);
	if (rc != 0)
		return rc;
	if (make_room(b) != 0)
		return refuse(why, -ENOMEM, "no memory for another binding");
	added.id = next_id(b);
	b->list[b->count++] = added;
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
	return before - kept;
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
		};
}
