/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_parse.c: any bytes are parsed as frame and as IP packet; what is accepted lies inside, and
 * each answer to it is a packet that the parser accepts in turn.
 *
 * Input: one byte of enum parse_flag, two of VLAN tag, then the frame. */
#include <stdlib.h>
#include <string.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "dataplane/parse/parse.h"
#include "dataplane/policy/reject.h"
#include "dataplane/respond/respond.h"

#define INPUT_HEADER_BYTES 3
#define ANSWER_ROOM        72 /* what neighbour_answer() may write behind the Ethernet header */

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const uint8_t our_mac[6] = { 2, 0, 0, 0, 0, 0x0b };

static uint8_t *
exact_copy(const uint8_t *data, size_t bytes, size_t capacity)
{
	uint8_t *copy = malloc(capacity == 0 ? 1 : capacity);

	panic_unless(copy != NULL);
	if (bytes > 0)
		memcpy(copy, data, bytes);
	return copy;
}

static void
offsets_check(const struct packet *p, size_t bytes)
{
	panic_unless(p->l3_offset <= p->l4_offset && p->l4_offset <= p->payload_offset);
	panic_unless(p->payload_offset <= (size_t)p->l3_offset + p->l3_bytes);
	panic_unless((size_t)p->l3_offset + p->l3_bytes <= bytes);
}

/* The request's destination, now a source, may be one that the parser refuses, and a quote may end
 * inside a chain of extension headers; nothing else may be wrong with what we built. */
static void
answer_check(const uint8_t *frame, int length)
{
	struct packet p;
	uint8_t *copy;
	enum drop_reason reason;

	if (length <= 0)
		return;
	copy = exact_copy(frame, (size_t)length, (size_t)length);
	reason = parse_frame(copy, (uint32_t)length, 0, 0, &p);
	panic_unless(reason == DROP_NONE || reason == DROP_SOURCE_INVALID ||
		     reason == DROP_ICMP_TRUNCATED);
	free(copy);
}

static void
answers_make(const uint8_t *frame, uint32_t bytes, const struct packet *p)
{
	const uint32_t room = p->l3_offset + ANSWER_ROOM;
	uint8_t *copy = exact_copy(frame, bytes, bytes > room ? bytes : room);
	uint8_t *refusal = exact_copy(NULL, 0, REJECT_FRAME_BYTES);
	struct neighbour_message neighbour;
	struct arp_message arp;

	answer_check(refusal, reject_build(copy, p, refusal, REJECT_FRAME_BYTES));
	if (arp_read(copy, p, &arp) == 0 && arp.op == ARP_REQUEST)
		answer_check(copy, (int)arp_answer(copy, p, our_mac));
	else if (neighbour_read(copy, p, &neighbour) == 0 && neighbour.solicitation)
		answer_check(copy, neighbour_answer(copy, room, p, &neighbour, our_mac));
	else
		answer_check(copy, echo_answer(copy, p, our_mac));
	free(refusal);
	free(copy);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	struct packet p;
	uint8_t *copy;

	if (bytes < INPUT_HEADER_BYTES)
		return 0;
	copy = exact_copy(data + INPUT_HEADER_BYTES, bytes - INPUT_HEADER_BYTES,
			  bytes - INPUT_HEADER_BYTES);
	bytes -= INPUT_HEADER_BYTES;
	if (parse_frame(copy, (uint32_t)bytes, data[0], be16_load(data + 1), &p) == DROP_NONE) {
		offsets_check(&p, bytes);
		answers_make(copy, (uint32_t)bytes, &p);
	}
	if (parse_ip(copy, (uint32_t)bytes, PARSE_CHECKSUM_IGNORE, &p) == DROP_NONE) {
		offsets_check(&p, bytes);
		checksum_fill(copy, &p);
	}
	free(copy);
	return 0;
}
