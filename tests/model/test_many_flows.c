/* SPDX-License-Identifier: BSD-3-Clause */
/* test_many_flows.c: a table full of tracked flows, through whole lives on a made-up clock.
 * BERTH_FLOWS=10000000 makes it ten million (1.6 GB). */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/flow/half_open.h"
#include "dataplane/track/follow.h"
#include "tests/flow_keys.h"

#define IDLE_MS 20000u /* of an open flow */
#define OPEN_MS 10000u /* the flows are opened over so long */

/* What passes over the whole table in a second, as a worker does. */
#define PASS_MS 1000u

TestSuite(many_flows, .timeout = 600);

struct life {
	struct flow_table *t;
	struct track_rules rules;
	uint64_t in, out;
	uint32_t now_ms, early, late, latest_ms;
};

static struct packet
segment_of(uint8_t flags, uint32_t seq, uint32_t ack)
{
	return (struct packet){ .kind = PACKET_TRANSPORT,
				.key.proto = PROTO_TCP,
				.tcp_flags = flags,
				.tcp_seq = seq,
				.tcp_ack = ack,
				.tcp_window = 1000,
				.l3_bytes = 40,
				.payload_offset = 40 };
}

/* A TCP flow, from its SYN to the last step of its handshake. */
static void
flow_begin(struct life *l, uint32_t n)
{
	const struct packet steps[] = { segment_of(TCP_FLAG_SYN, 0, 0),
					segment_of(TCP_FLAG_SYN | TCP_FLAG_ACK, 100, 1),
					segment_of(TCP_FLAG_ACK, 1, 101) };
	struct flow_key k = flow_key_number(n);
	enum track_verdict verdict;
	uint32_t index;
	bool created;

	k.proto = PROTO_TCP;
	cr_assert(zero(int, follow_open(&l->rules, l->t, &k, flow_hash(&test_secret, &k), 0, 0,
					l->now_ms, &index, &created)));
	cr_assert(created);
	for (unsigned i = 0; i < 3; i++) {
		(void)follow_packet(&l->rules, l->t, index, &steps[i], NULL, i == 1, l->now_ms,
				    &verdict);
		cr_assert(ne(int, verdict, TRACK_INVALID));
	}
	flow_entry_show(flow_entry_at(l->t, index), 1);
	l->in++;
}

static uint32_t
expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *context)
{
	struct life *l = context;
	const uint32_t wait_ms = follow_wait_ms(&l->rules, t, index, idle_ms);

	if (wait_ms > 0)
		return wait_ms;
	l->out++;
	l->early += idle_ms < IDLE_MS;
	l->late += idle_ms > IDLE_MS + PASS_MS;
	if (idle_ms - IDLE_MS > l->latest_ms)
		l->latest_ms = idle_ms - IDLE_MS;
	return 0;
}

static void
each_open(const struct flow_entry *e, const struct flow_detail *d, void *context)
{
	struct flow_record r;
	uint64_t *n = context;

	flow_record_read(e, d, &r);
	*n += strcmp(track_state_name(PROTO_TCP, r.state), "established") == 0 &&
	      r.packets[0] == 2 && r.packets[1] == 1 && r.bytes[0] == 80;
}

/* Goal: however many flows there are, each takes at most 160 bytes with all that is kept of it,
 * ends when its time is over and within a second of that, and what came in went out or lives.
 * Method: a full table of flows opened one after the other, each with a handshake; all of them
 * read; then all end. The clock is made up, the walk takes the steps of a worker's. */
Test(many_flows, live_and_end)
{
	const char *wanted = getenv("BERTH_FLOWS");
	const uint32_t flows = wanted != NULL ? (uint32_t)strtoul(wanted, NULL, 0) : 200000;
	const uint64_t bytes = flow_table_bytes(flows) + half_open_bytes(flows / 10);
	const struct flow_table_options options = { .capacity = flows,
						    .numa_node = -1,
						    .secret = test_secret };
	struct life l = { .rules.mode = TRACK_STRICT, .now_ms = UINT32_MAX - OPEN_MS / 2 };
	const uint32_t begin_ms = l.now_ms;
	uint64_t read = 0;

	for (unsigned i = 0; i < TIMER_COUNT; i++)
		l.rules.timeouts.ms[i] = IDLE_MS;
	cr_assert(zero(int, flow_table_create(&options, &l.t)));
	while (l.now_ms - begin_ms < OPEN_MS + IDLE_MS + 2 * PASS_MS) {
		const uint32_t age_ms = ++l.now_ms - begin_ms;
		const uint64_t due = age_ms < OPEN_MS ? (uint64_t)flows * age_ms / OPEN_MS : flows;

		while (l.in < due)
			flow_begin(&l, (uint32_t)l.in);
		(void)flow_expire(l.t, l.now_ms, flow_slots(l.t) / PASS_MS + 1, expire, &l);
		if (age_ms == OPEN_MS) {
			uint32_t cursor = 0;

			cr_expect(eq(u32, flow_count(l.t), flows));
			(void)flow_each(l.t, &cursor, UINT32_MAX, each_open, &read);
			cr_expect(eq(u64, read, flows));
		}
		if (age_ms % PASS_MS == 0)
			cr_assert(eq(u64, l.in, l.out + flow_count(l.t)));
	}
	fprintf(stderr, "%u flows: %.1f bytes each, all ended within %u ms after their time\n",
		flows, (double)bytes / flows, l.latest_ms);
	cr_expect(eq(u32, flow_count(l.t), 0));
	cr_expect(eq(u64, l.out, flows));
	cr_expect(eq(u32, l.early, 0));
	cr_expect(eq(u32, l.late, 0));
	cr_expect(le(u64, bytes, 160ull * flows));
	flow_table_destroy(l.t);
}
