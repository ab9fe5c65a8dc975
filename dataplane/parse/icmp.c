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
	      struct packet *p)
{
	struct flow_key *key = &p->key;
	const size_t address_bytes = key->family == FAMILY_IPV4 ? 4 : 16;

	key->port[0] = key->port[1] = 0;
	switch (key->proto) {
	case PROTO_TCP:
	case PROTO_SCTP:
		p->tcp_seq = be32_load(l4 + 4); /* or the verification tag */
						/* fall through */
	case PROTO_UDP:
	case PROTO_UDPLITE:
		key->port[0] = be16_load(l4 + 2);
		key->port[1] = be16_load(l4);
		break;
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		/* Errors are not about errors (RFC 1122 3.2.2, RFC 4443 2.4). */
		if ((key->family == FAMILY_IPV4) != (key->proto == PROTO_ICMP))
			break;
		if ((key->family == FAMILY_IPV4 ? icmp_query_bytes(l4[0])
						: icmpv6_query_bytes(l4[0])) == 0)
			return DROP_ICMP_QUOTE;
		key->port[0] = key->port[1] = be16_load(l4 + 4);
		break;
	default:
		break;
	}
	/* An error goes to the sender of what it quotes (RFC 1122 3.2.2, RFC 4443 2.2). */
	if (memcmp(source, key->addr[1], address_bytes) != 0)
		return DROP_ICMP_QUOTE;
	memcpy(key->addr[0], destination, address_bytes);
	return DROP_NONE;
}

/* `bytes` of a quoted IPv4 packet may be read at `ip`; the packet itself may have been longer. */
static enum drop_reason
quote_ipv4_walk(const uint8_t *ip, uint32_t bytes, struct packet *p)
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
	p->key.proto = ip[9];
	return quote_l4_walk(ip + header, ip + 12, ip + 16, p);
}

static enum drop_reason
quote_ipv6_walk(const uint8_t *ip, uint32_t bytes, struct packet *p)
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
	p->key.proto = chain.proto;
	return quote_l4_walk(ip + chain.l4_offset, ip + 8, ip + 24, p);
}

/* RFC 4884 4: errors with extensions say how long the quote is, in words of 4 or 8 bytes; what lies
 * behind it is not the quoted packet. 0, as in all older ones: to the end. */
static uint32_t
quote_bytes(const struct packet *p, const uint8_t *icmp, uint32_t room)
{
	const bool ipv4 = p->key.family == FAMILY_IPV4;
	uint32_t bytes = 0;

	if (ipv4)
		bytes = icmp[5] * 4u;
	else if (p->icmp_type == ICMPV6_UNREACHABLE || p->icmp_type == ICMPV6_TIME_EXCEEDED)
		bytes = icmp[4] * 8u;
	return bytes != 0 && bytes < room - ICMP_BYTES ? bytes : room - ICMP_BYTES;
}

static enum drop_reason
quote_walk(struct walk *w, uint32_t room)
{
	struct packet *p = w->p;
	const uint8_t *icmp = w->frame + p->l4_offset;
	const uint32_t bytes = quote_bytes(p, icmp, room);

	p->kind = PACKET_ICMP_ERROR;
	p->more.quote_offset = (uint16_t)(p->l4_offset + ICMP_BYTES);
	p->facts |= PACKET_QUOTE;
	if (p->key.family == FAMILY_IPV4)
		return quote_ipv4_walk(icmp + ICMP_BYTES, bytes, p);
	return quote_ipv6_walk(icmp + ICMP_BYTES, bytes, p);
}

/* Finishes a query of at least `bytes_min`: the identifier stands for both ports. */
static enum drop_reason
query_walk(struct walk *w, uint32_t room, uint32_t bytes_min)
{
	struct packet *p = w->p;

	if (room < bytes_min)
		return walk_is_fragment(p) ? DROP_FRAGMENT_HEADERS : DROP_ICMP_TRUNCATED;
	p->kind = PACKET_ICMP_QUERY;
	p->key.port[0] = p->key.port[1] = be16_load(w->frame + p->l4_offset + 4);
	if (memcmp(p->key.addr[0], p->key.addr[1], sizeof(p->key.addr[0])) == 0)
		return DROP_LAND;
	return DROP_NONE;
}

/* Fills what all messages have, and proves the checksum. */
static enum drop_reason
message_walk(struct walk *w, uint32_t room)
{
	struct packet *p = w->p;
	const uint8_t *icmp = w->frame + p->l4_offset;
	uint32_t pseudo = 0;

	if (room < ICMP_BYTES)
		return walk_is_fragment(p) ? DROP_FRAGMENT_HEADERS : DROP_ICMP_TRUNCATED;
	p->icmp_type = icmp[0];
	p->icmp_code = icmp[1];
	p->kind = PACKET_ICMP_OTHER;
	if (!walk_l4_checksum_due(w->flags))
		return DROP_NONE;
	if (p->key.family == FAMILY_IPV6)
		pseudo = checksum_pseudo(w->frame + p->l3_offset, PROTO_ICMPV6, room);
	return checksum_fold(checksum_add(icmp, room, pseudo)) == 0 ? DROP_NONE
								    : DROP_ICMP_CHECKSUM;
}

enum drop_reason
icmp_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint32_t room = walk_l4_bytes(p);
	const enum drop_reason reason = message_walk(w, room);
	uint32_t query_bytes;

	if (reason != DROP_NONE)
		return reason;
	query_bytes = icmp_query_bytes(p->icmp_type);
	if (query_bytes != 0)
		return query_walk(w, room, query_bytes);
	/* Errors are short: what comes in fragments is none that a flow could believe. */
	return icmp_is_error(p->icmp_type) && !walk_is_fragment(p) ? quote_walk(w, room)
								   : DROP_NONE;
}

enum drop_reason
icmpv6_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint32_t room = walk_l4_bytes(p);
	const enum drop_reason reason = message_walk(w, room);
	uint32_t query_bytes;

	if (reason != DROP_NONE)
		return reason;
	query_bytes = icmpv6_query_bytes(p->icmp_type);
	if (query_bytes != 0)
		return query_walk(w, room, query_bytes);
	if (p->icmp_type >= ICMPV6_ND_FIRST && p->icmp_type <= ICMPV6_ND_LAST)
		p->kind = PACKET_ICMP_ND;
	return icmpv6_is_error(p->icmp_type) && !walk_is_fragment(p) ? quote_walk(w, room)
								     : DROP_NONE;
}
