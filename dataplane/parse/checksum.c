/* SPDX-License-Identifier: BSD-3-Clause */
/* checksum.c: the Internet checksum (RFC 1071): summed, folded, verified and filled in. */
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/parse.h"
#include "dataplane/parse/sum.h"

uint32_t
checksum_add(const uint8_t *data, size_t bytes, uint32_t sum)
{
	uint64_t a = 0;

	if (bytes >= 8)
		a = sum_bytes(data, (uint32_t)bytes);
	else
		/* A last odd byte is the first of its pair. */
		for (size_t i = 0; i < bytes; i++)
			a += (uint64_t)data[i] << (i % 2 * 8);
	return (sum & 0xffff) + (sum >> 16) + __builtin_bswap16(sum_fold(a));
}

uint16_t
checksum_fold(uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

uint32_t
checksum_pseudo(const uint8_t *ip, uint8_t proto, uint32_t l4_bytes)
{
	const uint32_t sum = proto + (l4_bytes & 0xffff) + (l4_bytes >> 16);

	if (ip[0] >> 4 == 4)
		return checksum_add(ip + 12, 8, sum);
	return checksum_add(ip + 8, 32, sum);
}

/* Writes the checksum of the `bytes` at `l4` to the field at `at` in them. */
static void
l4_checksum_store(uint8_t *l4, uint32_t bytes, uint32_t at, uint32_t pseudo)
{
	uint16_t checksum;

	be16_store(l4 + at, 0);
	checksum = checksum_fold(checksum_add(l4, bytes, pseudo));
	be16_store(l4 + at, checksum);
}

/* UDP and UDP-Lite: `bytes` of which `covered` are summed. */
static void
udp_checksum_store(const uint8_t *ip, uint8_t *l4, uint8_t proto, uint32_t bytes, uint32_t covered)
{
	l4_checksum_store(l4, covered, 6, checksum_pseudo(ip, proto, bytes));
	if (be16_load(l4 + 6) == 0)
		be16_store(l4 + 6, UINT16_MAX);
}

static void
transport_checksum_store(const uint8_t *ip, uint8_t *l4, uint8_t proto, uint32_t room)
{
	const uint32_t length = be16_load(l4 + 4); /* UDP's; UDP-Lite's coverage */

	switch (proto) {
	case PROTO_TCP:
		l4_checksum_store(l4, room, 16, checksum_pseudo(ip, PROTO_TCP, room));
		break;
	case PROTO_UDP:
		udp_checksum_store(ip, l4, PROTO_UDP, length, length);
		break;
	case PROTO_UDPLITE:
		udp_checksum_store(ip, l4, PROTO_UDPLITE, room, length == 0 ? room : length);
		break;
	case PROTO_SCTP:
		le32_store(l4 + 8, sctp_checksum(l4, room));
		break;
	default:
		break;
	}
}

void
checksum_fill(uint8_t *frame, const struct packet *p)
{
	uint8_t *ip = frame + p->l3_offset, *l4 = frame + p->l4_offset;
	const uint32_t room = (uint32_t)p->l3_offset + p->l3_bytes - p->l4_offset;
	const bool ipv4 = ip[0] >> 4 == 4;

	if (p->kind == PACKET_ARP)
		return;
	if (ipv4) {
		be16_store(ip + 10, 0);
		be16_store(ip + 10, checksum_fold(checksum_add(ip, (ip[0] & 0x0fu) * 4, 0)));
	}
	if (p->facts & PACKET_FRAGMENT || p->kind == PACKET_NO_PORTS)
		return;
	if (p->kind == PACKET_TRANSPORT)
		transport_checksum_store(ip, l4, p->key.proto, room);
	else
		/* The key of an error holds the quoted protocol, so that it cannot be asked. */
		l4_checksum_store(l4, room, 2, ipv4 ? 0 : checksum_pseudo(ip, PROTO_ICMPV6, room));
}
