/* SPDX-License-Identifier: BSD-3-Clause */
/* generate.c: chooses service, flow and twist of each packet; the seed decides all of it. */
#include "bench/traffic/generate.h"

#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic/malformed.h"
#include "bench/traffic/random.h"
#include "common/base/bytes.h"
#include "common/base/check.h"

#define SOURCES4        (1u << 17) /* 198.18.0.0/15, RFC 2544 */
#define SOURCE_PORT_MIN 1024
#define SOURCE_PORTS    (UINT16_MAX + 1 - SOURCE_PORT_MIN)
#define SCANNERS        16
#define MALFORMED_BYTES 128

static const uint8_t vlan_dst4[4] = { 198, 51, 100, 10 };
static const uint8_t vlan_dst6[16] = { 0x20, 0x01, 0x0d, 0xb8, 0x01, 0x00, [15] = 0x10 };

/* Doors that are tried: eight of each range class of RFC 6335. */
static const uint16_t scanned_ports[] = {
	21,   22,   23,   25,   110,   139,   445,   631,   1433,  1521,  3306,  3389,
	5432, 5900, 6379, 8080, 49153, 51413, 54321, 55555, 57621, 60000, 61616, 65000,
};

/* What a conversation has sent so far, on the VLAN and off it. */
struct flow_state {
	uint32_t seq[2];
	bool started[2];
};

struct generator {
	const struct traffic *traffic;
	struct expect *expect;
	struct random random;
	uint64_t addresses_seed;
	uint64_t scans;
	uint64_t spoilt;
	uint32_t flows_first[MIX_SERVICES_MAX + 1]; /* service i owns [first[i], first[i + 1]) */
	struct flow_state *flows;
	uint32_t *order; /* MIX_ORDER_SHUFFLED: permutation of the flows, else NULL */
	uint32_t order_at;
};

/* Gives each service flows by its weight, and at least one. */
static void
flows_divide(struct generator *g)
{
	const struct mix *mix = &g->traffic->mix;
	const uint32_t spare = g->traffic->flows - mix->services_count;
	uint64_t weight = 0;

	for (unsigned i = 0; i < mix->services_count; i++) {
		g->flows_first[i] = (uint32_t)(i + spare * weight / mix->services_weight);
		weight += mix->services[i].weight;
	}
	g->flows_first[mix->services_count] = g->traffic->flows;
}

struct generator *
generator_create(const struct traffic *traffic, struct expect *expect)
{
	struct generator *g = calloc(1, sizeof(*g));

	if (g == NULL)
		return NULL;
	g->traffic = traffic;
	g->expect = expect;
	g->random.state = random_mix(traffic->seed);
	g->addresses_seed = random_next(&g->random);
	g->flows = calloc(traffic->flows, sizeof(*g->flows));
	if (traffic->mix.order == MIX_ORDER_SHUFFLED)
		g->order = calloc(traffic->flows, sizeof(*g->order));
	if (g->flows == NULL || (traffic->mix.order == MIX_ORDER_SHUFFLED && g->order == NULL)) {
		generator_destroy(g);
		return NULL;
	}
	for (uint32_t i = 0; g->order != NULL && i < traffic->flows; i++)
		g->order[i] = i;
	g->order_at = traffic->flows;
	flows_divide(g);
	return g;
}

void
generator_destroy(struct generator *g)
{
	if (g == NULL)
		return;
	free(g->order);
	free(g->flows);
	free(g);
}

/* The source of conversation `id`: no two have the same address and port. */
static void
source_set(const struct generator *g, uint32_t id, struct frame_spec *spec)
{
	/* An odd factor makes a permutation of the low 17 bits. */
	const uint32_t host = (id * 0x9e3779b1u + (uint32_t)g->addresses_seed) % SOURCES4;
	const uint64_t start = random_mix(g->addresses_seed ^ host) % SOURCE_PORTS;

	spec->src_port = (uint16_t)(SOURCE_PORT_MIN + (start + id / SOURCES4) % SOURCE_PORTS);
	memset(spec->src, 0, sizeof(spec->src));
	if (spec->family == 4) {
		be32_store(spec->src, (198u << 24 | 18u << 16) + host);
		return;
	}
	be32_store(spec->src, 0x20010db8);
	be16_store(spec->src + 4, 1);
	be16_store(spec->src + 6, (uint16_t)host);
	be32_store(spec->src + 8, (uint32_t)random_mix(g->addresses_seed ^ id));
	be32_store(spec->src + 12, id + 1);
}

static void
destination_set(const struct generator *g, bool on_vlan, struct frame_spec *spec)
{
	memset(spec->dst, 0, sizeof(spec->dst));
	if (spec->family == 4)
		memcpy(spec->dst, on_vlan ? vlan_dst4 : g->traffic->dst4, 4);
	else
		memcpy(spec->dst, on_vlan ? vlan_dst6 : g->traffic->dst6, 16);
	spec->vlan = on_vlan ? TRAFFIC_VLAN : 0;
}

static struct frame_spec
spec_start(const struct generator *g)
{
	struct frame_spec spec = { 0 };

	memcpy(spec.dst_mac, g->traffic->dst_mac, 6);
	memcpy(spec.src_mac, g->traffic->src_mac, 6);
	return spec;
}

/* The next flow, and its service in *service. */
static uint32_t
flow_choose(struct generator *g, unsigned *service)
{
	const struct mix *mix = &g->traffic->mix;
	uint32_t i = 0;

	if (g->order == NULL) {
		uint32_t weight = random_below(&g->random, mix->services_weight);

		for (; weight >= mix->services[i].weight; i++)
			weight -= mix->services[i].weight;
		*service = i;
		return g->flows_first[i] +
		       random_below(&g->random, g->flows_first[i + 1] - g->flows_first[i]);
	}
	if (g->order_at == g->traffic->flows) {
		for (uint32_t n = g->traffic->flows; n > 1; n--) {
			const uint32_t other = random_below(&g->random, n);
			const uint32_t flow = g->order[n - 1];

			g->order[n - 1] = g->order[other];
			g->order[other] = flow;
		}
		g->order_at = 0;
	}
	const uint32_t flow = g->order[g->order_at++];

	while (flow >= g->flows_first[i + 1])
		i++;
	*service = i;
	return flow;
}

/* A packet of a conversation; TCP ones begin with a SYN and count on from there. */
static void
make_service(struct generator *g, bool on_vlan, bool options, struct frame *frame)
{
	struct frame_spec spec = spec_start(g);
	unsigned index;
	const uint32_t id = flow_choose(g, &index);
	const struct mix_service *service = &g->traffic->mix.services[index];
	const uint64_t nature = random_mix(g->addresses_seed + id);
	const uint32_t ports = (uint32_t)service->port_last - service->port_first + 1;
	struct flow_state *flow = &g->flows[id];
	const bool new_flow = !flow->started[on_vlan];

	spec.family = nature % 100 < g->traffic->mix.ipv6_percent ? 6 : 4;
	spec.proto = service->proto;
	spec.dst_port = (uint16_t)(service->port_first + (nature >> 32) % ports);
	spec.bytes = service->bytes;
	spec.options = options;
	spec.query_id = (uint16_t)nature;
	source_set(g, id, &spec);
	destination_set(g, on_vlan, &spec);
	if (new_flow)
		flow->seq[on_vlan] = (uint32_t)(nature >> 16);
	spec.tcp_seq = flow->seq[on_vlan];
	spec.tcp_flags = new_flow ? TCP_SYN : TCP_ACK | TCP_PSH;
	flow->started[on_vlan] = true;
	flow->seq[on_vlan] += new_flow ? 1 : frame_payload_bytes(&spec);

	frame_build(&spec, frame);
	expect_add(g->expect, &spec, frame, new_flow);
}

/* One knock on a closed door; a few hosts go from door to door. */
static void
make_scan(struct generator *g, struct frame *frame)
{
	struct frame_spec spec = spec_start(g);
	const uint64_t scan = g->scans++;

	spec.family = random_below(&g->random, 100) < g->traffic->mix.ipv6_percent ? 6 : 4;
	spec.proto = random_below(&g->random, 3) == 0 ? IPPROTO_UDP : IPPROTO_TCP;
	spec.dst_port = scanned_ports[random_below(&g->random, array_length(scanned_ports))];
	spec.tcp_flags = TCP_SYN;
	spec.tcp_seq = (uint32_t)random_next(&g->random);
	source_set(g, (uint32_t)(scan % SCANNERS), &spec);
	spec.src_port = (uint16_t)(SOURCE_PORT_MIN + scan / SCANNERS % SOURCE_PORTS);
	destination_set(g, false, &spec);
	frame_build(&spec, frame);
	expect_add(g->expect, &spec, frame, true);
}

/* One way to be malformed after the other. */
static void
make_malformed(struct generator *g, struct frame *frame)
{
	const unsigned index = (unsigned)(g->spoilt++ % malformed_count);
	const struct malformed *malformed = &malformed_list[index];
	struct frame_spec spec = spec_start(g);

	spec.family = malformed->family;
	spec.proto = malformed->proto;
	spec.dst_port = spec.proto == IPPROTO_TCP ? 443 : 53;
	spec.tcp_flags = TCP_ACK | TCP_PSH;
	spec.bytes = MALFORMED_BYTES;
	source_set(g, random_below(&g->random, SOURCES4), &spec);
	destination_set(g, false, &spec);
	frame_build(&spec, frame);
	malformed->spoil(frame);
	expect_add_malformed(g->expect, index);
}

void
generator_next(struct generator *g, struct frame *frame)
{
	const struct mix *mix = &g->traffic->mix;

	if (mix->scan_weight != 0 &&
	    random_below(&g->random, mix->services_weight + mix->scan_weight) < mix->scan_weight) {
		make_scan(g, frame);
		return;
	}
	/* Of ten packets with twists one is malformed, one has options, one is on the VLAN, and
	 * one has both. */
	const uint32_t twist = mix->twists ? random_below(&g->random, 10) : 10;

	if (twist == 0)
		make_malformed(g, frame);
	else
		make_service(g, twist == 2 || twist == 3, twist == 1 || twist == 3, frame);
}
