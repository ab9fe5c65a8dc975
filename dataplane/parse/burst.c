/* SPDX-License-Identifier: BSD-3-Clause */
/* burst.c: the common shapes at one glance each; all others take the walk.
 *
 * The glance accepts IPv4 without options and IPv6 without extension headers, untagged or with one
 * tag, carrying TCP or UDP, when nothing is wrong with them. It never refuses: what it does not
 * accept is walked, so that rules and reasons stand in one place. What it accepts, the walk
 * accepts too and describes the same; tests hold both to that. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

/* The fields of the first line behind the key, in their order, for stores of whole words. */
struct packet_tail {
	uint16_t vlan, l3_offset, l3_bytes, l4_offset;
	uint16_t payload_offset;
	uint8_t kind, facts, ttl, tcp_flags;
	uint16_t tcp_window;
	uint32_t tcp_seq, tcp_ack;
};
static_assert(sizeof(struct flow_key) + sizeof(struct packet_tail) == CACHE_LINE, "the rest");
static_assert(offsetof(struct packet, vlan) == sizeof(struct flow_key), "in order");
static_assert(offsetof(struct packet, tcp_ack) ==
		      sizeof(struct flow_key) + offsetof(struct packet_tail, tcp_ack),
	      "in order");

static inline uint64_t
word_load(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

/* Whether the transport's sum over `bytes` is right. */
static bool
transport_sum_right(const uint8_t *ip, const uint8_t *l4, uint8_t proto, uint32_t bytes)
{
	return checksum_fold(checksum_add(l4, bytes, checksum_pseudo(ip, proto, bytes))) == 0;
}

/* The commonest options, and nothing else: a timestamp behind two no-operations (RFC 7323
 * appendix A). */
#define OPTIONS_TIMESTAMP_BYTES 12
#define OPTIONS_TIMESTAMP_FIRST 0x0101080au

static inline bool
options_glance(const uint8_t *tcp, uint32_t header, struct packet *p, struct packet_tail *t)
{
	if (header != TCP_BYTES + OPTIONS_TIMESTAMP_BYTES ||
	    be32_load(tcp + TCP_BYTES) != OPTIONS_TIMESTAMP_FIRST)
		return false;
	p->more.tcp = (struct packet_tcp){ .timestamp = be32_load(tcp + TCP_BYTES + 4),
					   .timestamp_echo = be32_load(tcp + TCP_BYTES + 8),
					   .known = TCP_HAS_TIMESTAMP };
	t->facts |= PACKET_TCP_OPTIONS;
	return true;
}

static inline bool
tcp_glance(const uint8_t *ip, const uint8_t *tcp, uint32_t room, unsigned flags, struct packet *p,
	   struct packet_tail *t)
{
	uint32_t header;

	if (room < TCP_BYTES)
		return false;
	header = (tcp[12] >> 4) * 4u;
	if (header < TCP_BYTES || header > room || !walk_tcp_flags_valid(tcp[13]))
		return false;
	if (header != TCP_BYTES && !options_glance(tcp, header, p, t))
		return false;
	t->payload_offset = (uint16_t)(t->l4_offset + header);
	t->tcp_flags = tcp[13];
	t->tcp_window = be16_load(tcp + 14);
	t->tcp_seq = be32_load(tcp + 4);
	t->tcp_ack = be32_load(tcp + 8);
	return !walk_l4_checksum_due(flags) || transport_sum_right(ip, tcp, PROTO_TCP, room);
}

/* A checksum of 0 means something else in each family, and a tunnel is looked into: both walk. */
static inline bool
udp_glance(const uint8_t *ip, const uint8_t *udp, uint32_t room, unsigned flags,
	   struct packet_tail *t)
{
	uint32_t bytes;

	if (room < UDP_BYTES)
		return false;
	bytes = be16_load(udp + 4);
	if (bytes < UDP_BYTES || bytes > room || be16_load(udp + 6) == 0)
		return false;
	if ((flags & PARSE_TUNNELS) && tunnel_of_port(flags, be16_load(udp + 2)) != TUNNEL_NONE)
		return false;
	t->payload_offset = (uint16_t)(t->l4_offset + UDP_BYTES);
	t->tcp_flags = 0;
	t->tcp_window = 0;
	t->tcp_seq = 0;
	t->tcp_ack = 0;
	return !walk_l4_checksum_due(flags) || transport_sum_right(ip, udp, PROTO_UDP, bytes);
}

/* The transport at `l4`, with room for at least 8 bytes to be read; t->l4_offset is filled. */
static inline bool
transport_glance(const uint8_t *ip, const uint8_t *l4, uint8_t proto, uint32_t room, unsigned flags,
		 struct packet *p, struct packet_tail *t)
{
	const uint32_t ports = be32_load(l4);

	if (ports >> 16 == 0 || (ports & UINT16_MAX) == 0)
		return false;
	p->key.port[0] = (uint16_t)(ports >> 16);
	p->key.port[1] = (uint16_t)ports;
	t->kind = PACKET_TRANSPORT;
	if (proto == PROTO_TCP)
		return tcp_glance(ip, l4, room, flags, p, t);
	return proto == PROTO_UDP && udp_glance(ip, l4, room, flags, t);
}

/* Of the first 8 bytes of an IPv4 header: version, header length, more-fragments, offset. */
#define IPV4_GLANCE_MASK 0xff3f0000000000ffull
#define IPV4_GLANCE_WANT 0x0000000000000045ull

static inline bool
ipv4_glance(const uint8_t *frame, uint32_t end, unsigned flags, struct packet *p,
	    struct packet_tail *t)
{
	const uint8_t *ip = frame + t->l3_offset;
	const uint64_t first = word_load(ip), second = word_load(ip + 8);
	const uint32_t total = be16_load(ip + 2), source = (uint32_t)(second >> 32);
	const uint32_t destination = le32_load(ip + 16);

	if ((first & IPV4_GLANCE_MASK) != IPV4_GLANCE_WANT)
		return false;
	if (total > end - t->l3_offset || total < IPV4_BYTES + UDP_BYTES)
		return false;
	if (!walk_ipv4_source_valid((uint8_t)source) || source == destination)
		return false;
	if (walk_l3_checksum_due(flags) && checksum_fold(checksum_add(ip, IPV4_BYTES, 0)) != 0)
		return false;
	p->key.family = FAMILY_IPV4;
	p->key.proto = ip[9];
	p->key.zone = 0;
	memset(p->key.addr, 0, sizeof(p->key.addr));
	memcpy(p->key.addr[0], &source, sizeof(source));
	memcpy(p->key.addr[1], &destination, sizeof(destination));
	t->l3_bytes = (uint16_t)total;
	t->l4_offset = (uint16_t)(t->l3_offset + IPV4_BYTES);
	t->ttl = ip[8];
	return transport_glance(ip, ip + IPV4_BYTES, ip[9], total - IPV4_BYTES, flags, p, t);
}

/* Sources that begin with a zero byte are rare and many of them wrong: they walk. */
static inline bool
ipv6_glance(const uint8_t *frame, uint32_t end, unsigned flags, struct packet *p,
	    struct packet_tail *t)
{
	const uint8_t *ip = frame + t->l3_offset;
	const uint32_t room = be16_load(ip + 4);

	if (ip[0] >> 4 != 6 || room < UDP_BYTES || end - t->l3_offset < IPV6_BYTES + room)
		return false;
	if (ip[8] == 0 || ip[8] == 0xff || memcmp(ip + 8, ip + 24, 16) == 0)
		return false;
	p->key.family = FAMILY_IPV6;
	p->key.proto = ip[6];
	p->key.zone = 0;
	memcpy(p->key.addr, ip + 8, sizeof(p->key.addr));
	t->l3_bytes = (uint16_t)(IPV6_BYTES + room);
	t->l4_offset = (uint16_t)(t->l3_offset + IPV6_BYTES);
	t->ttl = ip[7];
	return transport_glance(ip, ip + IPV6_BYTES, ip[6], room, flags, p, t);
}

/* The shortest frame that is looked at here: a tagged one of IPv6 and UDP. */
#define GLANCE_BYTES (ETHERNET_BYTES + VLAN_TAG_BYTES + IPV4_BYTES + UDP_BYTES)

static inline bool
frame_glance(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	     struct packet *p)
{
	struct packet_tail t = { .l3_offset = ETHERNET_BYTES };
	uint16_t type;
	bool known;

	if (bytes < GLANCE_BYTES || bytes > UINT16_MAX)
		return false;
	type = be16_load(frame + ETHERNET_BYTES - 2);
	if (flags & PARSE_VLAN_STRIPPED) {
		t.vlan = vlan_tci & VLAN_ID_MASK;
		t.facts = PACKET_TAGGED;
	} else if (type == ETHERTYPE_NUM_VLAN) {
		t.vlan = be16_load(frame + ETHERNET_BYTES) & VLAN_ID_MASK;
		t.facts = PACKET_TAGGED;
		t.l3_offset = ETHERNET_BYTES + VLAN_TAG_BYTES;
		type = be16_load(frame + ETHERNET_BYTES + 2);
	}
	if (type == ETHERTYPE_NUM_IPV4)
		known = ipv4_glance(frame, bytes, flags, p, &t);
	else if (type == ETHERTYPE_NUM_IPV6 && bytes >= t.l3_offset + IPV6_BYTES + UDP_BYTES)
		known = ipv6_glance(frame, bytes, flags, p, &t);
	else
		return false;
	memcpy(&p->vlan, &t, sizeof(t));
	return known;
}

enum drop_reason
parse_frame(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	    struct packet *out)
{
	if (frame_glance(frame, bytes, flags, vlan_tci, out))
		return DROP_NONE;
	return walk_frame(frame, bytes, flags, vlan_tci, out);
}

void
parse_burst(const struct parse_view *views, unsigned n, struct packet *packets, uint8_t *reasons)
{
	for (unsigned i = 0; i < n; i++) {
		const struct parse_view *v = &views[i];

		reasons[i] = DROP_NONE;
		if (!frame_glance(v->frame, v->bytes, v->flags, v->vlan_tci, &packets[i]))
			reasons[i] = (uint8_t)walk_frame(v->frame, v->bytes, v->flags, v->vlan_tci,
							 &packets[i]);
	}
}
