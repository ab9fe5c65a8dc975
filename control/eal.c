/* SPDX-License-Identifier: BSD-3-Clause */
/* eal.c: builds EAL's command line from the configuration. */
#include "control/eal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

#include "control/eal_host.h"

/* Frames in a block of af_packet's rings, so that blocks are whole pages. */
#define FRAMES_PER_BLOCK 4

/* mbuf, headroom, mempool's header, note, and padding between memory channels. */
#define BUFFER_OVERHEAD_BYTES 640
#define ORDINARY_PAGE_BYTES   4096

/* One argument: room for a list of a thousand processors. */
#define ARGUMENT_BYTES   8192

#define GENERATOR_DEVICE "net_null_generator_" /* and the nic's name */

#define WORKER_BYTES     (4u << 20)
#define EAL_BYTES        (32u << 20)

static uint32_t
round_up(uint32_t value, uint32_t to)
{
	return (value + to - 1) / to * to;
}

struct eal_frames
eal_frames(const struct config_nic *nic)
{
	const uint32_t frame_bytes = FRAME_ROOM_BYTES(nic->mtu);

	return (struct eal_frames){ .frame_bytes = frame_bytes,
				    .block_bytes = FRAMES_PER_BLOCK * frame_bytes,
				    .count = round_up(nic->rx_descriptors, FRAMES_PER_BLOCK) };
}

uint32_t
eal_buffers_needed(const struct config *config)
{
	const uint32_t workers = config->workers_count;
	uint32_t buffers = workers * (HELD_MAX + config->fragments.held_packets + 4 * BURST_MAX +
				      2 * POOL_CACHE + (workers - 1) * HANDOVER_SLOTS);

	for (uint16_t i = 0; i < config->nics_count; i++)
		buffers += config->nics[i].queues * (uint32_t)config->nics[i].rx_descriptors +
			   workers * (uint32_t)config->nics[i].tx_descriptors;
	/* These have a queue pair per worker at most, as deep as the first nic's. */
	buffers += ((config->kernel_interface[0] != '\0') + config->ends_count) * workers *
		   ((uint32_t)config->nics[0].rx_descriptors + config->nics[0].tx_descriptors);
	return buffers;
}

uint32_t
eal_buffers(const struct config *config)
{
	return config->memory.buffers != 0 ? config->memory.buffers : eal_buffers_needed(config);
}

uint32_t
eal_megabytes_needed(const struct config *config, bool hugepages)
{
	const uint64_t buffers = eal_buffers(config);
	uint32_t mtu = MTU_DEFAULT, buffer_bytes;
	uint64_t bytes;

	for (uint16_t i = 0; i < config->nics_count; i++)
		if (config->nics[i].mtu > mtu)
			mtu = config->nics[i].mtu;
	buffer_bytes = BUFFER_OVERHEAD_BYTES + FRAME_ROOM_BYTES(mtu);
	/* DPDK lets no buffer cross the end of an ordinary page, if one page can hold it. */
	if (!hugepages)
		buffer_bytes = round_up(buffer_bytes, ORDINARY_PAGE_BYTES);
	bytes = buffers * buffer_bytes + (uint64_t)config->workers_count * WORKER_BYTES + EAL_BYTES;
	return (uint32_t)((bytes + (1u << 20) - 1) >> 20);
}

uint32_t
eal_megabytes(const struct config *config, bool hugepages)
{
	return config->memory.megabytes != 0 ? config->memory.megabytes
					     : eal_megabytes_needed(config, hugepages);
}

int
eal_arguments_add(struct eal_arguments *arguments, const char *argument)
{
	const size_t bytes = strlen(argument) + 1;
	char *text = arguments->text + arguments->text_used;

	if (arguments->count == EAL_ARGUMENTS_MAX || bytes > EAL_TEXT_BYTES - arguments->text_used)
		return -ENOSPC;
	memcpy(text, argument, bytes);
	arguments->text_used += (uint32_t)bytes;
	arguments->values[arguments->count++] = text;
	arguments->values[arguments->count] = NULL;
	return 0;
}

__attribute__((format(printf, 2, 3))) static int
add(struct eal_arguments *a, const char *format, ...)
{
	char text[ARGUMENT_BYTES];
	va_list values;
	int length;

	va_start(values, format);
	length = vsnprintf(text, sizeof(text), format, values);
	va_end(values);
	if (length < 0 || (size_t)length >= sizeof(text))
		return -ENOSPC;
	return eal_arguments_add(a, text);
}

static int
add_lcores(struct eal_arguments *a, const struct config *config, const char *cpus)
{
	char list[ARGUMENT_BYTES];
	int used = snprintf(list, sizeof(list), "0@(%s)", cpus);

	for (uint16_t w = 0; w < config->workers_count && used < (int)sizeof(list); w++)
		used += snprintf(list + used, sizeof(list) - (size_t)used, ",%u@%u", w + 1u,
				 config->worker_cores[w]);
	return used < (int)sizeof(list) ? add(a, "--lcores=%s", list) : -ENOSPC;
}

static int
add_memory(struct eal_arguments *a, const struct config *config)
{
	int error;

	if (a->hugepages) {
		error = add(a, "--in-memory");
		/* Else pages are taken when wanted, on the NUMA node where they are wanted. */
		if (error == 0 && config->memory.megabytes != 0)
			error = add(a, "-m%u", config->memory.megabytes);
		return error;
	}
	/* EAL refuses --no-huge together with --in-memory. */
	error = add(a, "--no-huge");
	error = error != 0 ? error : add(a, "--no-shconf");
	return error != 0 ? error : add(a, "-m%u", eal_megabytes(config, false));
}

/* One nic: how EAL is told of it, and the name that it gets. */
static int
add_nic(struct eal_arguments *a, const struct config_nic *nic, char name[64])
{
	const int name_bytes = (int)strcspn(nic->device, ",");
	struct eal_frames f;

	switch (nic->device_kind) {
	case CONFIG_DEVICE_PCI:
	case CONFIG_DEVICE_VDEV:
		if (name_bytes >= 64)
			return -ENOSPC;
		snprintf(name, 64, "%.*s", name_bytes, nic->device);
		return add(a, "%s=%s", nic->device_kind == CONFIG_DEVICE_PCI ? "--allow" : "--vdev",
			   nic->device);
	case CONFIG_DEVICE_GENERATOR:
		/* It gives empty buffers and forgets what it is to send. */
		snprintf(name, 64, GENERATOR_DEVICE "%s", nic->name);
		return add(a, "--vdev=%s", name);
	case CONFIG_DEVICE_INTERFACE:
		/* A nic's name is unique, and config.h keeps vdevs from names like this. */
		snprintf(name, 64, "net_af_packet_%s", nic->name);
		f = eal_frames(nic);
		return add(a, "--vdev=%s,iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u",
			   name, nic->device, nic->queues, f.frame_bytes, f.block_bytes, f.count);
	}
	return -EINVAL;
}

/* The device at a port's end. */
static int
add_end(struct eal_arguments *a, const struct config_end *end, char name[64])
{
	const int name_bytes = (int)strcspn(end->device, ",");

	if (end->tap) {
		/* A port's name is unique, and assemble.c keeps vdevs from names like this. */
		snprintf(name, 64, "net_tap_port_%s", end->name);
		return add(a, "--vdev=%s,iface=%s", name, end->device);
	}
	if (name_bytes >= 64)
		return -ENOSPC;
	snprintf(name, 64, "%.*s", name_bytes, end->device);
	return add(a, "--vdev=%s", end->device);
}

static int
add_devices(struct eal_arguments *a, const struct config *config)
{
	bool pci = false;
	int error = 0;

	for (uint16_t i = 0; error == 0 && i < config->nics_count; i++) {
		pci |= config->nics[i].device_kind == CONFIG_DEVICE_PCI;
		error = add_nic(a, &config->nics[i], a->device[i]);
	}
	/* With neither this nor a list EAL would take over every PCI device that it can drive. */
	if (error == 0 && !pci)
		error = add(a, "--no-pci");
	if (error == 0 && config->kernel_interface[0] != '\0') {
		snprintf(a->kernel_device, sizeof(a->kernel_device), "net_tap_kernel");
		error = add(a, "--vdev=%s,iface=%s", a->kernel_device, config->kernel_interface);
	}
	for (uint16_t i = 0; error == 0 && i < config->ends_count; i++)
		error = add_end(a, &config->ends[i], a->end_device[i]);
	return error;
}

int
eal_arguments(const struct config *config, const char *cpus, bool hugepages,
	      struct eal_arguments *out)
{
	struct eal_arguments a = { .hugepages = hugepages };
	int error;

	error = add(&a, "berthd");
	error = error != 0 ? error : add(&a, "--no-telemetry");
	error = error != 0 ? error : add(&a, "--log-level=error");
	error = error != 0 ? error : add_lcores(&a, config, cpus);
	error = error != 0 ? error : add_memory(&a, config);
	error = error != 0 ? error : add_devices(&a, config);
	if (error != 0)
		return error;
	*out = a;
	for (int i = 0; i < a.count; i++)
		out->values[i] = out->text + (a.values[i] - a.text);
	return 0;
}
