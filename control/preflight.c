/* SPDX-License-Identifier: BSD-3-Clause */
/* preflight.c: says in plain words what the machine lacks, before EAL says it in its own. */
#include <dirent.h>
#include <errno.h>
#include <glob.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <rte_config.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/check.h"
#include "control/eal_host.h"

/* Numbers of linux/capability.h, whose masks are 32 bits wide. */
#define CAPABILITY_NET_ADMIN 12
#define CAPABILITY_NET_RAW   13
#define CAPABILITY_IPC_LOCK  14
#define CAPABILITY_SYS_ADMIN 21

/* Bytes of flow table per flow: entry, tracking state, and tags at the load it is sized for. */
#define FLOW_BYTES 192

/* What the checks share. */
struct preflight {
	const struct eal_host *host;
	const struct config *config;
	FILE *errors;
	unsigned missing;
};

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

__attribute__((format(printf, 2, 3))) static void
missing(struct preflight *p, const char *format, ...)
{
	va_list values;

	p->missing++;
	fputs("berthd: ", p->errors);
	va_start(values, format);
	vfprintf(p->errors, format, values);
	va_end(values);
	fputc('\n', p->errors);
}

__attribute__((format(printf, 2, 3))) static void
note(struct preflight *p, const char *format, ...)
{
	va_list values;

	fputs("berthd: note: ", p->errors);
	va_start(values, format);
	vfprintf(p->errors, format, values);
	va_end(values);
	fputc('\n', p->errors);
}

__attribute__((format(printf, 3, 4))) static const char *
path_below(const struct preflight *p, char path[PATH_MAX], const char *format, ...)
{
	const int root = snprintf(path, PATH_MAX, "%s", p->host->root);
	va_list values;

	if (root < 0 || root >= PATH_MAX)
		return "";
	va_start(values, format);
	vsnprintf(path + root, (size_t)(PATH_MAX - root), format, values);
	va_end(values);
	return path;
}

/* Finds the line that begins with `key` and copies what follows. */
static bool
read_line(const struct preflight *p, const char *path, const char *key, char *out, size_t out_bytes)
{
	char full[PATH_MAX], line[4096];
	FILE *f = fopen(path_below(p, full, "%s", path), "re");
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		found = strncmp(line, key, strlen(key)) == 0;
		if (found)
			snprintf(out, out_bytes, "%s", line + strlen(key));
	}
	fclose(f);
	return found;
}

/* The number behind `key`, or `otherwise` when there is none ("unlimited" is none). */
static uint64_t
read_number(const struct preflight *p, const char *path, const char *key, int base,
	    uint64_t otherwise)
{
	char text[256], *end;
	uint64_t number;

	if (!read_line(p, path, key, text, sizeof(text)))
		return otherwise;
	number = strtoull(text, &end, base);
	return end != text ? number : otherwise;
}

struct hugepages {
	uint64_t free_bytes;     /* of all sizes */
	uint64_t standard_bytes; /* size of the pages that vm.nr_hugepages counts */
	uint64_t standard_pages; /* of that size, taken or free */
};

static struct hugepages
hugepages_read(const struct preflight *p)
{
	struct hugepages h = { 0 };
	char path[PATH_MAX];
	struct dirent *entry;
	DIR *folder = opendir(path_below(p, path, "/sys/kernel/mm/hugepages"));

	h.standard_bytes = read_number(p, "/proc/meminfo", "Hugepagesize:", 10, 2048) << 10;
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char file[NAME_MAX + 64];
		unsigned long long kilobytes;

		if (sscanf(entry->d_name, "hugepages-%llukB", &kilobytes) != 1)
			continue;
		snprintf(file, sizeof(file), "/sys/kernel/mm/hugepages/%s/free_hugepages",
			 entry->d_name);
		h.free_bytes += read_number(p, file, "", 10, 0) * (kilobytes << 10);
		snprintf(file, sizeof(file), "/sys/kernel/mm/hugepages/%s/nr_hugepages",
			 entry->d_name);
		if (kilobytes << 10 == h.standard_bytes)
			h.standard_pages = read_number(p, file, "", 10, 0);
	}
	if (folder != NULL)
		closedir(folder);
	return h;
}

/* Decides the mode: auto takes hugepages when all that is needed is there. */
static bool
check_hugepages(struct preflight *p)
{
	const uint64_t megabytes = eal_megabytes(p->config);
	const struct hugepages h = hugepages_read(p);
	const uint64_t lacking =
		(megabytes << 20) > h.free_bytes ? (megabytes << 20) - h.free_bytes : 0;

	if (p->config->memory.mode == CONFIG_MEMORY_ORDINARY)
		return false;
	if (lacking == 0)
		return true;
	if (p->config->memory.mode == CONFIG_MEMORY_AUTO)
		return false;
	missing(p,
		"memory.mode is hugepages and %" PRIu64 " MiB of them are needed, but %" PRIu64
		" MiB are free: run `sysctl -w vm.nr_hugepages=%" PRIu64 "`, or set memory.mode: "
		"auto",
		megabytes, h.free_bytes >> 20,
		h.standard_pages + (lacking + h.standard_bytes - 1) / h.standard_bytes);
	return true;
}

static void
check_memory(struct preflight *p, bool hugepages)
{
	const struct config *c = p->config;
	const uint32_t buffers = eal_buffers_needed(c), needed = eal_megabytes_needed(c);
	/* Flow tables live outside of EAL's memory in either mode. */
	const uint64_t flows = ((uint64_t)c->workers_count * c->flows_capacity * FLOW_BYTES) >> 20;
	const uint64_t ordinary = flows + (hugepages ? 0 : eal_megabytes(c));
	const uint64_t available =
		read_number(p, "/proc/meminfo", "MemAvailable:", 10, UINT64_MAX) >> 10;
	const uint64_t limit =
		read_number(p, "/proc/self/limits", "Max address space", 10, UINT64_MAX) >> 20;

	if (c->memory.buffers != 0 && c->memory.buffers < buffers)
		missing(p,
			"memory.buffers is %u, but queues and workers hold up to %u: set "
			"memory.buffers: auto, or lower queues and descriptors",
			c->memory.buffers, buffers);
	if (c->memory.megabytes != 0 && c->memory.megabytes < needed)
		missing(p,
			"memory.megabytes is %u, but the buffers need %u: set memory.megabytes: "
			"auto, or lower memory.buffers or descriptors",
			c->memory.megabytes, needed);
	if (available < ordinary)
		missing(p,
			"%" PRIu64 " MiB of memory are needed (%" PRIu64 " of them for flows), but "
			"%" PRIu64 " MiB are available: lower flows.capacity, memory.buffers or "
			"descriptors",
			ordinary, flows, available);
	/* EAL reserves more addresses than it uses; half a gigabyte is the least seen to work. */
	if (limit < ordinary + 512)
		missing(p,
			"the address space of this process is limited to %" PRIu64
			" MiB: run `ulimit -v unlimited` first",
			limit);
}

/* The build of DPDK takes these instructions for granted and EAL refuses to run without them. */
static void
check_processor(struct preflight *p)
{
	static const char *const needed[] = { "sse4_2", "popcnt" };
	char flags[4096];
	size_t used;

	/* Other processors than x86 name their abilities elsewhere. */
	if (!read_line(p, "/proc/cpuinfo", "flags", flags, sizeof(flags) - 1))
		return;
	used = strcspn(flags, "\n");
	strcpy(flags + used, " ");
	for (unsigned i = 0; i < array_length(needed); i++) {
		char word[32];

		snprintf(word, sizeof(word), " %s ", needed[i]);
		if (strstr(flags, word) == NULL)
			missing(p,
				"this processor has no %s, which DPDK needs: choose a newer one, "
				"or, in a virtual machine, let it see the host's (QEMU: `-cpu "
				"host`)",
				needed[i]);
	}
	if (strstr(flags, " constant_tsc ") == NULL)
		note(p, "the cycle counter of this processor changes its pace (no constant_tsc): "
			"timeouts are inexact; in a virtual machine `-cpu host` may mend it");
}

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
		needed & ~read_number(p, "/proc/self/status", "CapEff:", 16, UINT64_MAX);
	char list[80] = "";

	if (lacking == 0)
		return;
	for (unsigned i = 0; i < array_length(names); i++)
		if ((lacking >> names[i].number & 1) != 0)
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
				 list[0] == '\0' ? "" : ",", names[i].name);
	missing(p,
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
	path_below(p, path, "%s/librte_%s.so*", RTE_EAL_PMD_PATH, driver->library);
	if (glob(path, 0, NULL, &found) == GLOB_NOMATCH)
		missing(p, "%s: DPDK's driver %s is not installed: run `apt-get install %s`", whose,
			driver->library, driver->package);
	globfree(&found);
	check_capabilities(p, whose, driver->capabilities);
}

static void
check_tun(struct preflight *p, const char *whose)
{
	char path[PATH_MAX];

	path_below(p, path, "/dev/net/tun");
	if (access(path, F_OK) < 0)
		missing(p, "%s: /dev/net/tun is missing: run `modprobe tun`", whose);
	else if (access(path, R_OK | W_OK) < 0)
		missing(p,
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

	if (access(path_below(p, path, "/dev/vfio/vfio"), F_OK) < 0) {
		missing(p, "nic %s: /dev/vfio/vfio is missing: run `modprobe vfio-pci`", nic->name);
		return;
	}
	path_below(p, path, "/sys/bus/pci/devices/%s/iommu_group", nic->device);
	length = readlink(path, target, sizeof(target) - 1);
	if (length < 0) {
		read_line(p, "/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "", unsafe,
			  sizeof(unsafe));
		if (unsafe[0] != 'Y')
			missing(p,
				"nic %s: this machine has no IOMMU in use: boot with "
				"intel_iommu=on or amd_iommu=on, or, where the device may be "
				"trusted, run `echo Y > /sys/module/vfio/parameters/"
				"enable_unsafe_noiommu_mode`",
				nic->name);
		return;
	}
	target[length] = '\0';
	group = strrchr(target, '/') != NULL ? strrchr(target, '/') + 1 : target;
	if (access(path_below(p, path, "/dev/vfio/%s", group), R_OK | W_OK) < 0)
		missing(p,
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

	path_below(p, path, "/sys/bus/pci/devices/%s", nic->device);
	if (access(path, F_OK) < 0) {
		missing(p,
			"nic %s: this machine has no PCI device %s: run `dpdk-devbind.py "
			"--status-dev net` and name one of its list",
			nic->name, nic->device);
		return;
	}
	path_below(p, path, "/sys/bus/pci/devices/%s/driver", nic->device);
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
		missing(p,
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
			missing(p,
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
		missing(p,
			"nic %s: this machine has no interface %s: name one that `ip link` lists",
			nic->name, nic->device);
		return;
	}
	if (interface.mtu < nic->mtu)
		missing(p,
			"nic %s: the mtu of %s is %u, less than the nic's %u: run `ip link set %s "
			"mtu %u`",
			nic->name, nic->device, interface.mtu, nic->mtu, nic->device, nic->mtu);
	if (!interface.up)
		note(p, "nic %s: %s is down: run `ip link set %s up`", nic->name, nic->device,
		     nic->device);
	if (interface.merges)
		note(p,
		     "nic %s: %s merges received packets, and merged ones exceed the mtu and are "
		     "dropped: run `ethtool -K %s gro off lro off`",
		     nic->name, nic->device, nic->device);
}

/* The rings of af_packet are locked memory. Only a privilege outside of user namespaces lifts its
 * limit. */
static void
check_locked(struct preflight *p)
{
	const uint64_t limit =
		read_number(p, "/proc/self/limits", "Max locked memory", 10, UINT64_MAX);
	const uint64_t capabilities =
		read_number(p, "/proc/self/status", "CapEff:", 16, UINT64_MAX);
	char map[128] = "";
	unsigned long long inside = 0, outside = 0, ids = 0;
	uint64_t needed = 0;

	for (uint16_t i = 0; i < p->config->nics_count; i++) {
		const struct config_nic *nic = &p->config->nics[i];
		const struct eal_frames f = eal_frames(nic);

		if (nic->device_kind == CONFIG_DEVICE_INTERFACE)
			needed += 2ull * nic->queues * f.count * f.frame_bytes;
	}
	read_line(p, "/proc/self/uid_map", "", map, sizeof(map));
	sscanf(map, "%llu %llu %llu", &inside, &outside, &ids);
	if ((capabilities >> CAPABILITY_IPC_LOCK & 1) != 0 && (ids == 0 || ids == UINT32_MAX))
		return;
	if (needed > limit)
		missing(p,
			"the nics' interfaces need %" PRIu64 " KiB of locked memory, but %" PRIu64
			" KiB are allowed: run `ulimit -l %" PRIu64
			"` first, or lower queues and rx-descriptors",
			needed >> 10, limit >> 10, needed >> 10);
}

static void
check_nic(struct preflight *p, const struct config_nic *nic)
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
	case CONFIG_DEVICE_INTERFACE:
		check_driver(p, whose, "net_af_packet");
		check_interface(p, nic);
		break;
	}
}

int
eal_preflight_on(const struct eal_host *host, const struct config *config, FILE *errors,
		 bool *hugepages)
{
	struct preflight p = { .host = host, .config = config, .errors = errors };
	bool huge;

	check_processor(&p);
	huge = check_hugepages(&p);
	check_memory(&p, huge);
	for (uint16_t i = 0; i < config->nics_count; i++)
		check_nic(&p, &config->nics[i]);
	check_locked(&p);
	if (config->kernel_interface[0] != '\0') {
		check_driver(&p, "kernel.interface", "net_tap");
		check_tun(&p, "kernel.interface");
	}
	if (p.missing > 0)
		return -ENODEV;
	*hugepages = huge;
	return 0;
}

/* Whether a feature of the old ethtool interface is on; drivers without it have it off. */
static bool
feature_on(int fd, struct ifreq *request, uint32_t command, uint32_t mask)
{
	struct ethtool_value value = { .cmd = command };

	request->ifr_data = (char *)&value;
	return ioctl(fd, SIOCETHTOOL, request) == 0 && (value.data & mask) != 0;
}

static int
interface_read(const char *name, struct eal_interface *out)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	int rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
		rc = -errno;
	} else {
		const bool up = (request.ifr_flags & IFF_UP) != 0;

		if (ioctl(fd, SIOCGIFMTU, &request) < 0)
			rc = -errno;
		else
			*out = (struct eal_interface){ .up = up, .mtu = (uint32_t)request.ifr_mtu };
	}
	if (rc == 0)
		out->merges = feature_on(fd, &request, ETHTOOL_GGRO, UINT32_MAX) ||
			      feature_on(fd, &request, ETHTOOL_GFLAGS, ETH_FLAG_LRO);
	close(fd);
	return rc;
}

int
eal_preflight(const struct config *config, const char *root, FILE *errors, bool *hugepages)
{
	const struct eal_host host = { .root = root, .interface_read = interface_read };

	return eal_preflight_on(&host, config, errors, hugepages);
}
