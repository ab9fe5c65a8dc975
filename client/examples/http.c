/* SPDX-License-Identifier: BSD-3-Clause */
/* http.c: a small web server: lwIP's TCP over berthd (stack.c), HTTP/1.1 over that (RFC 9112).
 *
 * cc -I../.. -o http http.c stack.c $(pkg-config --cflags --libs berth lwip)
 * ./http tcp/192.0.2.10:http tcp/[2001:db8::10]:http
 * curl http://192.0.2.10/ http://192.0.2.10/1m */
#include <berth/berth.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <lwip/tcp.h>
#include <netdb.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/examples/stack.h"

#define REQUEST_BYTES_MAX 4096
#define CONNECTIONS_MAX   256
#define POLL_HALF_SECONDS 2  /* lwIP counts in half seconds */
#define SILENCE_POLLS_MAX 30 /* 30 s without progress end a connection */
#define BIG_BYTES         1000000

static const char index_page[] =
	"<!doctype html>\n"
	"<title>berth</title>\n"
	"<p>This page came through berthd. <a href=\"/1m\">A megabyte</a>\n";
static char big_page[BIG_BYTES];

static const struct page {
	const char *path, *type, *body;
	size_t bytes;
} pages[] = {
	{ "/", "text/html", index_page, sizeof(index_page) - 1 },
	{ "/1m", "application/octet-stream", big_page, BIG_BYTES },
};

/* The upper bytes of a linear congruential sequence: the same on every machine. */
static void
big_page_fill(void)
{
	uint32_t x = 1;

	for (size_t i = 0; i < BIG_BYTES; i++) {
		x = x * 1664525 + 1013904223;
		big_page[i] = (char)(x >> 24);
	}
}

struct connection {
	struct tcp_pcb *pcb;
	const char *body; /* what is not yet lwIP's of the answer */
	size_t body_bytes;
	unsigned silent_polls;
	bool answering; /* the request is complete; what comes after it is ignored */
	size_t request_bytes;
	char request[REQUEST_BYTES_MAX];
};

static unsigned connections;
static uint64_t answered;

/* Forgets a connection; its pcb, if there still is one, goes its own way. */
static void
connection_end(struct connection *c)
{
	if (c->pcb != NULL) {
		tcp_arg(c->pcb, NULL);
		tcp_recv(c->pcb, NULL);
		tcp_sent(c->pcb, NULL);
		tcp_poll(c->pcb, NULL, 0);
		tcp_err(c->pcb, NULL);
	}
	connections--;
	free(c);
}

/* Ends a connection with a RST. What it returns, lwIP's callback has to return. */
static err_t
connection_abort(struct connection *c)
{
	struct tcp_pcb *pcb = c->pcb;

	connection_end(c);
	tcp_abort(pcb);
	return ERR_ABRT;
}

/* Ends a connection with a FIN, after what was sent. What it returns is as above. */
static err_t
connection_close(struct connection *c)
{
	struct tcp_pcb *pcb = c->pcb;

	connection_end(c);
	if (tcp_close(pcb) == ERR_OK)
		return ERR_OK;
	tcp_abort(pcb);
	return ERR_ABRT;
}

/* Gives lwIP as much of the answer as it takes. What does not fit now is tried again when the peer
 * has acknowledged something, or at the next poll. Closes once the peer has acknowledged all: until
 * then the connection counts, so slow readers cannot hold more memory than CONNECTIONS_MAX. */
static err_t
connection_send(struct connection *c)
{
	struct tcp_pcb *pcb = c->pcb;

	while (c->body_bytes > 0 && tcp_sndbuf(pcb) > 0) {
		const size_t room = tcp_sndbuf(pcb);
		const size_t bytes = c->body_bytes < room ? c->body_bytes : room;
		const size_t part = bytes < UINT16_MAX ? bytes : UINT16_MAX;

		if (tcp_write(pcb, c->body, (u16_t)part,
			      part < c->body_bytes ? TCP_WRITE_FLAG_MORE : 0) != ERR_OK)
			break;
		c->body += part;
		c->body_bytes -= part;
	}
	tcp_output(pcb);
	return c->body_bytes == 0 && tcp_sndqueuelen(pcb) == 0 ? connection_close(c) : ERR_OK;
}

/* Starts the answer `status` with a body. `head_only`: its header alone. */
static err_t
answer(struct connection *c, const char *status, const struct page *page, bool head_only)
{
	char header[256];
	const int bytes = snprintf(header, sizeof(header),
				   "HTTP/1.1 %s\r\nContent-Type: %s\r\nContent-Length: %zu\r\n"
				   "Connection: close\r\n\r\n",
				   status, page->type, page->bytes);

	c->answering = true;
	/* The send buffer is still empty: this fails only for want of memory. */
	if (tcp_write(c->pcb, header, (u16_t)bytes, TCP_WRITE_FLAG_COPY | TCP_WRITE_FLAG_MORE) !=
	    ERR_OK)
		return connection_abort(c);
	answered++;
	c->body = page->body;
	c->body_bytes = head_only ? 0 : page->bytes;
	return connection_send(c);
}

static err_t
answer_error(struct connection *c, const char *status)
{
	const struct page page = { .type = "text/plain", .body = status, .bytes = strlen(status) };

	return answer(c, status, &page, false);
}

/* Answers a complete request, of which only the first line matters here. */
static err_t
request_answer(struct connection *c)
{
	char *line = c->request, *rest = NULL;
	const char *method, *path, *version;
	bool head;

	line[strcspn(line, "\r\n")] = '\0';
	method = strtok_r(line, " ", &rest);
	path = strtok_r(NULL, " ", &rest);
	version = strtok_r(NULL, " ", &rest);
	if (version == NULL || strncmp(version, "HTTP/1.", 7) != 0)
		return answer_error(c, "400 Bad Request");
	head = strcmp(method, "HEAD") == 0;
	if (!head && strcmp(method, "GET") != 0)
		return answer_error(c, "501 Not Implemented");
	for (size_t i = 0; i < sizeof(pages) / sizeof(pages[0]); i++)
		if (strcmp(path, pages[i].path) == 0)
			return answer(c, "200 OK", &pages[i], head);
	return answer_error(c, "404 Not Found");
}

/* -- lwIP's callbacks -- */

static err_t
on_receive(void *arg, struct tcp_pcb *pcb, struct pbuf *p, err_t error)
{
	struct connection *c = arg;
	size_t room, bytes;

	(void)error;
	if (p == NULL) /* the peer sends no more; it may still wait for the answer */
		return c->answering ? ERR_OK : connection_close(c);
	tcp_recved(pcb, p->tot_len);
	room = sizeof(c->request) - 1 - c->request_bytes;
	bytes = p->tot_len < room ? p->tot_len : room;
	if (!c->answering)
		c->request_bytes +=
			pbuf_copy_partial(p, c->request + c->request_bytes, (u16_t)bytes, 0);
	pbuf_free(p);
	if (c->answering)
		return ERR_OK;
	c->silent_polls = 0;
	c->request[c->request_bytes] = '\0';
	if (strstr(c->request, "\r\n\r\n") != NULL)
		return request_answer(c);
	if (bytes == room)
		return answer_error(c, "431 Request Header Fields Too Large");
	return ERR_OK;
}

static err_t
on_sent(void *arg, struct tcp_pcb *pcb, u16_t bytes)
{
	struct connection *c = arg;

	(void)pcb, (void)bytes;
	c->silent_polls = 0;
	return c->answering ? connection_send(c) : ERR_OK;
}

static err_t
on_poll(void *arg, struct tcp_pcb *pcb)
{
	struct connection *c = arg;

	(void)pcb;
	if (++c->silent_polls > SILENCE_POLLS_MAX)
		return connection_abort(c);
	return c->answering ? connection_send(c) : ERR_OK;
}

/* lwIP has freed the pcb. */
static void
on_error(void *arg, err_t error)
{
	struct connection *c = arg;

	(void)error;
	c->pcb = NULL;
	connection_end(c);
}

static err_t
on_accept(void *arg, struct tcp_pcb *pcb, err_t error)
{
	struct connection *c;

	(void)arg;
	if (error != ERR_OK || pcb == NULL)
		return ERR_VAL;
	c = connections < CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (c == NULL)
		return ERR_MEM; /* lwIP resets the connection */
	connections++;
	c->pcb = pcb;
	tcp_arg(pcb, c);
	tcp_recv(pcb, on_receive);
	tcp_sent(pcb, on_sent);
	tcp_poll(pcb, on_poll, POLL_HALF_SECONDS);
	tcp_err(pcb, on_error);
	return ERR_OK;
}

/* -- The application -- */

static volatile sig_atomic_t stopped;

static void
stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

/* Reads the port and the zone of PROTO/ADDRESS:PORT[@ZONE]. False: no single port. */
static bool
identity_read(const char *identity, uint16_t *port, uint16_t *zone)
{
	char text[32];
	const char *at = strrchr(identity, ':'), *zone_at = strchr(identity, '@');
	const struct servent *service;
	char *end;

	if (at == NULL || (zone_at != NULL && zone_at < at))
		return false;
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(at + 1, "@"), at + 1);
	*zone = zone_at != NULL ? (uint16_t)strtoul(zone_at + 1, NULL, 10) : 0;
	*port = (uint16_t)strtoul(text, &end, 10);
	if (*end == '\0')
		return *port != 0;
	service = getservbyname(text, "tcp");
	if (service == NULL)
		return false;
	*port = ntohs((uint16_t)service->s_port);
	return true;
}

/* Lets lwIP accept connections to a port at any address: berthd chose the addresses. */
static int
listen_on(uint16_t port)
{
	struct tcp_pcb *pcb = tcp_new_ip_type(IPADDR_TYPE_ANY), *listener;
	err_t error;

	if (pcb == NULL)
		return -ENOMEM;
	error = tcp_bind(pcb, IP_ANY_TYPE, port);
	if (error != ERR_OK) {
		tcp_close(pcb);
		/* Two identities may differ in their addresses only. */
		return error == ERR_USE ? 0 : -EINVAL;
	}
	listener = tcp_listen(pcb);
	if (listener == NULL)
		return -ENOMEM;
	tcp_accept(listener, on_accept);
	return 0;
}

static int
refused(struct berth *b, const char *why)
{
	fprintf(stderr, "http: %s\n", why);
	berth_close(b);
	return 1;
}

/* Binds all identities, serves until stopped; the exit status. */
static int
serve(struct berth *b, struct berth_port *port, char **identities, int count)
{
	uint16_t tcp_port, zone, first_zone = 0;
	int rc = 0;

	for (int i = 0; i < count; i++) {
		if (!identity_read(identities[i], &tcp_port, &zone))
			return refused(b, "an identity has one port: tcp/ADDRESS:PORT");
		if (i == 0)
			stack_start(b, port, first_zone = zone);
		if (zone != first_zone)
			return refused(b, "all identities are of one zone");
		rc = listen_on(tcp_port);
		if (rc != 0)
			return refused(b, strerror(-rc));
		if (berth_bind(port, identities[i], 0, NULL) != 0)
			return refused(b, berth_last_error(b));
		printf("ready %s\n", identities[i]);
	}
	fflush(stdout);
	while (!stopped && (rc == 0 || rc == -EINTR))
		rc = stack_poll(1000);
	if (!stopped)
		fprintf(stderr, "http: berthd is gone: %s\n", strerror(-rc));
	printf("http: %" PRIu64 " answered\n", answered);
	berth_close(b);
	return stopped ? 0 : 1;
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
	const char *socket = NULL, *name = "http";
	struct berth_port_options port_options = { 0 };
	struct berth_port *port;
	struct berth *b;
	int option;

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
		fprintf(stderr, "usage: http [--socket PATH] [--name NAME] [--ring-bytes N] "
				"IDENTITY...\n");
		return 2;
	}
	sigaction(SIGTERM, &action, NULL);
	sigaction(SIGINT, &action, NULL);
	big_page_fill();
	if (berth_open(socket, name, NULL, &b) != 0)
		return refused(NULL, berth_last_error(NULL));
	if (berth_port_open(b, name, &port_options, &port) != 0)
		return refused(b, berth_last_error(b));
	return serve(b, port, argv + optind, argc - optind);
}
