/* SPDX-License-Identifier: BSD-3-Clause */
/* eal.c: builds EAL's command line from the configuration. */
#include "control/eal.h"

#include <errno.h>
#include <stdarg.h>
#include <string.h>

/* Frames in a block of af_packet's rings, so that blocks are whole pages. */
#define FRAMES_PER_BLOCK 4

/* Appends one argument. */
__attribute__((format(printf, 2, 3))) static int
add(struct eal_arguments *a, const char *format, ...)
{
	char *text = a->text[a->count];
	va_list values;
	int length;

	if (a->count == EAL_ARGUMENTS_MAX)
		return -ENOSPC;
	va_start(values, format);
	length = vsnprintf(text, sizeof(a->text[0]), format, values);
	va_end(values);
	if (length < 0 || (size_t)length >= sizeof(a->text[0]))
		return -ENOSPC;
	a->values[a->count++] = text;
	return 0;
}

uint32_t
eal_megabytes(const struct config *config, bool hugepages)
{
	/* What a worker has of its own, and what a buffer has around its room. */
	const uint64_t worker_bytes = 4u << 20, buffer_headers = 640, ordinary_page = 4096;
	uint64_t buffers = config->memory.buffers, mtu = MTU_DEFAULT;
	const uint64_t workers = config->workers_count;

	for (uint16_t i = 0; i < config->nics_count; i++)
		if (config->nics[i].mtu > mtu)
			mtu = config->nics[i].mtu;
	if (buffers == 0) {
		buffers = workers * (2048 + (workers - 1) * HANDOVER_SLOTS);
		for (uint16_t i = 0; i < config->nics_count; i++)
			buffers +=
				config->nics[i].queues * (uint64_t)config->nics[i].rx_descriptors +
				workers * config->nics[i].tx_descriptors;
	}
	if (config->memory.megabytes != 0)
		return config->memory.megabytes;
	uint64_t buffer_bytes = buffer_headers + FRAME_ROOM_BYTES(mtu);

	/* DPDK lets no buffer cross the end of an ordinary page, if one page can hold it. */
	if (!hugepages)
		buffer_bytes = (buffer_bytes + ordinary_page - 1) / ordinary_page * ordinary_page;
	const uint64_t bytes = buffers * buffer_bytes + workers * worker_bytes + (32u << 20);

	return (uint32_t)((bytes + (1u << 20) - 1) >> 20);
}

/* One nic: how EAL is told of it, and the name that it gets. */
static int
add_nic(struct eal_arguments *a, const struct config_nic *nic, uint16_t index)
{
	char *name = a->device[index];

	switch (nic->device_kind) {
	case CONFIG_DEVICE_PCI:
		snprintf(name, sizeof(a->device[0]), "%.60s", nic->device);
		return add(a, "--allow=%s", nic->device);
	case CONFIG_DEVICE_VDEV:
		snprintf(name, sizeof(a->device[0]), "%.*s",
			 (int)(strcspn(nic->device, ",") < 63 ? strcspn(nic->device, ",") : 63),
			 nic->device);
		return add(a, "--vdev=%s", nic->device);
	default:
		snprintf(name, sizeof(a->device[0]), "net_af_packet_berth%u", index);
		return add(a, "--vdev=%s,iface=%s,qpairs=%u,framesz=%u,blocksz=%u,framecnt=%u",
			   name, nic->device, nic->queues, FRAME_ROOM_BYTES(nic->mtu),
			   FRAMES_PER_BLOCK * FRAME_ROOM_BYTES(nic->mtu),
			   nic->rx_descriptors / FRAMES_PER_BLOCK * FRAMES_PER_BLOCK);
	}
}

static int
add_lcores(struct eal_arguments *a, const struct config *config, const char *cpus)
{
	char list[WORKERS_MAX * 16 + 64];
	size_t used = (size_t)snprintf(list, sizeof(list), "0@(%s)", cpus);

	for (uint16_t w = 0; w < config->workers_count && used < sizeof(list); w++)
		used += (size_t)snprintf(list + used, sizeof(list) - used, ",%u@%u", w + 1u,
					 config->worker_cores[w]);
	if (used >= sizeof(list))
		return -ENOSPC;
	return add(a, "--lcores=%s", list);
}

static int
add_memory(struct eal_arguments *a, const struct config *config, bool hugepages)
{
	int error;

	a->hugepages = hugepages;
	if (hugepages) {
		error = add(a, "--in-memory");
	} else {
		/* EAL refuses --no-huge together with --in-memory. */
		error = add(a, "--no-huge");
		error = error != 0 ? error : add(a, "--no-shconf");
	}
	return error != 0 ? error : add(a, "-m%u", eal_megabytes(config, hugepages));
}

int
eal_arguments(const struct config *config, const char *cpus, bool hugepages,
	      struct eal_arguments *out)
{
	bool pci = false;
	int error;

	memset(out, 0, sizeof(*out));
	error = add(out, "berthd");
	error = error != 0 ? error : add(out, "--no-telemetry");
	error = error != 0 ? error : add(out, "--log-level=error");
	error = error != 0 ? error : add_lcores(out, config, cpus);
	error = error != 0 ? error : add_memory(out, config, hugepages);
	for (uint16_t i = 0; error == 0 && i < config->nics_count; i++) {
		pci |= config->nics[i].device_kind == CONFIG_DEVICE_PCI;
		error = add_nic(out, &config->nics[i], i);
	}
	if (error == 0 && !pci)
		error = add(out, "--no-pci");
	if (error == 0 && config->kernel_interface[0] != '\0') {
		snprintf(out->kernel_device, sizeof(out->kernel_device), "net_tap_berth");
		error = add(out, "--vdev=%s,iface=%s", out->kernel_device,
			    config->kernel_interface);
	}
	return error;
}
