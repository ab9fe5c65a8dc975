/* SPDX-License-Identifier: BSD-3-Clause */
/* sink.c: counts the packets that come to some socket identities; fragments count once they are a
 * whole datagram.
 *
 * cc -o sink sink.c $(pkg-config --cflags --libs berth)
 * ./sink udp/192.0.2.10:5000 tcp/[2001:db8::10]:http */
#include <berth/berth.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BURST 64

static volatile sig_atomic_t stopped;

static void
stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

struct options {
	const char *socket, *name;
	struct berth_port_options port;
	bool poll, json;
	uint64_t expect; /* 0: until stopped */
};

static int
options_read(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "name", required_argument, NULL, 'n' },
		{ "ring-bytes", required_argument, NULL, 'r' },
		{ "expect", required_argument, NULL, 'e' },
		{ "poll", no_argument, NULL, 'p' },
		{ "json", no_argument, NULL, 'j' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		switch (option) {
		case 's':
			o->socket = optarg;
			break;
		case 'n':
			o->name = optarg;
			break;
		case 'r':
			o->port.ring_bytes = (uint32_t)strtoul(optarg, NULL, 0);
			break;
		case 'e':
			o->expect = strtoull(optarg, NULL, 0);
			break;
		case 'p':
			o->poll = true;
			break;
		case 'j':
			o->json = true;
			break;
		default:
			return -EINVAL;
		}
	}
	return optind < argc ? 0 : -EINVAL;
}

/* Takes what is there, for ever or until enough came. 0, or why berthd is no more. */
static int
count(struct berth_port *port, struct berth_reassembler *r, const struct options *o,
      uint64_t *packets, uint64_t *bytes)
{
	struct berth_packet burst[BURST];

	while (!stopped && (o->expect == 0 || *packets < o->expect)) {
		const uint16_t n = berth_rx_burst(port, burst, BURST);
		const uint16_t whole = berth_reassemble(r, burst, n);

		for (uint16_t i = 0; i < whole; i++)
			*bytes += burst[i].bytes;
		*packets += whole;
		berth_release(port);
		if (n > 0 || o->poll)
			continue;
		const int rc = berth_wait(port, 1000);

		if (rc < 0 && rc != -EINTR)
			return rc;
	}
	return 0;
}

static int
refused(struct berth *b)
{
	fprintf(stderr, "sink: %s\n", berth_last_error(b));
	berth_close(b);
	return 1;
}

int
main(int argc, char **argv)
{
	const struct sigaction action = { .sa_handler = stop };
	struct options o = { .name = "sink" };
	uint64_t packets = 0, bytes = 0;
	struct berth_reassembler *reassembler;
	struct berth_port *port;
	struct berth *b;
	int rc;

	if (options_read(argc, argv, &o) != 0) {
		fprintf(stderr, "usage: sink [--socket PATH] [--name NAME] [--ring-bytes N] "
				"[--expect N] [--poll] [--json] IDENTITY...\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (berth_open(o.socket, o.name, NULL, &b) != 0)
		return refused(NULL);
	if (berth_port_open(b, o.name, &o.port, &port) != 0)
		return refused(b);
	for (int i = optind; i < argc; i++) {
		if (berth_bind(port, argv[i], 0, NULL) != 0)
			return refused(b);
		printf("ready %s\n", argv[i]);
	}
	fflush(stdout);
	if (berth_reassembler_open(NULL, &reassembler) != 0)
		return 1;
	rc = count(port, reassembler, &o, &packets, &bytes);
	if (rc != 0)
		fprintf(stderr, "sink: berthd is gone: %s\n", strerror(-rc));
	printf(o.json ? "{\"packets\":%" PRIu64 ",\"bytes\":%" PRIu64 "}\n"
		      : "sink: %" PRIu64 " packets, %" PRIu64 " bytes\n",
	       packets, bytes);
	berth_reassembler_close(reassembler);
	berth_close(b);
	return rc == 0 ? 0 : 1;
}
