/* SPDX-License-Identifier: BSD-3-Clause */
/* parse_bench.c: what parsing costs per packet, beside DPDK's rte_net_get_ptype().
 *
 *   bench-parse [--json] [ROUNDS [SHAPE...]]
 *
 * The same frames, in the same buffers, are given in bursts to parse_burst() with the device's word
 * for their checksums, without it (which adds the sums in software), and to rte_net_get_ptype(),
 * which looks for lengths and types and validates nothing. In cache: a set of frames that the first
 * cache holds, each its own flow. Cold: frames in an order without locality in 16 MiB, prefetched
 * by the burst as rx_burst() does. A round of each way follows that of the others, so that what
 * disturbs the machine disturbs all alike. Printed are the median, the quartiles, and the median of
 * the ratios to rte_net_get_ptype() in the same round. */
#include <rte_mbuf.h>
#include <rte_net.h>
#include <stdio.h>
#include <stdlib.h>

#include "bench/parse/frames.h"
#include "common/base/check.h"
#include "common/base/clock.h"
#include "dataplane/parse/parse.h"

#define HOT_FRAMES     128u
#define COLD_FRAMES    (1u << 17)
#define ROUND_PACKETS  (1u << 15)
#define ROUNDS_MAX     199u
#define ROUNDS_DEFAULT 21u

enum way { WAY_OFFLOADED, WAY_SOFTWARE, WAY_PTYPE, WAYS };
static const char *const way_names[WAYS] = { "offloaded", "software", "ptype" };
static const unsigned bursts[] = { 32, BURST_MAX };

struct set {
	uint32_t count; /* a power of two */
	uint8_t *frames;
	uint32_t *lengths;
	uint32_t position;
};

/* One line of the output: each way over the same frames. */
struct row {
	enum bench_shape shape;
	bool cold;
	unsigned burst;
	struct set *set;
	double cycles[WAYS][ROUNDS_MAX]; /* per packet */
	double ratio[WAYS][ROUNDS_MAX];  /* to WAY_PTYPE in that round */
};

/* Where each way leaves its results, so that none is optimised away. */
static struct packet packets[BURST_MAX];
static uint8_t reasons[BURST_MAX];
static struct rte_mbuf *mbufs[BURST_MAX];
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
views_fill(const struct row *r, enum way way, struct parse_view views[BURST_MAX])
{
	const unsigned flags =
		way == WAY_OFFLOADED ? PARSE_L3_CHECKSUM_GOOD | PARSE_L4_CHECKSUM_GOOD : 0;

	for (unsigned i = 0; i < r->burst; i++) {
		const uint32_t n = set_next(r->set);

		views[i] = (struct parse_view){ .frame = r->set->frames +
							 (size_t)n * BENCH_FRAME_BYTES,
						.bytes = r->set->lengths[n],
						.flags = (uint16_t)flags };
		if (r->cold)
			__builtin_prefetch(views[i].frame);
	}
}

static void
mbufs_fill(const struct parse_view views[BURST_MAX], unsigned burst)
{
	for (unsigned i = 0; i < burst; i++) {
		mbufs[i]->buf_addr = (void *)(uintptr_t)views[i].frame;
		mbufs[i]->data_off = 0;
		mbufs[i]->data_len = (uint16_t)views[i].bytes;
		mbufs[i]->pkt_len = views[i].bytes;
	}
}

/* Returns cycles for the burst. */
static uint64_t
burst_run(enum way way, const struct parse_view views[BURST_MAX], unsigned burst)
{
	uint64_t begin, sum = 0;

	if (way != WAY_PTYPE) {
		begin = clock_cycles();
		parse_burst(views, burst, packets, reasons);
		return clock_cycles() - begin;
	}
	mbufs_fill(views, burst);
	begin = clock_cycles();
	for (unsigned i = 0; i < burst; i++) {
		struct rte_net_hdr_lens lengths;

		sum += rte_net_get_ptype(mbufs[i], &lengths, RTE_PTYPE_ALL_MASK);
		sum += lengths.l4_len;
	}
	sink = sum;
	return clock_cycles() - begin;
}

/* Returns cycles per packet. */
static double
round_run(const struct row *r, enum way way, uint64_t clock_cost)
{
	uint64_t cycles = 0;

	for (uint32_t done = 0; done < ROUND_PACKETS; done += r->burst) {
		struct parse_view views[BURST_MAX];

		views_fill(r, way, views);
		cycles += burst_run(way, views, r->burst) - clock_cost;
		for (unsigned i = 0; way != WAY_PTYPE && i < r->burst; i++)
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

/* The first round warms up and is not kept. */
static void
rows_run(struct row *rows, unsigned count, unsigned rounds)
{
	const uint64_t clock_cost = clock_cost_measure();

	for (unsigned i = 0; i < count * (rounds + 1); i++) {
		struct row *r = &rows[i % count];
		const unsigned n = i < count ? 0 : i / count - 1;

		for (unsigned way = 0; way < WAYS; way++)
			r->cycles[way][n] = round_run(r, way, clock_cost);
		for (unsigned way = 0; way < WAYS; way++)
			r->ratio[way][n] = r->cycles[way][n] / r->cycles[WAY_PTYPE][n];
	}
}

static int
double_order(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
row_sort(struct row *r, unsigned rounds)
{
	for (unsigned way = 0; way < WAYS; way++) {
		qsort(r->cycles[way], rounds, sizeof(double), double_order);
		qsort(r->ratio[way], rounds, sizeof(double), double_order);
	}
}

static void
row_print(const struct row *r, unsigned rounds)
{
	printf("%-18s %-5s %5u", bench_shape_names[r->shape], r->cold ? "cold" : "hot", r->burst);
	for (unsigned way = 0; way < WAYS; way++) {
		const double *c = r->cycles[way];

		printf("  %6.1f (%5.1f %5.1f)", c[rounds / 2], c[rounds / 4], c[rounds * 3 / 4]);
		if (way != WAY_PTYPE)
			printf(" %4.2f", r->ratio[way][rounds / 2]);
	}
	putchar('\n');
}

static void
row_print_json(const struct row *r, unsigned rounds, bool last)
{
	for (unsigned way = 0; way < WAYS; way++) {
		const double *c = r->cycles[way];

		printf("{\"shape\":\"%s\",\"cache\":\"%s\",\"burst\":%u,\"way\":\"%s\","
		       "\"median\":%.2f,\"quartiles\":[%.2f,%.2f],\"least\":%.2f,\"most\":%.2f,"
		       "\"ratio\":%.3f}%s\n",
		       bench_shape_names[r->shape], r->cold ? "cold" : "hot", r->burst,
		       way_names[way], c[rounds / 2], c[rounds / 4], c[rounds * 3 / 4], c[0],
		       c[rounds - 1], r->ratio[way][rounds / 2],
		       last && way + 1 == WAYS ? "" : ",");
	}
}

static void
rows_print(struct row *rows, unsigned count, unsigned rounds, bool json)
{
	if (json)
		puts("[");
	else
		printf("cycles per packet: median of %u rounds (quartiles), ratio to ptype\n"
		       "%-18s %-5s %5s  %-26s  %-26s  %s\n",
		       rounds, "shape", "cache", "burst", way_names[WAY_OFFLOADED],
		       way_names[WAY_SOFTWARE], way_names[WAY_PTYPE]);
	for (unsigned i = 0; i < count; i++) {
		row_sort(&rows[i], rounds);
		if (json)
			row_print_json(&rows[i], rounds, i + 1 == count);
		else
			row_print(&rows[i], rounds);
	}
	if (json)
		puts("]");
}

static void
mbufs_make(void)
{
	for (unsigned i = 0; i < BURST_MAX; i++) {
		mbufs[i] = aligned_alloc(CACHE_LINE, sizeof(struct rte_mbuf));
		panic_unless(mbufs[i] != NULL);
		memset(mbufs[i], 0, sizeof(struct rte_mbuf));
		mbufs[i]->nb_segs = 1;
	}
}

static bool
shape_is_named(enum bench_shape shape, int names_count, char *names[])
{
	for (int i = 0; i < names_count; i++)
		if (strcmp(names[i], bench_shape_names[shape]) == 0)
			return true;
	return names_count == 0;
}

/* The rows of the shapes that are named, of all without names; returns how many. */
static unsigned
rows_make(struct row *rows, int names_count, char *names[])
{
	static struct set sets[SHAPES][2];
	unsigned count = 0;

	for (unsigned shape = 0; shape < SHAPES; shape++) {
		if (!shape_is_named(shape, names_count, names))
			continue;
		for (unsigned cold = 0; cold < 2; cold++) {
			struct set *set = &sets[shape][cold];

			set_make(set, shape, cold ? COLD_FRAMES : HOT_FRAMES);
			for (unsigned i = 0; i < array_length(bursts); i++)
				rows[count++] = (struct row){
					.shape = shape, .cold = cold, .burst = bursts[i], .set = set
				};
		}
	}
	return count;
}

int
main(int argc, char *argv[])
{
	static struct row rows[SHAPES * 2 * array_length(bursts)];
	const int json = argc > 1 && strcmp(argv[1], "--json") == 0;
	const unsigned long rounds =
		argc > 1 + json ? strtoul(argv[1 + json], NULL, 10) : ROUNDS_DEFAULT;
	const int names = argc > 2 + json ? argc - 2 - json : 0;
	unsigned count;

	if (rounds < 1 || rounds > ROUNDS_MAX ||
	    (count = rows_make(rows, names, argv + 2 + json)) == 0) {
		fprintf(stderr,
			"usage: bench-parse [--json] [ROUNDS [SHAPE...]]; ROUNDS: 1 to %u; "
			"SHAPE:",
			ROUNDS_MAX);
		for (unsigned i = 0; i < SHAPES; i++)
			fprintf(stderr, " %s", bench_shape_names[i]);
		fputc('\n', stderr);
		return 2;
	}
	mbufs_make();
	rows_run(rows, count, (unsigned)rounds);
	rows_print(rows, count, (unsigned)rounds, json);
	return 0;
}
