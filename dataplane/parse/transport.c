/* SPDX-License-Identifier: BSD-3-Clause */
/* transport.c: the choice of the transport, and the TCP, UDP and UDP-Lite steps of the walk. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

/* Whether the sum over the first `covered` of `bytes` of transport is wrong. */
static bool
checksum_is_wrong(const struct walk *w, uint8_t proto, uint32_t bytes, uint32_t covered)
{
	const struct packet *p = w->p;
	const uint32_t pseudo = checksum_pseudo(w->frame + p->l3_offset, proto, bytes);

	return checksum_fold(checksum_add(w->frame + p->l4_offset, covered, pseudo)) != 0;
}

/* A header that the packet ends in; RFC 7112 5 and RFC 1858 3 have their own word for fragments. */
static enum drop_reason
truncated(const struct packet *p, enum drop_reason reason)
{
	return walk_is_fragment(p) ? DROP_FRAGMENT_HEADERS : reason;
}

void
ports_note(struct walk *w, uint32_t header_bytes)
{
	struct packet *p = w->p;
	const uint8_t *l4 = w->frame + p->l4_offset;

	p->kind = PACKET_TRANSPORT;
	p->payload_offset = (uint16_t)(p->l4_offset + header_bytes);
	p->key.port[0] = be16_load(l4);
	p->key.port[1] = be16_load(l4 + 2);
}

enum drop_reason
ports_check(const struct packet *p)
{
	if (p->key.port[0] == 0 || p->key.port[1] == 0)
		return DROP_PORT_ZERO;
	if (p->key.port[0] == p->key.port[1] &&
	    memcmp(p->key.addr[0], p->key.addr[1], sizeof(p->key.addr[0])) == 0)
		return DROP_LAND;
	return DROP_NONE;
}

enum drop_reason
tcp_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *tcp = w->frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	uint32_t header;
	enum drop_reason reason;

	if (room < TCP_BYTES)
		return truncated(p, DROP_TCP_TRUNCATED);
	header = (tcp[12] >> 4) * 4u;
	ports_note(w, header);
	p->tcp_flags = tcp[13];
	p->tcp_seq = be32_load(tcp + 4);
	p->tcp_ack = be32_load(tcp + 8);
	p->tcp_window = be16_load(tcp + 14);
	if (header < TCP_BYTES)
		return DROP_TCP_DATA_OFFSET;
	if (header > room)
		return truncated(p, DROP_TCP_DATA_OFFSET);
	if (walk_l4_checksum_due(w->flags) && checksum_is_wrong(w, PROTO_TCP, room, room))
		return DROP_TCP_CHECKSUM;
	reason = ports_check(p);
	if (reason != DROP_NONE)
		return reason;
	if (!walk_tcp_flags_valid(tcp[13]))
		return DROP_TCP_FLAGS;
	return header == TCP_BYTES ? DROP_NONE : tcp_options_walk(tcp, header, p);
}

/* RFC 768: a checksum of 0 says that the sender made none; RFC 8200 8.1: over IPv6 it must, unless
 * the datagram is a tunnel's, whose inner packet has its own (RFC 6935 5). */
static bool
udp_checksum_fails(const struct walk *w, const uint8_t *udp, uint32_t bytes, bool tunnel)
{
	if (be16_load(udp + 6) == 0)
		return w->p->key.family == FAMILY_IPV6 && !tunnel &&
		       (w->flags & PARSE_CHECKSUM_IGNORE) == 0;
	return walk_l4_checksum_due(w->flags) && checksum_is_wrong(w, PROTO_UDP, bytes, bytes);
}

static enum drop_reason
udp_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *udp = w->frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	const bool fragment = walk_is_fragment(p);
	enum tunnel_type tunnel = TUNNEL_NONE;
	enum drop_reason reason;
	uint32_t bytes;

	if (room < UDP_BYTES)
		return truncated(p, DROP_UDP_TRUNCATED);
	ports_note(w, UDP_BYTES);
	bytes = be16_load(udp + 4);
	/* A first fragment holds less than the datagram's length. */
	if (bytes < UDP_BYTES || (bytes > room && !fragment))
		return DROP_UDP_LENGTH;
	if (!fragment)
		tunnel = tunnel_of_port(w->flags, be16_load(udp + 2));
	if (udp_checksum_fails(w, udp, bytes, tunnel != TUNNEL_NONE))
		return DROP_UDP_CHECKSUM;
	reason = ports_check(p);
	if (reason != DROP_NONE || tunnel == TUNNEL_NONE)
		return reason;
	return tunnel_udp_walk(w, tunnel, p->l4_offset + bytes);
}

/* RFC 3828 3.1: the length field became the number of bytes that the checksum covers, 0: all. */
static enum drop_reason
udplite_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *udp = w->frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	uint32_t covered;

	if (room < UDP_BYTES)
		return truncated(p, DROP_UDP_TRUNCATED);
	ports_note(w, UDP_BYTES);
	covered = be16_load(udp + 4);
	if (covered == 0)
		covered = room;
	if (covered < UDP_BYTES || (covered > room && !walk_is_fragment(p)))
		return DROP_UDPLITE_COVERAGE;
	if (be16_load(udp + 6) == 0 && (w->flags & PARSE_CHECKSUM_IGNORE) == 0)
		return DROP_UDPLITE_CHECKSUM;
	if (walk_l4_checksum_due(w->flags) && checksum_is_wrong(w, PROTO_UDPLITE, room, covered))
		return DROP_UDPLITE_CHECKSUM;
	return ports_check(p);
}

/* Protocols that exist in one family only, and those without ports. */
static enum drop_reason
other_walk(struct walk *w)
{
	struct packet *p = w->p;

	if (p->key.family == FAMILY_IPV6)
		return p->key.proto == PROTO_ICMPV6 ? icmpv6_walk(w) : DROP_NONE;
	if (walk_is_fragment(p))
		return p->key.proto == PROTO_ICMP ? icmp_walk(w) : DROP_NONE;
	switch (p->key.proto) {
	case PROTO_ICMP:
		return icmp_walk(w);
	case PROTO_GRE:
		return w->flags & PARSE_TUNNEL(TUNNEL_GRE) ? tunnel_ip_walk(w) : DROP_NONE;
	case PROTO_IPIP:
		return w->flags & PARSE_TUNNEL(TUNNEL_IPIP) ? tunnel_ip_walk(w) : DROP_NONE;
	case PROTO_6IN4:
		return w->flags & PARSE_TUNNEL(TUNNEL_6IN4) ? tunnel_ip_walk(w) : DROP_NONE;
	default:
		return DROP_NONE;
	}
}

enum drop_reason
transport_walk(struct walk *w)
{
	struct packet *p = w->p;

	p->kind = PACKET_NO_PORTS;
	if (walk_is_fragment(p)) {
		if (p->more.fragment.offset != 0) {
			p->kind = PACKET_LATER_FRAGMENT;
			return DROP_NONE;
		}
		/* Checksums are the whole datagram's. */
		w->flags |= PARSE_L4_CHECKSUM_GOOD;
	}
	switch (p->key.proto) {
	case PROTO_TCP:
		return tcp_walk(w);
	case PROTO_UDP:
		return udp_walk(w);
	case PROTO_UDPLITE:
		return udplite_walk(w);
	case PROTO_SCTP:
		return sctp_walk(w);
	default:
		return other_walk(w);
	}
}
