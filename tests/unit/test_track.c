/* SPDX-License-Identifier: BSD-3-Clause */
/* test_track.c: states, timeouts and accounting of flows. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/track/track.h"
#include "tests/random.h"

#define F         0x01
#define S         0x02
#define R         0x04
#define P         0x08
#define A         0x10
#define STEPS_MAX 8

static const struct track_timeouts timeouts = {
	.tcp_opening_ms = 240000,
	.tcp_established_ms = 7440000,
	.tcp_closing_ms = 120000,
	.udp_new_ms = 30000,
	.udp_stream_ms = 300000,
	.icmp_ms = 60000,
};

struct flow {
	struct flow_entry e;
	struct flow_detail d;
};

static void
flow_start(struct flow *f, uint8_t proto)
{
	memset(f, 0, sizeof(*f));
	f->e.key.proto = proto;
}

static unsigned
state_of(const struct flow *f)
{
	return flow_word_state(flow_entry_word(&f->e));
}

static uint32_t
timeout_of(const struct flow *f, const struct track_timeouts *t)
{
	return track_timeout_ms(t, f->e.key.proto, state_of(f));
}

struct step {
	bool reply;
	uint8_t flags;
	enum track_state state;
	uint32_t timeout_ms;
};

#define NEW         TRACK_NEW, 240000
#define ESTABLISHED TRACK_ESTABLISHED, 7440000
#define CLOSING     TRACK_CLOSING, 120000
#define CLOSED      TRACK_CLOSED, TRACK_CLOSED_MS

static const struct {
	const char *name;
	struct step steps[STEPS_MAX]; /* ends at the first with timeout 0 */
} tcp_cases[] = {
	{ "handshake, data, close by both",
	  { { false, S, NEW },
	    { true, S | A, NEW },
	    { false, A, ESTABLISHED },
	    { true, A | P, ESTABLISHED },
	    { false, F | A, CLOSING },
	    { true, A, CLOSING },
	    { true, F | A, CLOSED },
	    { false, A, CLOSED } } },
	{ "handshake refused", { { false, S, NEW }, { true, R | A, CLOSED } } },
	{ "reset in the middle",
	  { { false, S, NEW },
	    { true, S | A, NEW },
	    { false, A, ESTABLISHED },
	    { true, R, CLOSED },
	    { false, A | P, CLOSED } } },
	{ "one side alone never establishes",
	  { { false, S, NEW }, { false, A, NEW }, { false, A | P, NEW }, { false, S, NEW } } },
	{ "simultaneous open",
	  { { false, S, NEW },
	    { true, S, NEW },
	    { false, S | A, NEW },
	    { true, S | A, ESTABLISHED } } },
	{ "seen first in its middle", { { false, A | P, NEW }, { true, A, ESTABLISHED } } },
	{ "seen first at its end",
	  { { false, F | A, CLOSING }, { true, A, CLOSING }, { true, F | A, CLOSED } } },
	{ "a FIN twice from one side closes half only",
	  { { false, A, NEW },
	    { true, A, ESTABLISHED },
	    { true, F | A, CLOSING },
	    { true, F | A, CLOSING } } },
	{ "a SYN reopens what is closed, with a clean slate",
	  { { false, A, NEW },
	    { true, A, ESTABLISHED },
	    { false, R, CLOSED },
	    { false, S, NEW },
	    { true, S | A, NEW },
	    { false, A, ESTABLISHED },
	    { false, F | A, CLOSING },
	    { true, A, CLOSING } } },
	{ "the other side may reopen it",
	  { { false, R, CLOSED },
	    { true, S, NEW },
	    { false, S | A, NEW },
	    { true, A, ESTABLISHED } } },
	{ "what is no plain SYN does not reopen",
	  { { false, R, CLOSED },
	    { true, S | A, CLOSED },
	    { false, S | F, CLOSED },
	    { false, S | R, CLOSED },
	    { false, A, CLOSED } } },
	{ "a SYN does not disturb what lives",
	  { { false, A, NEW },
	    { true, A, ESTABLISHED },
	    { false, S, ESTABLISHED },
	    { true, F, CLOSING },
	    { false, S, CLOSING } } },
	{ "no flags at all", { { false, 0, NEW }, { true, 0, NEW } } },
	{ "all flags at once", { { false, 0xff, CLOSED } } },
};

/* Goal: TCP states and their idle times follow the packets.
 * Method: a table of conversations; after each packet compare state and timeout. */
Test(track, follows_tcp)
{
	for (unsigned c = 0; c < array_length(tcp_cases); c++) {
		struct flow f;

		flow_start(&f, PROTO_TCP);
		for (unsigned i = 0; i < STEPS_MAX; i++) {
			const struct step *s = &tcp_cases[c].steps[i];

			if (s->timeout_ms == 0)
				break;
			track_packet(&f.e, &f.d, s->reply, s->flags, 40, i);
			cr_expect(eq(int, state_of(&f), s->state), "%s, step %u", tcp_cases[c].name,
				  i);
			cr_expect(eq(u32, timeout_of(&f, &timeouts), s->timeout_ms), "%s, step %u",
				  tcp_cases[c].name, i);
		}
	}
}

/* Goal: protocols without connections are new until answered; each has its own idle times; unknown
 * ones live as UDP does. Method: two packets out, one back, one out. */
Test(track, follows_the_others)
{
	static const struct {
		uint8_t proto;
		uint32_t new_ms, stream_ms;
	} cases[] = {
		{ PROTO_UDP, 30000, 300000 },
		{ PROTO_ICMP, 60000, 60000 },
		{ PROTO_ICMPV6, 60000, 60000 },
		{ 132, 30000, 300000 },
	};

	for (unsigned c = 0; c < array_length(cases); c++) {
		struct flow f;

		flow_start(&f, cases[c].proto);
		for (unsigned i = 0; i < 4; i++) {
			track_packet(&f.e, &f.d, i == 2, 0, 100, i);
			cr_expect(eq(int, state_of(&f), i < 2 ? TRACK_NEW : TRACK_ESTABLISHED));
			cr_expect(eq(u32, timeout_of(&f, &timeouts),
				     i < 2 ? cases[c].new_ms : cases[c].stream_ms),
				  "protocol %u, step %u", cases[c].proto, i);
		}
	}
}

/* Goal: packets, bytes and times are accounted per direction; flags of others stay.
 * Method: packets both ways around the clock's wrap. */
Test(track, accounts)
{
	struct flow f;
	struct flow_totals totals;

	flow_start(&f, PROTO_TCP);
	f.e.word = flow_word_with(0, TRACK_NEW, FLOW_ORIG_IS_1 | FLOW_OUTGOING);
	track_packet(&f.e, &f.d, false, S, 60, UINT32_MAX - 1);
	cr_expect(eq(u32, flow_entry_flags(&f.e), FLOW_ORIG_IS_1 | FLOW_OUTGOING));
	track_packet(&f.e, &f.d, true, S | A, 1500, 3);
	track_packet(&f.e, &f.d, false, A, 40, 5);
	cr_expect(eq(u32, flow_entry_flags(&f.e) & ((1u << 4) - 1u),
		     FLOW_ORIG_IS_1 | FLOW_OUTGOING | FLOW_REPLIED));
	cr_expect(eq(u32, f.e.last_seen_ms, 5));
	flow_totals_read(&f.e, &f.d, &totals);
	cr_expect(eq(u64, totals.packets[0], 2));
	cr_expect(eq(u64, totals.packets[1], 1));
	cr_expect(eq(u64, totals.bytes[0], 100));
	cr_expect(eq(u64, totals.bytes[1], 1500));
}

/* Goal: totals are exact however the counts in the entry's word wrap, state and flags stay clear of
 * them, and the second line is touched once in dozens of packets only. Method: random packets of
 * all sizes, both directions, against plain sums; then small ones alone. */
Test(track, totals_are_exact)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };
	uint64_t packets[2] = { 0 }, bytes[2] = { 0 };
	unsigned touched = 0;
	struct flow f;

	flow_start(&f, PROTO_UDP);
	f.e.word = flow_word_with(0, TRACK_NEW, FLOW_LOCAL);
	for (unsigned i = 0; i < 400000; i++) {
		const bool reply = i % 1000 != 0 && random_one_in(&r, 3);
		const uint32_t size = i >= 200000             ? 28
				      : random_one_in(&r, 20) ? UINT16_MAX - random_below(&r, 3)
							      : random_below(&r, 1501);
		struct flow_totals totals;

		touched += (track_packet(&f.e, &f.d, reply, 0, size, 0) & TRACK_REFRESH) != 0 &&
			   i >= 200000;
		packets[reply]++;
		bytes[reply] += size;
		flow_totals_read(&f.e, &f.d, &totals);
		for (unsigned d = 0; d < 2; d++) {
			cr_assert(eq(u64, totals.packets[d], packets[d]), "seed %lu", seed);
			cr_assert(eq(u64, totals.bytes[d], bytes[d]), "seed %lu", seed);
		}
	}
	cr_expect(eq(u32, flow_entry_flags(&f.e), FLOW_LOCAL | FLOW_REPLIED));
	cr_expect(eq(u32, state_of(&f), TRACK_ESTABLISHED));
	cr_expect(lt(u32, touched, 200000 / 30));
}

/* Goal: the caller hears of a new state, and of a good time to learn the way back: the first packet
 * of each direction, and after a pause. Method: a table of packets. */
Test(track, tells_events)
{
	static const struct {
		bool reply;
		uint32_t now_ms;
		unsigned events;
	} steps[] = {
		{ false, 100, TRACK_REFRESH },
		{ false, 100, 0 },
		{ true, 101, TRACK_REFRESH | TRACK_STATE },
		{ true, 101, 0 },
		{ false, 1100, 0 },
		{ false, 2100, TRACK_REFRESH },
		{ true, 2101, 0 },
	};
	struct flow f;

	flow_start(&f, PROTO_UDP);
	f.e.last_seen_ms = 100;
	for (unsigned i = 0; i < array_length(steps); i++)
		cr_expect(eq(u32, track_packet(&f.e, &f.d, steps[i].reply, 0, 100, steps[i].now_ms),
			     steps[i].events),
			  "step %u", i);
}

/* Goal: a closed flow never waits longer than a closing one, however short that is configured.
 * Method: a closing time below TRACK_CLOSED_MS. */
Test(track, closed_is_shortest)
{
	struct track_timeouts quick = timeouts;
	struct flow f;

	quick.tcp_closing_ms = 2000;
	flow_start(&f, PROTO_TCP);
	track_packet(&f.e, &f.d, false, R, 40, 0);
	cr_expect(eq(u32, timeout_of(&f, &quick), 2000));
}

/* Goal: every state has a name. Method: look. */
Test(track, names_states)
{
	for (unsigned i = 0; i < TRACK_STATES; i++)
		cr_expect(track_state_names[i] != NULL && track_state_names[i][0] != '\0');
}
