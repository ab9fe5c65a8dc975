/* SPDX-License-Identifier: BSD-3-Clause */
/* preflight_nics.c: drivers, permissions and interfaces that the configured devices need. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <rte_config.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "control/preflight.h"

/* Numbers of linux/capability.h, whose masks are 32 bits wide. */
#define CAPABILITY_NET_ADMIN 12
#define CAPABILITY_NET_RAW   13
#define CAPABILITY_SYS_ADMIN 21

/* A kind of device, by how its name begins: where its driver is, and what it may not go without. */
struct driver {
	const char *prefix;  /* of the vdev's name, or the kernel driver of a PCI device */
	const char *library; /* librte_NAME.so */
	const char *package;
	uint64_t capabilities;
};

#define NEEDS(capability) (1ull << CAPABILITY_##capability)

/* Longer prefixes stand before shorter ones that begin alike. */
static const struct driver drivers[] = {
	{ "net_af_packet", "net_af_packet", "librte-net-af-packet23",
	  /* Receiving needs the one; setting MTU and promiscuous mode the other. */
	  NEEDS(NET_RAW) | NEEDS(NET_ADMIN) },
	{ "net_af_xdp", "net_af_xdp", "librte-net-af-xdp23",
	  NEEDS(NET_RAW) | NEEDS(NET_ADMIN) | NEEDS(SYS_ADMIN) },
	{ "net_bonding", "net_bond", "librte-net-bond23", 0 },
	{ "net_failsafe", "net_failsafe", "librte-net-failsafe23", 0 },
	{ "net_memif", "net_memif", "librte-net-memif23", 0 },
	{ "net_null", "net_null", "librte-net-null23", 0 },
	{ "net_pcap", "net_pcap", "librte-net-pcap23", 0 },
	{ "net_ring", "net_ring", "librte-net-ring23", 0 },
	{ "net_softnic", "net_softnic", "librte-net-softnic23", 0 },
	{ "net_tap", "net_tap", "librte-net-tap23", NEEDS(NET_ADMIN) },
	{ "net_tun", "net_tap", "librte-net-tap23", NEEDS(NET_ADMIN) },
	{ "net_vdev_netvsc", "net_vdev_netvsc", "librte-net-vdev-netvsc23", 0 },
	{ "net_vhost", "net_vhost", "librte-net-vhost23", 0 },
	{ "net_virtio_user", "net_virtio", "librte-net-virtio23", 0 },
	/* These work beside their kernel driver (DPDK's guides of both). */
	{ "mlx4_core", "net_mlx4", "librte-net-mlx4-23", NEEDS(NET_RAW) },
	{ "mlx5_core", "net_mlx5", "librte-net-mlx5-23", NEEDS(NET_RAW) },
};

static void
check_capabilities(struct preflight *p, const char *whose, uint64_t needed)
{
	static const struct {
		unsigned number;
		const char *name;
	} names[] = {
		{ CAPABILITY_NET_RAW, "cap_net_raw" },
		{ CAPABILITY_NET_ADMIN, "cap_net_admin" },
		{ CAPABILITY_SYS_ADMIN, "cap_sys_admin" },
	};
	const uint64_t lacking =
		needed & ~preflight_number(p, "/proc/self/status", "CapEff:", 16, UINT64_MAX);
	char list[80] = "";

	if (lacking == 0)
		return;
	for (unsigned i = 0; i < array_length(names); i++)
		if ((lacking >> names[i].number & 1) != 0)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
				 list[0] == '\0' ? "" : ",", names[i].name);
	preflight_missing(p,
			  "%s: the permission %s is missing: run berthd as root, or `setcap %s+ep "
			  "\"$(command -v berthd)\"`",
			  whose, list, list);
}

/* Drivers are libraries, each in a package of its own. */
static void
check_driver(struct preflight *p, const char *whose, const char *device)
{
	const struct driver *driver = NULL;
	char path[PATH_MAX];
	glob_t found = { 0 };

	for (unsigned i = 0; driver == NULL && i < array_length(drivers); i++)
		if (strncmp(device, drivers[i].prefix, strlen(drivers[i].prefix)) == 0)
			driver = &drivers[i];
	/* What is not known here EAL may know. */
	if (driver == NULL)
		return;
	preflight_path(p, path, "%s/librte_%s.so*", RTE_EAL_PMD_PATH, driver->library);
	if (glob(path, 0, NULL, &found) == GLOB_NOMATCH)
		preflight_missing(p,
				  "%s: DPDK's driver %s is not installed: run `apt-get install %s`",
				  whose, driver->library, driver->package);
	globfree(&found);
	check_capabilities(p, whose, driver->capabilities);
}

static void
check_tun(struct preflight *p, const char *whose)
{
	char path[PATH_MAX];

	preflight_path(p, path, "/dev/net/tun");
	if (access(path, F_OK) < 0)
		preflight_missing(p, "%s: /dev/net/tun is missing: run `modprobe tun`", whose);
	else if (access(path, R_OK | W_OK) < 0)
		preflight_missing(
			p,
			"%s: /dev/net/tun may not be opened: run berthd as root, or `chmod "
			"a+rw /dev/net/tun`",
			whose);
}

/* vfio-pci hands over a group of devices through /dev/vfio/GROUP. */
static void
check_vfio(struct preflight *p, const struct config_nic *nic)
{
	char path[PATH_MAX], target[PATH_MAX], unsafe[8] = "N";
	const char *group;
	ssize_t length;

	if (access(preflight_path(p, path, "/dev/vfio/vfio"), F_OK) < 0) {
		preflight_missing(p, "nic %s: /dev/vfio/vfio is missing: run `modprobe vfio-pci`",
				  nic->name);
		return;
	}
	preflight_path(p, path, "/sys/bus/pci/devices/%s/iommu_group", nic->device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0) {
		preflight_line(p, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "",
			       unsafe, sizeof(unsafe));
		if (unsafe[0] != 'Y')
			preflight_missing(
				p,
				"nic %s: this machine has no IOMMU in use: boot with "
				"intel_iommu=on or amd_iommu=on, or, where the device may be "
				"trusted, run `echo Y > /sys/module/vfio/parameters/"
				"enable_unsafe_noiommu_mode`",
				nic->name);
		return;
	}
	target[length] = '\0';
	group = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
	if (access(preflight_path(p, path, "/dev/vfio/%s", group), R_OK | W_OK) < 0)
		preflight_missing(
			p,
			"nic %s: /dev/vfio/%s may not be opened: run berthd as root, or `chown "
			"\"$(id -u)\" /dev/vfio/%s`",
			nic->name, group, group);
}

static void
check_pci(struct preflight *p, const struct config_nic *nic)
{
	char path[PATH_MAX], target[PATH_MAX];
	const char *driver = NULL;
	ssize_t length;

	preflight_path(p, path, "/sys/bus/pci/devices/%s", nic->device);
	if (access(path, F_OK) < 0) {
		preflight_missing(p,
				  "nic %s: this machine has no PCI device %s: run `dpdk-devbind.py "
				  "--status-dev net` and name one of its list",
				  nic->name, nic->device);
		return;
	}
	preflight_path(p, path, "/sys/bus/pci/devices/%s/driver", nic->device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length > 0) {
		target[length] = '\0';
		driver = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
	}
	if (driver != NULL && strncmp(driver, "mlx", 3) == 0)
		check_driver(p, nic->name, driver);
	else if (driver != NULL && strcmp(driver, "vfio-pci") == 0)
		check_vfio(p, nic);
	else if (driver == NULL ||
		 (strcmp(driver, "uio_pci_generic") != 0 && strcmp(driver, "igb_uio") != 0))
		preflight_missing(
			p,
			"nic %s: %s is bound to %s, which DPDK cannot drive: run `modprobe "
			"vfio-pci` and `dpdk-devbind.py --bind=vfio-pci %s`; the kernel loses the "
			"device",
			nic->name, nic->device, driver != NULL ? driver : "no driver", nic->device);
}

/* net_pcap stops EAL's start with few words when a capture is not there. */
static void
check_captures(struct preflight *p, const struct config_nic *nic)
{
	static const char key[] = ",rx_pcap=";

	for (const char *at = strstr(nic->device, key); at != NULL; at = strstr(at, key)) {
		char path[CONFIG_TEXT_BYTES];

		at += strlen(key);
		snprintf(path, sizeof(path), "%.*s", (int)strcspn(at, ","), at);
		if (access(path, R_OK) < 0)
			preflight_missing(
				p,
				"nic %s: the capture %s cannot be read: %s; name another in vdev",
				nic->name, path, strerror(errno));
	}
}

/* Interfaces that af_packet shares with the kernel. */
static void
check_interface(struct preflight *p, const struct config_nic *nic)
{
	struct eal_interface interface;

	if (p->host->interface_read(nic->device, &interface) < 0) {
		preflight_missing(
			p,
			"nic %s: this machine has no interface %s: name one that `ip link` lists",
			nic->name, nic->device);
		return;
	}
	/* Up to the usual MTU af_packet sets it. */
	if (nic->mtu > MTU_DEFAULT && interface.mtu < nic->mtu)
		preflight_missing(p,
				  "nic %s: the mtu of %s is %u, less than the nic's %u: run `ip "
				  "link set dev %s mtu %u`",
				  nic->name, nic->device, interface.mtu, nic->mtu, nic->device,
				  nic->mtu);
	if (!interface.up)
		preflight_note(p, "nic %s: %s is down: run `ip link set dev %s up`", nic->name,
			       nic->device, nic->device);
	if (interface.merges)
		preflight_note(p,
			       "nic %s: %s merges received packets, and merged ones exceed the mtu "
			       "and are "
			       "dropped: run `ethtool -K %s gro off lro off`",
			       nic->name, nic->device, nic->device);
}

void
preflight_nic(struct preflight *p, const struct config_nic *nic)
{
	char whose[NAME_BYTES + 8];

	snprintf(whose, sizeof(whose), "nic %s", nic->name);
	switch (nic->device_kind) {
	case CONFIG_DEVICE_PCI:
		check_pci(p, nic);
		break;
	case CONFIG_DEVICE_VDEV:
		check_driver(p, whose, nic->device);
		if (strncmp(nic->device, "net_pcap", 8) == 0)
			check_captures(p, nic);
		if (strncmp(nic->device, "net_tap", 7) == 0 ||
		    strncmp(nic->device, "net_tun", 7) == 0)
			check_tun(p, whose);
		break;
	case CONFIG_DEVICE_GENERATOR:
		check_driver(p, whose, "net_null");
		break;
	case CONFIG_DEVICE_INTERFACE:
		check_driver(p, whose, "net_af_packet");
		check_interface(p, nic);
		break;
	}
}

void
preflight_kernel_port(struct preflight *p)
{
	if (p->config->kernel_interface[0] == '\0')
		return;
	check_driver(p, "kernel.interface", "net_tap");
	check_tun(p, "kernel.interface");
}

void
preflight_end(struct preflight *p, const struct config_end *end)
{
	char whose[NAME_BYTES + 8];

	snprintf(whose, sizeof(whose), "port %s", end->name);
	check_driver(p, whose, end->tap ? "net_tap" : end->device);
	if (end->tap)
		check_tun(p, whose);
}
