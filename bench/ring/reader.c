/* SPDX-License-Identifier: BSD-3-Clause */
/* reader.c: the applications' side: libberth as any program uses it. */
#include "bench/ring/reader.h"

#include <berth/berth.h>
#include <stdio.h>
#include <string.h>

#include "bench/ring/host.h"
#include "common/base/clock.h"

#define BURST 64

static struct berth_port *ports[HOST_APPLICATIONS_MAX];

static int
attach(const char *socket_path, unsigned i, uint32_t ring_bytes)
{
	const struct berth_port_options options = { .ring_bytes = ring_bytes };
	struct berth *b;

	if (berth_open(socket_path, "ring-bench", NULL, &b) != 0 ||
	    berth_port_open(b, "ring-bench", &options, &ports[i]) != 0) {
		fprintf(stderr, "ring-bench: %s\n", berth_last_error(NULL));
		return 1;
	}
	return 0;
}

/* Reads one port once; touches the first word of each payload, as any use of a packet would. */
static uint16_t
take(struct berth_port *port, uint64_t *payload)
{
	struct berth_packet packets[BURST];
	const uint16_t n = berth_rx_burst(port, packets, BURST);

	if (n == 0)
		return 0;
	for (uint16_t i = 0; i < n; i++) {
		uint32_t word;

		memcpy(&word, (const uint8_t *)packets[i].data + packets[i].payload_offset,
		       sizeof(word));
		*payload += word;
	}
	berth_release(port);
	return n;
}

static void
add(_Atomic uint64_t *to, uint64_t n)
{
	atomic_store_explicit(to, atomic_load_explicit(to, memory_order_relaxed) + n,
			      memory_order_relaxed);
}

static void
turn_await(struct exchange *e, uint32_t turn)
{
	while (atomic_load_explicit(&e->turn, memory_order_acquire) != turn)
		;
}

/* Takes part in an exchange if the daemon has begun one. */
static void
exchange_answer(struct exchange *e)
{
	uint32_t turn = atomic_load_explicit(&e->turn, memory_order_acquire);

	if (turn % 2 == 0)
		return;
	for (unsigned i = 0; i < EXCHANGE_ROUNDS; i++, turn += 2) {
		turn_await(e, turn);
		atomic_store_explicit(&e->turn, turn + 1, memory_order_release);
	}
}

double
exchange_measure(struct exchange *e)
{
	uint32_t turn = atomic_load_explicit(&e->turn, memory_order_relaxed);
	uint64_t start = 0;

	for (unsigned i = 0; i < EXCHANGE_ROUNDS; i++) {
		/* The first one only wakes the reader. */
		if (i == 1)
			start = clock_cycles();
		atomic_store_explicit(&e->turn, ++turn, memory_order_release);
		turn_await(e, ++turn);
	}
	return (double)(clock_cycles() - start) / (2 * (EXCHANGE_ROUNDS - 1));
}

int
reader_run(const char *socket_path, int core, unsigned applications, unsigned stalled,
	   uint32_t ring_bytes, struct shared *shared)
{
	struct reader_work *work = &shared->work;
	uint64_t payload = 0, packets = 0;

	for (unsigned i = 0; i < applications; i++)
		if (attach(socket_path, i, ring_bytes) != 0)
			return 1;
	if (!host_pin(core))
		return 1;
	for (;;) {
		exchange_answer(&shared->exchange);
		const uint64_t start = clock_cycles();
		uint64_t taken = 0, bursts = 0;

		for (unsigned i = stalled; i < applications; i++) {
			const uint16_t n = take(ports[i], &payload);

			taken += n;
			bursts += n > 0;
		}
		if (taken == 0)
			continue;
		add(&work->cycles, clock_cycles() - start);
		add(&work->bursts, bursts);
		atomic_store_explicit(&work->payload, payload, memory_order_relaxed);
		packets += taken;
		/* Pairs with the acquire of whoever waits for packets to be read. */
		atomic_store_explicit(&work->packets, packets, memory_order_release);
	}
}
