/* SPDX-License-Identifier: BSD-3-Clause */
/* test_worker_budget.c: who gets a place in a table that floods want. Each test ends with the
 * conservation sum (C1). BERTH_FLOOD=full makes the flood 100,000 established flows under ten times
 * a table of 262,144. */
#include "tests/random.h"
#include "tests/unit/worker_fixture.h"

TestSuite(worker_budget, .init = eal_setup, .timeout = 240);

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };
#define SERVER_PORT 443u
#define SYN_SEQ     1000u
#define ANSWER_SEQ  5000u

/* A client: its address and port. */
struct client {
	uint32_t address;
	uint16_t port;
};

static struct dataplane_options
budget_options(uint32_t capacity, uint32_t half_open)
{
	struct dataplane_options o = default_options(1);

	o.nics[0].checksum_verify = false;
	o.flows_capacity = capacity;
	o.half_open_flows = half_open;
	o.half_open_prefix_ipv4 = 24;
	o.half_open_prefix_ipv6 = 64;
	o.tracking = TRACK_STRICT;
	for (unsigned i = 0; i < TIMER_COUNT; i++)
		o.timeouts.ms[i] = 1u << 30;
	return o;
}

static struct fixture *
server_make(const struct dataplane_options *o)
{
	struct fixture *f = fixture_make(o);

	rule(f, "tcp/*:443", 0);
	rule(f, "udp/*:53", 0);
	publish(f, true, 2);
	return f;
}

static struct frame
segment_of(struct client c, uint8_t flags, uint32_t seq, uint32_t ack)
{
	struct frame q;

	frame_ethernet(&q, 0, 0x0800);
	frame_ipv4(&q, PROTO_TCP, NULL, 0);
	frame_tcp(&q, c.port, SERVER_PORT, flags, 0);
	be32_store(q.bytes + q.l3 + 12, c.address);
	be32_store(q.bytes + q.l4 + 4, seq);
	be32_store(q.bytes + q.l4 + 8, ack);
	frame_finish(&q);
	return q;
}

/* Polls, and throws away what comes out. */
static void
turn(struct fixture *f)
{
	struct frame ignored;

	worker_poll(f->dp->workers[0]);
	while (port_take(f, 0) != NULL)
		continue;
	while (wire_take(f, &ignored))
		continue;
}

static void
client_syn(struct fixture *f, struct client c)
{
	const struct frame q = segment_of(c, SYN, SYN_SEQ, 0);

	wire_put(f, 0, &q);
}

static void
server_answer(struct fixture *f, struct client c)
{
	struct frame q = segment_of(c, SYN | ACK, ANSWER_SEQ, SYN_SEQ + 1);
	uint8_t ip[2048];
	uint32_t bytes;

	answer_of(&q, ip, &bytes);
	app_send(f, 0, ip, bytes);
}

static void
client_ack(struct fixture *f, struct client c)
{
	const struct frame q = segment_of(c, ACK, SYN_SEQ + 1, ANSWER_SEQ + 1);

	wire_put(f, 0, &q);
}

static const char *
client_state(const struct fixture *f, struct client c)
{
	struct flow_key packet = { .family = FAMILY_IPV4,
				   .proto = PROTO_TCP,
				   .port = { c.port, SERVER_PORT } };
	const struct flow_table *t = f->dp->workers[0]->flows;
	struct flow_key key;
	uint32_t index;

	be32_store(packet.addr[0], c.address);
	memcpy(packet.addr[1], FRAME_IPV4_B, 4);
	(void)flow_key_canonical(&packet, &key);
	index = flow_lookup(t, &key, flow_hash(&f->dp->secret, &key));
	return index == FLOW_NONE ? "no flow"
				  : track_state_name(PROTO_TCP, flow_word_state(flow_entry_word(
									flow_entry_at(t, index))));
}

static bool
client_is_open(const struct fixture *f, struct client c)
{
	return strcmp(client_state(f, c), "established") == 0;
}

static void
client_open(struct fixture *f, struct client c)
{
	client_syn(f, c);
	turn(f);
	server_answer(f, c);
	turn(f);
	client_ack(f, c);
	turn(f);
}

/* Clients of many networks, some thirty of each, by number. */
static struct client
client_number(uint32_t n)
{
	return (struct client){ 0x0b000000u + n / 4 * 37, (uint16_t)(1024 + n % 4) };
}

/* Entries made are entries that ended or live, as the counters and the table have it. */
static void
check_table(const struct fixture *f)
{
	cr_expect(eq(u64, total(f, COUNTER_flows_created),
		     total(f, COUNTER_flows_ended) + flow_count(f->dp->workers[0]->flows)));
}

struct flood {
	struct random r;
	bool one_prefix; /* all from one /24, else from anywhere */
};

static void
flood_put(struct fixture *f, struct flood *flood, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		const uint32_t address = flood->one_prefix
						 ? 0x42000000u | random_below(&flood->r, 256)
						 : 0x40000000u | random_below(&flood->r, 1u << 24);

		client_syn(f, (struct client){ address, (uint16_t)random_u64(&flood->r) | 1 });
	}
}

#define LATENCY  8u  /* turns between a legitimate client's steps */
#define PER_TURN 30u /* of the flood */

/* Established flows, then SYNs ten times the table, and one legitimate open in each turn, its steps
 * some turns apart. */
static void
flood_run(uint32_t capacity, uint32_t established, bool one_prefix)
{
	const struct dataplane_options o = budget_options(capacity, capacity / 10);
	struct fixture *f = server_make(&o);
	const uint64_t seed = random_seed();
	struct flood flood = { { seed }, one_prefix };
	const uint32_t turns = 10 * capacity / PER_TURN;
	/* No more opens than there is room for when they stay. */
	const uint32_t opens_max = capacity - established - 2 * o.half_open_flows;
	const uint32_t every = turns / opens_max + 1, opens = turns / every;
	uint32_t opened = 0, kept = 0;

	for (uint32_t i = 0; i < established; i++)
		client_open(f, client_number(i));
	for (uint32_t t = 0; t < turns + 2 * LATENCY + 1; t++) {
		if (t < turns)
			flood_put(f, &flood, PER_TURN);
		if (t % every == 0 && t / every < opens)
			client_syn(f, client_number(established + t / every));
		if (t >= LATENCY && (t - LATENCY) % every == 0 && (t - LATENCY) / every < opens)
			server_answer(f, client_number(established + (t - LATENCY) / every));
		if (t >= 2 * LATENCY && (t - 2 * LATENCY) % every == 0 &&
		    (t - 2 * LATENCY) / every < opens)
			client_ack(f, client_number(established + (t - 2 * LATENCY) / every));
		turn(f);
	}
	for (uint32_t i = 0; i < established; i++)
		kept += client_is_open(f, client_number(i));
	for (uint32_t i = 0; i < opens; i++)
		opened += client_is_open(f, client_number(established + i));
	fprintf(stderr,
		"table %u, flood %u SYNs: %u of %u established flows kept, %u of %u legitimate "
		"opens\n",
		capacity, turns * PER_TURN, kept, established, opened, opens);
	cr_expect(eq(u32, kept, established), "seed %lu", seed);
	cr_expect(ge(u32, opened, opens - opens / 100), "seed %lu", seed);
	cr_expect(gt(u64, total(f, COUNTER_flows_evicted), 0));
	cr_expect(le(u32, flow_count(f->dp->workers[0]->flows), capacity));
	check_table(f);
	fixture_end(f);
}

static void
flood_sized(bool one_prefix)
{
	const char *wanted = getenv("BERTH_FLOOD");

	if (wanted != NULL && strcmp(wanted, "full") == 0)
		flood_run(262144, 100000, one_prefix);
	else
		flood_run(8192, 3000, one_prefix);
}

/* Goal: a SYN flood of ten times the table ends no established flow, and legitimate clients still
 * get in. Method: spoofed sources from anywhere; each handshake's steps some hundred SYNs apart. */
Test(worker_budget, survives_a_spoofed_flood)
{
	flood_sized(false);
}

/* Goal: the same of a flood from one network: it displaces itself. */
Test(worker_budget, survives_a_flood_of_one_network)
{
	flood_sized(true);
}

/* Goal: datagrams that nobody answers may fill the table, but keep nobody out. Method: thrice the
 * table of them, then handshakes one after the other among more. */
Test(worker_budget, datagrams_keep_nobody_out)
{
	enum { CAPACITY = 4096, ESTABLISHED = 1000, OPENS = 2000 };
	const struct dataplane_options o = budget_options(CAPACITY, CAPACITY / 10);
	struct fixture *f = server_make(&o);
	const uint64_t seed = random_seed();
	struct random r = { seed };
	uint32_t open = 0;

	for (uint32_t i = 0; i < ESTABLISHED; i++)
		client_open(f, client_number(i));
	for (uint32_t i = 0; i < 3 * CAPACITY + OPENS; i++) {
		struct frame q = udp4((uint16_t)random_u64(&r) | 1, 53, 8);

		be32_store(q.bytes + q.l3 + 12, 0x40000000u | random_below(&r, 1u << 24));
		frame_checksums(&q);
		wire_put(f, 0, &q);
		if (i >= 3 * CAPACITY)
			client_open(f, client_number(ESTABLISHED + i - 3 * CAPACITY));
		else
			turn(f);
	}
	for (uint32_t i = 0; i < ESTABLISHED + OPENS; i++)
		open += client_is_open(f, client_number(i));
	cr_expect(eq(u32, open, ESTABLISHED + OPENS), "seed %lu", seed);
	cr_expect(eq(u64, dropped(f, DROP_FLOW_TABLE_FULL), 0));
	check_table(f);
	fixture_end(f);
}

static struct flow_key
source_key(uint32_t address)
{
	struct flow_key k = { .family = FAMILY_IPV4 };

	be32_store(k.addr[0], address);
	return k;
}

/* A network that the list takes for none of `n` others, each 256 addresses from the last. */
static uint32_t
network_apart(const struct fixture *f, uint32_t others, uint32_t n)
{
	const struct half_open_options o = { .places = f->dp->options.half_open_flows,
					     .prefix_bits_ipv4 = 24,
					     .numa_node = -1,
					     .secret = f->dp->secret };
	uint32_t network = 0x60000000u, alone = 0;

	while (alone < n) {
		const struct flow_key k = source_key(network += 256);
		struct half_open *h;

		cr_assert(zero(int, half_open_create(&o, &h)));
		for (unsigned i = 0; i <= HALF_OPEN_PREFIX_LEAST; i++)
			(void)half_open_add(h, &k, 0, i);
		for (alone = 0; alone < n; alone++) {
			const struct flow_key other = source_key(others + (alone << 8));

			if (half_open_oldest_like(h, &other, 0) != HALF_OPEN_NONE)
				break;
		}
		half_open_destroy(h);
	}
	return network;
}

/* Goal: under pressure the oldest of the same source prefix gives way first; else the oldest of
 * all. Method: others, then ten of one network until the share is full; one more of either kind. */
Test(worker_budget, same_prefix_goes_first)
{
	const uint32_t capacity = FLOW_CAPACITY_MIN, share = HALF_OPEN_PLACES_MIN;
	const struct dataplane_options o = budget_options(capacity, share);
	struct fixture *f = server_make(&o);
	const uint32_t network = network_apart(f, 0x50000000u, share);

	for (uint32_t i = 0; i < capacity - share; i++)
		client_open(f, client_number(i));
	for (uint32_t i = 0; i < share - 10; i++) {
		client_syn(f, (struct client){ 0x50000000u + (i << 8), 1 });
		turn(f);
	}
	for (uint16_t i = 0; i < 10; i++) {
		client_syn(f, (struct client){ network + i, 1 });
		turn(f);
	}
	cr_expect(eq(u64, total(f, COUNTER_flows_evicted), 0));
	client_syn(f, (struct client){ network + 255, 1 });
	turn(f);
	cr_expect(eq(u64, total(f, COUNTER_flows_evicted), 1));
	cr_expect(eq(str, (char *)client_state(f, (struct client){ network, 1 }), "no flow"));
	cr_expect(eq(str, (char *)client_state(f, (struct client){ 0x50000000u, 1 }), "syn_sent"));
	client_syn(f, (struct client){ 0x50000000u + ((share - 1) << 8), 1 });
	turn(f);
	cr_expect(eq(str, (char *)client_state(f, (struct client){ 0x50000000u, 1 }), "no flow"));
	cr_expect(eq(str, (char *)client_state(f, (struct client){ 0x50000100u, 1 }), "syn_sent"));
	cr_expect(eq(str, (char *)client_state(f, (struct client){ network + 1, 1 }), "syn_sent"));
	check_table(f);
	fixture_end(f);
}

/* A table full of confirmed flows, and one more open. */
static void
full_check(enum flows_full_mode mode)
{
	struct dataplane_options o = budget_options(FLOW_CAPACITY_MIN, HALF_OPEN_PLACES_MIN);
	const bool evict = mode == FLOWS_FULL_EVICT_IDLE;
	const struct client more = { 0x50000000u, 1 };
	struct flow_event e;
	struct fixture *f;
	uint32_t kept = 0;

	o.flows_full = mode;
	f = server_make(&o);
	for (uint32_t i = 0; i < FLOW_CAPACITY_MIN; i++)
		client_open(f, client_number(i));
	cr_assert(eq(u64, total(f, COUNTER_flows_evicted), 0));
	dataplane_flow_events_want(f->dp, true);
	client_open(f, more);
	for (uint32_t i = 0; i < FLOW_CAPACITY_MIN; i++)
		kept += client_is_open(f, client_number(i));
	cr_expect(eq(u32, kept, FLOW_CAPACITY_MIN - evict));
	cr_expect(eq(int, client_is_open(f, more), evict));
	cr_expect(eq(u64, total(f, COUNTER_flows_evicted), evict));
	if (evict) {
		cr_assert(eq(uint, dataplane_flow_events(f->dp, 0, &e, 1), 1));
		cr_expect(eq(u8, e.kind, FLOW_EVENT_DESTROY));
		cr_expect(eq(u8, e.flow.end, FLOW_END_EVICTED));
		cr_expect(eq(u64, e.flow.packets[0] + e.flow.packets[1], 3));
	}
	check_table(f);
	fixture_end(f);
}

/* Goal: a table full of confirmed flows refuses a new one by name, or ends an idle one, as
 * configured; the record of that one says why. Method: fill it, then open one more. */
Test(worker_budget, full_table_refuses)
{
	full_check(FLOWS_FULL_REFUSE);
}

Test(worker_budget, full_table_evicts_the_idle)
{
	full_check(FLOWS_FULL_EVICT_IDLE);
}

/* Goal: half-open flows have their whole time as long as there is room, and an eighth under
 * pressure; confirmed ones always their own. Method: ask the walk at those times. */
Test(worker_budget, pressure_shortens_their_time)
{
	enum { TIME_MS = 80000 };
	const uint32_t share = HALF_OPEN_PLACES_MIN, open = FLOW_CAPACITY_MIN - share - 20;
	struct dataplane_options o = budget_options(FLOW_CAPACITY_MIN, share);
	struct fixture *f;
	struct worker *w;

	for (unsigned i = 0; i < TIMER_COUNT; i++)
		o.timeouts.ms[i] = TIME_MS;
	f = server_make(&o);
	w = f->dp->workers[0];
	for (uint32_t i = 0; i < open; i++)
		client_open(f, client_number(i));
	for (uint32_t i = 0; i < 40; i++) {
		if (i == 10)
			cr_expect(eq(u32,
				     flow_expire(w->flows, w->now_ms + TIME_MS / 8, UINT32_MAX,
						 flows_expire, w),
				     0));
		client_syn(f, (struct client){ 0x50000000u + i, 1 });
		turn(f);
	}
	cr_expect(eq(
		u32,
		flow_expire(w->flows, w->now_ms + TIME_MS / 8 - 2000, UINT32_MAX, flows_expire, w),
		0));
	/* They end one by one until there is room again. */
	cr_expect(eq(u32,
		     flow_expire(w->flows, w->now_ms + TIME_MS / 4, UINT32_MAX, flows_expire, w),
		     21));
	cr_expect(eq(u32, flow_count(w->flows), open + 19));
	cr_expect(eq(u32, flow_expire(w->flows, w->now_ms + TIME_MS, UINT32_MAX, flows_expire, w),
		     open + 19));
	cr_expect(eq(u32, half_open_count(w->half_open), 0));
	check_table(f);
	fixture_end(f);
}

/* Goal: the list holds exactly the half-open flows, whatever a flow goes through: confirmed, reset
 * before it was confirmed, reset after, begun anew. Method: steps of one client, and the count. */
Test(worker_budget, lists_the_half_open)
{
	static const struct {
		bool answer;
		uint8_t flags;
		uint32_t seq, ack;
		uint32_t listed;
	} steps[] = {
		{ false, SYN, 1000, 0, 1 },          { true, SYN | ACK, 5000, 1001, 1 },
		{ false, ACK, 1001, 5001, 0 },       { false, SYN, 7000, 0, 0 },
		{ true, ACK, 5001, 1001, 0 },        { false, RST, 1001, 0, 0 },
		{ false, SYN, 9000, 0, 1 },          { true, SYN | ACK, 100, 9001, 1 },
		{ false, RST, 9001, 0, 1 },          { false, SYN, 20000, 0, 1 },
		{ true, SYN | ACK, 300, 20001, 1 },  { false, ACK, 20001, 301, 0 },
		{ false, SYN, 40000, 0, 0 },         { true, SYN | ACK, 600, 40001, 1 },
		{ false, ACK, 40001, 601, 0 },       { true, FIN | ACK, 601, 40001, 0 },
		{ false, FIN | ACK, 40001, 602, 0 }, { true, ACK, 602, 40002, 0 },
		{ false, SYN, 90000, 0, 1 },
	};
	const struct dataplane_options o = budget_options(FLOW_CAPACITY_MIN, HALF_OPEN_PLACES_MIN);
	struct fixture *f = server_make(&o);
	struct worker *w = f->dp->workers[0];

	for (unsigned i = 0; i < array_length(steps); i++) {
		struct frame q = segment_of((struct client){ 0x50000000u, 1 }, steps[i].flags,
					    steps[i].seq, steps[i].ack);
		uint8_t ip[2048];
		uint32_t bytes;

		if (steps[i].answer) {
			answer_of(&q, ip, &bytes);
			app_send(f, 0, ip, bytes);
		} else {
			wire_put(f, 0, &q);
		}
		turn(f);
		cr_expect(eq(u32, half_open_count(w->half_open), steps[i].listed), "step %u", i);
	}
	cr_expect(eq(u64, total(f, COUNTER_flows_created), 1));
	flow_expire(w->flows, w->now_ms + (1u << 30), UINT32_MAX, flows_expire, w);
	cr_expect(eq(u32, half_open_count(w->half_open), 0));
	check_table(f);
	fixture_end(f);
}
