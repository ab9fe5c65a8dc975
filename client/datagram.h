/* SPDX-License-Identifier: BSD-3-Clause */
/* datagram.h: fragments read, and whole datagrams made of them. Served by datagram.c.
 *
 * berthd proved the headers, but nothing here relies on it: every length is proved again. Pure. */
#pragma once

#include "client/include/berth/berth.h"
#include "common/base/pieces.h"

/* Room for what stands before the fragmentable part: an IPv4 header, or IPv6 with extensions. */
#define DATAGRAM_HEADER_MAX 512
#define DATAGRAM_BYTES_MAX  65536

/* What names a datagram. IPv6 does not count the protocol (RFC 8200 4.5). Without padding. */
struct datagram_name {
	uint8_t source[16], destination[16]; /* IPv4: the first 4 bytes, the rest is 0 */
	uint32_t id;
	uint16_t zone;
	uint8_t ipv6;
	uint8_t proto;
};
static_assert(sizeof(struct datagram_name) == 40, "compared as bytes");

/* One fragment's facts. */
struct datagram_part {
	struct datagram_name name;
	uint16_t header_bytes;  /* before the data, less the IPv6 fragment header */
	uint16_t data_at;       /* offset of the data in the packet */
	uint16_t offset, bytes; /* of the data in the datagram */
	bool more;
	uint8_t ecn;      /* RFC 3168 5 */
	uint8_t next;     /* IPv6: what the fragment header points to ... */
	uint16_t next_at; /* ... and where this has to be written */
};

/* Reads packet `p`. False: it is no fragment that could be part of any datagram. */
bool datagram_part_read(const struct berth_packet *p, struct datagram_part *out);

/* One datagram in the making. `memory` has DATAGRAM_HEADER_MAX + DATAGRAM_BYTES_MAX bytes, and the
 * data begins behind the header's room. */
struct datagram {
	struct datagram_name name;
	struct pieces pieces;
	uint8_t *memory;
	struct berth_packet first; /* facts of the first fragment */
	uint16_t header_bytes;
	uint16_t next_at;
	uint8_t next;
	uint8_t ecn_seen; /* bit e: a fragment with ECN e */
};

/* Copies a part's bytes into their place; it is new to d->pieces. */
void
datagram_copy(struct datagram *d, const struct datagram_part *part, const struct berth_packet *p);

/* Makes one packet of a complete datagram: lengths, headers as if it never was in fragments, and
 * the checks that berthd could not do: transport length and checksum. 0 and *out, which points into
 * d->memory; -EBADMSG: it is broken, and nobody may have it. */
int datagram_finish(struct datagram *d, struct berth_packet *out);
