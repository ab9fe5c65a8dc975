/* SPDX-License-Identifier: BSD-3-Clause */
/* expect.c: counts packets per destination socket and per reason, and writes them as JSON. */
#include "bench/traffic/expect.h"

#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic/malformed.h"

struct socket_count {
	uint64_t packets;
	uint64_t bytes; /* of IP packets */
	uint64_t flows;
};

/* Destinations differ by family and by being on the VLAN or not. */
struct destination {
	uint8_t address[16];
	uint8_t family;
	uint16_t vlan;
	struct socket_count sockets[2][UINT16_MAX + 1]; /* UDP, TCP; by port */
};

struct expect {
	uint64_t packets;
	uint64_t malformed[MALFORMED_MAX];
	struct destination destinations[4];
};

struct expect *
expect_create(void)
{
	return calloc(1, sizeof(struct expect));
}

void
expect_destroy(struct expect *expect)
{
	free(expect);
}

void
expect_add(struct expect *expect, const struct frame_spec *spec, const struct frame *frame,
	   bool new_flow)
{
	struct destination *to =
		&expect->destinations[(spec->family == 6 ? 1 : 0) + (spec->vlan != 0 ? 2 : 0)];
	struct socket_count *count = &to->sockets[spec->proto == IPPROTO_TCP][spec->dst_port];

	memcpy(to->address, spec->dst, 16);
	to->family = spec->family;
	to->vlan = spec->vlan;
	count->packets++;
	count->bytes += frame->l3_bytes;
	count->flows += new_flow;
	expect->packets++;
}

void
expect_add_malformed(struct expect *expect, unsigned index)
{
	expect->malformed[index]++;
	expect->packets++;
}

static bool
mix_serves(const struct mix *mix, uint8_t proto, unsigned port)
{
	for (unsigned i = 0; i < mix->services_count; i++) {
		const struct mix_service *s = &mix->services[i];

		if (s->proto == proto && port >= s->port_first && port <= s->port_last)
			return true;
	}
	return false;
}

static const char *
write_destination(const struct destination *to, const struct mix *mix, const char *separator,
		  FILE *out)
{
	char address[INET6_ADDRSTRLEN];

	if (to->family == 0)
		return separator;
	inet_ntop(to->family == 4 ? AF_INET : AF_INET6, to->address, address, sizeof(address));
	for (unsigned tcp = 0; tcp <= 1; tcp++) {
		for (unsigned port = 0; port <= UINT16_MAX; port++) {
			const struct socket_count *c = &to->sockets[tcp][port];
			const uint8_t proto = tcp == 1 ? IPPROTO_TCP : IPPROTO_UDP;

			if (c->packets == 0)
				continue;
			fprintf(out,
				"%s\n    {\"proto\": \"%s\", \"family\": %u, \"address\": \"%s\", "
				"\"vlan\": %u, \"port\": %u, \"open\": %s, \"packets\": %" PRIu64
				", \"bytes\": %" PRIu64 ", \"flows\": %" PRIu64 "}",
				separator, tcp == 1 ? "tcp" : "udp", to->family, address, to->vlan,
				port, mix_serves(mix, proto, port) ? "true" : "false", c->packets,
				c->bytes, c->flows);
			separator = ",";
		}
	}
	return separator;
}

static void
write_drops(const struct expect *expect, FILE *out)
{
	const char *separator = "";
	uint64_t sum = 0;

	for (unsigned i = 0; i < malformed_count; i++) {
		sum += expect->malformed[i];
		/* Ways to the same reason are neighbours in the list. */
		if (i + 1 < malformed_count &&
		    strcmp(malformed_list[i].reason, malformed_list[i + 1].reason) == 0)
			continue;
		if (sum != 0) {
			fprintf(out, "%s\n    \"%s\": %" PRIu64, separator,
				malformed_list[i].reason, sum);
			separator = ",";
		}
		sum = 0;
	}
}

int
expect_write(const struct expect *expect, const struct mix *mix, uint64_t seed, FILE *out)
{
	const char *separator = "";

	fprintf(out, "{\n  \"seed\": %" PRIu64 ",\n  \"packets\": %" PRIu64 ",\n  \"sockets\": [",
		seed, expect->packets);
	for (unsigned i = 0; i < 4; i++)
		separator = write_destination(&expect->destinations[i], mix, separator, out);
	fputs("\n  ],\n  \"drops\": {", out);
	write_drops(expect, out);
	fputs("\n  }\n}\n", out);
	return ferror(out) ? -EIO : 0;
}
