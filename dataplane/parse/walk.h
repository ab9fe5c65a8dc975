/* SPDX-License-Identifier: BSD-3-Clause */
/* walk.h: the steps of one forward walk over a packet, one per layer; private to parse/.
 *
 * A step gets what the layers above it proved: p->l3_offset (for IP), and from there on
 * p->l3_bytes and p->l4_offset, with l3_offset <= l4_offset <= l3_offset + l3_bytes <= the frame's
 * end <= 65535. It proves the bytes that it reads, fills its own part of *p and calls the next. */
#pragma once

#include <stdint.h>

#include "dataplane/parse/parse.h"

/* Where the extension headers of an IPv6 packet lead; offsets from the IPv6 header. */
struct ipv6_chain {
	uint32_t l4_offset;
	uint16_t fragment_offset; /* in bytes */
	uint8_t proto;
	bool fragment_header;
	bool fragment_more;
};

/* Parses the IPv4 packet at p->l3_offset of a frame that ends at `end`. */
enum drop_reason ipv4_walk(const uint8_t *frame, uint32_t end, unsigned flags, struct packet *p);
/* The same for IPv6. */
enum drop_reason ipv6_walk(const uint8_t *frame, uint32_t end, unsigned flags, struct packet *p);

/* Follows the extension headers of the IPv6 packet at `ip`, of which `bytes` >= 40 may be read.
 * Stops in front of the first header that is none, and behind the header of a later fragment.
 * *chain means nothing after a refusal. */
enum drop_reason ipv6_chain_walk(const uint8_t *ip, uint32_t bytes, struct ipv6_chain *chain);

enum drop_reason tcp_walk(const uint8_t *frame, unsigned flags, struct packet *p);
enum drop_reason udp_walk(const uint8_t *frame, unsigned flags, struct packet *p);
enum drop_reason icmp_walk(const uint8_t *frame, unsigned flags, struct packet *p);
enum drop_reason icmpv6_walk(const uint8_t *frame, unsigned flags, struct packet *p);

/* Bytes from the transport header to the end that the IP length names. */
static inline uint32_t
walk_l4_bytes(const struct packet *p)
{
	return (uint32_t)p->l3_offset + p->l3_bytes - p->l4_offset;
}

/* Whether the transport checksum is the parser's to verify. */
static inline bool
walk_l4_checksum_due(unsigned flags)
{
	return (flags & (PARSE_L4_CHECKSUM_GOOD | PARSE_CHECKSUM_IGNORE)) == 0;
}
