/* SPDX-License-Identifier: BSD-3-Clause */
/* test_track.c: states, timeouts and accounting of flows. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/track/track.h"

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
			track_packet(&timeouts, &f.e, &f.d, s->reply, s->flags, 40, i);
			cr_expect(eq(int, f.e.state, s->state), "%s, step %u", tcp_cases[c].name,
				  i);
			cr_expect(eq(u32, f.d.timeout_ms, s->timeout_ms), "%s, step %u",
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
			track_packet(&timeouts, &f.e, &f.d, i == 2, 0, 100, i);
			cr_expect(eq(int, f.e.state, i < 2 ? TRACK_NEW : TRACK_ESTABLISHED));
			cr_expect(eq(u32, f.d.timeout_ms,
				     i < 2 ? cases[c].new_ms : cases[c].stream_ms),
				  "protocol %u, step %u", cases[c].proto, i);
		}
	}
}

/* Goal: packets, bytes, times and flags are accounted per direction; flags of others stay.
 * Method: packets both ways around the clock's wrap. */
Test(track, accounts)
{
	struct flow f;

	flow_start(&f, PROTO_TCP);
	f.e.flags = FLOW_ORIG_IS_1 | FLOW_OUTGOING;
	track_packet(&timeouts, &f.e, &f.d, false, S, 60, UINT32_MAX - 1);
	cr_expect(eq(int, f.e.flags, FLOW_ORIG_IS_1 | FLOW_OUTGOING));
	cr_expect(eq(u32, f.d.first_ms, UINT32_MAX - 1));
	track_packet(&timeouts, &f.e, &f.d, true, S | A, 1500, 3);
	track_packet(&timeouts, &f.e, &f.d, false, A, 40, 5);
	cr_expect(eq(int, f.e.flags, FLOW_ORIG_IS_1 | FLOW_OUTGOING | FLOW_REPLIED));
	cr_expect(eq(u32, f.d.first_ms, UINT32_MAX - 1));
	cr_expect(eq(u32, f.e.last_seen_ms, 5));
	cr_expect(eq(u64, f.d.packets[0], 2));
	cr_expect(eq(u64, f.d.packets[1], 1));
	cr_expect(eq(u64, f.d.bytes[0], 100));
	cr_expect(eq(u64, f.d.bytes[1], 1500));
	cr_expect(eq(int, f.d.tcp_flags[0], S | A));
	cr_expect(eq(int, f.d.tcp_flags[1], S | A));
}

/* Goal: a closed flow never waits longer than a closing one, however short that is configured.
 * Method: a closing time below TRACK_CLOSED_MS. */
Test(track, closed_is_shortest)
{
	struct track_timeouts quick = timeouts;
	struct flow f;

	quick.tcp_closing_ms = 2000;
	flow_start(&f, PROTO_TCP);
	track_packet(&quick, &f.e, &f.d, false, R, 40, 0);
	cr_expect(eq(u32, f.d.timeout_ms, 2000));
}

/* Goal: every state has a name. Method: look. */
Test(track, names_states)
{
	for (unsigned i = 0; i < TRACK_STATES; i++)
		cr_expect(track_state_names[i] != NULL && track_state_names[i][0] != '\0');
}
