/* SPDX-License-Identifier: BSD-3-Clause */
/* respond.c: reads ARP and neighbour discovery, and turns requests into their answers in place. */
#include "dataplane/respond/respond.h"

#include <errno.h>
#include <string.h>

#include "common/base/identity.h"
#include "common/base/wire.h"

#define ND_BYTES         24 /* solicitation and advertisement without options */
#define ND_OPTION_SOURCE 1
#define ND_OPTION_TARGET 2
#define ND_OPTION_BYTES  8 /* of a link-layer address option on Ethernet, RFC 2464 6 */
#define ND_ROUTER        0x80u
#define ND_SOLICITED     0x40u
#define ND_OVERRIDE      0x20u

static const uint8_t zero[16];
static const uint8_t all_nodes[16] = { 0xff, 0x02, [15] = 1 };
static const uint8_t all_nodes_mac[MAC_BYTES] = { 0x33, 0x33, [5] = 1 };
/* The first 13 bytes of every solicited-node address (RFC 4291 2.7.1). */
static const uint8_t solicited_node[13] = { 0xff, 0x02, [11] = 1, [12] = 0xff };

/* Whether `mac` names one station: neither a group nor zero. */
static bool
mac_is_station(const uint8_t mac[MAC_BYTES])
{
	return (mac[0] & 1) == 0 && memcmp(mac, zero, MAC_BYTES) != 0;
}

/* Sends the frame back to the station that it came from. */
static void
ethernet_answer(uint8_t *frame, const uint8_t mac[MAC_BYTES])
{
	memcpy(frame, frame + MAC_BYTES, MAC_BYTES);
	memcpy(frame + MAC_BYTES, mac, MAC_BYTES);
}

int
arp_read(const uint8_t *frame, const struct packet *p, struct arp_message *out)
{
	const uint8_t *arp = frame + p->l3_offset;
	struct arp_message m = { .sender.family = FAMILY_IPV4, .target.family = FAMILY_IPV4 };

	if (p->kind != PACKET_ARP)
		return -ENOMSG;
	m.op = be16_load(arp + 6);
	memcpy(m.sender_mac, arp + 8, MAC_BYTES);
	memcpy(m.sender.bytes, arp + 14, 4);
	memcpy(m.target.bytes, arp + 24, 4);
	if ((m.op != ARP_REQUEST && m.op != ARP_REPLY) || !mac_is_station(m.sender_mac))
		return -EINVAL;
	if (m.sender.bytes[0] == 127 || m.sender.bytes[0] >= 224)
		return -EINVAL;
	if (m.sender.bytes[0] == 0 && (m.op == ARP_REPLY || memcmp(m.sender.bytes, zero, 4) != 0))
		return -EINVAL;
	*out = m;
	return 0;
}

uint32_t
arp_answer(uint8_t *frame, const struct packet *p, const uint8_t mac[6])
{
	uint8_t *arp = frame + p->l3_offset;
	uint8_t target[4];

	memcpy(target, arp + 24, 4);
	be16_store(arp + 6, ARP_REPLY);
	memcpy(arp + 18, arp + 8, MAC_BYTES + 4);
	memcpy(arp + 8, mac, MAC_BYTES);
	memcpy(arp + 14, target, 4);
	/* RFC 826: to the sender that the message names; its Ethernet source may be a relay. */
	memcpy(frame, arp + 18, MAC_BYTES);
	memcpy(frame + MAC_BYTES, mac, MAC_BYTES);
	return (uint32_t)p->l3_offset + ARP_BYTES;
}

/* Walks all options (RFC 4861 4.6); takes the link-layer address from the one of kind `wanted`. */
static int
options_read(const uint8_t *option, const uint8_t *end, uint8_t wanted, struct neighbour_message *m)
{
	while (option < end) {
		uint32_t length;

		if (end - option < 2 || option[1] == 0)
			return -EINVAL;
		length = option[1] * 8u;
		if (length > (uint32_t)(end - option))
			return -EINVAL;
		if (option[0] == wanted) {
			if (length != ND_OPTION_BYTES || !mac_is_station(option + 2))
				return -EINVAL;
			memcpy(m->mac, option + 2, MAC_BYTES);
			m->has_mac = true;
		}
		option += length;
	}
	return 0;
}

/* What RFC 4861 7.1.1 asks of a solicitation and 7.1.2 of an advertisement beyond the rest. */
static bool
neighbour_is_valid(const struct neighbour_message *m, const uint8_t *destination)
{
	if (!m->solicitation)
		return !(m->solicited && destination[0] == 0xff);
	if (memcmp(m->source.bytes, zero, 16) != 0)
		return true;
	return !m->has_mac && memcmp(destination, solicited_node, sizeof(solicited_node)) == 0;
}

int
neighbour_read(const uint8_t *frame, const struct packet *p, struct neighbour_message *out)
{
	const uint8_t *nd = frame + p->l4_offset, *end = frame + p->l3_offset + p->l3_bytes;
	struct neighbour_message m = { .source.family = FAMILY_IPV6, .target.family = FAMILY_IPV6 };

	if (p->kind != PACKET_ICMP_ND ||
	    (p->icmp_type != ICMPV6_SOLICITATION && p->icmp_type != ICMPV6_ADVERTISEMENT))
		return -ENOMSG;
	if (p->ttl != HOP_LIMIT_LINK || p->icmp_code != 0 || end - nd < ND_BYTES)
		return -EINVAL;
	m.solicitation = p->icmp_type == ICMPV6_SOLICITATION;
	if (!m.solicitation) {
		m.router = nd[4] & ND_ROUTER;
		m.solicited = nd[4] & ND_SOLICITED;
		m.override = nd[4] & ND_OVERRIDE;
	}
	memcpy(m.source.bytes, p->key.addr[0], 16);
	memcpy(m.target.bytes, nd + 8, 16);
	if (m.target.bytes[0] == 0xff)
		return -EINVAL;
	if (options_read(nd + ND_BYTES, end, m.solicitation ? ND_OPTION_SOURCE : ND_OPTION_TARGET,
			 &m) != 0)
		return -EINVAL;
	if (!neighbour_is_valid(&m, p->key.addr[1]))
		return -EINVAL;
	*out = m;
	return 0;
}

/* Writes the message behind the finished IPv6 header at `ip`, with its checksum. */
static void
advertisement_store(uint8_t *ip, uint8_t flags, const uint8_t target[16], const uint8_t mac[6])
{
	uint8_t *nd = ip + IPV6_BYTES;
	const uint32_t bytes = ND_BYTES + ND_OPTION_BYTES;

	memset(nd, 0, 8);
	nd[0] = ICMPV6_ADVERTISEMENT;
	nd[4] = flags;
	memcpy(nd + 8, target, 16);
	nd[ND_BYTES] = ND_OPTION_TARGET;
	nd[ND_BYTES + 1] = ND_OPTION_BYTES / 8;
	memcpy(nd + ND_BYTES + 2, mac, MAC_BYTES);
	be16_store(nd + 2, checksum_fold(checksum_add(nd, bytes,
						      checksum_pseudo(ip, PROTO_ICMPV6, bytes))));
}

int
neighbour_answer(uint8_t *frame, uint32_t capacity, const struct packet *p,
		 const struct neighbour_message *m, const uint8_t mac[6])
{
	const uint32_t bytes = p->l3_offset + IPV6_BYTES + ND_BYTES + ND_OPTION_BYTES;
	const bool probe = memcmp(m->source.bytes, zero, 16) == 0;
	uint8_t *ip = frame + p->l3_offset;

	if (capacity < bytes)
		return -ENOSPC;
	if (!mac_is_station(frame + MAC_BYTES))
		return -EINVAL;
	ethernet_answer(frame, mac);
	if (probe)
		memcpy(frame, all_nodes_mac, MAC_BYTES);
	ipv6_header_store(ip, ND_BYTES + ND_OPTION_BYTES, PROTO_ICMPV6, HOP_LIMIT_LINK,
			  m->target.bytes, probe ? all_nodes : m->source.bytes);
	advertisement_store(ip, probe ? ND_OVERRIDE : ND_OVERRIDE | ND_SOLICITED, m->target.bytes,
			    mac);
	return (int)bytes;
}

/* The IPv4 header of the reply. Recorded routes and time stamps are overwritten with no-operations
 * (RFC 7126): they would say where the request had been, not the reply. */
static void
echo_ipv4_answer(uint8_t *frame, const struct packet *p)
{
	uint8_t *ip = frame + p->l3_offset;

	memset(ip + IPV4_BYTES, 1, (size_t)(p->l4_offset - p->l3_offset - IPV4_BYTES));
	ip[8] = HOP_LIMIT_DEFAULT;
	memcpy(ip + 12, p->key.addr[1], 4);
	memcpy(ip + 16, p->key.addr[0], 4);
}

/* The IPv6 header of the reply; extension headers of the request are cut out. Returns how many
 * bytes that made the packet shorter. */
static uint32_t
echo_ipv6_answer(uint8_t *frame, const struct packet *p)
{
	uint8_t *ip = frame + p->l3_offset, *l4 = frame + p->l4_offset;
	const uint32_t cut = (uint32_t)(p->l4_offset - p->l3_offset - IPV6_BYTES);
	const uint32_t bytes = (uint32_t)p->l3_bytes - IPV6_BYTES - cut;

	memmove(ip + IPV6_BYTES, l4, bytes);
	ipv6_header_store(ip, (uint16_t)bytes, PROTO_ICMPV6, HOP_LIMIT_DEFAULT, p->key.addr[1],
			  p->key.addr[0]);
	return cut;
}

int
echo_answer(uint8_t *frame, const struct packet *p, const uint8_t mac[6])
{
	const bool ipv4 = p->key.family == FAMILY_IPV4;
	struct packet reply = *p;

	if (p->kind != PACKET_ICMP_QUERY || p->icmp_code != 0 ||
	    p->icmp_type != (ipv4 ? ICMP_ECHO_REQUEST : ICMPV6_ECHO_REQUEST))
		return -ENOMSG;
	if (p->key.addr[1][0] >= (ipv4 ? 224 : 0xff) || (frame[0] & 1) != 0 ||
	    !mac_is_station(frame + MAC_BYTES))
		return -EADDRNOTAVAIL;
	ethernet_answer(frame, mac);
	if (ipv4) {
		echo_ipv4_answer(frame, p);
	} else {
		const uint32_t cut = echo_ipv6_answer(frame, p);

		reply.l3_bytes = (uint16_t)(p->l3_bytes - cut);
		reply.l4_offset = (uint16_t)(p->l4_offset - cut);
	}
	frame[reply.l4_offset] = ipv4 ? ICMP_ECHO_REPLY : ICMPV6_ECHO_REPLY;
	checksum_fill(frame, &reply);
	return reply.l3_offset + reply.l3_bytes;
}
