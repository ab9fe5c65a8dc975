/* SPDX-License-Identifier: BSD-3-Clause */
/* tunnels.c: tunnels out of accepted values, and what their types allow. */
#include <string.h>

#include "config/load.h"

#define NETWORK_ID_MAX 0xffffffu /* 24 bits: RFC 7348 5, RFC 8926 3.4 */

static bool
type_has_no_id(uint8_t type)
{
	return type == CONFIG_TUNNEL_IPIP || type == CONFIG_TUNNEL_6IN4;
}

static bool
type_has_network_id(uint8_t type)
{
	return type == CONFIG_TUNNEL_VXLAN || type == CONFIG_TUNNEL_GENEVE;
}

static void
id_check(struct load *l, struct yaml_node *map, const struct config_tunnel *t, const char *type)
{
	struct yaml_node *id = yaml_get(map, "id");

	if (type_has_no_id(t->type) && id != NULL)
		mistake_at(l, id, "%s has no id; leaving it out would be right", type);
	else if (!type_has_no_id(t->type) && t->type != CONFIG_TUNNEL_GRE && id == NULL)
		mistake_at(l, map, "%s has no id; \"id: 5001\", for example, would be right", type);
	else if (type_has_network_id(t->type) && t->id > NETWORK_ID_MAX)
		mistake_at(l, id, "id is %u; 0 to %u would be right for %s", t->id, NETWORK_ID_MAX,
			   type);
}

void
assemble_tunnel(struct load *l, struct yaml_node *map, unsigned tunnel)
{
	struct config_tunnel *t = &l->config.tunnels[tunnel];
	struct yaml_node *type = yaml_get(map, "type");
	const struct table_key *key = table_find("nics[].tunnels[]", "type", 4);

	/* What the table refused has been told about already. */
	if (type == NULL || !value_accepted(key, type))
		return;
	t->has_id = yaml_get(map, "id") != NULL;
	id_check(l, map, t, type->text);
	for (unsigned i = 0; i < tunnel; i++) {
		const struct config_tunnel *other = &l->config.tunnels[i];

		if (other->nic == t->nic && other->type == t->type && other->has_id == t->has_id &&
		    other->id == t->id) {
			mistake_at(l, map,
				   "this tunnel is given twice on this nic; once would be right");
			return;
		}
	}
}
