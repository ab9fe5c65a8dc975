/* SPDX-License-Identifier: BSD-3-Clause */
/* frames.h: builds test frames byte by byte, with a checksum of its own, as plain as RFC 1071. */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>

#include "common/base/bytes.h"

/* Station A sends, station B (we) receives. */
#define FRAME_MAC_A  "\x02\x00\x00\x00\x00\x0a"
#define FRAME_MAC_B  "\x02\x00\x00\x00\x00\x0b"
#define FRAME_IPV4_A "\xc0\x00\x02\x01" /* 192.0.2.1 */
#define FRAME_IPV4_B "\xc6\x33\x64\x02" /* 198.51.100.2 */
#define FRAME_IPV6_A "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0a"
#define FRAME_IPV6_B "\x20\x01\x0d\xb8\0\0\0\0\0\0\0\0\0\0\0\x0b"

struct frame {
	uint8_t bytes[4096];
	uint32_t length;
	uint32_t l3; /* offset of the IP header */
	uint32_t l4; /* offset of the transport header */
	uint8_t proto;
};

static inline void
frame_put(struct frame *f, const void *data, uint32_t bytes)
{
	assert(f->length + bytes <= sizeof(f->bytes));
	/* No data comes as NULL, which memcpy() may not be given (C17 7.24.1). */
	if (bytes > 0)
		memcpy(f->bytes + f->length, data, bytes);
	f->length += bytes;
}

static inline void
frame_put8(struct frame *f, uint8_t v)
{
	frame_put(f, &v, 1);
}

static inline void
frame_put16(struct frame *f, uint16_t v)
{
	uint8_t b[2];

	be16_store(b, v);
	frame_put(f, b, 2);
}

static inline void
frame_put32(struct frame *f, uint32_t v)
{
	frame_put16(f, (uint16_t)(v >> 16));
	frame_put16(f, (uint16_t)v);
}

/* One 16-bit word after the other, the carry brought round each time. */
static inline uint16_t
frame_naive_sum(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	sum = (sum & 0xffff) + (sum >> 16);
	for (uint32_t i = 0; i < bytes; i++) {
		sum += (uint32_t)data[i] << (i % 2 == 0 ? 8 : 0);
		sum = (sum & 0xffff) + (sum >> 16);
	}
	return (uint16_t)((sum & 0xffff) + (sum >> 16));
}

static inline void
frame_ethernet(struct frame *f, unsigned tags, uint16_t type)
{
	static const uint16_t tpids[3] = { 0x88a8, 0x8100, 0x9100 };

	memset(f, 0, sizeof(*f));
	frame_put(f, FRAME_MAC_B, 6);
	frame_put(f, FRAME_MAC_A, 6);
	for (unsigned i = 0; i < tags; i++) {
		frame_put16(f, tags == 1 ? 0x8100 : tpids[i % 3]);
		frame_put16(f, (uint16_t)(0xa000 | (100 + i)));
	}
	frame_put16(f, type);
	f->l3 = f->length;
}

static inline void
frame_ipv4(struct frame *f, uint8_t proto, const void *options, uint32_t options_bytes)
{
	frame_put8(f, (uint8_t)(0x45 + options_bytes / 4));
	frame_put(f, "\0\0\0\x12\x34\x40\0\x3f", 8);
	frame_put8(f, proto);
	frame_put16(f, 0);
	frame_put(f, FRAME_IPV4_A, 4);
	frame_put(f, FRAME_IPV4_B, 4);
	frame_put(f, options, options_bytes);
	f->l4 = f->length;
	f->proto = proto;
}

/* `next` is the first extension header's number, or `proto` itself. */
static inline void
frame_ipv6(struct frame *f, uint8_t next, const void *extensions, uint32_t extensions_bytes,
	   uint8_t proto)
{
	frame_put32(f, 0x60000000);
	frame_put16(f, 0);
	frame_put8(f, next);
	frame_put8(f, 255);
	frame_put(f, FRAME_IPV6_A, 16);
	frame_put(f, FRAME_IPV6_B, 16);
	frame_put(f, extensions, extensions_bytes);
	f->l4 = f->length;
	f->proto = proto;
}

static inline void
frame_tcp(struct frame *f, uint16_t from, uint16_t to, uint8_t flags, uint32_t payload)
{
	frame_put16(f, from);
	frame_put16(f, to);
	frame_put32(f, 0x11223344);
	frame_put32(f, 0x55667788);
	frame_put8(f, 0x60);
	frame_put8(f, flags);
	frame_put(f, "\x20\x00\0\0\0\0\x02\x04\x05\xb4", 10);
	for (uint32_t i = 0; i < payload; i++)
		frame_put8(f, (uint8_t)i);
}

/* `options_bytes` is a multiple of 4. */
static inline void
frame_tcp_options(struct frame *f, uint8_t flags, const void *options, uint32_t options_bytes)
{
	frame_tcp(f, 40000, 443, flags, 0);
	f->length -= 4;
	f->bytes[f->l4 + 12] = (uint8_t)((5 + options_bytes / 4) << 4);
	frame_put(f, options, options_bytes);
}

static inline void
frame_sctp(struct frame *f, uint32_t tag, const void *chunks, uint32_t bytes)
{
	frame_put16(f, 40000);
	frame_put16(f, 53);
	frame_put32(f, tag);
	frame_put32(f, 0);
	frame_put(f, chunks, bytes);
}

static inline void
frame_udp(struct frame *f, uint16_t from, uint16_t to, uint32_t payload)
{
	frame_put16(f, from);
	frame_put16(f, to);
	frame_put16(f, (uint16_t)(8 + payload));
	frame_put16(f, 0);
	for (uint32_t i = 0; i < payload; i++)
		frame_put8(f, (uint8_t)(i + 1));
}

static inline void
frame_icmp(struct frame *f, uint8_t type, uint8_t code, uint32_t rest, const void *body,
	   uint32_t bytes)
{
	frame_put8(f, type);
	frame_put8(f, code);
	frame_put16(f, 0);
	frame_put32(f, rest);
	frame_put(f, body, bytes);
}

/* RFC 9260 appendix A, one bit after the other. */
static inline uint32_t
frame_naive_crc(const uint8_t *data, uint32_t bytes)
{
	uint32_t crc = UINT32_MAX;

	for (uint32_t i = 0; i < bytes * 8; i++) {
		const uint32_t bit = (crc ^ data[i / 8] >> i % 8) & 1;

		crc = crc >> 1 ^ (bit ? 0x82f63b78u : 0);
	}
	return ~crc;
}

/* Where the checksum of a transport is in its header. */
static inline uint32_t
frame_checksum_at(uint8_t proto)
{
	switch (proto) {
	case 6:
		return 16;
	case 17:
	case 136:
		return 6;
	case 132:
		return 8;
	default:
		return 2;
	}
}

/* Writes the checksums over what the length fields say. */
static inline void
frame_checksums(struct frame *f)
{
	uint8_t *ip = f->bytes + f->l3, *l4 = f->bytes + f->l4;
	const int v4 = ip[0] >> 4 == 4;
	const uint32_t l3_bytes = be16_load(ip + (v4 ? 2 : 4)) + (v4 ? 0u : 40u);
	const uint32_t at = frame_checksum_at(f->proto);
	uint32_t bytes = f->l3 + l3_bytes - f->l4, covered, pseudo = 0;

	if (v4) {
		const uint32_t header = (ip[0] & 0x0fu) * 4;

		be16_store(ip + 10, 0);
		be16_store(ip + 10, (uint16_t)~frame_naive_sum(ip, header, 0));
	}
	if (at == 2 && f->proto != 1 && f->proto != 58)
		return; /* a protocol without a checksum that we know */
	if (f->l3 + l3_bytes > f->length || f->l3 + l3_bytes < f->l4 + 8)
		return;
	if (f->proto == 17)
		bytes = be16_load(l4 + 4) < bytes ? be16_load(l4 + 4) : bytes;
	covered = bytes;
	if (f->proto == 136 && be16_load(l4 + 4) >= 8 && be16_load(l4 + 4) < bytes)
		covered = be16_load(l4 + 4);
	if (f->proto != 1) {
		pseudo = frame_naive_sum(ip + (v4 ? 12 : 8), v4 ? 8 : 32, 0);
		pseudo += f->proto + bytes;
	}
	if (covered < at + (f->proto == 132 ? 4 : 2))
		return;
	if (f->proto == 132) {
		le32_store(l4 + at, 0);
		le32_store(l4 + at, frame_naive_crc(l4, bytes));
		return;
	}
	be16_store(l4 + at, 0);
	be16_store(l4 + at, (uint16_t)~frame_naive_sum(l4, covered, pseudo));
}

/* Writes lengths, then checksums. */
static inline void
frame_finish(struct frame *f)
{
	uint8_t *ip = f->bytes + f->l3;

	if (ip[0] >> 4 == 4)
		be16_store(ip + 2, (uint16_t)(f->length - f->l3));
	else
		be16_store(ip + 4, (uint16_t)(f->length - f->l3 - 40));
	frame_checksums(f);
}
