/* SPDX-License-Identifier: BSD-3-Clause */
/* frame.h: builds one Ethernet frame, its lengths and checksums right. Served by frame.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define FRAME_BYTES_MIN   60 /* as IEEE 802.3 pads it, without the check sequence */
#define FRAME_BYTES_MAX   1514
#define FRAME_ROOM        (FRAME_BYTES_MAX + 64) /* VLAN tags and options come on top */

#define ETHERTYPE_OF_IPV4 0x0800
#define ETHERTYPE_OF_VLAN 0x8100
#define ETHERTYPE_OF_IPV6 0x86dd

#define TCP_FIN           0x01
#define TCP_SYN           0x02
#define TCP_PSH           0x08
#define TCP_ACK           0x10

/* What a frame says. Addresses of IPv4 lie in the first 4 bytes. */
struct frame_spec {
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint16_t vlan;  /* 0: untagged */
	uint8_t family; /* 4 or 6 */
	uint8_t proto;  /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t src[16];
	uint8_t dst[16];
	uint16_t src_port;
	uint16_t dst_port;
	uint8_t tcp_flags;
	uint32_t tcp_seq;
	bool options;      /* IPv4: header options; IPv6: hop-by-hop and destination options */
	uint16_t bytes;    /* of the whole frame without VLAN tag and options; more when needed */
	uint16_t query_id; /* a payload for port 53 is a DNS query with this id */
};

struct frame {
	uint32_t bytes;
	uint16_t l3_offset;
	uint16_t l4_offset;
	uint16_t l3_bytes; /* without the padding of short frames */
	uint8_t family;
	uint8_t proto;
	uint8_t data[FRAME_ROOM];
};

void frame_build(const struct frame_spec *spec, struct frame *frame);

/* Payload bytes of a spec, after its minimum size. */
uint16_t frame_payload_bytes(const struct frame_spec *spec);

/* Computes the IPv4 header's, or the TCP or UDP checksum, from what the frame says now. */
void frame_sum_ipv4(struct frame *frame);
void frame_sum_transport(struct frame *frame);
/* The same over `bytes` of an ICMP or ICMPv6 message at l4_offset. */
void frame_sum_icmp(struct frame *frame, uint16_t bytes);
