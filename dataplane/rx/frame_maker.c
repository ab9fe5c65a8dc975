/* SPDX-License-Identifier: BSD-3-Clause */
/* frame_maker.c: frames of numbered flows. What is the same in each frame is summed once. */
#include "dataplane/rx/frame_maker.h"

#include <string.h>

#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/parse.h"

#define FLOW_ADDRESS_BITS 17 /* those of 198.18.0.0/15 */
#define WINDOW            0x4000

/* Where the source ports of a kind begin; its flows take the next 2^14 or fewer. */
static const uint16_t source_ports[FRAME_KINDS] = { 1024, 16384, 32768 };

static const uint8_t source_mac[MAC_BYTES] = { 0x02, 0, 0, 0x19, 0x81, 0x80 };
static const uint8_t source_ipv4[4] = { 198, 18, 0, 0 };
static const uint8_t source_ipv6[16] = { 0x20, 0x01, 0x00, 0x02 };

static void
ipv4_template(struct frame_template *t, uint8_t proto, const uint8_t *destination)
{
	uint8_t *l3 = t->data + t->l3_offset;

	t->l4_offset = t->l3_offset + IPV4_BYTES;
	be16_store(t->data + 12, ETHERTYPE_NUM_IPV4);
	ipv4_header_store(l3, 0, proto, source_ipv4, destination);
	t->l3_sum = checksum_add(l3, 12, checksum_add(destination, 4, 0));
	t->l4_sum = checksum_add(destination, 4, proto);
}

static void
ipv6_template(struct frame_template *t, uint8_t proto, const uint8_t *destination)
{
	t->l4_offset = t->l3_offset + IPV6_BYTES;
	be16_store(t->data + 12, ETHERTYPE_NUM_IPV6);
	ipv6_header_store(t->data + t->l3_offset, 0, proto, HOP_LIMIT_DEFAULT, source_ipv6,
			  destination);
	t->l4_sum = checksum_add(source_ipv6, 12, checksum_add(destination, 16, proto));
}

static void
transport_template(struct frame_template *t, enum frame_kind kind)
{
	uint8_t *l4 = t->data + t->l4_offset;

	t->header_bytes = t->l4_offset + (kind == FRAME_UDP ? UDP_BYTES : TCP_BYTES);
	t->bytes_min = t->header_bytes + (kind == FRAME_SYN ? 0 : FRAME_MAKER_MARK_BYTES);
	if (t->bytes_min < FRAME_MAKER_BYTES_MIN)
		t->bytes_min = FRAME_MAKER_BYTES_MIN;
	if (kind == FRAME_UDP)
		return;
	l4[12] = TCP_BYTES / 4 << 4;
	l4[13] = kind == FRAME_SYN ? TCP_FLAG_SYN : TCP_FLAG_ACK | TCP_FLAG_PSH;
	be16_store(l4 + 14, WINDOW);
	t->l4_sum = checksum_add(l4 + 12, 4, t->l4_sum);
}

void
frame_maker_init(struct frame_maker *m, const struct frame_maker_ends *ends)
{
	*m = (struct frame_maker){ .port_first = ends->port_first,
				   .ports = (uint16_t)(ends->port_last - ends->port_first + 1) };
	for (unsigned kind = 0; kind < FRAME_KINDS; kind++) {
		for (unsigned six = 0; six < 2; six++) {
			struct frame_template *t = &m->templates[kind][six];
			const uint8_t proto = kind == FRAME_UDP ? PROTO_UDP : PROTO_TCP;

			t->l3_offset = ETHERNET_BYTES;
			memcpy(t->data, ends->mac, MAC_BYTES);
			memcpy(t->data + MAC_BYTES, source_mac, MAC_BYTES);
			if (six)
				ipv6_template(t, proto, ends->addr[1]);
			else
				ipv4_template(t, proto, ends->addr[0]);
			transport_template(t, kind);
		}
	}
}

/* Writes what tells the flow: addresses and ports. Returns the address's part of both sums. */
static uint32_t
flow_store(const struct frame_maker *m, const struct frame_template *t, enum frame_kind kind,
	   bool ipv6, uint32_t flow, uint8_t *out)
{
	uint8_t *l4 = out + t->l4_offset;
	const uint32_t low = flow & ((1u << FLOW_ADDRESS_BITS) - 1);
	const uint32_t source = (ipv6 ? 0 : be32_load(source_ipv4)) + low;

	be32_store(out + t->l3_offset + (ipv6 ? 20 : 12), source);
	be16_store(l4, (uint16_t)(source_ports[kind] + (flow >> FLOW_ADDRESS_BITS) % 16384));
	be16_store(l4 + 2, (uint16_t)(m->port_first + flow % m->ports));
	return (source >> 16) + (source & 0xffff);
}

uint16_t
frame_maker_write(const struct frame_maker *m, enum frame_kind kind, bool ipv6, uint32_t flow,
		  uint64_t number, uint64_t arrival, uint16_t bytes, uint8_t *out)
{
	const struct frame_template *t = &m->templates[kind][ipv6];
	const uint16_t total = bytes > t->bytes_min ? bytes : t->bytes_min;
	const bool marked = kind != FRAME_SYN;
	const uint16_t l3_bytes = marked ? (uint16_t)(total - t->l3_offset)
					 : (uint16_t)(t->header_bytes - t->l3_offset);
	const uint16_t l4_bytes = (uint16_t)(l3_bytes - (t->l4_offset - t->l3_offset));
	uint8_t *l3 = out + t->l3_offset, *l4 = out + t->l4_offset;
	const uint64_t mark[2] = { number, arrival };
	uint32_t flow_sum, l4_sum;

	memcpy(out, t->data, sizeof(t->data));
	if (total > sizeof(t->data))
		memset(out + sizeof(t->data), 0, total - sizeof(t->data));
	flow_sum = flow_store(m, t, kind, ipv6, flow, out);
	if (ipv6) {
		be16_store(l3 + 4, l4_bytes);
	} else {
		be16_store(l3 + 2, l3_bytes);
		be16_store(l3 + 10, checksum_fold(t->l3_sum + flow_sum + l3_bytes));
	}
	l4_sum = checksum_add(l4, 4, t->l4_sum + flow_sum + l4_bytes);
	if (marked) {
		memcpy(out + t->header_bytes, mark, sizeof(mark));
		l4_sum = checksum_add((const uint8_t *)mark, sizeof(mark), l4_sum);
	}
	if (kind == FRAME_UDP) {
		be16_store(l4 + 4, l4_bytes);
		l4_sum += l4_bytes;
	}
	const uint16_t check = checksum_fold(l4_sum);

	/* RFC 768: a sum of zero is sent as all ones. */
	if (kind == FRAME_UDP)
		be16_store(l4 + 6, check == 0 ? UINT16_MAX : check);
	else
		be16_store(l4 + 16, check);
	return total;
}
