/* SPDX-License-Identifier: BSD-3-Clause */
/* config.h: the configuration file as a validated plain struct. Served by load.c, changes.c and
 * print.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/limits.h"
#include "common/base/timers.h"

#define CONFIG_TEXT_BYTES         256
#define CONFIG_LINK_ADDRESSES_MAX 16

enum config_memory_mode {
	CONFIG_MEMORY_AUTO,      /* hugepages when free ones are there, else ordinary pages */
	CONFIG_MEMORY_HUGEPAGES, /* refuse to start without */
	CONFIG_MEMORY_ORDINARY,
};

enum config_idle_mode {
	CONFIG_IDLE_POLL,  /* spin for ever */
	CONFIG_IDLE_SLEEP, /* sleep sleep_us after `empty_polls` empty polls in a row */
};

enum config_unmatched_mode {
	CONFIG_UNMATCHED_DROP,   /* named drop */
	CONFIG_UNMATCHED_REJECT, /* TCP RST, ICMP port unreachable; rate-limited */
	CONFIG_UNMATCHED_KERNEL, /* to the kernel port */
};

enum config_tracking_mode {
	CONFIG_TRACKING_LOOSE,  /* pick flows up in their middle, drop nothing */
	CONFIG_TRACKING_STRICT, /* drop what belongs to no flow */
	CONFIG_TRACKING_OFF,    /* no protocol state */
};

enum config_device_kind {
	CONFIG_DEVICE_PCI,       /* "0000:3b:00.0" */
	CONFIG_DEVICE_VDEV,      /* EAL vdev string: "net_null0,size=60" */
	CONFIG_DEVICE_INTERFACE, /* kernel interface name, taken over through af_packet */
	CONFIG_DEVICE_GENERATOR, /* none: berthd makes the packets itself */
};

/* One network on a nic: untagged, or one VLAN. Every nic has its untagged link, also without
 * addresses; its VLANs follow that link in config.links. No two links of a nic share a zone. */
struct config_link {
	uint16_t nic;  /* index in config.nics */
	uint16_t vlan; /* 0: untagged */
	uint16_t zone;
	uint16_t addresses_count;
	struct prefix
		addresses[CONFIG_LINK_ADDRESSES_MAX]; /* ours, with the on-link prefix length */
	struct address gateway[2];                    /* [0] IPv4, [1] IPv6; FAMILY_ANY: none */
};

/* Packets that a nic makes itself; docs in the table of keys. */
struct config_generator {
	uint32_t flows;
	uint32_t rate, new_flows, syn_flood; /* packets per second; rate 0: as many as are taken */
	uint16_t port_first, port_last;
	uint16_t bytes; /* of a frame with its check sequence; 0: IMIX */
	uint16_t zipf;  /* exponent in hundredths */
	uint8_t ipv6_percent;
	bool tcp, cold, software_checksums;
};

struct config_nic {
	char name[NAME_BYTES];
	enum config_device_kind device_kind;
	char device[CONFIG_TEXT_BYTES]; /* PCI addresses in lower case; "" for a generator */
	uint16_t queues;                /* rx/tx queue pairs, 1..workers_count */
	uint16_t rx_descriptors;        /* per queue */
	uint16_t tx_descriptors;
	uint16_t mtu; /* MTU_MIN..MTU_MAX */
	bool promiscuous;
	bool checksum_verify; /* false: take transport checksums as good */
	bool sources_verify;  /* false: take any source address */
	bool source_routes_ignore;
	struct config_generator generator;
};

/* A port whose end is a device, not an application. */
struct config_end {
	char name[NAME_BYTES];
	bool tap;                       /* else a vdev */
	char device[CONFIG_TEXT_BYTES]; /* name of the tap's interface, or EAL vdev string */
	uint16_t zone;
	uint16_t bindings_count;
	struct identity bindings[END_BINDINGS_MAX];
};

enum config_tunnel_type {
	CONFIG_TUNNEL_VXLAN,
	CONFIG_TUNNEL_GENEVE,
	CONFIG_TUNNEL_GRE,
	CONFIG_TUNNEL_IPIP,
	CONFIG_TUNNEL_6IN4,
	CONFIG_TUNNEL_GTPU,
};

/* A tunnel that ends on a nic; no two of one nic have the same type and id. */
struct config_tunnel {
	uint16_t nic;  /* index in config.nics */
	uint8_t type;  /* enum config_tunnel_type */
	bool has_id;   /* false: ipip, 6in4, and gre without a key */
	uint32_t id;   /* 0 without one; below 2^24 for vxlan and geneve */
	uint16_t zone; /* of the inner addresses */
};

struct config_ports {
	uint8_t proto; /* 0: both */
	uint16_t first, last;
};

/* Leave to own transport ports of a range that need one (rule T7). */
struct config_grant {
	uint32_t uid;  /* UINT32_MAX: any */
	uint32_t gid;  /* UINT32_MAX: any */
	uint8_t proto; /* 0: both */
	uint16_t port_first, port_last;
};

struct config {
	struct {
		enum config_memory_mode mode;
		uint32_t megabytes; /* for buffers and EAL; 0: computed from nics and workers */
		uint32_t buffers;   /* mbufs in the pool; 0: computed */
	} memory;

	uint16_t workers_count;             /* 1..WORKERS_MAX */
	uint16_t worker_cores[WORKERS_MAX]; /* core of each worker */
	struct {
		enum config_idle_mode mode;
		uint32_t empty_polls; /* 1..1000000 */
		uint32_t sleep_us;    /* 1..10000 */
	} idle;

	uint16_t nics_count;
	struct config_nic nics[NICS_MAX];
	uint16_t links_count;
	struct config_link links[LINKS_MAX];

	uint16_t ends_count;
	struct config_end ends[PORT_ENDS_MAX];

	uint16_t tunnels_count;
	struct config_tunnel tunnels[TUNNELS_MAX];

	uint32_t flows_capacity; /* per worker */
	enum config_tracking_mode tracking_mode;
	enum timer_profile timers;
	uint32_t timeouts[TIMER_COUNT]; /* idle times of flows, in seconds; 0: the profile's */

	struct { /* per worker */
		uint32_t timeout_ms, datagrams, held_packets, per_source;
	} fragments;

	enum config_unmatched_mode unmatched;
	uint32_t reject_per_second; /* per worker */
	bool responder;             /* answer ARP, neighbour solicitation and echo */
	char kernel_interface[16];  /* tap of the kernel port; "": none */

	struct {
		char app_socket[108];
		char control_socket[108];
		char socket_group[NAME_BYTES]; /* group of both sockets; "": none */
	} sockets;

	struct {                        /* collector of flow records */
		struct address address; /* FAMILY_ANY: none */
		uint16_t port;
		bool tcp; /* else UDP */
		uint32_t domain;
		uint32_t template_s; /* 1..86400 */
		uint32_t active_s;   /* 0: flows are told at their end only */
	} ipfix;

	struct {
		uint16_t first, last;
	} ephemeral; /* local ports of connected sockets */

	struct {
		uint32_t capacity;     /* open or in quarantine, of all users */
		uint32_t quarantine_s; /* 0..86400 */
	} connections;

	struct {
		uint32_t applications; /* per uid */
		uint32_t bindings;     /* per uid */
		uint32_t ports;        /* per uid */
		uint32_t connections;  /* per uid */
		uint64_t ring_bytes;   /* per uid, all rings together */
	} quota;

	/* Ports that need root or a grant as those below 1024 do. */
	uint16_t privileged_count;
	struct config_ports privileged[PRIVILEGED_MAX];
	uint16_t grants_count;
	struct config_grant grants[GRANTS_MAX];
};

/* Reads and validates the YAML file at `path`. 0 and *out filled, or -EINVAL after writing one line
 * "file:line:column: what is wrong, what would be right" per mistake to `errors` (*out is
 * untouched), or another negative errno with its line when the file cannot be read. Not thread
 * safe. */
int config_load(const char *path, struct config *out, FILE *errors);

/* Calls `each` for every key whose value differs. `live`: a running daemon takes it over. `nics`
 * with all below it and `grants` are one key each. */
typedef void (*config_change_fn)(void *context, const char *path, bool live);
void config_compare(const struct config *running, const struct config *fresh, config_change_fn each,
		    void *context);
/* Copies the values of those keys that a running daemon takes over. */
void config_take_over(struct config *running, const struct config *fresh);

/* Writes the JSON Schema (draft 2020-12) of the file to `out`, from the same table that
 * config_load() checks by. 0, or -EIO when `out` does not take it. */
int config_schema_print(FILE *out);

/* Writes docs/configuration.md, the reference of all keys, from that table. 0 or -EIO. */
int config_manual_print(FILE *out);
