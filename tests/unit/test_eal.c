/* SPDX-License-Identifier: BSD-3-Clause */
/* test_eal.c: what EAL is told, and what is said of a machine that lacks something. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <rte_config.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "control/eal_host.h"

#define SAYS_BYTES 16384

/* One worker on core 1, one nic "wan". */
static void
config_least(struct config *c, enum config_device_kind kind, const char *device)
{
	memset(c, 0, sizeof(*c));
	c->workers_count = 1;
	c->worker_cores[0] = 1;
	c->flows_capacity = 262144;
	c->connections.capacity = 131072;
	c->nics_count = c->links_count = 1;
	snprintf(c->nics[0].name, sizeof(c->nics[0].name), "wan");
	snprintf(c->nics[0].device, sizeof(c->nics[0].device), "%s", device);
	c->nics[0].device_kind = kind;
	c->nics[0].queues = 1;
	c->nics[0].rx_descriptors = c->nics[0].tx_descriptors = 1024;
	c->nics[0].mtu = MTU_DEFAULT;
}

/* The arguments, joined by single spaces. */
static const char *
joined(const struct eal_arguments *a)
{
	static char text[EAL_TEXT_BYTES];

	text[0] = '\0';
	for (int i = 0; i < a->count; i++) {
		cr_assert(a->values[i] >= a->text && a->values[i] < a->text + EAL_TEXT_BYTES);
		snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s%s",
			 i == 0 ? "" : " ", a->values[i]);
	}
	cr_assert(a->values[a->count] == NULL);
	return text;
}

/* Goal: both memory modes and each kind of device give the arguments that DPDK understands, and the
 * names that it will know the devices by. */
Test(eal, arguments)
{
	static struct config c;
	static struct eal_arguments a;

	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0,size=60");
	c.memory.megabytes = 64;
	cr_assert(eq(int, eal_arguments(&c, "0-1", false, &a), 0));
	cr_assert(eq(str, (char *)joined(&a),
		     "berthd --no-telemetry --log-level=error --lcores=0@(0-1),1@1 --no-huge "
		     "--no-shconf -m64 --vdev=net_null0,size=60 --no-pci"));
	cr_assert(all(eq(str, a.device[0], "net_null0"), eq(str, a.kernel_device, "")));

	config_least(&c, CONFIG_DEVICE_PCI, "0000:3b:00.0");
	c.workers_count = 2;
	c.worker_cores[0] = 5;
	cr_assert(eq(int, eal_arguments(&c, "0,5", true, &a), 0));
	cr_assert(eq(str, (char *)joined(&a),
		     "berthd --no-telemetry --log-level=error --lcores=0@(0,5),1@5,2@0 "
		     "--in-memory --allow=0000:3b:00.0"));
	cr_assert(eq(str, a.device[0], "0000:3b:00.0"));
	cr_assert(a.hugepages);

	config_least(&c, CONFIG_DEVICE_INTERFACE, "eth1");
	c.memory.megabytes = 64;
	c.nics[0].queues = 2;
	strcpy(c.kernel_interface, "berth0");
	c.ends_count = 2;
	c.ends[0] = (struct config_end){ .name = "web", .tap = true, .device = "web0" };
	c.ends[1] = (struct config_end){ .name = "v", .device = "net_memif0,role=server" };
	cr_assert(eq(int, eal_arguments(&c, "0", true, &a), 0));
	cr_assert(eq(str, (char *)joined(&a),
		     "berthd --no-telemetry --log-level=error --lcores=0@(0),1@1 --in-memory -m64 "
		     "--vdev=net_af_packet_wan,iface=eth1,qpairs=2,framesz=2048,blocksz=8192,"
		     "framecnt=1024 --no-pci --vdev=net_tap_kernel,iface=berth0 "
		     "--vdev=net_tap_port_web,iface=web0 --vdev=net_memif0,role=server"));
	cr_assert(all(eq(str, a.device[0], "net_af_packet_wan"),
		      eq(str, a.kernel_device, "net_tap_kernel"),
		      eq(str, a.end_device[0], "net_tap_port_web"),
		      eq(str, a.end_device[1], "net_memif0")));
}

/* Goal: the largest configuration fits; one argument more than fits is refused, and what was there
 * stays. */
Test(eal, arguments_are_bounded)
{
	static struct config c;
	static struct eal_arguments a;
	static char cpus[8192];
	int n = 0;

	config_least(&c, CONFIG_DEVICE_VDEV, "");
	c.workers_count = WORKERS_MAX;
	for (unsigned i = 0; i < WORKERS_MAX; i++)
		c.worker_cores[i] = (uint16_t)(1000 - i);
	c.nics_count = NICS_MAX;
	for (unsigned i = 0; i < NICS_MAX; i++) {
		c.nics[i] = c.nics[0];
		memset(c.nics[i].device, 'x', CONFIG_TEXT_BYTES - 1);
		memcpy(c.nics[i].device, "net_null0,", 10);
	}
	strcpy(c.kernel_interface, "berth0");
	c.ends_count = PORT_ENDS_MAX;
	for (unsigned i = 0; i < PORT_ENDS_MAX; i++)
		memcpy(c.ends[i].device, c.nics[0].device, CONFIG_TEXT_BYTES);
	for (unsigned i = 0; i < 1024; i++)
		snprintf(cpus + strlen(cpus), sizeof(cpus) - strlen(cpus), "%s%u",
			 i == 0 ? "" : ",", i);
	cr_assert(eq(int, eal_arguments(&c, cpus, false, &a), 0));
	n = a.count;
	while (eal_arguments_add(&a, "--log-level=debug") == 0)
		n++;
	cr_assert(all(eq(int, a.count, n), eq(int, n, EAL_ARGUMENTS_MAX)));
	joined(&a);

	/* A device name that DPDK would cut. */
	memset(c.nics[3].device, 'x', 64);
	c.nics[3].device[64] = '\0';
	a.count = -7;
	cr_assert(eq(int, eal_arguments(&c, "0-1023", false, &a), -ENOSPC));
	cr_assert(eq(int, a.count, -7));
}

/* Goal: the frames of af_packet hold the largest packet with its headers, lie back to back within
 * whole pages, and fit a buffer.
 * Method: every MTU; 66 bytes are the kernel's in front of a frame, 18 are Ethernet's with a tag.
 */
Test(eal, packet_frames_hold_every_mtu)
{
	static struct config c;
	const uint32_t page = (uint32_t)sysconf(_SC_PAGESIZE);

	config_least(&c, CONFIG_DEVICE_INTERFACE, "eth1");
	c.nics[0].rx_descriptors = 1001;
	for (uint32_t mtu = MTU_MIN; mtu <= MTU_MAX; mtu++) {
		struct eal_frames f;

		c.nics[0].mtu = (uint16_t)mtu;
		f = eal_frames(&c.nics[0]);
		cr_assert(f.frame_bytes >= mtu + 66 + 18, "mtu %u", mtu);
		cr_assert(f.frame_bytes % 16 == 0 && f.block_bytes % f.frame_bytes == 0 &&
				  f.block_bytes % page == 0,
			  "mtu %u", mtu);
		cr_assert(f.count >= 1001 && f.count % (f.block_bytes / f.frame_bytes) == 0);
		cr_assert(f.frame_bytes == FRAME_ROOM_BYTES(mtu), "mtu %u", mtu);
	}
	c.nics[0].mtu = MTU_DEFAULT;
	cr_assert(eq(u32, eal_frames(&c.nics[0]).frame_bytes, 2048));
}

/* Goal: memory grows with what needs it, and an order in the configuration overrules. */
Test(eal, memory_is_counted)
{
	static struct config c;
	uint32_t before;

	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0");
	before = eal_megabytes(&c, true);
	cr_assert(before > 36 && before < 100, "%u", before);
	c.nics[0].mtu = 9000;
	cr_assert(gt(u32, eal_megabytes(&c, true), before));
	c.nics[0].mtu = MTU_DEFAULT;
	c.workers_count = 2;
	cr_assert(gt(u32, eal_megabytes(&c, true), before + 8));
	c.memory.buffers = 1 << 20;
	cr_assert(ge(u32, eal_megabytes(&c, true), 2048));
	c.memory.megabytes = 77;
	cr_assert(eq(u32, eal_megabytes(&c, true), 77));
}

/* A folder that stands for the root of a machine; gone when the test is. */
static char root[64];

__attribute__((format(printf, 2, 3))) static void
put(const char *path, const char *format, ...)
{
	char full[512];
	va_list args;
	FILE *f;

	snprintf(full, sizeof(full), "%s%s", root, path);
	for (char *c = strchr(full + strlen(root) + 1, '/'); c != NULL; c = strchr(c + 1, '/')) {
		*c = '\0';
		mkdir(full, 0755);
		*c = '/';
	}
	f = fopen(full, "w");
	cr_assert(f != NULL, "%s", full);
	va_start(args, format);
	vfprintf(f, format, args);
	va_end(args);
	fclose(f);
}

static void
put_link(const char *path, const char *target)
{
	char full[512];

	/* The folders, by way of a file that is removed again. */
	put(path, " ");
	snprintf(full, sizeof(full), "%s%s", root, path);
	unlink(full);
	cr_assert(symlink(target, full) == 0);
}

static void
take_away(const char *path)
{
	char command[600];

	snprintf(command, sizeof(command), "rm -r %s%s", root, path);
	cr_assert(eq(int, system(command), 0));
}

#define PAGES_2M         "/sys/kernel/mm/hugepages/hugepages-2048kB/"
#define PAGES_1G         "/sys/kernel/mm/hugepages/hugepages-1048576kB/"
#define ALL_CAPABILITIES 0x1ffffffffffull

/* A machine that has everything but hugepages. */
static void
machine_make(void)
{
	static const char *const libraries[] = { "af_packet", "null", "pcap",  "tap",
						 "memif",     "mlx5", "virtio" };

	strcpy(root, "/tmp/berth-root-XXXXXX");
	cr_assert(mkdtemp(root) != NULL);
	put("/proc/meminfo", "MemTotal: 9000000 kB\nMemAvailable:    8000000 kB\n"
			     "Hugepagesize:       2048 kB\n");
	put("/proc/cpuinfo", "processor\t: 0\nflags\t\t: fpu constant_tsc sse4_2 popcnt\n");
	put("/proc/self/status", "Name:\tx\nCapEff:\t%016llx\n", ALL_CAPABILITIES);
	put("/proc/self/limits",
	    "Max address space         unlimited            unlimited            bytes\n"
	    "Max locked memory         8388608              8388608              bytes\n");
	put("/proc/self/uid_map", "         0          0 4294967295\n");
	put(PAGES_2M "free_hugepages", "0\n");
	put(PAGES_2M "nr_hugepages", "0\n");
	put(PAGES_1G "free_hugepages", "0\n");
	put(PAGES_1G "nr_hugepages", "0\n");
	put("/dev/net/tun", " ");
	put("/dev/vfio/vfio", " ");
	put("/dev/vfio/7", " ");
	put_link("/sys/bus/pci/devices/0000:3b:00.0/driver", "../../drivers/vfio-pci");
	put_link("/sys/bus/pci/devices/0000:3b:00.0/iommu_group", "../../kernel/iommu_groups/7");
	for (unsigned i = 0; i < array_length(libraries); i++) {
		char path[256];

		snprintf(path, sizeof(path), "%s/librte_net_%s.so.23", RTE_EAL_PMD_PATH,
			 libraries[i]);
		put(path, " ");
	}
}

static void
machine_remove(void)
{
	take_away("");
}

static struct eal_interface interface_now;

static int
interface_fake(const char *name, struct eal_interface *out)
{
	*out = interface_now;
	return strcmp(name, "eth1") == 0 ? 0 : -ENODEV;
}

static int
preflight(const struct config *c, char says[SAYS_BYTES], bool *hugepages)
{
	const struct eal_host host = { .root = root, .interface_read = interface_fake };
	FILE *f = fmemopen(says, SAYS_BYTES, "w");
	int rc;

	says[0] = '\0';
	rc = eal_preflight_on(&host, c, f, hugepages);
	fclose(f);
	return rc;
}

/* What the test expects: exactly one line with each of the two texts. */
static void
expect_missing(const struct config *c, const char *what, const char *command)
{
	static char says[SAYS_BYTES];
	bool hugepages = true;

	cr_expect(preflight(c, says, &hugepages) == -ENODEV, "%s: %s", what, says);
	cr_expect(strncmp(says, "berthd: ", 8) == 0);
	cr_expect(strstr(says, what) != NULL, "want \"%s\", got %s", what, says);
	cr_expect(strstr(says, command) != NULL, "want \"%s\", got %s", command, says);
	cr_expect(strchr(says, '\n') == says + strlen(says) - 1, "one line wanted: %s", says);
	cr_expect(hugepages, "output touched");
}

static void
expect_nothing(const struct config *c, bool want_hugepages)
{
	static char says[SAYS_BYTES];
	bool hugepages = !want_hugepages;

	cr_expect(preflight(c, says, &hugepages) == 0, "%s", says);
	cr_expect(strlen(says) == 0, "%s", says);
	cr_expect(hugepages == want_hugepages);
}

TestSuite(preflight, .init = machine_make, .fini = machine_remove);

/* Goal: nothing is said of a machine that has all, for each kind of device. */
Test(preflight, whole_machine)
{
	static struct config c;

	interface_now = (struct eal_interface){ .mtu = 1500, .up = true };
	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0");
	expect_nothing(&c, false);
	config_least(&c, CONFIG_DEVICE_PCI, "0000:3b:00.0");
	expect_nothing(&c, false);
	config_least(&c, CONFIG_DEVICE_INTERFACE, "eth1");
	strcpy(c.kernel_interface, "berth0");
	expect_nothing(&c, false);
	/* A driver that is not known here may be known to DPDK. */
	config_least(&c, CONFIG_DEVICE_VDEV, "net_unheard_of0");
	expect_nothing(&c, false);
}

/* Goal: auto takes hugepages exactly when all that is needed is free, of whatever size; hugepages
 * insists, with the number that mends it; ordinary never takes them. */
Test(preflight, hugepages)
{
	static struct config c;
	char command[64];
	uint32_t pages;

	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0");
	pages = (eal_megabytes(&c, true) + 1) / 2;
	c.memory.mode = CONFIG_MEMORY_HUGEPAGES;
	snprintf(command, sizeof(command), "`sysctl -w vm.nr_hugepages=%u`", pages);
	expect_missing(&c, "0 MiB are free", command);

	/* Pages in use by others count for the command, not for us. */
	put(PAGES_2M "nr_hugepages", "100\n");
	put(PAGES_2M "free_hugepages", "%u\n", pages - 3);
	snprintf(command, sizeof(command), "`sysctl -w vm.nr_hugepages=%u`", 103);
	expect_missing(&c, "hugepages", command);
	c.memory.mode = CONFIG_MEMORY_AUTO;
	expect_nothing(&c, false);

	put(PAGES_2M "free_hugepages", "%u\n", pages);
	expect_nothing(&c, true);
	c.memory.mode = CONFIG_MEMORY_HUGEPAGES;
	expect_nothing(&c, true);
	c.memory.mode = CONFIG_MEMORY_ORDINARY;
	expect_nothing(&c, false);

	put(PAGES_2M "free_hugepages", "0\n");
	put(PAGES_1G "free_hugepages", "1\n");
	c.memory.mode = CONFIG_MEMORY_AUTO;
	expect_nothing(&c, true);
	take_away("/sys/kernel/mm/hugepages");
	expect_nothing(&c, false);
}

/* Goal: too little memory, and orders that cannot work, are told before anything is allocated. */
Test(preflight, memory)
{
	static struct config c;

	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0");
	c.flows_capacity = 100000000;
	expect_missing(&c, "MiB of memory are needed", "lower flows.capacity");
	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0");
	put("/proc/meminfo", "MemAvailable: 60000 kB\n");
	expect_missing(&c, "58 MiB are available", "lower flows.capacity");
	put("/proc/meminfo", "MemAvailable: 8000000 kB\n");
	put("/proc/self/limits",
	    "Max address space         104857600            unlimited  bytes\n");
	expect_missing(&c, "limited to 100 MiB", "`ulimit -v unlimited`");
	take_away("/proc/self/limits");
	c.memory.buffers = 1024;
	expect_missing(&c, "memory.buffers is 1024", "memory.buffers: auto");
	c.memory.buffers = 0;
	c.memory.megabytes = 32;
	expect_missing(&c, "memory.megabytes is 32", "memory.megabytes: auto");
}

/* Goal: a processor that DPDK cannot run on is told; other kinds of processors are let be. */
Test(preflight, processor)
{
	static struct config c;
	static char says[SAYS_BYTES];
	bool hugepages;

	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0");
	put("/proc/cpuinfo", "flags\t\t: fpu constant_tsc popcnt sse4_21\n");
	expect_missing(&c, "no sse4_2", "-cpu host");
	put("/proc/cpuinfo", "flags\t\t: popcnt sse4_2\n");
	cr_assert(eq(int, preflight(&c, says, &hugepages), 0));
	cr_assert(strstr(says, "berthd: note: the cycle counter") == says, "%s", says);
	put("/proc/cpuinfo", "Features\t: fp asimd\n");
	expect_nothing(&c, false);
}

/* Goal: each way in which a PCI device cannot be driven has its command. */
Test(preflight, pci)
{
	static struct config c;
	const char *device = "/sys/bus/pci/devices/0000:3b:00.0";
	const char *driver = "/sys/bus/pci/devices/0000:3b:00.0/driver";

	config_least(&c, CONFIG_DEVICE_PCI, "0000:3b:00.0");
	take_away(driver);
	expect_missing(&c, "bound to no driver", "`dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0`");
	put_link(driver, "../../drivers/ixgbe");
	expect_missing(&c, "bound to ixgbe", "`dpdk-devbind.py --bind=vfio-pci 0000:3b:00.0`");
	take_away(driver);
	put_link(driver, "../../drivers/uio_pci_generic");
	expect_nothing(&c, false);
	take_away(driver);
	put_link(driver, "../../drivers/mlx5_core");
	expect_nothing(&c, false);
	take_away(driver);
	put_link(driver, "../../drivers/mlx4_core");
	expect_missing(&c, "net_mlx4 is not installed", "`apt-get install librte-net-mlx4-23`");
	take_away(driver);
	put_link(driver, "../../drivers/vfio-pci");
	take_away("/dev/vfio/7");
	expect_missing(&c, "/dev/vfio/7 may not be opened", "chown");
	take_away("/dev/vfio");
	expect_missing(&c, "/dev/vfio/vfio is missing", "`modprobe vfio-pci`");
	put("/dev/vfio/vfio", " ");
	take_away("/sys/bus/pci/devices/0000:3b:00.0/iommu_group");
	expect_missing(&c, "no IOMMU in use", "enable_unsafe_noiommu_mode");
	put("/sys/module/vfio/parameters/enable_unsafe_noiommu_mode", "Y\n");
	expect_nothing(&c, false);
	take_away(device);
	expect_missing(&c, "no PCI device 0000:3b:00.0", "dpdk-devbind.py --status-dev net");
}

/* Goal: interfaces: permission, driver, mtu, locked memory, and notes that fail nothing. */
Test(preflight, interface)
{
	static struct config c;
	static char says[SAYS_BYTES];
	char path[256];
	bool hugepages;

	interface_now = (struct eal_interface){ .mtu = 1500, .up = true };
	config_least(&c, CONFIG_DEVICE_INTERFACE, "eth1");
	put("/proc/self/status", "CapEff:\t%016llx\n", ALL_CAPABILITIES & ~(1ull << 13));
	expect_missing(&c, "permission cap_net_raw is missing", "`setcap cap_net_raw+ep ");
	put("/proc/self/status", "CapEff:\t0000000000000000\n");
	expect_missing(&c, "permission cap_net_raw,cap_net_admin is missing", "setcap");

	/* Without privilege, and with one that only a user namespace gave, locked memory counts. */
	put("/proc/self/status", "CapEff:\t%016llx\n", ALL_CAPABILITIES & ~(1ull << 14));
	expect_nothing(&c, false);
	c.nics[0].rx_descriptors = 4096;
	c.nics[0].queues = 1;
	expect_missing(&c, "need 16384 KiB of locked memory, but 8192", "`ulimit -l 16384`");
	put("/proc/self/status", "CapEff:\t%016llx\n", ALL_CAPABILITIES);
	expect_nothing(&c, false);
	put("/proc/self/uid_map", "         0       1000          1\n");
	expect_missing(&c, "locked memory", "`ulimit -l 16384`");
	put("/proc/self/limits", "Max locked memory         unlimited  unlimited  bytes\n");
	expect_nothing(&c, false);

	c.nics[0].mtu = 9000;
	expect_missing(&c, "the mtu of eth1 is 1500", "`ip link set dev eth1 mtu 9000`");
	interface_now = (struct eal_interface){ .mtu = 9000, .up = false, .merges = true };
	cr_assert(eq(int, preflight(&c, says, &hugepages), 0));
	cr_assert(strstr(says, "note: nic wan: eth1 is down: run `ip link set dev eth1 up`") !=
		  NULL);
	cr_assert(strstr(says, "`ethtool -K eth1 gro off lro off`") != NULL);
	interface_now = (struct eal_interface){ .mtu = 9000, .up = true };

	strcpy(c.nics[0].device, "eth2");
	expect_missing(&c, "no interface eth2", "`ip link`");
	strcpy(c.nics[0].device, "eth1");
	snprintf(path, sizeof(path), "%s/librte_net_af_packet.so.23", RTE_EAL_PMD_PATH);
	take_away(path);
	expect_missing(&c, "driver net_af_packet is not installed",
		       "`apt-get install librte-net-af-packet23`");
}

/* Goal: vdevs whose driver or file is not there, and taps without permission or device. */
Test(preflight, vdevs_and_taps)
{
	static struct config c;

	config_least(&c, CONFIG_DEVICE_VDEV, "net_af_xdp0,iface=eth1");
	expect_missing(&c, "driver net_af_xdp is not installed",
		       "`apt-get install librte-net-af-xdp23`");
	config_least(&c, CONFIG_DEVICE_VDEV, "net_bonding0,mode=1");
	expect_missing(&c, "driver net_bond is not", "`apt-get install librte-net-bond23`");
	config_least(&c, CONFIG_DEVICE_VDEV, "net_virtio_user0,path=/x");
	expect_nothing(&c, false);
	config_least(&c, CONFIG_DEVICE_VDEV, "net_pcap0,rx_pcap=/nonexistent/a,tx_pcap=/b");
	expect_missing(&c, "capture /nonexistent/a cannot be read: No such file", "name another");

	config_least(&c, CONFIG_DEVICE_VDEV, "net_null0");
	strcpy(c.kernel_interface, "berth0");
	put("/proc/self/status", "CapEff:\t%016llx\n", ALL_CAPABILITIES & ~(1ull << 12));
	expect_missing(&c, "kernel.interface: the permission cap_net_admin",
		       "setcap cap_net_admin");
	put("/proc/self/status", "CapEff:\t%016llx\n", ALL_CAPABILITIES);
	take_away("/dev/net/tun");
	expect_missing(&c, "/dev/net/tun is missing", "`modprobe tun`");
}

/* Goal: the real machine is read without a crash, whatever it is. */
Test(eal, this_machine)
{
	static struct config c;
	static char says[SAYS_BYTES];
	FILE *f = fmemopen(says, sizeof(says), "w");
	bool hugepages = false;
	int rc;

	config_least(&c, CONFIG_DEVICE_INTERFACE, "lo");
	rc = eal_preflight(&c, "", f, &hugepages);
	fclose(f);
	cr_assert(rc == 0 || rc == -ENODEV);
	cr_assert(rc == 0 || strlen(says) > 0);
	cr_assert(strstr(says, "no interface lo") == NULL, "%s", says);
}
