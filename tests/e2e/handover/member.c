/* SPDX-License-Identifier: BSD-3-Clause */
/* member.c: a member of a group that leaves as berth.h says: it drains on SIGUSR1, and on SIGTERM
 * it unbinds, reads what still waits, and ends.
 *
 * It prints "ready" once it is bound, "packet NUMBER" for the number that each packet's payload
 * begins with, "drained" and "unbound" when berthd has answered, "end" last.
 * usage: member SOCKET FLAGS IDENTITY... */
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/include/berth/berth.h"

#define BURST          64
#define IDENTITIES_MAX 8
#define RING_BYTES     (4u << 20)

static volatile sig_atomic_t drain, leave;

static void
on_signal(int number)
{
	if (number == SIGUSR1)
		drain = 1;
	else
		leave = 1;
}

/* Prints what waits now. How much that was. */
static unsigned
take(struct berth_port *port)
{
	struct berth_packet burst[BURST];
	const unsigned n = berth_rx_burst(port, burst, BURST);

	for (unsigned i = 0; i < n; i++) {
		uint32_t bytes, number;
		const void *payload = berth_packet_payload(&burst[i], &bytes);

		if (bytes < sizeof(number))
			continue;
		memcpy(&number, payload, sizeof(number));
		printf("packet %" PRIu32 "\n", number);
	}
	berth_release(port);
	return n;
}

static int
fail(struct berth *b, const char *what)
{
	fprintf(stderr, "member: %s: %s\n", what, berth_last_error(b));
	return 1;
}

/* Serves until told to leave. 0, or berthd is gone. */
static int
serve(struct berth *b, struct berth_port *port)
{
	uint64_t flows;

	while (!leave) {
		const int rc = take(port) > 0 ? 0 : berth_wait(port, 20);

		if (rc < 0 && rc != -EINTR)
			return fail(b, "wait");
		if (drain) {
			drain = 0;
			if (berth_drain(port, &flows) != 0)
				return fail(b, "drain");
			printf("drained\n");
		}
		fflush(stdout);
	}
	return 0;
}

int
main(int argc, char **argv)
{
	const struct berth_port_options options = { .ring_bytes = RING_BYTES };
	const struct sigaction action = { .sa_handler = on_signal };
	uint32_t bindings[IDENTITIES_MAX];
	struct berth_port *port;
	struct berth *b;
	int n = 0;

	if (argc < 4 || argc - 3 > IDENTITIES_MAX)
		return 2;
	sigaction(SIGUSR1, &action, NULL);
	sigaction(SIGTERM, &action, NULL);
	if (berth_open(argv[1], "member", NULL, &b) != 0)
		return fail(NULL, "open");
	if (berth_port_open(b, "member", &options, &port) != 0)
		return fail(b, "port");
	for (; n < argc - 3; n++) {
		if (berth_bind(port, argv[n + 3], (unsigned)strtoul(argv[2], NULL, 0),
			       &bindings[n]) != 0)
			return fail(b, argv[n + 3]);
	}
	printf("ready\n");
	fflush(stdout);
	if (serve(b, port) != 0)
		return 1;
	while (n > 0)
		if (berth_unbind(port, bindings[--n]) != 0)
			return fail(b, "unbind");
	printf("unbound\n");
	fflush(stdout);
	while (take(port) > 0)
		;
	printf("end\n");
	berth_close(b);
	return 0;
}
