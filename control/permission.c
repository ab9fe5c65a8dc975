/* SPDX-License-Identifier: BSD-3-Clause */
/* permission.c: who may own transport ports below 1024 and privileged ones (rule T7). */
#include "control/bindings.h"

#define PORT_PRIVILEGED_LAST 1023 /* RFC 6335 section 6: the well-known ones */
#define ANYONE               UINT32_MAX

static bool
grant_names(const struct config_grant *g, const struct credentials *who, uint8_t proto)
{
	if (g->proto != 0 && g->proto != proto)
		return false;
	if (g->uid != ANYONE && g->uid != who->uid)
		return false;
	return g->gid == ANYONE || credentials_in_group(who, g->gid);
}

/* The last port up to which some grant covers `port` onwards; 0: none covers it. */
static uint16_t
granted_to(const struct config_grant *grants, uint16_t grants_count, const struct credentials *who,
	   uint8_t proto, uint16_t port)
{
	uint16_t last = 0;

	for (uint16_t i = 0; i < grants_count; i++)
		if (grants[i].port_first <= port && port <= grants[i].port_last &&
		    grants[i].port_last > last && grant_names(&grants[i], who, proto))
			last = grants[i].port_last;
	return last;
}

/* The first port from `port` to `last` that needs leave; past `last`: none does. */
static uint32_t
next_privileged(const struct bindings_options *o, uint8_t proto, uint32_t port, uint32_t last)
{
	uint32_t next = last + 1;

	if (port <= PORT_PRIVILEGED_LAST)
		return port;
	for (uint16_t i = 0; i < o->privileged_count; i++) {
		const struct config_ports *p = &o->privileged[i];
		const uint32_t first = p->first > port ? p->first : port;

		if ((p->proto == 0 || p->proto == proto) && first <= p->last && first < next)
			next = first;
	}
	return next;
}

uint16_t
permission_ports(const struct bindings_options *o, const struct credentials *who, uint8_t proto,
		 uint16_t port_first, uint16_t port_last)
{
	uint32_t port = port_first;

	if (who->uid == 0)
		return 0;
	/* Grants may adjoin or overlap: each step starts where the last grant ended. */
	while ((port = next_privileged(o, proto, port, port_last)) <= port_last) {
		const uint16_t last =
			granted_to(o->grants, o->grants_count, who, proto, (uint16_t)port);

		if (last == 0)
			return (uint16_t)port;
		port = (uint32_t)last + 1;
	}
	return 0;
}
