/* SPDX-License-Identifier: BSD-3-Clause */
/* parse.h: from bytes to a tuple, or to one named refusal. Served by parse.c (Ethernet),
 * ipv4.c, ipv6.c, transport.c, icmp.c and checksum.c.
 *
 * The only folder that reads packet bytes of others. No allocation, no state, any thread. Every
 * length is proved before use; the IP length rules, not the frame's. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/abi/counters.h"
#include "common/base/limits.h"
#include "dataplane/flow/flow_key.h"

enum parse_flag {
	PARSE_VLAN_STRIPPED = 1u << 0, /* in: vlan_tci comes from the device, not from the bytes */
	PARSE_L3_CHECKSUM_GOOD = 1u << 1, /* in: the device verified the IPv4 header */
	PARSE_L4_CHECKSUM_GOOD = 1u << 2, /* in: the device verified the transport checksum */
	PARSE_CHECKSUM_IGNORE = 1u << 3,  /* in: the configuration says not to look */
};

enum packet_kind {
	PACKET_ARP,
	PACKET_TRANSPORT,  /* TCP or UDP with ports */
	PACKET_ICMP_QUERY, /* echo and friends: key.port[] hold the identifier */
	PACKET_ICMP_ERROR, /* `key` is the quoted packet's, reversed: the direction of an answer to
			      it; the quoted packet was sent by the error's destination */
	PACKET_ICMP_ND,    /* ICMPv6 133..137 */
	PACKET_ICMP_OTHER, /* any other, redirect and source quench (RFC 6633) among them */
};

/* What the later stages know of a packet. Offsets are from the start of the frame that was parsed
 * (parse_ip(): of the IP packet). Valid only when the parser returned DROP_NONE; then
 * l3_offset <= l4_offset <= payload_offset <= l3_offset + l3_bytes <= the frame's length, and all
 * of the transport header, or 8 bytes of an ICMP message, may be read at l4_offset. For ARP,
 * l3_offset is the message's, all of which may be read, and `key` is zero. */
struct packet {
	struct flow_key key; /* as the packet has it; zone is left 0 for the caller to fill */
	uint16_t vlan;       /* outermost VLAN id, 0: untagged or priority-tagged */
	uint16_t l3_offset;
	uint16_t l3_bytes; /* IP header, extension headers and payload, by the IP length field */
	uint16_t l4_offset;
	uint16_t payload_offset; /* past the TCP or UDP header; l4_offset for others */
	uint8_t kind;            /* enum packet_kind */
	uint8_t tcp_flags;       /* CWR..FIN as on the wire (RFC 9293 3.1) */
	uint8_t icmp_type;
	uint8_t icmp_code;
	uint8_t ttl; /* or hop limit */
	uint8_t reserved[5];
};
static_assert(sizeof(struct packet) <= CACHE_LINE, "one line");

/* Parses one Ethernet II frame of `bytes` at `frame`; what lies past byte 65535 is not read.
 * `flags`: enum parse_flag. `vlan_tci` as the device stripped it (with PARSE_VLAN_STRIPPED), which
 * counts as the outermost of at most two tags. Bytes behind the IP packet's own length are padding.
 * Returns DROP_NONE and fills *out, or the first reason on the way from the first byte to the last.
 * A good L4 checksum of the device also spares the look at that of ICMP; a UDP checksum of 0 over
 * IPv6 is refused unless PARSE_CHECKSUM_IGNORE is set. */
enum drop_reason parse_frame(const uint8_t *frame, uint32_t bytes, unsigned flags,
			     uint16_t vlan_tci, struct packet *out);

/* The same for `bytes` of one IP packet without L2, as applications send it. Checksums are not
 * looked at: the sender's are computed anew. l3_offset is 0. */
enum drop_reason parse_ip(const uint8_t *ip, uint32_t bytes, struct packet *out);

/* RFC 1071 sum of `bytes` at any alignment, added to `sum`; fold with checksum_fold(). Of pieces
 * summed one after the other only the last may be of odd length. */
uint32_t checksum_add(const uint8_t *data, size_t bytes, uint32_t sum);
/* The 16-bit one's complement of `sum`, as host-order number of a big-endian field. */
uint16_t checksum_fold(uint32_t sum);
/* Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) of the IP packet at `ip`. */
uint32_t checksum_pseudo(const uint8_t *ip, uint8_t proto, uint32_t l4_bytes);
/* Writes right IPv4 header, TCP, UDP and ICMP checksums into the parsed IP packet at
 * frame + p->l3_offset. A UDP checksum of 0 is sent as 0xffff (RFC 768). */
void checksum_fill(uint8_t *frame, const struct packet *p);
