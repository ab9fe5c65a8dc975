/* SPDX-License-Identifier: BSD-3-Clause */
/* permission.c: who may own transport ports below 1024 (rule T7). */
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

bool
permission_ports(const struct config_grant *grants, uint16_t grants_count,
		 const struct credentials *who, uint8_t proto, uint16_t port_first,
		 uint16_t port_last)
{
	uint32_t port = port_first;

	if (who->uid == 0)
		return true;
	/* Grants may adjoin or overlap: each step starts where the last grant ended. */
	while (port <= port_last && port <= PORT_PRIVILEGED_LAST) {
		const uint16_t last = granted_to(grants, grants_count, who, proto, (uint16_t)port);

		if (last == 0)
			return false;
		port = (uint32_t)last + 1;
	}
	return true;
}
