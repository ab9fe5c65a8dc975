/* SPDX-License-Identifier: BSD-3-Clause */
/* datagrams.h: builds whole IP packets for tests and cuts them into fragments, as plainly as
 * RFC 791 2.3 and RFC 8200 4.5 tell it. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#include "common/base/bytes.h"

#define DATAGRAM_ROOM 65600

struct whole {
	uint8_t bytes[DATAGRAM_ROOM];
	uint32_t length;
	uint32_t header;  /* before the part that is cut */
	uint32_t l4;      /* of the transport header */
	uint32_t id;      /* IPv4: 16 bits */
	uint32_t next_at; /* IPv6: where the fragment header's number goes */
	bool v6;
	uint8_t proto;
};

static inline uint16_t
whole_sum(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	for (uint32_t i = 0; i < bytes; i++) {
		sum += (uint32_t)data[i] << (i % 2 == 0 ? 8 : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)sum;
}

/* Writes the checksums of the IPv4 header, UDP and TCP. */
static inline void
whole_checksums(struct whole *w)
{
	uint8_t *l4 = w->bytes + w->l4;
	const uint32_t bytes = w->length - w->l4, at = w->proto == 6 ? 16 : 6;

	if (!w->v6) {
		be16_store(w->bytes + 10, 0);
		be16_store(w->bytes + 10, (uint16_t)~whole_sum(w->bytes, w->header, 0));
	}
	if (w->proto != 6 && w->proto != 17)
		return;
	be16_store(l4 + at, 0);
	uint32_t sum = whole_sum(w->bytes + (w->v6 ? 8 : 12), w->v6 ? 32 : 8, 0);

	sum = whole_sum((const uint8_t[]){ 0, w->proto }, 2, sum);
	sum += bytes >> 16;
	sum += bytes & 0xffff;
	const uint16_t checksum = (uint16_t)~whole_sum(l4, bytes, (sum & 0xffff) + (sum >> 16));

	be16_store(l4 + at, checksum == 0 ? 0xffff : checksum);
}

/* Destination options of `bytes`, padding alone (RFC 8200 4.2). */
static inline void
whole_padding(uint8_t *at, uint8_t next, uint32_t bytes)
{
	at[0] = next;
	at[1] = (uint8_t)(bytes / 8 - 1);
	at[2] = 1;
	at[3] = (uint8_t)(bytes - 4);
}

static inline void
whole_header(struct whole *w, uint8_t source, uint32_t options, uint32_t inside)
{
	uint8_t *at = w->bytes;

	if (w->v6) {
		const uint8_t first = inside > 0 ? 60 : w->proto;

		at[0] = 0x60;
		be16_store(at + 4, (uint16_t)(w->length - 40));
		at[6] = options > 0 ? 60 : first;
		at[7] = 64;
		memcpy(at + 8, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0a", 16);
		at[22] = source;
		memcpy(at + 24, "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0b", 16);
		w->next_at = options > 0 ? 40 : 6;
		if (options > 0)
			whole_padding(at + 40, first, options);
		if (inside > 0)
			whole_padding(at + w->header, w->proto, inside);
	} else {
		at[0] = (uint8_t)(0x45 + options / 4);
		be16_store(at + 2, (uint16_t)w->length);
		be16_store(at + 4, (uint16_t)w->id);
		at[8] = 64;
		at[9] = w->proto;
		memcpy(at + 12, (const uint8_t[]){ 192, 0, 2, source }, 4);
		memcpy(at + 16, (const uint8_t[]){ 198, 51, 100, 2 }, 4);
		memset(at + 20, 1, options);
	}
}

/* A packet from host `source` with `payload` bytes behind its UDP (17), TCP (6) or any other header
 * of 8 bytes. IPv4: `options` bytes of no-operation; IPv6: as many destination options before the
 * fragment header, and `inside` bytes of them behind it. All multiples of 4 or 8. */
static inline void
whole_make(struct whole *w, bool v6, uint8_t proto, uint32_t id, uint8_t source, uint32_t options,
	   uint32_t inside, uint32_t payload)
{
	uint8_t *at = w->bytes;
	const uint32_t l4_header = proto == 6 ? 20 : 8;

	memset(w, 0, sizeof(*w));
	w->v6 = v6;
	w->id = v6 ? id : id & 0xffff;
	w->proto = proto;
	w->header = (v6 ? 40 : 20) + options;
	w->l4 = w->header + inside;
	w->length = w->l4 + l4_header + payload;
	assert(w->length <= sizeof(w->bytes) && (v6 || inside == 0));
	whole_header(w, source, options, inside);
	for (uint32_t i = 0; i < l4_header + payload; i++)
		at[w->l4 + i] = (uint8_t)(i * 7 + id + (i >> 8));
	be16_store(at + w->l4, 5000);
	be16_store(at + w->l4 + 2, 53);
	if (proto == 17)
		be16_store(at + w->l4 + 4, (uint16_t)(8 + payload));
	if (proto == 6) {
		at[w->l4 + 12] = 0x50;
		at[w->l4 + 13] = 0x18;
	}
	whole_checksums(w);
}

/* Bytes of the part that is cut. */
static inline uint32_t
whole_data(const struct whole *w)
{
	return w->length - w->header;
}

/* Writes the fragment with `bytes` of data from `offset` on; returns its length. IPv4 options stay
 * in the first one. */
static inline uint32_t
whole_fragment(const struct whole *w, uint32_t offset, uint32_t bytes, uint8_t *out)
{
	const bool more = offset + bytes < whole_data(w);
	uint32_t header = w->header;

	if (w->v6) {
		memcpy(out, w->bytes, header);
		out[header] = out[w->next_at];
		out[w->next_at] = 44;
		out[header + 1] = 0;
		be16_store(out + header + 2, (uint16_t)(offset | more));
		be32_store(out + header + 4, w->id);
		header += 8;
		be16_store(out + 4, (uint16_t)(header + bytes - 40));
	} else {
		if (offset > 0)
			header = 20;
		memcpy(out, w->bytes, header);
		out[0] = (uint8_t)(0x40 + header / 4);
		be16_store(out + 2, (uint16_t)(header + bytes));
		be16_store(out + 6, (uint16_t)((more ? 0x2000 : 0) | offset / 8));
		be16_store(out + 10, 0);
		be16_store(out + 10, (uint16_t)~whole_sum(out, header, 0));
	}
	memcpy(out + header, w->bytes + w->header + offset, bytes);
	return header + bytes;
}
