/* SPDX-License-Identifier: BSD-3-Clause */
/* echo.c: sends each UDP datagram back to its sender (RFC 862), those that came in fragments too,
 * as far as the answer fits one packet.
 *
 * cc -o echo echo.c $(pkg-config --cflags --libs berth)
 * ./echo udp/192.0.2.10:echo */
#include <berth/berth.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
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

/* Answers until stopped. 0, or why berthd is no more. */
static int
answer(struct berth *b, struct berth_port *port, struct berth_reassembler *r, uint64_t *answered)
{
	struct berth_packet burst[BURST];

	while (!stopped) {
		const uint16_t n = berth_rx_burst(port, burst, BURST);
		const uint16_t whole = berth_reassemble(r, burst, n);

		for (uint16_t i = 0; i < whole; i++) {
			uint32_t bytes;
			const void *payload = berth_packet_payload(&burst[i], &bytes);

			/* ICMP errors are about a flow of ours, but no datagrams. A full tx ring
			 * loses the answer, as UDP may; so does an answer over berth_mtu(). */
			if (!(burst[i].flags & BERTH_PACKET_ICMP_ERROR) &&
			    berth_udp_reply(b, &burst[i], payload, bytes) == 0)
				++*answered;
		}
		berth_release(port);
		if (n > 0)
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
	fprintf(stderr, "echo: %s\n", berth_last_error(b));
	berth_close(b);
	return 1;
}

int
main(int argc, char **argv)
{
	static const struct option table[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "name", required_argument, NULL, 'n' },
		{ "ring-bytes", required_argument, NULL, 'r' },
		{ NULL, 0, NULL, 0 },
	};
	const struct sigaction action = { .sa_handler = stop };
	const char *socket = NULL, *name = "echo";
	struct berth_port_options port_options = { 0 };
	struct berth_reassembler *reassembler;
	struct berth_port *port;
	struct berth *b;
	uint64_t answered = 0;
	int option, rc;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option == 's')
			socket = optarg;
		else if (option == 'n')
			name = optarg;
		else if (option == 'r')
			port_options.ring_bytes = (uint32_t)strtoul(optarg, NULL, 0);
		else
			optind = argc;
	}
	if (optind >= argc) {
		fprintf(stderr, "usage: echo [--socket PATH] [--name NAME] [--ring-bytes N] "
				"IDENTITY...\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	if (berth_open(socket, name, NULL, &b) != 0)
		return refused(NULL);
	if (berth_port_open(b, name, &port_options, &port) != 0)
		return refused(b);
	for (int i = optind; i < argc; i++) {
		if (berth_bind(port, argv[i], 0, NULL) != 0)
			return refused(b);
		printf("ready %s\n", argv[i]);
	}
	fflush(stdout);
	if (berth_reassembler_open(NULL, &reassembler) != 0)
		return 1;
	rc = answer(b, port, reassembler, &answered);
	if (rc != 0)
		fprintf(stderr, "echo: berthd is gone: %s\n", strerror(-rc));
	printf("echo: %" PRIu64 " answered\n", answered);
	berth_reassembler_close(reassembler);
	berth_close(b);
	return rc == 0 ? 0 : 1;
}
