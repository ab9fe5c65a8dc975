/* SPDX-License-Identifier: BSD-3-Clause */
/* datagram.c: fragments read, and whole datagrams made of them. */
#include "client/datagram.h"

#include <errno.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/identity.h"

#define IPV4_BYTES      20u
#define IPV6_BYTES      40u
#define FRAGMENT_BYTES  8
#define IP_LENGTH_MAX   65535u
#define NEXT_FRAGMENT   44
#define ECN_CE          3
#define TCP_CHECKSUM_AT 16
#define UDP_CHECKSUM_AT 6

static bool
ipv4_part_read(const uint8_t *ip, uint32_t bytes, struct datagram_part *part)
{
	uint32_t header;

	if (bytes < IPV4_BYTES)
		return false;
	header = (ip[0] & 15) * 4u;
	if (ip[0] >> 4 != 4 || header < IPV4_BYTES || header > bytes || be16_load(ip + 2) != bytes)
		return false;
	memcpy(part->name.source, ip + 12, 4);
	memcpy(part->name.destination, ip + 16, 4);
	part->name.id = be16_load(ip + 4);
	part->name.proto = ip[9];
	part->offset = (uint16_t)((be16_load(ip + 6) & 0x1fffu) * 8);
	part->more = ip[6] >> 5 & 1;
	part->ecn = ip[1] & 3;
	part->header_bytes = part->data_at = (uint16_t)header;
	return true;
}

/* Walks the extension headers before the fragment header (RFC 8200 4.5, Per-Fragment headers).
 * Returns the fragment header's offset, 0: none in reach. */
static uint32_t
fragment_header_find(const uint8_t *ip, uint32_t bytes, uint16_t *next_at)
{
	uint32_t at = IPV6_BYTES;
	uint8_t next = ip[6];

	*next_at = 6;
	for (unsigned i = 0; i <= EXT_HEADERS_MAX && at + FRAGMENT_BYTES <= bytes; i++) {
		if (next == NEXT_FRAGMENT)
			return at;
		if (next != 0 && next != 43 && next != 60)
			return 0;
		*next_at = (uint16_t)at;
		next = ip[at];
		at += (ip[at + 1] + 1u) * 8;
	}
	return 0;
}

static bool
ipv6_part_read(const uint8_t *ip, uint32_t bytes, struct datagram_part *part)
{
	uint32_t at;

	if (bytes < IPV6_BYTES || ip[0] >> 4 != 6 || bytes - IPV6_BYTES != be16_load(ip + 4))
		return false;
	at = fragment_header_find(ip, bytes, &part->next_at);
	if (at == 0 || at > DATAGRAM_HEADER_MAX)
		return false;
	memcpy(part->name.source, ip + 8, 16);
	memcpy(part->name.destination, ip + 24, 16);
	part->name.ipv6 = true;
	part->name.id = be32_load(ip + at + 4);
	part->next = ip[at];
	part->offset = be16_load(ip + at + 2) & 0xfff8u;
	part->more = ip[at + 3] & 1;
	part->ecn = ip[1] >> 4 & 3;
	part->header_bytes = (uint16_t)at;
	part->data_at = (uint16_t)(at + FRAGMENT_BYTES);
	return true;
}

bool
datagram_part_read(const struct berth_packet *p, struct datagram_part *out)
{
	struct datagram_part part = { .name.zone = p->zone };
	const bool v6 = (p->flags & BERTH_PACKET_IPV6) != 0;
	uint32_t counted;

	if (p->bytes > PACKET_BYTES_MAX)
		return false;
	if (!(v6 ? ipv6_part_read : ipv4_part_read)(p->data, p->bytes, &part))
		return false;
	part.bytes = (uint16_t)(p->bytes - part.data_at);
	counted = part.header_bytes - (v6 ? IPV6_BYTES : 0);
	if (pieces_check(part.offset, part.bytes, part.more, counted) != PIECES_NEW)
		return false;
	/* The first one has the transport header, which berthd found. */
	if (part.offset == 0 && (p->l4_offset < part.data_at || p->l4_offset > p->bytes))
		return false;
	*out = part;
	return true;
}

void
datagram_copy(struct datagram *d, const struct datagram_part *part, const struct berth_packet *p)
{
	const uint8_t *from = p->data;

	memcpy(d->memory + DATAGRAM_HEADER_MAX + part->offset, from + part->data_at, part->bytes);
	d->ecn_seen |= (uint8_t)(1u << part->ecn);
	if (part->offset != 0)
		return;
	memcpy(d->memory + DATAGRAM_HEADER_MAX - part->header_bytes, from, part->header_bytes);
	d->first = *p;
	d->first.l4_offset = (uint16_t)(p->l4_offset - (part->data_at - part->header_bytes));
	d->header_bytes = part->header_bytes;
	d->next = part->next;
	d->next_at = part->next_at;
}

/* RFC 1071, added to `sum`. */
static uint32_t
sum_add(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	for (; bytes > 1; bytes -= 2, data += 2)
		sum += be16_load(data);
	return bytes > 0 ? sum + ((uint32_t)*data << 8) : sum;
}

static uint16_t
sum_fold(uint32_t sum)
{
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* With the pseudo header of RFC 9293 3.1 and RFC 8200 8.1. */
static bool
checksum_right(const struct datagram_name *name, uint8_t proto, const uint8_t *l4, uint32_t bytes)
{
	const uint32_t address_bytes = name->ipv6 ? 16 : 4;
	uint32_t sum = proto + bytes;

	sum = sum_add(name->source, address_bytes, sum);
	sum = sum_add(name->destination, address_bytes, sum);
	return sum_fold(sum_add(l4, bytes, sum)) == 0;
}

/* Length of the transport header, 0: broken. Only TCP and UDP are known here. */
static uint32_t
transport_check(const struct datagram_name *name, uint8_t proto, const uint8_t *l4, uint32_t bytes)
{
	uint32_t length;

	if (proto == PROTO_UDP) {
		if (bytes < 8)
			return 0;
		length = be16_load(l4 + 4);
		if (length < 8 || length > bytes)
			return 0;
		/* RFC 768: none was computed; RFC 8200 8.1 does not allow that. */
		if (be16_load(l4 + UDP_CHECKSUM_AT) == 0)
			return name->ipv6 ? 0 : 8;
		return checksum_right(name, proto, l4, length) ? 8 : 0;
	}
	if (bytes < 20)
		return 0;
	length = (l4[12] >> 4) * 4u;
	if (length < 20 || length > bytes)
		return 0;
	return checksum_right(name, proto, l4, bytes) ? length : 0;
}

/* RFC 3168 5.3: congestion met by one fragment is met by the datagram, and where another was sent
 * by somebody who does not know of it, the datagram is lost instead. */
static bool
ecn_merge(const struct datagram *d, uint8_t *ip)
{
	if (!(d->ecn_seen & 1u << ECN_CE))
		return true;
	ip[1] |= d->name.ipv6 ? ECN_CE << 4 : ECN_CE;
	return !(d->ecn_seen & 1u);
}

static void
ipv4_header_finish(uint8_t *ip, uint32_t header, uint32_t bytes)
{
	be16_store(ip + 2, (uint16_t)bytes);
	be16_store(ip + 6, 0);
	be16_store(ip + 10, 0);
	be16_store(ip + 10, sum_fold(sum_add(ip, header, 0)));
}

int
datagram_finish(struct datagram *d, struct berth_packet *out)
{
	uint8_t *ip = d->memory + DATAGRAM_HEADER_MAX - d->header_bytes;
	const uint32_t bytes = d->header_bytes + (uint32_t)d->pieces.end;
	const uint32_t l4 = d->first.l4_offset;
	const uint8_t proto = d->first.proto;
	uint32_t l4_header = 0;

	if (bytes - (d->name.ipv6 ? IPV6_BYTES : 0) > IP_LENGTH_MAX || l4 > bytes ||
	    !ecn_merge(d, ip))
		return -EBADMSG;
	if (d->name.ipv6) {
		be16_store(ip + 4, (uint16_t)(bytes - IPV6_BYTES));
		ip[d->next_at] = d->next;
	} else {
		ipv4_header_finish(ip, d->header_bytes, bytes);
	}
	if (proto == PROTO_TCP || proto == PROTO_UDP) {
		l4_header = transport_check(&d->name, proto, ip + l4, bytes - l4);
		if (l4_header == 0)
			return -EBADMSG;
	}
	*out = d->first;
	out->data = ip;
	out->bytes = bytes;
	out->payload_offset = (uint16_t)(l4 + l4_header);
	out->flags &= (uint16_t) ~(BERTH_PACKET_FRAGMENT | BERTH_PACKET_LATER);
	return 0;
}
