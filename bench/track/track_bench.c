/* SPDX-License-Identifier: BSD-3-Clause */
/* track_bench.c: what following a flow costs per packet, and the walk that looks for idle ones.
 *
 * Flows lie in a worker's table, all of them open, and packets come for them in random order, in
 * bursts. The lookup is not measured: it has its own bench, and leaves a flow's entry in the cache,
 * as here. Each round measures every way on the same packets, one after the other. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic/random.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/track/follow.h"

#define BURST         32u
#define PACKETS       (1u << 21) /* of each measurement */
#define ROUNDS_MAX    99u
#define IDLE_MS       (1u << 23)
#define PASS_MS       1000u
#define CYCLES_PER_MS 2600000u /* about; the pace of the walk */

/* Ways to follow a packet. */
enum way { WAY_OFF, WAY_STRICT, WAY_STRICT_WALKED, WAYS };
static const char *const way_names[WAYS] = { "off", "strict", "strict, with the walk" };

struct table {
	struct flow_table *t;
	struct track_rules rules;
	uint32_t *order; /* indices of flows, as their packets come */
};

struct bench {
	struct table tables[2]; /* of flows without tracking, and with */
	struct packet packet;   /* in the original direction, right for each of the flows */
	uint32_t walks;
};

static struct packet
packet_of(uint8_t proto, uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct packet){ .kind = PACKET_TRANSPORT,
				.key.proto = proto,
				.tcp_flags = flags,
				.tcp_seq = seq,
				.tcp_ack = ack,
				.tcp_window = 1000,
				.l3_bytes = 46,
				.payload_offset = 46 };
}

/* Opens flow n by a packet of each side and one more, two of them late enough for a UDP stream. */
static uint32_t
flow_make(struct table *table, uint8_t proto, uint32_t n)
{
	const struct packet steps[] = { packet_of(proto, TCP_FLAG_SYN, 0, 0),
					packet_of(proto, TCP_FLAG_SYN | TCP_FLAG_ACK, 100, 1),
					packet_of(proto, TCP_FLAG_ACK, 1, 101) };
	struct flow_key k = { .family = FAMILY_IPV4, .proto = proto, .port = { 1, 443 } };
	enum track_verdict verdict;
	uint32_t index;
	bool created;

	memcpy(k.addr[0], &n, sizeof(n));
	panic_unless(follow_open(&table->rules, table->t, &k,
				 flow_hash(&(struct flow_secret){ { 1 } }, &k), 0, 0, 0, &index,
				 &created) == 0);
	for (unsigned i = 0; i < 3; i++) {
		(void)follow_packet(&table->rules, table->t, index, &steps[i], NULL, i == 1,
				    i * 3000, &verdict);
		panic_unless(verdict != TRACK_INVALID);
	}
	return index;
}

static void
table_make(struct table *table, uint8_t proto, uint32_t flows, enum track_mode mode)
{
	const struct flow_table_options options = {
		.capacity = flows < FLOW_CAPACITY_MIN ? FLOW_CAPACITY_MIN : flows,
		.numa_node = -1,
		.secret = { { 1 } },
	};
	struct random r = { flows };
	uint32_t *made = malloc(flows * sizeof(*made));

	table->rules.mode = mode;
	for (unsigned i = 0; i < TIMER_COUNT; i++)
		table->rules.timeouts.ms[i] = IDLE_MS;
	table->order = malloc(PACKETS * sizeof(*table->order));
	panic_unless(made != NULL && table->order != NULL &&
		     flow_table_create(&options, &table->t) == 0);
	for (uint32_t i = 0; i < flows; i++)
		made[i] = flow_make(table, proto, i);
	for (uint32_t i = 0; i < PACKETS; i++)
		table->order[i] = made[random_next(&r) % flows];
	free(made);
}

static void
table_free(struct table *table)
{
	flow_table_destroy(table->t);
	free(table->order);
}

static uint32_t
expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *rules)
{
	const uint32_t wait_ms = follow_wait_ms(rules, t, index, idle_ms);

	panic_unless(wait_ms > 0); /* none is idle for so long here */
	return wait_ms;
}

/* Follows a burst, whose entries the lookup has fetched; of TCP flows the worker asks for the
 * trackers' lines meanwhile, as here. */
static void
burst_follow(struct table *table, const struct packet *p, const uint32_t *indices, uint32_t now_ms)
{
	enum track_verdict verdict;

	for (uint32_t i = 0; i < BURST; i++)
		(void)follow_packet(&table->rules, table->t, indices[i], p, NULL, 0, now_ms,
				    &verdict);
}

static uint64_t
burst_fetch(const struct table *table, const struct packet *p, const uint32_t *indices)
{
	uint64_t sum = 0;

	for (uint32_t i = 0; i < BURST; i++) {
		__builtin_prefetch(flow_entry_at(table->t, indices[i]));
		if (p->key.proto == PROTO_TCP && table->rules.mode != TRACK_OFF)
			__builtin_prefetch(flow_detail_at(table->t, indices[i]));
	}
	for (uint32_t i = 0; i < BURST; i++)
		sum += flow_entry_at(table->t, indices[i])->key.addr[0][0];
	return sum;
}

/* Cycles per packet: of following alone, or, to see what the walk does, of all that passes. */
static double
measure(struct bench *b, enum way way, bool whole)
{
	struct table *table = &b->tables[way != WAY_OFF];
	uint64_t cycles = 0, begin = clock_cycles(), walked = begin;
	volatile uint64_t sink = 0;

	for (uint32_t at = 0; at < PACKETS; at += BURST) {
		const uint64_t from = clock_cycles();

		sink += burst_fetch(table, &b->packet, &table->order[at]);
		const uint64_t fetched = clock_cycles();

		burst_follow(table, &b->packet, &table->order[at], 9000);
		cycles += clock_cycles() - fetched;
		if (way == WAY_STRICT_WALKED && from - walked >= CYCLES_PER_MS) {
			walked = from;
			b->walks++;
			(void)flow_expire(table->t, 9000, flow_slots(table->t) / PASS_MS + 1,
					  expire, &table->rules);
		}
	}
	(void)sink;
	return (double)(whole ? clock_cycles() - begin : cycles) / PACKETS;
}

static int
by_value(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print_row(bool json, bool *first, const char *proto, uint32_t flows, const char *what, double *s,
	  unsigned rounds)
{
	qsort(s, rounds, sizeof(*s), by_value);
	if (json)
		printf("%s\n  {\"proto\":\"%s\",\"flows\":%u,\"way\":\"%s\",\"median\":%.2f,"
		       "\"least\":%.2f,\"most\":%.2f}",
		       *first ? "" : ",", proto, flows, what, s[rounds / 2], s[0], s[rounds - 1]);
	else
		printf("%-4s %8u  %-34s %7.1f  (%.1f .. %.1f)\n", proto, flows, what, s[rounds / 2],
		       s[0], s[rounds - 1]);
	*first = false;
}

static void
run(uint8_t proto, uint32_t flows, unsigned rounds, bool json, bool *first)
{
	const char *name = proto == PROTO_TCP ? "tcp" : "udp";
	struct bench b = { .packet = packet_of(proto, TCP_FLAG_ACK, 1, 101) };
	double cost[WAYS][ROUNDS_MAX], walk[ROUNDS_MAX], more[ROUNDS_MAX];

	table_make(&b.tables[0], proto, flows, TRACK_OFF);
	table_make(&b.tables[1], proto, flows, TRACK_STRICT);
	for (unsigned way = 0; way < WAYS; way++)
		(void)measure(&b, (enum way)way, false);
	for (unsigned r = 0; r < rounds; r++) {
		/* Who is first changes. */
		for (unsigned i = 0; i < 2; i++) {
			const enum way way = (i + r) % 2 == 0 ? WAY_OFF : WAY_STRICT;

			cost[way][r] = measure(&b, way, false);
		}
		more[r] = cost[WAY_STRICT][r] - cost[WAY_OFF][r];
		const double without = measure(&b, WAY_STRICT, true);
		const double with = measure(&b, WAY_STRICT_WALKED, true);

		walk[r] = 100 * (with / without - 1);
	}
	print_row(json, first, name, flows, way_names[WAY_OFF], cost[WAY_OFF], rounds);
	print_row(json, first, name, flows, way_names[WAY_STRICT], cost[WAY_STRICT], rounds);
	print_row(json, first, name, flows, "strict against off", more, rounds);
	print_row(json, first, name, flows, "what the walk adds, percent", walk, rounds);
	table_free(&b.tables[0]);
	table_free(&b.tables[1]);
}

int
main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1000, 100000, 1000000 };
	const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	const char *wanted = argc > 1 + json ? argv[1 + json] : "9";
	const unsigned rounds = (unsigned)atoi(wanted);
	bool first = true;

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: ./dev bench track [--json] [ROUNDS]   1 to %u rounds, 9\n",
			ROUNDS_MAX);
		return 2;
	}
	printf(json ? "[" : "cycles per packet, bursts of %u, %u rounds; median (least .. most)\n",
	       BURST, rounds);
	for (unsigned i = 0; i < array_length(sizes); i++) {
		run(PROTO_UDP, sizes[i], rounds, json, &first);
		run(PROTO_TCP, sizes[i], rounds, json, &first);
	}
	if (json)
		printf("\n]\n");
	return 0;
}
