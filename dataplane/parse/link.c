/* SPDX-License-Identifier: BSD-3-Clause */
/* link.c: what lies below IP: Ethernet, VLAN tags, MPLS, PPPoE, ARP, and LLC, which is refused. */
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

#define LABEL_BYTES         4
#define LABEL_BOTTOM        0x100u /* of the entry: the stack ends here */
#define LABEL_IMPLICIT_NULL 3      /* RFC 3032 2.1: signalled, never on the wire */

#define PPPOE_BYTES         8 /* with the PPP protocol field */
#define PPP_IPV4            0x0021u
#define PPP_IPV6            0x0057u

static void
tag_note(struct packet *p, uint16_t vlan, unsigned tags)
{
	if (tags == 0) {
		p->vlan = vlan;
		p->facts |= PACKET_TAGGED;
	} else {
		p->more.vlan_inner = vlan;
		p->facts |= PACKET_TAGGED_TWICE;
	}
}

/* RFC 826: only Ethernet (1) and IPv4, with their address lengths. */
static enum drop_reason
arp_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *arp = w->frame + p->l3_offset;

	/* Who answers from inside a tunnel cannot be reached. */
	if (p->facts & PACKET_TUNNEL)
		return DROP_TUNNEL_PAYLOAD;
	if (w->end - p->l3_offset < ARP_BYTES)
		return DROP_ARP_MALFORMED;
	if (be16_load(arp) != 1 || be16_load(arp + 2) != ETHERTYPE_NUM_IPV4 ||
	    arp[4] != MAC_BYTES || arp[5] != 4)
		return DROP_ARP_MALFORMED;
	p->kind = PACKET_ARP;
	p->l3_bytes = ARP_BYTES;
	p->l4_offset = p->l3_offset;
	p->payload_offset = p->l3_offset;
	return DROP_NONE;
}

/* The stack does not say what it carries (RFC 3032 2.2); whoever ends the path must know. IP's own
 * version is what this end goes by, as RFC 4928 3 says that everybody does. */
static enum drop_reason
mpls_walk(struct walk *w)
{
	struct packet *p = w->p;
	uint32_t at = p->l3_offset, entry;
	unsigned labels = 0;

	do {
		if (w->end - at < LABEL_BYTES)
			return DROP_FRAME_TRUNCATED;
		entry = be32_load(w->frame + at);
		at += LABEL_BYTES;
		if (++labels > MPLS_LABELS_MAX || entry >> 12 == LABEL_IMPLICIT_NULL)
			return DROP_MPLS_STACK;
	} while ((entry & LABEL_BOTTOM) == 0);
	p->more.mpls_label = entry >> 12;
	p->more.mpls_labels = (uint16_t)labels;
	p->facts |= PACKET_MPLS;
	p->l3_offset = (uint16_t)at;
	if (at == w->end)
		return DROP_FRAME_TRUNCATED;
	if (w->frame[at] >> 4 == 4)
		return ipv4_walk(w);
	return w->frame[at] >> 4 == 6 ? ipv6_walk(w) : DROP_MPLS_PAYLOAD;
}

/* RFC 2516 4: version and type are 1, the code of a session is 0, ids 0 and 0xffff name none. */
static enum drop_reason
pppoe_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *header = w->frame + p->l3_offset;
	const uint32_t room = w->end - p->l3_offset;
	uint32_t length;

	if (room < PPPOE_BYTES)
		return DROP_FRAME_TRUNCATED;
	p->more.pppoe_session = be16_load(header + 2);
	length = be16_load(header + 4); /* counts the PPP protocol field */
	if (be16_load(header) != 0x1100 || p->more.pppoe_session == 0 ||
	    p->more.pppoe_session == UINT16_MAX || length < 2 || length + 6 > room)
		return DROP_PPPOE_MALFORMED;
	p->facts |= PACKET_PPPOE;
	w->end = p->l3_offset + 6 + length;
	p->l3_offset += PPPOE_BYTES;
	switch (be16_load(header + 6)) {
	case PPP_IPV4:
		return ipv4_walk(w);
	case PPP_IPV6:
		return ipv6_walk(w);
	default:
		return DROP_PPPOE_PROTOCOL;
	}
}

enum drop_reason
link_walk(struct walk *w, uint32_t at, unsigned tags)
{
	uint16_t type;

	if (w->end - at < ETHERNET_BYTES)
		return DROP_FRAME_TRUNCATED;
	at += ETHERNET_BYTES;
	type = be16_load(w->frame + at - 2);
	while (link_type_is_vlan(type)) {
		if (tags == VLAN_TAGS_MAX)
			return DROP_VLAN_TOO_DEEP;
		if (w->end - at < VLAN_TAG_BYTES)
			return DROP_FRAME_TRUNCATED;
		tag_note(w->p, be16_load(w->frame + at) & VLAN_ID_MASK, tags++);
		at += VLAN_TAG_BYTES;
		type = be16_load(w->frame + at - 2);
	}
	w->p->l3_offset = (uint16_t)at;
	switch (type) {
	case ETHERTYPE_NUM_IPV4:
		return ipv4_walk(w);
	case ETHERTYPE_NUM_IPV6:
		return ipv6_walk(w);
	case ETHERTYPE_NUM_ARP:
		return arp_walk(w);
	case ETHERTYPE_NUM_MPLS:
	case ETHERTYPE_NUM_MPLS_8:
		return mpls_walk(w);
	case ETHERTYPE_NUM_PPPOE:
		return pppoe_walk(w);
	default:
		/* RFC 1122 2.3.3 asks hosts to receive IP over SNAP (RFC 1042) where they can; no
		 * network that berth serves carries it, so all LLC is one counter. */
		return type < ETHERTYPE_NUM_MIN ? DROP_LLC : DROP_ETHERTYPE_UNKNOWN;
	}
}
