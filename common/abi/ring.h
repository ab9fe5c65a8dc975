/* SPDX-License-Identifier: BSD-3-Clause */
/* ring.h: the memory that berthd and one application share: segments, rings, records.
 *
 * Two memfds per port and two per application, all made and sealed by berthd (T1). In each pair one
 * is written by berthd alone (sealed F_SEAL_FUTURE_WRITE after berthd mapped it, T2), the other by
 * the application. A ring is a packed byte ring of records that start on RECORD_ALIGN boundaries.
 *
 * R1  produced - consumed <= ring_bytes, a power of two. Both are free-running byte counts that
 *     wrap at 2^32 and stay multiples of RECORD_ALIGN; compare differences only.
 * R2  Bytes [consumed, produced) belong to the consumer, the rest to the producer. A release
 *     store of `produced` publishes records (acquire by the consumer), a release store of
 *     `consumed` returns room (acquire by the producer). Neither count ever goes back.
 * R3  The application can write anything into its segment at any time. berthd keeps its own
 *     counts and sizes in private memory, loads a peer's count once per use, and detaches the
 *     application whose count breaks R1 or R2; such a count is never used as an index.
 * R4  A record never wraps: where it does not fit before the ring's end, a record with RECORD_PAD
 *     fills the rest and the packet starts at offset 0. So a pad is never at offset 0, and no
 *     record passes the ring's end or `produced`. */
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/limits.h"

#define SEGMENT_MAGIC   0x62657274u /* "bert" */
#define SEGMENT_VERSION 2u

enum segment_kind {
	SEGMENT_PORT = 1,      /* berthd writes: rx rings and their `produced` */
	SEGMENT_PORT_PEER = 2, /* application writes: `consumed` of the rx rings, sleep flag */
	SEGMENT_APP = 3,       /* berthd writes: `consumed` of the tx rings */
	SEGMENT_APP_PEER = 4,  /* application writes: tx rings and their `produced` */
};

enum record_flag {
	RECORD_PAD = 1u << 0,        /* no packet: skip to the ring's start (R4) */
	RECORD_IPV6 = 1u << 1,       /* else IPv4 */
	RECORD_ICMP_ERROR = 1u << 2, /* an ICMP error about `flow`, not a packet of it */
	RECORD_NEW_FLOW = 1u << 3,   /* first packet of its flow */
	RECORD_LOCAL = 1u << 4,      /* sent by an application of this machine */
	RECORD_FRAGMENT = 1u << 5,   /* a fragment; no checksum of its transport was verified */
	RECORD_LATER = 1u << 6, /* not the first one: l4_offset and payload_offset are its data's */
};

/* What the head of a record says. */
struct record {
	uint64_t flow;           /* flow handle: a hint, 0 is none */
	uint32_t binding;        /* id of what chose this port, 0..RECORD_BINDING_MAX */
	uint16_t packet_bytes;   /* 1..PACKET_BYTES_MAX; with RECORD_PAD: unused */
	uint16_t l4_offset;      /* from the start of the IP packet, 20..packet_bytes */
	uint16_t payload_offset; /* past the transport header, l4_offset..packet_bytes */
	uint16_t flags;          /* enum record_flag */
	uint16_t zone;           /* 0..ZONES_MAX-1 */
	uint8_t proto;           /* IANA number of the transport protocol */
};

/* Head of each record, followed by `packet_bytes` of one IP packet, then padding of any content to
 * RECORD_ALIGN. With 16 bytes the smallest frames that Ethernet knows take one line, head included.
 *
 * words[0]: 0..15 generation, 16..43 index, 48..52 worker of the flow's handle, in its own places;
 * 44..47 payload_offset - l4_offset, by 4; 53..59 flags; 60..63 the upper bits of binding.
 * words[1]: 0..13 packet_bytes; 14..21 l4_offset, by 4; 22..29 proto; 30..41 zone; 42..63 the lower
 * bits of binding.
 *
 * In a tx ring the application fills packet_bytes, flags (RECORD_PAD or 0; another value breaks the
 * ring), zone and flow (0: none); the rest is ignored. */
struct record_head {
	uint64_t words[2];
};
static_assert(sizeof(struct record_head) == 16, "a quarter of a line before the packet");

#define RECORD_FLOW_MASK   0x001f0fffffffffffu
#define RECORD_FLAGS_MASK  0x7fu
#define RECORD_BINDING_LOW 22u
#define RECORD_BINDING_MAX ((1u << (RECORD_BINDING_LOW + 4)) - 1)
#define RECORD_BYTES_MASK  ((1u << 14) - 1)
#define RECORD_L4_MAX      (4u * 255) /* of l4_offset */
#define RECORD_PAYLOAD_MAX (4u * 15)  /* of payload_offset - l4_offset */
static_assert(PACKET_BYTES_MAX <= RECORD_BYTES_MASK && ZONES_MAX <= 1 << 12 &&
		      WORKERS_MAX <= 1 << 5 && BINDINGS_MAX <= RECORD_BINDING_MAX,
	      "everything has its place");

/* The two words of a head. What does not fit is cut off: berthd makes no such thing, an application
 * may. */
static inline uint64_t
record_word0(uint64_t flow, uint32_t flags, uint32_t header_bytes, uint32_t binding)
{
	return (flow & RECORD_FLOW_MASK) | (uint64_t)(binding >> RECORD_BINDING_LOW) << 60 |
	       (uint64_t)(header_bytes / 4 & 15) << 44 |
	       (uint64_t)(flags & RECORD_FLAGS_MASK) << 53;
}
static inline uint64_t
record_word1(uint32_t packet_bytes, uint32_t l4_offset, uint8_t proto, uint16_t zone,
	     uint32_t binding)
{
	return (packet_bytes & RECORD_BYTES_MASK) | (l4_offset / 4 & 255) << 14 |
	       (uint32_t)proto << 22 | (uint64_t)(zone & (ZONES_MAX - 1)) << 30 |
	       (uint64_t)binding << 42;
}

static inline struct record_head
record_pack(const struct record *r)
{
	return (struct record_head){ {
		record_word0(r->flow, r->flags, (uint32_t)r->payload_offset - r->l4_offset,
			     r->binding),
		record_word1(r->packet_bytes, r->l4_offset, r->proto, r->zone, r->binding),
	} };
}

static inline uint32_t
record_flags(uint64_t word0)
{
	return word0 >> 53 & RECORD_FLAGS_MASK;
}
static inline uint32_t
record_packet_bytes(uint64_t word1)
{
	return word1 & RECORD_BYTES_MASK;
}

static inline struct record
record_unpack(struct record_head h)
{
	const uint16_t l4_offset = (uint16_t)((h.words[1] >> 14 & 255) * 4);

	return (struct record){
		.flow = h.words[0] & RECORD_FLOW_MASK,
		.binding = (uint32_t)(h.words[1] >> 42 | h.words[0] >> 60 << RECORD_BINDING_LOW),
		.packet_bytes = (uint16_t)record_packet_bytes(h.words[1]),
		.l4_offset = l4_offset,
		.payload_offset = (uint16_t)(l4_offset + (h.words[0] >> 44 & 15) * 4),
		.flags = (uint16_t)record_flags(h.words[0]),
		.zone = (uint16_t)(h.words[1] >> 30 & (ZONES_MAX - 1)),
		.proto = (uint8_t)(h.words[1] >> 22),
	};
}

/* The worker that a flow handle names; may be out of range, as the handle may be anything. An
 * answer put into that worker's tx ring needs no hand-over. */
static inline uint16_t
record_flow_worker(uint64_t flow)
{
	return (uint16_t)(flow >> 48);
}

/* A handle that names a worker and no flow. */
static inline uint64_t
record_flow_of_worker(uint32_t worker)
{
	return (uint64_t)worker << 48 | (uint64_t)UINT32_MAX << 16;
}

/* Room that a record with `packet_bytes` takes in a ring. */
static inline uint32_t
record_space(uint32_t packet_bytes)
{
	return ((uint32_t)sizeof(struct record_head) + packet_bytes + RECORD_ALIGN - 1) &
	       ~(uint32_t)(RECORD_ALIGN - 1);
}

/* First line of each segment; constant once `magic`, stored last (release), is seen (acquire). */
struct segment_head {
	alignas(CACHE_LINE) _Atomic uint32_t magic;
	uint16_t version;
	uint16_t kind;       /* enum segment_kind */
	uint32_t rings;      /* 1..WORKERS_MAX: one per worker */
	uint32_t ring_bytes; /* of each ring; 0 in segments without ring data */
	uint64_t bytes;      /* of the whole segment */
};
static_assert(sizeof(struct segment_head) == CACHE_LINE, "one line");

/* A count alone on its line. Written by the side that owns the segment. */
struct ring_count {
	alignas(CACHE_LINE) _Atomic uint32_t bytes;
};
static_assert(sizeof(struct ring_count) == CACHE_LINE, "one line");
static_assert(ATOMIC_INT_LOCK_FREE == 2, "counts are shared between processes");

/* Segments by kind:
 *   PORT       head, counts[rings] (produced), then rings * ring_bytes of data
 *   PORT_PEER  head, counts[rings] (consumed), then one struct port_sleep
 *   APP        head, counts[rings] (consumed)
 *   APP_PEER   head, counts[rings] (produced), then rings * ring_bytes of data
 * The data starts at segment_data_offset(rings). */
struct segment {
	struct segment_head head;
	struct ring_count counts[];
};

/* Written by the application: not 0 while it sleeps on the port's wake-up socket. Another value
 * asks for a wake-up anew. */
struct port_sleep {
	alignas(CACHE_LINE) _Atomic uint32_t sleeping;
};

static inline uint64_t
segment_data_offset(uint32_t rings)
{
	const uint64_t end = sizeof(struct segment_head) + rings * sizeof(struct ring_count);

	return (end + 4095) & ~(uint64_t)4095;
}

/* Bytes of a whole segment with its data (PORT, APP_PEER). */
static inline uint64_t
segment_bytes(uint32_t rings, uint32_t ring_bytes)
{
	return segment_data_offset(rings) + (uint64_t)rings * ring_bytes;
}

/* Bytes of a segment without data (APP), or with the sleep flag at its data offset (PORT_PEER). */
static inline uint64_t
segment_bytes_bare(uint32_t rings)
{
	return segment_data_offset(rings) + 4096;
}

/* Start of ring `ring` (PORT, APP_PEER). */
static inline uint8_t *
segment_ring(struct segment *s, uint32_t rings, uint32_t ring_bytes, uint32_t ring)
{
	return (uint8_t *)s + segment_data_offset(rings) + (uint64_t)ring * ring_bytes;
}

/* The sleep flag (PORT_PEER). */
static inline struct port_sleep *
segment_sleep(struct segment *s, uint32_t rings)
{
	return (struct port_sleep *)(void *)((uint8_t *)s + segment_data_offset(rings));
}
