/* SPDX-License-Identifier: BSD-3-Clause */
/* wire.h: numbers and header layouts that the standards fix, and writers of plain IP headers. */
#pragma once

#include <stdint.h>
#include <string.h>

#include "common/base/bytes.h"

#define MAC_BYTES            6
#define ETHERNET_BYTES       14u
#define VLAN_TAG_BYTES       4u
#define VLAN_TAGS_MAX        2
#define VLAN_ID_MASK         0x0fffu

#define ETHERTYPE_NUM_IPV4   0x0800u
#define ETHERTYPE_NUM_ARP    0x0806u
#define ETHERTYPE_NUM_IPV6   0x86ddu
#define ETHERTYPE_NUM_VLAN   0x8100u /* 802.1Q */
#define ETHERTYPE_NUM_QINQ   0x88a8u /* 802.1ad */
#define ETHERTYPE_NUM_QINQ_9 0x9100u /* before 802.1ad, still on the wire */
#define ETHERTYPE_NUM_MPLS   0x8847u /* RFC 5332 */
#define ETHERTYPE_NUM_MPLS_8 0x8848u /* upstream-assigned labels */
#define ETHERTYPE_NUM_PPPOE  0x8864u /* session; discovery is 0x8863 */
#define ETHERTYPE_NUM_BRIDGE 0x6558u /* an Ethernet frame inside a tunnel (RFC 1701, RFC 8926) */
#define ETHERTYPE_NUM_MIN    0x0600u /* below it the field is an 802.3 length */

#define ARP_BYTES            28
#define IPV4_BYTES           20u
#define IPV6_BYTES           40u
#define TCP_BYTES            20u
#define UDP_BYTES            8u
#define ICMP_BYTES           8
#define SCTP_BYTES           12
#define SCTP_CHUNK_BYTES     4
#define HOP_LIMIT_DEFAULT    64  /* RFC 1700, RFC 8200 with RFC 4861 6.3.2 */
#define HOP_LIMIT_LINK       255 /* RFC 4861 7.1: proves that no router passed the packet on */

#define TCP_FLAG_FIN         0x01u
#define TCP_FLAG_SYN         0x02u
#define TCP_FLAG_RST         0x04u
#define TCP_FLAG_PSH         0x08u
#define TCP_FLAG_ACK         0x10u
#define TCP_FLAG_URG         0x20u

#define SCTP_INIT            1
#define SCTP_INIT_ACK        2
#define SCTP_ABORT           6
#define SCTP_SHUTDOWN_ACK    8
#define SCTP_COMPLETE        14 /* SHUTDOWN COMPLETE */

#define UDP_PORT_GTPU        2152
#define UDP_PORT_VXLAN       4789
#define UDP_PORT_GENEVE      6081

#define ICMP_ECHO_REPLY      0
#define ICMP_UNREACHABLE     3
#define ICMP_ECHO_REQUEST    8
#define ICMP_TIME_EXCEEDED   11
#define ICMP_PARAMETER       12
#define ICMP_CODE_PORT       3 /* of ICMP_UNREACHABLE */

#define ICMPV6_UNREACHABLE   1
#define ICMPV6_TOO_BIG       2
#define ICMPV6_TIME_EXCEEDED 3
#define ICMPV6_PARAMETER     4
#define ICMPV6_ECHO_REQUEST  128
#define ICMPV6_ECHO_REPLY    129
#define ICMPV6_ND_FIRST      133
#define ICMPV6_SOLICITATION  135
#define ICMPV6_ADVERTISEMENT 136
#define ICMPV6_ND_LAST       137
#define ICMPV6_CODE_PORT     4 /* of ICMPV6_UNREACHABLE */

/* Writes an IPv4 header without options: not fragmented, DF set so that the identification may
 * stay 0 (RFC 6864 4.1), checksum 0 for checksum_fill(). `bytes` counts the header. */
static inline void
ipv4_header_store(uint8_t *at, uint16_t bytes, uint8_t proto, const uint8_t *source,
		  const uint8_t *destination)
{
	be32_store(at, 0x45000000u | bytes);
	be32_store(at + 4, 0x4000u);
	at[8] = HOP_LIMIT_DEFAULT;
	at[9] = proto;
	be16_store(at + 10, 0);
	memcpy(at + 12, source, 4);
	memcpy(at + 16, destination, 4);
}

/* Writes an IPv6 header without extension headers. `bytes` counts what follows the header. */
static inline void
ipv6_header_store(uint8_t *at, uint16_t bytes, uint8_t proto, uint8_t hops, const uint8_t *source,
		  const uint8_t *destination)
{
	be32_store(at, 0x60000000u);
	be16_store(at + 4, bytes);
	at[6] = proto;
	at[7] = hops;
	memcpy(at + 8, source, 16);
	memcpy(at + 24, destination, 16);
}
