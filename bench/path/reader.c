/* SPDX-License-Identifier: BSD-3-Clause */
/* reader.c: an application that reads packets in a busy loop and says what each one cost it. */
#include <berth/berth.h>
#include <getopt.h>
#include <inttypes.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>

#include "common/base/clock.h"

#define BURST 64

static volatile sig_atomic_t stopped, asked;

static void
on_signal(int number)
{
	if (number == SIGUSR1)
		asked = 1;
	else
		stopped = 1;
}

/* What was read until now. */
struct work {
	uint64_t packets, bytes;
	uint64_t bursts; /* calls that found packets */
	uint64_t cycles; /* in those calls, with reading the packets and giving them back */
	uint32_t payload;
};

/* One turn; touches the first word of each payload, as any use of a packet would. */
static void
take(struct berth_port *port, struct work *w)
{
	struct berth_packet packets[BURST];
	const uint64_t start = clock_cycles();
	const uint16_t n = berth_rx_burst(port, packets, BURST);

	if (n == 0)
		return;
	for (uint16_t i = 0; i < n; i++) {
		const uint8_t *payload =
			(const uint8_t *)packets[i].data + packets[i].payload_offset;
		uint32_t word = 0;

		memcpy(&word, payload,
		       packets[i].bytes - packets[i].payload_offset >= sizeof(word) ? sizeof(word)
										    : 0);
		w->payload ^= word;
		w->bytes += packets[i].bytes;
	}
	berth_release(port);
	w->packets += n;
	w->bursts++;
	w->cycles += clock_cycles() - start;
}

static void
report(const struct work *w)
{
	printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"bursts\": %" PRIu64
	       ", \"cycles\": %" PRIu64 ", \"payload\": %u}\n",
	       w->packets, w->bytes, w->bursts, w->cycles, w->payload);
	fflush(stdout);
}

static bool
pin(int core)
{
	cpu_set_t set;

	if (core < 0 || core >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static int
refused(struct berth *b)
{
	fprintf(stderr, "path-reader: %s\n", berth_last_error(b));
	berth_close(b);
	return 1;
}

int
main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "core", required_argument, NULL, 'c' },
		{ "ring-bytes", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	struct berth_port_options options = { 0 };
	const char *path = NULL;
	struct work work = { 0 };
	struct berth_port *port;
	struct berth *b;
	int option, core = -1;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option == 's')
			path = optarg;
		else if (option == 'r')
			options.ring_bytes = (uint32_t)strtoul(optarg, NULL, 0);
		else
			core = option == 'c' ? atoi(optarg) : -1;
	}
	if (optind + 1 != argc || !pin(core)) {
		fprintf(stderr, "usage: path-reader --socket PATH --core N [--ring-bytes N] "
				"IDENTITY\n");
		return 2;
	}
	/* A busy loop must not outlive whoever measures. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	if (berth_open(path, "path-reader", NULL, &b) != 0)
		return refused(NULL);
	if (berth_port_open(b, "path-reader", &options, &port) != 0 ||
	    berth_bind(port, argv[optind], 0, NULL) != 0)
		return refused(b);
	printf("ready %s\n", argv[optind]);
	fflush(stdout);
	while (!stopped) {
		take(port, &work);
		if (asked) {
			asked = 0;
			report(&work);
		}
	}
	berth_close(b);
	return 0;
}
