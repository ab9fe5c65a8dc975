/* SPDX-License-Identifier: BSD-3-Clause */
/* icmp.c: the ICMP and ICMPv6 steps of the walk, with the packet that an error quotes. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

/* Smallest message of an ICMP query type, or 0: no query. RFC 792, RFC 950, RFC 8335. */
static uint32_t
icmp_query_bytes(uint8_t type)
{
	switch (type) {
	case ICMP_ECHO_REPLY:
	case ICMP_ECHO_REQUEST:
	case 15: /* information */
	case 16:
	case 42: /* extended echo */
	case 43:
		return ICMP_BYTES;
	case 13: /* timestamp */
	case 14:
		return 20;
	case 17: /* address mask */
	case 18:
		return 12;
	default:
		return 0;
	}
}

/* The same for ICMPv6. RFC 4443 4, RFC 8335. */
static uint32_t
icmpv6_query_bytes(uint8_t type)
{
	switch (type) {
	case ICMPV6_ECHO_REQUEST:
	case ICMPV6_ECHO_REPLY:
	case 160: /* extended echo */
	case 161:
		return ICMP_BYTES;
	default:
		return 0;
	}
}

/* Source quench (RFC 6633) and redirect say nothing about a flow that a host may believe. */
static bool
icmp_is_error(uint8_t type)
{
	return type == ICMP_UNREACHABLE || type == ICMP_TIME_EXCEEDED || type == ICMP_PARAMETER;
}

static bool
icmpv6_is_error(uint8_t type)
{
	return type >= ICMPV6_UNREACHABLE && type <= ICMPV6_PARAMETER;
}

/* Reads the ports or the identifier from the first 8 bytes of the quoted transport header, and
 * turns the tuple round: an answer to the quoted packet would come that way. */
static enum drop_reason
quote_l4_walk(const uint8_t *l4, const uint8_t *source, const uint8_t *destination,
	      struct flow_key *key)
{
	const size_t address_bytes = key->family == FAMILY_IPV4 ? 4 : 16;

	if (key->proto == PROTO_TCP || key->proto == PROTO_UDP) {
		key->port[0] = be16_load(l4 + 2);
		key->port[1] = be16_load(l4);
	} else if ((key->family == FAMILY_IPV4 && key->proto == PROTO_ICMP &&
		    icmp_query_bytes(l4[0]) != 0) ||
		   (key->family == FAMILY_IPV6 && key->proto == PROTO_ICMPV6 &&
		    icmpv6_query_bytes(l4[0]) != 0)) {
		key->port[0] = key->port[1] = be16_load(l4 + 4);
	} else {
		return DROP_ICMP_QUOTE;
	}
	/* An error goes to the sender of what it quotes (RFC 1122 3.2.2, RFC 4443 2.2). */
	if (memcmp(source, key->addr[1], address_bytes) != 0)
		return DROP_ICMP_QUOTE;
	memcpy(key->addr[0], destination, address_bytes);
	return DROP_NONE;
}

/* `bytes` of a quoted IPv4 packet may be read at `ip`; the packet itself may have been longer. */
static enum drop_reason
quote_ipv4_walk(const uint8_t *ip, uint32_t bytes, struct flow_key *key)
{
	uint32_t header;

	if (bytes < IPV4_BYTES)
		return DROP_ICMP_TRUNCATED;
	header = (ip[0] & 0x0fu) * 4;
	if (ip[0] >> 4 != 4 || header < IPV4_BYTES || be16_load(ip + 2) < header + 8)
		return DROP_ICMP_QUOTE;
	if (bytes < header + 8)
		return DROP_ICMP_TRUNCATED;
	/* Only a first fragment has ports. */
	if (be16_load(ip + 6) & 0x1fffu)
		return DROP_ICMP_QUOTE;
	key->proto = ip[9];
	return quote_l4_walk(ip + header, ip + 12, ip + 16, key);
}

static enum drop_reason
quote_ipv6_walk(const uint8_t *ip, uint32_t bytes, struct flow_key *key)
{
	struct ipv6_chain chain;
	enum drop_reason reason;

	if (bytes < IPV6_BYTES)
		return DROP_ICMP_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return DROP_ICMP_QUOTE;
	reason = ipv6_chain_walk(ip, bytes, &chain);
	if (reason == DROP_IPV6_EXT_TRUNCATED)
		return DROP_ICMP_TRUNCATED;
	if (reason != DROP_NONE || chain.fragment_offset != 0 ||
	    IPV6_BYTES + (uint32_t)be16_load(ip + 4) < chain.l4_offset + 8)
		return DROP_ICMP_QUOTE;
	if (bytes - chain.l4_offset < 8)
		return DROP_ICMP_TRUNCATED;
	key->proto = chain.proto;
	return quote_l4_walk(ip + chain.l4_offset, ip + 8, ip + 24, key);
}

/* Finishes a query of at least `bytes_min`: the identifier stands for both ports. */
static enum drop_reason
query_walk(const uint8_t *icmp, uint32_t room, uint32_t bytes_min, struct packet *p)
{
	if (room < bytes_min)
		return DROP_ICMP_TRUNCATED;
	p->kind = PACKET_ICMP_QUERY;
	p->key.port[0] = p->key.port[1] = be16_load(icmp + 4);
	if (memcmp(p->key.addr[0], p->key.addr[1], sizeof(p->key.addr[0])) == 0)
		return DROP_LAND;
	return DROP_NONE;
}

/* Fills what all messages have; `sum` is that of the pseudo header, or 0. */
static enum drop_reason
message_walk(const uint8_t *frame, unsigned flags, uint32_t room, uint32_t sum, struct packet *p)
{
	const uint8_t *icmp = frame + p->l4_offset;

	if (walk_l4_checksum_due(flags) && checksum_fold(checksum_add(icmp, room, sum)) != 0)
		return DROP_ICMP_CHECKSUM;
	p->payload_offset = p->l4_offset;
	p->icmp_type = icmp[0];
	p->icmp_code = icmp[1];
	p->kind = PACKET_ICMP_OTHER;
	return DROP_NONE;
}

enum drop_reason
icmp_walk(const uint8_t *frame, unsigned flags, struct packet *p)
{
	const uint8_t *icmp = frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	uint32_t query_bytes;
	enum drop_reason reason;

	if (room < ICMP_BYTES)
		return DROP_ICMP_TRUNCATED;
	reason = message_walk(frame, flags, room, 0, p);
	if (reason != DROP_NONE)
		return reason;
	query_bytes = icmp_query_bytes(p->icmp_type);
	if (query_bytes != 0)
		return query_walk(icmp, room, query_bytes, p);
	if (!icmp_is_error(p->icmp_type))
		return DROP_NONE;
	p->kind = PACKET_ICMP_ERROR;
	return quote_ipv4_walk(icmp + ICMP_BYTES, room - ICMP_BYTES, &p->key);
}

enum drop_reason
icmpv6_walk(const uint8_t *frame, unsigned flags, struct packet *p)
{
	const uint8_t *icmp = frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	uint32_t query_bytes;
	enum drop_reason reason;

	if (room < ICMP_BYTES)
		return DROP_ICMP_TRUNCATED;
	reason = message_walk(frame, flags, room,
			      checksum_pseudo(frame + p->l3_offset, PROTO_ICMPV6, room), p);
	if (reason != DROP_NONE)
		return reason;
	query_bytes = icmpv6_query_bytes(p->icmp_type);
	if (query_bytes != 0)
		return query_walk(icmp, room, query_bytes, p);
	if (p->icmp_type >= ICMPV6_ND_FIRST && p->icmp_type <= ICMPV6_ND_LAST)
		p->kind = PACKET_ICMP_ND;
	if (!icmpv6_is_error(p->icmp_type))
		return DROP_NONE;
	p->kind = PACKET_ICMP_ERROR;
	return quote_ipv6_walk(icmp + ICMP_BYTES, room - ICMP_BYTES, &p->key);
}
