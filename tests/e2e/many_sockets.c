/* SPDX-License-Identifier: BSD-3-Clause */
/* many_sockets.c: an application with as many connected UDP sockets as it is told, that sees each
 * answered right.
 *
 *   many-sockets BERTHD-SOCKET COUNT REMOTE...
 *
 * Socket i is connected to remote i modulo their number. Each sends its own number until the remote
 * has echoed it: to this socket, from this remote, to this local end. Then it says so and waits to
 * be ended. */
#include <berth/berth.h>
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

/* Datagrams on their way at once: the remotes' receive buffers hold as many. */
#define WINDOW     128u
#define BURST      64
#define SILENCE_MS 500
#define PASSES_MAX 100u

struct socket {
	struct berth_connection connection;
	uint8_t answered;
};

static struct berth *berth;
static struct berth_port *port;
static struct socket *sockets;
static uint32_t count, answered;
static uint32_t *by_binding; /* number of the socket, plus 1; probed linearly */
static uint32_t by_binding_mask;

static void
failed(const char *what)
{
	fprintf(stderr, "many-sockets: %s: %s\n", what, berth_last_error(berth));
	exit(1);
}

static uint32_t *
binding_slot(uint32_t binding)
{
	uint32_t i = binding * 0x9e3779b9u & by_binding_mask;

	while (by_binding[i] != 0 && sockets[by_binding[i] - 1].connection.binding != binding)
		i = (i + 1) & by_binding_mask;
	return &by_binding[i];
}

static void
open_all(char **remotes, uint32_t remotes_count)
{
	for (uint32_t i = 0; i < count; i++) {
		uint32_t *slot;

		if (berth_connect(port, NULL, remotes[i % remotes_count], &sockets[i].connection) !=
		    0)
			failed(remotes[i % remotes_count]);
		slot = binding_slot(sockets[i].connection.binding);
		if (*slot != 0)
			failed("two sockets have one id");
		*slot = i + 1;
	}
}

static void
wrong(uint32_t i, const char *what)
{
	fprintf(stderr, "many-sockets: socket %u, %s: %s\n", i, sockets[i].connection.text, what);
	exit(1);
}

static void
receive(const struct berth_packet *p)
{
	const uint32_t slot = *binding_slot(p->binding), i = slot - 1;
	struct sockaddr_storage from, to;
	uint32_t number, bytes;
	const void *payload = berth_packet_payload(p, &bytes);

	if (slot == 0) {
		fprintf(stderr, "many-sockets: a packet of binding %u\n", p->binding);
		exit(1);
	}
	berth_packet_source(p, &from);
	berth_packet_destination(p, &to);
	if (memcmp(&from, &sockets[i].connection.remote, sizeof(struct sockaddr_in)) != 0)
		wrong(i, "another remote");
	if (memcmp(&to, &sockets[i].connection.local, sizeof(struct sockaddr_in)) != 0)
		wrong(i, "another local end");
	if (bytes != sizeof(number))
		wrong(i, "another length");
	memcpy(&number, payload, sizeof(number));
	if (number != i)
		wrong(i, "another socket's datagram");
	answered += !sockets[i].answered;
	sockets[i].answered = 1;
}

/* Takes what is there; sleeps once if nothing is. Returns how many were taken. */
static uint32_t
take(int timeout_ms)
{
	struct berth_packet burst[BURST];
	uint16_t n = berth_rx_burst(port, burst, BURST);

	if (n == 0 && timeout_ms > 0 && berth_wait(port, timeout_ms) > 0)
		n = berth_rx_burst(port, burst, BURST);
	for (uint16_t i = 0; i < n; i++)
		receive(&burst[i]);
	berth_release(port);
	return n;
}

/* Sends once from each socket that was not answered yet. */
static void
pass(void)
{
	uint32_t waiting = 0;

	for (uint32_t i = 0; i < count; i++) {
		if (sockets[i].answered)
			continue;
		while (berth_udp_send(berth, &sockets[i].connection, &i, sizeof(i)) == -EAGAIN)
			(void)take(0);
		waiting++;
		while (waiting >= WINDOW) {
			const uint32_t n = take(SILENCE_MS);

			waiting = n == 0 || n > waiting ? 0 : waiting - n;
		}
	}
	while (take(SILENCE_MS) > 0)
		;
}

int
main(int argc, char **argv)
{
	if (argc < 4)
		return 2;
	count = (uint32_t)strtoul(argv[2], NULL, 10);
	for (by_binding_mask = 1; by_binding_mask < 2 * count; by_binding_mask *= 2)
		;
	sockets = calloc(count, sizeof(*sockets));
	by_binding = calloc(by_binding_mask, sizeof(*by_binding));
	by_binding_mask--;
	if (sockets == NULL || by_binding == NULL)
		return 1;
	if (berth_open(argv[1], "many", NULL, &berth) != 0 ||
	    berth_port_open(berth, "many", NULL, &port) != 0)
		failed("no port");
	open_all(argv + 3, (uint32_t)argc - 3);
	printf("open %u\n", count);
	fflush(stdout);
	for (unsigned i = 0; answered < count && i < PASSES_MAX; i++)
		pass();
	printf("answered %u\n", answered);
	fflush(stdout);
	pause();
	return 0;
}
