/* SPDX-License-Identifier: BSD-3-Clause */
/* test_track.c: states, verdicts and idle times of all trackers, packet by packet. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/base/check.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/flow/flow_record.h"
#include "dataplane/track/tcp_priv.h"
#include "dataplane/track/track.h"
#include "tests/random.h"

#define F          TCP_FLAG_FIN
#define S          TCP_FLAG_SYN
#define R          TCP_FLAG_RST
#define A          TCP_FLAG_ACK
#define STEPS_MAX  12
#define HEAD_BYTES 40

#define NEW        TRACK_NEW
#define EST        TRACK_ESTABLISHED
#define INV        TRACK_INVALID

struct flow {
	struct track_flow f;
	struct track_line line;
};

static void
flow_start(struct flow *f, enum track_mode mode)
{
	memset(f, 0, sizeof(*f));
	f->f.line = &f->line;
	f->f.mode = (uint8_t)mode;
}

static struct packet
tcp_packet(uint8_t flags, uint32_t seq, uint32_t ack, uint16_t window, uint16_t data)
{
	return (struct packet){ .kind = PACKET_TRANSPORT,
				.key.proto = PROTO_TCP,
				.tcp_flags = flags,
				.tcp_seq = seq,
				.tcp_ack = ack,
				.tcp_window = window,
				.l3_bytes = (uint16_t)(HEAD_BYTES + data),
				.payload_offset = HEAD_BYTES };
}

static const char *
state_of(const struct flow *f, uint8_t proto)
{
	return track_state_name(proto, f->f.state);
}

/* One segment; seq and ack count from the initial numbers of the sender and of the other side. */
struct step {
	unsigned from;
	uint8_t flags;
	uint32_t seq, ack;
	uint16_t data;
	enum track_verdict verdict;
	const char *state;
};

#define OPEN                                                                            \
	{ 0, S, 0, 0, 0, NEW, "syn_sent" }, { 1, S | A, 0, 1, 0, EST, "syn_received" }, \
	{                                                                               \
		0, A, 1, 1, 0, EST, "established"                                       \
	}
#define WINDOW 1000

static const struct {
	const char *name;
	struct step steps[STEPS_MAX]; /* ends at the first without a state */
} cases[] = {
	{ "close, one after the other",
	  { OPEN,
	    { 0, A, 1, 1, 100, EST, "established" },
	    { 0, F | A, 101, 1, 0, EST, "fin_wait" },
	    { 1, A, 1, 50, 0, EST, "fin_wait" },
	    { 1, A, 1, 102, 0, EST, "close_wait" },
	    { 1, A, 1, 102, 10, EST, "close_wait" },
	    { 1, F | A, 11, 102, 0, EST, "last_ack" },
	    { 0, A, 102, 12, 0, EST, "time_wait" },
	    { 0, S, 5000, 0, 0, NEW, "syn_sent" } } },
	{ "close by both at once",
	  { OPEN,
	    { 0, F | A, 1, 1, 0, EST, "fin_wait" },
	    { 1, F | A, 1, 1, 0, EST, "last_ack" },
	    { 0, A, 2, 2, 0, EST, "last_ack" },
	    { 1, A, 2, 2, 0, EST, "time_wait" } } },
	{ "a FIN twice is one",
	  { OPEN,
	    { 0, F | A, 1, 1, 0, EST, "fin_wait" },
	    { 0, F | A, 1, 1, 0, EST, "fin_wait" } } },
	{ "simultaneous open",
	  { { 0, S, 0, 0, 0, NEW, "syn_sent" },
	    { 1, S, 0, 0, 0, EST, "simultaneous" },
	    { 0, S | A, 0, 1, 0, EST, "syn_received" },
	    { 1, S | A, 0, 1, 0, EST, "established" } } },
	{ "a SYN in an open flow changes nothing, from either side",
	  { OPEN,
	    { 0, S, 77777, 0, 0, EST, "established" },
	    { 1, S, 88888, 0, 0, EST, "established" },
	    { 1, S | A, 0, 1, 0, EST, "established" },
	    { 0, A, 1, 1, 10, EST, "established" } } },
	{ "a SYN that is answered after all: both have begun anew",
	  { OPEN,
	    { 0, S, 77777, 0, 0, EST, "established" },
	    { 1, S | A, 0, 77778, 0, EST, "syn_received" },
	    { 0, A, 77778, 1, 0, EST, "established" } } },
	{ "resets: exact ones close, others are challenged or refused",
	  { OPEN,
	    { 0, A, 1, 1, 100, EST, "established" },
	    { 1, A, 1, 101, 0, EST, "established" },
	    { 0, R, 100, 0, 0, INV, "established" },
	    { 0, R, 102, 0, 0, EST, "established" },
	    { 0, R, 1102, 0, 0, INV, "established" },
	    { 1, R, 2, 0, 0, EST, "established" },
	    { 0, R, 101, 0, 0, EST, "closed" },
	    { 0, S, 9000, 0, 0, NEW, "syn_sent" } } },
	{ "a SYN refused leaves nothing",
	  { { 0, S, 0, 0, 0, NEW, "syn_sent" },
	    { 1, R, 0, 0, 0, INV, "syn_sent" },
	    { 1, R | A, 0, 7, 0, INV, "syn_sent" },
	    { 1, R | A, 0, 1, 0, EST, "none" },
	    { 0, A, 1, 1, 0, INV, "none" } } },
	{ "the four bounds: over both upper ones refused, under both lower ones let pass",
	  { OPEN,
	    { 0, A, 1001, 1, 0, EST, "established" },
	    { 0, A, 1002, 1, 10, INV, "established" },
	    { 0, A, 1, 2, 10, INV, "established" },
	    { 0, A, UINT32_MAX - 5000, 1, 10, EST, "established" },
	    { 0, A, 1, UINT32_MAX - 100000, 0, EST, "established" } } },
	{ "out of order and again: as sent",
	  { OPEN,
	    { 0, A, 101, 1, 100, EST, "established" },
	    { 0, A, 1, 1, 100, EST, "established" },
	    { 0, A, 101, 1, 100, EST, "established" } } },
	{ "answers that do not fit a SYN",
	  { { 0, S, 0, 0, 0, NEW, "syn_sent" },
	    { 1, S | A, 0, 2, 0, INV, "syn_sent" },
	    { 1, S | A, 0, 0, 0, INV, "syn_sent" },
	    { 0, A, 1, 1, 0, INV, "syn_sent" },
	    { 1, S | A, 0, 1, 0, EST, "syn_received" },
	    { 0, A, 1, 2, 0, INV, "syn_received" },
	    { 0, A, 1, 0, 0, INV, "syn_received" } } },
	{ "another number for a SYN that was not answered",
	  { { 0, S, 0, 0, 0, NEW, "syn_sent" },
	    { 0, S, UINT32_MAX - 99, 0, 0, NEW, "syn_sent" },
	    { 1, S | A, 0, UINT32_MAX - 98, 0, EST, "syn_received" } } },
	{ "nothing but a SYN begins a flow",
	  { { 0, A, 1, 1, 0, INV, "none" },
	    { 0, S | A, 1, 1, 0, INV, "none" },
	    { 0, F | A, 1, 1, 0, INV, "none" },
	    { 0, R, 1, 1, 0, INV, "none" } } },
};

/* Goal: TCP states and verdicts follow the packets, wherever the sequence numbers wrap.
 * Method: a table of conversations, each run with initial numbers next to every kind of wrap. */
Test(track, follows_tcp)
{
	static const uint32_t starts[] = { 1000, UINT32_MAX - 50, 0, 1u << 31, UINT32_MAX };

	for (unsigned c = 0; c < array_length(cases); c++) {
		for (unsigned n = 0; n < 25; n++) {
			const uint32_t iss[2] = { starts[n / 5], starts[n % 5] };
			struct flow f;

			flow_start(&f, TRACK_STRICT);
			for (unsigned i = 0; i < STEPS_MAX && cases[c].steps[i].state; i++) {
				const struct step *s = &cases[c].steps[i];
				const struct packet p =
					tcp_packet(s->flags, iss[s->from] + s->seq,
						   (s->flags & A) != 0 ? iss[!s->from] + s->ack : 0,
						   WINDOW, s->data);

				cr_expect(eq(int, track_judge(&f.f, &p, NULL, s->from, 0),
					     s->verdict),
					  "%s, step %u, start %u", cases[c].name, i, n);
				cr_expect(
					eq(str, (char *)state_of(&f, PROTO_TCP), (char *)s->state),
					"%s, step %u, start %u", cases[c].name, i, n);
			}
		}
	}
}

/* An open flow: both initial numbers 1000 and a million, 100 bytes in flight from side 0. */
static void
flow_open(struct flow *f)
{
	const struct packet open[] = { tcp_packet(S, 999, 0, 50000, 0),
				       tcp_packet(S | A, 999999, 1000, 50000, 0),
				       tcp_packet(A, 1000, 1000000, 50000, 100) };

	flow_start(f, TRACK_STRICT);
	for (unsigned i = 0; i < array_length(open); i++)
		cr_assert(ne(int, track_judge(&f->f, &open[i], NULL, i == 1, 0), TRACK_INVALID));
	cr_assert(eq(str, (char *)state_of(f, PROTO_TCP), "established"));
}

/* Goal: who sees neither side's numbers closes nothing (RFC 5961, RFC 5927).
 * Method: 2^20 resets, SYNs, FINs, data and ICMP errors with random numbers other than the exact
 * ones, from both sides; the flow stays open, and goes on with its own next segment. */
Test(track, blind_attempts_close_nothing)
{
	static const uint8_t flags[] = { R, R | A, S, S | A, F | A, A };
	const uint64_t seed = random_seed();
	struct random r = { seed };
	struct flow f;

	flow_open(&f);
	for (unsigned i = 0; i < 1u << 20; i++) {
		const unsigned from = random_one_in(&r, 2);
		struct packet p = tcp_packet(flags[random_below(&r, array_length(flags))],
					     (uint32_t)random_u64(&r), (uint32_t)random_u64(&r),
					     (uint16_t)random_u64(&r), 10);

		/* Half of them aim at the window. */
		if (random_one_in(&r, 2))
			p.tcp_seq = (from ? 1000000 : 1100) + random_below(&r, 50000);
		/* The exact numbers are what the attacker does not know. */
		if (p.tcp_seq == 1000 || p.tcp_seq == 1100 || p.tcp_seq == 1000000)
			p.tcp_seq++;
		if ((p.tcp_flags & (S | R)) == 0 && p.tcp_seq - (from ? 1000000 : 1000) <= 50000)
			p.tcp_ack = (from ? 1100 : 1000000) + 1 + random_below(&r, 1u << 30);
		if (random_one_in(&r, 8))
			p.kind = PACKET_ICMP_ERROR;
		(void)track_judge(&f.f, &p, NULL, from, 0);
		cr_assert(eq(str, (char *)state_of(&f, PROTO_TCP), "established"), "seed %lu, %u",
			  seed, i);
	}
	const struct packet next = tcp_packet(A, 1000000, 1100, 50000, 10);

	cr_expect(eq(int, track_judge(&f.f, &next, NULL, 1, 0), TRACK_ESTABLISHED));
	cr_expect(eq(str, (char *)state_of(&f, PROTO_TCP), "established"));
}

/* Goal: an ICMP error is related when it quotes what is in flight, and changes nothing.
 * Method: all numbers around both ends of what is in flight, both directions. */
Test(track, errors_quote_what_is_in_flight)
{
	struct flow f, before;

	flow_open(&f);
	before = f;
	for (uint32_t seq = 900; seq < 1200; seq++) {
		struct packet p = tcp_packet(0, seq, 0, 0, 0);

		p.kind = PACKET_ICMP_ERROR;
		cr_expect(eq(int, track_judge(&f.f, &p, NULL, 1, 0),
			     seq >= 1000 && seq <= 1100 ? TRACK_RELATED : TRACK_INVALID),
			  "%u", seq);
		cr_expect(eq(int, track_judge(&f.f, &p, NULL, 0, 0), TRACK_INVALID));
	}
	cr_expect(eq(int, memcmp(&f.line, &before.line, sizeof(f.line)), 0));
}

/* Goal: windows are scaled when both SYNs offer it, and only then (RFC 7323 2.2).
 * Method: data at the edge of the scaled window, and of the plain one. */
Test(track, scales_windows)
{
	for (unsigned scaled = 0; scaled < 4; scaled++) {
		struct packet open[] = { tcp_packet(S, 0, 0, 1000, 0),
					 tcp_packet(S | A, 0, 1, 1000, 0),
					 tcp_packet(A, 1, 1, 1000, 0),
					 tcp_packet(A, 1, 1, 1000, 0) };
		const uint32_t edge = 1 + (scaled == 3 ? 1000 << 7 : 1000);
		struct packet data;
		struct flow f;

		flow_start(&f, TRACK_STRICT);
		for (unsigned i = 0; i < array_length(open); i++) {
			if (i < 2 && (scaled >> i & 1) != 0) {
				open[i].facts = PACKET_TCP_OPTIONS;
				open[i].more.tcp.known = TCP_HAS_SCALE;
				open[i].more.tcp.scale = 7;
			}
			(void)track_judge(&f.f, &open[i], NULL, i % 2, 0);
		}
		data = tcp_packet(A, edge + 1, 1, 1000, 1);
		cr_expect(eq(int, track_judge(&f.f, &data, NULL, 0, 0), TRACK_INVALID));
		data = tcp_packet(A, edge, 1, 1000, 1);
		cr_expect(eq(int, track_judge(&f.f, &data, NULL, 0, 0), TRACK_ESTABLISHED));
	}
}

/* Goal: loose picks a flow up by an ACK and follows it to its end; strict does not; off keeps no
 * state. Method: the same packets in each mode. */
Test(track, modes)
{
	const struct packet p[] = { tcp_packet(A, 5000, 7000, 100, 10),
				    tcp_packet(A, 7000, 5010, 100, 10),
				    tcp_packet(R, 5010, 0, 0, 0) };
	static const struct {
		enum track_verdict verdict[3];
		const char *state[3];
	} want[] = {
		[TRACK_LOOSE] = { { NEW, EST, EST }, { "established", "established", "closed" } },
		[TRACK_STRICT] = { { INV, INV, INV }, { "none", "none", "none" } },
		[TRACK_OFF] = { { TRACK_UNTRACKED, TRACK_UNTRACKED, TRACK_UNTRACKED },
				{ "untracked", "untracked", "untracked" } },
	};

	for (unsigned mode = 0; mode < array_length(want); mode++) {
		struct flow f;

		flow_start(&f, mode);
		for (unsigned i = 0; i < array_length(p); i++) {
			cr_expect(eq(int, track_judge(&f.f, &p[i], NULL, i % 2, 0),
				     want[mode].verdict[i]),
				  "mode %u, step %u", mode, i);
			cr_expect(eq(str, (char *)state_of(&f, PROTO_TCP),
				     (char *)want[mode].state[i]),
				  "mode %u, step %u", mode, i);
		}
	}
}

/* Goal: UDP is new until answered and a stream after two seconds. Method: packets in time. */
Test(track, follows_udp)
{
	static const struct {
		unsigned from;
		uint32_t now_ms;
		enum track_verdict verdict;
		const char *state;
	} steps[] = {
		{ 1, 100, NEW, "unreplied" }, { 1, 101, NEW, "unreplied" },
		{ 0, 2100, EST, "replied" },  { 1, 2101, EST, "stream" },
		{ 0, 2102, EST, "stream" },
	};
	const struct packet p = { .kind = PACKET_TRANSPORT, .key.proto = PROTO_UDP };
	struct flow f;

	flow_start(&f, TRACK_STRICT);
	for (unsigned i = 0; i < array_length(steps); i++) {
		cr_expect(eq(int, track_judge(&f.f, &p, NULL, steps[i].from, steps[i].now_ms),
			     steps[i].verdict));
		cr_expect(eq(str, (char *)state_of(&f, PROTO_UDP), (char *)steps[i].state),
			  "step %u", i);
	}
}

/* Goal: an answer belongs to a request of its kind, whoever asked. Method: a table. */
Test(track, follows_queries)
{
	static const struct {
		unsigned from;
		uint8_t type;
		enum track_verdict verdict;
	} steps[] = {
		{ 0, 0, INV }, { 0, 8, NEW },  { 0, 8, NEW },  { 1, 14, INV }, { 1, 0, EST },
		{ 0, 0, INV }, { 1, 13, EST }, { 0, 14, EST }, { 0, 5, INV },
	};
	struct packet p = { .kind = PACKET_ICMP_QUERY, .key.proto = PROTO_ICMP };
	struct flow f;

	flow_start(&f, TRACK_STRICT);
	for (unsigned i = 0; i < array_length(steps); i++) {
		p.icmp_type = steps[i].type;
		cr_expect(eq(int, track_judge(&f.f, &p, NULL, steps[i].from, 0), steps[i].verdict),
			  "step %u", i);
	}
}

/* Goal: SCTP follows tags and chunks of RFC 9260; out of the blue makes nothing.
 * Method: tables of packets: tag 1 leads to side 0, tag 2 to side 1. */
Test(track, follows_sctp)
{
	static const struct {
		const char *name;
		struct {
			unsigned from;
			uint8_t chunk;
			uint32_t tag, init_tag;
			enum track_verdict verdict;
			const char *state;
		} steps[STEPS_MAX];
	} tables[] = {
		{ "a whole life",
		  { { 0, 1, 0, 1, NEW, "cookie_wait" },
		    { 1, 2, 9, 2, INV, "cookie_wait" },
		    { 1, 2, 1, 2, EST, "cookie_wait" },
		    { 0, 10, 2, 0, EST, "cookie_echoed" },
		    { 1, 11, 1, 0, EST, "established" },
		    { 0, 0, 2, 0, EST, "established" },
		    { 0, 0, 1, 0, INV, "established" },
		    { 0, 7, 2, 0, EST, "shutdown" },
		    { 1, 8, 1, 0, EST, "shutdown_ack" },
		    { 0, 14, 2, 0, EST, "closed" },
		    { 0, 1, 0, 5, NEW, "cookie_wait" } } },
		{ "out of the blue",
		  { { 0, 0, 7, 0, INV, "none" },
		    { 0, 6, 7, 0, INV, "none" },
		    { 0, 8, 7, 0, INV, "none" },
		    { 0, 10, 7, 0, INV, "none" } } },
		{ "another path begins by a heartbeat",
		  { { 0, 4, 2, 0, NEW, "heartbeat_sent" },
		    { 1, 5, 1, 0, EST, "established" },
		    { 1, 0, 1, 0, EST, "established" },
		    { 0, 0, 3, 0, INV, "established" } } },
		{ "aborts need a tag; a forged INIT changes nothing",
		  { { 0, 1, 0, 1, NEW, "cookie_wait" },
		    { 1, 2, 1, 2, EST, "cookie_wait" },
		    { 0, 10, 2, 0, EST, "cookie_echoed" },
		    { 1, 11, 1, 0, EST, "established" },
		    { 0, 1, 0, 77, EST, "established" },
		    { 0, 0, 2, 0, EST, "established" },
		    { 1, 0, 1, 0, EST, "established" },
		    { 1, 6, 3, 0, INV, "established" },
		    { 1, 6, 1, 0, EST, "closed" } } },
	};

	for (unsigned c = 0; c < array_length(tables); c++) {
		struct flow f;

		flow_start(&f, TRACK_LOOSE);
		for (unsigned i = 0; i < STEPS_MAX && tables[c].steps[i].state != NULL; i++) {
			const struct packet p = {
				.kind = PACKET_TRANSPORT,
				.key.proto = PROTO_SCTP,
				.sctp_chunks = (uint16_t)(1u << tables[c].steps[i].chunk),
				.sctp_tag = tables[c].steps[i].tag,
				.sctp_init_tag = tables[c].steps[i].init_tag
			};

			cr_expect(eq(int, track_judge(&f.f, &p, NULL, tables[c].steps[i].from, 0),
				     tables[c].steps[i].verdict),
				  "%s, step %u", tables[c].name, i);
			cr_expect(eq(str, (char *)state_of(&f, PROTO_SCTP),
				     (char *)tables[c].steps[i].state),
				  "%s, step %u", tables[c].name, i);
		}
	}
}

/* Goal: both profiles hold, a configured time wins, and a wider one stands in for a narrower.
 * Method: fill with and without configured times. */
Test(track, fills_timers)
{
	uint32_t configured[TIMER_COUNT] = { 0 };
	struct track_timeouts t;

	track_timeouts_fill(&t, TIMER_PROFILE_RFC, configured);
	cr_expect(all(eq(u32, t.ms[TIMER_TCP_ESTABLISHED], 7440000),
		      eq(u32, t.ms[TIMER_TCP_OPENING], 240000), eq(u32, t.ms[TIMER_ICMP], 60000)));
	track_timeouts_fill(&t, TIMER_PROFILE_LINUX, configured);
	cr_expect(all(eq(u32, t.ms[TIMER_TCP_ESTABLISHED], 432000000),
		      eq(u32, t.ms[TIMER_TCP_LAST_ACK], 30000), eq(u32, t.ms[TIMER_ICMP], 30000)));
	configured[TIMER_TCP_CLOSING] = 7;
	configured[TIMER_TCP_TIME_WAIT] = 9;
	track_timeouts_fill(&t, TIMER_PROFILE_RFC, configured);
	cr_expect(all(eq(u32, t.ms[TIMER_TCP_CLOSING], 7000),
		      eq(u32, t.ms[TIMER_TCP_LAST_ACK], 7000),
		      eq(u32, t.ms[TIMER_TCP_TIME_WAIT], 9000)));
	cr_expect(eq(u32, track_timeout_ms(&t, PROTO_TCP, TRACK_STATE_OFF), 7440000));
	cr_expect(eq(u32, track_timeout_ms(&t, 47, 1), 300000));
}

/* Goal: every tracker is complete, and states fit their field. Method: all protocols. */
Test(track, trackers_are_complete)
{
	for (unsigned proto = 0; proto <= UINT8_MAX; proto++) {
		const struct tracker *t = tracker_of((uint8_t)proto);

		cr_expect(t != NULL && t->packet != NULL && t->quoted != NULL);
		cr_expect(le(uint, t->states_count, TRACK_STATES_MAX));
		for (unsigned s = 0; s < t->states_count; s++)
			cr_expect(t->states[s].name != NULL && t->states[s].timer < TIMER_COUNT);
	}
	cr_expect(eq(str, (char *)track_state_name(PROTO_TCP, 14), ""));
}

/* Goal: packets, bytes and times are accounted per direction; flags of others stay; a flow that
 * begins anew from its other end stays near the same end. Method: packets around the clock's wrap.
 */
Test(track, accounts)
{
	struct flow_totals totals;
	struct flow_entry e = { .key.proto = PROTO_TCP };
	struct flow_detail d = { 0 };
	enum track_verdict verdict;
	struct packet p = tcp_packet(S, 0, 0, 1000, 0);
	struct flow_record r;
	unsigned near;

	e.word = flow_word_with(0, 0,
				FLOW_ORIG_IS_1 | FLOW_OUTGOING | track_mode_flags(TRACK_STRICT));
	near = flow_near_side(flow_entry_flags(&e));
	cr_expect(eq(uint, track_packet(&e, &d, &p, NULL, 1, UINT32_MAX - 1, &verdict),
		     TRACK_STATE | TRACK_REFRESH));
	p = tcp_packet(R | A, 0, 1, 0, 0);
	(void)track_packet(&e, &d, &p, NULL, 0, 3, &verdict);
	cr_expect(eq(int, verdict, TRACK_ESTABLISHED));
	cr_expect(eq(u32, e.last_seen_ms, 3));
	p = tcp_packet(A, 5, 5, 0, 10);
	(void)track_packet(&e, &d, &p, NULL, 0, 5, &verdict);
	cr_expect(eq(int, verdict, TRACK_INVALID));
	cr_expect(eq(u32, e.last_seen_ms, 3));
	p = tcp_packet(S, 500, 0, 1000, 0);
	(void)track_packet(&e, &d, &p, NULL, 0, 6, &verdict);
	cr_expect(eq(int, verdict, TRACK_NEW));
	cr_expect(eq(uint, flow_near_side(flow_entry_flags(&e)), near));
	flow_totals_read(&e, &d, &totals);
	cr_expect(eq(u64, totals.packets[0] + totals.packets[1], 4));
	cr_expect(eq(u64, totals.bytes[0] + totals.bytes[1], 170));
	/* Whoever began anew is the origin, with all that it ever sent. */
	flow_record_read(&e, &d, &r);
	cr_expect(all(eq(u64, r.packets[0], 3), eq(u64, r.packets[1], 1)));
	cr_expect(all(eq(u64, r.bytes[0], 130), eq(u64, r.bytes[1], 40)));
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
	struct flow_entry e = { .key.proto = PROTO_UDP };
	struct flow_detail d = { 0 };
	enum track_verdict verdict;

	e.word = flow_word_with(0, 0, FLOW_LOCAL);
	for (unsigned i = 0; i < 400000; i++) {
		const bool reply = i % 1000 != 0 && random_one_in(&r, 3);
		const uint32_t size = i >= 200000             ? 28
				      : random_one_in(&r, 20) ? UINT16_MAX - random_below(&r, 3)
							      : random_below(&r, 1501);
		const struct packet p = { .key.proto = PROTO_UDP, .l3_bytes = (uint16_t)size };
		struct flow_totals totals;

		touched +=
			(track_packet(&e, &d, &p, NULL, reply, 0, &verdict) & TRACK_REFRESH) != 0 &&
			i >= 200000;
		packets[reply]++;
		bytes[reply] += size;
		flow_totals_read(&e, &d, &totals);
		for (unsigned n = 0; n < 2; n++) {
			cr_assert(eq(u64, totals.packets[n], packets[n]), "seed %lu", seed);
			cr_assert(eq(u64, totals.bytes[n], bytes[n]), "seed %lu", seed);
		}
	}
	cr_expect(eq(u32, flow_entry_flags(&e), FLOW_LOCAL | FLOW_REPLIED));
	cr_expect(eq(str, (char *)track_state_name(PROTO_UDP, flow_word_state(e.word)), "replied"));
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
		{ false, 100, TRACK_REFRESH | TRACK_STATE },
		{ false, 100, 0 },
		{ true, 101, TRACK_REFRESH | TRACK_STATE },
		{ true, 101, 0 },
		{ false, 1100, 0 },
		{ false, 2100, TRACK_REFRESH },
		{ true, 2101, TRACK_STATE },
	};
	const struct packet p = { .key.proto = PROTO_UDP, .l3_bytes = 100 };
	struct flow_entry e = { .key.proto = PROTO_UDP, .last_seen_ms = 100 };
	struct flow_detail d = { 0 };
	enum track_verdict verdict;

	for (unsigned i = 0; i < array_length(steps); i++)
		cr_expect(eq(u32,
			     track_packet(&e, &d, &p, NULL, steps[i].reply, steps[i].now_ms,
					  &verdict),
			     steps[i].events),
			  "step %u", i);
}

/* Goal: a window in eight bits is never smaller than it was, by an eighth larger at most, and 0 is
 * 0 alone. Method: random sizes of all magnitudes, and the ends. */
Test(track, windows_are_rounded_up)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };

	cr_expect(eq(u8, tcp_window_code(0), 0));
	cr_expect(eq(u32, tcp_window_value(0), 0));
	cr_expect(eq(u32, tcp_window_value(tcp_window_code(1)), 1));
	cr_expect(eq(u32, tcp_window_value(tcp_window_code(UINT32_MAX)), 1u << 31));
	for (unsigned i = 0; i < 1000000; i++) {
		const uint32_t window = 1 + ((uint32_t)random_u64(&r) >> 1 >> random_below(&r, 31));
		const uint32_t kept = tcp_window_value(tcp_window_code(window));

		cr_assert(ge(u32, kept, window), "%u, seed %lu", window, seed);
		cr_assert(le(u32, kept - window, window / 8), "%u, seed %lu", window, seed);
	}
}

/* Goal: a flow remembers the states it was in, the latest eight. Method: a TCP flow's life, state
 * by state; then one that changes its state ten times. */
Test(track, remembers_history)
{
	static const struct {
		unsigned direction;
		uint8_t flags;
		uint32_t seq, ack;
	} steps[] = {
		{ 0, S, 0, 0 }, { 1, S | A, 0, 1 }, { 0, A, 1, 1 }, { 0, F | A, 1, 1 },
		{ 1, A, 1, 2 }, { 1, F | A, 1, 2 }, { 0, A, 2, 2 },
	};
	static const char *const states[FLOW_HISTORY_STATES] = {
		"time_wait",   "last_ack",     "close_wait", "fin_wait",
		"established", "syn_received", "syn_sent",   "none",
	};
	struct flow_entry e = { .key.proto = PROTO_TCP };
	struct flow_detail d = { 0 };
	enum track_verdict verdict;

	e.word = flow_word_with(0, 0, track_mode_flags(TRACK_STRICT));
	for (unsigned i = 0; i < array_length(steps); i++) {
		const struct packet p =
			tcp_packet(steps[i].flags, steps[i].seq, steps[i].ack, 1000, 0);

		(void)track_packet(&e, &d, &p, NULL, steps[i].direction, 0, &verdict);
		cr_expect(eq(int, verdict, i == 0 ? NEW : EST), "step %u", i);
	}
	for (unsigned i = 0; i < FLOW_HISTORY_STATES; i++)
		cr_expect(eq(str,
			     (char *)track_state_name(PROTO_TCP, flow_history_state(d.history, i)),
			     (char *)states[i]));
	for (unsigned i = 1; i <= 10; i++)
		flow_history_add(&d, i);
	for (unsigned i = 0; i < FLOW_HISTORY_STATES; i++)
		cr_expect(eq(u32, flow_history_state(d.history, i), 10 - i));
}
