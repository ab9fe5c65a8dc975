/* SPDX-License-Identifier: BSD-3-Clause */
/* talk.c: who talks to whom, UDP and ICMP, and what networks do to packets. */
#include "tests/e2e/track_linux/talk.h"

#include <string.h>

#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/parse.h"

uint8_t *
talk_ip(const struct talk *t, unsigned from, uint16_t bytes, struct talk_packet *out)
{
	const uint8_t *source = t->address[from], *destination = t->address[!from];

	out->from = (uint8_t)from;
	if (t->family == FAMILY_IPV4) {
		out->length = (uint16_t)(IPV4_BYTES + bytes);
		ipv4_header_store(out->bytes, out->length, t->proto, source, destination);
	} else {
		out->length = (uint16_t)(IPV6_BYTES + bytes);
		ipv6_header_store(out->bytes, bytes, t->proto, HOP_LIMIT_DEFAULT, source,
				  destination);
	}
	return out->bytes + out->length - bytes;
}

/* Host `side` of conversation `number`: 10.1.h.h or 10.2.h.h, fd00:1::h or fd00:2::h. */
static void
address_make(struct talk *t, unsigned side, uint32_t number)
{
	uint8_t *a = t->address[side];

	memset(a, 0, sizeof(t->address[side]));
	if (t->family == FAMILY_IPV4) {
		a[0] = 10;
		a[1] = (uint8_t)(1 + side);
		be16_store(a + 2, (uint16_t)(1 + number / 40000 % 60000));
		return;
	}
	a[0] = 0xfd;
	a[3] = (uint8_t)(1 + side);
	be32_store(a + 12, 1 + number / 40000);
}

void
talk_begin(struct talk *t, uint32_t number, struct random *r)
{
	const uint32_t kind = random_below(r, 100);

	*t = (struct talk){ .family = random_one_in(r, 2) ? FAMILY_IPV6 : FAMILY_IPV4 };
	t->proto = kind < 60                  ? PROTO_TCP
		   : kind < 75                ? PROTO_UDP
		   : kind < 90                ? PROTO_SCTP
		   : t->family == FAMILY_IPV4 ? PROTO_ICMP
					      : PROTO_ICMPV6;
	for (unsigned side = 0; side < 2; side++)
		address_make(t, side, number);
	t->port[0] = (uint16_t)(1024 + number % 40000);
	t->port[1] = (uint16_t)(1 + random_below(r, 1000));
	talk_again(t, r);
}

void
talk_again(struct talk *t, struct random *r)
{
	t->over = false;
	t->packets = 0;
	t->life = 2 + random_below(r, 60);
	memset(t->icmp_request, 0, sizeof(t->icmp_request));
	if (t->proto == PROTO_TCP)
		talk_tcp_begin(t, r);
	if (t->proto == PROTO_SCTP)
		talk_sctp_begin(t, r);
}

static void
udp_next(const struct talk *t, struct random *r, struct talk_packet *out)
{
	const unsigned from = t->packets > 0 && random_one_in(r, 2);
	const uint16_t bytes = (uint16_t)(UDP_BYTES + random_below(r, 200));
	uint8_t *udp = talk_ip(t, from, bytes, out);

	memset(udp, 0, bytes);
	be16_store(udp, t->port[from]);
	be16_store(udp + 2, t->port[!from]);
	be16_store(udp + 4, bytes);
}

/* Echo, mostly: answers with and without a request. */
static void
icmp_next(struct talk *t, struct random *r, struct talk_packet *out)
{
	const unsigned from = random_one_in(r, t->packets > 0 ? 2 : 10);
	const bool ipv4 = t->family == FAMILY_IPV4;
	const bool answer = t->icmp_request[!from] ? !random_one_in(r, 5) : random_one_in(r, 20);
	const bool stamp = ipv4 && random_one_in(r, 5);
	uint8_t *icmp = talk_ip(t, from, 20, out);

	memset(icmp, 0, 20);
	if (!ipv4)
		icmp[0] = answer ? ICMPV6_ECHO_REPLY : ICMPV6_ECHO_REQUEST;
	else if (stamp)
		icmp[0] = answer ? 14 : 13;
	else
		icmp[0] = answer ? ICMP_ECHO_REPLY : ICMP_ECHO_REQUEST;
	t->icmp_request[from] |= !answer;
	be16_store(icmp + 4, t->port[0]);
	be16_store(icmp + 6, (uint16_t)t->packets);
}

/* An ICMP error about one of the last packets, as it was or with other numbers. */
static void
error_next(const struct talk *t, struct random *r, struct talk_packet *out)
{
	const struct talk_packet *about = &t->kept[random_below(r, t->kept_count)];
	const bool ipv4 = t->family == FAMILY_IPV4;
	const unsigned header = ipv4 ? IPV4_BYTES : IPV6_BYTES;
	const uint16_t quoted = (uint16_t)(header + 8);
	struct talk icmp = *t;
	uint8_t *at;

	icmp.proto = ipv4 ? PROTO_ICMP : PROTO_ICMPV6;
	at = talk_ip(&icmp, !about->from, (uint16_t)(8 + quoted), out);
	memset(at, 0, 8);
	at[0] = ipv4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE;
	at[1] = ipv4 ? 1 : 3; /* host, address */
	memcpy(at + 8, about->bytes, quoted);
	if (random_one_in(r, 3)) /* the number after the ports */
		be32_store(at + 8 + header + 4, (uint32_t)random_u64(r));
}

/* Right checksums, whatever the packet says. */
static void
seal(struct talk_packet *p)
{
	struct packet parsed;

	(void)parse_ip(p->bytes, p->length, PARSE_CHECKSUM_IGNORE | PARSE_SOURCE_ANY, &parsed);
	checksum_fill(p->bytes, &parsed);
}

static void
keep(struct talk *t, const struct talk_packet *p)
{
	t->kept[t->kept_next++ % TALK_KEPT] = *p;
	if (t->kept_count < TALK_KEPT)
		t->kept_count++;
}

void
talk_next(struct talk *t, struct random *r, struct talk_packet *out)
{
	const bool query = t->proto == PROTO_ICMP || t->proto == PROTO_ICMPV6;

	/* What the network repeats, or brings late. */
	if (t->kept_count > 0 && random_one_in(r, 20)) {
		*out = t->kept[random_below(r, t->kept_count)];
	} else if (t->kept_count > 0 && !query && random_one_in(r, 30)) {
		error_next(t, r, out);
		seal(out);
	} else {
		if (t->proto == PROTO_TCP)
			talk_tcp_next(t, r, out);
		else if (t->proto == PROTO_SCTP)
			talk_sctp_next(t, r, out);
		else if (t->proto == PROTO_UDP)
			udp_next(t, r, out);
		else
			icmp_next(t, r, out);
		seal(out);
		keep(t, out);
	}
	if (++t->packets >= t->life)
		t->over = true;
}
