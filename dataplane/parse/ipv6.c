/* SPDX-License-Identifier: BSD-3-Clause */
/* ipv6.c: the IPv6 step of the walk: header, extension headers, source address, fragment fields. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/limits.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

#define NEXT_HOP_BY_HOP     0
#define NEXT_ROUTING        43
#define NEXT_FRAGMENT       44
#define NEXT_AUTHENTICATION 51
#define NEXT_DESTINATION    60

#define FRAGMENT_BYTES      8

#define OPTION_PAD1         0
#define OPTION_ACTION_MASK  0xc0u /* what to do when the option is unknown; 0: skip it */

/* Options, padding included, of one header: RFC 8504 5.3 lets a host set such limits, so that a
 * packet of padding cannot buy thousands of steps. */
#define OPTIONS_MAX 16

/* Walks the options in [option, end) of a hop-by-hop or destination header (RFC 8200 4.2). None is
 * acted upon; one that must not be skipped when unknown refuses the packet. */
static enum drop_reason
options_walk(const uint8_t *option, const uint8_t *end)
{
	for (unsigned i = 0; option < end; i++) {
		if (i == OPTIONS_MAX)
			return DROP_IPV6_OPTIONS;
		if (*option == OPTION_PAD1) {
			option++;
			continue;
		}
		if (end - option < 2 || option[1] + 2 > end - option)
			return DROP_IPV6_OPTIONS;
		if (*option & OPTION_ACTION_MASK)
			return DROP_IPV6_OPTIONS;
		option += option[1] + 2;
	}
	return DROP_NONE;
}

/* RFC 5095: type 0 is refused; RFC 8200 4.4: an unknown type may be skipped only when it has no
 * segments left. */
static enum drop_reason
routing_check(const uint8_t *header)
{
	if (header[2] == 0)
		return DROP_IPV6_ROUTING_0;
	return header[3] == 0 ? DROP_NONE : DROP_IPV6_ROUTING;
}

/* Proves and checks the header of kind `next` at `header`, of which `room` >= 8 bytes may be read;
 * *length becomes its length. */
static enum drop_reason
header_check(uint8_t next, const uint8_t *header, uint32_t room, uint32_t *length,
	     struct ipv6_chain *chain)
{
	switch (next) {
	case NEXT_FRAGMENT:
		*length = FRAGMENT_BYTES;
		if (chain->fragment_header)
			return DROP_IPV6_EXT_CHAIN;
		chain->fragment_header = true;
		chain->fragment_at = chain->l4_offset;
		chain->fragment_offset = be16_load(header + 2) & 0xfff8u;
		chain->fragment_more = header[3] & 1;
		return DROP_NONE;
	case NEXT_AUTHENTICATION:
		/* RFC 4302 2.2: in 4-byte units less 2, and never below its fixed fields. */
		*length = (header[1] + 2u) * 4;
		return *length < 12 || *length > room ? DROP_IPV6_EXT_TRUNCATED : DROP_NONE;
	default:
		*length = (header[1] + 1u) * 8;
		if (*length > room)
			return DROP_IPV6_EXT_TRUNCATED;
		if (next == NEXT_ROUTING)
			return routing_check(header);
		return options_walk(header + 2, header + *length);
	}
}

static bool
next_is_extension(uint8_t next)
{
	return next == NEXT_HOP_BY_HOP || next == NEXT_ROUTING || next == NEXT_FRAGMENT ||
	       next == NEXT_AUTHENTICATION || next == NEXT_DESTINATION;
}

enum drop_reason
ipv6_chain_walk(const uint8_t *ip, uint32_t bytes, struct ipv6_chain *chain)
{
	*chain = (struct ipv6_chain){ .l4_offset = IPV6_BYTES, .proto = ip[6] };
	for (unsigned i = 0; next_is_extension(chain->proto); i++) {
		const uint8_t *header = ip + chain->l4_offset;
		const uint32_t room = bytes - chain->l4_offset;
		enum drop_reason reason;
		uint32_t length;

		if (i == EXT_HEADERS_MAX || (chain->proto == NEXT_HOP_BY_HOP && i > 0))
			return DROP_IPV6_EXT_CHAIN;
		if (room < 8)
			return DROP_IPV6_EXT_TRUNCATED;
		reason = header_check(chain->proto, header, room, &length, chain);
		if (reason != DROP_NONE)
			return reason;
		chain->proto = header[0];
		chain->l4_offset += length;
		if (chain->l4_offset > IPV6_BYTES + EXT_BYTES_MAX)
			return DROP_IPV6_EXT_CHAIN;
		/* What follows the header of a later fragment is the middle of something. */
		if (chain->fragment_offset != 0)
			break;
	}
	return DROP_NONE;
}

/* RFC 4291 2.5.3, 2.7: loopback and multicast are no sources; IPv4-mapped addresses (2.5.5.2) do
 * not appear on the wire. The unspecified address is left to the caller. */
static bool
source_is_valid(const uint8_t *source)
{
	static const uint8_t zero[15], mapped[12] = { [10] = 0xff, [11] = 0xff };

	if (source[0] != 0)
		return source[0] != 0xff;
	if (memcmp(source, zero, 15) == 0)
		return source[15] != 1;
	return memcmp(source, mapped, sizeof(mapped)) != 0;
}

static bool
address_is_unspecified(const uint8_t *address)
{
	static const uint8_t zero[16];

	return memcmp(address, zero, sizeof(zero)) == 0;
}

/* Only neighbour discovery (RFC 4861 4.1, 4.3) and multicast listener reports (RFC 3590) are sent
 * before the sender has an address. RFC 6980: discovery that carries a fragment header, even an
 * atomic one, is ignored. */
static enum drop_reason
icmpv6_rules_check(const struct walk *w, const struct ipv6_chain *chain)
{
	const struct packet *p = w->p;

	if (p->kind == PACKET_ICMP_ND)
		return chain->fragment_header ? DROP_ND_MALFORMED : DROP_NONE;
	if (p->kind == PACKET_ICMP_OTHER || (w->flags & PARSE_SOURCE_ANY))
		return DROP_NONE;
	return address_is_unspecified(w->frame + p->l3_offset + 8) ? DROP_SOURCE_INVALID
								   : DROP_NONE;
}

static void
fragment_note(struct packet *p, const uint8_t *ip, const struct ipv6_chain *chain)
{
	/* RFC 6946: a fragment header on a whole packet is no fragment. */
	if (chain->fragment_offset == 0 && !chain->fragment_more)
		return;
	p->facts |= PACKET_FRAGMENT;
	p->more.fragment = (struct packet_fragment){
		.id = be32_load(ip + chain->fragment_at + 4),
		.offset = chain->fragment_offset,
		.bytes = (uint16_t)(p->l3_bytes - chain->fragment_at - FRAGMENT_BYTES),
		.header_bytes = (uint16_t)(chain->fragment_at - IPV6_BYTES),
		.more = chain->fragment_more,
	};
}

/* Fills what the fixed header says. */
static void
header_note(struct packet *p, const uint8_t *ip, uint32_t total)
{
	p->l3_bytes = (uint16_t)total;
	p->l4_offset = (uint16_t)(p->l3_offset + IPV6_BYTES);
	p->payload_offset = p->l4_offset;
	p->ttl = ip[7];
	p->key.family = FAMILY_IPV6;
	p->key.proto = ip[6];
	memcpy(p->key.addr[0], ip + 8, 16);
	memcpy(p->key.addr[1], ip + 24, 16);
}

enum drop_reason
ipv6_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *ip = w->frame + p->l3_offset;
	const uint32_t room = w->end - p->l3_offset;
	const bool source_any = w->flags & PARSE_SOURCE_ANY;
	struct ipv6_chain chain;
	enum drop_reason reason;
	uint32_t total;

	if (room < IPV6_BYTES)
		return DROP_IPV6_TRUNCATED;
	if (ip[0] >> 4 != 6)
		return DROP_IPV6_VERSION;
	total = IPV6_BYTES + (uint32_t)be16_load(ip + 4);
	if (total > room)
		return DROP_IPV6_TRUNCATED;
	header_note(p, ip, total);
	if (!source_any && !source_is_valid(ip + 8))
		return DROP_SOURCE_INVALID;
	reason = ipv6_chain_walk(ip, total, &chain);
	if (reason == DROP_IPV6_EXT_TRUNCATED && chain.fragment_header)
		return DROP_FRAGMENT_HEADERS;
	if (reason != DROP_NONE)
		return reason;
	fragment_note(p, ip, &chain);
	p->l4_offset = (uint16_t)(p->l3_offset + chain.l4_offset);
	p->payload_offset = p->l4_offset;
	p->key.proto = chain.proto;
	if (chain.proto == PROTO_ICMPV6) {
		reason = transport_walk(w);
		return reason == DROP_NONE ? icmpv6_rules_check(w, &chain) : reason;
	}
	if (!source_any && address_is_unspecified(ip + 8))
		return DROP_SOURCE_INVALID;
	return transport_walk(w);
}
