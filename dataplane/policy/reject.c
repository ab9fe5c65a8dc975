/* SPDX-License-Identifier: BSD-3-Clause */
/* reject.c: builds TCP resets and port unreachables, and limits their rate. */
#include "dataplane/policy/reject.h"

#include <errno.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/identity.h"
#include "common/base/wire.h"

#define ICMP_DATAGRAM_BYTES_MAX 576  /* RFC 1812 4.3.2.3 */
#define ICMPV6_PACKET_BYTES_MAX 1280 /* RFC 4443 2.4 c: the minimum MTU */
#define MS_PER_SECOND           1000u

/* Whether exactly one station sent the packet and exactly one was meant. The parser vouches for the
 * IP source. */
static bool
ends_are_single(const uint8_t *frame, const struct packet *p)
{
	const uint8_t group = p->key.family == FAMILY_IPV4 ? 224 : 0xff;

	return (frame[0] & 1) == 0 && (frame[MAC_BYTES] & 1) == 0 && p->key.addr[1][0] < group;
}

/* Writes both headers below the transport: Ethernet and tags turned round, and an IP header for
 * `bytes` of `proto`. */
static void
lower_headers_store(const uint8_t *frame, const struct packet *p, uint8_t *out, uint8_t proto,
		    uint32_t bytes)
{
	memcpy(out, frame, p->l3_offset);
	memcpy(out, frame + MAC_BYTES, MAC_BYTES);
	memcpy(out + MAC_BYTES, frame, MAC_BYTES);
	if (p->key.family == FAMILY_IPV4)
		ipv4_header_store(out + p->l3_offset, (uint16_t)(IPV4_BYTES + bytes), proto,
				  p->key.addr[1], p->key.addr[0]);
	else
		ipv6_header_store(out + p->l3_offset, (uint16_t)bytes, proto, HOP_LIMIT_DEFAULT,
				  p->key.addr[1], p->key.addr[0]);
}

/* What the frame at `out` is, for checksum_fill(). */
static struct packet
reply_describe(const struct packet *p, uint32_t ip_header, uint32_t l4_bytes, uint8_t kind)
{
	return (struct packet){
		.key = { .family = p->key.family, .proto = p->key.proto },
		.l3_offset = p->l3_offset,
		.l3_bytes = (uint16_t)(ip_header + l4_bytes),
		.l4_offset = (uint16_t)(p->l3_offset + ip_header),
		.kind = kind,
	};
}

/* RFC 9293 3.10.7.1: the reset takes its place from the segment's acknowledgement, or acknowledges
 * all that the segment occupied, SYN and FIN included. */
static void
reset_store(const uint8_t *frame, const struct packet *p, uint8_t *tcp)
{
	const uint8_t *segment = frame + p->l4_offset;
	const uint32_t payload = (uint32_t)p->l3_offset + p->l3_bytes - p->payload_offset;

	memset(tcp, 0, TCP_BYTES);
	be16_store(tcp, p->key.port[1]);
	be16_store(tcp + 2, p->key.port[0]);
	tcp[12] = TCP_BYTES / 4 << 4;
	if (p->tcp_flags & TCP_FLAG_ACK) {
		memcpy(tcp + 4, segment + 8, 4);
		tcp[13] = TCP_FLAG_RST;
		return;
	}
	be32_store(tcp + 8, be32_load(segment + 4) + payload +
				    ((p->tcp_flags & TCP_FLAG_SYN) != 0) +
				    ((p->tcp_flags & TCP_FLAG_FIN) != 0));
	tcp[13] = TCP_FLAG_RST | TCP_FLAG_ACK;
}

static int
reset_build(const uint8_t *frame, const struct packet *p, uint32_t ip_header, uint8_t *out,
	    uint32_t capacity)
{
	const struct packet reply = reply_describe(p, ip_header, TCP_BYTES, PACKET_TRANSPORT);
	const uint32_t bytes = (uint32_t)reply.l4_offset + TCP_BYTES;

	if (p->tcp_flags & TCP_FLAG_RST)
		return -ENOMSG;
	if (capacity < bytes)
		return -ENOSPC;
	lower_headers_store(frame, p, out, PROTO_TCP, TCP_BYTES);
	reset_store(frame, p, out + reply.l4_offset);
	checksum_fill(out, &reply);
	return (int)bytes;
}

static int
unreachable_build(const uint8_t *frame, const struct packet *p, uint32_t ip_header, uint8_t *out,
		  uint32_t capacity)
{
	const bool ipv4 = p->key.family == FAMILY_IPV4;
	const uint32_t quote_max =
		(ipv4 ? ICMP_DATAGRAM_BYTES_MAX : ICMPV6_PACKET_BYTES_MAX) - ip_header - ICMP_BYTES;
	const uint32_t quote = p->l3_bytes < quote_max ? p->l3_bytes : quote_max;
	const struct packet reply =
		reply_describe(p, ip_header, ICMP_BYTES + quote, PACKET_ICMP_ERROR);
	const uint32_t bytes = reply.l4_offset + ICMP_BYTES + quote;
	uint8_t *icmp = out + reply.l4_offset;

	if (capacity < bytes)
		return -ENOSPC;
	lower_headers_store(frame, p, out, ipv4 ? PROTO_ICMP : PROTO_ICMPV6, ICMP_BYTES + quote);
	memset(icmp, 0, ICMP_BYTES);
	icmp[0] = ipv4 ? ICMP_UNREACHABLE : ICMPV6_UNREACHABLE;
	icmp[1] = ipv4 ? ICMP_CODE_PORT : ICMPV6_CODE_PORT;
	memcpy(icmp + ICMP_BYTES, frame + p->l3_offset, quote);
	checksum_fill(out, &reply);
	return (int)bytes;
}

int
reject_build(const uint8_t *frame, const struct packet *p, uint8_t *out, uint32_t capacity)
{
	const uint32_t ip_header = p->key.family == FAMILY_IPV4 ? IPV4_BYTES : IPV6_BYTES;

	if (p->kind != PACKET_TRANSPORT || !ends_are_single(frame, p))
		return -ENOMSG;
	/* Out of the blue, SCTP expects an ABORT (RFC 9260 8.4), which is not made here. */
	if (p->key.proto == PROTO_SCTP)
		return -ENOMSG;
	if (p->key.proto == PROTO_TCP)
		return reset_build(frame, p, ip_header, out, capacity);
	return unreachable_build(frame, p, ip_header, out, capacity);
}

void
reject_limit_init(struct reject_limit *limit, uint32_t per_second, uint64_t now_ms)
{
	limit->per_second = per_second;
	limit->last_ms = now_ms;
	limit->credit = (uint64_t)per_second * MS_PER_SECOND;
}

bool
reject_limit_take(struct reject_limit *limit, uint64_t now_ms)
{
	const uint64_t full = (uint64_t)limit->per_second * MS_PER_SECOND;

	if (now_ms > limit->last_ms) {
		const uint64_t passed = now_ms - limit->last_ms;

		/* A second fills the bucket from anywhere; more would only overflow. */
		limit->credit += passed < MS_PER_SECOND ? passed * limit->per_second : full;
		if (limit->credit > full)
			limit->credit = full;
		limit->last_ms = now_ms;
	}
	if (limit->credit < MS_PER_SECOND)
		return false;
	limit->credit -= MS_PER_SECOND;
	return true;
}
