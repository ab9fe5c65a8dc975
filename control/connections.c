/* SPDX-License-Identifier: BSD-3-Clause */
/* connections.c: connected sockets: completes what is asked for, checks it, and takes it. */
#include "control/connections.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/clock.h"
#include "control/refuse.h"
#include "control/route.h"

#define PROTOS 4u

struct connections {
	struct connections_options options;
	struct connect_table *table; /* the dataplane's */
	/* Ports that some single-port binding of the protocol has, of whatever address, as of
	 * `version` of the bindings. */
	uint64_t version;
	uint8_t bound[PROTOS][(UINT16_MAX + 1) / 8];
	/* Users by account; an account that pays for nothing may change its user. */
	uint32_t accounts_count;
	uid_t accounts[CONNECT_ACCOUNTS_MAX];
};

int
connections_create(const struct connections_options *options, struct connections **out)
{
	struct connections *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->options = *options;
	c->table = dataplane_connections(options->dp);
	*out = c;
	return 0;
}

void
connections_destroy(struct connections *c)
{
	free(c);
}

static uint32_t
now_ms(void)
{
	return (uint32_t)clock_monotonic_ms();
}

/* ---- bound ports ---- */

static unsigned
proto_row(uint8_t proto)
{
	switch (proto) {
	case PROTO_TCP:
		return 0;
	case PROTO_UDP:
		return 1;
	case PROTO_SCTP:
		return 2;
	default:
		return 3;
	}
}

static bool
binds_one(const struct identity *i)
{
	return i->port_first == i->port_last;
}

/* Brings bound[] up to date. */
static void
bound_learn(struct connections *c)
{
	const struct bindings *b = c->options.bindings;

	if (c->version == bindings_version(b))
		return;
	c->version = bindings_version(b);
	memset(c->bound, 0, sizeof(c->bound));
	for (uint32_t i = 0; i < bindings_count(b); i++) {
		const struct identity *id = &bindings_at(b, i)->identity;

		if (binds_one(id))
			c->bound[proto_row(id->proto)][id->port_first / 8] |=
				(uint8_t)(1u << id->port_first % 8);
	}
	connect_unbound(c->table);
}

struct bound_question {
	const struct connections *c;
	const struct identity *identity;
};

/* connect_bound_fn */
static bool
port_bound(uint16_t port, void *context)
{
	const struct bound_question *q = context;
	const struct bindings *b = q->c->options.bindings;

	if ((q->c->bound[proto_row(q->identity->proto)][port / 8] >> port % 8 & 1) == 0)
		return false;
	for (uint32_t i = 0; i < bindings_count(b); i++) {
		const struct identity *have = &bindings_at(b, i)->identity;

		if (binds_one(have) && have->port_first == port &&
		    binding_overlaps(have, q->identity))
			return true;
	}
	return false;
}

/* ---- opening ---- */

/* The account that pays for a user's sockets; CONNECT_ACCOUNTS_MAX: all others are in use. */
static uint16_t
account_of(const struct connections *c, uid_t uid)
{
	uint16_t idle = CONNECT_ACCOUNTS_MAX;

	for (uint16_t a = 0; a < c->accounts_count; a++) {
		if (c->accounts[a] == uid)
			return a;
		if (idle == CONNECT_ACCOUNTS_MAX && connect_paid(c->table, a) == 0)
			idle = a;
	}
	return idle < c->accounts_count ? idle : (uint16_t)c->accounts_count;
}

uint32_t
connections_paid(const struct connections *c, uid_t uid)
{
	const uint16_t a = account_of(c, uid);

	return a < c->accounts_count && c->accounts[a] == uid ? connect_paid(c->table, a) : 0;
}

/* Opens the account for use. -EDQUOT: its user has as many sockets as may be. */
static int
account_use(struct connections *c, uid_t uid, uint16_t *account, char *why)
{
	const uint16_t a = account_of(c, uid);

	if (a == CONNECT_ACCOUNTS_MAX)
		return refuse(why, -EDQUOT, "%u users have connected sockets, the most that can be",
			      CONNECT_ACCOUNTS_MAX);
	if (connections_paid(c, uid) >= c->options.quota)
		return refuse(why, -EDQUOT,
			      "user %u has its quota of %u connections, those in quarantine "
			      "included; close some or raise quota.connections",
			      (unsigned)uid, c->options.quota);
	if (a == c->accounts_count)
		c->accounts_count++;
	c->accounts[a] = uid;
	*account = a;
	return 0;
}

/* Fills in the local address where it was left open. */
static int
complete(const struct connections *c, struct identity *id, char *why)
{
	char remote[ADDRESS_TEXT_BYTES];
	int rc;

	if (id->local.length != 0)
		return 0;
	rc = route_source(dataplane_links(c->options.dp), id->zone, &id->remote,
			  &id->local.address);
	if (rc == -ENETUNREACH)
		return refuse(why, rc, "no link or gateway of zone %u leads to %s", id->zone,
			      address_format(&id->remote, remote));
	if (rc != 0)
		return refuse(why, rc, "the link to %s has no address of ours; name the local one",
			      address_format(&id->remote, remote));
	id->local.length = id->remote.family == FAMILY_IPV4 ? 32 : 128;
	return 0;
}

/* What a packet of the socket looks like. */
static struct flow_key
key_of(const struct identity *id)
{
	struct flow_key key = { .family = id->local.address.family,
				.proto = id->proto,
				.zone = id->zone,
				.port = { id->port_first, id->remote_port } };

	memcpy(key.addr[0], id->local.address.bytes, sizeof(key.addr[0]));
	memcpy(key.addr[1], id->remote.bytes, sizeof(key.addr[1]));
	return key;
}

static struct connect_request
request_of(const struct connections *c, const struct identity *id, struct bound_question *question)
{
	*question = (struct bound_question){ c, id };
	return (struct connect_request){
		.key = key_of(id),
		.first = c->options.ephemeral_first,
		.last = c->options.ephemeral_last,
		.worker = CONNECT_WORKER_ANY,
		.bound = port_bound,
		.context = question,
	};
}

/* The sentence for what the table refused. */
static int
refuse_pair(const struct connections *c, const struct identity *id, int rc, char *why)
{
	char remote[ADDRESS_TEXT_BYTES], text[IDENTITY_TEXT_BYTES];
	struct connect_counts counts;

	switch (rc) {
	case -EADDRINUSE:
		return refuse(why, rc, "%.110s %s", identity_format(id, text),
			      connections_holder(c, id) != PORT_REF_NONE
				      ? "is connected already"
				      : "was closed a short time ago; TIME-WAIT is not over");
	case -EADDRNOTAVAIL:
		return refuse(why, rc,
			      "no port of %u-%u is free to %s port %u: close sockets to it, wait "
			      "for those in quarantine, or widen `ephemeral`",
			      c->options.ephemeral_first, c->options.ephemeral_last,
			      address_format(&id->remote, remote), id->remote_port);
	case -ENOSPC:
		connect_count(c->table, &counts);
		return refuse(why, rc,
			      "%u connected sockets are open and %u in quarantine; raise "
			      "connections.capacity, now %u",
			      counts.open, counts.quarantine, counts.capacity);
	default:
		return refuse(why, rc, "a socket cannot be connected to itself");
	}
}

int
connections_open(struct connections *c, const struct binding *want, const struct credentials *asker,
		 struct connection *out, char why[MESSAGE_TEXT_BYTES])
{
	struct binding asked = *want;
	struct identity *id = &asked.identity;
	struct bound_question question;
	struct connect_request r;
	struct connect_opened opened;
	int rc = bindings_validate(id, why);

	if (rc == 0 && !id->connected)
		rc = refuse(why, -EINVAL, "only a connected identity has a remote end");
	if (rc == 0)
		rc = complete(c, id, why);
	if (rc == 0)
		rc = bindings_admit(c->options.bindings, &asked, asker, why);
	if (rc != 0)
		return rc;
	connections_step(c);
	bound_learn(c);
	r = request_of(c, id, &question);
	rc = account_use(c, want->uid, &r.account, why);
	if (rc != 0)
		return rc;
	r.port = want->port;
	r.worker = dataplane_answers_at(c->options.dp, id->zone, &id->remote);
	rc = connect_open(c->table, &r, &opened);
	if (rc != 0)
		return refuse_pair(c, id, rc, why);
	id->port_first = id->port_last = opened.port;
	*out = (struct connection){ .id = opened.id, .identity = *id, .owner = opened.owner };
	return 0;
}

int
connections_choose(struct connections *c, struct identity *identity, char why[MESSAGE_TEXT_BYTES])
{
	struct bound_question question;
	const struct connect_request r = request_of(c, identity, &question);
	uint16_t port;

	bound_learn(c);
	if (connect_choose(c->table, &r, &port) != 0)
		return refuse(why, -EADDRNOTAVAIL,
			      "all ports %u-%u of this address are bound: unbind some, or widen "
			      "`ephemeral`",
			      c->options.ephemeral_first, c->options.ephemeral_last);
	identity->port_first = identity->port_last = port;
	return 0;
}

/* ---- closing, and looking ---- */

port_ref
connections_port(const struct connections *c, uint32_t id)
{
	return connect_port(c->table, id);
}

port_ref
connections_holder(const struct connections *c, const struct identity *identity)
{
	const struct flow_key sent = key_of(identity);

	return connect_holder_of(c->table, &sent);
}

void
connections_close(struct connections *c, uint32_t id)
{
	connect_close(c->table, id, now_ms());
	connections_step(c);
}

void
connections_close_port(struct connections *c, port_ref port)
{
	connect_close_port(c->table, port);
}

void
connections_step(struct connections *c)
{
	(void)dataplane_connections_step(c->options.dp, now_ms());
}

struct admit_search {
	const struct identity *identity;
	const struct connections *c;
	uid_t uid;
	bool found;
	struct flow_key in_way;
};

/* connect_each_fn */
static void
admit_look(const struct flow_key *sent, uint16_t account, void *context)
{
	struct admit_search *s = context;
	const struct identity *id = s->identity;

	if (sent->port[0] != id->port_first || sent->proto != id->proto || sent->zone != id->zone ||
	    s->c->accounts[account] == s->uid)
		return;
	if (id->local.address.family != FAMILY_ANY &&
	    !prefix_covers(&id->local, sent->family, sent->addr[0]))
		return;
	s->found = true;
	s->in_way = *sent;
}

int
connections_admit(const struct connections *c, const struct identity *identity, uid_t uid,
		  char why[MESSAGE_TEXT_BYTES])
{
	struct admit_search s = { .identity = identity, .c = c, .uid = uid };
	struct address remote;
	char text[ADDRESS_TEXT_BYTES];

	if (!binds_one(identity) || !connect_used(c->table, identity->proto, identity->port_first))
		return 0;
	connect_each(c->table, admit_look, &s);
	if (!s.found)
		return 0;
	remote = (struct address){ .family = s.in_way.family };
	memcpy(remote.bytes, s.in_way.addr[1], sizeof(remote.bytes));
	return refuse(why, -EADDRINUSE, "port %u is that of another user's socket, connected to %s",
		      identity->port_first, address_format(&remote, text));
}
