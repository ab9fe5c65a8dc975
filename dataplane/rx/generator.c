/* SPDX-License-Identifier: BSD-3-Clause */
/* generator.c: fills the buffers of a receive burst with frames that have arrived by now. */
#include "dataplane/rx/generator.h"

#include <errno.h>
#include <math.h>
#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "dataplane/rx/pace.h"

#define CHECK_BYTES  4 /* the frame check sequence, which no buffer holds */
#define ORDER_LENGTH (1u << 22)
#define IMIX_LENGTH  12
/* Numbers of flows that are not the lasting ones. */
#define OPENING_FIRST GENERATOR_FLOWS_MAX
#define FLOOD_FIRST   (1u << 31)

/* RFC 6985 writes this "genome" as 7 of a, 4 of b, 1 of c; mixed, so that no burst is all small. */
static const uint16_t imix[IMIX_LENGTH] = { 64, 594, 64, 64, 594, 64, 64, 594, 64, 1518, 594, 64 };

struct generator {
	struct frame_maker maker;
	struct generator_options options;
	struct generator_queue queue;
	struct generator_shared *shared;
	const struct rte_eth_rxtx_callback *callback;
	struct pace lasting, opening, flood;
	uint64_t number;   /* of the next frame */
	uint32_t flows;    /* of this queue */
	uint32_t at, step; /* alike popular: a walk that meets each flow once per turn */
	uint32_t *order;   /* else: ORDER_LENGTH flows in the order to be taken */
	uint32_t opened, flooded;
	uint32_t size_at;
};

static uint32_t
gcd(uint32_t a, uint32_t b)
{
	while (b != 0) {
		const uint32_t rest = a % b;

		a = b;
		b = rest;
	}
	return a;
}

/* A step near the golden section of n and prime to it: neighbours in time are far apart. */
static uint32_t
walk_step(uint32_t n)
{
	uint32_t step = (uint32_t)((double)n * 0.6180339887);

	while (step < 1 || gcd(n, step) != 1)
		step++;
	return step;
}

static int
order_fill(struct generator *g)
{
	double *share, total = 0;
	uint32_t state = g->queue.queue;

	g->order = malloc(ORDER_LENGTH * sizeof(*g->order));
	share = malloc(g->flows * sizeof(*share));
	if (g->order == NULL || share == NULL) {
		free(share);
		return -ENOMEM;
	}
	for (uint32_t i = 0; i < g->flows; i++) {
		total += pow(i + 1, -(double)g->options.zipf / 100);
		share[i] = total;
	}
	for (uint32_t i = 0; i < ORDER_LENGTH; i++) {
		uint32_t low = 0, high = g->flows - 1;

		state = state * 1664525 + 1013904223;
		while (low < high) {
			const uint32_t middle = low + (high - low) / 2;

			if (share[middle] < total * state / 4294967296.0)
				low = middle + 1;
			else
				high = middle;
		}
		g->order[i] = low;
	}
	free(share);
	return 0;
}

static uint32_t
lasting_flow(struct generator *g)
{
	uint32_t flow;

	if (g->order != NULL) {
		flow = g->order[g->at];
		g->at = (g->at + 1) % ORDER_LENGTH;
		return flow;
	}
	flow = g->at;
	g->at += g->step;
	g->at -= g->at >= g->flows ? g->flows : 0;
	return flow;
}

static bool
is_ipv6(const struct generator *g, uint32_t flow)
{
	return flow % 100 < g->options.ipv6_percent;
}

static uint16_t
frame_bytes(struct generator *g)
{
	const uint16_t bytes = g->options.bytes;

	if (bytes != GENERATOR_IMIX)
		return bytes - CHECK_BYTES;
	g->size_at = g->size_at + 1 == IMIX_LENGTH ? 0 : g->size_at + 1;
	return imix[g->size_at] - CHECK_BYTES;
}

/* Has no cache keep a line. */
static inline void
line_evict(const void *line)
{
#if defined(__x86_64__)
	__builtin_ia32_clflush(line);
#elif defined(__aarch64__)
	__asm__ volatile("dc civac, %0" ::"r"(line) : "memory");
#else
#error "no way known to evict a cache line on this processor"
#endif
}

static void
frame_put(struct generator *g, struct rte_mbuf *m, enum frame_kind kind, uint32_t flow,
	  uint64_t arrival)
{
	uint8_t *out = rte_pktmbuf_mtod(m, uint8_t *);
	/* Queues share the flows of each kind out among them: one flow stays on one queue. */
	const uint32_t named = flow * g->queue.queues + g->queue.queue;
	const uint16_t bytes = frame_maker_write(&g->maker, kind, is_ipv6(g, named), named,
						 g->number++, arrival, frame_bytes(g), out);

	m->data_len = bytes;
	m->pkt_len = bytes;
	if (g->options.checksums_verified)
		m->ol_flags |= RTE_MBUF_F_RX_IP_CKSUM_GOOD | RTE_MBUF_F_RX_L4_CKSUM_GOOD;
	if (g->options.cold)
		for (uint16_t i = 0; i < bytes; i += CACHE_LINE)
			line_evict(out + i);
}

static void
add(_Atomic uint64_t *word, uint64_t n)
{
	atomic_store_explicit(word, atomic_load_explicit(word, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static void
rates_adopt(struct generator *g, uint64_t now)
{
	struct generator_shared *s = g->shared;
	const uint64_t hz = g->queue.hz;

	pace_set(&g->lasting, atomic_load_explicit(&s->packets, memory_order_relaxed), hz, now);
	pace_set(&g->opening, atomic_load_explicit(&s->new_flows, memory_order_relaxed), hz, now);
	pace_set(&g->flood, atomic_load_explicit(&s->syns, memory_order_relaxed), hz, now);
}

/* Writes the frames that have arrived, of each kind what its rate gives. Returns how many. */
static uint16_t
frames_put(struct generator *g, struct rte_mbuf **mbufs, uint16_t n, uint64_t now)
{
	const enum frame_kind lasting = g->options.tcp ? FRAME_TCP : FRAME_UDP;
	const enum frame_kind opening = g->options.tcp ? FRAME_SYN : FRAME_UDP;
	const bool flat_out = g->lasting.rate == 0;
	uint64_t arrival = now;
	uint16_t i = 0;

	while (i < n) {
		const uint16_t before = i;

		if (pace_take(&g->flood, now, &arrival))
			frame_put(g, mbufs[i++], FRAME_SYN, FLOOD_FIRST + g->flooded++, arrival);
		if (i < n && pace_take(&g->opening, now, &arrival))
			frame_put(g, mbufs[i++], opening, OPENING_FIRST + g->opened++, arrival);
		if (i < n && (flat_out || pace_take(&g->lasting, now, &arrival)))
			frame_put(g, mbufs[i++], lasting, lasting_flow(g),
				  flat_out ? now : arrival);
		if (i == before)
			break;
	}
	return i;
}

static uint16_t
on_burst(uint16_t ethdev, uint16_t queue, struct rte_mbuf **mbufs, uint16_t n, uint16_t max,
	 void *generator)
{
	struct generator *g = generator;
	const uint64_t now = clock_cycles();
	uint64_t bytes = 0, missed;
	uint16_t filled;

	(void)ethdev;
	(void)max;
	rates_adopt(g, now);
	filled = frames_put(g, mbufs, n, now);
	if (filled < n)
		rte_pktmbuf_free_bulk(mbufs + filled, n - filled);
	missed = pace_overflow(&g->lasting, now, g->queue.room) +
		 pace_overflow(&g->opening, now, g->queue.room) +
		 pace_overflow(&g->flood, now, g->queue.room);
	for (uint16_t i = 0; i < filled; i++)
		bytes += mbufs[i]->pkt_len;
	add(&g->shared->queues[queue].packets, filled);
	add(&g->shared->queues[queue].bytes, bytes);
	if (missed != 0)
		add(&g->shared->queues[queue].missed, missed);
	return filled;
}

int
generator_create(const struct generator_options *options, const struct frame_maker_ends *ends,
		 const struct generator_queue *queue, struct generator_shared *shared,
		 struct generator **out)
{
	struct generator *g = calloc(1, sizeof(*g));
	int error = 0;

	if (g == NULL)
		return -ENOMEM;
	g->options = *options;
	g->queue = *queue;
	g->shared = shared;
	g->flows = (options->flows + queue->queues - 1 - queue->queue) / queue->queues;
	frame_maker_init(&g->maker, ends);
	if (g->flows == 0)
		g->flows = 1;
	g->step = walk_step(g->flows);
	if (options->zipf != 0)
		error = order_fill(g);
	if (error == 0) {
		g->callback = rte_eth_add_rx_callback(queue->ethdev, queue->queue, on_burst, g);
		error = g->callback == NULL ? -ENOTSUP : 0;
	}
	if (error != 0) {
		generator_destroy(g);
		return error;
	}
	*out = g;
	return 0;
}

void
generator_destroy(struct generator *g)
{
	if (g == NULL)
		return;
	if (g->callback != NULL)
		rte_eth_remove_rx_callback(g->queue.ethdev, g->queue.queue, g->callback);
	free(g->order);
	free(g);
}
