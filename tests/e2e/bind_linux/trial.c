/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.c: makes trials up and writes them as text. */
#include "tests/e2e/bind_linux/trial.h"

#include <stdio.h>
#include <string.h>

static struct address
address_of(const char *ipv4, const char *ipv6, bool wants_ipv6, unsigned i)
{
	struct address a;

	/* Both texts are constants of this file. */
	if (address_parse(wants_ipv6 ? ipv6 : ipv4, &a) != 0)
		abort();
	a.bytes[wants_ipv6 ? 15 : 3] = (uint8_t)i;
	return a;
}

struct address
trial_local(bool ipv6, unsigned i)
{
	return address_of("10.9.0.0", "fd09::", ipv6, i);
}

struct address
trial_remote(bool ipv6, unsigned i)
{
	return address_of("10.9.1.0", "fd09:1::", ipv6, i);
}

static bool
spec_is_ipv6(const struct spec *s)
{
	return s->kind == KIND_V6ONLY || s->kind == KIND_DUAL;
}

/* Half of the ports are the first one and most of the users the first, so that sockets meet. */
static void
spec_make(struct random *r, unsigned users, uint8_t proto, struct spec *s)
{
	*s = (struct spec){
		.proto = random_one_in(r, 8) ? (uint8_t)(PROTO_TCP + PROTO_UDP - proto) : proto,
		.kind = (uint8_t)random_below(r, KINDS),
		.address = (uint8_t)random_below(r, 3),
		.port = random_one_in(r, 4),
		.user = random_one_in(r, 4) ? (uint8_t)random_below(r, users) : 0,
	};
	if (s->kind == KIND_MAPPED && s->address == 0)
		s->address = 1;
	if (s->proto == PROTO_UDP && s->address != 0 && random_one_in(r, 4))
		s->remote = (uint8_t)(1 + random_below(r, 2));
}

/* Near to what one of the sockets may receive. */
static void
probe_make(struct random *r, const struct spec *s, struct probe *p)
{
	*p = (struct probe){
		.proto = s->proto,
		.ipv6 = spec_is_ipv6(s),
		.from = (uint8_t)(1 + random_below(r, 2)),
		.to = (uint8_t)(1 + random_below(r, 2)),
		.port = s->port,
	};
	if (s->kind == KIND_DUAL || random_one_in(r, 8))
		p->ipv6 = random_one_in(r, 2);
	if (random_one_in(r, 8))
		p->port = !p->port;
}

void
trial_make(struct random *r, unsigned users, struct trial *out)
{
	const uint8_t proto = random_one_in(r, 2) ? PROTO_TCP : PROTO_UDP;
	const bool mostly_reuse = random_one_in(r, 2), mostly_shared = random_one_in(r, 2);

	*out = (struct trial){
		.specs_count = 1 + random_below(r, SPECS_MAX),
		.probes_count = PROBES_MAX,
	};
	for (unsigned i = 0; i < out->specs_count; i++) {
		struct spec *s = &out->specs[i];

		spec_make(r, users, proto, s);
		s->reuse = random_one_in(r, 5) != mostly_reuse;
		s->shared = random_one_in(r, 5) != mostly_shared;
	}
	for (unsigned i = 0; i < out->probes_count; i++)
		probe_make(r, &out->specs[random_below(r, out->specs_count)], &out->probes[i]);
	out->closes = random_below(r, out->specs_count + 1);
}

struct identity
trial_identity(const struct spec *s)
{
	const bool ipv6 = spec_is_ipv6(s);
	struct identity id = {
		.proto = s->proto,
		.port_first = TRIAL_PORT(s->port),
		.port_last = TRIAL_PORT(s->port),
	};

	if (s->address != 0) {
		id.local.address = trial_local(ipv6, s->address);
		id.local.length = ipv6 ? 128 : 32;
	} else if (s->kind != KIND_DUAL) {
		id.local.address.family = ipv6 ? FAMILY_IPV6 : FAMILY_IPV4;
	}
	if (s->remote != 0) {
		id.connected = true;
		id.remote = trial_remote(ipv6, s->remote);
		id.remote_port = TRIAL_REMOTE(s->remote);
	}
	return id;
}

bool
trial_matches(const struct spec *s, const struct probe *p)
{
	const bool family =
		s->kind == KIND_DUAL && s->address == 0 ? true : spec_is_ipv6(s) == p->ipv6;

	return family && s->proto == p->proto && s->port == p->port &&
	       (s->address == 0 || s->address == p->to) && (s->remote == 0 || s->remote == p->from);
}

const char *
spec_text(const struct spec *s, char text[TRIAL_TEXT_BYTES])
{
	static const char *const kinds[KINDS] = { "AF_INET", "AF_INET6 v6only", "AF_INET6",
						  "AF_INET6 mapped" };
	const struct identity id = trial_identity(s);
	char identity[IDENTITY_TEXT_BYTES];

	snprintf(text, TRIAL_TEXT_BYTES, "%.80s (%s%s%s) of user %u",
		 identity_format(&id, identity), kinds[s->kind], s->reuse ? ", SO_REUSEADDR" : "",
		 s->shared ? ", SO_REUSEPORT" : "", s->user);
	return text;
}

const char *
probe_text(const struct probe *p, char text[TRIAL_TEXT_BYTES])
{
	const struct address from = trial_remote(p->ipv6, p->from),
			     to = trial_local(p->ipv6, p->to);
	char from_text[ADDRESS_TEXT_BYTES], to_text[ADDRESS_TEXT_BYTES];

	snprintf(text, TRIAL_TEXT_BYTES, "%s %s -> %s port %u",
		 p->proto == PROTO_TCP ? "tcp" : "udp", address_format(&from, from_text),
		 address_format(&to, to_text), TRIAL_PORT(p->port));
	return text;
}
