/* SPDX-License-Identifier: BSD-3-Clause */
/* ephemeral_bench.c: what a connected socket costs control: its choice of port, and its release.
 *
 *   bench-ephemeral [--json] [ROUNDS]
 *
 * A table of connected sockets is filled until a share of the ephemeral range (49152-65535) of each
 * remote is taken. Then one socket, picked at random, is closed and one to the same remote opened,
 * again and again; freed entries are given back every 64 sockets, as if workers had passed. Before
 * it is measured each table sees two such pairs per socket, so that free ports lie as such use
 * leaves them. The rounds of all rows are interleaved; printed are the median and the least and
 * greatest round, in nanoseconds for one opening and one closing, and the median as a rate. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/connect/connect.h"

#define FIRST       49152u
#define LAST        65535u
#define SPAN        (LAST - FIRST + 1)
#define ROUND_PAIRS (1u << 16)
#define LIMBO_PAIRS 64u
#define ROUNDS_MAX  99u

struct row {
	const char *name;
	uint32_t remotes, percent;
	bool wanted; /* answers arrive at one of two workers */
	uint8_t proto;
	struct connect_table *table;
	uint32_t sockets;
	uint32_t *ids;
	uint64_t random;
	uint32_t now_ms;
	double rounds[ROUNDS_MAX];
};

/* In quarantine, as many TCP sockets again as are open: the clock moves with the pairs. */
static struct row rows[] = {
	{ "empty", 1, 0, false, PROTO_UDP, .random = 1 },
	{ "half", 1, 50, false, PROTO_UDP, .random = 2 },
	{ "90 %", 1, 90, false, PROTO_UDP, .random = 3 },
	{ "99 %", 1, 99, false, PROTO_UDP, .random = 4 },
	{ "90 %, 8 remotes", 8, 90, false, PROTO_UDP, .random = 5 },
	{ "45 %, 8 remotes, owner wanted", 8, 45, true, PROTO_UDP, .random = 6 },
	{ "45 %, 8 remotes, 45 % quarantine", 8, 45, false, PROTO_TCP, .random = 7 },
	{ "90 %, 64 remotes", 64, 90, false, PROTO_UDP, .random = 8 },
};

static uint32_t
random_below(struct row *r, uint32_t bound)
{
	uint64_t x = r->random += 0x9e3779b97f4a7c15u;

	x = (x ^ x >> 30) * 0xbf58476d1ce4e5b9u;
	x = (x ^ x >> 27) * 0x94d049bb133111ebu;
	x ^= x >> 31;
	return (uint32_t)(((x >> 32) * bound) >> 32);
}

static uint32_t
socket_open(struct row *r, uint32_t n)
{
	const uint32_t remote = n % r->remotes;
	struct connect_request q = {
		.key = { .family = FAMILY_IPV4, .proto = r->proto, .port = { 0, 443 } },
		.port = port_ref_make(1, 1),
		.first = FIRST,
		.last = LAST,
		.worker = r->wanted ? 1 : CONNECT_WORKER_ANY
	};
	struct connect_opened o;

	memcpy(q.key.addr[0], "\xc0\x00\x02\x01", 4);
	memcpy(q.key.addr[1], "\xc6\x33\x64", 3);
	q.key.addr[1][3] = (uint8_t)(1 + remote);
	panic_unless(connect_open(r->table, &q, &o) == 0);
	return o.id;
}

/* One socket closed and one opened. Nothing is open in the row without any, where it is the other
 * way round. */
static void
pair_run(struct row *r, uint32_t n)
{
	if (r->sockets == 0) {
		connect_close(r->table, socket_open(r, n), r->now_ms);
	} else {
		const uint32_t i = random_below(r, r->sockets);

		connect_close(r->table, r->ids[i], r->now_ms);
		r->ids[i] = socket_open(r, i);
	}
	if (n % LIMBO_PAIRS != 0)
		return;
	(void)connect_step(r->table, r->now_ms);
	if (connect_limbo_close(r->table))
		connect_limbo_free(r->table);
	r->now_ms++;
}

static void
row_fill(struct row *r)
{
	const uint32_t sockets = (uint32_t)((uint64_t)SPAN * r->percent / 100) * r->remotes;
	struct connect_options o = { .capacity = (r->proto == PROTO_TCP ? 2 : 1) * sockets +
						 FLOW_CAPACITY_MIN,
				     .quarantine_ms = sockets / LIMBO_PAIRS,
				     .workers = 2 };

	panic_unless(getrandom(&o.secret, sizeof(o.secret), 0) == sizeof(o.secret));
	panic_unless(getrandom(o.choice_key, sizeof(o.choice_key), 0) == sizeof(o.choice_key));
	panic_unless(connect_table_create(&o, &r->table) == 0);
	r->ids = malloc((sockets + 1) * sizeof(*r->ids));
	panic_unless(r->ids != NULL);
	for (uint32_t i = 0; i < sockets; i++)
		r->ids[i] = socket_open(r, i);
	r->sockets = sockets;
	for (uint32_t n = 0; n < 2 * sockets; n++)
		pair_run(r, n);
}

static double
round_run(struct row *r)
{
	struct timespec begin, end;

	clock_gettime(CLOCK_MONOTONIC, &begin);
	for (uint32_t n = 0; n < ROUND_PAIRS; n++)
		pair_run(r, n);
	clock_gettime(CLOCK_MONOTONIC, &end);
	return ((double)(end.tv_sec - begin.tv_sec) * 1e9 + (double)(end.tv_nsec - begin.tv_nsec)) /
	       ROUND_PAIRS;
}

static int
double_order(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
row_print(struct row *r, unsigned rounds, bool json, bool last)
{
	const double least = r->rounds[0], median = r->rounds[rounds / 2];
	const double most = r->rounds[rounds - 1];

	if (json)
		printf("{\"case\":\"%s\",\"sockets\":%u,\"median_ns\":%.1f,\"least_ns\":%.1f,"
		       "\"most_ns\":%.1f,\"pairs_per_second\":%.0f}%s\n",
		       r->name, r->sockets, median, least, most, 1e9 / median, last ? "" : ",");
	else
		printf("%-32s %8u %9.1f %8.1f %8.1f %7.2f\n", r->name, r->sockets, median, least,
		       most, 1e3 / median);
}

int
main(int argc, char *argv[])
{
	const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	const char *rounds_text = argc > 1 + json ? argv[1 + json] : "9";
	const unsigned long rounds = strtoul(rounds_text, NULL, 10);

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-ephemeral [--json] [ROUNDS], 1 to %u\n", ROUNDS_MAX);
		return 2;
	}
	for (unsigned i = 0; i < array_length(rows); i++)
		row_fill(&rows[i]);
	/* The first round warms up and is not kept. */
	for (unsigned n = 0; n <= rounds; n++)
		for (unsigned i = 0; i < array_length(rows); i++)
			rows[i].rounds[n == 0 ? 0 : n - 1] = round_run(&rows[i]);
	if (json)
		puts("[");
	else
		printf("opening and closing one connected socket, %lu rounds of %u\n%-32s %8s %9s "
		       "%8s %8s %7s\n",
		       rounds, ROUND_PAIRS, "share of each remote's ports", "sockets", "median ns",
		       "least", "most", "M/s");
	for (unsigned i = 0; i < array_length(rows); i++) {
		qsort(rows[i].rounds, rounds, sizeof(double), double_order);
		row_print(&rows[i], (unsigned)rounds, json, i + 1 == array_length(rows));
		free(rows[i].ids);
		connect_table_destroy(rows[i].table);
	}
	if (json)
		puts("]");
	return 0;
}
