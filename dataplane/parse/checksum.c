/* SPDX-License-Identifier: BSD-3-Clause */
/* checksum.c: the Internet checksum (RFC 1071): summed, folded, verified and filled in. */
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/parse.h"

static inline uint64_t
word_load(const uint8_t *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Adds the two halves of each word to a sum that has room for 2^32 of them: no carry is lost and
 * none need be looked at. */
static inline uint64_t
halves(uint64_t word)
{
	return (word & UINT32_MAX) + (word >> 32);
}

/* The one's complement sum does not depend on byte order (RFC 1071 2B): words are added as this
 * processor loads them, and the folded sum is turned round once. */
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the folded sum is turned round");

uint32_t
checksum_add(const uint8_t *data, size_t bytes, uint32_t sum)
{
	uint64_t a = 0, b = 0;

	for (; bytes >= 32; bytes -= 32, data += 32) {
		a += halves(word_load(data)) + halves(word_load(data + 8));
		b += halves(word_load(data + 16)) + halves(word_load(data + 24));
	}
	for (; bytes >= 8; bytes -= 8, data += 8)
		a += halves(word_load(data));
	/* The rest in pieces of fixed size; a last odd byte is the first of its pair. */
	if (bytes & 4) {
		uint32_t v;

		memcpy(&v, data, sizeof(v));
		b += v;
		data += sizeof(v);
	}
	if (bytes & 2) {
		uint16_t v;

		memcpy(&v, data, sizeof(v));
		b += v;
		data += sizeof(v);
	}
	if (bytes & 1)
		b += *data;
	a = halves(a) + halves(b);
	a = halves(a);
	a = (a & 0xffff) + (a >> 16);
	a = (a & 0xffff) + (a >> 16);
	a = (a & 0xffff) + (a >> 16);
	return (sum & 0xffff) + (sum >> 16) + __builtin_bswap16((uint16_t)a);
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
