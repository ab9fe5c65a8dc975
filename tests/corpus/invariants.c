/* SPDX-License-Identifier: BSD-3-Clause */
/* invariants.c: see invariants.h. */
#include "tests/corpus/invariants.h"

#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/identity.h"
#include "common/base/wire.h"

static bool
is_zero(const void *data, size_t bytes)
{
	const uint8_t *at = data;

	for (size_t i = 0; i < bytes; i++)
		if (at[i] != 0)
			return false;
	return true;
}

/* What of a refused packet may be shown lies inside the frame. */
static void
refused_check(const uint8_t *frame, uint32_t bytes, const struct packet *p)
{
	uint32_t header;
	uint8_t version;

	if (p->l3_bytes == 0)
		return;
	panic_unless(p->l3_offset < bytes);
	if (p->key.family == 0)
		return;
	version = frame[p->l3_offset] >> 4;
	panic_unless(version == 4 || version == 6);
	header = version == 4 ? IPV4_BYTES : IPV6_BYTES;
	panic_unless(p->l3_offset + header <= bytes);
}

static void
key_check(const struct packet *p)
{
	const struct flow_key *key = &p->key;

	panic_unless(key->zone == 0);
	if (p->kind == PACKET_ARP) {
		panic_unless(is_zero(key, sizeof(*key)));
		return;
	}
	panic_unless(key->family == FAMILY_IPV4 || key->family == FAMILY_IPV6);
	if (key->family == FAMILY_IPV4)
		panic_unless(is_zero(key->addr[0] + 4, 12) && is_zero(key->addr[1] + 4, 12));
	if (p->kind == PACKET_TRANSPORT)
		panic_unless(key->port[0] != 0 && key->port[1] != 0);
	if (p->kind == PACKET_NO_PORTS || p->kind == PACKET_LATER_FRAGMENT ||
	    p->kind == PACKET_ICMP_ND || p->kind == PACKET_ICMP_OTHER)
		panic_unless(key->port[0] == 0 && key->port[1] == 0);
	if (p->kind == PACKET_ICMP_QUERY)
		panic_unless(key->port[0] == key->port[1]);
}

static void
offsets_check(const struct packet *p, uint32_t bytes)
{
	const uint32_t end = (uint32_t)p->l3_offset + p->l3_bytes;
	const uint32_t l4_header = (uint32_t)p->payload_offset - p->l4_offset;

	panic_unless(p->l3_offset <= p->l4_offset && p->l4_offset <= p->payload_offset);
	panic_unless(p->payload_offset <= end && end <= bytes);
	switch (p->kind) {
	case PACKET_ARP:
		panic_unless(end - p->l3_offset >= ARP_BYTES);
		break;
	case PACKET_TRANSPORT:
		panic_unless(l4_header >= UDP_BYTES);
		if (p->key.proto == PROTO_TCP)
			panic_unless(l4_header >= TCP_BYTES);
		break;
	case PACKET_ICMP_QUERY:
	case PACKET_ICMP_ERROR:
	case PACKET_ICMP_ND:
	case PACKET_ICMP_OTHER:
		panic_unless(end - p->l4_offset >= ICMP_BYTES);
		break;
	default:
		break;
	}
}

static void
options_check(const struct packet *p)
{
	const struct packet_tcp *tcp = &p->more.tcp;

	panic_unless(p->kind == PACKET_TRANSPORT && p->key.proto == PROTO_TCP);
	panic_unless(tcp->known != 0);
	if (tcp->known & TCP_HAS_SCALE)
		panic_unless(tcp->scale <= 14);
	if (tcp->known & TCP_HAS_SACK) {
		panic_unless(tcp->sack_blocks >= 1 && tcp->sack_blocks <= 4);
		panic_unless(tcp->sack_offset >= p->l4_offset + TCP_BYTES);
		panic_unless(tcp->sack_offset + 8u * tcp->sack_blocks <= p->payload_offset);
	}
}

static void
facts_check(const struct packet *p, unsigned flags)
{
	panic_unless(p->vlan <= VLAN_ID_MASK);
	panic_unless(p->vlan == 0 || p->facts & PACKET_TAGGED);
	if (p->facts & PACKET_TAGGED_TWICE) {
		panic_unless(p->facts & PACKET_TAGGED);
		panic_unless(p->more.vlan_inner <= VLAN_ID_MASK);
	}
	if (p->facts & PACKET_FRAGMENT) {
		panic_unless(p->more.fragment.offset % 8 == 0);
		panic_unless((p->more.fragment.offset != 0) == (p->kind == PACKET_LATER_FRAGMENT));
		panic_unless(p->more.fragment.offset != 0 || p->more.fragment.more);
	} else {
		panic_unless(p->kind != PACKET_LATER_FRAGMENT);
	}
	if (p->facts & PACKET_TCP_OPTIONS)
		options_check(p);
	if (p->facts & PACKET_TUNNEL) {
		panic_unless(p->more.tunnel.type > TUNNEL_NONE);
		panic_unless(p->more.tunnel.type < TUNNEL_TYPES);
		panic_unless(flags & PARSE_TUNNEL(p->more.tunnel.type));
		panic_unless(p->more.tunnel.outer_l3_offset < p->l3_offset);
	}
	if (p->facts & PACKET_QUOTE)
		panic_unless(p->kind == PACKET_ICMP_ERROR &&
			     p->more.quote_offset >= p->l4_offset + ICMP_BYTES);
}

void
packet_check(const uint8_t *frame, uint32_t bytes, unsigned flags, enum drop_reason reason,
	     const struct packet *p)
{
	panic_unless(reason < DROP_COUNT);
	if (reason != DROP_NONE) {
		refused_check(frame, bytes, p);
		return;
	}
	offsets_check(p, bytes);
	key_check(p);
	facts_check(p, flags);
}
