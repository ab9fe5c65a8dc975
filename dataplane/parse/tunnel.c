/* SPDX-License-Identifier: BSD-3-Clause */
/* tunnel.c: the step from a tunnel's header into the packet that it carries. */
#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

#define VXLAN_BYTES        8
#define VXLAN_HAS_ID       0x08u

#define GENEVE_BYTES       8
#define GENEVE_CONTROL     0x80u
#define GENEVE_CRITICAL    0x40u

#define GRE_BYTES          4
#define GRE_CHECKSUM       0x8000u
#define GRE_KEY            0x2000u
#define GRE_SEQUENCE       0x1000u
#define GRE_MUST_BE_ZERO   0x4c07u /* RFC 2784 2.2, 2.3 without RFC 2890's bits; the version */

#define GTPU_BYTES         8
#define GTPU_OPTIONS_BYTES 4
#define GTPU_FIRST_MASK    0xf0u
#define GTPU_FIRST         0x30u /* version 1, GTP and not GTP' */
#define GTPU_OPTIONS       0x07u
#define GTPU_EXTENSION     0x04u
#define GTPU_G_PDU         255

/* What a tunnel's header said of what follows it. */
struct inside {
	uint32_t at, end; /* in the frame */
	uint32_t id;
	uint16_t type; /* EtherType; 0: by the IP version */
	bool has_id;
};

/* Begins the description anew for the inner packet and walks it. */
static enum drop_reason
inside_walk(struct walk *w, enum tunnel_type type, const struct inside *in)
{
	struct packet *p = w->p;
	const uint16_t outer = p->l3_offset, vlan = p->vlan;
	const uint8_t facts = p->facts;
	uint16_t payload = in->type;

	memset(p, 0, offsetof(struct packet, more));
	p->vlan = vlan;
	p->facts = facts | PACKET_TUNNEL;
	p->l3_offset = (uint16_t)in->at;
	p->more.tunnel = (struct packet_tunnel){
		.id = in->id, .outer_l3_offset = outer, .type = (uint8_t)type, .has_id = in->has_id
	};
	w->end = in->end;
	/* One tunnel is looked into; what the device verified was the outer packet. */
	w->flags &= ~(unsigned)(PARSE_TUNNELS | PARSE_L3_CHECKSUM_GOOD | PARSE_L4_CHECKSUM_GOOD);
	/* RFC 7348 6.1: an inner frame has no tag. */
	if (payload == ETHERTYPE_NUM_BRIDGE)
		return link_walk(w, in->at, VLAN_TAGS_MAX);
	if (payload == 0 && in->at < in->end)
		payload = w->frame[in->at] >> 4 == 6 ? ETHERTYPE_NUM_IPV6 : ETHERTYPE_NUM_IPV4;
	if (payload == ETHERTYPE_NUM_IPV4)
		return ipv4_walk(w);
	return payload == ETHERTYPE_NUM_IPV6 ? ipv6_walk(w) : DROP_TUNNEL_PAYLOAD;
}

static enum drop_reason
vxlan_walk(struct walk *w, uint32_t end)
{
	const uint32_t at = w->p->payload_offset;
	const uint8_t *header = w->frame + at;

	if (end - at < VXLAN_BYTES || (header[0] & VXLAN_HAS_ID) == 0)
		return DROP_VXLAN_MALFORMED;
	return inside_walk(w, TUNNEL_VXLAN,
			   &(struct inside){ .at = at + VXLAN_BYTES,
					     .end = end,
					     .id = be32_load(header + 4) >> 8,
					     .type = ETHERTYPE_NUM_BRIDGE,
					     .has_id = true });
}

/* RFC 8926 3.4: options that are not critical may be skipped; control messages are for the tunnel's
 * end itself. */
static enum drop_reason
geneve_walk(struct walk *w, uint32_t end)
{
	const uint32_t at = w->p->payload_offset;
	const uint8_t *header = w->frame + at;
	uint32_t options;

	if (end - at < GENEVE_BYTES)
		return DROP_GENEVE_MALFORMED;
	options = (header[0] & 0x3fu) * 4;
	if (header[0] >> 6 != 0 || (header[1] & GENEVE_CRITICAL) ||
	    options > end - at - GENEVE_BYTES)
		return DROP_GENEVE_MALFORMED;
	if ((header[1] & GENEVE_CONTROL) || be16_load(header + 2) == 0)
		return DROP_TUNNEL_PAYLOAD;
	return inside_walk(w, TUNNEL_GENEVE,
			   &(struct inside){ .at = at + GENEVE_BYTES + options,
					     .end = end,
					     .id = be32_load(header + 4) >> 8,
					     .type = be16_load(header + 2),
					     .has_id = true });
}

/* Skips the sequence number and extension headers of a G-PDU (3GPP TS 29.281 5.1, 5.2), which lie
 * in [*at, end); *at becomes the inner packet's place. */
static enum drop_reason
gtpu_options_walk(const uint8_t *frame, uint32_t *at, uint32_t end, bool extended)
{
	uint8_t next;

	if (end - *at < GTPU_OPTIONS_BYTES)
		return DROP_GTPU_MALFORMED;
	*at += GTPU_OPTIONS_BYTES;
	next = extended ? frame[*at - 1] : 0;
	for (unsigned i = 0; next != 0; i++) {
		uint32_t length;

		if (i == EXT_HEADERS_MAX || *at == end)
			return DROP_GTPU_MALFORMED;
		length = frame[*at] * 4u;
		if (length == 0 || length > end - *at)
			return DROP_GTPU_MALFORMED;
		*at += length;
		next = frame[*at - 1];
	}
	return DROP_NONE;
}

/* Messages other than G-PDUs are of the path's ends: the datagram stays what it is. */
static enum drop_reason
gtpu_walk(struct walk *w, uint32_t end)
{
	uint32_t at = w->p->payload_offset;
	const uint8_t *header = w->frame + at;
	uint32_t bytes;

	if (end - at < GTPU_BYTES || (header[0] & GTPU_FIRST_MASK) != GTPU_FIRST)
		return DROP_GTPU_MALFORMED;
	if (header[1] != GTPU_G_PDU)
		return DROP_NONE;
	bytes = be16_load(header + 2);
	if (bytes > end - at - GTPU_BYTES)
		return DROP_GTPU_MALFORMED;
	at += GTPU_BYTES;
	end = at + bytes;
	if (header[0] & GTPU_OPTIONS) {
		const enum drop_reason reason =
			gtpu_options_walk(w->frame, &at, end, header[0] & GTPU_EXTENSION);

		if (reason != DROP_NONE)
			return reason;
	}
	return inside_walk(
		w, TUNNEL_GTPU,
		&(struct inside){
			.at = at, .end = end, .id = be32_load(header + 4), .has_id = true });
}

enum tunnel_type
tunnel_of_port(unsigned flags, uint16_t port)
{
	enum tunnel_type type = TUNNEL_NONE;

	if ((flags & PARSE_TUNNELS) == 0)
		return TUNNEL_NONE;
	if (port == UDP_PORT_VXLAN)
		type = TUNNEL_VXLAN;
	else if (port == UDP_PORT_GENEVE)
		type = TUNNEL_GENEVE;
	else if (port == UDP_PORT_GTPU)
		type = TUNNEL_GTPU;
	return flags & PARSE_TUNNEL(type) & PARSE_TUNNELS ? type : TUNNEL_NONE;
}

enum drop_reason
tunnel_udp_walk(struct walk *w, enum tunnel_type type, uint32_t end)
{
	if (type == TUNNEL_VXLAN)
		return vxlan_walk(w, end);
	return type == TUNNEL_GENEVE ? geneve_walk(w, end) : gtpu_walk(w, end);
}

static enum drop_reason
gre_walk(struct walk *w)
{
	const uint8_t *gre = w->frame + w->p->l4_offset;
	const uint32_t room = walk_l4_bytes(w->p);
	struct inside in = { .end = w->p->l4_offset + room };
	uint32_t header = GRE_BYTES, bits;

	if (room < header)
		return DROP_GRE_MALFORMED;
	bits = be16_load(gre);
	if (bits & GRE_MUST_BE_ZERO)
		return DROP_GRE_MALFORMED;
	header += (bits & GRE_CHECKSUM ? 4 : 0) + (bits & GRE_KEY ? 4 : 0) +
		  (bits & GRE_SEQUENCE ? 4 : 0);
	if (room < header)
		return DROP_GRE_MALFORMED;
	if ((bits & GRE_CHECKSUM) && (w->flags & PARSE_CHECKSUM_IGNORE) == 0 &&
	    checksum_fold(checksum_add(gre, room, 0)) != 0)
		return DROP_GRE_MALFORMED;
	if (bits & GRE_KEY) {
		in.id = be32_load(gre + (bits & GRE_CHECKSUM ? 8 : 4));
		in.has_id = true;
	}
	in.at = w->p->l4_offset + header;
	in.type = be16_load(gre + 2);
	return in.type == 0 ? DROP_TUNNEL_PAYLOAD : inside_walk(w, TUNNEL_GRE, &in);
}

enum drop_reason
tunnel_ip_walk(struct walk *w)
{
	const struct packet *p = w->p;
	struct inside in = { .at = p->l4_offset, .end = p->l4_offset + walk_l4_bytes(p) };

	if (p->key.proto == PROTO_GRE)
		return gre_walk(w);
	in.type = p->key.proto == PROTO_IPIP ? ETHERTYPE_NUM_IPV4 : ETHERTYPE_NUM_IPV6;
	return inside_walk(w, p->key.proto == PROTO_IPIP ? TUNNEL_IPIP : TUNNEL_6IN4, &in);
}
