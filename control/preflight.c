/* SPDX-License-Identifier: BSD-3-Clause */
/* preflight.c: says in plain words what the machine lacks, before EAL says it in its own. */
#include "control/preflight.h"

#include <dirent.h>
#include <errno.h>
#include <inttypes.h>
#include <limits.h>
#include <string.h>

#include "common/base/check.h"
#include "dataplane/dataplane.h"

/* Number of linux/capability.h. */
#define CAPABILITY_IPC_LOCK 14

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
	DIR *folder = opendir(preflight_path(p, path, "/sys/kernel/mm/hugepages"));

	h.standard_bytes = preflight_number(p, "/proc/meminfo", "Hugepagesize:", 10, 2048) << 10;
	while (folder != NULL && (entry = readdir(folder)) != NULL) {
		char file[NAME_MAX + 64];
		unsigned long long kilobytes;

		if (sscanf(entry->d_name, "hugepages-%llukB", &kilobytes) != 1)
			continue;
		snprintf(file, sizeof(file), "/sys/kernel/mm/hugepages/%s/free_hugepages",
			 entry->d_name);
		h.free_bytes += preflight_number(p, file, "", 10, 0) * (kilobytes << 10);
		snprintf(file, sizeof(file), "/sys/kernel/mm/hugepages/%s/nr_hugepages",
			 entry->d_name);
		if (kilobytes << 10 == h.standard_bytes)
			h.standard_pages = preflight_number(p, file, "", 10, 0);
	}
	if (folder != NULL)
		closedir(folder);
	return h;
}

/* Decides the mode: auto takes hugepages when all that is needed is there. */
static bool
check_hugepages(struct preflight *p)
{
	const uint64_t megabytes = eal_megabytes(p->config, true);
	const struct hugepages h = hugepages_read(p);
	const uint64_t lacking =
		(megabytes << 20) > h.free_bytes ? (megabytes << 20) - h.free_bytes : 0;

	if (p->config->memory.mode == CONFIG_MEMORY_ORDINARY)
		return false;
	if (lacking == 0)
		return true;
	if (p->config->memory.mode == CONFIG_MEMORY_AUTO)
		return false;
	preflight_missing(
		p,
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
	const uint32_t buffers = eal_buffers_needed(c), needed = eal_megabytes_needed(c, hugepages);
	/* Flow tables live outside of EAL's memory in either mode. */
	const enum track_mode tracking =
		c->tracking_mode == CONFIG_TRACKING_OFF ? TRACK_OFF : TRACK_LOOSE;
	const uint64_t flows =
		(c->workers_count * dataplane_flow_bytes(c->flows_capacity, tracking) +
		 connect_table_bytes(c->connections.capacity)) >>
		20;
	const uint64_t ordinary = flows + (hugepages ? 0 : eal_megabytes(c, false));
	const uint64_t available =
		preflight_number(p, "/proc/meminfo", "MemAvailable:", 10, UINT64_MAX) >> 10;
	const uint64_t limit =
		preflight_number(p, "/proc/self/limits", "Max address space", 10, UINT64_MAX) >> 20;

	if (c->memory.buffers != 0 && c->memory.buffers < buffers)
		preflight_missing(p,
				  "memory.buffers is %u, but queues and workers hold up to %u: set "
				  "memory.buffers: auto, or lower queues and descriptors",
				  c->memory.buffers, buffers);
	if (c->memory.megabytes != 0 && c->memory.megabytes < needed)
		preflight_missing(
			p,
			"memory.megabytes is %u, but the buffers need %u: set memory.megabytes: "
			"auto, or lower memory.buffers or descriptors",
			c->memory.megabytes, needed);
	if (available < ordinary)
		preflight_missing(
			p,
			"%" PRIu64 " MiB of memory are needed (%" PRIu64 " of them for flows and "
			"connections), but %" PRIu64 " MiB are available: lower flows.capacity, "
			"connections.capacity, memory.buffers or descriptors",
			ordinary, flows, available);
	/* EAL reserves more addresses than it uses; half a gigabyte is the least seen to work. */
	if (limit < ordinary + 512)
		preflight_missing(p,
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
	if (!preflight_line(p, "/proc/cpuinfo", "flags", flags, sizeof(flags) - 1))
		return;
	used = strcspn(flags, "\n");
	strcpy(flags + used, " ");
	for (unsigned i = 0; i < array_length(needed); i++) {
		char word[32];

		snprintf(word, sizeof(word), " %s ", needed[i]);
		if (strstr(flags, word) == NULL)
			preflight_missing(
				p,
				"this processor has no %s, which DPDK needs: choose a newer one, "
				"or, in a virtual machine, let it see the host's (QEMU: `-cpu "
				"host`)",
				needed[i]);
	}
	if (strstr(flags, " constant_tsc ") == NULL)
		preflight_note(
			p,
			"the cycle counter of this processor changes its pace (no constant_tsc): "
			"timeouts are inexact; in a virtual machine `-cpu host` may mend it");
}

/* The rings of af_packet are locked memory. Only a privilege outside of user namespaces lifts its
 * limit. */
static void
check_locked(struct preflight *p)
{
	const uint64_t limit =
		preflight_number(p, "/proc/self/limits", "Max locked memory", 10, UINT64_MAX);
	const uint64_t capabilities =
		preflight_number(p, "/proc/self/status", "CapEff:", 16, UINT64_MAX);
	char map[128] = "";
	unsigned long long inside = 0, outside = 0, ids = 0;
	uint64_t needed = 0;

	for (uint16_t i = 0; i < p->config->nics_count; i++) {
		const struct config_nic *nic = &p->config->nics[i];
		const struct eal_frames f = eal_frames(nic);

		if (nic->device_kind == CONFIG_DEVICE_INTERFACE)
			needed += 2ull * nic->queues * f.count * f.frame_bytes;
	}
	preflight_line(p, "/proc/self/uid_map", "", map, sizeof(map));
	sscanf(map, "%llu %llu %llu", &inside, &outside, &ids);
	if ((capabilities >> CAPABILITY_IPC_LOCK & 1) != 0 && (ids == 0 || ids == UINT32_MAX))
		return;
	if (needed > limit)
		preflight_missing(p,
				  "the nics' interfaces need %" PRIu64
				  " KiB of locked memory, but %" PRIu64
				  " KiB are allowed: run `ulimit -l %" PRIu64
				  "` first, or lower queues and rx-descriptors",
				  needed >> 10, limit >> 10, needed >> 10);
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
		preflight_nic(&p, &config->nics[i]);
	check_locked(&p);
	preflight_kernel_port(&p);
	for (uint16_t i = 0; i < config->ends_count; i++)
		preflight_end(&p, &config->ends[i]);
	if (p.missing > 0)
		return -ENODEV;
	*hugepages = huge;
	return 0;
}

int
eal_preflight(const struct config *config, const char *root, FILE *errors, bool *hugepages)
{
	const struct eal_host host = { .root = root, .interface_read = preflight_interface };

	return eal_preflight_on(&host, config, errors, hugepages);
}
