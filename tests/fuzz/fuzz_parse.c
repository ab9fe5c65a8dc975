/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_parse.c: any bytes are parsed as frame and as IP packet; what is accepted lies inside, the
 * fast path says what the walk says, and each answer is a packet that the parser accepts in turn.
 *
 * Input: two bytes of enum parse_flag, two of VLAN tag, then the frame. */
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "dataplane/parse/parse.h"
#include "dataplane/parse/walk.h"
#include "dataplane/policy/reject.h"
#include "dataplane/respond/respond.h"
#include "tests/fuzz/exact.h"

#define INPUT_HEADER_BYTES 4
#define ANSWER_ROOM        72 /* what neighbour_answer() may write behind the Ethernet header */
#define INPUT_BYTES_MAX    (EXACT_BYTES_MAX - ANSWER_ROOM)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 0x0b };

/* What the second line says lies inside too. */
static void
facts_check(const struct packet *p)
{
	const size_t end = (size_t)p->l3_offset + p->l3_bytes;

	if (p->facts & PACKET_FRAGMENT)
		panic_unless(p->more.fragment.offset % 8 == 0 &&
			     p->more.fragment.bytes <= p->l3_bytes &&
			     (p->kind == PACKET_LATER_FRAGMENT) == (p->more.fragment.offset != 0));
	if (p->facts & PACKET_TUNNEL)
		panic_unless(p->more.tunnel.type > TUNNEL_NONE &&
			     p->more.tunnel.type < TUNNEL_TYPES &&
			     p->more.tunnel.outer_l3_offset < p->l3_offset);
	if (p->facts & PACKET_QUOTE)
		panic_unless(p->more.quote_offset + 28u <= end);
	if ((p->facts & PACKET_TCP_OPTIONS) && (p->more.tcp.known & TCP_HAS_SACK))
		panic_unless(p->more.tcp.sack_offset + 8u * p->more.tcp.sack_blocks <=
			     p->payload_offset);
	if (p->facts & PACKET_MPLS)
		panic_unless(p->more.mpls_labels >= 1 && p->more.mpls_labels <= MPLS_LABELS_MAX);
}

/* Both ways in say the same; of the second line this compares what the fast path may write. */
static void
walk_check(const struct parse_view *v, enum drop_reason reason, const struct packet *p)
{
	struct packet walked;

	panic_unless(walk_frame(v->frame, v->bytes, v->flags, v->vlan_tci, &walked) == reason);
	panic_unless(memcmp(&walked, p, offsetof(struct packet, more)) == 0);
	if (p->facts & PACKET_TCP_OPTIONS)
		panic_unless(memcmp(&walked.more.tcp, &p->more.tcp, sizeof(p->more.tcp)) == 0);
	if (p->facts & PACKET_TAGGED_TWICE)
		panic_unless(walked.more.vlan_inner == p->more.vlan_inner);
}

static void
offsets_check(const struct packet *p, size_t bytes)
{
	facts_check(p);
	panic_unless(p->l3_offset <= p->l4_offset && p->l4_offset <= p->payload_offset);
	panic_unless(p->payload_offset <= (size_t)p->l3_offset + p->l3_bytes);
	panic_unless((size_t)p->l3_offset + p->l3_bytes <= bytes);
}

/* The request's destination, now a source, may be one that the parser refuses, and a quote may end
 * inside a chain of extension headers; nothing else may be wrong with what we built. */
static void
answer_check(const uint8_t *frame, int length)
{
	static struct exact room;
	struct packet p;
	uint8_t *copy;
	enum drop_reason reason;

	if (length <= 0)
		return;
	copy = exact_copy(&room, frame, (size_t)length, (size_t)length);
	reason = parse_frame(copy, (uint32_t)length, 0, 0, &p);
	panic_unless(reason == DROP_NONE || reason == DROP_SOURCE_INVALID ||
		     reason == DROP_ICMP_TRUNCATED);
}

static void
answers_make(const uint8_t *frame, uint32_t bytes, const struct packet *p)
{
	static struct exact copies, refusals;
	const uint32_t room = p->l3_offset + ANSWER_ROOM;
	uint8_t *copy = exact_copy(&copies, frame, bytes, bytes > room ? bytes : room);
	uint8_t *refusal = exact_copy(&refusals, NULL, 0, REJECT_FRAME_BYTES);
	struct neighbour_message neighbour;
	struct arp_message arp;

	answer_check(refusal, reject_build(copy, p, refusal, REJECT_FRAME_BYTES));
	if (arp_read(copy, p, &arp) == 0 && arp.op == ARP_REQUEST)
		answer_check(copy, (int)arp_answer(copy, p, our_mac));
	else if (neighbour_read(copy, p, &neighbour) == 0 && neighbour.solicitation)
		answer_check(copy, neighbour_answer(copy, room, p, &neighbour, our_mac));
	else
		answer_check(copy, echo_answer(copy, p, our_mac));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	static struct exact frames;
	struct parse_view view;
	enum drop_reason reason;
	struct packet p;
	uint8_t *copy, burst_reason;

	if (bytes < INPUT_HEADER_BYTES || bytes > INPUT_BYTES_MAX)
		return 0;
	bytes -= INPUT_HEADER_BYTES;
	copy = exact_copy(&frames, data + INPUT_HEADER_BYTES, bytes, bytes);
	view = (struct parse_view){ .frame = copy,
				    .bytes = (uint32_t)bytes,
				    .flags = be16_load(data),
				    .vlan_tci = be16_load(data + 2) };
	parse_burst(&view, 1, &p, &burst_reason);
	reason = burst_reason;
	walk_check(&view, reason, &p);
	if (reason == DROP_NONE) {
		offsets_check(&p, bytes);
		/* The worker answers neither what is enclosed nor parts of datagrams. */
		if ((p.facts & (PACKET_ENCLOSED | PACKET_FRAGMENT)) == 0)
			answers_make(copy, (uint32_t)bytes, &p);
	}
	if (parse_ip(copy, (uint32_t)bytes, PARSE_CHECKSUM_IGNORE, &p) == DROP_NONE) {
		offsets_check(&p, bytes);
		checksum_fill(copy, &p);
	}
	return 0;
}
