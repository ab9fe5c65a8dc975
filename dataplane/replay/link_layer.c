/* SPDX-License-Identifier: BSD-3-Clause */
/* link_layer.c: what each link type of a capture puts in front of IP. The pseudo headers are those
 * of https://www.tcpdump.org/linktypes.html. */
#include <string.h>

#include "dataplane/replay/capture.h"

#define NULL_BYTES         4  /* an address family of the capturing system, in its byte order */
#define SLL_BYTES          16 /* the last two are an EtherType */
#define SLL2_BYTES         20 /* the first two are an EtherType */
#define ETHERTYPE_NUM_NONE 0xffffu /* reserved (RFC 1701): refused as unknown */

bool
link_type_is_parsed(int link_type)
{
	switch (link_type) {
	case DLT_EN10MB:
	case DLT_NULL:
	case DLT_LOOP:
	case DLT_RAW:
	case DLT_IPV4:
	case DLT_IPV6:
	case DLT_LINUX_SLL:
	case DLT_LINUX_SLL2:
		return true;
	default:
		return false;
	}
}

/* AF_INET is 2 everywhere; AF_INET6 is 10, 24, 28 or 30 on Linux and the BSDs. */
static uint16_t
family_ethertype(const uint8_t header[NULL_BYTES])
{
	const uint32_t big = be32_load(header), little = __builtin_bswap32(big);

	switch (big < little ? big : little) {
	case 2:
		return ETHERTYPE_NUM_IPV4;
	case 10:
	case 24:
	case 28:
	case 30:
		return ETHERTYPE_NUM_IPV6;
	default:
		return ETHERTYPE_NUM_NONE;
	}
}

/* Linux names with small numbers what has no EtherType. */
static uint16_t
sll_ethertype(const uint8_t *field)
{
	const uint16_t type = be16_load(field);

	return type < ETHERTYPE_NUM_MIN ? ETHERTYPE_NUM_NONE : type;
}

/* Returns the bytes of the pseudo header, and sets *type; UINT32_MAX where the packet ends in it.
 */
static uint32_t
pseudo_header_read(int link_type, const struct captured *packet, uint16_t *type)
{
	const uint8_t *bytes = packet->bytes;
	uint32_t header = 0;

	if (link_type == DLT_NULL || link_type == DLT_LOOP)
		header = NULL_BYTES;
	else if (link_type == DLT_LINUX_SLL)
		header = SLL_BYTES;
	else if (link_type == DLT_LINUX_SLL2)
		header = SLL2_BYTES;
	if (packet->bytes_count < header || packet->bytes_count == 0)
		return UINT32_MAX;

	if (header == NULL_BYTES)
		*type = family_ethertype(bytes);
	else if (header == SLL_BYTES)
		*type = sll_ethertype(bytes + SLL_BYTES - 2);
	else if (header == SLL2_BYTES)
		*type = sll_ethertype(bytes);
	else if (link_type == DLT_IPV6 || (link_type == DLT_RAW && bytes[0] >> 4 == 6))
		*type = ETHERTYPE_NUM_IPV6;
	else
		*type = ETHERTYPE_NUM_IPV4;
	return header;
}

uint32_t
link_frame(int link_type, const struct captured *packet, uint8_t frame[FRAME_BYTES_MAX])
{
	uint32_t header = 0, at = 0, bytes;
	uint16_t type;

	if (link_type != DLT_EN10MB) {
		header = pseudo_header_read(link_type, packet, &type);
		if (header == UINT32_MAX)
			return 0;
		memset(frame, 0, ETHERNET_BYTES);
		be16_store(frame + ETHERNET_BYTES - 2, type);
		at = ETHERNET_BYTES;
	}
	bytes = packet->bytes_count - header;
	if (bytes > FRAME_BYTES_MAX - at)
		bytes = FRAME_BYTES_MAX - at;
	memcpy(frame + at, packet->bytes + header, bytes);
	return at + bytes;
}

bool
link_snap_remove(uint8_t *frame, uint32_t *bytes, uint32_t at)
{
	static const uint8_t snap[] = { 0xaa, 0xaa, 0x03, 0, 0, 0 };
	const uint32_t type_at = at + sizeof(snap), end = *bytes;

	if (at < ETHERNET_BYTES || end < type_at + 2 ||
	    memcmp(frame + at, snap, sizeof(snap)) != 0 ||
	    be16_load(frame + type_at) < ETHERTYPE_NUM_MIN)
		return false;
	memmove(frame + at - 2, frame + type_at, end - type_at);
	*bytes = end - (type_at - (at - 2));
	return true;
}
