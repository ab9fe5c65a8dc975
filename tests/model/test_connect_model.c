/* SPDX-License-Identifier: BSD-3-Clause */
/* test_connect_model.c: random operations on the table of connected sockets against a plain list.
 */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "dataplane/connect/connect.h"
#include "tests/flow_keys.h"
#include "tests/random.h"

#define FIRST         50000u
#define LAST          50008u
#define SPAN          (LAST - FIRST + 1)
#define ENDS          5u /* of these the first three are ours */
#define OURS          3u
#define PORTS         4u
#define ACCOUNTS      3u
#define WORKERS       3u
#define CAPACITY      FLOW_CAPACITY_MIN
#define QUARANTINE_MS 1000u

enum socket_state { SOCKET_OPEN, SOCKET_CLOSING, SOCKET_QUARANTINE };

struct socket {
	struct flow_key sent;
	enum socket_state state;
	uint32_t id, free_ms;
	port_ref port;
	uint16_t account;
};

static struct model {
	struct connect_table *t;
	struct random r;
	uint64_t seed;
	uint32_t now_ms;
	struct socket sockets[CAPACITY];
	uint32_t count;
	bool bound[SPAN];
	uint16_t generations[PORTS];
	unsigned opened, chosen, exhausted, full, taken;
} m;

/* Ends crowd on one host, so that the pairs of both directions meet. */
static void
end_write(struct flow_key *k, unsigned end, unsigned number)
{
	memset(k->addr[end], 0, sizeof(k->addr[end]));
	memcpy(k->addr[end], "\xc0\x00\x02", 3);
	k->addr[end][3] = (uint8_t)(1 + number);
}

/* A pair without its local port: few protocols, ends and remote ports. */
static struct flow_key
random_rest(void)
{
	struct flow_key k = { .family = FAMILY_IPV4,
			      .proto = random_one_in(&m.r, 2) ? PROTO_TCP : PROTO_UDP,
			      .zone = (uint16_t)random_below(&m.r, 2) };

	end_write(&k, 0, random_below(&m.r, OURS));
	end_write(&k, 1, random_below(&m.r, ENDS));
	k.port[1] = random_one_in(&m.r, 3) ? 443 : (uint16_t)(FIRST + random_below(&m.r, 4));
	return k;
}

static struct socket *
model_find(const struct flow_key *sent)
{
	for (uint32_t i = 0; i < m.count; i++)
		if (memcmp(&m.sockets[i].sent, sent, sizeof(*sent)) == 0)
			return &m.sockets[i];
	return NULL;
}

static bool
bound(uint16_t port, void *context)
{
	(void)context;
	return m.bound[port - FIRST];
}

static bool
place_is_free(const struct flow_key *rest, uint16_t port)
{
	struct flow_key sent = *rest;

	sent.port[0] = port;
	if (m.bound[port - FIRST] || model_find(&sent) != NULL)
		return false;
	return memcmp(sent.addr[0], sent.addr[1], 16) != 0 || port != sent.port[1];
}

static uint16_t
owner_of(const struct flow_key *sent)
{
	struct flow_key key;

	(void)flow_key_canonical(sent, &key);
	return flow_owner(flow_hash(&test_secret, &key), WORKERS);
}

/* Free places for the rest of a pair; those of `worker` in *theirs. */
static unsigned
places_count(const struct flow_key *rest, uint16_t worker, unsigned *theirs)
{
	unsigned n = 0;

	*theirs = 0;
	for (uint16_t port = FIRST; port <= LAST; port++) {
		struct flow_key sent = *rest;

		if (!place_is_free(rest, port))
			continue;
		sent.port[0] = port;
		*theirs += owner_of(&sent) == worker;
		n++;
	}
	return n;
}

static void
model_add(const struct connect_request *r, const struct connect_opened *o)
{
	struct socket *s = &m.sockets[m.count++];

	*s = (struct socket){ .sent = r->key, .id = o->id, .port = r->port, .account = r->account };
	s->sent.port[0] = o->port;
	cr_assert(connect_is(o->id));
	cr_assert(eq(u16, o->owner, owner_of(&s->sent)));
	for (uint32_t i = 0; i + 1 < m.count; i++)
		cr_assert(m.sockets[i].state == SOCKET_QUARANTINE || m.sockets[i].id != o->id);
	m.opened++;
}

static struct connect_request
random_request(void)
{
	const uint16_t port = (uint16_t)random_below(&m.r, PORTS);

	return (struct connect_request){
		.key = random_rest(),
		.port = port_ref_make(port, m.generations[port]),
		.account = (uint16_t)random_below(&m.r, ACCOUNTS),
		.first = FIRST,
		.last = LAST,
		.worker = random_one_in(&m.r, 2) ? CONNECT_WORKER_ANY
						 : (uint16_t)random_below(&m.r, WORKERS),
		.bound = bound,
	};
}

static void
step_open_chosen(void)
{
	const struct connect_request r = random_request();
	struct connect_opened o;
	unsigned theirs;
	const unsigned places = places_count(&r.key, r.worker, &theirs);
	const int rc = connect_open(m.t, &r, &o);

	if (m.count == CAPACITY) {
		cr_assert(eq(int, rc, -ENOSPC), "seed %lu", m.seed);
		m.full++;
		return;
	}
	cr_assert(eq(int, rc, places == 0 ? -EADDRNOTAVAIL : 0), "seed %lu", m.seed);
	if (rc != 0) {
		m.exhausted++;
		return;
	}
	cr_assert(o.port >= FIRST && o.port <= LAST && place_is_free(&r.key, o.port), "seed %lu",
		  m.seed);
	if (theirs > 0)
		cr_assert(eq(u16, o.owner, r.worker), "seed %lu", m.seed);
	m.chosen++;
	model_add(&r, &o);
}

/* A named port may be bound: that is for the caller to judge. */
static void
step_open_named(void)
{
	struct connect_request r = random_request();
	struct connect_opened o;
	int want = 0;

	r.key.port[0] = (uint16_t)(FIRST + random_below(&m.r, SPAN));
	if (m.count == CAPACITY)
		want = -ENOSPC;
	else if (memcmp(r.key.addr[0], r.key.addr[1], 16) == 0 && r.key.port[0] == r.key.port[1])
		want = -EINVAL;
	else if (model_find(&r.key) != NULL)
		want = -EADDRINUSE;
	m.taken += want == -EADDRINUSE;
	cr_assert(eq(int, connect_open(m.t, &r, &o), want), "seed %lu", m.seed);
	if (want == 0)
		model_add(&r, &o);
}

static void
model_remove(uint32_t i)
{
	m.sockets[i] = m.sockets[--m.count];
}

static void
model_close(uint32_t i)
{
	struct socket *s = &m.sockets[i];

	if (s->sent.proto == PROTO_UDP) {
		model_remove(i);
		return;
	}
	s->state = SOCKET_QUARANTINE;
	s->free_ms = m.now_ms + QUARANTINE_MS;
}

static void
step_close(void)
{
	const uint32_t i = m.count == 0 ? 0 : random_below(&m.r, m.count);
	const uint32_t id = m.sockets[i].id;

	if (m.count == 0 || m.sockets[i].state != SOCKET_OPEN)
		return;
	cr_assert(eq(u32, connect_port(m.t, id), m.sockets[i].port));
	connect_close(m.t, id, m.now_ms);
	cr_assert(not(connect_live(m.t, id)));
	cr_assert(eq(u32, connect_port(m.t, id), PORT_REF_NONE));
	model_close(i);
}

static void
step_close_port(void)
{
	const uint16_t port = (uint16_t)random_below(&m.r, PORTS);
	const port_ref ref = port_ref_make(port, m.generations[port]);

	connect_close_port(m.t, ref);
	for (uint32_t i = 0; i < m.count; i++)
		if (m.sockets[i].port == ref && m.sockets[i].state == SOCKET_OPEN)
			m.sockets[i].state = SOCKET_CLOSING;
	m.generations[port]++;
}

static void
step_time(void)
{
	m.now_ms += random_below(&m.r, QUARANTINE_MS / 4);
	cr_assert(not(connect_step(m.t, m.now_ms)));
	for (uint32_t i = m.count; i-- > 0;) {
		if (m.sockets[i].state == SOCKET_CLOSING)
			model_close(i);
	}
	for (uint32_t i = m.count; i-- > 0;) {
		if (m.sockets[i].state == SOCKET_QUARANTINE &&
		    (int32_t)(m.now_ms - m.sockets[i].free_ms) >= 0)
			model_remove(i);
	}
}

static void
step_bound(void)
{
	const uint32_t i = random_below(&m.r, SPAN);

	/* Few are bound at a time. */
	m.bound[i] = !m.bound[i] && random_one_in(&m.r, 4);
	if (!m.bound[i])
		connect_unbound(m.t);
}

static void
check_find(void)
{
	struct flow_key sent = random_rest(), key;
	struct connect_holder holder;
	const struct socket *s;
	unsigned side;

	sent.port[0] = (uint16_t)(FIRST + random_below(&m.r, SPAN));
	if (m.count > 0 && random_one_in(&m.r, 2))
		sent = m.sockets[random_below(&m.r, m.count)].sent;
	s = model_find(&sent);
	side = flow_key_canonical(&sent, &key);
	if (s == NULL || s->state == SOCKET_QUARANTINE) {
		cr_assert(
			not(connect_find(m.t, &key, flow_hash(&test_secret, &key), side, &holder)),
			"seed %lu", m.seed);
		return;
	}
	cr_assert(connect_find(m.t, &key, flow_hash(&test_secret, &key), side, &holder), "seed %lu",
		  m.seed);
	cr_assert(all(eq(u32, holder.id, s->id), eq(u32, holder.port, s->port)));
	cr_assert(connect_live(m.t, s->id));
}

static void
check_counts(void)
{
	uint32_t quarantine = 0, paid[ACCOUNTS] = { 0 };
	struct connect_counts counts;

	for (uint32_t i = 0; i < m.count; i++) {
		quarantine += m.sockets[i].state == SOCKET_QUARANTINE;
		paid[m.sockets[i].account]++;
	}
	connect_count(m.t, &counts);
	cr_assert(all(eq(u32, counts.quarantine, quarantine), eq(u32, counts.capacity, CAPACITY),
		      eq(u32, counts.open, m.count - quarantine)),
		  "seed %lu", m.seed);
	for (uint16_t a = 0; a < ACCOUNTS; a++)
		cr_assert(eq(u32, connect_paid(m.t, a), paid[a]));
}

static void
model_step(uint32_t pressure)
{
	const uint32_t what = random_below(&m.r, 100);

	if (what < pressure)
		step_open_chosen();
	else if (what < pressure + 10)
		step_open_named();
	else if (what < 90)
		step_close();
	else if (what < 96)
		step_time();
	else if (what < 99)
		step_bound();
	else if (random_one_in(&m.r, 20))
		step_close_port();
	if (connect_limbo_close(m.t))
		connect_limbo_free(m.t);
}

/* Goal: a pair has one holder at a time, chosen ports are free ones of the range and the wanted
 * worker's as long as there are such, what closes is free at once (UDP) or after its quarantine
 * (TCP), refusals come exactly when they must, and ids and counts are right (K2 to K5). Method:
 * a million random steps on few pairs; the clock wraps; pressure rises until table and ranges are
 * full, and falls. */
Test(connect_model, does_what_a_list_does, .timeout = 250)
{
	const struct connect_options options = { .capacity = CAPACITY,
						 .quarantine_ms = QUARANTINE_MS,
						 .workers = WORKERS,
						 .secret = test_secret,
						 .choice_key = { 1, 2 } };

	m.seed = random_seed();
	m.r.state = m.seed;
	m.now_ms = UINT32_MAX - 20 * QUARANTINE_MS;
	for (unsigned i = 0; i < PORTS; i++)
		m.generations[i] = 1;
	cr_assert(zero(int, connect_table_create(&options, &m.t)));
	for (unsigned i = 0; i < 1000000; i++) {
		model_step(i / 50000 % 2 == 0 ? 75 : 25);
		check_find();
		if (i % 64 == 0)
			check_counts();
	}
	cr_assert(m.opened > 1000 && m.chosen > 1000 && m.exhausted > 100 && m.full > 100 &&
			  m.taken > 100,
		  "%u opened, %u chosen, %u exhausted, %u full, %u taken", m.opened, m.chosen,
		  m.exhausted, m.full, m.taken);
	connect_table_destroy(m.t);
}
