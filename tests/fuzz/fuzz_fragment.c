/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_fragment.c: any sequence of fragments through the stage, and any packets through libberth's
 * reassembler: limits hold, each packet ends once, what comes out lies inside and can be read.
 *
 * Input: one byte: 0 the stage, else the reassembler. Then for the stage 8 bytes per fragment:
 * source, id, offset / 8 (2), bytes (2), flags, milliseconds that pass; for the reassembler per
 * packet: length (2), flags (2), l4_offset (2), milliseconds, then the packet.
 * Both keep their memory from input to input and are made empty after each. */
#include "client/reassemble.h"
#include "common/base/address.h"
#include "common/base/bytes.h"
#include "common/base/check.h"
#include "dataplane/fragment/fragment.h"
#include "tests/fuzz/exact.h"

#define STEP_BYTES   8
#define HEAD_BYTES   7
#define PACKETS_MAX  4096
#define BURST        4
#define TIMEOUT_MS   500
#define FLAG_MORE    1u
#define FLAG_IPV6    2u
#define FLAG_TCP     4u
#define FLAG_EXPIRE  8u
#define DATAGRAM_MAX 65575u

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static const struct fragment_options limits = { TIMEOUT_MS, 8, 6, 3 };

/* How often each packet ended. */
struct ends {
	uint8_t of[PACKETS_MAX + 1]; /* packets are numbered from 1 */
};

static void
stage_end(void *context, void *packet, const struct fragment_tuple *first, enum drop_reason reason)
{
	struct ends *e = context;

	panic_unless((first != NULL) == (reason == DROP_NONE));
	panic_unless(e->of[(uintptr_t)packet]++ == 0);
}

static struct fragment
stage_fragment(const uint8_t *at, uintptr_t packet)
{
	struct fragment f = { .id = at[1],
			      .offset = (uint16_t)(be16_load(at + 2) * 8),
			      .bytes = be16_load(at + 4),
			      .header_bytes = 20,
			      .more = at[6] & FLAG_MORE,
			      .packet = (void *)packet };

	f.key.family = at[6] & FLAG_IPV6 ? FAMILY_IPV6 : FAMILY_IPV4;
	f.key.proto = at[6] & FLAG_TCP ? 6 : 17;
	f.key.addr[0][0] = at[0];
	return f;
}

static void
stage_run(const uint8_t *data, size_t bytes)
{
	const struct flow_secret secret = { { 1, 2 } };
	static struct fragment_table *t;
	static struct ends ends;
	uint32_t now_ms = UINT32_MAX - 2000, put = 0;

	if (t == NULL)
		panic_unless(fragment_table_create(&limits, &secret, &t) == 0);
	for (; bytes >= STEP_BYTES && put < PACKETS_MAX; data += STEP_BYTES, bytes -= STEP_BYTES) {
		const struct fragment f = stage_fragment(data, put + 1);

		now_ms += data[7];
		if (data[6] & FLAG_EXPIRE) {
			fragment_expire(t, now_ms, data[0], stage_end, &ends);
			continue;
		}
		fragment_put(t, &f, now_ms, stage_end, &ends);
		put++;
		panic_unless(fragment_held(t) <= limits.held_packets);
		panic_unless(fragment_datagrams(t) <= limits.datagrams);
	}
	fragment_drain(t, DROP_SHUTDOWN, stage_end, &ends);
	panic_unless(fragment_held(t) == 0 && fragment_datagrams(t) == 0);
	for (uint32_t i = 1; i <= put; i++)
		panic_unless(ends.of[i] == 1);
	memset(&ends, 0, put + 1);
}

/* Reads every byte that the packet claims. */
static void
packet_check(const struct berth_packet *p)
{
	const uint8_t *ip = p->data;
	volatile uint8_t sum = 0;

	panic_unless(p->bytes <= DATAGRAM_MAX && p->payload_offset <= p->bytes);
	panic_unless(p->l4_offset <= p->payload_offset);
	for (uint32_t i = 0; i < p->bytes; i++)
		sum = (uint8_t)(sum + ip[i]);
}

/* Fills one packet from the input, in `memory` of exactly its size; returns the bytes used, 0 at
 * the end. */
static size_t
packet_read(const uint8_t *data, size_t bytes, struct exact *memory, struct berth_packet *p,
	    uint32_t *now_ms)
{
	uint32_t length;
	uint8_t *copy;

	if (bytes < HEAD_BYTES + 1)
		return 0;
	length = be16_load(data) % 2048 + 1;
	if (length > bytes - HEAD_BYTES)
		length = (uint32_t)(bytes - HEAD_BYTES);
	copy = exact_copy(memory, data + HEAD_BYTES, length, length);
	*now_ms += data[6];
	*p = (struct berth_packet){ .data = copy,
				    .bytes = length,
				    .proto = length > 9 ? copy[9] : 0,
				    .flags = be16_load(data + 2) | BERTH_PACKET_FRAGMENT,
				    .l4_offset = be16_load(data + 4) };
	p->payload_offset = p->l4_offset;
	/* Of IPv6 what the fragment header right before the transport header says. */
	if (p->flags & BERTH_PACKET_IPV6 && p->l4_offset < length && p->l4_offset >= 8)
		p->proto = copy[p->l4_offset - 8];
	return HEAD_BYTES + length;
}

/* Reads up to a burst of packets from the input, passes them, and checks what comes out. Returns
 * how many were read. */
static uint16_t
burst_run(struct berth_reassembler *r, const uint8_t **data, size_t *bytes, uint32_t *now_ms,
	  uint64_t *completed)
{
	static struct exact memory[BURST];
	struct berth_packet packets[BURST];
	uint16_t n, whole;

	for (n = 0; n < BURST; n++) {
		const size_t used = packet_read(*data, *bytes, &memory[n], &packets[n], now_ms);

		if (used == 0)
			break;
		*data += used;
		*bytes -= used;
	}
	whole = reassemble_burst(r, packets, n, *now_ms);
	panic_unless(whole <= n);
	for (uint16_t i = 0; i < n; i++)
		exact_release(&memory[i]);
	/* Datagrams do not point into the packets they were made of. */
	for (uint16_t i = 0; i < whole; i++)
		packet_check(&packets[i]);
	*completed += whole;
	return n;
}

static void
reassembler_run(const uint8_t *data, size_t bytes)
{
	const struct berth_reassembler_options o = { .datagrams = 4,
						     .per_source = 3,
						     .timeout_ms = TIMEOUT_MS };
	static struct berth_reassembler *r;
	static uint64_t completed;
	struct berth_reassembler_counts counts;
	uint32_t now_ms = 0;

	if (r == NULL)
		panic_unless(berth_reassembler_open(&o, &r) == 0);
	while (burst_run(r, &data, &bytes, &now_ms, &completed) == BURST)
		;
	berth_reassembler_count(r, &counts);
	panic_unless(counts.completed == completed);
	/* Whatever is open is too old now. */
	reassemble_burst(r, NULL, 0, now_ms + TIMEOUT_MS);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
	if (bytes == 0 || bytes > EXACT_BYTES_MAX)
		return 0;
	if (data[0] == 0)
		stage_run(data + 1, bytes - 1);
	else
		reassembler_run(data + 1, bytes - 1);
	return 0;
}
