/* SPDX-License-Identifier: BSD-3-Clause */
/* ipv4.c: the IPv4 step of the walk: header, options, source address. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

#define OPTION_END           0
#define OPTION_NOP           1
#define OPTION_LOOSE_ROUTE   131
#define OPTION_STRICT_ROUTE  137
#define FRAGMENT_MORE_OFFSET 0x3fffu /* more-fragments bit and offset */

/* Walks the options in [option, end). They are not acted upon, but a sender that breaks them is not
 * trusted further, and a source route would let a stranger choose the way of answers. */
static enum drop_reason
options_walk(const uint8_t *option, const uint8_t *end)
{
	while (option < end && *option != OPTION_END) {
		if (*option == OPTION_NOP) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			return DROP_IPV4_OPTIONS;
		if (*option == OPTION_LOOSE_ROUTE || *option == OPTION_STRICT_ROUTE)
			return DROP_IPV4_SOURCE_ROUTE;
		option += option[1];
	}
	return DROP_NONE;
}

/* RFC 1122 3.2.1.3: no datagram comes from "this network" (0/8), from loopback (127/8), or from
 * multicast, reserved or broadcast addresses (224/3). */
static bool
source_is_valid(const uint8_t *source)
{
	return source[0] != 0 && source[0] != 127 && source[0] < 224;
}

enum drop_reason
ipv4_walk(const uint8_t *frame, uint32_t end, unsigned flags, struct packet *p)
{
	const uint8_t *ip = frame + p->l3_offset;
	const uint32_t room = end - p->l3_offset;
	uint32_t header, total;
	enum drop_reason reason;

	if (room < IPV4_BYTES)
		return DROP_IPV4_TRUNCATED;
	if (ip[0] >> 4 != 4)
		return DROP_IPV4_VERSION;
	header = (ip[0] & 0x0fu) * 4;
	total = be16_load(ip + 2);
	if (header < IPV4_BYTES || header > total)
		return DROP_IPV4_HEADER_LENGTH;
	if (total > room)
		return DROP_IPV4_TRUNCATED;
	if ((flags & (PARSE_L3_CHECKSUM_GOOD | PARSE_CHECKSUM_IGNORE)) == 0 &&
	    checksum_fold(checksum_add(ip, header, 0)) != 0)
		return DROP_IPV4_CHECKSUM;
	if (header > IPV4_BYTES) {
		reason = options_walk(ip + IPV4_BYTES, ip + header);
		if (reason != DROP_NONE)
			return reason;
	}
	if (!source_is_valid(ip + 12))
		return DROP_SOURCE_INVALID;
	if (be16_load(ip + 6) & FRAGMENT_MORE_OFFSET)
		return DROP_FRAGMENT;

	p->l3_bytes = (uint16_t)total;
	p->l4_offset = (uint16_t)(p->l3_offset + header);
	p->ttl = ip[8];
	p->key.family = FAMILY_IPV4;
	p->key.proto = ip[9];
	memcpy(p->key.addr[0], ip + 12, 4);
	memcpy(p->key.addr[1], ip + 16, 4);
	switch (p->key.proto) {
	case PROTO_TCP:
		return tcp_walk(frame, flags, p);
	case PROTO_UDP:
		return udp_walk(frame, flags, p);
	case PROTO_ICMP:
		return icmp_walk(frame, flags, p);
	default:
		return DROP_PROTOCOL_UNKNOWN;
	}
}
