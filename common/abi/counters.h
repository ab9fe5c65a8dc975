/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.h: the name and meaning of every counter; enum, names, help and docs come from here.
 *
 * C1  Once the workers are quiet:
 *     received + originated == delivered + kernel + forwarded + answered + rejected + transmitted
 *                              + sum(drops by reason) + held
 * Lists are append only: a number keeps its meaning for ever. */
#pragma once

#include <stdint.h>

/* Ends and beginnings of packets. X(name, help) */
#define COUNTER_LIST(X)                                                                           \
	X(received, "packets taken from nic queues and from the kernel port")                     \
	X(originated, "packets made here or at ports' ends: sends, answers, rejections, copies")  \
	X(delivered, "packets given to a port: its ring, or the device at its end")               \
	X(kernel, "packets given to the kernel port")                                             \
	X(forwarded, "packets from the kernel port put on the wire")                              \
	X(answered, "requests the responder answered and neighbour messages it consumed")         \
	X(rejected, "packets refused with a TCP RST or an ICMP port unreachable")                 \
	X(transmitted, "originated packets put on the wire")                                      \
	X(handed_over, "packets passed to the worker that owns their flow (information only)")    \
	X(flows_created, "flow entries made (information only)")                                  \
	X(flows_ended, "flow entries removed (information only)")                                 \
	X(neighbour_events_lost, "neighbour messages not seen by control (information only)")     \
	X(flow_events_lost, "news of flows that control did not take in time (information only)") \
	X(track_invalid_passed, "invalid packets that loose tracking let pass (information only)")

/* Why a packet was dropped. X(NAME, "name", "help", "source") */
#define DROP_LIST(X)                                                                               \
	X(NONE, "none", "not dropped", "")                                                         \
	X(FRAME_TRUNCATED, "frame_truncated", "frame ends inside the Ethernet or VLAN header",     \
	  "IEEE 802.3")                                                                            \
	X(FRAME_MULTI_SEGMENT, "frame_multi_segment", "frame is spread over several buffers",      \
	  "DPDK mbuf")                                                                             \
	X(ETHERTYPE_UNKNOWN, "ethertype_unknown", "neither IP nor ARP", "IEEE 802")                \
	X(VLAN_TOO_DEEP, "vlan_too_deep", "more than two VLAN tags", "IEEE 802.1ad")               \
	X(VLAN_UNKNOWN, "vlan_unknown", "VLAN that no link is configured for", "IEEE 802.1Q")      \
	X(ARP_MALFORMED, "arp_malformed", "ARP that is short or not Ethernet/IPv4", "RFC 826")     \
	X(IPV4_TRUNCATED, "ipv4_truncated", "IPv4 header or datagram longer than the frame",       \
	  "RFC 791 3.1")                                                                           \
	X(IPV4_VERSION, "ipv4_version", "version field is not 4", "RFC 1122 3.2.1.1")              \
	X(IPV4_HEADER_LENGTH, "ipv4_header_length", "header length below 20 or past the datagram", \
	  "RFC 791 3.1")                                                                           \
	X(IPV4_CHECKSUM, "ipv4_checksum", "IPv4 header checksum is wrong", "RFC 1122 3.2.1.2")     \
	X(IPV4_OPTIONS, "ipv4_options", "IPv4 option is malformed", "RFC 791 3.1")                 \
	X(IPV4_SOURCE_ROUTE, "ipv4_source_route", "IPv4 source route option", "RFC 7126 4.3")      \
	X(IPV6_TRUNCATED, "ipv6_truncated", "IPv6 header or packet longer than the frame",         \
	  "RFC 8200 3")                                                                            \
	X(IPV6_VERSION, "ipv6_version", "version field is not 6", "RFC 8200 3")                    \
	X(IPV6_EXT_TRUNCATED, "ipv6_ext_truncated", "extension header passes the packet's end",    \
	  "RFC 8200 4")                                                                            \
	X(IPV6_EXT_CHAIN, "ipv6_ext_chain", "too many extension headers, or hop-by-hop not first", \
	  "RFC 8200 4.1")                                                                          \
	X(IPV6_ROUTING_0, "ipv6_routing_0", "routing header type 0", "RFC 5095")                   \
	X(SOURCE_INVALID, "source_invalid", "source address that no sender may have",              \
	  "RFC 1122 3.2.1.3")                                                                      \
	X(LAND, "land", "source and destination socket are the same", "RFC 4732")                  \
	X(FRAGMENT, "fragment", "IP fragment sent by an application", "RFC 791 3.2, RFC 8200 4.5") \
	X(TCP_TRUNCATED, "tcp_truncated", "datagram ends inside the TCP header", "RFC 9293 3.1")   \
	X(TCP_DATA_OFFSET, "tcp_data_offset", "TCP data offset below 5 or past the segment",       \
	  "RFC 9293 3.1")                                                                          \
	X(TCP_CHECKSUM, "tcp_checksum", "TCP checksum is wrong", "RFC 9293 3.1")                   \
	X(TCP_FLAGS, "tcp_flags", "TCP without SYN, RST or ACK, or with two of SYN, FIN, RST",     \
	  "RFC 9293 3.10.7")                                                                       \
	X(UDP_TRUNCATED, "udp_truncated", "datagram ends inside the UDP header", "RFC 768")        \
	X(UDP_LENGTH, "udp_length", "UDP length below 8 or past the datagram", "RFC 768")          \
	X(UDP_CHECKSUM, "udp_checksum", "UDP checksum is wrong, or zero over IPv6",                \
	  "RFC 768, RFC 8200 8.1")                                                                 \
	X(ICMP_TRUNCATED, "icmp_truncated", "ICMP header or quoted packet is short",               \
	  "RFC 792, RFC 4443")                                                                     \
	X(ICMP_CHECKSUM, "icmp_checksum", "ICMP checksum is wrong", "RFC 792, RFC 4443 2.3")       \
	X(PORT_ZERO, "port_zero", "source or destination transport port is 0", "RFC 6335 6")       \
	X(PROTOCOL_UNKNOWN, "protocol_unknown", "IP protocol without a binding kind",              \
	  "RFC 1122 3.2.2.1")                                                                      \
	X(ICMP_UNRELATED, "icmp_unrelated", "ICMP error that quotes no live flow", "RFC 5927")     \
	X(ICMP_UNHANDLED, "icmp_unhandled", "ICMP message that nobody here serves", "RFC 792")     \
	X(NOT_LOCAL, "not_local", "destination address is not ours", "RFC 1122 3.3.4.2")           \
	X(PORT_CLOSED, "port_closed", "no binding for the destination port", "RFC 1122 3.2.2.1")   \
	X(REJECT_LIMITED, "reject_limited", "would be rejected, but over the rate limit",          \
	  "RFC 1812 4.3.2.8")                                                                      \
	X(BINDING_DEAD, "binding_dead", "binding whose owner is gone", "")                         \
	X(FLOW_TABLE_FULL, "flow_table_full", "no room for a new flow", "")                        \
	X(RING_FULL, "ring_full", "the application's ring is full", "")                            \
	X(RING_BROKEN, "ring_broken", "the application broke its ring's rules", "")                \
	X(HANDOVER_FULL, "handover_full", "the owning worker's ring is full", "")                  \
	X(NO_BUFFER, "no_buffer", "the buffer pool is empty", "")                                  \
	X(KERNEL_FULL, "kernel_full", "the kernel port took no more", "")                          \
	X(NIC_FULL, "nic_full", "the nic's transmit queue took no more", "")                       \
	X(TX_MALFORMED, "tx_malformed", "the application sent what is no valid packet", "")        \
	X(TX_NOT_OWNER, "tx_not_owner", "the application does not own the source socket", "")      \
	X(TX_TOO_BIG, "tx_too_big", "larger than the link's MTU", "RFC 1191")                      \
	X(TX_NO_ROUTE, "tx_no_route", "no link or gateway leads to the destination",               \
	  "RFC 1122 3.3.1")                                                                        \
	X(NEIGHBOUR_WAIT_FULL, "neighbour_wait_full", "too many packets wait for a neighbour",     \
	  "RFC 1122 2.3.2.2")                                                                      \
	X(NEIGHBOUR_FAILED, "neighbour_failed", "the next hop did not answer", "RFC 4861 7.3.3")   \
	X(ND_MALFORMED, "nd_malformed", "neighbour discovery that breaks its rules",               \
	  "RFC 4861 7.1")                                                                          \
	X(SHUTDOWN, "shutdown", "held when the worker stopped", "")                                \
	X(IPV6_OPTIONS, "ipv6_options",                                                            \
	  "IPv6 option is malformed, refuses to be skipped, or one of too many",                   \
	  "RFC 8200 4.2, RFC 8504 5.3")                                                            \
	X(IPV6_ROUTING, "ipv6_routing", "routing header with segments left", "RFC 8200 4.4")       \
	X(ICMP_QUOTE, "icmp_quote", "ICMP error quotes what its receiver cannot have sent",        \
	  "RFC 1122 3.2.2, RFC 4443 2.4")                                                          \
	X(LLC, "llc", "802.3 frame with LLC, SNAP included", "IEEE 802.2, RFC 1042")               \
	X(MPLS_STACK, "mpls_stack",                                                                \
	  "more than eight MPLS labels, or one that is never on the wire", "RFC 3032 2.1")         \
	X(MPLS_PAYLOAD, "mpls_payload", "MPLS that does not carry IP", "RFC 3032 2.2")             \
	X(PPPOE_MALFORMED, "pppoe_malformed", "PPPoE header is wrong, or longer than its frame",   \
	  "RFC 2516 4")                                                                            \
	X(PPPOE_PROTOCOL, "pppoe_protocol", "PPP frame that does not carry IP", "RFC 2516 6")      \
	X(TCP_OPTIONS, "tcp_options", "TCP option of illegal length", "RFC 9293 3.2")              \
	X(UDPLITE_COVERAGE, "udplite_coverage",                                                    \
	  "UDP-Lite coverage of 1 to 7 or past the datagram", "RFC 3828 3.1")                      \
	X(UDPLITE_CHECKSUM, "udplite_checksum", "UDP-Lite checksum is wrong or zero",              \
	  "RFC 3828 3.1")                                                                          \
	X(SCTP_TRUNCATED, "sctp_truncated", "packet ends inside the SCTP header, or has no chunk", \
	  "RFC 9260 3")                                                                            \
	X(SCTP_CHECKSUM, "sctp_checksum", "SCTP CRC32c is wrong", "RFC 9260 6.8")                  \
	X(SCTP_CHUNK, "sctp_chunk", "SCTP chunk length below 4 or past the packet",                \
	  "RFC 9260 3.2")                                                                          \
	X(SCTP_BUNDLE, "sctp_bundle", "SCTP chunk that must be alone is not", "RFC 9260 6.10")     \
	X(SCTP_TAG, "sctp_tag", "verification tag 0 without INIT, or another with it",             \
	  "RFC 9260 8.5.1")                                                                        \
	X(FRAGMENT_HEADERS, "fragment_headers", "first fragment without all of its headers",       \
	  "RFC 7112 5, RFC 1858 3")                                                                \
	X(GRE_MALFORMED, "gre_malformed", "GRE header is short, of another version, or wrong",     \
	  "RFC 2784 2")                                                                            \
	X(VXLAN_MALFORMED, "vxlan_malformed", "VXLAN header is short or has no network id",        \
	  "RFC 7348 5")                                                                            \
	X(GENEVE_MALFORMED, "geneve_malformed",                                                    \
	  "Geneve header is short, of another version, or has critical options", "RFC 8926 3.4")   \
	X(GTPU_MALFORMED, "gtpu_malformed",                                                        \
	  "GTP-U header is short, of another version, or past the datagram", "3GPP TS 29.281 5.1") \
	X(TUNNEL_PAYLOAD, "tunnel_payload",                                                        \
	  "tunnel that carries neither an IP packet nor a frame with one", "RFC 2784 2.4")         \
	X(TUNNEL_UNKNOWN, "tunnel_unknown", "tunnel that no zone is configured for",               \
	  "RFC 7348 4.1")                                                                          \
	X(TX_TUNNEL, "tx_tunnel", "send into a tunnel, which berthd does not build", "")           \
	X(FRAGMENT_LENGTH, "fragment_length",                                                      \
	  "fragment is empty, or another follows and it ends at no multiple of 8", "RFC 8200 4.5") \
	X(FRAGMENT_TOO_LONG, "fragment_too_long", "fragment ends past 65535 bytes of datagram",    \
	  "RFC 791 3.2, RFC 8200 4.5")                                                             \
	X(FRAGMENT_TINY, "fragment_tiny", "fragment that would write into the first one's header", \
	  "RFC 1858, RFC 3128")                                                                    \
	X(FRAGMENT_DUPLICATE, "fragment_duplicate", "fragment that came before", "RFC 8200 4.5")   \
	X(FRAGMENT_OVERLAP, "fragment_overlap",                                                    \
	  "fragment of a datagram in which some overlap or disagree about its end", "RFC 5722 4")  \
	X(FRAGMENT_TOO_MANY, "fragment_too_many", "fragment of a datagram in too many pieces",     \
	  "RFC 8900 3.7")                                                                          \
	X(FRAGMENT_TIMEOUT, "fragment_timeout", "the first fragment of its datagram did not come", \
	  "RFC 1122 3.3.2, RFC 8200 4.5")                                                          \
	X(FRAGMENT_TABLE_FULL, "fragment_table_full",                                              \
	  "held fragment that gave way to one of a newer datagram", "RFC 8900 3.7")                \
	X(FRAGMENT_SOURCE_FULL, "fragment_source_full",                                            \
	  "held fragment that gave way to a newer one of its sender", "RFC 8900 3.7")              \
	X(FRAGMENT_HELD_FULL, "fragment_held_full", "held fragment that gave way to a newer one",  \
	  "RFC 8900 3.7")                                                                          \
	X(FRAGMENT_NO_FLOW, "fragment_no_flow", "later fragment whose first one made no flow",     \
	  "RFC 8900 3.1")                                                                          \
	X(TRACK_INVALID, "track_invalid", "packet that belongs to no flow and begins none",        \
	  "RFC 9293 3.10, RFC 5961, RFC 9260 8.4")                                                 \
	X(BINDING_DRAINS, "binding_drains", "new flow for a binding whose owners all drain", "")   \
	X(END_FULL, "end_full", "the device at the port's end took no more", "")

enum counter {
#define X(name, help) COUNTER_##name,
	COUNTER_LIST(X)
#undef X
		COUNTER_COUNT
};

enum drop_reason {
#define X(NAME, name, help, source) DROP_##NAME,
	DROP_LIST(X)
#undef X
		DROP_COUNT
};

extern const char *const counter_names[COUNTER_COUNT];
extern const char *const counter_help[COUNTER_COUNT];
extern const char *const drop_names[DROP_COUNT];
extern const char *const drop_help[DROP_COUNT];
extern const char *const drop_sources[DROP_COUNT];

/* A sum of counters over workers, taken at one time; plain numbers. */
struct counter_totals {
	uint64_t counters[COUNTER_COUNT];
	uint64_t drops[DROP_COUNT];
	uint64_t
		held; /* packets inside berthd now: handed over, or waiting (neighbour, fragment) */
};

/* received + originated. */
uint64_t counter_totals_in(const struct counter_totals *t);
/* The right side of C1. C1 holds when both are equal. */
uint64_t counter_totals_out(const struct counter_totals *t);
