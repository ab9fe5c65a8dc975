/* SPDX-License-Identifier: BSD-3-Clause */
/* ipv4.c: the IPv4 step of the walk: header, options, source address, fragment fields. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

#define OPTION_END           0
#define OPTION_NOP           1
#define OPTION_LOOSE_ROUTE   131
#define OPTION_STRICT_ROUTE  137
#define FRAGMENT_MORE        0x2000u
#define FRAGMENT_OFFSET_MASK 0x1fffu /* in 8 bytes */

/* Walks the options in [option, end). They are not acted upon, but a sender that breaks them is not
 * trusted further, and a source route would let a stranger choose the way of answers. */
enum drop_reason
ipv4_options_walk(const uint8_t *option, const uint8_t *end, unsigned flags)
{
	while (option < end) {
		if (*option == OPTION_NOP) {
			option++;
			continue;
		}
		if (*option == OPTION_END)
			break;
		if (end - option < 2 || option[1] < 2 || option[1] > end - option)
			return DROP_IPV4_OPTIONS;
		if ((*option == OPTION_LOOSE_ROUTE || *option == OPTION_STRICT_ROUTE) &&
		    (flags & PARSE_SOURCE_ROUTE) == 0)
			return DROP_IPV4_SOURCE_ROUTE;
		option += option[1];
	}
	return DROP_NONE;
}

/* Who has no address yet says so with zeroes, to everybody on the link (RFC 1122 3.2.1.3 (a), with
 * RFC 2131 4.1) and in membership reports (RFC 3376 4.2.13). */
static bool
source_is_valid(const uint8_t *ip)
{
	const bool nobody = be32_load(ip + 12) == 0;

	if (walk_ipv4_source_valid(ip[12]))
		return true;
	return nobody &&
	       (ip[9] == PROTO_IGMP || (ip[9] == PROTO_UDP && be32_load(ip + 16) == UINT32_MAX));
}

static void
fragment_note(struct packet *p, const uint8_t *ip, uint32_t header)
{
	const uint16_t field = be16_load(ip + 6);

	if ((field & (FRAGMENT_MORE | FRAGMENT_OFFSET_MASK)) == 0)
		return;
	p->facts |= PACKET_FRAGMENT;
	p->more.fragment = (struct packet_fragment){
		.id = be16_load(ip + 4),
		.offset = (uint16_t)((field & FRAGMENT_OFFSET_MASK) * 8),
		.bytes = (uint16_t)(p->l3_bytes - header),
		.header_bytes = (uint16_t)header,
		.more = field & FRAGMENT_MORE,
	};
}

enum drop_reason
ipv4_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *ip = w->frame + p->l3_offset;
	const uint32_t room = w->end - p->l3_offset;
	uint32_t header, total;

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
	p->l3_bytes = (uint16_t)total;
	p->l4_offset = (uint16_t)(p->l3_offset + header);
	p->payload_offset = p->l4_offset;
	p->ttl = ip[8];
	p->key.family = FAMILY_IPV4;
	p->key.proto = ip[9];
	memcpy(p->key.addr[0], ip + 12, 4);
	memcpy(p->key.addr[1], ip + 16, 4);

	if (walk_l3_checksum_due(w->flags) && checksum_fold(checksum_add(ip, header, 0)) != 0)
		return DROP_IPV4_CHECKSUM;
	if (header > IPV4_BYTES) {
		const enum drop_reason reason =
			ipv4_options_walk(ip + IPV4_BYTES, ip + header, w->flags);

		if (reason != DROP_NONE)
			return reason;
	}
	if ((w->flags & PARSE_SOURCE_ANY) == 0 && !source_is_valid(ip))
		return DROP_SOURCE_INVALID;
	fragment_note(p, ip, header);
	return transport_walk(w);
}
