/* SPDX-License-Identifier: BSD-3-Clause */
/* test_client_rings.c: libberth's receiving, waiting and sending against rings that hold packets,
 * nothing, or nonsense. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <poll.h>
#include <sched.h>
#include <unistd.h>

#include "client/client_priv.h"
#include "common/base/check.h"
#include "tests/support/fake_daemon.h"
#include "tests/unit/leftovers.h"

struct fixture {
	struct leftovers before;
	struct fake_daemon d;
	struct berth *b;
	struct berth_port *port;
	_Atomic bool hang_up;
};

/* Serves until the application leaves, or hangs up when told. */
static void
play(struct fake_daemon *d, void *context)
{
	struct fixture *f = context;
	struct message_request q;

	fake_serve(d, MESSAGE_HELLO);
	fake_serve(d, MESSAGE_PORT_OPEN);
	if (!atomic_load(&f->hang_up))
		while (fake_take(d, &q)) {
			const struct message_reply r = { .version = MESSAGE_VERSION,
							 .type = q.type };

			fake_send(d, &r, sizeof(r), NULL, 0);
		}
}

static void
fixture_make(struct fixture *f, bool hang_up)
{
	f->before = leftovers_now();
	f->hang_up = hang_up;
	fake_daemon_start(&f->d, play, f);
	cr_assert(zero(int, berth_open(f->d.path, "test", NULL, &f->b)));
	cr_assert(zero(int, berth_port_open(f->b, "port", NULL, &f->port)));
}

static void
fixture_end(struct fixture *f)
{
	struct leftovers now;

	berth_close(f->b);
	fake_daemon_stop(&f->d);
	now = leftovers_now();
	cr_expect(all(eq(u32, now.fds, f->before.fds), eq(u32, now.maps, f->before.maps)));
}

/* berthd's part: one record of a packet, without regard for what fits. */
static void
produce(struct fixture *f, uint32_t ring, const struct record *head, uint32_t space)
{
	_Atomic uint32_t *produced = &f->d.port.ours->counts[ring].bytes;
	const uint32_t at = atomic_load(produced);
	uint8_t *to = segment_ring(f->d.port.ours, FAKE_RINGS, FAKE_BYTES, ring);

	const struct record_head packed = record_pack(head);

	memcpy(to + (at & (FAKE_BYTES - 1)), &packed, sizeof(packed));
	atomic_store_explicit(produced, at + space, memory_order_release);
}

static void
packet(struct fixture *f, uint32_t ring, uint32_t bytes)
{
	const struct record head = { .packet_bytes = (uint16_t)bytes,
				     .l4_offset = 20,
				     .payload_offset = 28,
				     .proto = PROTO_UDP };

	produce(f, ring, &head, record_space(bytes));
}

static void
wake(struct fixture *f)
{
	const uint64_t one = 1;

	cr_assert(eq(sz, (size_t)write(f->d.wake_fd, &one, sizeof(one)), sizeof(one)));
}

static bool
fd_readable(struct fixture *f)
{
	struct pollfd p = { .fd = berth_fd(f->port), .events = POLLIN };

	return poll(&p, 1, 0) == 1;
}

TestSuite(client_rings, .timeout = 60);

/* Goal: packets of all rings come out, and their room goes back only with the release. */
Test(client_rings, receives)
{
	struct berth_packet packets[8];
	struct fixture f;

	fixture_make(&f, false);
	cr_expect(eq(u16, berth_rx_burst(f.port, packets, 8), 0));
	packet(&f, 0, 100);
	packet(&f, 1, 200);
	packet(&f, 1, 300);
	cr_expect(eq(int, berth_wait(f.port, 0), 1));
	cr_assert(eq(u16, berth_rx_burst(f.port, packets, 8), 3));
	cr_expect(eq(u32, packets[0].bytes + packets[1].bytes + packets[2].bytes, 600));
	cr_expect(eq(u32, atomic_load(&f.d.port.peer->counts[1].bytes), 0));
	berth_release(f.port);
	cr_expect(eq(u32, atomic_load(&f.d.port.peer->counts[0].bytes), record_space(100)));
	cr_expect(eq(u32, atomic_load(&f.d.port.peer->counts[1].bytes),
		     record_space(200) + record_space(300)));
	fixture_end(&f);
}

static void *
deliver_to_sleeper(void *context)
{
	struct fixture *f = context;
	struct port_sleep *sleep = segment_sleep(f->d.port.peer, FAKE_RINGS);

	/* A wake-up for nothing first: the sleeper goes back to sleep. */
	while (atomic_load(&sleep->sleeping) == 0)
		sched_yield();
	wake(f);
	while (fd_readable(f))
		sched_yield();
	packet(f, 1, 64);
	wake(f);
	return NULL;
}

/* Goal: a sleeper is woken by a packet and by nothing less, and disarms its port. */
Test(client_rings, wakes)
{
	struct berth_packet one;
	pthread_t daemon;
	struct fixture f;

	fixture_make(&f, false);
	cr_assert(zero(int, pthread_create(&daemon, NULL, deliver_to_sleeper, &f)));
	cr_expect(eq(int, berth_wait(f.port, -1), 1));
	cr_assert(zero(int, pthread_join(daemon, NULL)));
	cr_expect(eq(u16, berth_rx_burst(f.port, &one, 1), 1));
	cr_expect(eq(u32, atomic_load(&f.port->sleep->sleeping), 0));
	berth_fd_disarm(f.port);
	cr_expect(not(fd_readable(&f)));
	cr_expect(eq(int, berth_wait(f.port, 0), 0));
	cr_expect(eq(int, berth_wait(f.port, 1), 0));
	fixture_end(&f);
}

/* Goal: arming tells of packets that are there already, and the descriptor of those that come. */
Test(client_rings, arms)
{
	struct berth_packet one;
	struct fixture f;

	fixture_make(&f, false);
	packet(&f, 0, 64);
	cr_expect(eq(int, berth_fd_arm(f.port), 1));
	cr_expect(eq(u32, atomic_load(&f.port->sleep->sleeping), 0));
	cr_expect(eq(u16, berth_rx_burst(f.port, &one, 1), 1));
	cr_expect(eq(int, berth_fd_arm(f.port), 0));
	cr_expect(eq(u32, atomic_load(&f.port->sleep->sleeping), 1));
	cr_expect(eq(u32, atomic_load(&f.d.port.peer->counts[0].bytes), record_space(64)));
	cr_expect(not(fd_readable(&f)));
	wake(&f);
	wake(&f);
	cr_expect(fd_readable(&f));
	berth_fd_disarm(f.port);
	cr_expect(not(fd_readable(&f)));
	cr_expect(eq(u32, atomic_load(&f.port->sleep->sleeping), 0));
	fixture_end(&f);
}

/* Goal: what came before berthd ended is reported first, then its end, from each call. */
Test(client_rings, hang_up)
{
	struct berth_packet one;
	struct fixture f;

	fixture_make(&f, true);
	packet(&f, 0, 64);
	cr_expect(eq(int, berth_wait(f.port, -1), 1));
	cr_expect(eq(u16, berth_rx_burst(f.port, &one, 1), 1));
	cr_expect(eq(int, berth_wait(f.port, -1), -ECONNRESET));
	cr_expect(eq(int, berth_wait(f.port, 0), -ECONNRESET));
	cr_expect(eq(int, berth_fd_arm(f.port), -ECONNRESET));
	cr_expect(eq(u32, atomic_load(&f.port->sleep->sleeping), 0));
	cr_expect(eq(int, berth_bind(f.port, "udp/*:53", 0, NULL), -ECONNRESET));
	fixture_end(&f);
}

/* Goal: a record or count that makes no sense gives no packet, ever; the port's other ring goes on,
 * and then the port says what is wrong. Method: a table, each on a fresh port, behind a packet. */
Test(client_rings, nonsense)
{
	static const struct {
		const char *what;
		struct record head;
		uint32_t space; /* that the count grows by */
	} cases[] = {
		{ "no bytes", { 0 }, 64 },
		{ "bytes beyond the count", { .packet_bytes = 64 }, 64 },
		{ "bytes beyond every packet", { .packet_bytes = PACKET_BYTES_MAX + 1 }, 16384 },
		{ "all bits of bytes", { .packet_bytes = RECORD_BYTES_MASK }, 64 },
		{ "transport past the packet",
		  { .packet_bytes = 20, .l4_offset = 24, .payload_offset = 24 },
		  64 },
		{ "payload past the packet",
		  { .packet_bytes = 20, .l4_offset = 20, .payload_offset = 24 },
		  64 },
		{ "a pad that is too short", { .flags = RECORD_PAD }, 64 },
		{ "a count that is no line", { .packet_bytes = 20 }, 32 },
		{ "a count beyond the ring", { .packet_bytes = 20 }, FAKE_BYTES + 64 },
		{ "a count that went back", { .packet_bytes = 20 }, (uint32_t)-64 },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct berth_packet packets[8];
		struct fixture f;

		fixture_make(&f, false);
		packet(&f, 0, 64);
		cr_assert(eq(u16, berth_rx_burst(f.port, packets, 8), 1), "%s", cases[i].what);
		produce(&f, 0, &cases[i].head, cases[i].space);
		cr_expect(eq(u16, berth_rx_burst(f.port, packets, 8), 0), "%s", cases[i].what);
		packet(&f, 1, 64);
		cr_expect(eq(int, berth_wait(f.port, -1), 1), "%s", cases[i].what);
		cr_expect(eq(u16, berth_rx_burst(f.port, packets, 8), 1), "%s", cases[i].what);
		cr_expect(eq(int, berth_wait(f.port, -1), -EPROTO), "%s", cases[i].what);
		cr_expect(eq(int, berth_fd_arm(f.port), -EPROTO), "%s", cases[i].what);
		cr_expect(eq(u16, berth_rx_burst(f.port, packets, 8), 0), "%s", cases[i].what);
		fixture_end(&f);
	}
}

/* Goal: sending fills the ring and no more, and a count of berthd's that makes no sense ends it. */
Test(client_rings, sends)
{
	static uint8_t bytes[FAKE_MTU + 1] = { 0x45 };
	struct berth_packet p = { .data = bytes, .bytes = 1000, .flow = 1 };
	uint32_t sent = 0;
	struct fixture f;
	int rc;

	fixture_make(&f, false);
	p.bytes = FAKE_MTU + 1;
	cr_expect(eq(int, berth_tx_burst(f.b, &p, 1), -EMSGSIZE));
	p.bytes = 19;
	cr_expect(eq(int, berth_tx_burst(f.b, &p, 1), -EINVAL));
	p.bytes = 1000;
	while ((rc = berth_tx_burst(f.b, &p, 1)) == 1)
		sent++;
	cr_expect(eq(int, rc, -EAGAIN));
	cr_expect(eq(u32, sent, FAKE_BYTES / record_space(1000)));
	cr_expect(eq(u32, atomic_load(&f.d.app.peer->counts[0].bytes), sent * record_space(1000)));
	/* One packet's room comes back; then a count that berthd cannot have reached. */
	atomic_store(&f.d.app.ours->counts[0].bytes, 2 * record_space(1000));
	cr_expect(eq(int, berth_tx_burst(f.b, &p, 1), 1));
	atomic_store(&f.d.app.ours->counts[0].bytes, 4 * FAKE_BYTES);
	while ((rc = berth_tx_burst(f.b, &p, 1)) == 1)
		;
	cr_expect(eq(int, rc, -EPROTO));
	cr_expect(eq(int, berth_tx_burst(f.b, &p, 1), -EPROTO));
	fixture_end(&f);
}
