/* SPDX-License-Identifier: BSD-3-Clause */
/* reader.c: an application that reads packets in a busy loop and says what each one cost it, and
 * how long those of a generator were on their way. */
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

#define BURST      64
#define PORTS_MOST 1024

/* Delays in cycles, by their highest bit and the five bits below it: within 3 % of each. */
#define DELAY_BITS  5
#define DELAY_SLOTS (64 << DELAY_BITS)
#define MARK_BYTES  16 /* of a generator's payload: a number, the time of arrival */

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
	bool timed; /* look at the times of arrival */
	uint64_t delays[DELAY_SLOTS];
};

static unsigned
delay_slot(uint64_t cycles)
{
	const unsigned high = 63u - (unsigned)__builtin_clzll(cycles | 1u << DELAY_BITS);
	const unsigned shift = high - DELAY_BITS;

	return (shift << DELAY_BITS) + (unsigned)(cycles >> shift);
}

/* The least delay of a slot. */
static uint64_t
slot_delay(unsigned slot)
{
	const unsigned shift = slot < 2u << DELAY_BITS ? 0 : (slot >> DELAY_BITS) - 1;

	return (uint64_t)(slot - (shift << DELAY_BITS)) << shift;
}

/* Counts how long a packet was on its way: a generator writes its number and time of arrival. */
static void
delay_count(struct work *w, const uint8_t *payload, uint64_t now)
{
	uint64_t arrival;

	memcpy(&arrival, payload + sizeof(arrival), sizeof(arrival));
	if (arrival <= now)
		w->delays[delay_slot(now - arrival)]++;
}

/* One turn; touches the first word of each payload, as any use of a packet would. */
static void
take(struct berth_port *port, struct work *w)
{
	struct berth_packet packets[BURST];
	const uint64_t start = clock_cycles();
	const uint16_t n = berth_rx_burst(port, packets, BURST);
	const uint64_t now = n > 0 && w->timed ? clock_cycles() : 0;

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
		if (w->timed && packets[i].bytes - packets[i].payload_offset >= MARK_BYTES)
			delay_count(w, payload, now);
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
	const char *before = "";

	printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"bursts\": %" PRIu64
	       ", \"cycles\": %" PRIu64 ", \"payload\": %u, \"delays\": [",
	       w->packets, w->bytes, w->bursts, w->cycles, w->payload);
	for (unsigned i = 0; i < DELAY_SLOTS; i++) {
		if (w->delays[i] == 0)
			continue;
		printf("%s[%" PRIu64 ", %" PRIu64 "]", before, slot_delay(i), w->delays[i]);
		before = ", ";
	}
	printf("]}\n");
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

/* What the command line asks for. */
struct options {
	const char *path;
	int core;
	bool each; /* a port of its own for each identity */
	bool timed;
	struct berth_port_options port;
};

static bool
options_read(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "core", required_argument, NULL, 'c' },
		{ "ring-bytes", required_argument, NULL, 'r' },
		{ "each", no_argument, NULL, 'e' },
		{ "timed", no_argument, NULL, 't' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	*o = (struct options){ .core = -1 };
	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 's':
			o->path = optarg;
			break;
		case 'r':
			o->port.ring_bytes = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'c':
			o->core = atoi(optarg);
			break;
		case 'e':
			o->each = true;
			break;
		case 't':
			o->timed = true;
			break;
		default:
			return false;
		}
	}
	return optind < argc && argc - optind <= PORTS_MOST;
}

/* Opens the ports and binds all identities. Returns how many ports there are; 0: refused. */
static unsigned
ports_open(struct berth *b, const struct options *o, char **identities, unsigned count,
	   struct berth_port **ports)
{
	unsigned n = 0;

	for (unsigned i = 0; i < count; i++) {
		if (i == 0 || o->each) {
			if (berth_port_open(b, "path-reader", &o->port, &ports[n]) != 0)
				return 0;
			n++;
		}
		if (berth_bind(ports[n - 1], identities[i], 0, NULL) != 0)
			return 0;
		printf("ready %s\n", identities[i]);
	}
	fflush(stdout);
	return n;
}

int
main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = on_signal, .sa_flags = SA_RESTART };
	static struct berth_port *ports[PORTS_MOST];
	static struct work work;
	struct options options;
	struct berth *b;
	unsigned n;

	if (!options_read(argc, argv, &options) || !pin(options.core)) {
		fprintf(stderr, "usage: path-reader --socket PATH --core N [--ring-bytes N] "
				"[--each] [--timed] IDENTITY...\n");
		return 2;
	}
	work.timed = options.timed;
	/* A busy loop must not outlive whoever measures. */
	prctl(PR_SET_PDEATHSIG, SIGKILL);
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGUSR1, &action, NULL);
	if (berth_open(options.path, "path-reader", NULL, &b) != 0)
		return refused(NULL);
	n = ports_open(b, &options, argv + optind, (unsigned)(argc - optind), ports);
	if (n == 0)
		return refused(b);
	for (unsigned i = 0; !stopped; i = i + 1 < n ? i + 1 : 0) {
		take(ports[i], &work);
		if (asked) {
			asked = 0;
			report(&work);
		}
	}
	berth_close(b);
	return 0;
}
