/* SPDX-License-Identifier: BSD-3-Clause */
/* walk.h: the steps of one forward walk over a packet, one per layer; private to parse/.
 *
 * A step gets what the layers above it proved: p->l3_offset (for IP), and from there on
 * p->l3_bytes and p->l4_offset, with l3_offset <= l4_offset <= l3_offset + l3_bytes <= end <=
 * 65535. It proves the bytes that it reads, fills its own part of *p and calls the next. The walk
 * goes inside one tunnel at most, so that no step is entered more than twice. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "common/base/wire.h"
#include "dataplane/parse/parse.h"

struct walk {
	const uint8_t *frame;
	uint32_t
		end; /* what lies behind belongs to no header: the frame's, PPP's or tunnel's end */
	unsigned flags; /* enum parse_flag */
	struct packet *p;
};

/* Where the extension headers of an IPv6 packet lead; offsets from the IPv6 header. */
struct ipv6_chain {
	uint32_t l4_offset;
	uint32_t fragment_at;     /* of the fragment header; with fragment_header */
	uint16_t fragment_offset; /* in bytes */
	uint8_t proto;
	bool fragment_header;
	bool fragment_more;
};

/* The whole walk over a frame, without the fast path of burst.c; parse_frame()'s contract. */
enum drop_reason walk_frame(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
			    struct packet *out);

/* Walks the Ethernet frame at `at` <= end, of which `tags` tags were counted already. */
enum drop_reason link_walk(struct walk *w, uint32_t at, unsigned tags);

static inline bool
link_type_is_vlan(uint16_t type)
{
	return type == ETHERTYPE_NUM_VLAN || type == ETHERTYPE_NUM_QINQ ||
	       type == ETHERTYPE_NUM_QINQ_9;
}

/* Parses the IPv4 packet at p->l3_offset. */
enum drop_reason ipv4_walk(struct walk *w);
/* Its options alone. */
enum drop_reason ipv4_options_walk(const uint8_t *option, const uint8_t *end, unsigned flags);
/* The same for IPv6. */
enum drop_reason ipv6_walk(struct walk *w);

/* Follows the extension headers of the IPv6 packet at `ip`, of which `bytes` >= 40 may be read.
 * Stops in front of the first header that is none, and behind the header of a later fragment.
 * After a refusal, *chain says no more than whether there was a fragment header. */
enum drop_reason ipv6_chain_walk(const uint8_t *ip, uint32_t bytes, struct ipv6_chain *chain);

/* By p->key.proto. Of a first fragment only the headers are looked at. */
enum drop_reason transport_walk(struct walk *w);
enum drop_reason tcp_walk(struct walk *w);
enum drop_reason sctp_walk(struct walk *w);
enum drop_reason icmp_walk(struct walk *w);
enum drop_reason icmpv6_walk(struct walk *w);

/* Reads what tracking knows of the options in [tcp + 20, tcp + header) to p->more.tcp. */
enum drop_reason tcp_options_walk(const uint8_t *tcp, uint32_t header, struct packet *p);

/* Goes inside the tunnel behind IP; p->key.proto is GRE, IPIP or 6IN4 and it is to be looked into.
 */
enum drop_reason tunnel_ip_walk(struct walk *w);
/* The tunnel that a UDP datagram to `port` carries and that is to be looked into; TUNNEL_NONE. */
enum tunnel_type tunnel_of_port(unsigned flags, uint16_t port);
/* Goes inside it; the datagram's payload is [p->payload_offset, end). */
enum drop_reason tunnel_udp_walk(struct walk *w, enum tunnel_type type, uint32_t end);

/* Notes the ports, which the headers of all transports start with, and where the payload begins;
 * then tells what must never be in them. Between the two the checksum is proved: a refusal is shown
 * with its ports. */
void ports_note(struct walk *w, uint32_t header_bytes);
enum drop_reason ports_check(const struct packet *p);

/* RFC 9293 3.10: each segment but the first and a reset has ACK; a segment opens, closes or aborts,
 * never two of them. Bit f of the set: flags f, of the lower six, are those of a valid segment. */
#define TCP_FLAGS_ONE(f)    (1ull << (f))
#define TCP_FLAGS_DATA(f)   (TCP_FLAGS_ONE(f) | TCP_FLAGS_ONE((f) | TCP_FLAG_PSH))
#define TCP_FLAGS_URGENT(f) (TCP_FLAGS_DATA(f) | TCP_FLAGS_DATA((f) | TCP_FLAG_URG))
#define TCP_FLAGS_VALID                                                                   \
	(TCP_FLAGS_URGENT(TCP_FLAG_SYN) | TCP_FLAGS_URGENT(TCP_FLAG_RST) |                \
	 TCP_FLAGS_URGENT(TCP_FLAG_ACK) | TCP_FLAGS_URGENT(TCP_FLAG_ACK | TCP_FLAG_SYN) | \
	 TCP_FLAGS_URGENT(TCP_FLAG_ACK | TCP_FLAG_RST) |                                  \
	 TCP_FLAGS_URGENT(TCP_FLAG_ACK | TCP_FLAG_FIN))

static inline bool
walk_tcp_flags_valid(uint8_t flags)
{
	return TCP_FLAGS_VALID >> (flags & 0x3fu) & 1;
}

/* RFC 1122 3.2.1.3: no datagram comes from "this network" (0/8), from loopback (127/8), or from
 * multicast, reserved or broadcast addresses (224/3). */
static inline bool
walk_ipv4_source_valid(uint8_t first)
{
	return first != 0 && first != 127 && first < 224;
}

/* Bytes from the transport header to the end that the IP length names. */
static inline uint32_t
walk_l4_bytes(const struct packet *p)
{
	return (uint32_t)p->l3_offset + p->l3_bytes - p->l4_offset;
}

/* Whether these checksums are the parser's to verify. */
static inline bool
walk_l3_checksum_due(unsigned flags)
{
	return (flags & (PARSE_L3_CHECKSUM_GOOD | PARSE_CHECKSUM_IGNORE)) == 0;
}

static inline bool
walk_l4_checksum_due(unsigned flags)
{
	return (flags & (PARSE_L4_CHECKSUM_GOOD | PARSE_CHECKSUM_IGNORE)) == 0;
}

static inline bool
walk_is_fragment(const struct packet *p)
{
	return p->facts & PACKET_FRAGMENT;
}
