/* SPDX-License-Identifier: BSD-3-Clause */
/* test_connect.c: connected sockets: how unpredictable their ports are, and their edges. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <math.h>

#include "dataplane/connect/connect.h"
#include "tests/flow_keys.h"

#define FIRST   49152u
#define LAST    65535u
#define SPAN    (LAST - FIRST + 1)
#define CELLS   64u
#define REMOTES 32768u

static struct connect_table *
table(uint32_t capacity, uint64_t key)
{
	const struct connect_options options = { .capacity = capacity,
						 .quarantine_ms = 1000,
						 .workers = 2,
						 .secret = test_secret,
						 .choice_key = { key, ~key } };
	struct connect_table *t;

	cr_assert(zero(int, connect_table_create(&options, &t)));
	return t;
}

/* A socket to remote number `n`, port `remote_port`. */
static struct connect_request
request(uint32_t n, uint16_t remote_port)
{
	struct connect_request r = {
		.key = { .family = FAMILY_IPV4, .proto = PROTO_UDP, .port = { 0, remote_port } },
		.port = port_ref_make(3, 1),
		.first = FIRST,
		.last = LAST,
		.worker = CONNECT_WORKER_ANY
	};

	memcpy(r.key.addr[0], "\xc0\x00\x02\x01", 4);
	r.key.addr[1][0] = 10;
	r.key.addr[1][1] = (uint8_t)(n >> 16);
	r.key.addr[1][2] = (uint8_t)(n >> 8);
	r.key.addr[1][3] = (uint8_t)n;
	return r;
}

static uint16_t
opened_port(struct connect_table *t, const struct connect_request *r)
{
	struct connect_opened o;

	cr_assert(zero(int, connect_open(t, r, &o)));
	return o.port;
}

/* Pearson's statistic for equal cells, as standard deviations away from its mean. */
static double
unevenness(const uint32_t cells[CELLS], uint32_t samples)
{
	const double mean = (double)samples / CELLS;
	double sum = 0;

	for (unsigned i = 0; i < CELLS; i++)
		sum += (cells[i] - mean) * (cells[i] - mean) / mean;
	return (sum - (CELLS - 1)) / sqrt(2.0 * (CELLS - 1));
}

/* Goal: what one remote sees tells nothing of what another does (RFC 6056 3.3.3, 3.3.4): the first
 * ports of neighbouring remotes are even over the range, and so are their differences, by address
 * and by port. Method: 32,768 remotes that differ in their last bits, one socket each; no statistic
 * is further than 5 standard deviations from that of even numbers. Fixed keys: the same each time.
 */
Test(connect, ports_of_remotes_are_unrelated)
{
	struct connect_table *t = table(4 * REMOTES, 0x0123456789abcdefu);
	uint32_t first[CELLS] = { 0 }, by_address[CELLS] = { 0 }, by_port[CELLS] = { 0 };
	uint32_t last = 0;

	for (uint32_t n = 0; n < REMOTES; n++) {
		const struct connect_request near = request(n, 443), next = request(n, 444);
		const uint32_t a = opened_port(t, &near) - FIRST;
		const uint32_t b = opened_port(t, &next) - FIRST;

		first[a * CELLS / SPAN]++;
		by_address[(a + SPAN - last) % SPAN * CELLS / SPAN]++;
		by_port[(b + SPAN - a) % SPAN * CELLS / SPAN]++;
		last = a;
	}
	cr_expect(lt(dbl, fabs(unevenness(first, REMOTES)), 5.0));
	cr_expect(lt(dbl, fabs(unevenness(by_address, REMOTES)), 5.0));
	cr_expect(lt(dbl, fabs(unevenness(by_port, REMOTES)), 5.0));
	connect_table_destroy(t);
}

/* Goal: the ports of one remote come in turn, so that none is used again soon, and what others open
 * does not move them (RFC 6056 3.3.4); another key gives other ports. */
Test(connect, one_remote_sees_its_own_turn)
{
	struct connect_table *t = table(1u << 17, 1), *other = table(1u << 17, 2);
	const struct connect_request r = request(1, 443);
	uint32_t port = opened_port(t, &r), moved = 0;

	cr_expect(ne(u32, opened_port(other, &r), port));
	for (uint32_t n = 0; n < 2048; n++) {
		const struct connect_request stranger = request(100 + n, 443);
		uint32_t next;

		(void)opened_port(t, &stranger);
		next = opened_port(t, &r);
		moved += (next - FIRST + SPAN - (port - FIRST)) % SPAN != 1;
		port = next;
	}
	/* One of 1024 strangers shares the counter. */
	cr_expect(lt(u32, moved, 12));
	connect_table_destroy(t);
	connect_table_destroy(other);
}

static unsigned bound_calls;

static bool
bound(uint16_t port, void *context)
{
	(void)context;
	bound_calls++;
	return port % 16 == 0;
}

/* Goal: one remote takes as many sockets as there are free ports and then refuses, at no cost when
 * asked again; another remote has all of them again; a freed or unbound port is found. */
Test(connect, a_range_runs_out_for_one_remote)
{
	struct connect_table *t = table(1u << 17, 1);
	struct connect_request r = request(1, 443), other = request(2, 443);
	struct connect_opened o, last = { 0 };

	r.bound = other.bound = bound;
	for (uint32_t n = 0; n < SPAN - SPAN / 16; n++)
		cr_assert(zero(int, connect_open(t, &r, &last)), "%u", n);
	cr_expect(eq(int, connect_open(t, &r, &o), -EADDRNOTAVAIL));
	bound_calls = 0;
	cr_expect(eq(int, connect_open(t, &r, &o), -EADDRNOTAVAIL));
	cr_expect(eq(u32, bound_calls, 0));
	cr_expect(zero(int, connect_open(t, &other, &o)));
	connect_close(t, last.id, 0);
	cr_assert(zero(int, connect_open(t, &r, &o)));
	cr_expect(eq(u16, o.port, last.port));
	cr_expect(eq(int, connect_open(t, &r, &o), -EADDRNOTAVAIL));
	r.bound = NULL;
	connect_unbound(t);
	cr_assert(zero(int, connect_open(t, &r, &o)));
	cr_expect(zero(u16, o.port % 16));
	connect_table_destroy(t);
}

/* Goal: half of the ports of a remote are each worker's, and a wanted one gets none but its own as
 * long as there are such, then any. */
Test(connect, answers_arrive_where_they_are_wanted)
{
	struct connect_table *t = table(1u << 17, 1);
	struct connect_request r = request(1, 443);
	uint32_t own = 0, n = 0;
	struct connect_opened o;

	r.worker = 1;
	while (connect_open(t, &r, &o) == 0) {
		own += o.owner == 1;
		cr_assert(o.owner == 1 || own + 1 > SPAN / 3, "after %u", n);
		n++;
	}
	cr_expect(eq(u32, n, SPAN));
	cr_expect(own > SPAN * 45 / 100 && own < SPAN * 55 / 100, "%u", own);
	connect_table_destroy(t);
}

/* Goal: where both ends are ours, each has its own holder; closing one leaves the other. */
Test(connect, both_ends_of_a_pair)
{
	struct connect_table *t = table(FLOW_CAPACITY_MIN, 1);
	struct connect_request here = request(1, 443), there;
	struct connect_holder holder;
	struct connect_opened a, b;
	struct flow_key key;
	unsigned side;

	here.key.port[0] = 5000;
	there = here;
	there.key = flow_key_reverse(&here.key);
	there.port = port_ref_make(4, 1);
	side = flow_key_canonical(&here.key, &key);
	cr_assert(zero(int, connect_open(t, &here, &a)));
	cr_assert(zero(int, connect_open(t, &there, &b)));
	cr_expect(eq(int, connect_open(t, &here, &b), -EADDRINUSE));
	connect_close(t, a.id, 0);
	cr_expect(not(connect_find(t, &key, flow_hash(&test_secret, &key), side, &holder)));
	cr_assert(connect_find(t, &key, flow_hash(&test_secret, &key), !side, &holder));
	cr_expect(eq(u32, holder.port, there.port));
	connect_table_destroy(t);
}

static unsigned told, tell_max;

/* connect_closed_fn: has room for tell_max. */
static bool
tell(const struct connect_closed *closed, uint16_t owner, void *context)
{
	(void)context;
	cr_assert(owner < 2 && connect_is(closed->id));
	if (told == tell_max)
		return false;
	told++;
	return true;
}

/* Goal: each socket that closes is told once, and a dead port's wait while nobody can be told.
 * Method: room for ten; then, for each step, for ten more. */
Test(connect, closed_sockets_are_told)
{
	const struct connect_options options = {
		.capacity = FLOW_CAPACITY_MIN, .workers = 2, .secret = test_secret, .closed = tell
	};
	struct connect_request r = request(1, 443);
	struct connect_counts counts;
	struct connect_table *t;
	struct connect_opened o;
	unsigned steps = 0;

	told = 0;
	tell_max = 10;
	cr_assert(zero(int, connect_table_create(&options, &t)));
	for (unsigned n = 0; n < 101; n++)
		cr_assert(zero(int, connect_open(t, &r, &o)));
	connect_close(t, o.id, 0);
	cr_expect(eq(u32, told, 1));
	connect_close_port(t, r.port);
	for (; connect_step(t, 0); steps++) {
		connect_count(t, &counts);
		cr_assert(gt(u32, counts.open, 0));
		tell_max += 10;
	}
	connect_count(t, &counts);
	cr_expect(zero(u32, counts.open));
	cr_expect(eq(u32, told, 101));
	cr_expect(eq(u32, steps, 10));
	connect_table_destroy(t);
}

/* Goal: a port that dies with more sockets than one step closes loses all of them, and only those;
 * the next life of its id starts with none. */
Test(connect, death_frees_all_of_a_port)
{
	struct connect_table *t = table(1u << 17, 1);
	struct connect_request mine = request(0, 443), theirs = request(0, 80);
	struct connect_counts counts;
	struct connect_opened o;
	unsigned steps = 1;

	theirs.port = port_ref_make(4, 1);
	theirs.account = mine.account + 1;
	for (uint32_t n = 0; n < 100000; n++) {
		mine = request(n / 10000, 443);
		cr_assert(zero(int, connect_open(t, &mine, &o)));
	}
	cr_assert(zero(int, connect_open(t, &theirs, &o)));
	connect_close_port(t, mine.port);
	mine.port = port_ref_make(3, 2);
	cr_assert(zero(int, connect_open(t, &mine, &o)));
	while (connect_step(t, 0))
		steps++;
	cr_expect(gt(u32, steps, 1));
	connect_count(t, &counts);
	cr_expect(eq(u32, counts.open, 2));
	cr_expect(eq(u32, connect_paid(t, mine.account), 1));
	cr_expect(eq(u32, connect_paid(t, theirs.account), 1));
	cr_expect(connect_live(t, o.id));
	connect_table_destroy(t);
}

/* Goal: a port for a binding is none that is bound and, as long as there is one, none that a
 * connected socket uses. */
Test(connect, chooses_ports_for_bindings)
{
	struct connect_table *t = table(FLOW_CAPACITY_MIN, 1);
	struct connect_request r = request(1, 443), binding = request(0, 0);
	struct connect_opened o;
	uint16_t port;

	r.first = binding.first = 50000;
	r.last = binding.last = 50016;
	binding.bound = bound; /* 50000 and 50016 */
	memset(binding.key.addr[1], 0, sizeof(binding.key.addr[1]));
	for (unsigned n = 0; n < 14; n++) {
		r.key.port[0] = (uint16_t)(50001 + n);
		cr_assert(zero(int, connect_open(t, &r, &o)));
	}
	for (unsigned n = 0; n < 8; n++) {
		cr_assert(zero(int, connect_choose(t, &binding, &port)));
		cr_expect(eq(u16, port, 50015));
	}
	r.key.port[0] = 50015;
	cr_assert(zero(int, connect_open(t, &r, &o)));
	cr_assert(zero(int, connect_choose(t, &binding, &port)));
	cr_expect(port > 50000 && port < 50016);
	binding.first = binding.last = 50000;
	cr_expect(eq(int, connect_choose(t, &binding, &port), -EADDRNOTAVAIL));
	connect_table_destroy(t);
}

/* Goal: options out of range are refused. */
Test(connect, refuses_options)
{
	struct connect_options o = { .capacity = FLOW_CAPACITY_MIN, .workers = 1 };
	struct connect_table *t;

	o.workers = 0;
	cr_expect(eq(int, connect_table_create(&o, &t), -EINVAL));
	o.workers = WORKERS_MAX + 1;
	cr_expect(eq(int, connect_table_create(&o, &t), -EINVAL));
	o.workers = 1;
	o.capacity = FLOW_CAPACITY_MIN - 1;
	cr_expect(eq(int, connect_table_create(&o, &t), -EINVAL));
	o.capacity = FLOW_CAPACITY_MIN;
	o.quarantine_ms = 1u << 31;
	cr_expect(eq(int, connect_table_create(&o, &t), -EINVAL));
}
