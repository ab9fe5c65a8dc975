/* SPDX-License-Identifier: BSD-3-Clause */
/* malformed.c: spoils a valid frame in one way each, and leaves the rest of it right. */
#include "bench/traffic/malformed.h"

#include <assert.h>
#include <netinet/in.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"

#define PROTO_WITHOUT_USE 253 /* RFC 3692: for experiments */

static uint8_t *
l3(struct frame *f)
{
	return f->data + f->l3_offset;
}

static uint8_t *
l4(struct frame *f)
{
	return f->data + f->l4_offset;
}

/* Makes room for `bytes` at `offset`, and copies `what` there. */
static void
insert(struct frame *f, uint16_t offset, const void *what, uint16_t bytes)
{
	memmove(f->data + offset + bytes, f->data + offset, f->bytes - offset);
	memcpy(f->data + offset, what, bytes);
	f->bytes += bytes;
}

static void
insert_tags(struct frame *f, uint16_t vlan, unsigned tags)
{
	uint8_t tag[4];

	be16_store(tag, ETHERTYPE_OF_VLAN);
	be16_store(tag + 2, vlan);
	for (unsigned i = 0; i < tags; i++)
		insert(f, 12, tag, sizeof(tag));
}

/* Grows the IPv4 header by `bytes` of options, a multiple of 4. */
static void
insert_ipv4_options(struct frame *f, const uint8_t *options, uint16_t bytes)
{
	insert(f, f->l4_offset, options, bytes);
	f->l3_bytes = (uint16_t)(f->l3_bytes + bytes);
	l3(f)[0] = (uint8_t)(l3(f)[0] + bytes / 4);
	be16_store(l3(f) + 2, f->l3_bytes);
	frame_sum_ipv4(f);
}

/* Puts extension headers, of which `first` is the first's number, between IPv6 and transport. */
static void
insert_ipv6_extensions(struct frame *f, uint8_t first, const uint8_t *headers, uint16_t bytes)
{
	insert(f, f->l4_offset, headers, bytes);
	f->l3_bytes = (uint16_t)(f->l3_bytes + bytes);
	l3(f)[6] = first;
	be16_store(l3(f) + 4, (uint16_t)(f->l3_bytes - 40));
}

/* Ends an IPv4 datagram `l4_bytes` after its header; what follows is padding. */
static void
cut_ipv4(struct frame *f, uint16_t l4_bytes)
{
	be16_store(l3(f) + 2, (uint16_t)(20 + l4_bytes));
	frame_sum_ipv4(f);
}

static void
sum_all(struct frame *f)
{
	if (f->family == 4)
		frame_sum_ipv4(f);
	frame_sum_transport(f);
}

static void
spoil_frame_truncated(struct frame *f)
{
	f->bytes = 12;
}

static void
spoil_ethertype(struct frame *f)
{
	be16_store(f->data + 12, 0x88cc); /* LLDP */
}

static void
spoil_vlan_deep(struct frame *f)
{
	insert_tags(f, 100, 3);
}

static void
spoil_vlan_unknown(struct frame *f)
{
	insert_tags(f, 999, 1);
}

static void
spoil_arp(struct frame *f)
{
	be16_store(f->data + 12, 0x0806); /* what follows is no ARP */
}

static void
spoil_ipv4_length(struct frame *f)
{
	be16_store(l3(f) + 2, (uint16_t)(f->l3_bytes + 100));
	frame_sum_ipv4(f);
}

static void
spoil_ipv4_version(struct frame *f)
{
	l3(f)[0] = 0x55;
	frame_sum_ipv4(f);
}

static void
spoil_ipv4_header_length(struct frame *f)
{
	l3(f)[0] = 0x44;
}

static void
spoil_ipv4_checksum(struct frame *f)
{
	l3(f)[10] ^= 0x55;
}

static void
spoil_ipv4_options(struct frame *f)
{
	static const uint8_t record_route_of_no_length[4] = { 7, 0, 4, 0 };

	insert_ipv4_options(f, record_route_of_no_length, 4);
}

static void
spoil_ipv4_source_route(struct frame *f)
{
	static const uint8_t loose_source_route[8] = { 131, 7, 4, 198, 51, 100, 1, 0 };

	insert_ipv4_options(f, loose_source_route, 8);
}

static void
spoil_ipv6_length(struct frame *f)
{
	be16_store(l3(f) + 4, (uint16_t)(f->l3_bytes - 40 + 100));
}

static void
spoil_ipv6_version(struct frame *f)
{
	l3(f)[0] = 0x50;
}

static void
spoil_ipv6_ext_length(struct frame *f)
{
	const uint8_t header[8] = { f->proto, 255, 1, 4 };

	insert_ipv6_extensions(f, IPPROTO_DSTOPTS, header, sizeof(header));
}

static void
spoil_ipv6_ext_order(struct frame *f)
{
	const uint8_t headers[16] = { IPPROTO_HOPOPTS, 0, 1, 4, 0, 0, 0, 0, f->proto, 0, 1, 4 };

	insert_ipv6_extensions(f, IPPROTO_DSTOPTS, headers, sizeof(headers));
}

static void
spoil_ipv6_routing_0(struct frame *f)
{
	const uint8_t header[24] = { f->proto, 2, 0, 1 };

	insert_ipv6_extensions(f, IPPROTO_ROUTING, header, sizeof(header));
}

static void
spoil_ipv4_source(struct frame *f)
{
	static const uint8_t loopback[4] = { 127, 0, 0, 1 };

	memcpy(l3(f) + 12, loopback, 4);
	sum_all(f);
}

static void
spoil_ipv6_source(struct frame *f)
{
	static const uint8_t all_nodes[16] = { 0xff, 2, [15] = 1 };

	memcpy(l3(f) + 8, all_nodes, 16);
	sum_all(f);
}

static void
spoil_land(struct frame *f)
{
	memcpy(l3(f) + 12, l3(f) + 16, 4);
	memcpy(l4(f), l4(f) + 2, 2);
	sum_all(f);
}

static void
spoil_ipv4_fragment(struct frame *f)
{
	be16_store(l3(f) + 6, 0x2000); /* more fragments */
	frame_sum_ipv4(f);
}

static void
spoil_ipv6_fragment(struct frame *f)
{
	const uint8_t header[8] = { f->proto, 0, 0, 1, 0, 0, 0, 9 };

	insert_ipv6_extensions(f, IPPROTO_FRAGMENT, header, sizeof(header));
}

static void
spoil_tcp_cut(struct frame *f)
{
	cut_ipv4(f, 10);
}

static void
spoil_tcp_data_offset(struct frame *f)
{
	l4(f)[12] = 4 << 4;
	frame_sum_transport(f);
}

static void
spoil_tcp_checksum(struct frame *f)
{
	l4(f)[16] ^= 0x55;
}

static void
spoil_tcp_flags(struct frame *f)
{
	l4(f)[13] = TCP_SYN | TCP_FIN;
	frame_sum_transport(f);
}

static void
spoil_udp_cut(struct frame *f)
{
	cut_ipv4(f, 4);
}

static void
spoil_udp_length(struct frame *f)
{
	be16_store(l4(f) + 4, 7);
	frame_sum_transport(f);
}

static void
spoil_udp_checksum(struct frame *f)
{
	l4(f)[6] ^= 0x55;
	if (be16_load(l4(f) + 6) == 0) /* which would mean: no checksum */
		l4(f)[7] ^= 0x55;
}

static void
spoil_udp_checksum_absent(struct frame *f)
{
	be16_store(l4(f) + 6, 0);
}

static void
spoil_icmp_cut(struct frame *f)
{
	l3(f)[9] = IPPROTO_ICMP;
	cut_ipv4(f, 4);
}

static void
spoil_icmp_checksum(struct frame *f)
{
	const uint16_t bytes = (uint16_t)(f->l3_bytes - 20);

	l3(f)[9] = IPPROTO_ICMP;
	frame_sum_ipv4(f);
	memset(l4(f), 0, 8);
	l4(f)[0] = 8; /* echo request */
	frame_sum_icmp(f, bytes);
	l4(f)[2] ^= 0x55;
}

/* Port unreachable for a datagram that nobody here has sent. */
static void
spoil_icmp_error(struct frame *f)
{
	struct frame quoted = *f;
	uint8_t address[4];

	memcpy(address, l3(&quoted) + 12, 4);
	memcpy(l3(&quoted) + 12, l3(&quoted) + 16, 4);
	memcpy(l3(&quoted) + 16, address, 4);
	be16_store(l4(&quoted), 5353);
	sum_all(&quoted);

	l3(f)[9] = IPPROTO_ICMP;
	frame_sum_ipv4(f);
	memset(l4(f), 0, 8);
	l4(f)[0] = 3;
	l4(f)[1] = 3;
	memcpy(l4(f) + 8, l3(&quoted), 28);
	frame_sum_icmp(f, (uint16_t)(f->l3_bytes - 20));
}

static void
spoil_port(struct frame *f)
{
	be16_store(l4(f) + 2, 0);
	frame_sum_transport(f);
}

static void
spoil_protocol(struct frame *f)
{
	l3(f)[9] = PROTO_WITHOUT_USE;
	frame_sum_ipv4(f);
}

static void
spoil_destination(struct frame *f)
{
	static const uint8_t elsewhere[4] = { 203, 0, 113, 1 };

	memcpy(l3(f) + 16, elsewhere, 4);
	sum_all(f);
}

const struct malformed malformed_list[] = {
	{ "frame_truncated", 4, IPPROTO_UDP, spoil_frame_truncated },
	{ "ethertype_unknown", 4, IPPROTO_UDP, spoil_ethertype },
	{ "vlan_too_deep", 4, IPPROTO_UDP, spoil_vlan_deep },
	{ "vlan_unknown", 6, IPPROTO_UDP, spoil_vlan_unknown },
	{ "arp_malformed", 4, IPPROTO_UDP, spoil_arp },
	{ "ipv4_truncated", 4, IPPROTO_UDP, spoil_ipv4_length },
	{ "ipv4_version", 4, IPPROTO_UDP, spoil_ipv4_version },
	{ "ipv4_header_length", 4, IPPROTO_UDP, spoil_ipv4_header_length },
	{ "ipv4_checksum", 4, IPPROTO_TCP, spoil_ipv4_checksum },
	{ "ipv4_options", 4, IPPROTO_UDP, spoil_ipv4_options },
	{ "ipv4_source_route", 4, IPPROTO_TCP, spoil_ipv4_source_route },
	{ "ipv6_truncated", 6, IPPROTO_UDP, spoil_ipv6_length },
	{ "ipv6_version", 6, IPPROTO_UDP, spoil_ipv6_version },
	{ "ipv6_ext_truncated", 6, IPPROTO_UDP, spoil_ipv6_ext_length },
	{ "ipv6_ext_chain", 6, IPPROTO_UDP, spoil_ipv6_ext_order },
	{ "ipv6_routing_0", 6, IPPROTO_TCP, spoil_ipv6_routing_0 },
	{ "source_invalid", 4, IPPROTO_UDP, spoil_ipv4_source },
	{ "source_invalid", 6, IPPROTO_UDP, spoil_ipv6_source },
	{ "land", 4, IPPROTO_TCP, spoil_land },
	{ "fragment", 4, IPPROTO_UDP, spoil_ipv4_fragment },
	{ "fragment", 6, IPPROTO_UDP, spoil_ipv6_fragment },
	{ "tcp_truncated", 4, IPPROTO_TCP, spoil_tcp_cut },
	{ "tcp_data_offset", 4, IPPROTO_TCP, spoil_tcp_data_offset },
	{ "tcp_checksum", 4, IPPROTO_TCP, spoil_tcp_checksum },
	{ "tcp_checksum", 6, IPPROTO_TCP, spoil_tcp_checksum },
	{ "tcp_flags", 6, IPPROTO_TCP, spoil_tcp_flags },
	{ "udp_truncated", 4, IPPROTO_UDP, spoil_udp_cut },
	{ "udp_length", 6, IPPROTO_UDP, spoil_udp_length },
	{ "udp_checksum", 4, IPPROTO_UDP, spoil_udp_checksum },
	{ "udp_checksum", 6, IPPROTO_UDP, spoil_udp_checksum_absent },
	{ "icmp_truncated", 4, IPPROTO_UDP, spoil_icmp_cut },
	{ "icmp_checksum", 4, IPPROTO_UDP, spoil_icmp_checksum },
	{ "icmp_unrelated", 4, IPPROTO_UDP, spoil_icmp_error },
	{ "port_zero", 6, IPPROTO_UDP, spoil_port },
	{ "protocol_unknown", 4, IPPROTO_UDP, spoil_protocol },
	{ "not_local", 4, IPPROTO_UDP, spoil_destination },
};
const unsigned malformed_count = array_length(malformed_list);
static_assert(array_length(malformed_list) <= MALFORMED_MAX, "room for their counts");
