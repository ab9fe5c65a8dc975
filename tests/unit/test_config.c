/* SPDX-License-Identifier: BSD-3-Clause */
/* test_config.c: what the configuration file means, and what is said of a wrong one. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/base/check.h"
#include "config/load.h"

#define ERRORS_BYTES 32768

/* The smallest good file; tests put their own lines before it, so that its lines follow theirs. */
#define NICS "nics: [{name: wan, vdev: net_null0}]\n"
/* A good nic on which addresses can be written from line 4 on. */
#define NIC "nics:\n  - name: wan\n    vdev: net_null0\n"

static unsigned
interface_fake(const char *name)
{
	return strcmp(name, "eth1") == 0 || strcmp(name, "eth2") == 0;
}

/* A machine with cores 0 to 3, interfaces eth1 and eth2, and no PCI device. */
static struct config_host
host_fake(void)
{
	struct config_host host = { .sys = "/nonexistent", .interface_index = interface_fake };

	CPU_ZERO(&host.cores);
	for (unsigned i = 0; i < 4; i++)
		CPU_SET(i, &host.cores);
	return host;
}

static int
load(const char *text, size_t bytes, struct config *out, char errors[ERRORS_BYTES])
{
	const struct config_host host = host_fake();
	FILE *f = fmemopen(errors, ERRORS_BYTES, "w");
	int rc;

	errors[0] = '\0';
	rc = config_load_text("f", text, bytes, &host, out, f);
	fclose(f);
	return rc;
}

struct wrong {
	const char *text;
	unsigned line, column;
	const char *says;
};

static const struct wrong wrongs[] = {
	/* The file as a whole. */
	{ "", 1, 1, "nothing is configured" },
	{ "# only a comment\n", 1, 1, "nothing is configured" },
	{ "just words\n", 1, 1, "the file is no map" },
	{ "- a\n- b\n", 1, 1, "the file is no map" },
	{ "responder: true\n", 1, 1, "the file has no nics" },
	{ NICS "---\n" NICS, 2, 1, "a second document" },
	{ NICS "...\n" NICS, 3, 1, "a second document" },
	/* Syntax. */
	{ "memory:\n\tmode: auto\n" NICS, 2, 1, "a tab in the indentation" },
	{ "memory: {mode: auto\n", 2, 1, "not YAML" },
	{ "memory: \"auto\n", 1, 10, "not YAML" },
	{ "nics:\n- name: x\n   vdev: net_null0\n", 2, 9, "not YAML" },
	{ "unmatched: drop: reject\n" NICS, 1, 16, "not YAML" },
	{ "unmatched: \xff\n" NICS, 1, 12, "0xff is not text" },
	{ "unmatched: \xc3\x28\n" NICS, 1, 12, "0xc3 is not text" },
	{ "unmatched: \x1b[1m\n" NICS, 1, 12, "0x1b is not text" },
	{ "unmatched: &a drop\n" NICS, 1, 12, "an anchor" },
	{ "unmatched: *a\n" NICS, 1, 12, "an alias" },
	{ "<<: {responder: true}\n" NICS, 1, 1, "a merge key" },
	{ "unmatched: !!str drop\n" NICS, 1, 12, "a tag" },
	{ "? [a]\n: b\n" NICS, 1, 3, "a key that is no word" },
	{ "a: [[[[[[[[[[[[[[[[[[[[1]]]]]]]]]]]]]]]]]]]]\n", 1, 19, "nested more than 16 deep" },
	/* Keys. */
	{ "unmached: drop\n" NICS, 1, 1, "did you mean \"unmatched\"" },
	{ "Memory: {mode: auto}\n" NICS, 1, 1, "did you mean \"memory\"" },
	{ "nics:\n  - name: wan\n    vdev: net_null0\n    rx_descriptors: 512\n", 4, 5,
	  "did you mean \"rx-descriptors\"" },
	{ "zebra: 1\n" NICS, 1, 1, "unknown key \"zebra\" in the file; one of memory, workers," },
	{ "memory: {mode: auto, mode: auto}\n" NICS, 1, 22, "memory.mode is given again" },
	{ NICS NICS, 2, 1, "nics is given again, first in line 1" },
	{ "nics: [{vdev: net_null0}]\n", 1, 8, "has no name" },
	{ "nics: [{name: wan}]\n", 1, 8, "none of interface, pci, vdev" },
	{ "nics: [{name: wan, vdev: net_null0, interface: eth1}]\n", 1, 26 + 11,
	  "vdev and interface together" },
	/* Types. */
	{ "memory: auto\n" NICS, 1, 9, "memory is \"auto\"; further keys" },
	{ "memory: {}\n" NICS, 1, 9, "memory is an empty map" },
	{ "memory:\n" NICS, 1, 1, "memory is empty" },
	{ "flows: {capacity: many}\n" NICS, 1, 19, "flows.capacity is \"many\"; a whole number" },
	{ "flows: {capacity: \"4096\"}\n" NICS, 1, 19, "a whole number from 1024" },
	{ "flows: {capacity: 1M}\n" NICS, 1, 19, "\"1M\"" },
	{ "flows: {capacity: -5}\n" NICS, 1, 19, "\"-5\"" },
	{ "flows: {capacity: 04096}\n" NICS, 1, 19, "\"04096\"" },
	{ "flows: {capacity: 1e6}\n" NICS, 1, 19, "\"1e6\"" },
	{ "flows: {capacity: 99999999999999999999}\n" NICS, 1, 19, "a whole number from 1024" },
	{ "flows: {capacity: [4096]}\n" NICS, 1, 19, "flows.capacity is a list" },
	{ "flows: {capacity:}\n" NICS, 1, 9, "flows.capacity is empty" },
	{ "responder: yes\n" NICS, 1, 12, "true or false would be right" },
	{ "unmatched: deny\n" NICS, 1, 12, "drop, reject or kernel would be right" },
	{ "workers: {cores: 1}\n" NICS, 1, 18, "workers.cores is \"1\"; a list" },
	{ "workers: {cores: [one]}\n" NICS, 1, 19, "workers.cores is \"one\"" },
	{ "nics: wan\n", 1, 7, "nics is \"wan\"; a list" },
	{ "nics: [wan]\n", 1, 8, "this item of nics is \"wan\"" },
	{ "nics: []\n", 1, 7, "nics is an empty list" },
	/* Tunnels. */
	{ NIC "    tunnels: [{type: vxlan, id: 16777216, zone: 1}]\n", 4, 33,
	  "0 to 16777215 would be right for vxlan" },
	{ NIC "    tunnels: [{type: gtpu, zone: 1}]\n", 4, 15, "gtpu has no id; \"id: 5001\"" },
	{ NIC "    tunnels: [{type: 6in4, id: 1, zone: 1}]\n", 4, 32, "6in4 has no id; leaving" },
	{ NIC "    tunnels: [{type: l2tp, zone: 1}]\n", 4, 22, "vxlan, geneve, gre" },
	{ NIC "    tunnels: [{type: gre, id: 1}]\n", 4, 15, "has no zone" },
	{ NIC "    tunnels: [{type: gre, zone: 1}, {type: gre, zone: 2}]\n", 4, 37,
	  "this tunnel is given twice" },
	{ NIC "    sources: all\n", 4, 14, "any or verify would be right" },
	{ NIC "    addresses: []\n", 4, 16, "nics[].addresses is an empty list" },
	{ "workers: {cores: []}\n" NICS, 1, 18, "workers.cores is an empty list" },
	/* Ranges. */
	{ "workers: {idle: {sleep-us: 10001}}\n" NICS, 1, 28, "a whole number from 1 to 10000" },
	{ "flows: {timeouts: {icmp: 0}}\n" NICS, 1, 26, "flows.timeouts.icmp is \"0\"" },
	{ "nics: [{name: wan, vdev: net_null0, mtu: 9601}]\n", 1, 42, "from 1280 to 9600" },
	{ "nics: [{name: wan, vdev: net_null0, mtu: 576}]\n", 1, 42, "from 1280 to 9600" },
	{ "nics: [{name: \"a b\", vdev: net_null0}]\n", 1, 15, "nics[].name is \"a b\"" },
	{ "nics: [{name: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa, vdev: net_null0}]\n", 1, 15,
	  "nics[].name is \"aaaa" },
	{ "sockets: {app: run/app.sock}\n" NICS, 1, 16, "a path beginning with /" },
	{ "sockets: {app: /0123456789012345678901234567890123456789012345678901234567890123456789"
	  "0123456789012345678901234567890123456}\n" NICS,
	  1, 16, "sockets.app is \"/01" },
	{ "ipfix: {collector: 192.0.2.1:4739}\n" NICS, 1, 20, "udp/192.0.2.50:4739" },
	{ "ipfix: {collector: 'udp/192.0.2.1'}\n" NICS, 1, 20, "an address and a port" },
	{ "ipfix: {collector: 'udp/192.0.2.1:0'}\n" NICS, 1, 20, "from 1 to 65535" },
	{ "ipfix: {collector: 'udp/192.0.2.256:4739'}\n" NICS, 1, 20, "an address and a port" },
	{ "ipfix: {collector: 'tcp/[192.0.2.1]:4739'}\n" NICS, 1, 20, "an address and a port" },
	{ "ipfix: {template-seconds: 0}\n" NICS, 1, 27, "1 to 86400" },
	{ "ipfix: {active-seconds: 0}\n" NICS, 1, 25, "or the word never" },
	{ "ephemeral: 49152\n" NICS, 1, 12, "a range of ports" },
	{ "ephemeral: 60000-50000\n" NICS, 1, 12, "the lower one first" },
	{ "ephemeral: 49152-65536\n" NICS, 1, 12, "from 1024 to 65535" },
	{ "ephemeral: 1023-65535\n" NICS, 1, 12, "from 1024 to 65535" },
	/* Devices. */
	{ "nics: [{name: wan, interface: eth9}]\n", 1, 31, "no interface eth9" },
	{ "nics: [{name: wan, interface: \"eth1,x=y\"}]\n", 1, 31, "nics[].interface is" },
	{ "nics: [{name: wan, pci: \"0000:3b:00.0\"}]\n", 1, 25, "no PCI device 0000:3b:00.0" },
	{ "nics: [{name: wan, pci: 3b}]\n", 1, 25, "a PCI address, for example" },
	{ "nics: [{name: wan, vdev: null0}]\n", 1, 26, "nics[].vdev is \"null0\"" },
	{ "nics: [{name: wan, vdev: \"net_null0,,\"}]\n", 1, 26, "nics[].vdev is" },
	{ "nics: [{name: wan, vdev: net_tap_kernel}]\n", 1, 26, "berthd's own" },
	{ "nics: [{name: wan, vdev: net_null_generator_x}]\n", 1, 26, "berthd's own" },
	{ "nics: [{name: wan, vdev: net_null0, generator: {flows: 1}}]\n", 1, 37, "together" },
	{ "nics: [{name: wan, generator: {flows: 1}}]\n", 1, 31, "IPv4 packets on a nic without" },
	{ "nics: [{name: wan, generator: {ipv6-percent: 1}, addresses: [192.0.2.1/24]}]\n", 1, 31,
	  "IPv6 packets on a nic without" },
	{ "nics: [{name: wan, generator: {ports: 9-8}, addresses: [192.0.2.1/24]}]\n", 1, 39,
	  "the lower one first" },
	{ "nics: [{name: wan, generator: {}, addresses: [192.0.2.1/24]}]\n", 1, 31,
	  "nics[].generator is" },
	{ "nics: [{name: wan, generator: {bytes: 63}, addresses: [192.0.2.1/24]}]\n", 1, 39,
	  "from 64 to 1518" },
	{ "nics:\n  - {name: a, vdev: net_null0}\n  - {name: a, vdev: net_null1}\n", 3, 12,
	  "a second nic \"a\"" },
	{ "nics:\n  - {name: a, vdev: \"net_null0,size=60\"}\n  - {name: b, vdev: net_null0}\n", 3,
	  21, "net_null0 already is nic a" },
	{ "nics:\n  - {name: a, interface: eth1}\n  - {name: b, interface: eth1}\n", 3, 26,
	  "eth1 already is nic a" },
	{ "kernel: {interface: eth1}\nnics: [{name: a, interface: eth1}]\n", 2, 29,
	  "kernel.interface as well" },
	/* Workers. */
	{ "workers: {cores: [1, 1]}\n" NICS, 1, 22, "core 1 is given twice" },
	{ "workers: {cores: [1, 4]}\n" NICS, 1, 22, "0-3 would be right" },
	{ "workers: {cores: [auto]}\n" NICS, 1, 19, "auto within a list" },
	{ "nics: [{name: wan, vdev: net_null0, queues: 2}]\n", 1, 45, "2 queues for 1 worker;" },
	{ "workers: {cores: [0, 1]}\nnics: [{name: wan, vdev: net_null0, queues: 3}]\n", 2, 45,
	  "3 queues for 2 workers" },
	/* Addresses. */
	{ NIC "    addresses: [192.0.2.10]\n", 4, 17, "no address with a prefix length" },
	{ NIC "    addresses: [192.0.2.300/24]\n", 4, 17, "no address with a prefix length" },
	{ NIC "    addresses: [192.0.2.10/33]\n", 4, 17, "no address with a prefix length" },
	{ NIC "    addresses: [224.0.0.1/24]\n", 4, 17, "a multicast address" },
	{ NIC "    addresses: [\"ff02::1/64\"]\n", 4, 17, "a multicast address" },
	{ NIC "    addresses: [127.0.0.1/8]\n", 4, 17, "a loopback address" },
	{ NIC "    addresses: [\"::1/128\"]\n", 4, 17, "a loopback address" },
	{ NIC "    addresses: [0.0.0.0/8]\n", 4, 17, "a reserved address" },
	{ NIC "    addresses: [\"::/64\"]\n", 4, 17, "the unspecified address" },
	{ NIC "    addresses: [\"::ffff:192.0.2.1/128\"]\n", 4, 17, "an IPv4 address within IPv6" },
	{ NIC "    addresses: [192.0.2.0/24]\n", 4, 17, "the address of the network itself" },
	{ NIC "    addresses: [192.0.2.255/24]\n", 4, 17, "the broadcast address" },
	{ NIC "    addresses: [\"2001:db8::/64\"]\n", 4, 17, "the address of the network itself" },
	{ NIC "    addresses: [192.0.2.1/0]\n", 4, 17, "a prefix that is everything" },
	{ NIC "    addresses: [192.0.2.1/24, 192.0.2.1/25]\n", 4, 31, "already an address of nic" },
	{ "nics:\n  - {name: a, vdev: net_null0, addresses: [192.0.2.1/24]}\n"
	  "  - {name: b, vdev: net_null1, addresses: [192.0.2.1/24]}\n",
	  3, 44, "already an address of nic a in zone 0" },
	{ NIC "    gateways: [192.0.2.1]\n", 4, 16, "without an own IPv4 address" },
	{ NIC "    addresses: [192.0.2.2/24]\n    gateways: [\"2001:db8::1\"]\n", 5, 16,
	  "without an own IPv6 address" },
	{ NIC "    addresses: [192.0.2.2/24]\n    gateways: [198.51.100.1]\n", 5, 16,
	  "on no prefix of addresses" },
	{ NIC "    addresses: [192.0.2.2/24]\n    gateways: [192.0.2.2]\n", 5, 16,
	  "is an own address" },
	{ NIC "    addresses: [192.0.2.2/24]\n    gateways: [192.0.2.1, 192.0.2.3]\n", 5, 27,
	  "a second IPv4 gateway" },
	{ NIC "    addresses: [192.0.2.2/24]\n    gateways: [gateway]\n", 5, 16,
	  "no address of a router" },
	{ NIC "    addresses: [192.0.2.2/24]\n    gateways: [192.0.2.1/24]\n", 5, 16,
	  "no address of a router" },
	/* VLANs. */
	{ NIC "    vlans: [{id: 10}, {id: 10, zone: 3}]\n", 4, 28, "VLAN 10 is given twice" },
	{ NIC "    vlans: [{id: 10}, {id: 11, zone: 10}]\n", 4, 38, "zone 10 is given twice" },
	{ NIC "    vlans: [{id: 10, zone: 0}]\n", 4, 28, "zone 0 is given twice" },
	{ NIC "    zone: 10\n    vlans: [{id: 10}]\n", 5, 13, "zone 10 is given twice" },
	{ NIC "    vlans: [{id: 4095}]\n", 4, 18, "from 1 to 4094" },
	{ NIC "    vlans: [{zone: 3}]\n", 4, 13, "has no id" },
	{ NIC "    zone: 4096\n", 4, 11, "from 0 to 4095" },
	/* Ports whose end is a device. */
	{ NICS "ports: [{name: a, bindings: [\"tcp/*:80\"]}]\n", 2, 9, "none of tap, vdev" },
	{ NICS "ports: [{name: a, tap: a0}]\n", 2, 9, "has no bindings" },
	{ NICS "ports: [{tap: a0, bindings: [\"tcp/*:80\"]}]\n", 2, 9, "has no name" },
	{ NICS "ports: [{name: a, tap: a0, bindings: [\"tcp/*:0\"]}]\n", 2, 39, "\"tcp/*:0\": " },
	{ NICS "ports: [{name: a, tap: a0, bindings: [\"tcp/*:80@3\"]}]\n", 2, 39,
	  "without a zone" },
	{ NICS "ports: [{name: a, tap: a0, bindings: [\"tcp/*:80\"]},\n"
	       "  {name: a, tap: a1, bindings: [\"tcp/*:81\"]}]\n",
	  3, 10, "a second port \"a\"" },
	{ NICS "ports: [{name: a, tap: a0, bindings: [\"tcp/*:80\"]},\n"
	       "  {name: b, tap: a0, bindings: [\"tcp/*:81\"]}]\n",
	  3, 18, "a0 is in use already" },
	{ NICS "kernel: {interface: a0}\nports: [{name: a, tap: a0, bindings: [\"tcp/*:1\"]}]\n", 3,
	  24, "a0 is in use already" },
	{ NICS "ports: [{name: a, vdev: \"net_null0,size=1\", bindings: [\"tcp/*:1\"]}]\n", 2, 25,
	  "net_null0 is in use already" },
	{ NICS "ports: [{name: a, vdev: net_tap_port_a, bindings: [\"tcp/*:1\"]}]\n", 2, 25,
	  "berthd's own" },
	/* The rest. */
	{ "unmatched: kernel\n" NICS, 1, 12, "without kernel.interface" },
	{ "kernel: {interface: \"\"}\nunmatched: kernel\n" NICS, 2, 12,
	  "without kernel.interface" },
	{ "kernel: {interface: far-too-long-name}\n" NICS, 1, 21, "kernel.interface is" },
	{ "sockets: {app: /run/x, control: /run/x}\n" NICS, 1, 33, "are both /run/x" },
	{ "sockets: {group: no-such-group-here}\n" NICS, 1, 18, "there is no group" },
	{ "grants: [{user: no-such-user-here, ports: 53}]\n" NICS, 1, 17, "there is no user" },
	{ "grants: [{group: no-such-group-here, ports: 53}]\n" NICS, 1, 18, "there is no group" },
	{ "grants: [{user: root, group: root, ports: 53}]\n" NICS, 1, 23,
	  "user and group together" },
	{ "grants: [{ports: 53}]\n" NICS, 1, 10, "none of user, group" },
	{ "grants: [{user: root}]\n" NICS, 1, 10, "has no ports" },
	{ "grants: [{user: root, ports: sctp/53}]\n" NICS, 1, 30, "tcp/80, udp/1-1023" },
	{ "grants: [{user: root, ports: tcp/0}]\n" NICS, 1, 30, "from 1 to 65535" },
	{ "grants: [{user: root, ports: 9-3}]\n" NICS, 1, 30, "the lower one first" },
	{ "privileged: [tcp/0]\n" NICS, 1, 14, "from 1 to 65535" },
	{ "privileged: [sctp/53]\n" NICS, 1, 14, "tcp/8443" },
	{ "privileged: 53\n" NICS, 1, 13, "privileged" },
	{ "grants: [{user: 4294967295, ports: 53}]\n" NICS, 1, 17, "there is no user" },
};

/* Goal: each kind of mistake gives exactly one line, at its line and column, that says what is
 * wrong and what would be right, and leaves the output untouched. Method: one wrong text per kind;
 * the whole output must be that line. */
Test(config, each_mistake_is_told_once_at_its_place)
{
	static char errors[ERRORS_BYTES];
	struct config *out = malloc(sizeof(*out)), *before = malloc(sizeof(*before));

	memset(out, 0x5a, sizeof(*out));
	memcpy(before, out, sizeof(*out));
	for (unsigned i = 0; i < array_length(wrongs); i++) {
		const struct wrong *w = &wrongs[i];
		const int rc = load(w->text, strlen(w->text), out, errors);
		char place[64];

		snprintf(place, sizeof(place), "f:%u:%u: ", w->line, w->column);
		cr_expect(eq(int, rc, -EINVAL), "%s", w->text);
		cr_expect(strncmp(errors, place, strlen(place)) == 0, "want %sgot %s of\n%s", place,
			  errors, w->text);
		cr_expect(strstr(errors, w->says) != NULL, "want \"%s\", got %s", w->says, errors);
		cr_expect(strchr(errors, '\n') == errors + strlen(errors) - 1,
			  "one line wanted, got:\n%sof\n%s", errors, w->text);
		cr_expect(strstr(errors, "right") != NULL || strstr(errors, "did you mean") != NULL,
			  "no remedy: %s", errors);
		cr_expect(memcmp(out, before, sizeof(*out)) == 0, "output touched by %s", w->text);
	}
	free(out);
	free(before);
}

/* Goal: one run tells all mistakes, in the order of the file, and does not drown the reader.
 * Method: four mistakes that are found in another order; then two hundred. */
Test(config, all_mistakes_in_file_order)
{
	static const char text[] = "nics:\n"
				   "  - {name: a, vdev: net_null0, queues: 9}\n"
				   "  - {name: a, vdev: net_null1}\n"
				   "unmatched: deny\n"
				   "colour: blue\n";
	static char errors[ERRORS_BYTES], many[8192];
	unsigned line[4] = { 0 }, lines = 0;
	struct config out;

	cr_assert(eq(int, load(text, strlen(text), &out, errors), -EINVAL));
	cr_assert(eq(int,
		     sscanf(errors, "f:%u:%*[^\n]\nf:%u:%*[^\n]\nf:%u:%*[^\n]\nf:%u", &line[0],
			    &line[1], &line[2], &line[3]),
		     4),
		  "%s", errors);
	for (unsigned i = 0; i < 4; i++)
		cr_assert(eq(uint, line[i], i + 2));

	for (unsigned i = 0; i < 200; i++)
		strcat(many, "wrong: 1\n");
	cr_assert(eq(int, load(many, strlen(many), &out, errors), -EINVAL));
	for (const char *c = errors; *c != '\0'; c++)
		lines += *c == '\n';
	cr_assert(eq(uint, lines, MISTAKES_MAX + 1));
	cr_assert(strstr(errors, "further mistakes are not shown") != NULL);
}

/* Goal: everything but one nic has the documented default. */
Test(config, defaults)
{
	static char errors[ERRORS_BYTES];
	struct config c;

	cr_assert(eq(int, load(NICS, strlen(NICS), &c, errors), 0), "%s", errors);
	cr_assert(eq(str, errors, ""));
	cr_assert(eq(int, c.memory.mode, CONFIG_MEMORY_AUTO));
	cr_assert(all(eq(u32, c.memory.megabytes, 0), eq(u32, c.memory.buffers, 0)));
	cr_assert(all(eq(u16, c.workers_count, 1), eq(u16, c.worker_cores[0], 3)));
	cr_assert(eq(int, c.idle.mode, CONFIG_IDLE_SLEEP));
	cr_assert(all(eq(u32, c.idle.empty_polls, 256), eq(u32, c.idle.sleep_us, 50)));
	cr_assert(all(eq(u16, c.nics_count, 1), eq(u16, c.links_count, 1)));
	cr_assert(all(eq(str, c.nics[0].name, "wan"), eq(str, c.nics[0].device, "net_null0")));
	cr_assert(eq(int, c.nics[0].device_kind, CONFIG_DEVICE_VDEV));
	cr_assert(all(eq(u16, c.nics[0].queues, 1), eq(u16, c.nics[0].rx_descriptors, 1024),
		      eq(u16, c.nics[0].tx_descriptors, 1024), eq(u16, c.nics[0].mtu, 1500)));
	cr_assert(c.nics[0].checksum_verify && c.responder && !c.nics[0].promiscuous);
	cr_assert(all(eq(u16, c.links[0].zone, 0), eq(u16, c.links[0].addresses_count, 0)));
	cr_assert(eq(u32, c.flows_capacity, 262144));
	cr_assert(all(eq(int, c.tracking_mode, CONFIG_TRACKING_LOOSE),
		      eq(int, c.timers, TIMER_PROFILE_RFC)));
	for (unsigned i = 0; i < TIMER_COUNT; i++)
		cr_assert(eq(u32, c.timeouts[i], 0));
	cr_assert(all(eq(u32, c.fragments.timeout_ms, 60000), eq(u32, c.fragments.datagrams, 1024),
		      eq(u32, c.fragments.held_packets, 512), eq(u32, c.fragments.per_source, 64)));
	cr_assert(eq(int, c.unmatched, CONFIG_UNMATCHED_DROP));
	cr_assert(all(eq(u32, c.reject_per_second, 1000), eq(str, c.kernel_interface, "")));
	cr_assert(eq(str, c.sockets.app_socket, "/run/berth/app.sock"));
	cr_assert(eq(str, c.sockets.control_socket, "/run/berth/control.sock"));
	cr_assert(eq(str, c.sockets.socket_group, ""));
	cr_assert(all(eq(u16, c.ephemeral.first, 49152), eq(u16, c.ephemeral.last, 65535)));
	cr_assert(all(eq(u32, c.connections.capacity, 131072),
		      eq(u32, c.connections.quarantine_s, 60),
		      eq(u32, c.quota.connections, 65536)));
	cr_assert(all(eq(u8, c.ipfix.address.family, FAMILY_ANY), eq(u32, c.ipfix.domain, 1)));
	cr_assert(all(eq(u32, c.quota.applications, 64), eq(u32, c.quota.bindings, 4096),
		      eq(u64, c.quota.ring_bytes, (uint64_t)1 << 30)));
	cr_assert(all(eq(u16, c.grants_count, 0), eq(u16, c.ends_count, 0)));
}

static const char full[] =
	"memory: {mode: ordinary, megabytes: 128, buffers: 8192}\n"
	"workers: {cores: [2, 0], idle: {mode: poll, empty-polls: 1, sleep-us: 10000}}\n"
	"flows: {capacity: 1024, tracking: {mode: strict, timers: linux}, timeouts: {\n"
	"  tcp-opening: 1, tcp-syn-received: 2, tcp-established: 3, tcp-closing: 4,\n"
	"  tcp-close-wait: 5, tcp-last-ack: 6, tcp-time-wait: 7, tcp-closed: 8, udp-new: 9,\n"
	"  udp-replied: 10, udp-stream: 11, icmp: 12, sctp-opening: 13, sctp-established: 14,\n"
	"  sctp-closing: 15, sctp-closed: 16, sctp-heartbeat: 17, other: 18}}\n"
	"fragments: {timeout-ms: 30000, datagrams: 16, held-packets: 17, per-source: 18}\n"
	"nics:\n"
	"  - {name: wan, interface: eth1, queues: 2, rx-descriptors: 64, tx-descriptors: 128,\n"
	"     mtu: 9000, promiscuous: true, checksum: ignore, zone: 7, gateways: [192.0.2.1,\n"
	"     \"fe80::1\"], addresses: [192.0.2.10/24, \"2001:db8::10/64\"],\n"
	"     vlans: [{id: 10, addresses: [192.0.2.10/31], gateways: [192.0.2.11]},\n"
	"             {id: 4094, zone: 0, addresses: [\"2001:db8::/127\"]}]}\n"
	"  - {name: lan, vdev: \"net_null3,size=60\", sources: any, source-routes: ignore,\n"
	"     tunnels: [{type: vxlan, id: 16777215, zone: 20}, {type: gre, zone: 21},\n"
	"               {type: gre, id: 0, zone: 22}, {type: ipip, zone: 4095},\n"
	"               {type: gtpu, id: 4294967295, zone: 0}]}\n"
	"ports:\n"
	"  - {name: web, tap: web0, zone: 9, bindings: [\"tcp/192.0.2.10:80\", \"udp/*:443\"]}\n"
	"  - {name: v, vdev: \"net_memif0,role=server\", bindings: [\"udp/*:1-9\"]}\n"
	"unmatched: kernel\n"
	"reject-per-second: 5\n"
	"responder: false\n"
	"kernel: {interface: berth0}\n"
	"sockets: {app: /a, control: '/c', group: root}\n"
	"ephemeral: 1024-1024\n"
	"connections: {capacity: 16777216, quarantine-seconds: 0}\n"
	"quota: {applications: 1, bindings: 65536, connections: 16777216, "
	"ring-megabytes: 1048576}\n"
	"privileged: [tcp/8443, 5432, udp/7000-7009]\n"
	"grants:\n"
	"  - {user: any, ports: tcp/80}\n"
	"  - {group: root, ports: 53}\n"
	"  - {user: 1000, ports: \"udp/1-1023\"}\n";

/* Goal: every value reaches its field.
 * Method: a file in which each key differs from its default. */
Test(config, every_value_reaches_its_field)
{
	static char errors[ERRORS_BYTES];
	struct config c;
	char text[ADDRESS_TEXT_BYTES];

	cr_assert(eq(int, load(full, strlen(full), &c, errors), 0), "%s", errors);
	cr_assert(eq(int, c.memory.mode, CONFIG_MEMORY_ORDINARY));
	cr_assert(all(eq(u32, c.memory.megabytes, 128), eq(u32, c.memory.buffers, 8192)));
	cr_assert(all(eq(u16, c.workers_count, 2), eq(u16, c.worker_cores[0], 2),
		      eq(u16, c.worker_cores[1], 0)));
	cr_assert(all(eq(int, c.idle.mode, CONFIG_IDLE_POLL), eq(u32, c.idle.empty_polls, 1),
		      eq(u32, c.idle.sleep_us, 10000), eq(u32, c.flows_capacity, 1024)));
	cr_assert(all(eq(int, c.tracking_mode, CONFIG_TRACKING_STRICT),
		      eq(int, c.timers, TIMER_PROFILE_LINUX)));
	for (unsigned i = 0; i < TIMER_COUNT; i++)
		cr_assert(eq(u32, c.timeouts[i], i + 1));
	cr_assert(all(eq(u32, c.fragments.timeout_ms, 30000), eq(u32, c.fragments.datagrams, 16),
		      eq(u32, c.fragments.held_packets, 17), eq(u32, c.fragments.per_source, 18)));
	cr_assert(all(eq(u16, c.nics_count, 2), eq(u16, c.links_count, 4)));
	cr_assert(eq(int, c.nics[0].device_kind, CONFIG_DEVICE_INTERFACE));
	cr_assert(all(eq(u16, c.nics[0].queues, 2), eq(u16, c.nics[0].rx_descriptors, 64),
		      eq(u16, c.nics[0].tx_descriptors, 128), eq(u16, c.nics[0].mtu, 9000)));
	cr_assert(c.nics[0].promiscuous && !c.nics[0].checksum_verify && !c.responder);
	cr_assert(eq(str, c.nics[1].device, "net_null3,size=60"));
	cr_assert(c.nics[0].sources_verify && !c.nics[0].source_routes_ignore);
	cr_assert(c.nics[1].source_routes_ignore && !c.nics[1].sources_verify);
	cr_assert(all(eq(u16, c.tunnels_count, 5), eq(u16, c.tunnels[0].nic, 1),
		      eq(u8, c.tunnels[0].type, CONFIG_TUNNEL_VXLAN),
		      eq(u32, c.tunnels[0].id, 0xffffff), eq(u16, c.tunnels[0].zone, 20)));
	cr_assert(c.tunnels[0].has_id && !c.tunnels[1].has_id && c.tunnels[2].has_id);
	cr_assert(all(eq(u8, c.tunnels[3].type, CONFIG_TUNNEL_IPIP),
		      eq(u16, c.tunnels[3].zone, 4095), eq(u32, c.tunnels[4].id, UINT32_MAX)));
	cr_assert(all(eq(u16, c.links[0].zone, 7), eq(u16, c.links[1].zone, 10),
		      eq(u16, c.links[2].zone, 0), eq(u16, c.links[3].zone, 0)));
	cr_assert(all(eq(u16, c.links[0].vlan, 0), eq(u16, c.links[1].vlan, 10),
		      eq(u16, c.links[2].vlan, 4094), eq(u16, c.links[3].nic, 1)));
	cr_assert(all(eq(u16, c.links[0].addresses_count, 2),
		      eq(u8, c.links[0].addresses[1].length, 64)));
	address_format(&c.links[0].addresses[1].address, text);
	cr_assert(eq(str, text, "2001:db8::10"));
	address_format(&c.links[0].gateway[1], text);
	cr_assert(eq(str, text, "fe80::1"));
	address_format(&c.links[1].gateway[0], text);
	cr_assert(eq(str, text, "192.0.2.11"));
	cr_assert(all(eq(int, c.unmatched, CONFIG_UNMATCHED_KERNEL),
		      eq(u32, c.reject_per_second, 5), eq(str, c.kernel_interface, "berth0"),
		      eq(str, c.sockets.app_socket, "/a"), eq(str, c.sockets.control_socket, "/c"),
		      eq(str, c.sockets.socket_group, "root")));
	cr_assert(all(eq(u16, c.ends_count, 2), eq(str, c.ends[0].name, "web"),
		      eq(str, c.ends[0].device, "web0"), eq(u16, c.ends[0].zone, 9),
		      eq(u16, c.ends[0].bindings_count, 2)));
	cr_assert(all(eq(u8, c.ends[0].bindings[1].proto, PROTO_UDP),
		      eq(u16, c.ends[0].bindings[1].port_first, 443),
		      eq(u16, c.ends[0].bindings[1].zone, 9)));
	cr_assert(c.ends[0].tap && !c.ends[1].tap);
	cr_assert(all(eq(str, c.ends[1].device, "net_memif0,role=server"),
		      eq(u16, c.ends[1].bindings[0].port_last, 9)));
	cr_assert(all(eq(u16, c.ephemeral.first, 1024), eq(u16, c.ephemeral.last, 1024)));
	cr_assert(all(eq(u32, c.connections.capacity, 16777216),
		      zero(u32, c.connections.quarantine_s),
		      eq(u32, c.quota.connections, 16777216)));
	cr_assert(all(eq(u32, c.quota.applications, 1), eq(u32, c.quota.bindings, 65536),
		      eq(u64, c.quota.ring_bytes, (uint64_t)1048576 << 20)));
	cr_assert(all(eq(u16, c.privileged_count, 3), eq(u8, c.privileged[0].proto, PROTO_TCP),
		      eq(u8, c.privileged[1].proto, 0), eq(u16, c.privileged[1].last, 5432),
		      eq(u16, c.privileged[2].first, 7000), eq(u16, c.privileged[2].last, 7009)));
	cr_assert(eq(u16, c.grants_count, 3));
	cr_assert(all(eq(u32, c.grants[0].uid, UINT32_MAX), eq(u32, c.grants[0].gid, UINT32_MAX),
		      eq(u8, c.grants[0].proto, PROTO_TCP), eq(u16, c.grants[0].port_last, 80)));
	cr_assert(all(eq(u32, c.grants[1].gid, 0), eq(u8, c.grants[1].proto, 0)));
	cr_assert(all(eq(u32, c.grants[2].uid, 1000), eq(u16, c.grants[2].port_first, 1),
		      eq(u16, c.grants[2].port_last, 1023), eq(u8, c.grants[2].proto, PROTO_UDP)));
}

static char *
file_text(const char *name)
{
	char path[1024];
	char *text = calloc(1, YAML_BYTES_MAX);
	FILE *f;

	snprintf(path, sizeof(path), "%s/%s", SOURCE_ROOT, name);
	f = fopen(path, "r");
	cr_assert(f != NULL, "%s cannot be opened", path);
	cr_assert(fread(text, 1, YAML_BYTES_MAX - 1, f) > 0);
	fclose(f);
	return text;
}

/* Goal: config/berth.yaml loads, says the defaults, and leaves out no key.
 * Method: compare the whole struct with that of the smallest file; look for each key of the table,
 * active or commented out. */
Test(config, the_example_is_the_defaults)
{
	static char errors[ERRORS_BYTES];
	static struct config example, least;
	const char *nics = "nics: [{name: wan, vdev: \"net_null0,size=60\"}]\n";
	char *text = file_text("config/berth.yaml");

	cr_assert(eq(int, load(text, strlen(text), &example, errors), 0), "%s", errors);
	cr_assert(eq(int, load(nics, strlen(nics), &least, errors), 0), "%s", errors);
	cr_assert(memcmp(&example, &least, sizeof(example)) == 0);
	for (unsigned i = 0; i < table_keys_count; i++) {
		char key[64];

		snprintf(key, sizeof(key), " %s:", table_name(&table_keys[i]));
		cr_expect(strncmp(text, key + 1, strlen(key + 1)) == 0 ||
				  strstr(text, key) != NULL ||
				  (key[0] = '\n', strstr(text, key) != NULL),
			  "%s is not in the example", table_keys[i].path);
	}
	free(text);
}

/* Goal: docs/configuration.md is what the table says now.
 * Method: print it again and compare; `ninja configuration-manual` mends it. */
Test(config, the_manual_is_current)
{
	char *text = file_text("docs/configuration.md"), *now = NULL;
	size_t bytes;
	FILE *f = open_memstream(&now, &bytes);

	cr_assert(eq(int, config_manual_print(f), 0));
	fclose(f);
	cr_assert(strcmp(text, now) == 0, "run `ninja -C BUILD configuration-manual`");
	free(now);
	free(text);
}

/* Goal: hostile and large files end in a mistake, in bounded time and memory.
 * Method: sizes at and over the limits, deep nesting, very many keys, zero bytes. */
Test(config, hostile_files_are_refused)
{
	static char errors[ERRORS_BYTES];
	const size_t bytes = YAML_BYTES_MAX + 1;
	char *text = malloc(bytes);
	struct config out;

	memset(text, '#', bytes);
	cr_assert(eq(int, load(text, bytes, &out, errors), -EINVAL));
	cr_assert(strstr(errors, "f:1:1: larger than 1 MiB") == errors, "%s", errors);
	cr_assert(eq(int, load(text, bytes - 1, &out, errors), -EINVAL));
	cr_assert(strstr(errors, "nothing is configured") != NULL, "%s", errors);

	memset(text, '[', bytes);
	cr_assert(eq(int, load(text, bytes - 1, &out, errors), -EINVAL));
	cr_assert(strstr(errors, "nested more than") != NULL, "%s", errors);

	for (size_t i = 0; i + 3 < bytes; i += 3)
		memcpy(text + i, "a:\n", 3);
	cr_assert(eq(int, load(text, bytes / 3 * 3, &out, errors), -EINVAL));
	cr_assert(strstr(errors, "more than 65536 values") != NULL, "%s", errors);

	memset(text, 0, bytes);
	cr_assert(eq(int, load(text, 100, &out, errors), -EINVAL));
	cr_assert(strstr(errors, "f:1:1: the byte 0x00") == errors, "%s", errors);
	cr_assert(eq(int, load("a: \"\\0\"\n", 8, &out, errors), -EINVAL));
	free(text);
}

/* Goal: no prefix of a good file, and no single wrong byte in it, crashes the loader.
 * Method: cut the full file at every length; replace each byte by a few of the nasty ones in turn.
 */
Test(config, cut_and_garbled_files_do_not_crash)
{
	static const char nasty[] = "\t\n\"'[]{}:,&*!|>%@`?#-\xff";
	static char errors[ERRORS_BYTES];
	char *text = strdup(full);
	struct config out;

	for (size_t i = 0; i < strlen(full); i++)
		load(full, i, &out, errors);
	for (size_t i = 0; i < strlen(full); i++) {
		for (size_t j = 0; j < 5; j++) {
			text[i] = nasty[(i + 5 * j) % strlen(nasty)];
			load(text, strlen(full), &out, errors);
		}
		text[i] = full[i];
	}
	free(text);
}

/* Goal: a file that cannot be read is told with the reason. */
Test(config, unreadable_files)
{
	static char errors[ERRORS_BYTES];
	FILE *f = fmemopen(errors, sizeof(errors), "w");
	struct config out;

	cr_assert(eq(int, config_load("/nonexistent/berth.yaml", &out, f), -ENOENT));
	fflush(f);
	cr_assert(strstr(errors, "/nonexistent/berth.yaml:1:1: cannot be read: No such file") ==
		  errors);
	cr_assert(eq(int, config_load("/", &out, f), -EISDIR));
	fclose(f);
	cr_assert(strstr(errors, "Is a directory") != NULL);
}

/* Goal: config_load() reads a file and judges it by this machine.
 * Method: the loopback interface is there everywhere. */
Test(config, loads_a_file)
{
	static char errors[ERRORS_BYTES];
	char path[] = "/tmp/berth-config-XXXXXX";
	const char *text = "nics: [{name: lo, interface: lo}]\n";
	const int fd = mkstemp(path);
	FILE *f = fmemopen(errors, sizeof(errors), "w");
	static struct config out;

	cr_assert(fd >= 0 && write(fd, text, strlen(text)) == (ssize_t)strlen(text));
	close(fd);
	cr_assert(eq(int, config_load(path, &out, f), 0), "%s", errors);
	fclose(f);
	unlink(path);
	cr_assert(eq(str, out.nics[0].device, "lo"));
}

/* Goal: a PCI address is looked up in sysfs, in lower case. */
Test(config, pci_address_is_found)
{
	char sys[] = "/tmp/berth-sys-XXXXXX", path[256];
	static const char text[] = "nics: [{name: a, pci: \"0000:3B:00.0\"}]\n";
	static char errors[ERRORS_BYTES];
	struct config_host host = host_fake();
	static struct config out;
	FILE *f = fmemopen(errors, sizeof(errors), "w");

	cr_assert(mkdtemp(sys) != NULL);
	host.sys = sys;
	snprintf(path, sizeof(path), "mkdir -p %s/bus/pci/devices/0000:3b:00.0", sys);
	cr_assert(eq(int, system(path), 0));
	cr_assert(eq(int, config_load_text("f", text, strlen(text), &host, &out, f), 0));
	fclose(f);
	cr_assert(eq(str, out.nics[0].device, "0000:3b:00.0"));
	snprintf(path, sizeof(path), "rm -r %s", sys);
	cr_assert(eq(int, system(path), 0));
}

/* Goal: the table is sound: its defaults are what its own checks allow, its names are unique.
 * Method: each default is read when a file is loaded (a wrong one ends the process); here names. */
Test(config, table_is_sound)
{
	for (unsigned i = 0; i < table_keys_count; i++) {
		const struct table_key *key = &table_keys[i];

		cr_expect(key->help != NULL && key->help[strlen(key->help) - 1] == '.', "%s",
			  key->path);
		cr_expect(key->shape != NULL ||
				  (key->type != TABLE_TEXT && key->type != TABLE_TEXTS),
			  "%s", key->path);
		for (unsigned j = 0; j < i; j++)
			cr_expect(strcmp(key->path, table_keys[j].path) != 0);
	}
}
