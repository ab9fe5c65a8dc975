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

/* The first line behind the key, as three words that are stored whole: composing them in registers
 * spares loads that would have to wait for narrower stores. */
struct tail {
	uint64_t offsets; /* vlan, l3_offset, l3_bytes, l4_offset */
	uint64_t facts;   /* payload_offset, kind, facts, ttl, tcp_flags, tcp_window */
	uint64_t numbers; /* tcp_seq, tcp_ack */
};
#define AT(field, base) ((offsetof(struct packet, field) - offsetof(struct packet, base)) * 8)
static_assert(offsetof(struct packet, vlan) == sizeof(struct flow_key) &&
		      offsetof(struct packet, payload_offset) == sizeof(struct flow_key) + 8 &&
		      offsetof(struct packet, tcp_seq) == sizeof(struct flow_key) + 16 &&
		      AT(tcp_ack, tcp_seq) == 32,
	      "in order");

/* Each of these is worth its copies: flags and offsets are constants in some. */
#define glance_inline static inline __attribute__((always_inline))

static inline uint64_t
word_load(const void *p)
{
	uint64_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
word_store(void *p, uint64_t v)
{
	memcpy(p, &v, sizeof(v));
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

glance_inline bool
options_glance(const uint8_t *tcp, uint32_t header, struct packet *p)
{
	if (header != TCP_BYTES + OPTIONS_TIMESTAMP_BYTES ||
	    be32_load(tcp + TCP_BYTES) != OPTIONS_TIMESTAMP_FIRST)
		return false;
	p->more.tcp = (struct packet_tcp){ .timestamp = be32_load(tcp + TCP_BYTES + 4),
					   .timestamp_echo = be32_load(tcp + TCP_BYTES + 8),
					   .known = TCP_HAS_TIMESTAMP };
	return true;
}

glance_inline bool
tcp_glance(const uint8_t *ip, const uint8_t *tcp, uint32_t l4_offset, uint32_t room, unsigned flags,
	   struct packet *p, struct tail *t)
{
	const uint64_t numbers = __builtin_bswap64(word_load(tcp + 4));
	const uint32_t last = be32_load(tcp + 12); /* data offset, flags, window */
	const uint32_t header = last >> 28 << 2;
	const uint8_t tcp_flags = (uint8_t)(last >> 16);

	if (!walk_tcp_flags_valid(tcp_flags))
		return false;
	if (header != TCP_BYTES) {
		if (header > room || !options_glance(tcp, header, p))
			return false;
		t->facts |= (uint64_t)PACKET_TCP_OPTIONS << AT(facts, payload_offset);
	}
	t->facts |= (l4_offset + header) |
		    (uint64_t)(last & 0xff0000u) << (AT(tcp_flags, payload_offset) - 16) |
		    (uint64_t)last << AT(tcp_window, payload_offset);
	t->numbers = numbers >> 32 | numbers << 32;
	return !walk_l4_checksum_due(flags) || transport_sum_right(ip, tcp, PROTO_TCP, room);
}

/* A checksum of 0 means something else in each family, and a tunnel is looked into: both walk. */
glance_inline bool
udp_glance(const uint8_t *ip, const uint8_t *udp, uint32_t l4_offset, uint32_t room, unsigned flags,
	   struct tail *t)
{
	const uint32_t bytes = be16_load(udp + 4);

	if (bytes < UDP_BYTES || bytes > room || be16_load(udp + 6) == 0)
		return false;
	if ((flags & PARSE_TUNNELS) && tunnel_of_port(flags, be16_load(udp + 2)) != TUNNEL_NONE)
		return false;
	t->facts |= l4_offset + UDP_BYTES;
	t->numbers = 0;
	return !walk_l4_checksum_due(flags) || transport_sum_right(ip, udp, PROTO_UDP, bytes);
}

/* Whether one of the two ports is 0: only a zero half borrows while its own top bit is clear. */
glance_inline bool
has_zero_half(uint32_t ports)
{
	return (ports - 0x00010001u) & ~ports & 0x80008000u;
}

/* The transport of `room` bytes by its length field, at l4_offset of the frame: writes the ports'
 * word of the key and the tail. `t` has offsets and facts but for the transport's. */
glance_inline bool
transport_glance(const uint8_t *frame, uint32_t l3_offset, uint32_t l4_offset, uint8_t family,
		 uint8_t proto, uint32_t room, unsigned flags, struct packet *p, struct tail *t)
{
	const uint8_t *l4 = frame + l4_offset;
	const uint32_t ports = be32_load(l4);
	bool known;

	if (has_zero_half(ports))
		return false;
	word_store(&p->key, family | (uint64_t)proto << AT(key.proto, key) |
				    (uint64_t)(ports >> 16 | ports << 16) << AT(key.port, key));
	t->facts |= (uint64_t)PACKET_TRANSPORT << AT(kind, payload_offset);
	if (proto == PROTO_TCP)
		known = room >= TCP_BYTES &&
			tcp_glance(frame + l3_offset, l4, l4_offset, room, flags, p, t);
	else
		known = proto == PROTO_UDP &&
			udp_glance(frame + l3_offset, l4, l4_offset, room, flags, t);
	word_store(&p->vlan, t->offsets);
	word_store(&p->payload_offset, t->facts);
	word_store(&p->tcp_seq, t->numbers);
	return known;
}

glance_inline uint64_t
offsets_word(uint32_t vlan, uint32_t l3_offset, uint32_t l3_bytes, uint32_t l4_offset)
{
	return vlan | l3_offset << AT(l3_offset, vlan) |
	       (uint64_t)(l3_bytes | l4_offset << 16) << AT(l3_bytes, vlan);
}

/* Of the first 8 bytes of an IPv4 header: version, header length, more-fragments, offset. */
#define IPV4_GLANCE_MASK  0xff3f0000000000ffull
#define IPV4_GLANCE_WANT  0x0000000000000045ull

#define GLANCE_IPV4_BYTES (IPV4_BYTES + UDP_BYTES)

/* `facts` and `vlan` are the tag's. GLANCE_IPV4_BYTES are there. */
glance_inline bool
ipv4_glance(const uint8_t *frame, uint32_t l3_offset, uint32_t end, unsigned flags, uint32_t vlan,
	    unsigned facts, struct packet *p)
{
	const uint8_t *ip = frame + l3_offset;
	const uint64_t first = word_load(ip), second = word_load(ip + 8);
	const uint32_t total = be16_load(ip + 2), source = (uint32_t)(second >> 32);
	const uint32_t destination = le32_load(ip + 16);
	struct tail t = { .facts = (uint64_t)facts << AT(facts, payload_offset) |
				   (uint64_t)(uint8_t)second << AT(ttl, payload_offset) };

	if ((first & IPV4_GLANCE_MASK) != IPV4_GLANCE_WANT)
		return false;
	/* Below the least, it wraps. */
	if (total - GLANCE_IPV4_BYTES > end - l3_offset - GLANCE_IPV4_BYTES)
		return false;
	if (!walk_ipv4_source_valid((uint8_t)source) || source == destination)
		return false;
	if (walk_l3_checksum_due(flags) && checksum_fold(checksum_add(ip, IPV4_BYTES, 0)) != 0)
		return false;
	word_store(p->key.addr[0], source);
	word_store(p->key.addr[0] + 8, 0);
	word_store(p->key.addr[1], destination);
	word_store(p->key.addr[1] + 8, 0);
	t.offsets = offsets_word(vlan, l3_offset, total, l3_offset + IPV4_BYTES);
	return transport_glance(frame, l3_offset, l3_offset + IPV4_BYTES, FAMILY_IPV4, ip[9],
				total - IPV4_BYTES, flags, p, &t);
}

/* Sources that begin with a zero byte are rare and many of them wrong: they walk. */
glance_inline bool
ipv6_glance(const uint8_t *frame, uint32_t l3_offset, uint32_t end, unsigned flags, uint32_t vlan,
	    unsigned facts, struct packet *p)
{
	const uint8_t *ip = frame + l3_offset;
	const uint64_t words[4] = { word_load(ip + 8), word_load(ip + 16), word_load(ip + 24),
				    word_load(ip + 32) };
	const uint32_t room = be16_load(ip + 4);
	struct tail t = { .facts = (uint64_t)facts << AT(facts, payload_offset) |
				   (uint64_t)ip[7] << AT(ttl, payload_offset) };

	if (ip[0] >> 4 != 6 || room < UDP_BYTES || end - l3_offset < IPV6_BYTES + room)
		return false;
	if ((uint8_t)(ip[8] - 1) >= 0xfe || ((words[0] ^ words[2]) | (words[1] ^ words[3])) == 0)
		return false;
	word_store(p->key.addr[0], words[0]);
	word_store(p->key.addr[0] + 8, words[1]);
	word_store(p->key.addr[1], words[2]);
	word_store(p->key.addr[1] + 8, words[3]);
	t.offsets = offsets_word(vlan, l3_offset, IPV6_BYTES + room, l3_offset + IPV6_BYTES);
	return transport_glance(frame, l3_offset, l3_offset + IPV6_BYTES, FAMILY_IPV6, ip[6], room,
				flags, p, &t);
}

/* The shortest frame that is looked at here: a tagged one of IPv4 and UDP. */
#define GLANCE_BYTES (ETHERNET_BYTES + VLAN_TAG_BYTES + GLANCE_IPV4_BYTES)

glance_inline bool
frame_glance(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	     struct packet *p)
{
	uint32_t vlan = 0, l3_offset = ETHERNET_BYTES;
	unsigned facts = 0;
	uint16_t type;

	if (bytes < GLANCE_BYTES || bytes > UINT16_MAX)
		return false;
	type = be16_load(frame + ETHERNET_BYTES - 2);
	/* The commonest shape by itself: its offsets are constants. */
	if (type == ETHERTYPE_NUM_IPV4 && (flags & PARSE_VLAN_STRIPPED) == 0)
		return ipv4_glance(frame, ETHERNET_BYTES, bytes, flags, 0, 0, p);
	if (flags & PARSE_VLAN_STRIPPED) {
		vlan = vlan_tci & VLAN_ID_MASK;
		facts = PACKET_TAGGED;
	} else if (type == ETHERTYPE_NUM_VLAN) {
		vlan = be16_load(frame + ETHERNET_BYTES) & VLAN_ID_MASK;
		facts = PACKET_TAGGED;
		l3_offset = ETHERNET_BYTES + VLAN_TAG_BYTES;
		type = be16_load(frame + ETHERNET_BYTES + 2);
	}
	if (type == ETHERTYPE_NUM_IPV4)
		return ipv4_glance(frame, l3_offset, bytes, flags, vlan, facts, p);
	return type == ETHERTYPE_NUM_IPV6 && bytes >= l3_offset + IPV6_BYTES + UDP_BYTES &&
	       ipv6_glance(frame, l3_offset, bytes, flags, vlan, facts, p);
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
		bool known;

		reasons[i] = DROP_NONE;
		/* The same call twice: with flags that the compiler knows it is a quarter shorter.
		 */
		if (v->flags == FLAGS_VOUCHED)
			known = frame_glance(v->frame, v->bytes, FLAGS_VOUCHED, 0, &packets[i]);
		else
			known = frame_glance(v->frame, v->bytes, v->flags, v->vlan_tci,
					     &packets[i]);
		if (!known)
			reasons[i] = (uint8_t)walk_frame(v->frame, v->bytes, v->flags, v->vlan_tci,
							 &packets[i]);
	}
}
