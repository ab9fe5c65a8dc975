/* SPDX-License-Identifier: BSD-3-Clause */
/* parse.c: the way in: Ethernet, VLAN tags and ARP, and the choice of the IP family. */
#include "dataplane/parse/parse.h"

#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

/* Offsets are 16 bits wide: what lies behind is not read, and lengths that reach there are refused
 * as truncated. */
#define VIEW_BYTES_MAX 65535u

static bool
ethertype_is_vlan(uint16_t type)
{
	return type == ETHERTYPE_NUM_VLAN || type == ETHERTYPE_NUM_QINQ ||
	       type == ETHERTYPE_NUM_QINQ_9;
}

/* Walks the MAC addresses and tags; *type becomes the EtherType behind them. */
static enum drop_reason
ethernet_walk(const uint8_t *frame, uint32_t end, unsigned tags, uint16_t *type, struct packet *p)
{
	uint32_t at = ETHERNET_BYTES;

	if (end < at)
		return DROP_FRAME_TRUNCATED;
	*type = be16_load(frame + at - 2);
	while (ethertype_is_vlan(*type)) {
		if (tags == VLAN_TAGS_MAX)
			return DROP_VLAN_TOO_DEEP;
		if (end - at < VLAN_TAG_BYTES)
			return DROP_FRAME_TRUNCATED;
		if (tags++ == 0) {
			p->vlan = be16_load(frame + at) & VLAN_ID_MASK;
			p->facts |= PACKET_TAGGED;
		} else {
			p->more.vlan_inner = be16_load(frame + at) & VLAN_ID_MASK;
			p->facts |= PACKET_TAGGED_TWICE;
		}
		at += VLAN_TAG_BYTES;
		*type = be16_load(frame + at - 2);
	}
	p->l3_offset = (uint16_t)at;
	return DROP_NONE;
}

/* RFC 826: only Ethernet (1) and IPv4, with their address lengths. */
static enum drop_reason
arp_walk(const uint8_t *frame, uint32_t end, struct packet *p)
{
	const uint8_t *arp = frame + p->l3_offset;

	if (end - p->l3_offset < ARP_BYTES)
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

enum drop_reason
parse_frame(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	    struct packet *out)
{
	const uint32_t end = bytes < VIEW_BYTES_MAX ? bytes : VIEW_BYTES_MAX;
	enum drop_reason reason;
	unsigned tags = 0;
	uint16_t type;

	*out = (struct packet){ 0 };
	if (flags & PARSE_VLAN_STRIPPED) {
		out->vlan = vlan_tci & VLAN_ID_MASK;
		out->facts = PACKET_TAGGED;
		tags = 1;
	}
	reason = ethernet_walk(frame, end, tags, &type, out);
	if (reason != DROP_NONE)
		return reason;
	if (type == ETHERTYPE_NUM_IPV4)
		return ipv4_walk(frame, end, flags, out);
	if (type == ETHERTYPE_NUM_IPV6)
		return ipv6_walk(frame, end, flags, out);
	if (type == ETHERTYPE_NUM_ARP)
		return arp_walk(frame, end, out);
	return DROP_ETHERTYPE_UNKNOWN;
}

enum drop_reason
parse_ip(const uint8_t *ip, uint32_t bytes, unsigned flags, struct packet *out)
{
	const uint32_t end = bytes < VIEW_BYTES_MAX ? bytes : VIEW_BYTES_MAX;

	*out = (struct packet){ 0 };
	/* An empty packet, and one of another version, is refused as IPv4. */
	if (end > 0 && ip[0] >> 4 == 6)
		return ipv6_walk(ip, end, flags, out);
	return ipv4_walk(ip, end, flags, out);
}
