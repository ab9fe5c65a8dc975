/* SPDX-License-Identifier: BSD-3-Clause */
/* frames.c: builds the bench's frames. */
#include "bench/parse/frames.h"

#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/parse.h"

#define FRAME_BYTES_MIN 60u /* Ethernet's, without the checksum */
#define PAYLOAD_BYTES   6u

const char *const bench_shape_names[SHAPES] = {
	[SHAPE_UDP4] = "ipv4-udp",
	[SHAPE_TCP4] = "ipv4-tcp",
	[SHAPE_TCP4_TIMESTAMP] = "ipv4-tcp-timestamp",
	[SHAPE_UDP6] = "ipv6-udp",
	[SHAPE_TCP6] = "ipv6-tcp",
	[SHAPE_VLAN] = "vlan-ipv4-tcp",
	[SHAPE_QINQ] = "qinq-ipv4-tcp",
	[SHAPE_OPTIONS4] = "ipv4-options-udp",
	[SHAPE_EXTENSION6] = "ipv6-extension-udp",
	[SHAPE_ECHO4] = "ipv4-echo",
	[SHAPE_MIX] = "mix",
};

static uint32_t
put16(uint8_t *frame, uint32_t at, uint16_t v)
{
	be16_store(frame + at, v);
	return at + 2;
}

static uint32_t
ethernet_put(uint8_t *frame, unsigned tags, uint16_t type)
{
	uint32_t at = 2 * MAC_BYTES;

	memcpy(frame, "\x02\0\0\0\0\x0b\x02\0\0\0\0\x0a", at);
	for (unsigned i = 0; i < tags; i++) {
		at = put16(frame, at, i + 1 == tags ? ETHERTYPE_NUM_VLAN : ETHERTYPE_NUM_QINQ);
		at = put16(frame, at, (uint16_t)(10 + i));
	}
	return put16(frame, at, type);
}

static uint32_t
tcp_put(uint8_t *frame, uint32_t at, uint32_t n, bool timestamp)
{
	uint8_t *tcp = frame + at;
	const uint32_t header = TCP_BYTES + (timestamp ? 12 : 0);

	be16_store(tcp, (uint16_t)(1024 + n % 60000));
	be16_store(tcp + 2, 443);
	be32_store(tcp + 4, n);
	be32_store(tcp + 8, ~n);
	tcp[12] = (uint8_t)(header << 2);
	tcp[13] = TCP_FLAG_ACK | TCP_FLAG_PSH;
	be16_store(tcp + 14, 0x2000);
	if (timestamp) {
		be32_store(tcp + 20, 0x0101080au);
		be32_store(tcp + 24, n);
		be32_store(tcp + 28, n);
	}
	return at + header + PAYLOAD_BYTES;
}

static uint32_t
udp_put(uint8_t *frame, uint32_t at, uint32_t n)
{
	be16_store(frame + at, (uint16_t)(1024 + n % 60000));
	be16_store(frame + at + 2, 53);
	be16_store(frame + at + 4, UDP_BYTES + PAYLOAD_BYTES);
	return at + UDP_BYTES + PAYLOAD_BYTES;
}

static uint32_t
transport_put(uint8_t *frame, uint32_t at, uint8_t proto, uint32_t n, bool timestamp)
{
	if (proto == PROTO_TCP)
		return tcp_put(frame, at, n, timestamp);
	if (proto == PROTO_UDP)
		return udp_put(frame, at, n);
	/* An echo request. */
	frame[at] = ICMP_ECHO_REQUEST;
	be16_store(frame + at + 4, (uint16_t)n);
	return at + ICMP_BYTES + PAYLOAD_BYTES;
}

/* `options`: 4 bytes of IPv4 no-operations, or 8 of a destination header with padding. */
static uint32_t
ip_put(uint8_t *frame, uint32_t l3, unsigned version, uint8_t proto, uint32_t n, bool options,
       bool timestamp)
{
	uint8_t *ip = frame + l3, source[16] = { 0x20, 0x01, 0x0d, 0xb8 }, destination[16];
	uint32_t end, header = version == 4 ? IPV4_BYTES : IPV6_BYTES;

	memcpy(destination, source, sizeof(source));
	be32_store(source + 12, n);
	destination[15] = 1;
	if (version == 4) {
		be32_store(source, 0x0a000000u | (n & 0xffffffu));
		memcpy(destination, "\xc6\x33\x64\x02", 4);
		if (options)
			memset(ip + header, 1, 4);
		header += options ? 4 : 0;
		end = transport_put(frame, l3 + header, proto, n, timestamp);
		ipv4_header_store(ip, (uint16_t)(end - l3), proto, source, destination);
		ip[0] = (uint8_t)(0x40 | header / 4);
		return end;
	}
	if (options) {
		memcpy(ip + header, "\0\0\1\4\0\0\0\0", 8);
		ip[header] = proto;
		header += 8;
	}
	end = transport_put(frame, l3 + header, proto, n, timestamp);
	ipv6_header_store(ip, (uint16_t)(end - l3 - IPV6_BYTES), options ? 60 : proto,
			  HOP_LIMIT_DEFAULT, source, destination);
	return end;
}

static uint32_t
arp_put(uint8_t *frame, uint32_t n)
{
	const uint32_t at = ethernet_put(frame, 0, ETHERTYPE_NUM_ARP);

	memcpy(frame + at, "\0\1\x08\0\6\4\0\1", 8);
	be32_store(frame + at + 14, 0x0a000000u | (n & 0xffffffu));
	return at + ARP_BYTES;
}

uint32_t
bench_frame_make(enum bench_shape shape, uint32_t n, uint8_t frame[BENCH_FRAME_BYTES])
{
	/* What a shape is made of. */
	static const struct {
		uint8_t tags, version, proto;
		bool options, timestamp;
	} parts[SHAPES] = {
		[SHAPE_UDP4] = { 0, 4, PROTO_UDP },
		[SHAPE_TCP4] = { 0, 4, PROTO_TCP },
		[SHAPE_TCP4_TIMESTAMP] = { 0, 4, PROTO_TCP, .timestamp = true },
		[SHAPE_UDP6] = { 0, 6, PROTO_UDP },
		[SHAPE_TCP6] = { 0, 6, PROTO_TCP },
		[SHAPE_VLAN] = { 1, 4, PROTO_TCP },
		[SHAPE_QINQ] = { 2, 4, PROTO_TCP },
		[SHAPE_OPTIONS4] = { 0, 4, PROTO_UDP, .options = true },
		[SHAPE_EXTENSION6] = { 0, 6, PROTO_UDP, .options = true },
		[SHAPE_ECHO4] = { 0, 4, PROTO_ICMP },
	};
	struct packet p;
	uint32_t bytes;

	memset(frame, 0, BENCH_FRAME_BYTES);
	if (shape == SHAPE_MIX)
		shape = n % (SHAPE_MIX + 1);
	if (shape == SHAPE_MIX) {
		bytes = arp_put(frame, n);
	} else {
		const uint16_t type =
			parts[shape].version == 4 ? ETHERTYPE_NUM_IPV4 : ETHERTYPE_NUM_IPV6;
		const uint32_t at = ethernet_put(frame, parts[shape].tags, type);

		bytes = ip_put(frame, at, parts[shape].version, parts[shape].proto, n,
			       parts[shape].options, parts[shape].timestamp);
	}
	if (parse_frame(frame, bytes, PARSE_CHECKSUM_IGNORE, 0, &p) == DROP_NONE)
		checksum_fill(frame, &p);
	return bytes < FRAME_BYTES_MIN ? FRAME_BYTES_MIN : bytes;
}
