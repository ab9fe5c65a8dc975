/* SPDX-License-Identifier: BSD-3-Clause */
/* parse_bench.c: what parsing costs per packet, beside DPDK's rte_net_get_ptype().
 *
 *   bench-parse [--json] [ROUNDS]
 *
 * The same frames, in the same buffers, are given in bursts to parse_burst() with the device's word
 * for their checksums, without it (which adds the sums in software), and to rte_net_get_ptype(),
 * which looks for lengths and types and validates nothing. In cache: a set of frames that the first
 * cache holds, each its own flow. Cold: frames in an order without locality in 64 MiB, prefetched
 * by the burst as rx_burst() does. The rounds of all rows are interleaved, so that what disturbs
 * the machine disturbs all alike; printed are the median and the least and greatest round. */
#include <rte_mbuf.h>
#include <rte_net.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/parse/frames.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "dataplane/parse/parse.h"

#define BURST         32u
#define HOT_FRAMES    128u
#define COLD_FRAMES   (1u << 17)
#define ROUND_PACKETS (1u << 15)
#define ROUNDS_MAX    199u

enum way { WAY_OFFLOADED, WAY_SOFTWARE, WAY_PTYPE, WAYS };
static const char *const way_names[WAYS] = { "offloaded", "software-checksums", "ptype" };

struct set {
	uint32_t count; /* a power of two */
	uint8_t *frames;
	uint32_t *lengths;
	uint32_t position;
};

struct row {
	enum bench_shape shape;
	bool cold;
	enum way way;
	struct set *set;
	double rounds[ROUNDS_MAX];
};

/* Where each way leaves its results, so that none is optimised away. */
static struct packet packets[BURST];
static uint8_t reasons[BURST];
static struct rte_mbuf *mbufs[BURST];
static volatile uint64_t sink;

static void
set_make(struct set *s, enum bench_shape shape, uint32_t count)
{
	*s = (struct set){ .count = count };
	s->frames = aligned_alloc(CACHE_LINE, (size_t)count * BENCH_FRAME_BYTES);
	s->lengths = malloc(count * sizeof(*s->lengths));
	panic_unless(s->frames != NULL && s->lengths != NULL);
	for (uint32_t i = 0; i < count; i++)
		s->lengths[i] =
			bench_frame_make(shape, i, s->frames + (size_t)i * BENCH_FRAME_BYTES);
}

/* The next frame of the set, in an order without locality when it is large. */
static uint32_t
set_next(struct set *s)
{
	s->position = (s->position + (s->count > HOT_FRAMES ? 2147483647u : 1)) & (s->count - 1);
	return s->position;
}

static void
views_fill(struct set *s, enum way way, bool cold, struct parse_view views[BURST])
{
	const unsigned flags =
		way == WAY_OFFLOADED ? PARSE_L3_CHECKSUM_GOOD | PARSE_L4_CHECKSUM_GOOD : 0;

	for (unsigned i = 0; i < BURST; i++) {
		const uint32_t n = set_next(s);

		views[i] = (struct parse_view){ .frame = s->frames + (size_t)n * BENCH_FRAME_BYTES,
						.bytes = s->lengths[n],
						.flags = (uint16_t)flags };
		if (cold)
			__builtin_prefetch(views[i].frame);
	}
}

static void
mbufs_fill(const struct parse_view views[BURST])
{
	for (unsigned i = 0; i < BURST; i++) {
		mbufs[i]->buf_addr = (void *)(uintptr_t)views[i].frame;
		mbufs[i]->data_off = 0;
		mbufs[i]->data_len = (uint16_t)views[i].bytes;
		mbufs[i]->pkt_len = views[i].bytes;
	}
}

/* Returns cycles for the burst. */
static uint64_t
burst_run(enum way way, const struct parse_view views[BURST])
{
	uint64_t begin, sum = 0;

	if (way == WAY_PTYPE) {
		mbufs_fill(views);
		begin = clock_cycles();
		for (unsigned i = 0; i < BURST; i++) {
			struct rte_net_hdr_lens lengths;

			sum += rte_net_get_ptype(mbufs[i], &lengths, RTE_PTYPE_ALL_MASK);
			sum += lengths.l4_len;
		}
		sink = sum;
	} else {
		begin = clock_cycles();
		parse_burst(views, BURST, packets, reasons);
	}
	return clock_cycles() - begin;
}

static double
round_run(struct row *r, uint64_t clock_cost)
{
	uint64_t cycles = 0;

	for (uint32_t done = 0; done < ROUND_PACKETS; done += BURST) {
		struct parse_view views[BURST];

		views_fill(r->set, r->way, r->cold, views);
		cycles += burst_run(r->way, views) - clock_cost;
		if (r->way != WAY_PTYPE)
			for (unsigned i = 0; i < BURST; i++)
				panic_unless(reasons[i] == DROP_NONE);
	}
	return (double)cycles / ROUND_PACKETS;
}

/* Cycles that reading the clock twice takes by itself: the least of many. */
static uint64_t
clock_cost_measure(void)
{
	uint64_t least = UINT64_MAX;

	for (unsigned i = 0; i < 10000; i++) {
		const uint64_t begin = clock_cycles(), cost = clock_cycles() - begin;

		least = cost < least ? cost : least;
	}
	return least;
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
		printf("{\"shape\":\"%s\",\"cache\":\"%s\",\"way\":\"%s\",\"median\":%.2f,"
		       "\"least\":%.2f,\"most\":%.2f}%s\n",
		       bench_shape_names[r->shape], r->cold ? "cold" : "hot", way_names[r->way],
		       median, least, most, last ? "" : ",");
	else
		printf("%-20s %-5s %-19s %7.1f %7.1f %7.1f\n", bench_shape_names[r->shape],
		       r->cold ? "cold" : "hot", way_names[r->way], median, least, most);
}

static void
mbufs_make(void)
{
	for (unsigned i = 0; i < BURST; i++) {
		mbufs[i] = aligned_alloc(CACHE_LINE, sizeof(struct rte_mbuf));
		panic_unless(mbufs[i] != NULL);
		memset(mbufs[i], 0, sizeof(struct rte_mbuf));
		mbufs[i]->nb_segs = 1;
	}
}

int
main(int argc, char *argv[])
{
	static struct set sets[SHAPES][2];
	static struct row rows[SHAPES * 2 * WAYS];
	const bool json = argc > 1 && strcmp(argv[1], "--json") == 0;
	const char *rounds_text = argc > 1 + json ? argv[1 + json] : "21";
	const unsigned long rounds = strtoul(rounds_text, NULL, 10);
	const uint64_t clock_cost = clock_cost_measure();

	if (rounds < 1 || rounds > ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-parse [--json] [ROUNDS], 1 to %u\n", ROUNDS_MAX);
		return 2;
	}
	mbufs_make();
	for (unsigned i = 0; i < array_length(rows); i++) {
		struct row *r = &rows[i];

		*r = (struct row){ .shape = i / (2 * WAYS), .cold = i / WAYS % 2, .way = i % WAYS };
		r->set = &sets[r->shape][r->cold];
		if (r->way == 0)
			set_make(r->set, r->shape, r->cold ? COLD_FRAMES : HOT_FRAMES);
	}
	/* The first round warms up and is not kept. */
	for (unsigned n = 0; n <= rounds; n++)
		for (unsigned i = 0; i < array_length(rows); i++)
			rows[i].rounds[n == 0 ? 0 : n - 1] = round_run(&rows[i], clock_cost);
	if (json)
		puts("[");
	else
		printf("cycles per packet, bursts of %u, %lu rounds\n%-20s %-5s %-19s %7s %7s "
		       "%7s\n",
		       BURST, rounds, "shape", "cache", "way", "median", "least", "most");
	for (unsigned i = 0; i < array_length(rows); i++) {
		qsort(rows[i].rounds, rounds, sizeof(double), double_order);
		row_print(&rows[i], (unsigned)rounds, json, i + 1 == array_length(rows));
	}
	if (json)
		puts("]");
	return 0;
}
