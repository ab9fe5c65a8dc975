/* SPDX-License-Identifier: BSD-3-Clause */
/* assemble.c: devices, addresses, gateways, cores, ranges and grants out of accepted texts. */
#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "config/load.h"

/* The value of `name` if it is there and right by the table. */
static struct yaml_node *
accepted_get(struct yaml_node *map, const char *path, const char *name)
{
	struct yaml_node *value = yaml_get(map, name);
	const struct table_key *key = table_find(path, name, strlen(name));

	return value != NULL && key != NULL && value_accepted(key, value) ? value : NULL;
}

/* Reads "first-last" or "number"; 1..65535. */
static bool
ports_read(const char *text, uint16_t *first, uint16_t *last)
{
	char *end;
	const unsigned long a = strtoul(text, &end, 10);
	const unsigned long b = *end == '-' ? strtoul(end + 1, &end, 10) : a;

	if (*end != '\0' || a < 1 || b < a || b > 65535)
		return false;
	*first = (uint16_t)a;
	*last = (uint16_t)b;
	return true;
}

/* "0-3,6" */
static const char *
cores_format(const cpu_set_t *cores, char text[128])
{
	size_t n = 0;

	text[0] = '\0';
	for (unsigned i = 0; i < CPU_SETSIZE && n < 112; i++) {
		const unsigned first = i;

		if (!CPU_ISSET(i, cores))
			continue;
		while (i + 1 < CPU_SETSIZE && CPU_ISSET(i + 1, cores))
			i++;
		n += (size_t)snprintf(text + n, 128 - n, i > first ? "%s%u-%u" : "%s%u",
				      n == 0 ? "" : ",", first, i);
	}
	return text;
}

static void
cores_assemble(struct load *l, struct yaml_node *list)
{
	struct config *c = &l->config;
	cpu_set_t taken;
	char text[128];

	if (list == NULL || list->kind != YAML_LIST) {
		for (unsigned i = 0; i < CPU_SETSIZE; i++)
			if (CPU_ISSET(i, &l->host->cores))
				c->worker_cores[0] = (uint16_t)i;
		c->workers_count = 1;
		return;
	}
	CPU_ZERO(&taken);
	for (struct yaml_node *item = list->first; item != NULL && c->workers_count < WORKERS_MAX;
	     item = item->next) {
		if (!value_accepted(table_find("workers", "cores", 5), item))
			continue;
		const unsigned core = (unsigned)strtoul(item->text, NULL, 10);

		if (strcmp(item->text, "auto") == 0) {
			mistake_at(l, item,
				   "auto within a list; \"cores: auto\" or numbers only "
				   "would be right");
			continue;
		}
		if (CPU_ISSET(core, &taken))
			mistake_at(l, item,
				   "core %u is given twice; one worker per core would be "
				   "right",
				   core);
		else if (!CPU_ISSET(core, &l->host->cores))
			mistake_at(l, item,
				   "core %u is not among those that this process may use; "
				   "%s would be right",
				   core, cores_format(&l->host->cores, text));
		else
			c->worker_cores[c->workers_count++] = (uint16_t)core;
		CPU_SET(core, &taken);
	}
}

/* Reads "udp/192.0.2.50:4739" or "tcp/[2001:db8::50]:4739"; the shape has been checked. */
static bool
collector_read(const char *text, struct config *c)
{
	const char *from = text + strlen("udp/"), *colon = strrchr(text, ':');
	const bool brackets = *from == '[';
	char address[ADDRESS_TEXT_BYTES];
	struct address a;
	uint16_t port;

	snprintf(address, sizeof(address), "%.*s", (int)(colon - from) - 2 * brackets,
		 from + brackets);
	if (!ports_read(colon + 1, &port, &port) || address_parse(address, &a) != 0 ||
	    brackets != (a.family == FAMILY_IPV6))
		return false;
	c->ipfix.address = a;
	c->ipfix.port = port;
	c->ipfix.tcp = text[0] == 't';
	return true;
}

static void
ipfix_assemble(struct load *l, struct yaml_node *map)
{
	struct yaml_node *collector = accepted_get(map, "ipfix", "collector");

	if (collector != NULL && collector->text_bytes > 0 &&
	    !collector_read(collector->text, &l->config))
		mistake_at(l, collector,
			   "ipfix.collector is \"%s\"; an address and a port from 1 to 65535, for "
			   "example udp/192.0.2.50:4739, would be right",
			   collector->text);
}

/* Reads tcp/80, udp/1-1023 or 53. */
static void
ports_assemble(struct load *l, struct yaml_node *node, struct config_ports *out)
{
	const char *slash = strchr(node->text, '/');
	const char *range = slash == NULL ? node->text : slash + 1;

	*out = (struct config_ports){
		.proto = slash == NULL          ? 0
			 : node->text[0] == 't' ? PROTO_TCP
						: PROTO_UDP,
	};
	if (!ports_read(range, &out->first, &out->last))
		mistake_at(l, node,
			   "ports is \"%s\"; from 1 to 65535, the lower one first, would "
			   "be right",
			   node->text);
}

static void
privileged_assemble(struct load *l, struct yaml_node *list, struct config *c)
{
	const struct table_key *key = table_find("", "privileged", 10);

	if (list == NULL || list->kind != YAML_LIST)
		return;
	for (struct yaml_node *item = list->first;
	     item != NULL && c->privileged_count < PRIVILEGED_MAX; item = item->next)
		if (value_accepted(key, item))
			ports_assemble(l, item, &c->privileged[c->privileged_count++]);
}

void
assemble_config(struct load *l, struct yaml_node *map)
{
	struct config *c = &l->config;
	struct yaml_node *workers = yaml_get(map, "workers");
	struct yaml_node *ephemeral = accepted_get(map, "", "ephemeral");
	struct yaml_node *group = accepted_get(yaml_get(map, "sockets"), "sockets", "group");
	const uint32_t before = l->mistakes.count;

	cores_assemble(l, yaml_get(workers, "cores"));
	privileged_assemble(l, yaml_get(map, "privileged"), c);
	ipfix_assemble(l, yaml_get(map, "ipfix"));
	l->workers_broken |= l->mistakes.count > before;
	ports_read(table_find("", "ephemeral", 9)->standard, &c->ephemeral.first,
		   &c->ephemeral.last);
	if (ephemeral != NULL &&
	    (!ports_read(ephemeral->text, &c->ephemeral.first, &c->ephemeral.last) ||
	     c->ephemeral.first < 1024))
		mistake_at(l, ephemeral,
			   "ephemeral is \"%s\"; two ports from 1024 to 65535, the lower "
			   "one first, would be right",
			   ephemeral->text);
	if (group != NULL && group->text_bytes > 0 && getgrnam(group->text) == NULL)
		mistake_at(l, group,
			   "there is no group \"%s\"; an existing one (groupadd %s makes "
			   "it) would be right",
			   group->text, group->text);
}

static void
device_set(struct config_nic *nic, enum config_device_kind kind, const char *text)
{
	nic->device_kind = kind;
	memset(nic->device, 0, sizeof(nic->device));
	for (size_t i = 0; text[i] != '\0' && i + 1 < sizeof(nic->device); i++)
		/* sysfs and DPDK write PCI addresses in lower case. */
		nic->device[i] = kind == CONFIG_DEVICE_PCI && text[i] >= 'A' && text[i] <= 'F'
					 ? (char)(text[i] + 'a' - 'A')
					 : text[i];
}

static void
pci_assemble(struct load *l, struct config_nic *nic, struct yaml_node *node)
{
	char path[CONFIG_TEXT_BYTES + 128];

	device_set(nic, CONFIG_DEVICE_PCI, node->text);
	snprintf(path, sizeof(path), "%s/bus/pci/devices/%s", l->host->sys, nic->device);
	if (access(path, F_OK) < 0)
		mistake_at(l, node,
			   "this machine has no PCI device %s; one that "
			   "`dpdk-devbind.py --status-dev net` lists would be right",
			   nic->device);
}

static void
vdev_check(struct load *l, struct yaml_node *node)
{
	static const char *const ours[] = { "net_af_packet_", "net_tap_kernel", "net_tap_port_",
					    "net_null_generator" };

	for (unsigned i = 0; i < array_length(ours); i++)
		if (strncmp(node->text, ours[i], strlen(ours[i])) == 0)
			mistake_at(l, node,
				   "vdev names beginning with %s are berthd's own; net_af_packet0, "
				   "net_tap0 or net_null0 would be right",
				   ours[i]);
}

static void
vdev_assemble(struct load *l, struct config_nic *nic, struct yaml_node *node)
{
	device_set(nic, CONFIG_DEVICE_VDEV, node->text);
	vdev_check(l, node);
}

/* The generator's map was read before the nic's; here is what its table cannot say. */
static void
generator_assemble(struct load *l, struct config_nic *nic, struct yaml_node *map)
{
	struct yaml_node *ports = accepted_get(map, "nics[].generator", "ports");
	struct config_generator *g = &nic->generator;

	device_set(nic, CONFIG_DEVICE_GENERATOR, "");
	ports_read(table_find("nics[].generator", "ports", 5)->standard, &g->port_first,
		   &g->port_last);
	if (ports != NULL && !ports_read(ports->text, &g->port_first, &g->port_last))
		mistake_at(
			l, ports,
			"nics[].generator.ports is \"%s\"; a port or a range from 1 to 65535, the "
			"lower one first, would be right",
			ports->text);
}

void
assemble_nic(struct load *l, struct yaml_node *map, uint16_t index)
{
	struct config_nic *nic = &l->config.nics[index];
	struct yaml_node *interface = accepted_get(map, "nics[]", "interface");
	struct yaml_node *pci = accepted_get(map, "nics[]", "pci");
	struct yaml_node *vdev = accepted_get(map, "nics[]", "vdev");
	struct yaml_node *generator = yaml_get(map, "generator");

	if (interface != NULL) {
		device_set(nic, CONFIG_DEVICE_INTERFACE, interface->text);
		if (l->host->interface_index(interface->text) == 0)
			mistake_at(l, interface,
				   "this machine has no interface %s; one that "
				   "`ip link` lists would be right",
				   interface->text);
	} else if (pci != NULL) {
		pci_assemble(l, nic, pci);
	} else if (vdev != NULL) {
		vdev_assemble(l, nic, vdev);
	} else if (generator != NULL && generator->kind == YAML_MAP) {
		generator_assemble(l, nic, generator);
	}
}

/* Whether all bits past `length` are `bit`. */
static bool
host_bits_are(const struct prefix *p, bool bit)
{
	const unsigned bits = p->address.family == FAMILY_IPV4 ? 32 : 128;

	for (unsigned i = p->length; i < bits; i++)
		if (((p->address.bytes[i / 8] >> (7 - i % 8)) & 1) != bit)
			return false;
	return true;
}

/* Says why the address cannot be one host's own, or NULL. */
static const char *
address_refused(const struct address *a)
{
	static const uint8_t zero[16];
	const uint8_t *b = a->bytes;

	if (a->family == FAMILY_IPV4) {
		if (b[0] >= 224 && b[0] < 240)
			return "a multicast address";
		if (b[0] == 127)
			return "a loopback address";
		return b[0] == 0 || b[0] >= 240 ? "a reserved address" : NULL;
	}
	if (b[0] == 0xff)
		return "a multicast address";
	if (memcmp(b, zero, 15) == 0 && b[15] == 1)
		return "a loopback address";
	if (memcmp(b, zero, 16) == 0)
		return "the unspecified address";
	if (memcmp(b, zero, 10) == 0 && b[10] == 0xff && b[11] == 0xff)
		return "an IPv4 address within IPv6";
	return NULL;
}

/* Says why the address with its prefix cannot be an own one, or NULL. */
static const char *
own_refused(const struct prefix *p)
{
	const unsigned bits = p->address.family == FAMILY_IPV4 ? 32 : 128;
	const char *why = address_refused(&p->address);

	if (why != NULL)
		return why;
	if (p->length == 0)
		return "on a prefix that is everything";
	/* RFC 3021 and RFC 6164 let both addresses of a two-address link be hosts. */
	if (p->length + 2u > bits)
		return NULL;
	if (host_bits_are(p, false))
		return "the address of the network itself";
	if (bits == 32 && host_bits_are(p, true))
		return "the broadcast address";
	return NULL;
}

/* The link of the same zone that has this address already, or NULL. */
static const struct config_link *
owner_find(const struct config *c, uint16_t zone, const struct address *address)
{
	for (uint16_t i = 0; i < c->links_count; i++)
		for (uint16_t j = 0; c->links[i].zone == zone && j < c->links[i].addresses_count;
		     j++)
			if (address_equal(&c->links[i].addresses[j].address, address))
				return &c->links[i];
	return NULL;
}

static void
address_assemble(struct load *l, struct config_link *link, struct yaml_node *node)
{
	const struct config_link *owner;
	struct prefix p;
	const char *why;

	if (strchr(node->text, '/') == NULL || prefix_parse(node->text, &p) < 0) {
		mistake_at(l, node,
			   "\"%s\" is no address with a prefix length; 192.0.2.10/24 or "
			   "2001:db8::10/64, for example, would be right",
			   node->text);
		return;
	}
	why = own_refused(&p);
	if (why != NULL) {
		mistake_at(l, node, "%s is %s; an address of one host would be right", node->text,
			   why);
		return;
	}
	owner = owner_find(&l->config, link->zone, &p.address);
	if (owner != NULL) {
		mistake_at(l, node,
			   "%s is already an address of nic %s in zone %u; each address "
			   "once in a zone would be right",
			   node->text, l->config.nics[owner->nic].name, owner->zone);
		return;
	}
	link->addresses[link->addresses_count++] = p;
}

static bool
on_link(const struct config_link *link, const struct address *gateway)
{
	/* Every IPv6 interface is on the link-local prefix (RFC 4291 section 2.1). */
	if (gateway->family == FAMILY_IPV6 && gateway->bytes[0] == 0xfe &&
	    (gateway->bytes[1] & 0xc0) == 0x80)
		return true;
	for (uint16_t i = 0; i < link->addresses_count; i++)
		if (prefix_covers(&link->addresses[i], gateway->family, gateway->bytes))
			return true;
	return false;
}

static void
gateway_assemble(struct load *l, struct config_link *link, struct yaml_node *node)
{
	struct address *slot;
	struct address a;
	bool family = false, own = false;

	if (address_parse(node->text, &a) < 0 || address_refused(&a) != NULL) {
		mistake_at(l, node,
			   "\"%s\" is no address of a router; 192.0.2.1 or fe80::1, for "
			   "example, would be right",
			   node->text);
		return;
	}
	for (uint16_t i = 0; i < link->addresses_count; i++) {
		family |= link->addresses[i].address.family == a.family;
		own |= address_equal(&link->addresses[i].address, &a);
	}
	slot = &link->gateway[a.family == FAMILY_IPV6];
	if (!family)
		mistake_at(l, node,
			   "gateway %s without an own %s address here; one in addresses "
			   "would be right",
			   node->text, a.family == FAMILY_IPV4 ? "IPv4" : "IPv6");
	else if (own)
		mistake_at(l, node, "gateway %s is an own address; the router's would be right",
			   node->text);
	else if (!on_link(link, &a))
		mistake_at(l, node,
			   "gateway %s is on no prefix of addresses; a neighbour's address "
			   "would be right",
			   node->text);
	else if (slot->family != FAMILY_ANY)
		mistake_at(l, node, "a second %s gateway; one per address family would be right",
			   a.family == FAMILY_IPV4 ? "IPv4" : "IPv6");
	else
		*slot = a;
}

/* The link has its VLAN by now; earlier links of the same nic come before it in the array. */
static void
link_unique(struct load *l, struct yaml_node *map, const struct config_link *link)
{
	struct yaml_node *zone = yaml_get(map, "zone"), *id = yaml_get(map, "id");

	for (const struct config_link *other = l->config.links; other < link; other++) {
		if (other->nic != link->nic)
			continue;
		if (id != NULL && other->vlan == link->vlan)
			mistake_at(l, id, "VLAN %u is given twice on this nic; once would be right",
				   link->vlan);
		else if (other->zone == link->zone)
			mistake_at(l, zone != NULL ? zone : map,
				   "zone %u is given twice on this "
				   "nic; a zone of its own for each VLAN would be right",
				   link->zone);
		else
			continue;
		return;
	}
}

void
assemble_link(struct load *l, struct yaml_node *map, uint16_t index)
{
	struct config_link *link = &l->config.links[index];
	struct yaml_node *addresses = yaml_get(map, "addresses");
	struct yaml_node *gateways = yaml_get(map, "gateways");
	const char *path = index == 0 || l->config.links[index - 1].nic != link->nic
				   ? "nics[]"
				   : "nics[].vlans[]";
	const struct table_key *key;
	const uint32_t before = l->mistakes.count;
	uint16_t n = 0;

	if (link->vlan != 0 && yaml_get(map, "zone") == NULL)
		link->zone = link->vlan;
	if (strcmp(path, "nics[]") == 0 || accepted_get(map, path, "id") != NULL)
		link_unique(l, map, link);
	key = table_find(path, "addresses", 9);
	if (addresses != NULL && addresses->kind == YAML_LIST)
		for (struct yaml_node *item = addresses->first;
		     item != NULL && n < CONFIG_LINK_ADDRESSES_MAX; item = item->next, n++)
			if (value_accepted(key, item))
				address_assemble(l, link, item);
	/* A gateway is judged by the addresses, so only where those are right. */
	if (l->mistakes.count > before || gateways == NULL || gateways->kind != YAML_LIST)
		return;
	key = table_find(path, "gateways", 8);
	for (struct yaml_node *item = gateways->first; item != NULL; item = item->next)
		if (value_accepted(key, item))
			gateway_assemble(l, link, item);
}

void
assemble_end(struct load *l, struct yaml_node *map, struct config_end *end)
{
	struct yaml_node *tap = accepted_get(map, "ports[]", "tap");
	struct yaml_node *vdev = accepted_get(map, "ports[]", "vdev");
	struct yaml_node *bindings = yaml_get(map, "bindings");
	const struct table_key *key = table_find("ports[]", "bindings", 8);

	end->tap = tap != NULL;
	if (tap != NULL || vdev != NULL)
		snprintf(end->device, sizeof(end->device), "%s",
			 tap != NULL ? tap->text : vdev->text);
	if (vdev != NULL)
		vdev_check(l, vdev);
	if (bindings == NULL || bindings->kind != YAML_LIST)
		return;
	for (struct yaml_node *item = bindings->first;
	     item != NULL && end->bindings_count < END_BINDINGS_MAX; item = item->next) {
		struct identity *id = &end->bindings[end->bindings_count];
		const char *why;

		if (!value_accepted(key, item))
			continue;
		if (identity_parse(item->text, id, &why) != 0) {
			mistake_at(l, item, "\"%s\": %s; for example tcp/*:80 would be right",
				   item->text, why);
			continue;
		}
		id->zone = end->zone;
		end->bindings_count++;
	}
}

/* Reads a number that is no "any" (UINT32_MAX). */
static bool
id_read(const char *text, uint32_t *id)
{
	char *end;
	unsigned long long value;

	if (text[0] < '0' || text[0] > '9')
		return false;
	errno = 0;
	value = strtoull(text, &end, 10);
	if (errno != 0 || *end != '\0' || value >= UINT32_MAX)
		return false;
	*id = (uint32_t)value;
	return true;
}

void
assemble_grant(struct load *l, struct yaml_node *map, struct config_grant *grant)
{
	struct yaml_node *user = accepted_get(map, "grants[]", "user");
	struct yaml_node *group = accepted_get(map, "grants[]", "group");
	struct yaml_node *ports = accepted_get(map, "grants[]", "ports");
	struct config_ports range;

	*grant = (struct config_grant){ .uid = UINT32_MAX, .gid = UINT32_MAX };
	if (user != NULL && strcmp(user->text, "any") != 0 && !id_read(user->text, &grant->uid)) {
		const struct passwd *entry = getpwnam(user->text);

		if (entry == NULL)
			mistake_at(l, user,
				   "there is no user \"%s\"; the name or number of one, or "
				   "any, would be right",
				   user->text);
		else
			grant->uid = entry->pw_uid;
	}
	if (group != NULL && !id_read(group->text, &grant->gid)) {
		const struct group *entry = getgrnam(group->text);

		if (entry == NULL)
			mistake_at(l, group,
				   "there is no group \"%s\"; the name or number of one "
				   "would be right",
				   group->text);
		else
			grant->gid = entry->gr_gid;
	}
	if (ports == NULL)
		return;
	ports_assemble(l, ports, &range);
	grant->proto = range.proto;
	grant->port_first = range.first;
	grant->port_last = range.last;
}
