/* SPDX-License-Identifier: BSD-3-Clause */
/* limits.h: every size, depth and count that bounds berth, in one place. */
#pragma once

#define CACHE_LINE 64

/* Packets in one burst; one rx call takes at most this many. */
#define BURST_MAX         64

#define WORKERS_MAX       32
#define NICS_MAX          16
#define LINKS_MAX         64 /* (nic, VLAN) pairs; each has its own addresses */
#define ADDRESSES_MAX     256
#define TUNNELS_MAX       1024
#define ZONES_MAX         4096 /* zone numbers are 0..ZONES_MAX-1 */
#define PORTS_MAX         4096
#define PORT_ENDS_MAX     16 /* ports whose end is a device */
#define END_BINDINGS_MAX  32 /* of one such port */
#define APPS_MAX          1024
#define BINDINGS_MAX      65536
#define GROUP_MEMBERS_MAX 64
#define GRANTS_MAX        256
#define PRIVILEGED_MAX    64
#define NEIGHBOURS_MAX    4096

/* Names of ports and applications, the terminating zero included. */
#define NAME_BYTES 32
/* Text of a socket identity ("tcp/[2001:db8::1]:443"), the zero included. */
#define IDENTITY_TEXT_BYTES 160

/* Rings between berthd and an application; always a power of two. */
#define RING_BYTES_MIN     (64u << 10)
#define RING_BYTES_MAX     (64u << 20)
#define RING_BYTES_DEFAULT (1u << 20)
/* Records start on cache lines. */
#define RECORD_ALIGN CACHE_LINE

/* An IP packet that a ring carries; larger ones cannot exist on our links. */
#define PACKET_BYTES_MAX 9600
#define MTU_MIN          1280 /* RFC 8200 section 5 */
#define MTU_MAX          9600
#define MTU_DEFAULT      1500
/* Room of a buffer for frames of an mtu: link header, two tags, a neighbour advertisement's option
 * behind, and what af_packet puts before a frame in a ring of such rooms. At least the usual 2 KiB;
 * four of them fill whole pages. */
#define FRAME_ROOM_BYTES(mtu) \
	((mtu) + 128u > 2048u ? ((mtu) + 128u + 1023u) / 1024u * 1024u : 2048u)

/* Packets taken from one application per poll. */
#define TX_BUDGET 32
/* Packets that wait for a neighbour, per worker, and of these per application. */
#define HELD_MAX     256
#define HELD_APP_MAX 64
/* Packet buffers that each worker keeps at hand; up to twice as many lie there. */
#define POOL_CACHE 256
/* Depth of each worker-to-worker ring; a power of two. */
#define HANDOVER_SLOTS 4096
/* Depth of the neighbour event ring of a worker; a power of two. */
#define NEIGHBOUR_EVENTS 1024
/* Depth of the flow event ring of a worker; a power of two. */
#define FLOW_EVENTS 8192
/* Depth of a worker's ring of connected sockets that were closed; a power of two. */
#define CLOSED_SOCKETS 4096
/* An IPFIX message; with IP and UDP headers it fits MTU_MIN. */
#define IPFIX_MESSAGE_BYTES 1232

/* Header bytes that the parser walks before it gives up (IPv6 extension chain). */
#define EXT_HEADERS_MAX 8

/* Fragments of one datagram: at the smallest MTU of IPv6 (RFC 8200 5) 65535 bytes come in 54. */
#define PIECES_MAX 64
/* What a worker's fragment table may be configured to hold. */
#define FRAGMENT_DATAGRAMS_MAX (1u << 20)
#define FRAGMENT_HELD_MAX      (1u << 20)
/* The same of bytes: more than any sender has a reason for; RFC 8504 5.3 lets hosts set a limit. */
#define EXT_BYTES_MAX   512
#define MPLS_LABELS_MAX 8
#define SCTP_CHUNKS_MAX 64
