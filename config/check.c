/* SPDX-License-Identifier: BSD-3-Clause */
/* check.c: settings that contradict each other. */
#include <string.h>

#include "config/load.h"

static struct yaml_node *
nic_value(const struct load *l, uint16_t nic, const char *name)
{
	struct yaml_node *value = yaml_get(l->nic_nodes[nic], name);

	return value != NULL ? value : l->nic_nodes[nic];
}

static struct yaml_node *
device_value(const struct load *l, uint16_t nic)
{
	static const char *const names[] = {
		[CONFIG_DEVICE_PCI] = "pci",
		[CONFIG_DEVICE_VDEV] = "vdev",
		[CONFIG_DEVICE_INTERFACE] = "interface",
		[CONFIG_DEVICE_GENERATOR] = "generator",
	};

	return nic_value(l, nic, names[l->config.nics[nic].device_kind]);
}

/* Two vdevs are one device when their names, up to the first comma, are equal. */
static bool
device_equal(const struct config_nic *a, const struct config_nic *b)
{
	const size_t n = strcspn(a->device, ",");

	return a->device_kind == b->device_kind && n > 0 && n == strcspn(b->device, ",") &&
	       memcmp(a->device, b->device, n) == 0;
}

/* A generator's packets need addresses to go to. */
static void
generator_check(struct load *l, uint16_t nic)
{
	static const char *const families[] = { "IPv4", "IPv6" };
	const struct config *c = &l->config;
	const uint8_t percent = c->nics[nic].generator.ipv6_percent;
	const bool wanted[] = { percent<100, percent> 0 };
	bool has[2] = { false, false };

	for (uint16_t i = 0; i < c->links_count; i++) {
		const struct config_link *link = &c->links[i];

		for (uint16_t j = 0;
		     link->nic == nic && link->vlan == 0 && j < link->addresses_count; j++)
			has[link->addresses[j].address.family == FAMILY_IPV6] = true;
	}
	for (unsigned six = 0; six < 2; six++)
		if (wanted[six] && !has[six])
			mistake_at(l, device_value(l, nic),
				   "a generator of %s packets on a nic without such an address; an "
				   "address in addresses, or ipv6-percent: %u, would be right",
				   families[six], six ? 0 : 100);
}

static void
nic_check(struct load *l, uint16_t nic)
{
	const struct config *c = &l->config;
	const struct config_nic *own = &c->nics[nic];
	bool name_told = false, device_told = false;

	if (own->device_kind == CONFIG_DEVICE_GENERATOR)
		generator_check(l, nic);
	for (uint16_t i = 0; i < nic; i++) {
		const struct config_nic *other = &c->nics[i];

		if (!name_told && own->name[0] != '\0' && strcmp(own->name, other->name) == 0) {
			mistake_at(l, nic_value(l, nic, "name"),
				   "a second nic \"%s\"; a name of its "
				   "own would be right",
				   own->name);
			name_told = true;
		}
		if (!device_told && device_equal(own, other)) {
			mistake_at(l, device_value(l, nic),
				   "%.*s already is nic %s; a device of its "
				   "own would be right",
				   (int)strcspn(own->device, ","), own->device, other->name);
			device_told = true;
		}
	}
	if (!l->workers_broken && own->queues > c->workers_count)
		mistake_at(l, nic_value(l, nic, "queues"),
			   "%u queues for %u worker%s; at most one "
			   "queue per worker (workers.cores) would be right",
			   own->queues, c->workers_count, c->workers_count == 1 ? "" : "s");
	if (own->device_kind == CONFIG_DEVICE_INTERFACE && own->device[0] != '\0' &&
	    strcmp(own->device, c->kernel_interface) == 0)
		mistake_at(l, device_value(l, nic),
			   "%s is kernel.interface as well; another "
			   "interface would be right",
			   own->device);
}

static void
end_name_check(struct load *l, uint16_t end)
{
	const struct config *c = &l->config;
	struct yaml_node *name = yaml_get(l->end_nodes[end], "name");

	for (uint16_t i = 0; i < end; i++)
		if (name != NULL && c->ends[end].name[0] != '\0' &&
		    strcmp(c->ends[i].name, c->ends[end].name) == 0)
			mistake_at(l, name,
				   "a second port \"%s\"; a name of its own would be right",
				   c->ends[end].name);
}

/* Two ends are one device when both are taps or none, and their names, up to a comma, are equal. */
static bool
device_taken(const struct config *c, uint16_t end)
{
	const struct config_end *own = &c->ends[end];
	const size_t n = strcspn(own->device, ",");

	if (own->tap && strcmp(own->device, c->kernel_interface) == 0)
		return true;
	for (uint16_t i = 0; i < end; i++)
		if (c->ends[i].tap == own->tap && n == strcspn(c->ends[i].device, ",") &&
		    memcmp(c->ends[i].device, own->device, n) == 0)
			return true;
	for (uint16_t i = 0; i < c->nics_count; i++)
		if ((own->tap ? CONFIG_DEVICE_INTERFACE : CONFIG_DEVICE_VDEV) ==
			    c->nics[i].device_kind &&
		    n == strcspn(c->nics[i].device, ",") &&
		    memcmp(c->nics[i].device, own->device, n) == 0)
			return true;
	return false;
}

static void
end_check(struct load *l, uint16_t end)
{
	const struct config_end *own = &l->config.ends[end];
	struct yaml_node *node = yaml_get(l->end_nodes[end], own->tap ? "tap" : "vdev");

	end_name_check(l, end);
	if (node != NULL && own->device[0] != '\0' && device_taken(&l->config, end))
		mistake_at(l, node, "%.*s is in use already; a device of its own would be right",
			   (int)strcspn(own->device, ","), own->device);
}

void
check_config(struct load *l)
{
	const struct config *c = &l->config;
	struct yaml_node *sockets = yaml_get(l->root, "sockets");
	struct yaml_node *socket = yaml_get(sockets, "control");
	struct yaml_node *unmatched = yaml_get(l->root, "unmatched");
	struct yaml_node *tap = yaml_get(yaml_get(l->root, "kernel"), "interface");
	uint32_t addresses = 0;

	for (uint16_t i = 0; i < c->nics_count; i++)
		nic_check(l, i);
	for (uint16_t i = 0; i < c->ends_count; i++)
		end_check(l, i);
	for (uint16_t i = 0; i < c->links_count; i++)
		addresses += c->links[i].addresses_count;
	if (addresses > ADDRESSES_MAX)
		mistake_at(l, yaml_get(l->root, "nics"),
			   "%u addresses in all; at most %u would be "
			   "right",
			   addresses, ADDRESSES_MAX);
	/* A kernel.interface that was refused has been told about already. */
	if (c->unmatched == CONFIG_UNMATCHED_KERNEL && c->kernel_interface[0] == '\0' &&
	    (tap == NULL || (tap->kind == YAML_SCALAR && !tap->plain && tap->text_bytes == 0)))
		mistake_at(l, unmatched,
			   "unmatched is kernel without kernel.interface; \"kernel: "
			   "{interface: berth0}\" as well would be right");
	if (strcmp(c->sockets.app_socket, c->sockets.control_socket) == 0)
		mistake_at(l, socket != NULL ? socket : sockets,
			   "sockets.app and sockets.control are both %s; two paths would "
			   "be right",
			   c->sockets.app_socket);
}
