/* SPDX-License-Identifier: BSD-3-Clause */
/* parse.h: from bytes to a tuple, or to one named refusal. Served by burst.c (common shapes),
 * parse.c, link.c, ipv4.c, ipv6.c, transport.c, tcp_options.c, sctp.c, icmp.c, tunnel.c (the walk),
 * checksum.c and crc32c.c.
 *
 * The only folder that reads packet bytes of others. No allocation, no state, any thread. Every
 * length is proved before use; the IP length rules, not the frame's. */
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include "common/abi/counters.h"
#include "common/base/limits.h"
#include "dataplane/flow/flow_key.h"

/* What is inside what: the outermost header that the parser looked through. */
enum tunnel_type {
	TUNNEL_NONE,
	TUNNEL_VXLAN,  /* RFC 7348; id: VNI */
	TUNNEL_GENEVE, /* RFC 8926; id: VNI */
	TUNNEL_GRE,    /* RFC 2784, RFC 2890; id: key, 0 without one */
	TUNNEL_IPIP,   /* RFC 2003; id: 0 */
	TUNNEL_6IN4,   /* RFC 4213; id: 0 */
	TUNNEL_GTPU,   /* 3GPP TS 29.281; id: TEID */
	TUNNEL_TYPES
};

/* What the device did and the configuration says. */
enum parse_flag {
	PARSE_VLAN_STRIPPED = 1u << 0,    /* vlan_tci comes from the device, not from the bytes */
	PARSE_L3_CHECKSUM_GOOD = 1u << 1, /* the device verified the IPv4 header */
	PARSE_L4_CHECKSUM_GOOD = 1u << 2, /* the device verified the transport checksum */
	PARSE_CHECKSUM_IGNORE = 1u << 3,  /* do not look at checksums */
	PARSE_SOURCE_ANY = 1u << 4,       /* accept source addresses that no sender may have */
	PARSE_SOURCE_ROUTE = 1u << 5,     /* accept IPv4 source routes, without following them */
	PARSE_INSIDE = 1u << 8,           /* << tunnel_type: look inside these; see PARSE_TUNNELS */
};
#define PARSE_TUNNEL(type) (PARSE_INSIDE << (type))
#define PARSE_TUNNELS      (PARSE_TUNNEL(TUNNEL_TYPES) - PARSE_TUNNEL(TUNNEL_VXLAN))

enum packet_kind {
	PACKET_ARP,
	PACKET_TRANSPORT,  /* TCP, UDP, UDP-Lite or SCTP, with ports */
	PACKET_ICMP_QUERY, /* echo and friends: key.port[] hold the identifier */
	PACKET_ICMP_ERROR, /* `key` is the quoted packet's, reversed: the direction of an answer to
			      it; the quoted packet was sent by the error's destination */
	PACKET_ICMP_ND,    /* ICMPv6 133..137 */
	PACKET_ICMP_OTHER, /* any other: redirect, source quench (RFC 6633), MLD among them */
	PACKET_NO_PORTS,   /* an IP protocol that is none of these; IGMP among them */
	PACKET_LATER_FRAGMENT, /* ports are 0; they are in the datagram's first fragment */
};

/* Facts beyond the first line. */
enum packet_fact {
	PACKET_TAGGED = 1u << 0,       /* at least one VLAN tag; its id may be 0 */
	PACKET_TAGGED_TWICE = 1u << 1, /* more.vlan_inner */
	PACKET_FRAGMENT = 1u << 2,     /* more.fragment; a fragment, the first or a later one: ports
					  may be used for the first, checksums were not verified */
	PACKET_TCP_OPTIONS = 1u << 3,  /* more.tcp: at least one that tracking knows */
	PACKET_MPLS = 1u << 4,         /* more.mpls_label */
	PACKET_PPPOE = 1u << 5,        /* more.pppoe_session */
	PACKET_TUNNEL = 1u << 6,       /* more.tunnel: everything else describes the inner packet */
	PACKET_QUOTE = 1u << 7,        /* more.quote_offset: an ICMP error's quoted IP header */
};
/* Facts that live in the second line. */
#define PACKET_MORE (0xffu & ~PACKET_TAGGED)
/* Something stands between Ethernet and the packet that an answer would need as well. */
#define PACKET_ENCLOSED (PACKET_MPLS | PACKET_PPPOE | PACKET_TUNNEL)

struct packet_fragment {
	uint32_t id;
	uint16_t offset;       /* of the data in the datagram, in bytes; a multiple of 8 */
	uint16_t bytes;        /* of data */
	uint16_t header_bytes; /* counted by the length field of the whole packet besides data: the
				  IPv4 header, or IPv6 extension headers before the fragment's */
	bool more;
	uint8_t reserved;
};

enum tcp_option_known {
	TCP_HAS_MSS = 1u << 0,
	TCP_HAS_SCALE = 1u << 1,
	TCP_HAS_SACK_PERMITTED = 1u << 2,
	TCP_HAS_SACK = 1u << 3,
	TCP_HAS_TIMESTAMP = 1u << 4,
};

struct packet_tcp {
	uint32_t timestamp, timestamp_echo; /* RFC 7323 3 */
	uint16_t mss;
	uint16_t sack_offset; /* of the first block, from where offsets are counted */
	uint8_t scale;        /* 0..14 (RFC 7323 2.3) */
	uint8_t sack_blocks;  /* 1..4 with TCP_HAS_SACK (RFC 2018 3) */
	uint8_t known;        /* enum tcp_option_known */
	uint8_t reserved;
};

struct packet_tunnel {
	uint32_t id;
	uint16_t outer_l3_offset; /* of the outer IP header, all of which may be read */
	uint8_t type;             /* enum tunnel_type */
	bool has_id;              /* false: GRE without a key, and types that have no id */
};

/* The second line. A part is valid only with its fact. */
struct packet_more {
	struct packet_tcp tcp;
	struct packet_fragment fragment;
	struct packet_tunnel tunnel;
	uint32_t mpls_label;  /* the last of the stack, 20 bits */
	uint16_t mpls_labels; /* how many there are */
	uint16_t vlan_inner;  /* the second VLAN id */
	uint16_t pppoe_session;
	uint16_t quote_offset;
	uint8_t reserved[16];
};
static_assert(sizeof(struct packet_more) == CACHE_LINE, "one line");

/* What the later stages know of a packet. Offsets are from the start of the frame that was parsed
 * (parse_ip(): of the IP packet). When the parser returned DROP_NONE,
 * l3_offset <= l4_offset <= payload_offset <= l3_offset + l3_bytes <= the frame's length, and all
 * of the transport header, or 8 bytes of an ICMP message, may be read at l4_offset, except of
 * PACKET_NO_PORTS and PACKET_LATER_FRAGMENT. For ARP, l3_offset is the message's, all of which may
 * be read, and `key` is zero. After a refusal it holds what was read before the fault, to be shown
 * and not to be used; l3_bytes is 0 when that was no IP header. */
struct packet {
	alignas(CACHE_LINE) struct flow_key
		key;   /* as the packet has it; zone is left 0 for the caller to fill */
	uint16_t vlan; /* outermost VLAN id, 0: untagged or priority-tagged */
	uint16_t l3_offset;
	uint16_t l3_bytes; /* IP header, extension headers and payload, by the IP length field */
	uint16_t l4_offset;
	uint16_t payload_offset; /* past the transport header; l4_offset for others */
	uint8_t kind;            /* enum packet_kind */
	uint8_t facts;           /* enum packet_fact */
	uint8_t ttl;             /* or hop limit */
	uint8_t tcp_flags;       /* CWR..FIN as on the wire (RFC 9293 3.1); 0 for others */
	union {
		uint16_t tcp_window;  /* as on the wire, not scaled */
		uint16_t sctp_chunks; /* bit t: has a chunk of type t, 0..14; 15: one beyond */
		struct {
			uint8_t icmp_type;
			uint8_t icmp_code;
		};
	};
	union {
		uint32_t tcp_seq;  /* of an ICMP error: that of the quoted segment */
		uint32_t sctp_tag; /* verification tag (RFC 9260 3.1) */
	};
	union {
		uint32_t tcp_ack;
		uint32_t sctp_init_tag; /* initiate tag of an INIT or INIT ACK, else 0 */
	};
	struct packet_more more; /* the second line */
};
static_assert(offsetof(struct packet, more) == CACHE_LINE, "the rest is one line");
static_assert(sizeof(struct packet) == 2 * CACHE_LINE, "two lines");

/* Copies a description; the second line only when something is in it. */
static inline void
packet_assign(struct packet *to, const struct packet *from)
{
	memcpy(to, from, offsetof(struct packet, more));
	if (from->facts & PACKET_MORE)
		to->more = from->more;
}

/* Parses one Ethernet II frame of `bytes` at `frame`; what lies past byte 65535 is not read.
 * `flags`: enum parse_flag. `vlan_tci` as the device stripped it (with PARSE_VLAN_STRIPPED), which
 * counts as the outermost of at most two tags. Bytes behind the IP packet's own length are padding.
 * Of tunnels that `flags` names the inner packet is described, one tunnel deep.
 * Returns DROP_NONE, or the first reason on the way from the first byte to the last; *out: see
 * there. A good L4 checksum of the device also spares the look at that of ICMP; a UDP checksum of 0
 * over IPv6 is refused unless PARSE_CHECKSUM_IGNORE is set. */
enum drop_reason parse_frame(const uint8_t *frame, uint32_t bytes, unsigned flags,
			     uint16_t vlan_tci, struct packet *out);

/* One frame of a burst, as the arguments of parse_frame(). */
struct parse_view {
	const uint8_t *frame;
	uint32_t bytes;
	uint16_t flags;
	uint16_t vlan_tci;
};
/* The same for `n` frames: packets[i] and reasons[i] (enum drop_reason) are those of views[i]. */
void
parse_burst(const struct parse_view *views, unsigned n, struct packet *packets, uint8_t *reasons);

/* The same for `bytes` of one IP packet without L2. l3_offset is 0. */
enum drop_reason parse_ip(const uint8_t *ip, uint32_t bytes, unsigned flags, struct packet *out);

/* RFC 1071 sum of `bytes` at any alignment, added to `sum`; fold with checksum_fold(). Of pieces
 * summed one after the other only the last may be of odd length. */
uint32_t checksum_add(const uint8_t *data, size_t bytes, uint32_t sum);
/* The 16-bit one's complement of `sum`, as host-order number of a big-endian field. */
uint16_t checksum_fold(uint32_t sum);
/* Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1) of the IP packet at `ip`. */
uint32_t checksum_pseudo(const uint8_t *ip, uint8_t proto, uint32_t l4_bytes);
/* CRC32c of `bytes` (RFC 3385); by the processor's instruction where it has one. */
uint32_t crc32c(const uint8_t *data, size_t bytes);
/* The same without it. */
uint32_t crc32c_plain(const uint8_t *data, size_t bytes);
/* What the checksum field of the SCTP packet of `bytes` >= 12 must hold, as a little-endian
 * number. */
uint32_t sctp_checksum(const uint8_t *sctp, size_t bytes);
/* Writes right IPv4 header, TCP, UDP, UDP-Lite, SCTP and ICMP checksums into the parsed IP packet
 * at frame + p->l3_offset, which is no fragment. A checksum of 0 is sent as 0xffff (RFC 768,
 * RFC 3828 3.1). */
void checksum_fill(uint8_t *frame, const struct packet *p);
