/* SPDX-License-Identifier: BSD-3-Clause */
/* worker_fixture.h: one or two workers on rings instead of a wire, for tests of composed stages.
 *
 *     test ──▶ wire_in ──▶ nic (net_ring) ──▶ worker ──▶ port ring ──▶ test
 *     test ◀── wire_out ◀── nic           ◀── worker ◀── tx ring   ◀── test
 *
 * Everything runs on the test's own thread, one worker_poll() at a time, so that each step is the
 * same in every run. */
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <rte_eal.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "dataplane/worker/worker.h"
#include "tests/unit/frames.h"

#define WIRE_SLOTS 1024
#define RING_BYTES RING_BYTES_MIN
#define APP        7u

struct app {
	struct dp_app dp;
	struct segment *segment, *peer;
};

struct port {
	struct dp_port dp;
	struct segment *segment, *peer;
	uint32_t consumed[2];
};

struct fixture {
	struct dataplane *dp;
	struct rte_ring *in[2], *out[2];
	struct dp_snapshot *snapshots[8]; /* all that were published */
	unsigned snapshots_count;
	struct app app;
	struct port port[2];
	struct bind_rule rules[4];
	unsigned rules_count;
};

static inline void
eal_setup(void)
{
	char *argv[] = {
		"test", "--no-huge", "--no-shconf", "--no-pci",    "--no-telemetry", "-m",
		"256",  "--lcores",  "0@0,1@0,2@0", "--log-level", "error",          NULL
	};

	cr_assert(ge(int, rte_eal_init(array_length(argv) - 1, argv), 0));
}

static inline struct dataplane_options
default_options(uint16_t workers)
{
	struct dataplane_options o = {
		.workers = workers,
		.buffers = 4096,
		.nics_count = 1,
		.nics[0] = { .name = "wire",
			     .queues = workers,
			     .rx_descriptors = 64,
			     .tx_descriptors = 64,
			     .mtu = 1500,
			     .checksum_verify = true },
		.responder = true,
		.reject_per_second = 4,
		.flows_capacity = FLOW_CAPACITY_MIN,
		.fragments = { 60000, 32, 16, 16 },
		.connections_capacity = FLOW_CAPACITY_MIN,
	};
	struct link *l = &o.links.links[0];

	for (unsigned i = 0; i < TIMER_COUNT; i++)
		o.timeouts.ms[i] = 1000;
	o.links.count = 1;
	*l = (struct link){ .mtu = 1500, .addresses_count = 2 };
	cr_assert(zero(int, prefix_parse("198.51.100.2/24", &l->addresses[0])));
	cr_assert(zero(int, prefix_parse("2001:db8::b/64", &l->addresses[1])));
	cr_assert(zero(int, address_parse("198.51.100.1", &l->gateway[0])));
	return o;
}

static inline struct segment *
plain_segment(uint32_t rings)
{
	const size_t bytes = segment_bytes(rings, RING_BYTES);
	void *p = aligned_alloc(4096, (bytes + 4095) & ~(size_t)4095);

	cr_assert(ne(ptr, p, NULL));
	memset(p, 0, bytes);
	return p;
}

static inline void
publish(struct fixture *f, bool app, unsigned ports)
{
	struct dp_snapshot *s = calloc(1, sizeof(*s));

	cr_assert(ne(ptr, s, NULL));
	if (app)
		s->apps[s->apps_count++] = &f->app.dp;
	for (unsigned i = 0; i < ports; i++)
		s->ports[port_ref_id(f->port[i].dp.ref)] = &f->port[i].dp;
	cr_assert(zero(int, bind_table_build(f->rules, f->rules_count, &s->bindings)));
	dataplane_publish(f->dp, s);
	cr_assert(lt(u32, f->snapshots_count, array_length(f->snapshots)));
	f->snapshots[f->snapshots_count++] = s;
}

static inline void
rule(struct fixture *f, const char *text, unsigned port)
{
	struct bind_rule *r = &f->rules[f->rules_count++];

	*r = (struct bind_rule){ .id = 100 + f->rules_count,
				 .port = f->port[port].dp.ref,
				 .weight = 1 };
	cr_assert(zero(int, identity_parse(text, &r->identity, NULL)), "%s", text);
}

/* One nic, one application, two ports; nothing is bound yet. */
static inline struct fixture *
fixture_make(const struct dataplane_options *options)
{
	struct fixture *f = aligned_alloc(alignof(struct fixture), sizeof(*f));
	struct dataplane_options o = *options;
	int ethdev;

	cr_assert(ne(ptr, f, NULL));
	memset(f, 0, sizeof(*f));
	for (uint16_t q = 0; q < o.workers; q++) {
		char name[16];

		snprintf(name, sizeof(name), "in%u", q);
		f->in[q] = rte_ring_create(name, WIRE_SLOTS, SOCKET_ID_ANY, 0);
		snprintf(name, sizeof(name), "out%u", q);
		f->out[q] = rte_ring_create(name, WIRE_SLOTS, SOCKET_ID_ANY, 0);
	}
	ethdev = rte_eth_from_rings("wire", f->in, o.workers, f->out, o.workers, 0);
	cr_assert(ge(int, ethdev, 0));
	cr_assert(zero(int, rte_eth_dev_get_name_by_port((uint16_t)ethdev, o.nics[0].device)));
	cr_assert(zero(int, dataplane_create(&o, &f->dp)));
	f->app.segment = plain_segment(o.workers);
	f->app.peer = plain_segment(o.workers);
	f->app.dp.id = APP;
	for (unsigned i = 0; i < 2; i++) {
		struct port *p = &f->port[i];

		p->segment = plain_segment(o.workers);
		p->peer = plain_segment(o.workers);
		p->dp.ref = port_ref_make((uint16_t)i, 1);
		p->dp.app = APP;
		for (uint16_t w = 0; w < o.workers; w++)
			rx_ring_init(&p->dp.rx[w], p->segment, p->peer, o.workers, RING_BYTES, w);
	}
	for (uint16_t w = 0; w < o.workers; w++)
		tx_ring_init(&f->app.dp.tx[w], f->app.peer, f->app.segment, o.workers, RING_BYTES,
			     w);
	cr_assert(zero(int, dataplane_arm(f->dp)));
	return f;
}

static inline void
poll_all(struct fixture *f)
{
	for (unsigned turn = 0; turn < 4; turn++)
		for (uint16_t w = 0; w < f->dp->options.workers; w++)
			worker_poll(f->dp->workers[w]);
}

static inline void
wire_put(struct fixture *f, uint16_t queue, const struct frame *frame)
{
	struct rte_mbuf *m = rte_pktmbuf_alloc(f->dp->pool);

	cr_assert(ne(ptr, m, NULL));
	memcpy(rte_pktmbuf_append(m, (uint16_t)frame->length), frame->bytes, frame->length);
	cr_assert(zero(int, rte_ring_enqueue(f->in[queue], m)));
}

/* Takes one frame that was sent, on any queue; false: none. */
static inline bool
wire_take(struct fixture *f, struct frame *frame)
{
	for (uint16_t q = 0; q < f->dp->options.workers; q++) {
		void *p;

		if (rte_ring_dequeue(f->out[q], &p) != 0)
			continue;
		struct rte_mbuf *m = p;

		frame->length = m->data_len;
		memcpy(frame->bytes, rte_pktmbuf_mtod(m, void *), m->data_len);
		rte_pktmbuf_free(m);
		return true;
	}
	return false;
}

/* What a record says, and its packet in the ring. */
struct delivered {
	struct record head;
	const uint8_t *ip;
};

/* Takes one record of a port from any worker's ring; NULL: none. It stays until the next. */
static inline const struct delivered *
port_take(struct fixture *f, unsigned port)
{
	static struct delivered taken;
	const uint16_t workers = f->dp->options.workers;
	struct port *p = &f->port[port];

	for (uint16_t w = 0; w < workers; w++) {
		const uint32_t produced =
			atomic_load_explicit(&p->segment->counts[w].bytes, memory_order_acquire);
		const struct record_head *head;

		if (produced == p->consumed[w])
			continue;
		head = (const void *)(segment_ring(p->segment, workers, RING_BYTES, w) +
				      (p->consumed[w] & (RING_BYTES - 1)));
		taken = (struct delivered){ record_unpack(*head), (const uint8_t *)(head + 1) };
		p->consumed[w] += record_space(taken.head.packet_bytes);
		atomic_store_explicit(&p->peer->counts[w].bytes, p->consumed[w],
				      memory_order_release);
		return &taken;
	}
	return NULL;
}

/* Writes one IP packet into the application's tx ring of a worker. */
static inline void
app_send(struct fixture *f, uint16_t worker, const void *ip, uint32_t bytes)
{
	const uint16_t workers = f->dp->options.workers;
	_Atomic uint32_t *produced = &f->app.peer->counts[worker].bytes;
	const uint32_t at = atomic_load_explicit(produced, memory_order_relaxed);
	uint8_t *to =
		segment_ring(f->app.peer, workers, RING_BYTES, worker) + (at & (RING_BYTES - 1));

	const struct record_head head =
		record_pack(&(struct record){ .packet_bytes = (uint16_t)bytes });

	memcpy(to, &head, sizeof(head));
	memcpy(to + sizeof(head), ip, bytes);
	atomic_store_explicit(produced, at + record_space(bytes), memory_order_release);
}

static inline uint64_t
total(const struct fixture *f, enum counter c)
{
	struct counter_totals t;

	dataplane_totals(f->dp, &t);
	return t.counters[c];
}

static inline uint64_t
dropped(const struct fixture *f, enum drop_reason r)
{
	struct counter_totals t;

	dataplane_totals(f->dp, &t);
	return t.drops[r];
}

static inline void
segments_free(struct segment *a, struct segment *b)
{
	free(a);
	free(b);
}

/* C1 for each worker and for all of them; every buffer is back in the pool, and nothing is left
 * behind, as far as the address sanitizer sees. */
static inline void
fixture_end(struct fixture *f)
{
	struct counter_totals t;
	struct frame ignored;

	while (wire_take(f, &ignored))
		;
	for (uint16_t w = 0; w < f->dp->options.workers; w++) {
		dataplane_worker_totals(f->dp, w, &t);
		cr_expect(eq(u64, counter_totals_in(&t), counter_totals_out(&t)), "worker %u", w);
	}
	dataplane_totals(f->dp, &t);
	cr_expect(eq(u64, counter_totals_in(&t), counter_totals_out(&t)));
	dataplane_stop(f->dp);
	dataplane_totals(f->dp, &t);
	cr_expect(eq(u64, t.held, 0));
	cr_expect(eq(u64, counter_totals_in(&t), counter_totals_out(&t)));
	cr_expect(eq(u32, rte_mempool_avail_count(f->dp->pool), 4096));
	dataplane_destroy(f->dp);
	for (unsigned i = 0; i < f->snapshots_count; i++) {
		bind_table_destroy(f->snapshots[i]->bindings);
		free(f->snapshots[i]);
	}
	segments_free(f->app.segment, f->app.peer);
	for (unsigned i = 0; i < array_length(f->port); i++)
		segments_free(f->port[i].segment, f->port[i].peer);
	free(f);
}

static inline struct frame
udp4(uint16_t from, uint16_t to, uint32_t payload)
{
	struct frame f;

	frame_ethernet(&f, 0, 0x0800);
	frame_ipv4(&f, 17, NULL, 0);
	frame_udp(&f, from, to, payload);
	frame_finish(&f);
	return f;
}

static inline struct frame
udp6(uint16_t from, uint16_t to, uint32_t payload)
{
	struct frame f;

	frame_ethernet(&f, 0, 0x86dd);
	frame_ipv6(&f, 17, NULL, 0, 17);
	frame_udp(&f, from, to, payload);
	frame_finish(&f);
	return f;
}

/* The IP packet that answers `f`: addresses and ports swapped. */
static inline void
answer_of(const struct frame *f, uint8_t *ip, uint32_t *bytes)
{
	const bool v4 = f->bytes[f->l3] >> 4 == 4;
	const uint32_t at = v4 ? 12 : 8, length = v4 ? 4 : 16, l4 = f->l4 - f->l3;

	*bytes = f->length - f->l3;
	memcpy(ip, f->bytes + f->l3, *bytes);
	memcpy(ip + at, f->bytes + f->l3 + at + length, length);
	memcpy(ip + at + length, f->bytes + f->l3 + at, length);
	memcpy(ip + l4, f->bytes + f->l4 + 2, 2);
	memcpy(ip + l4 + 2, f->bytes + f->l4, 2);
}
