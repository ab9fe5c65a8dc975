/* SPDX-License-Identifier: BSD-3-Clause */
/* test_rx_generator.c: packets that a nic makes itself: their bytes, their order, their rate. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <rte_eal.h>
#include <rte_ethdev.h>
#include <rte_malloc.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "dataplane/parse/parse.h"
#include "dataplane/rx/generator.h"
#include "dataplane/rx/pace.h"

#define FLOWS 1000

static const struct frame_maker_ends ends = {
	.mac = { 2, 0, 0, 0, 0, 7 },
	.addr = { { 192, 0, 2, 10 }, { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 } },
	.port_first = 9000,
	.port_last = 9003,
};

/* Goal: each kind, family and size is a sound packet with its mark, to the nic's address, also
 * where a checksum comes out as zero. Method: berth's parser, checksums on; marks of all bits;
 * every number of a range longer than the values of a 16-bit sum. */
Test(generator, frames_are_sound)
{
	static struct frame_maker m;
	static uint8_t out[FRAME_MAKER_BYTES_MAX];
	const uint16_t sizes[] = { 60, 61, 78, 590, 1513, 1514 };
	struct packet p;

	frame_maker_init(&m, &ends);
	for (unsigned kind = 0; kind < FRAME_KINDS; kind++) {
		for (unsigned six = 0; six < 2; six++) {
			for (unsigned s = 0; s < array_length(sizes); s++) {
				const uint16_t n =
					frame_maker_write(&m, kind, six, 70000001, UINT64_MAX - s,
							  UINT64_MAX, sizes[s], out);

				cr_assert(ge(u16, n, sizes[s]));
				cr_assert(le(u16, n, sizes[s] < 90 ? 90 : sizes[s]));
				cr_assert(eq(u32, parse_frame(out, n, 0, 0, &p), DROP_NONE),
					  "kind %u family %u bytes %u", kind, six, sizes[s]);
				cr_expect(zero(int, memcmp(out, ends.mac, 6)));
				cr_expect(zero(
					int, memcmp(p.key.addr[1], ends.addr[six], six ? 16 : 4)));
				cr_expect(eq(u16, p.key.port[1], 9001));
			}
		}
	}
	for (uint64_t number = 0; number < 70000; number++) {
		const uint16_t n = frame_maker_write(&m, FRAME_UDP, false, 1, number, 0, 60, out);

		cr_assert(eq(u32, parse_frame(out, n, 0, 0, &p), DROP_NONE), "number %u",
			  (unsigned)number);
		cr_assert(zero(int, memcmp(out + 42, &number, sizeof(number))));
	}
}

/* Goal: a steady stream has exactly its packets, arrivals a whole interval apart; what a full queue
 * cannot take is told; a new rate begins now. Method: a counter that jumps about. */
Test(generator, pace)
{
	const uint64_t hz = 2000000000, start = 12345;
	struct pace p = { 0 };
	uint64_t arrival = 0, before = 0, n = 0;

	cr_expect(zero(int, pace_take(&p, start, &arrival)));
	pace_set(&p, 1000000, hz, start);
	for (uint64_t now = start; now < start + hz / 100; now += 1 + now % 777) {
		pace_set(&p, 1000000, hz, now);
		while (pace_take(&p, now, &arrival)) {
			cr_assert(le(u64, arrival, now));
			cr_assert(n == 0 || arrival - before == 2000);
			before = arrival;
			n++;
		}
	}
	cr_expect(eq(u64, n, 10000));
	/* 64 more wait by then, and there is room for 10. */
	const uint64_t later = before + 64 * 2000;

	cr_expect(eq(u64, pace_overflow(&p, later, 64), 0));
	cr_expect(eq(u64, pace_overflow(&p, later, 10), 54));
	cr_expect(eq(u64, pace_overflow(&p, later, 10), 0));
	for (n = 0; pace_take(&p, later, &arrival); n++)
		;
	cr_expect(eq(u64, n, 10));
	pace_set(&p, 0, hz, later);
	cr_expect(zero(int, pace_take(&p, later + hz, &arrival)));
	pace_set(&p, 1, hz, later + hz);
	cr_expect(eq(int, pace_take(&p, later + hz, &arrival), 1));
	cr_expect(zero(int, pace_take(&p, later + 2 * hz - 1, &arrival)));
}

static void
eal_setup(void)
{
	char *argv[] = {
		"test", "--no-huge",    "--no-shconf",       "--no-pci",         "--no-telemetry",
		"-m64", "--lcores=0@0", "--log-level=error", "--vdev=net_null0", NULL
	};

	cr_assert(ge(int, rte_eal_init(array_length(argv) - 1, argv), 0));
}

struct device {
	struct rte_mempool *pool;
	struct generator_shared *shared;
	struct generator *generators[2];
	uint16_t ethdev;
};

static struct device
device_make(const struct generator_options *o, uint16_t queues)
{
	const struct rte_eth_conf conf = { 0 };
	struct device d = { .shared = rte_zmalloc("shared", sizeof(*d.shared), CACHE_LINE) };

	d.pool = rte_pktmbuf_pool_create("pool", 1023, 0, 0, 2048, SOCKET_ID_ANY);
	cr_assert(d.pool != NULL && d.shared != NULL);
	cr_assert(zero(int, rte_eth_dev_get_port_by_name("net_null0", &d.ethdev)));
	cr_assert(zero(int, rte_eth_dev_configure(d.ethdev, queues, 1, &conf)));
	cr_assert(zero(int, rte_eth_tx_queue_setup(d.ethdev, 0, 64, 0, NULL)));
	for (uint16_t q = 0; q < queues; q++) {
		const struct generator_queue queue = { d.ethdev, q, queues, 64, 1000000000 };

		cr_assert(zero(int, rte_eth_rx_queue_setup(d.ethdev, q, 64, 0, NULL, d.pool)));
		cr_assert(
			zero(int, generator_create(o, &ends, &queue, d.shared, &d.generators[q])));
	}
	cr_assert(zero(int, rte_eth_dev_start(d.ethdev)));
	return d;
}

static void
device_end(struct device *d)
{
	rte_eth_dev_stop(d->ethdev);
	for (unsigned q = 0; q < array_length(d->generators); q++)
		generator_destroy(d->generators[q]);
	cr_expect(eq(u32, rte_mempool_avail_count(d->pool), 1023), "no buffer is lost");
	rte_eth_dev_close(d->ethdev);
	rte_free(d->shared);
	rte_mempool_free(d->pool);
}

/* The number of the flow of a frame: what frame_maker_write() made source address and port from. */
static uint32_t
flow_of(const struct rte_mbuf *m)
{
	struct packet p;

	cr_assert(eq(u32, parse_frame(rte_pktmbuf_mtod(m, uint8_t *), m->data_len, 0, 0, &p),
		     DROP_NONE));
	if (p.key.family == FAMILY_IPV6)
		return be32_load(p.key.addr[0] + 12) | (uint32_t)(p.key.port[0] - 1024) << 17;
	return (be32_load(p.key.addr[0]) - (198u << 24 | 18u << 16)) |
	       (uint32_t)(p.key.port[0] - 1024) << 17;
}

/* Counts the flows of `packets` packets of a queue. */
static void
take(struct device *d, uint16_t queue, uint32_t packets, uint32_t *seen, uint32_t flows)
{
	struct rte_mbuf *m[50];

	while (packets > 0) {
		const uint16_t n =
			rte_eth_rx_burst(d->ethdev, queue, m, packets < 50 ? packets : 50);

		cr_assert(gt(u16, n, 0));
		for (uint16_t i = 0; i < n; i++) {
			const uint32_t flow = flow_of(m[i]);

			cr_assert(lt(u32, flow, flows));
			cr_assert(ne(u64, m[i]->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_GOOD, 0));
			cr_assert(eq(u32, m[i]->pkt_len, m[i]->data_len));
			seen[flow]++;
		}
		rte_pktmbuf_free_bulk(m, n);
		packets -= n;
	}
}

static struct generator_options
options(void)
{
	return (struct generator_options){ .flows = FLOWS,
					   .bytes = 64,
					   .port_first = 9000,
					   .port_last = 9003,
					   .checksums_verified = true };
}

/* Goal: alike popular flows come once per turn each, and each on one queue of two. Method: both
 * families mixed, three turns, count. */
Test(generator, every_flow_once_per_turn, .init = eal_setup)
{
	struct generator_options o = options();
	uint32_t seen[FLOWS] = { 0 };

	o.ipv6_percent = 30;
	struct device d = device_make(&o, 2);

	take(&d, 0, 3 * FLOWS / 2, seen, FLOWS);
	for (uint32_t i = 0; i < FLOWS; i++)
		cr_expect(eq(u32, seen[i], i % 2 == 0 ? 3 : 0), "flow %u", i);
	take(&d, 1, 3 * FLOWS / 2, seen, FLOWS);
	for (uint32_t i = 0; i < FLOWS; i++)
		cr_expect(eq(u32, seen[i], 3), "flow %u", i);
	cr_expect(eq(u64, d.shared->queues[0].packets, 3 * FLOWS / 2));
	device_end(&d);
}

/* Goal: Zipf's law: flow k has k^-1.2 of the packets of flow 1. Method: 10^5 packets; the expected
 * shares within five standard deviations. */
Test(generator, popular_flows, .init = eal_setup)
{
	struct generator_options o = options();
	uint32_t seen[FLOWS] = { 0 };

	o.zipf = 120;
	o.bytes = GENERATOR_IMIX;
	struct device d = device_make(&o, 1);

	take(&d, 0, 100000, seen, FLOWS);
	/* 1 / sum of k^-1.2 for k = 1..1000 is 0.2308. */
	cr_expect(lt(i32, abs((int)seen[0] - 23080), 5 * 133));
	cr_expect(lt(i32, abs((int)seen[1] - 10046), 5 * 95));
	cr_expect(lt(i32, abs((int)seen[9] - 1456), 5 * 38));
	/* 7 of 60, 4 of 590 and 1 of 1514 bytes: 357.83 on average. */
	cr_expect(eq(u64, d.shared->queues[0].bytes / 1000, 100000ull * 4294 / 12 / 1000));
	device_end(&d);
}
