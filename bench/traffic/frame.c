/* SPDX-License-Identifier: BSD-3-Clause */
/* frame.c: Ethernet, VLAN, IPv4 with options, IPv6 with extension headers, TCP, UDP. */
#include "bench/traffic/frame.h"

#include <netinet/in.h>
#include <string.h>

#include "common/base/bytes.h"

#define ETHERNET_BYTES 14
#define VLAN_BYTES     4
#define IPV4_BYTES     20
#define IPV6_BYTES     40
#define TCP_BYTES      20
#define UDP_BYTES      8
#define HOP_LIMIT      64

/* Router Alert (RFC 2113) and two No Operations, filled up with End of Options. */
static const uint8_t ipv4_options[8] = { 148, 4, 0, 0, 1, 1, 0, 0 };
/* Hop-by-hop, then destination options, each with one PadN; next header is set when written. */
static const uint8_t ipv6_option[8] = { 0, 0, 1, 4, 0, 0, 0, 0 };

/* A question for the A record of "berth.example". */
static const uint8_t dns_query[] = {
	0,   0,   1, 0,   0,   1,   0,   0,   0,   0,   0, 0, 5, 'b', 'e', 'r',
	't', 'h', 7, 'e', 'x', 'a', 'm', 'p', 'l', 'e', 0, 0, 1, 0,   1,
};

static uint32_t
sum_add(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	for (; bytes > 1; bytes -= 2, data += 2)
		sum += be16_load(data);
	return bytes != 0 ? sum + ((uint32_t)data[0] << 8) : sum;
}

static uint16_t
sum_fold(uint32_t sum)
{
	while (sum >> 16 != 0)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

/* Sum of the pseudo header (RFC 9293 3.1, RFC 8200 8.1). */
static uint32_t
sum_pseudo(const struct frame *frame, uint32_t l4_bytes)
{
	const uint8_t *ip = frame->data + frame->l3_offset;

	if (frame->family == 4)
		return sum_add(ip + 12, 8, frame->proto + l4_bytes);
	return sum_add(ip + 8, 32, frame->proto + l4_bytes);
}

static uint32_t
transport_bytes(const struct frame *frame)
{
	return (uint32_t)frame->l3_offset + frame->l3_bytes - frame->l4_offset;
}

void
frame_sum_ipv4(struct frame *frame)
{
	uint8_t *ip = frame->data + frame->l3_offset;

	be16_store(ip + 10, 0);
	be16_store(ip + 10, sum_fold(sum_add(ip, (uint32_t)(ip[0] & 15) * 4, 0)));
}

void
frame_sum_transport(struct frame *frame)
{
	const uint32_t bytes = transport_bytes(frame);
	uint8_t *l4 = frame->data + frame->l4_offset;
	uint8_t *field = l4 + (frame->proto == IPPROTO_TCP ? 16 : 6);

	be16_store(field, 0);
	const uint16_t sum = sum_fold(sum_add(l4, bytes, sum_pseudo(frame, bytes)));

	/* A UDP checksum of 0 means none (RFC 768). */
	be16_store(field, frame->proto == IPPROTO_UDP && sum == 0 ? 0xffff : sum);
}

void
frame_sum_icmp(struct frame *frame, uint16_t bytes)
{
	uint8_t *icmp = frame->data + frame->l4_offset;
	const uint32_t start = frame->family == 4 ? 0 : sum_pseudo(frame, bytes);

	be16_store(icmp + 2, 0);
	be16_store(icmp + 2, sum_fold(sum_add(icmp, bytes, start)));
}

uint16_t
frame_payload_bytes(const struct frame_spec *spec)
{
	const uint16_t headers =
		(uint16_t)(ETHERNET_BYTES + (spec->family == 4 ? IPV4_BYTES : IPV6_BYTES) +
			   (spec->proto == IPPROTO_TCP ? TCP_BYTES : UDP_BYTES));

	/* A SYN carries no data. */
	if (spec->proto == IPPROTO_TCP && (spec->tcp_flags & TCP_SYN) != 0)
		return 0;
	const uint16_t room = spec->bytes > headers ? (uint16_t)(spec->bytes - headers) : 0;

	if (spec->dst_port == 53 && room < sizeof(dns_query))
		return sizeof(dns_query);
	return room;
}

static uint16_t
write_ethernet(const struct frame_spec *spec, uint8_t *data)
{
	uint16_t at = 12;

	memcpy(data, spec->dst_mac, 6);
	memcpy(data + 6, spec->src_mac, 6);
	if (spec->vlan != 0) {
		be16_store(data + at, ETHERTYPE_OF_VLAN);
		be16_store(data + at + 2, spec->vlan);
		at += VLAN_BYTES;
	}
	be16_store(data + at, spec->family == 4 ? ETHERTYPE_OF_IPV4 : ETHERTYPE_OF_IPV6);
	return (uint16_t)(at + 2);
}

/* Both return the header's bytes with options; the length fields wait for write_lengths(). */
static uint16_t
write_ipv4(const struct frame_spec *spec, uint8_t *ip)
{
	const uint16_t bytes = (uint16_t)(IPV4_BYTES + (spec->options ? sizeof(ipv4_options) : 0));

	memset(ip, 0, IPV4_BYTES);
	ip[0] = (uint8_t)(0x40 | (bytes / 4));
	be16_store(ip + 6, 0x4000); /* do not fragment */
	ip[8] = HOP_LIMIT;
	ip[9] = spec->proto;
	memcpy(ip + 12, spec->src, 4);
	memcpy(ip + 16, spec->dst, 4);
	if (spec->options)
		memcpy(ip + IPV4_BYTES, ipv4_options, sizeof(ipv4_options));
	return bytes;
}

static uint16_t
write_ipv6(const struct frame_spec *spec, uint8_t *ip)
{
	memset(ip, 0, IPV6_BYTES);
	ip[0] = 0x60;
	ip[6] = spec->options ? IPPROTO_HOPOPTS : spec->proto;
	ip[7] = HOP_LIMIT;
	memcpy(ip + 8, spec->src, 16);
	memcpy(ip + 24, spec->dst, 16);
	if (!spec->options)
		return IPV6_BYTES;
	memcpy(ip + IPV6_BYTES, ipv6_option, sizeof(ipv6_option));
	ip[IPV6_BYTES] = IPPROTO_DSTOPTS;
	memcpy(ip + IPV6_BYTES + sizeof(ipv6_option), ipv6_option, sizeof(ipv6_option));
	ip[IPV6_BYTES + sizeof(ipv6_option)] = spec->proto;
	return IPV6_BYTES + 2 * sizeof(ipv6_option);
}

static uint16_t
write_transport(const struct frame_spec *spec, uint8_t *l4)
{
	be16_store(l4, spec->src_port);
	be16_store(l4 + 2, spec->dst_port);
	if (spec->proto == IPPROTO_UDP) {
		be16_store(l4 + 4, (uint16_t)(UDP_BYTES + frame_payload_bytes(spec)));
		return UDP_BYTES;
	}
	be32_store(l4 + 4, spec->tcp_seq);
	be32_store(l4 + 8, (spec->tcp_flags & TCP_ACK) != 0 ? 1 : 0);
	l4[12] = (TCP_BYTES / 4) << 4;
	l4[13] = spec->tcp_flags;
	be16_store(l4 + 14, 0xffff);
	be16_store(l4 + 18, 0);
	return TCP_BYTES;
}

static void
write_payload(const struct frame_spec *spec, uint8_t *payload, uint16_t bytes)
{
	for (uint16_t i = 0; i < bytes; i++)
		payload[i] = (uint8_t)('a' + i % 26);
	if (spec->dst_port == 53 && bytes >= sizeof(dns_query)) {
		memcpy(payload, dns_query, sizeof(dns_query));
		be16_store(payload, spec->query_id);
	}
}

void
frame_build(const struct frame_spec *spec, struct frame *frame)
{
	const uint16_t payload_bytes = frame_payload_bytes(spec);

	frame->family = spec->family;
	frame->proto = spec->proto;
	frame->l3_offset = write_ethernet(spec, frame->data);

	uint8_t *ip = frame->data + frame->l3_offset;
	const uint16_t ip_bytes = spec->family == 4 ? write_ipv4(spec, ip) : write_ipv6(spec, ip);
	const uint16_t l4_bytes = write_transport(spec, ip + ip_bytes);

	write_payload(spec, ip + ip_bytes + l4_bytes, payload_bytes);
	frame->l4_offset = (uint16_t)(frame->l3_offset + ip_bytes);
	frame->l3_bytes = (uint16_t)(ip_bytes + l4_bytes + payload_bytes);
	if (spec->family == 4) {
		be16_store(ip + 2, frame->l3_bytes);
		frame_sum_ipv4(frame);
	} else {
		be16_store(ip + 4, (uint16_t)(frame->l3_bytes - IPV6_BYTES));
	}
	frame_sum_transport(frame);

	frame->bytes = (uint32_t)frame->l3_offset + frame->l3_bytes;
	if (frame->bytes < FRAME_BYTES_MIN) {
		memset(frame->data + frame->bytes, 0, FRAME_BYTES_MIN - frame->bytes);
		frame->bytes = FRAME_BYTES_MIN;
	}
}
