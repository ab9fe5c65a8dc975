/* SPDX-License-Identifier: BSD-3-Clause */
/* dns.c: answers for the small zone example.test, as an authoritative server does (RFC 1035).
 *
 * cc -o dns dns.c $(pkg-config --cflags --libs berth)
 * ./dns udp/192.0.2.10:domain udp/[2001:db8::10]:domain
 * dig @192.0.2.10 +norecurse www.example.test */
#include <arpa/inet.h>
#include <assert.h>
#include <berth/berth.h>
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define BURST 64

/* RFC 1035 2.3.4, 4.1.1 and 4.1.4; RFC 6891 6.2.5: what fits without asking. */
#define LABEL_BYTES_MAX  63
#define NAME_BYTES_MAX   255
#define HEADER_BYTES     12
#define MESSAGE_BYTES    512
#define POINTER_TO_QNAME 0xc00c

/* The longest answer is a header, a question, the longest record (the SOA, 86 bytes), and OPT: it
 * always fits, so none is ever truncated. */
#define QUESTION_BYTES_MAX (NAME_BYTES_MAX + 4)
#define RECORD_BYTES_MAX   96
#define OPT_BYTES          11
static_assert(HEADER_BYTES + QUESTION_BYTES_MAX + RECORD_BYTES_MAX + OPT_BYTES <= MESSAGE_BYTES,
	      "every answer fits");

#define FLAG_RESPONSE      0x8000
#define FLAG_OPCODE        0x7800
#define FLAG_AUTHORITATIVE 0x0400
#define FLAG_RECURSION     0x0100 /* desired: copied, never available here */

enum { NOERROR = 0, FORMERR = 1, NXDOMAIN = 3, NOTIMP = 4, REFUSED = 5, BADVERS = 16 };
enum { TYPE_A = 1, TYPE_NS = 2, TYPE_SOA = 6, TYPE_AAAA = 28, TYPE_OPT = 41, TYPE_ANY = 255 };
enum { CLASS_IN = 1 };

/* -- The zone -- */

#define ZONE       "example.test"
#define SERVER     "ns.example.test"
#define MAILBOX    "hostmaster.example.test"
#define TTL_S      300
#define NEGATIVE_S 60   /* RFC 2308 4: how long nobody asks again for what is not there */
#define EDNS_BYTES 1232 /* what we are ready to receive; fits every path without fragments */

static const struct zone_record {
	const char *name;
	uint16_t type;
	const char *data; /* address, or name; SOA has its own constants */
} zone[] = {
	{ ZONE, TYPE_SOA, NULL },
	{ ZONE, TYPE_NS, SERVER },
	{ SERVER, TYPE_A, "192.0.2.53" },
	{ SERVER, TYPE_AAAA, "2001:db8::53" },
	{ "www.example.test", TYPE_A, "192.0.2.80" },
	{ "www.example.test", TYPE_AAAA, "2001:db8::80" },
};

#define ZONE_RECORDS (sizeof(zone) / sizeof(zone[0]))

static bool
zone_covers(const char *name)
{
	const size_t length = strlen(name), zone_length = strlen(ZONE);

	return length >= zone_length && strcasecmp(name + length - zone_length, ZONE) == 0 &&
	       (length == zone_length || name[length - zone_length - 1] == '.');
}

/* -- Reading: every step proves that its bytes are there. -- */

struct reader {
	const uint8_t *at, *end;
};

static bool
read_u16(struct reader *r, uint16_t *value)
{
	if (r->end - r->at < 2)
		return false;
	*value = (uint16_t)(r->at[0] << 8 | r->at[1]);
	r->at += 2;
	return true;
}

static bool
skip(struct reader *r, unsigned bytes)
{
	if (r->end - r->at < (long)bytes)
		return false;
	r->at += bytes;
	return true;
}

/* Reads the question's name as text. It is the first name of the message, so there is nothing that
 * a compression pointer could rightly point to: one is an error. A byte that would be mistaken in
 * the text becomes '?', which no name of the zone has. */
static bool
read_name(struct reader *r, char text[NAME_BYTES_MAX + 1])
{
	size_t n = 0;
	uint8_t bytes;

	for (;;) {
		if (r->at == r->end)
			return false;
		bytes = *r->at++;
		if (bytes == 0)
			break;
		/* On the wire, a name is two bytes longer than its text: the first length and the
		 * root. */
		if (bytes > LABEL_BYTES_MAX || r->end - r->at < bytes ||
		    n + bytes + 3 > NAME_BYTES_MAX)
			return false;
		if (n > 0)
			text[n++] = '.';
		for (; bytes > 0; bytes--, r->at++)
			text[n++] =
				*r->at > ' ' && *r->at < 127 && *r->at != '.' ? (char)*r->at : '?';
	}
	text[n] = '\0';
	return true;
}

/* Skips the name of a record behind the question, where pointers are allowed. */
static bool
skip_name(struct reader *r)
{
	while (r->at < r->end) {
		const uint8_t bytes = *r->at++;

		if (bytes == 0)
			return true;
		if ((bytes & 0xc0) == 0xc0)
			return skip(r, 1);
		if (bytes > LABEL_BYTES_MAX || !skip(r, bytes))
			return false;
	}
	return false;
}

struct query {
	uint16_t id, flags, type, class;
	char name[NAME_BYTES_MAX + 1];
	const uint8_t *question; /* as it came, for the answer */
	uint16_t question_bytes; /* 0: not understood */
	bool edns;
	uint8_t edns_version;
};

/* Reads the additional records, where only OPT means something to us (RFC 6891 6.1.1: at most one,
 * named by the root). */
static bool
read_additional(struct reader *r, unsigned count, struct query *q)
{
	for (; count > 0; count--) {
		const uint8_t *name = r->at;
		uint16_t type, class, ttl_high, data_bytes;

		if (!skip_name(r) || !read_u16(r, &type) || !read_u16(r, &class) ||
		    !read_u16(r, &ttl_high) || !skip(r, 2) || !read_u16(r, &data_bytes) ||
		    !skip(r, data_bytes))
			return false;
		if (type != TYPE_OPT)
			continue;
		if (q->edns || *name != 0)
			return false;
		q->edns = true;
		q->edns_version = (uint8_t)ttl_high;
	}
	return true;
}

/* Reads a message. -EINVAL: it deserves no answer; else the response code so far. */
static int
query_read(const uint8_t *message, uint32_t bytes, struct query *q)
{
	struct reader r = { .at = message, .end = message + bytes };
	uint16_t questions, answers, authorities, additional;

	*q = (struct query){ .question = message + HEADER_BYTES };
	if (!read_u16(&r, &q->id) || !read_u16(&r, &q->flags) || !read_u16(&r, &questions) ||
	    !read_u16(&r, &answers) || !read_u16(&r, &authorities) || !read_u16(&r, &additional))
		return -EINVAL;
	/* Two servers that answer answers would never end. */
	if (q->flags & FLAG_RESPONSE)
		return -EINVAL;
	if (q->flags & FLAG_OPCODE)
		return NOTIMP;
	/* RFC 9619: a query has one question. */
	if (questions != 1 || answers != 0 || authorities != 0)
		return FORMERR;
	if (!read_name(&r, q->name) || !read_u16(&r, &q->type) || !read_u16(&r, &q->class))
		return FORMERR;
	q->question_bytes = (uint16_t)(r.at - q->question);
	if (!read_additional(&r, additional, q))
		return FORMERR;
	if (q->edns && q->edns_version != 0)
		return BADVERS;
	return q->class == CLASS_IN && zone_covers(q->name) ? NOERROR : REFUSED;
}

/* -- Writing -- */

struct answer {
	uint8_t bytes[MESSAGE_BYTES];
	uint16_t used;
	uint16_t counts[3]; /* answers, authorities, additional */
};

static void
put_u16(struct answer *a, uint16_t value)
{
	a->bytes[a->used++] = (uint8_t)(value >> 8);
	a->bytes[a->used++] = (uint8_t)value;
}

static void
put_u32(struct answer *a, uint32_t value)
{
	put_u16(a, (uint16_t)(value >> 16));
	put_u16(a, (uint16_t)value);
}

static void
put_name(struct answer *a, const char *name)
{
	while (*name != '\0') {
		const size_t label = strcspn(name, ".");

		a->bytes[a->used++] = (uint8_t)label;
		memcpy(a->bytes + a->used, name, label);
		a->used = (uint16_t)(a->used + label);
		name += label + (name[label] == '.');
	}
	a->bytes[a->used++] = 0;
}

static void
put_data(struct answer *a, const struct zone_record *record)
{
	switch (record->type) {
	case TYPE_A:
		inet_pton(AF_INET, record->data, a->bytes + a->used);
		a->used += 4;
		break;
	case TYPE_AAAA:
		inet_pton(AF_INET6, record->data, a->bytes + a->used);
		a->used += 16;
		break;
	case TYPE_NS:
		put_name(a, record->data);
		break;
	default: /* SOA, RFC 1035 3.3.13: serial, refresh, retry, expire, minimum */
		put_name(a, SERVER);
		put_name(a, MAILBOX);
		put_u32(a, 1);
		put_u32(a, 3600);
		put_u32(a, 600);
		put_u32(a, 86400);
		put_u32(a, NEGATIVE_S);
		break;
	}
}

/* Adds a record to section 0 (answers), 1 (authorities) or 2 (additional). */
static void
put_record(struct answer *a, unsigned section, const struct zone_record *record, bool as_asked,
	   uint32_t ttl_s)
{
	uint16_t length_at;

	if (as_asked)
		put_u16(a, POINTER_TO_QNAME);
	else
		put_name(a, record->name);
	put_u16(a, record->type);
	put_u16(a, CLASS_IN);
	put_u32(a, ttl_s);
	length_at = a->used;
	put_u16(a, 0);
	put_data(a, record);
	a->bytes[length_at + 1] = (uint8_t)(a->used - length_at - 2);
	a->counts[section]++;
}

/* Adds what the zone has; returns NOERROR or NXDOMAIN. */
static int
put_answers(struct answer *a, const struct query *q)
{
	bool exists = false;

	for (size_t i = 0; i < ZONE_RECORDS; i++) {
		if (strcasecmp(q->name, zone[i].name) != 0)
			continue;
		exists = true;
		/* RFC 8482 4.1: who asks for anything may get one kind of it. */
		if (q->type == zone[i].type || (q->type == TYPE_ANY && a->counts[0] == 0))
			put_record(a, 0, &zone[i], true, TTL_S);
	}
	/* RFC 2308 2: that there is nothing is told with the zone's SOA. */
	if (a->counts[0] == 0)
		put_record(a, 1, &zone[0], false, NEGATIVE_S);
	return exists ? NOERROR : NXDOMAIN;
}

/* Writes the answer to a query that was read with `rcode`. */
static void
answer_write(struct answer *a, const struct query *q, int rcode)
{
	*a = (struct answer){ .used = HEADER_BYTES };
	memcpy(a->bytes + a->used, q->question, q->question_bytes);
	a->used = (uint16_t)(a->used + q->question_bytes);
	const bool ours = rcode == NOERROR;

	if (ours)
		rcode = put_answers(a, q);
	if (q->edns) {
		put_name(a, "");
		put_u16(a, TYPE_OPT);
		put_u16(a, EDNS_BYTES);
		put_u32(a, (uint32_t)(rcode >> 4) << 24);
		put_u16(a, 0);
		a->counts[2]++;
	}
	const uint16_t bytes = a->used;

	a->used = 0;
	put_u16(a, q->id);
	put_u16(a, (uint16_t)(FLAG_RESPONSE | (q->flags & (FLAG_OPCODE | FLAG_RECURSION)) |
			      (ours ? FLAG_AUTHORITATIVE : 0) | (rcode & 15)));
	put_u16(a, q->question_bytes != 0);
	for (unsigned section = 0; section < 3; section++)
		put_u16(a, a->counts[section]);
	a->used = bytes;
}

/* -- The application -- */

static volatile sig_atomic_t stopped;

static void
stop(int signal_number)
{
	(void)signal_number;
	stopped = 1;
}

/* Whether the packet was a query and its answer is on its way. */
static bool
answer_packet(struct berth *b, const struct berth_packet *packet)
{
	struct query q;
	struct answer a;
	uint32_t bytes;
	int rcode;

	/* ICMP errors are about a flow of ours, but no queries. */
	if (packet->flags & BERTH_PACKET_ICMP_ERROR)
		return false;
	const uint8_t *message = berth_packet_payload(packet, &bytes);

	rcode = query_read(message, bytes, &q);
	if (rcode < 0)
		return false;
	answer_write(&a, &q, rcode);
	/* A full tx ring loses the answer; who asked asks again. */
	return berth_udp_reply(b, packet, a.bytes, a.used) == 0;
}

/* Answers until stopped. 0, or why berthd is no more. */
static int
serve(struct berth *b, struct berth_port *port, uint64_t *answered)
{
	struct berth_packet burst[BURST];

	while (!stopped) {
		const uint16_t n = berth_rx_burst(port, burst, BURST);

		for (uint16_t i = 0; i < n; i++)
			*answered += answer_packet(b, &burst[i]);
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
	fprintf(stderr, "dns: %s\n", berth_last_error(b));
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
	const char *socket = NULL, *name = "dns";
	struct berth_port_options port_options = { 0 };
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
		fprintf(stderr, "usage: dns [--socket PATH] [--name NAME] [--ring-bytes N] "
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
	rc = serve(b, port, &answered);
	if (rc != 0)
		fprintf(stderr, "dns: berthd is gone: %s\n", strerror(-rc));
	printf("dns: %" PRIu64 " answered\n", answered);
	berth_close(b);
	return rc == 0 ? 0 : 1;
}
