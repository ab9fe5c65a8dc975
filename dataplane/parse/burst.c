/* SPDX-License-Identifier: BSD-3-Clause */
/* burst.c: the common shapes at one glance each; all others take the walk.
 *
 * The glance accepts TCP, UDP and echo messages in IPv4 and IPv6, with options and extension
 * headers, behind up to two VLAN tags, when they are no fragments and nothing is wrong with them.
 * It never refuses: what it does not accept is walked, so that rules and reasons stand in one
 * place. What it accepts, the walk accepts too and describes the same; tests hold both to that. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/sum.h"
#include "dataplane/parse/walk.h"

/* Each of these is worth its copies: flags and offsets are constants in some. */
#define glance_inline static inline __attribute__((always_inline))

/* What was found before the transport header. */
struct place {
	const uint8_t *frame;
	uint32_t l3_offset, l4_offset;
	uint32_t room;  /* from the transport header to the end that IP names */
	unsigned flags; /* enum parse_flag */
	unsigned facts; /* enum packet_fact */
	uint8_t family;
};

/* Neighbours in the first line are stored as one word: half the stores. */
#define NEXT(field, next, bytes)                                                                 \
	static_assert(offsetof(struct packet, next) == offsetof(struct packet, field) + (bytes), \
		      #next)
NEXT(vlan, l3_offset, 2);
NEXT(l3_bytes, l4_offset, 2);
NEXT(payload_offset, kind, 2);
NEXT(kind, facts, 1);
NEXT(ttl, tcp_flags, 1);
NEXT(tcp_flags, tcp_window, 1);
NEXT(tcp_seq, tcp_ack, 4);

/* Writes all that is known of the transport but the ports. What only TCP and ICMP have is 0, for
 * them to fill. */
glance_inline void
transport_note(const struct place *at, uint8_t proto, uint8_t kind, uint32_t header,
	       struct packet *p)
{
	le32_store(&p->key, at->family | (uint32_t)proto << 8);
	le32_store(&p->payload_offset,
		   (at->l4_offset + header) | (uint32_t)kind << 16 | (uint32_t)at->facts << 24);
	le32_store(&p->ttl, at->frame[at->l3_offset + (at->family == FAMILY_IPV4 ? 8 : 7)]);
	word_store(&p->tcp_seq, 0);
}

/* Whether the sum over `bytes` of transport is right, or not ours to look at. ICMP alone has no
 * pseudo header. */
glance_inline bool
transport_sum_passes(const struct place *at, uint8_t proto, uint32_t bytes)
{
	const uint8_t *ip = at->frame + at->l3_offset;
	uint64_t pseudo = 0;

	if (!walk_l4_checksum_due(at->flags))
		return true;
	if (proto != PROTO_ICMP) {
		pseudo = at->family == FAMILY_IPV4 ? word_load(ip + 12) : sum_bytes(ip + 8, 32);
		pseudo = sum_word(pseudo, sum_number(proto) + sum_number(bytes));
	}
	return sum_is_right(sum_word(pseudo, sum_bytes(at->frame + at->l4_offset, bytes)));
}

/* Writes the ports; false: one of them is 0. */
glance_inline bool
ports_glance(const uint8_t *l4, struct packet *p)
{
	const uint32_t ports = be32_load(l4);

	le32_store(p->key.port, ports >> 16 | ports << 16);
	return ports > UINT16_MAX && (uint16_t)ports != 0;
}

/* The commonest options, and nothing else: a timestamp behind two no-operations (RFC 7323
 * appendix A). */
#define OPTIONS_TIMESTAMP_BYTES 12
#define OPTIONS_TIMESTAMP_FIRST 0x0101080au

glance_inline bool
options_glance(const uint8_t *tcp, uint32_t header, struct packet *p)
{
	if (header != TCP_BYTES + OPTIONS_TIMESTAMP_BYTES ||
	    be32_load(tcp + TCP_BYTES) != OPTIONS_TIMESTAMP_FIRST)
		return tcp_options_walk(tcp, header, p) == DROP_NONE;
	p->facts |= PACKET_TCP_OPTIONS;
	p->more.tcp = (struct packet_tcp){ .timestamp = be32_load(tcp + TCP_BYTES + 4),
					   .timestamp_echo = be32_load(tcp + TCP_BYTES + 8),
					   .known = TCP_HAS_TIMESTAMP };
	return true;
}

glance_inline bool
tcp_glance(const struct place *at, struct packet *p)
{
	const uint8_t *tcp = at->frame + at->l4_offset;
	uint64_t numbers;
	uint32_t header;

	if (at->room < TCP_BYTES || !walk_tcp_flags_valid(tcp[13]) || !ports_glance(tcp, p))
		return false;
	header = tcp[12] >> 4 << 2;
	if (header < TCP_BYTES || header > at->room)
		return false;
	transport_note(at, PROTO_TCP, PACKET_TRANSPORT, header, p);
	numbers = __builtin_bswap64(word_load(tcp + 4));
	word_store(&p->tcp_seq, numbers >> 32 | numbers << 32);
	p->tcp_flags = tcp[13];
	p->tcp_window = be16_load(tcp + 14);
	if (header != TCP_BYTES && !options_glance(tcp, header, p))
		return false;
	return transport_sum_passes(at, PROTO_TCP, at->room);
}

/* A checksum of 0 means something else in each family, and a tunnel is looked into: both walk. */
glance_inline bool
udp_glance(const struct place *at, struct packet *p)
{
	const uint8_t *udp = at->frame + at->l4_offset;
	const uint32_t bytes = be16_load(udp + 4);

	if (bytes < UDP_BYTES || bytes > at->room || be16_load(udp + 6) == 0 ||
	    !ports_glance(udp, p))
		return false;
	if ((at->flags & PARSE_TUNNELS) &&
	    tunnel_of_port(at->flags, be16_load(udp + 2)) != TUNNEL_NONE)
		return false;
	transport_note(at, PROTO_UDP, PACKET_TRANSPORT, UDP_BYTES, p);
	return transport_sum_passes(at, PROTO_UDP, bytes);
}

glance_inline bool
echo_glance(const struct place *at, struct packet *p)
{
	const uint8_t *icmp = at->frame + at->l4_offset;
	const bool ipv4 = at->family == FAMILY_IPV4;
	const uint16_t id = be16_load(icmp + 4);
	const uint8_t proto = ipv4 ? PROTO_ICMP : PROTO_ICMPV6;

	if (ipv4 ? icmp[0] != ICMP_ECHO_REQUEST && icmp[0] != ICMP_ECHO_REPLY
		 : icmp[0] != ICMPV6_ECHO_REQUEST && icmp[0] != ICMPV6_ECHO_REPLY)
		return false;
	transport_note(at, proto, PACKET_ICMP_QUERY, 0, p);
	p->key.port[0] = id;
	p->key.port[1] = id;
	p->icmp_type = icmp[0];
	p->icmp_code = icmp[1];
	return transport_sum_passes(at, proto, at->room);
}

/* at->room is 8 at least. */
glance_inline bool
transport_glance(const struct place *at, uint8_t proto, struct packet *p)
{
	if (proto == PROTO_TCP)
		return tcp_glance(at, p);
	if (proto == PROTO_UDP)
		return udp_glance(at, p);
	return proto == (at->family == FAMILY_IPV4 ? PROTO_ICMP : PROTO_ICMPV6) &&
	       echo_glance(at, p);
}

/* All but don't-fragment of the fragment field, as it is loaded here. */
#define IPV4_FRAGMENT_MASK 0xff3fu
#define IPV4_PLAIN         0x45 /* version 4 and no options */

/* The frame ends at `end`, behind the fixed header at least. `plain`: the first byte was seen. */
glance_inline bool
ipv4_glance(struct place at, uint32_t end, bool plain, struct packet *p)
{
	const uint8_t *ip = at.frame + at.l3_offset;
	const uint32_t total = be16_load(ip + 2);
	const uint32_t source = le32_load(ip + 12), destination = le32_load(ip + 16);
	uint32_t header = IPV4_BYTES;
	uint16_t fragment;

	if (!plain) {
		header = (ip[0] & 15u) * 4;
		if (ip[0] >> 4 != 4 || header < IPV4_BYTES)
			return false;
	}
	memcpy(&fragment, ip + 6, sizeof(fragment));
	if ((fragment & IPV4_FRAGMENT_MASK) != 0)
		return false;
	if (total < header + UDP_BYTES || total > end - at.l3_offset)
		return false;
	if (!walk_ipv4_source_valid((uint8_t)source) || source == destination)
		return false;
	if (walk_l3_checksum_due(at.flags) && !sum_is_right(sum_bytes(ip, header)))
		return false;
	if (header > IPV4_BYTES &&
	    ipv4_options_walk(ip + IPV4_BYTES, ip + header, at.flags) != DROP_NONE)
		return false;
	word_store(p->key.addr[0], source);
	word_store(p->key.addr[0] + 8, 0);
	word_store(p->key.addr[1], destination);
	word_store(p->key.addr[1] + 8, 0);
	at.l4_offset = at.l3_offset + header;
	at.room = total - header;
	at.family = FAMILY_IPV4;
	le32_store(&p->l3_bytes, total | at.l4_offset << 16);
	return transport_glance(&at, ip[9], p);
}

/* Sources that begin with a zero byte are rare and many of them wrong: they walk. */
glance_inline bool
ipv6_glance(struct place at, uint32_t end, struct packet *p)
{
	const uint8_t *ip = at.frame + at.l3_offset;
	const uint64_t words[4] = { word_load(ip + 8), word_load(ip + 16), word_load(ip + 24),
				    word_load(ip + 32) };
	const uint32_t total = IPV6_BYTES + (uint32_t)be16_load(ip + 4);
	uint32_t header = IPV6_BYTES;
	uint8_t proto = ip[6];

	if (ip[0] >> 4 != 6 || end - at.l3_offset < total)
		return false;
	if ((uint8_t)(ip[8] - 1) >= 0xfe || ((words[0] ^ words[2]) | (words[1] ^ words[3])) == 0)
		return false;
	if (proto != PROTO_TCP && proto != PROTO_UDP && proto != PROTO_ICMPV6) {
		struct ipv6_chain chain;

		if (ipv6_chain_walk(ip, total, &chain) != DROP_NONE || chain.fragment_header)
			return false;
		header = chain.l4_offset;
		proto = chain.proto;
	}
	word_store(p->key.addr[0], words[0]);
	word_store(p->key.addr[0] + 8, words[1]);
	word_store(p->key.addr[1], words[2]);
	word_store(p->key.addr[1] + 8, words[3]);
	at.l4_offset = at.l3_offset + header;
	at.room = total - header;
	at.family = FAMILY_IPV6;
	le32_store(&p->l3_bytes, total | at.l4_offset << 16);
	return at.room >= UDP_BYTES && transport_glance(&at, proto, p);
}

/* Two tags at most, the device's among them. */
glance_inline bool
tags_glance(struct place *at, uint16_t *type, uint32_t *vlan, struct packet *p)
{
	do {
		const uint16_t id = be16_load(at->frame + at->l3_offset) & VLAN_ID_MASK;

		if (at->facts & PACKET_TAGGED_TWICE)
			return false;
		if (at->facts & PACKET_TAGGED) {
			p->more.vlan_inner = id;
			at->facts |= PACKET_TAGGED_TWICE;
		} else {
			*vlan = id;
			at->facts |= PACKET_TAGGED;
		}
		*type = be16_load(at->frame + at->l3_offset + 2);
		at->l3_offset += VLAN_TAG_BYTES;
	} while (link_type_is_vlan(*type));
	return true;
}

/* The shortest frame that is looked at here: an IPv4 header behind two tags. */
#define GLANCE_BYTES (ETHERNET_BYTES + VLAN_TAGS_MAX * VLAN_TAG_BYTES + IPV4_BYTES)

glance_inline bool
frame_glance(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	     struct packet *p)
{
	struct place at = { .frame = frame, .l3_offset = ETHERNET_BYTES, .flags = flags };
	uint32_t vlan = 0;
	uint16_t type;

	if (bytes < GLANCE_BYTES || bytes > UINT16_MAX)
		return false;
	type = be16_load(frame + ETHERNET_BYTES - 2);
	if (flags & PARSE_VLAN_STRIPPED) {
		vlan = vlan_tci & VLAN_ID_MASK;
		at.facts = PACKET_TAGGED;
	} else if (type == ETHERTYPE_NUM_IPV4) {
		/* The commonest shape by itself: its offsets are constants. */
		le32_store(&p->vlan, ETHERNET_BYTES << 16);
		if (frame[ETHERNET_BYTES] == IPV4_PLAIN)
			return ipv4_glance(at, bytes, true, p);
		return ipv4_glance(at, bytes, false, p);
	}
	if (link_type_is_vlan(type) && !tags_glance(&at, &type, &vlan, p))
		return false;
	le32_store(&p->vlan, vlan | at.l3_offset << 16);
	if (type == ETHERTYPE_NUM_IPV4)
		return ipv4_glance(at, bytes, false, p);
	return type == ETHERTYPE_NUM_IPV6 && bytes >= at.l3_offset + IPV6_BYTES &&
	       ipv6_glance(at, bytes, p);
}

enum drop_reason
parse_frame(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	    struct packet *out)
{
	if (frame_glance(frame, bytes, flags, vlan_tci, out))
		return DROP_NONE;
	return walk_frame(frame, bytes, flags, vlan_tci, out);
}

/* Of a device that verifies checksums and leaves tags where they are. */
#define FLAGS_VOUCHED (PARSE_L3_CHECKSUM_GOOD | PARSE_L4_CHECKSUM_GOOD)

void
parse_burst(const struct parse_view *views, unsigned n, struct packet *packets, uint8_t *reasons)
{
	for (unsigned i = 0; i < n; i++) {
		const struct parse_view *v = &views[i];

		reasons[i] = DROP_NONE;
		/* The same glance with flags that the compiler knows is a quarter shorter. */
		if (v->flags == FLAGS_VOUCHED &&
		    frame_glance(v->frame, v->bytes, FLAGS_VOUCHED, 0, &packets[i]))
			continue;
		if (v->flags == 0 && frame_glance(v->frame, v->bytes, 0, 0, &packets[i]))
			continue;
		reasons[i] = (uint8_t)parse_frame(v->frame, v->bytes, v->flags, v->vlan_tci,
						  &packets[i]);
	}
}
