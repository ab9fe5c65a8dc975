/* SPDX-License-Identifier: BSD-3-Clause */
/* transport.c: the TCP and UDP steps of the walk. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

static bool
checksum_is_wrong(const uint8_t *frame, const struct packet *p, uint8_t proto, uint32_t bytes)
{
	const uint32_t pseudo = checksum_pseudo(frame + p->l3_offset, proto, bytes);

	return checksum_fold(checksum_add(frame + p->l4_offset, bytes, pseudo)) != 0;
}

/* Reads the ports, which both headers start with, and finishes the tuple. */
static enum drop_reason
ports_walk(const uint8_t *l4, uint32_t header_bytes, struct packet *p)
{
	p->kind = PACKET_TRANSPORT;
	p->payload_offset = (uint16_t)(p->l4_offset + header_bytes);
	p->key.port[0] = be16_load(l4);
	p->key.port[1] = be16_load(l4 + 2);
	if (p->key.port[0] == 0 || p->key.port[1] == 0)
		return DROP_PORT_ZERO;
	if (p->key.port[0] == p->key.port[1] &&
	    memcmp(p->key.addr[0], p->key.addr[1], sizeof(p->key.addr[0])) == 0)
		return DROP_LAND;
	return DROP_NONE;
}

/* RFC 9293 3.10: each segment but the first and a reset has ACK; a segment opens, closes or aborts,
 * never two of them. */
static bool
tcp_flags_are_valid(uint8_t flags)
{
	const uint8_t kind = flags & (TCP_FLAG_SYN | TCP_FLAG_FIN | TCP_FLAG_RST);

	if ((flags & (TCP_FLAG_SYN | TCP_FLAG_RST | TCP_FLAG_ACK)) == 0)
		return false;
	return (kind & (kind - 1)) == 0;
}

enum drop_reason
tcp_walk(const uint8_t *frame, unsigned flags, struct packet *p)
{
	const uint8_t *tcp = frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	uint32_t header;
	enum drop_reason reason;

	if (room < TCP_BYTES)
		return DROP_TCP_TRUNCATED;
	header = (tcp[12] >> 4) * 4u;
	if (header < TCP_BYTES || header > room)
		return DROP_TCP_DATA_OFFSET;
	if (walk_l4_checksum_due(flags) && checksum_is_wrong(frame, p, PROTO_TCP, room))
		return DROP_TCP_CHECKSUM;
	reason = ports_walk(tcp, header, p);
	if (reason != DROP_NONE)
		return reason;
	p->tcp_flags = tcp[13];
	return tcp_flags_are_valid(tcp[13]) ? DROP_NONE : DROP_TCP_FLAGS;
}

enum drop_reason
udp_walk(const uint8_t *frame, unsigned flags, struct packet *p)
{
	const uint8_t *udp = frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	uint32_t bytes;

	if (room < UDP_BYTES)
		return DROP_UDP_TRUNCATED;
	bytes = be16_load(udp + 4);
	if (bytes < UDP_BYTES || bytes > room)
		return DROP_UDP_LENGTH;
	if (be16_load(udp + 6) == 0) {
		/* RFC 768: the sender made none; RFC 8200 8.1: over IPv6 it must. */
		if (p->key.family == FAMILY_IPV6 && (flags & PARSE_CHECKSUM_IGNORE) == 0)
			return DROP_UDP_CHECKSUM;
	} else if (walk_l4_checksum_due(flags) && checksum_is_wrong(frame, p, PROTO_UDP, bytes)) {
		return DROP_UDP_CHECKSUM;
	}
	return ports_walk(udp, UDP_BYTES, p);
}
