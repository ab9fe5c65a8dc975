/* SPDX-License-Identifier: BSD-3-Clause */
/* solicit.c: builds the questions: ARP requests and neighbour solicitations. */
#include <errno.h>
#include <string.h>

#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/respond/respond.h"

#define SOLICITATION_BYTES 32 /* with the source link-layer address option */

/* Writes Ethernet header and tag; returns their length. */
static uint32_t
ethernet_store(uint8_t *buffer, const uint8_t to[MAC_BYTES], const uint8_t from[MAC_BYTES],
	       uint16_t vlan, uint16_t type)
{
	uint32_t at = 2 * MAC_BYTES;

	memcpy(buffer, to, MAC_BYTES);
	memcpy(buffer + MAC_BYTES, from, MAC_BYTES);
	if (vlan != 0) {
		be16_store(buffer + at, ETHERTYPE_NUM_VLAN);
		be16_store(buffer + at + 2, vlan & VLAN_ID_MASK);
		at += VLAN_TAG_BYTES;
	}
	be16_store(buffer + at, type);
	return at + 2;
}

static uint32_t
ethernet_bytes(uint16_t vlan)
{
	return vlan == 0 ? ETHERNET_BYTES : ETHERNET_BYTES + VLAN_TAG_BYTES;
}

int
arp_request_build(uint8_t *buffer, uint32_t capacity, uint16_t vlan, const uint8_t mac[6],
		  const struct address *source, const struct address *target)
{
	static const uint8_t everyone[MAC_BYTES] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff };
	uint8_t *arp;

	if (capacity < ethernet_bytes(vlan) + ARP_BYTES)
		return -ENOSPC;
	arp = buffer + ethernet_store(buffer, everyone, mac, vlan, ETHERTYPE_NUM_ARP);
	be16_store(arp, 1);
	be16_store(arp + 2, ETHERTYPE_NUM_IPV4);
	arp[4] = MAC_BYTES;
	arp[5] = 4;
	be16_store(arp + 6, ARP_REQUEST);
	memcpy(arp + 8, mac, MAC_BYTES);
	memcpy(arp + 14, source->bytes, 4);
	memset(arp + 18, 0, MAC_BYTES);
	memcpy(arp + 24, target->bytes, 4);
	return (int)(ethernet_bytes(vlan) + ARP_BYTES);
}

int
neighbour_solicit_build(uint8_t *buffer, uint32_t capacity, uint16_t vlan, const uint8_t mac[6],
			const struct address *source, const struct address *target)
{
	const uint32_t bytes = ethernet_bytes(vlan) + IPV6_BYTES + SOLICITATION_BYTES;
	uint8_t group[16] = { 0xff, 0x02, [11] = 1, [12] = 0xff };
	uint8_t group_mac[MAC_BYTES] = { 0x33, 0x33, 0xff };
	uint8_t *ip, *nd;

	if (capacity < bytes)
		return -ENOSPC;
	memcpy(group + 13, target->bytes + 13, 3);
	memcpy(group_mac + 3, target->bytes + 13, 3);
	ip = buffer + ethernet_store(buffer, group_mac, mac, vlan, ETHERTYPE_NUM_IPV6);
	ipv6_header_store(ip, SOLICITATION_BYTES, PROTO_ICMPV6, HOP_LIMIT_LINK, source->bytes,
			  group);
	nd = ip + IPV6_BYTES;
	memset(nd, 0, 8);
	nd[0] = ICMPV6_SOLICITATION;
	memcpy(nd + 8, target->bytes, 16);
	nd[24] = 1;
	nd[25] = 1;
	memcpy(nd + 26, mac, MAC_BYTES);
	be16_store(nd + 2, checksum_fold(checksum_add(
				   nd, SOLICITATION_BYTES,
				   checksum_pseudo(ip, PROTO_ICMPV6, SOLICITATION_BYTES))));
	return (int)bytes;
}
