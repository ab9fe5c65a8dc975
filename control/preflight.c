/* SPDX-License-Identifier: BSD-3-Clause */
/* preflight.c: says in plain words what the machine lacks, before EAL says it in its own. */
#include <errno.h>
#include <glob.h>
#include <limits.h>
#include <net/if.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/eal.h"
#include "dataplane/dataplane.h"

#define CAPABILITY_NET_ADMIN 12
#define CAPABILITY_NET_RAW   13

/* What the checks share. */
struct preflight {
	const struct config *config;
	const char *root;
	FILE *errors;
	unsigned missing;
};

/* Opens root/path for reading; NULL: not there. */
static FILE *
open_below(const struct preflight *p, const char *path)
{
	char full[PATH_MAX];

	snprintf(full, sizeof(full), "%s%s", p->root, path);
	return fopen(full, "re");
}

/* The number after `key` in a file of "Key: number" lines, or in a file of one number ("" as key).
 */
static unsigned long long
read_number(const struct preflight *p, const char *path, const char *key, int base)
{
	unsigned long long number = 0;
	FILE *f = open_below(p, path);
	char line[256];

	if (f == NULL)
		return 0;
	while (fgets(line, sizeof(line), f) != NULL) {
		if (strncmp(line, key, strlen(key)) != 0)
			continue;
		number = strtoull(line + strlen(key), NULL, base);
		break;
	}
	fclose(f);
	return number;
}

static bool
has_capability(const struct preflight *p, unsigned capability)
{
	return read_number(p, "/proc/self/status", "CapEff:", 16) >> capability & 1;
}

/* MiB of ordinary pages that may still be had. */
static unsigned long long
available_megabytes(const struct preflight *p)
{
	return read_number(p, "/proc/meminfo", "MemAvailable:", 10) >> 10;
}

/* The flow tables take ordinary pages (large ones where the kernel has them), beside what EAL
 * takes; all of them are present from the start. */
static void
check_flow_tables(struct preflight *p, bool hugepages)
{
	const struct config *c = p->config;
	const unsigned long long needed =
		(c->workers_count * flow_table_bytes(c->flows_capacity)) >> 20;
	const unsigned long long available = available_megabytes(p);
	const unsigned long long others = hugepages ? 0 : eal_megabytes(c, false);

	if (needed + others <= available)
		return;
	p->missing++;
	fprintf(p->errors,
		"berthd: the flow tables need %llu MiB for %u flows of each worker, but %llu MiB "
		"are available, %llu of them for buffers: lower flows.capacity or workers\n",
		needed, c->flows_capacity, available, others);
}

static void
check_memory(struct preflight *p, bool *hugepages)
{
	const uint32_t needed = eal_megabytes(p->config, true);
	const uint32_t needed_ordinary = eal_megabytes(p->config, false);
	const unsigned long long free_2m =
		read_number(p, "/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages", "", 10);
	const unsigned long long free_1g = read_number(
		p, "/sys/kernel/mm/hugepages/hugepages-1048576kB/free_hugepages", "", 10);
	const unsigned long long available = available_megabytes(p);
	const bool enough = free_2m * 2 + free_1g * 1024 >= needed;

	*hugepages = enough && p->config->memory.mode != CONFIG_MEMORY_ORDINARY;
	if (p->config->memory.mode == CONFIG_MEMORY_HUGEPAGES && !enough) {
		p->missing++;
		fprintf(p->errors,
			"berthd: memory.mode is hugepages and %u MiB of them are needed, but %llu "
			"MiB "
			"are free: run `sysctl vm.nr_hugepages=%u`, or set memory.mode: auto\n",
			needed, free_2m * 2 + free_1g * 1024, (needed + 1) / 2);
	}
	if (!*hugepages && p->config->memory.mode != CONFIG_MEMORY_HUGEPAGES &&
	    available < needed_ordinary) {
		p->missing++;
		fprintf(p->errors,
			"berthd: %u MiB of memory are needed, but %llu MiB are available: lower "
			"memory.megabytes, memory.buffers or descriptors\n",
			needed_ordinary, available);
	}
}

/* A PCI device must be bound to a driver that DPDK can use. */
static void
check_pci(struct preflight *p, const struct config_nic *nic)
{
	char path[PATH_MAX], driver[PATH_MAX];
	ssize_t length;

	snprintf(path, sizeof(path), "%s/sys/bus/pci/devices/%s/driver", p->root, nic->device);
	length = readlink(path, driver, sizeof(driver) - 1);
	driver[length < 0 ? 0 : length] = '\0';
	const char *name = strrchr(driver, '/') != NULL ? strrchr(driver, '/') + 1 : "no driver";

	/* mlx4 and mlx5 keep their kernel driver (DPDK's guides of both). */
	if (strcmp(name, "vfio-pci") == 0 || strncmp(name, "uio", 3) == 0 ||
	    strcmp(name, "igb_uio") == 0 || strncmp(name, "mlx", 3) == 0)
		return;
	p->missing++;
	fprintf(p->errors,
		"berthd: nic %s: %s is bound to %s, not to vfio-pci: run `modprobe vfio-pci` and "
		"`dpdk-devbind.py --bind=vfio-pci %s`\n",
		nic->name, nic->device, name, nic->device);
}

/* The driver of a vdev is a library that may not be installed. */
static void
check_driver(struct preflight *p, const char *nic, const char *device)
{
	char path[PATH_MAX], package[64];
	const int length = (int)strcspn(device, "0123456789,");
	glob_t found = { 0 };

	/* net_virtio_user comes with net_virtio, and EAL knows names without a digit as well. */
	const bool virtio = strncmp(device, "net_virtio", 10) == 0;

	snprintf(path, sizeof(path), "%s/usr/lib/*/dpdk/pmds-*/librte_%.*s*.so*", p->root,
		 virtio ? 10 : length, device);
	if (glob(path, 0, NULL, &found) != 0) {
		snprintf(package, sizeof(package), "librte-%.*s23", virtio ? 10 : length, device);
		for (char *c = package; *c != '\0'; c++)
			if (*c == '_')
				*c = '-';
		p->missing++;
		fprintf(p->errors,
			"berthd: nic %s: DPDK's driver %.*s is not installed: run `apt-get install "
			"%s`\n",
			nic, length, device, package);
	}
	globfree(&found);
}

static void
check_capability(struct preflight *p, const char *nic, unsigned capability, const char *name)
{
	if (has_capability(p, capability))
		return;
	p->missing++;
	fprintf(p->errors,
		"berthd: nic %s: the permission %s is missing: run berthd as root, or `setcap "
		"cap_net_raw,cap_net_admin+ep berthd`\n",
		nic, name);
}

/* Larger frames than the interface's MTU never come, and cannot be sent. (Up to the usual MTU,
 * af_packet's driver sets it.) An interface that is not there is told of by EAL. */
static void
check_mtu(struct preflight *p, const struct config_nic *nic)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };

	snprintf(request.ifr_name, sizeof(request.ifr_name), "%.15s", nic->device);
	if (fd >= 0 && nic->mtu > MTU_DEFAULT && ioctl(fd, SIOCGIFMTU, &request) == 0 &&
	    request.ifr_mtu < nic->mtu) {
		p->missing++;
		fprintf(p->errors,
			"berthd: nic %s: mtu is %u, but that of %s is %d: run `ip link set dev %s "
			"mtu %u`, or lower mtu\n",
			nic->name, nic->mtu, nic->device, request.ifr_mtu, nic->device, nic->mtu);
	}
	if (fd >= 0)
		close(fd);
}

static void
check_nic(struct preflight *p, const struct config_nic *nic)
{
	switch (nic->device_kind) {
	case CONFIG_DEVICE_PCI:
		check_pci(p, nic);
		break;
	case CONFIG_DEVICE_VDEV:
		check_driver(p, nic->name, nic->device);
		if (strncmp(nic->device, "net_af_packet", 13) == 0)
			check_capability(p, nic->name, CAPABILITY_NET_RAW, "CAP_NET_RAW");
		if (strncmp(nic->device, "net_tap", 7) == 0)
			check_capability(p, nic->name, CAPABILITY_NET_ADMIN, "CAP_NET_ADMIN");
		break;
	default:
		check_driver(p, nic->name, "net_af_packet");
		check_capability(p, nic->name, CAPABILITY_NET_RAW, "CAP_NET_RAW");
		check_mtu(p, nic);
	}
}

static void
check_kernel_port(struct preflight *p)
{
	char path[PATH_MAX];

	if (p->config->kernel_interface[0] == '\0')
		return;
	check_driver(p, "kernel", "net_tap");
	check_capability(p, "kernel", CAPABILITY_NET_ADMIN, "CAP_NET_ADMIN");
	snprintf(path, sizeof(path), "%s/dev/net/tun", p->root);
	if (access(path, R_OK | W_OK) == 0)
		return;
	p->missing++;
	fprintf(p->errors,
		"berthd: the kernel port needs /dev/net/tun: run `modprobe tun`, or remove "
		"kernel.interface\n");
}

int
eal_preflight(const struct config *config, const char *root, FILE *errors, bool *hugepages)
{
	struct preflight p = { .config = config, .root = root, .errors = errors };

	check_memory(&p, hugepages);
	check_flow_tables(&p, *hugepages);
	for (uint16_t i = 0; i < config->nics_count; i++)
		check_nic(&p, &config->nics[i]);
	check_kernel_port(&p);
	return p.missing == 0 ? 0 : -ENODEV;
}
