/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c: the table of configuration keys, and finding keys in it. */
#include "config/table.h"

#include <string.h>

#include "common/base/check.h"
#include "config/config.h"

#define FIELD(where, type, member)                                    \
	.place = (where), .offset = (uint32_t)offsetof(type, member), \
	.width = (uint8_t)sizeof(((type *)0)->member)
#define IN_CONFIG(member) FIELD(TABLE_CONFIG, struct config, member)
#define IN_NIC(member)    FIELD(TABLE_NIC, struct config_nic, member)
#define IN_TUNNEL(member) FIELD(TABLE_TUNNEL, struct config_tunnel, member)
#define IN_END(member)    FIELD(TABLE_END, struct config_end, member)
#define IN_LINK(member)   FIELD(TABLE_LINK, struct config_link, member)

/* The two halves of a NAME: how it looks to the machine and to people. */
#define NAME_PATTERN "^[A-Za-z0-9][A-Za-z0-9._-]*$"
#define NAME_SHAPE   "letters, digits, '.', '_' and '-', beginning with a letter or digit"

#define VDEV_PATTERN "^net_[a-z][A-Za-z0-9_]*(,[a-z][A-Za-z0-9_-]*(=[^, ]*)?)*$"
#define VDEV_SHAPE   "a DPDK device with its arguments"

#define SECONDS_MAX  2000000 /* milliseconds of it fit 31 bits, so timers may wrap */

// clang-format off
const struct table_key table_keys[] = {
	{ "memory", TABLE_MAP, .help = "Where packet buffers come from." },
	{ "memory.mode", TABLE_CHOICE, .standard = "auto", .words = "auto|hugepages|ordinary",
	  IN_CONFIG(memory.mode),
	  .help = "auto takes hugepages when enough free ones are there and ordinary pages "
		  "otherwise; hugepages refuses to start without; ordinary never uses them." },
	{ "memory.megabytes", TABLE_NUMBER, 32, 1048576, .standard = "auto", .words = "auto",
	  IN_CONFIG(memory.megabytes),
	  .help = "Memory reserved at start for buffers and devices, in MiB. auto counts what "
		  "the buffers need." },
	{ "memory.buffers", TABLE_NUMBER, 1024, 16777216, .standard = "auto", .words = "auto",
	  IN_CONFIG(memory.buffers),
	  .help = "Packet buffers in all. auto counts what queues and workers can hold at once. "
		  "net_pcap with infinite_rx=1 keeps its whole capture in them: add as many as "
		  "it has packets, for each queue." },

	{ "workers", TABLE_MAP, .help = "The threads that move packets." },
	{ "workers.cores", TABLE_NUMBERS, 0, 1023, .standard = "auto", .words = "auto",
	  .items_max = WORKERS_MAX,
	  .help = "One worker is pinned to each core of the list. auto is one worker on the last "
		  "core that this process may use." },
	{ "workers.idle", TABLE_MAP, .help = "What a worker does when no packet comes." },
	{ "workers.idle.mode", TABLE_CHOICE, .standard = "sleep", .words = "poll|sleep",
	  IN_CONFIG(idle.mode),
	  .help = "poll spins for ever: the least latency, a whole core. sleep rests for sleep-us "
		  "after empty-polls empty polls in a row." },
	{ "workers.idle.empty-polls", TABLE_NUMBER, 1, 1000000, .standard = "256",
	  IN_CONFIG(idle.empty_polls),
	  .help = "Empty polls in a row before a worker rests." },
	{ "workers.idle.sleep-us", TABLE_NUMBER, 1, 10000, .standard = "50",
	  IN_CONFIG(idle.sleep_us),
	  .help = "Length of a rest, in microseconds." },

	{ "flows", TABLE_MAP, .help = "The flow table." },
	{ "flows.capacity", TABLE_NUMBER, 1024, 134217728, .standard = "262144",
	  IN_CONFIG(flows_capacity),
	  .help = "Flows that each worker can hold." },
	{ "flows.tracking", TABLE_MAP,
	  .help = "How flows are followed. docs/tracking.md tells what each mode does." },
	{ "flows.tracking.mode", TABLE_CHOICE, .standard = "loose", .words = "loose|strict|off",
	  IN_CONFIG(tracking_mode), .flags = TABLE_LIVE,
	  .help = "strict drops packets that belong to no flow, by name; loose delivers and "
		  "counts them, and picks flows up in their middle; off keeps no protocol state." },
	{ "flows.tracking.timers", TABLE_CHOICE, .standard = "rfc", .words = "rfc|linux",
	  IN_CONFIG(timers), .flags = TABLE_LIVE,
	  .help = "Where idle times come from that flows.timeouts does not give: rfc is what the "
		  "RFCs ask of a middlebox, linux is what the kernel's nf_conntrack uses." },
	{ "flows.timeouts", TABLE_MAP,
	  .help = "Seconds without a packet after which a flow is forgotten. auto takes the "
		  "nearest wider key that is given, else the value of flows.tracking.timers, "
		  "which the text names: rfc first, then linux." },
#define X(NAME, key, wide, rfc, linux, text)                                             \
	{ "flows.timeouts." key, TABLE_NUMBER, 1, SECONDS_MAX, .standard = "auto",       \
	  .words = "auto", IN_CONFIG(timeouts[TIMER_##NAME]), .flags = TABLE_LIVE,       \
	  .help = text " " #rfc ", " #linux "." },
	TIMER_LIST(X)
#undef X

	{ "fragments", TABLE_MAP,
	  .help = "IP fragments on their way to their flows. At each limit the oldest give way." },
	{ "fragments.timeout-ms", TABLE_NUMBER, 100, 120000, .standard = "60000",
	  IN_CONFIG(fragments.timeout_ms),
	  .help = "Milliseconds that the fragments of a datagram may take to come, from the first "
		  "arrival on (RFC 8200: 60000; Linux takes 30000)." },
	{ "fragments.datagrams", TABLE_NUMBER, 16, FRAGMENT_DATAGRAMS_MAX, .standard = "1024",
	  IN_CONFIG(fragments.datagrams),
	  .help = "Datagrams of which each worker knows fragments at once." },
	{ "fragments.held-packets", TABLE_NUMBER, 16, FRAGMENT_HELD_MAX, .standard = "512",
	  IN_CONFIG(fragments.held_packets),
	  .help = "Fragments that each worker holds until the first one of their datagram comes. "
		  "Each takes a packet buffer; memory.buffers on auto counts them." },
	{ "fragments.per-source", TABLE_NUMBER, 1, FRAGMENT_DATAGRAMS_MAX, .standard = "64",
	  IN_CONFIG(fragments.per_source),
	  .help = "Datagrams, and likewise held fragments, of one sender." },

	{ "nics", TABLE_MAPS, 1, NICS_MAX, .flags = TABLE_REQUIRED,
	  .help = "The devices that berthd drives. The only key without a default." },
	{ "nics[].name", TABLE_TEXT, 1, NAME_BYTES - 1, .pattern = NAME_PATTERN,
	  .shape = NAME_SHAPE ", for example wan", .flags = TABLE_REQUIRED, IN_NIC(name),
	  .help = "What you call the nic; all tools show it." },
	{ "nics[].interface", TABLE_TEXT, 1, 15, .pattern = NAME_PATTERN,
	  .shape = "a network interface of the kernel, for example eth1", .flags = TABLE_ONE_OF,
	  .help = "A network interface of the kernel, shared with it through af_packet. Exactly "
		  "one of interface, pci, vdev and generator names the device." },
	{ "nics[].pci", TABLE_TEXT, 1, 31,
	  .pattern = "^[0-9A-Fa-f]{4,8}:[0-9A-Fa-f]{2}:[01][0-9A-Fa-f][.][0-7]$",
	  .shape = "a PCI address, for example 0000:3b:00.0", .flags = TABLE_ONE_OF,
	  .help = "A PCI device, taken over from the kernel." },
	{ "nics[].vdev", TABLE_TEXT, 1, CONFIG_TEXT_BYTES - 1,
	  .pattern = VDEV_PATTERN,
	  .shape = VDEV_SHAPE ", for example net_null0,size=60",
	  .flags = TABLE_ONE_OF,
	  .help = "A virtual DPDK device with its arguments." },
	{ "nics[].generator", TABLE_MAP, .flags = TABLE_ONE_OF,
	  .help = "Packets that berthd makes itself, for measuring: as if they had arrived at a "
		  "device, for the nic's first address of each family, from the networks that "
		  "RFC 2544 and RFC 5180 set aside. What is sent to the nic goes nowhere." },
	{ "nics[].generator.flows", TABLE_NUMBER, 1, 67108864, .standard = "100000",
	  IN_NIC(generator.flows), .help = "Conversations that last." },
	{ "nics[].generator.zipf", TABLE_NUMBER, 0, 300, .standard = "0", IN_NIC(generator.zipf),
	  .help = "Exponent, in hundredths, of Zipf's law by which their packets are shared out; "
		  "0: to all alike." },
	{ "nics[].generator.ipv6-percent", TABLE_NUMBER, 0, 100, .standard = "0",
	  IN_NIC(generator.ipv6_percent), .help = "How many of the flows are of IPv6." },
	{ "nics[].generator.protocol", TABLE_CHOICE, .standard = "udp", .words = "udp|tcp",
	  IN_NIC(generator.tcp),
	  .help = "udp: datagrams. tcp: segments with data, as of connections that were opened "
		  "before; new flows begin with a SYN." },
	{ "nics[].generator.ports", TABLE_TEXT, 1, 11, .standard = "9000",
	  .pattern = "^[0-9]{1,5}(-[0-9]{1,5})?$",
	  .shape = "a port or a range of ports, for example 9000 or 9000-9063",
	  .flags = TABLE_OR_NUMBER, .help = "Destination ports, flow by flow in turn." },
	{ "nics[].generator.bytes", TABLE_NUMBER, 64, 1518, .standard = "64", .words = "imix",
	  IN_NIC(generator.bytes),
	  .help = "Length of each frame, its check sequence included; longer where the headers "
		  "and 16 bytes of payload (a number, and the time of arrival by the cycle "
		  "counter) need more. imix: 7 of 64, 4 of 594 and 1 of 1518 bytes (RFC 6985)." },
	{ "nics[].generator.rate", TABLE_NUMBER, 1, 1000000000, .standard = "max", .words = "max",
	  IN_NIC(generator.rate),
	  .help = "Packets of lasting flows in a second. What arrives while rx-descriptors of "
		  "them wait is missed and counted. max: as many as are taken." },
	{ "nics[].generator.new-flows", TABLE_NUMBER, 0, 1000000000, .standard = "0",
	  IN_NIC(generator.new_flows),
	  .help = "Further flows in a second, of one packet each." },
	{ "nics[].generator.syn-flood", TABLE_NUMBER, 0, 1000000000, .standard = "0",
	  IN_NIC(generator.syn_flood),
	  .help = "TCP SYNs in a second, each of another flow." },
	{ "nics[].generator.headers", TABLE_CHOICE, .standard = "warm", .words = "warm|cold",
	  IN_NIC(generator.cold),
	  .help = "cold: no cache holds a frame when the worker reads it; a device with direct "
		  "cache access is between the two." },
	{ "nics[].generator.checksums", TABLE_CHOICE, .standard = "device",
	  .words = "device|software", IN_NIC(generator.software_checksums),
	  .help = "device: packets come with the mark of a device that verified their checksums. "
		  "software: without it." },
	{ "nics[].queues", TABLE_NUMBER, 1, WORKERS_MAX, .standard = "1", IN_NIC(queues),
	  .help = "Receive and transmit queue pairs; at most one per worker." },
	{ "nics[].rx-descriptors", TABLE_NUMBER, 64, 16384, .standard = "1024",
	  IN_NIC(rx_descriptors),
	  .help = "Packets that a receive queue holds before it loses some." },
	{ "nics[].tx-descriptors", TABLE_NUMBER, 64, 16384, .standard = "1024",
	  IN_NIC(tx_descriptors),
	  .help = "Packets that a transmit queue holds." },
	{ "nics[].mtu", TABLE_NUMBER, MTU_MIN, MTU_MAX, .standard = "1500", IN_NIC(mtu),
	  .help = "Largest IP packet, in bytes, without Ethernet header and VLAN tags." },
	{ "nics[].promiscuous", TABLE_FLAG, .standard = "false", IN_NIC(promiscuous),
	  .help = "Receive frames to any Ethernet address." },
	{ "nics[].checksum", TABLE_CHOICE, .standard = "verify", .words = "ignore|verify",
	  IN_NIC(checksum_verify),
	  .help = "verify drops packets with a wrong transport checksum; ignore takes them as "
		  "good, for traffic that was captured before the sender's device filled it in." },
	{ "nics[].sources", TABLE_CHOICE, .standard = "verify", .words = "any|verify",
	  IN_NIC(sources_verify),
	  .help = "verify drops packets whose source address no sender may have: loopback, "
		  "multicast, class E and the like (RFC 1122 3.2.1.3, RFC 4291); any takes "
		  "them." },
	{ "nics[].source-routes", TABLE_CHOICE, .standard = "refuse", .words = "refuse|ignore",
	  IN_NIC(source_routes_ignore),
	  .help = "refuse drops packets with an IPv4 source route (RFC 7126 4.3); ignore takes "
		  "them as if the option were not there." },
	{ "nics[].zone", TABLE_NUMBER, 0, ZONES_MAX - 1, .standard = "0", IN_LINK(zone),
	  .help = "Address space of the untagged traffic; equal addresses in different zones "
		  "have nothing to do with each other." },
	{ "nics[].addresses", TABLE_TEXTS, 1, 49, .items_max = CONFIG_LINK_ADDRESSES_MAX,
	  .shape = "an address with its prefix length, for example 192.0.2.10/24 or "
		   "2001:db8::10/64",
	  .help = "Own addresses of the untagged traffic, each with the length of the on-link "
		  "prefix." },
	{ "nics[].gateways", TABLE_TEXTS, 1, 45, .items_max = 2,
	  .shape = "an address, for example 192.0.2.1 or fe80::1",
	  .help = "Next hop of everything that is not on-link; one per address family." },
	{ "nics[].vlans", TABLE_MAPS, 1, LINKS_MAX - 1,
	  .help = "The tagged networks on the nic." },
	{ "nics[].vlans[].id", TABLE_NUMBER, 1, 4094, .flags = TABLE_REQUIRED, IN_LINK(vlan),
	  .help = "VLAN tag." },
	{ "nics[].vlans[].zone", TABLE_NUMBER, 0, ZONES_MAX - 1, IN_LINK(zone),
	  .help = "Address space of the VLAN. Without it, the number of the VLAN." },
	{ "nics[].vlans[].addresses", TABLE_TEXTS, 1, 49, .items_max = CONFIG_LINK_ADDRESSES_MAX,
	  .shape = "an address with its prefix length, for example 192.0.2.10/24 or "
		   "2001:db8::10/64",
	  .help = "Own addresses in the VLAN." },
	{ "nics[].vlans[].gateways", TABLE_TEXTS, 1, 45, .items_max = 2,
	  .shape = "an address, for example 192.0.2.1 or fe80::1",
	  .help = "Next hops in the VLAN; one per address family." },

	{ "nics[].tunnels", TABLE_MAPS, 1, TUNNELS_MAX,
	  .help = "Tunnels that end here and are looked into: the packet inside is what "
		  "bindings match and applications receive. Nothing is sent into a tunnel. Those "
		  "of a type that is listed, but whose id is not, are dropped by name; types that "
		  "are not listed are ordinary packets." },
	{ "nics[].tunnels[].type", TABLE_CHOICE, .words = "vxlan|geneve|gre|ipip|6in4|gtpu",
	  .flags = TABLE_REQUIRED, IN_TUNNEL(type),
	  .help = "vxlan (RFC 7348, UDP port 4789), geneve (RFC 8926, 6081), gre (RFC 2784), "
		  "ipip (RFC 2003), 6in4 (RFC 4213) or gtpu (3GPP TS 29.281, 2152)." },
	{ "nics[].tunnels[].id", TABLE_NUMBER, 0, UINT32_MAX, IN_TUNNEL(id),
	  .help = "Network id of vxlan and geneve, key of gre (left out: without a key), tunnel "
		  "endpoint id of gtpu. ipip and 6in4 have none." },
	{ "nics[].tunnels[].zone", TABLE_NUMBER, 0, ZONES_MAX - 1, .flags = TABLE_REQUIRED,
	  IN_TUNNEL(zone),
	  .help = "Address space of the packets inside." },

	{ "ports", TABLE_MAPS, 1, PORT_ENDS_MAX,
	  .help = "Ports whose end is a device, with a program behind it that knows nothing of "
		  "berth. docs/guide/tap.md shows one." },
	{ "ports[].name", TABLE_TEXT, 1, NAME_BYTES - 1, .pattern = NAME_PATTERN,
	  .shape = NAME_SHAPE ", for example web", .flags = TABLE_REQUIRED, IN_END(name),
	  .help = "What you call the port; all tools show it." },
	{ "ports[].tap", TABLE_TEXT, 1, 15, .pattern = NAME_PATTERN,
	  .shape = "a name for the tap, for example web0", .flags = TABLE_ONE_OF,
	  .help = "Name of the tap that berthd makes, with a queue pair for each worker, for a "
		  "program in a network namespace. Exactly one of tap and vdev names the device." },
	{ "ports[].vdev", TABLE_TEXT, 1, CONFIG_TEXT_BYTES - 1, .pattern = VDEV_PATTERN,
	  .shape = VDEV_SHAPE ", for example net_memif0,role=server", .flags = TABLE_ONE_OF,
	  .help = "A virtual DPDK device with its arguments; one queue pair of it is used. One "
		  "that lends its buffers to the other side, as net_memif does with zero-copy=yes, "
		  "is not for programs that are not trusted." },
	{ "ports[].zone", TABLE_NUMBER, 0, ZONES_MAX - 1, .standard = "0", IN_END(zone),
	  .help = "Address space of the bindings, and of all that the program sends." },
	{ "ports[].bindings", TABLE_TEXTS, 3, IDENTITY_TEXT_BYTES - 1,
	  .items_max = END_BINDINGS_MAX, .pattern = "^[a-z]+/[^@ ]+$",
	  .shape = "a socket identity without a zone, for example tcp/*:80 or "
		   "udp/192.0.2.10:53", .flags = TABLE_REQUIRED,
	  .help = "What the program receives, and may send from. Ranges of ports let it open "
		  "connections of its own." },

	{ "unmatched", TABLE_CHOICE, .standard = "drop", .words = "drop|reject|kernel",
	  IN_CONFIG(unmatched),
	  .help = "What happens to packets that no binding wants: drop counts them by name, "
		  "reject answers TCP RST or ICMP port unreachable, kernel hands them to "
		  "kernel.interface." },
	{ "reject-per-second", TABLE_NUMBER, 1, 1000000, .standard = "1000",
	  IN_CONFIG(reject_per_second),
	  .help = "Most rejections that each worker sends in a second; the rest is dropped." },
	{ "responder", TABLE_FLAG, .standard = "true", IN_CONFIG(responder),
	  .help = "Answer ARP, neighbour solicitation and echo for own addresses." },
	{ "kernel", TABLE_MAP, .help = "The way into the kernel of this machine." },
	{ "kernel.interface", TABLE_TEXT, 0, 15, .standard = "",
	  .pattern = "^([A-Za-z0-9][A-Za-z0-9._-]*)?$",
	  .shape = "a name for the tap, for example berth0", IN_CONFIG(kernel_interface),
	  .help = "Name of the tap that berthd makes; empty for none." },

	{ "sockets", TABLE_MAP, .help = "Where applications and tools reach berthd." },
	{ "sockets.app", TABLE_TEXT, 2, 107, .standard = "/run/berth/app.sock",
	  .pattern = "^/", .shape = "a path beginning with /", IN_CONFIG(sockets.app_socket),
	  .help = "Socket of applications." },
	{ "sockets.control", TABLE_TEXT, 2, 107, .standard = "/run/berth/control.sock",
	  .pattern = "^/", .shape = "a path beginning with /", IN_CONFIG(sockets.control_socket),
	  .help = "Socket of berthctl." },
	{ "sockets.group", TABLE_TEXT, 0, NAME_BYTES - 1, .standard = "",
	  .shape = "the name of a group", IN_CONFIG(sockets.socket_group),
	  .help = "Group that may use both sockets; empty for the group that berthd runs with." },

	{ "ipfix", TABLE_MAP, .help = "Where records of flows are sent, as IPFIX." },
	{ "ipfix.collector", TABLE_TEXT, 0, 63, .standard = "",
	  .pattern = "^((tcp|udp)/([0-9.]+|\\[[0-9A-Fa-f:.]+\\]):[0-9]{1,5})?$",
	  .shape = "udp or tcp, an address and a port, for example udp/192.0.2.50:4739",
	  .help = "Collector to send to, as udp/192.0.2.50:4739 or tcp/[2001:db8::50]:4739; empty "
		  "for none. Records that it does not take are counted, and cost no packet." },
	{ "ipfix.domain", TABLE_NUMBER, 0, 4294967295, .standard = "1", IN_CONFIG(ipfix.domain),
	  .help = "Observation domain that messages name (RFC 7011 3.1)." },
	{ "ipfix.template-seconds", TABLE_NUMBER, 1, 86400, .standard = "60",
	  IN_CONFIG(ipfix.template_s),
	  .help = "How often templates are sent again over UDP, in seconds (RFC 7011 8.4)." },
	{ "ipfix.active-seconds", TABLE_NUMBER, 1, 86400, .standard = "1800", .words = "never",
	  IN_CONFIG(ipfix.active_s),
	  .help = "How often a flow that lasts is told, in seconds: each record has what came "
		  "since the one before, and flowEndReason 2. never tells flows at their end only; "
		  "so are told those beyond 262144 that last." },

	{ "ephemeral", TABLE_TEXT, 3, 11, .standard = "49152-65535",
	  .pattern = "^[0-9]{1,5}-[0-9]{1,5}$",
	  .shape = "a range of ports, for example 49152-65535",
	  .help = "Local ports for connections and bindings that applications open without naming "
		  "one. Each remote has all of them." },

	{ "connections", TABLE_MAP, .help = "Connected sockets of applications." },
	{ "connections.capacity", TABLE_NUMBER, 1024, 16777216, .standard = "131072",
	  IN_CONFIG(connections.capacity),
	  .help = "Connected sockets of all applications together, those in quarantine included. "
		  "Each takes about a quarter of a KiB of memory." },
	{ "connections.quarantine-seconds", TABLE_NUMBER, 0, 86400, .standard = "60",
	  IN_CONFIG(connections.quarantine_s),
	  .help = "How long nobody can have both ends of a closed TCP or SCTP connection again, in "
		  "seconds (RFC 9293 3.4.2, TIME-WAIT: 240; Linux takes 60)." },

	{ "quota", TABLE_MAP, .help = "What each user may hold at once." },
	{ "quota.applications", TABLE_NUMBER, 1, APPS_MAX, .standard = "64",
	  IN_CONFIG(quota.applications), .help = "Attached applications." },
	{ "quota.bindings", TABLE_NUMBER, 1, BINDINGS_MAX, .standard = "4096",
	  IN_CONFIG(quota.bindings), .help = "Bindings." },
	{ "quota.ports", TABLE_NUMBER, 1, PORTS_MAX, .standard = "2048", IN_CONFIG(quota.ports),
	  .help = "Open ports, each with its rings." },
	{ "quota.connections", TABLE_NUMBER, 1, 16777216, .standard = "65536",
	  IN_CONFIG(quota.connections),
	  .help = "Connected sockets, those in quarantine included." },
	{ "quota.ring-megabytes", TABLE_NUMBER, 1, 1048576, .standard = "1024",
	  IN_CONFIG(quota.ring_bytes), .shift = 20,
	  .help = "Memory of all rings together, in MiB." },

	{ "privileged", TABLE_TEXTS, 1, 15, .items_max = PRIVILEGED_MAX,
	  .pattern = "^((tcp|udp)/)?[0-9]{1,5}(-[0-9]{1,5})?$",
	  .shape = "tcp/8443, udp/5000-5999, or 5432 for both protocols",
	  .flags = TABLE_OR_NUMBER,
	  .help = "Ports that nobody but root may own without a grant, beside those below 1024." },

	{ "grants", TABLE_MAPS, 1, GRANTS_MAX,
	  .help = "Who, besides root, may own ports below 1024 and privileged ones." },
	{ "grants[].user", TABLE_TEXT, 1, NAME_BYTES - 1,
	  .shape = "the name or number of a user, or any",
	  .flags = TABLE_ONE_OF | TABLE_OR_NUMBER,
	  .help = "A user by name or number, or any for everyone. Exactly one of user and group "
		  "is given." },
	{ "grants[].group", TABLE_TEXT, 1, NAME_BYTES - 1, .shape = "the name or number of a group",
	  .flags = TABLE_ONE_OF | TABLE_OR_NUMBER,
	  .help = "A group by name or number." },
	{ "grants[].ports", TABLE_TEXT, 1, 15,
	  .pattern = "^((tcp|udp)/)?[0-9]{1,5}(-[0-9]{1,5})?$",
	  .shape = "tcp/80, udp/1-1023, or 53 for both protocols",
	  .flags = TABLE_REQUIRED | TABLE_OR_NUMBER,
	  .help = "A port or a range of ports of one protocol, or of both: tcp/80, udp/1-1023, "
		  "53." },
};
// clang-format on
const unsigned table_keys_count = array_length(table_keys);

/* The part of `path` below the map `parent`, or NULL when it lies elsewhere or deeper. */
static const char *
name_below(const char *path, const char *parent)
{
	const size_t n = strlen(parent);

	if (strncmp(path, parent, n) != 0)
		return NULL;
	path += n;
	if (n > 0 && *path++ != '.')
		return NULL;
	return path[strcspn(path, ".[")] == '\0' ? path : NULL;
}

const struct table_key *
table_next(const char *path, const struct table_key *key)
{
	for (key = key == NULL ? table_keys : key + 1; key < table_keys + table_keys_count; key++)
		if (name_below(key->path, path) != NULL)
			return key;
	return NULL;
}

const struct table_key *
table_find(const char *path, const char *name, size_t name_bytes)
{
	const struct table_key *key = NULL;

	while ((key = table_next(path, key)) != NULL) {
		const char *own = table_name(key);

		if (strlen(own) == name_bytes && memcmp(own, name, name_bytes) == 0)
			return key;
	}
	return NULL;
}

const char *
table_name(const struct table_key *key)
{
	const char *dot = strrchr(key->path, '.');

	return dot == NULL ? key->path : dot + 1;
}

#define SLIP_BYTES 32 /* no key is longer; longer words are near to none */

/* Insertions, deletions and replacements that make `b` of `a`; '_' is as good as '-' and case does
 * not count, since these are the likeliest slips. */
static unsigned
edit_distance(const char *a, const char *b)
{
	unsigned row[SLIP_BYTES + 1];
	const size_t n = strlen(b);

	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i] != '\0'; i++) {
		const char lower = a[i] >= 'A' && a[i] <= 'Z' ? (char)(a[i] + 32) : a[i];
		const char c = lower == '_' ? '-' : lower;
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < n; j++) {
			const unsigned replaced = diagonal + (c != b[j]);
			const unsigned dropped = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;

			diagonal = row[j + 1];
			row[j + 1] = replaced < dropped ? replaced : dropped;
		}
	}
	return row[n];
}

const struct table_key *
table_nearest(const char *path, const char *name)
{
	const struct table_key *best = NULL, *key = NULL;
	unsigned best_distance;

	if (strlen(name) > SLIP_BYTES)
		return NULL;
	/* A third of the word may be wrong, but at least one and at most three letters. */
	best_distance = (unsigned)strlen(name) / 3;
	best_distance = best_distance < 1 ? 2 : best_distance > 3 ? 4 : best_distance + 1;
	while ((key = table_next(path, key)) != NULL) {
		const unsigned distance = edit_distance(name, table_name(key));

		if (distance < best_distance) {
			best_distance = distance;
			best = key;
		}
	}
	return best;
}
