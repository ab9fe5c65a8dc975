/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: rounds of the ring bench, all of one kind: a worker's delivery stage against reading
 * applications.
 *
 *   frames in memory ──▶ deliver_burst() (core A) ══ port rings ══▶ berth_rx_burst() (core B)
 *
 * The worker is berthd's own struct with a real flow table and publication; only what comes before
 * the stage is left out. Prints one JSON object. */
#include <errno.h>
#include <getopt.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "bench/ring/host.h"
#include "bench/ring/reader.h"
#include "common/base/bytes.h"
#include "common/base/clock.h"
#include "dataplane/worker/worker.h"

#define BUFFERS     BURST_MAX
#define FLOWS       128  /* as those of one burst, they fit into the nearest cache */
#define FRAMES      4096 /* after which the order is the same again; a whole number of bursts */
#define LINK_BYTES  14
#define FCS_BYTES   4
#define IPV4_BYTES  20
#define UDP_BYTES   8
#define EPOCH       1
#define CHECK_EVERY 8 /* bursts between two looks at how far the reader is */
#define WARM_UP     50000

struct options {
	int cores[2];
	unsigned applications, stalled;
	uint32_t frame_bytes, ring_bytes;
	unsigned rounds;
	double seconds; /* of each */
};

/* A buffer as the pool would give it. */
struct buffer {
	alignas(CACHE_LINE) struct rte_mbuf mbuf;
	alignas(CACHE_LINE) uint8_t data[RTE_PKTMBUF_HEADROOM + 2048];
};

static struct buffer buffers[BUFFERS];
static struct {
	uint32_t flows[FRAMES];
	port_ref ports[FRAMES];
} frames;

static void
fail(const char *what, int error)
{
	fprintf(stderr, "ring-bench: %s: %s\n", what, strerror(-error));
	exit(1);
}

static uint32_t
random_below(uint32_t bound)
{
	static uint64_t state = 0x9e3779b97f4a7c15u;

	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return (uint32_t)(((state >> 32) * bound) >> 32);
}

/* Gives a new flow to port `port`, as flows.c would have left it. */
static uint32_t
flow_make(struct worker *w, const struct flow_secret *secret, uint32_t n, port_ref port)
{
	struct flow_key key = { .family = FAMILY_IPV4, .proto = PROTO_UDP };
	struct flow_entry *e;
	uint32_t index;
	bool created;
	int rc;

	memcpy(key.addr[0], &n, sizeof(n));
	key.port[1] = 9000;
	rc = flow_insert(w->flows, &key, flow_hash(secret, &key), &index, &created);
	if (rc != 0)
		fail("flow_insert", rc);
	e = flow_entry_at(w->flows, index);
	/* Endpoint 0 sent first, so that endpoint 1 is the near side. */
	flow_entry_port_set(e, port_ref_id(port));
	atomic_store_explicit(&e->binding, n + 1, memory_order_relaxed);
	flow_entry_show(e, EPOCH);
	return index;
}

static struct worker *
worker_make(struct host *h)
{
	static struct dp_snapshot snapshot = { .epoch = EPOCH };
	struct worker *w = aligned_alloc(alignof(struct worker), sizeof(*w));
	/* Whatever the hash is, the stage does not see it. */
	static const struct flow_table_options table = { .capacity = FLOW_CAPACITY_MIN,
							 .numa_node = -1 };
	port_ref ports[FLOWS];
	uint32_t flows[FLOWS];
	int rc;

	if (w == NULL)
		fail("worker", -ENOMEM);
	memset(w, 0, sizeof(*w));
	for (unsigned i = 0; i < h->applications; i++) {
		snapshot.ports[i] = &h->ports[i]->dp;
		atomic_store_explicit(&w->ports[i].ref, h->ports[i]->dp.ref, memory_order_relaxed);
	}
	w->snapshot = &snapshot;
	steer_init(&w->steer);
	rc = flow_table_create(&table, &w->flows);
	if (rc != 0)
		fail("flow table", rc);
	for (unsigned i = 0; i < FLOWS; i++) {
		ports[i] = h->ports[i % h->applications]->dp.ref;
		flows[i] = flow_make(w, &table.secret, i, ports[i]);
	}
	for (unsigned i = 0; i < FRAMES; i++) {
		const uint32_t f = random_below(FLOWS);

		frames.flows[i] = flows[f];
		frames.ports[i] = ports[f];
	}
	return w;
}

/* The stages before have just read the frames, so they lie in the nearest cache. */
static void
frames_make(struct burst *b, uint32_t ip_bytes)
{
	for (unsigned i = 0; i < BUFFERS; i++) {
		struct rte_mbuf *m = &buffers[i].mbuf;
		uint8_t *ip = buffers[i].data + RTE_PKTMBUF_HEADROOM + LINK_BYTES;

		m->buf_addr = buffers[i].data;
		m->data_off = RTE_PKTMBUF_HEADROOM;
		m->data_len = (uint16_t)(LINK_BYTES + ip_bytes);
		ip[0] = 4 << 4 | IPV4_BYTES / 4;
		be16_store(ip + 2, (uint16_t)ip_bytes);
		ip[9] = PROTO_UDP;
		b->mbufs[i] = m;
	}
}

/* What the stages before leave in the burst and do not change here. */
static void
burst_prepare(struct burst *b, uint32_t ip_bytes)
{
	b->n = BURST_MAX;
	for (unsigned i = 0; i < BURST_MAX; i++)
		b->packets[i] = (struct packet){
			.key = { .family = FAMILY_IPV4, .proto = PROTO_UDP },
			.l3_offset = LINK_BYTES,
			.l3_bytes = (uint16_t)ip_bytes,
			.l4_offset = LINK_BYTES + IPV4_BYTES,
			.payload_offset = LINK_BYTES + IPV4_BYTES + UDP_BYTES,
			.kind = PACKET_TRANSPORT,
		};
}

static void
burst_load(struct burst *b, uint64_t turn)
{
	const unsigned first = (unsigned)(turn * BURST_MAX % FRAMES);

	memcpy(b->flows, &frames.flows[first], sizeof(b->flows));
	memcpy(b->ports, &frames.ports[first], sizeof(b->ports));
}

/* What the worker did. */
struct work {
	uint64_t packets;
	uint64_t cycles; /* without waiting for the reader */
};

/* Lets the reader come as near as a quarter of what the rings hold, when it is further behind than
 * half. Returns the cycles that it took. */
static uint64_t
wait_for_reader(const struct worker *w, const struct reader_work *reader, uint64_t room)
{
	const uint64_t start = clock_cycles();
	/* The port of the reader that never reads counts as delivered until its ring is full. */
	const uint64_t put = atomic_load_explicit(&w->counters.counters[COUNTER_delivered],
						  memory_order_relaxed);

	if (put - atomic_load_explicit(&reader->packets, memory_order_acquire) < room / 2)
		return 0;
	while (put - atomic_load_explicit(&reader->packets, memory_order_acquire) > room / 4)
		;
	return clock_cycles() - start;
}

/* Delivers until `packets` packets and `cycles` cycles have passed. */
static struct work
deliver(struct worker *w, const struct reader_work *reader, uint64_t room, uint64_t packets,
	uint64_t cycles)
{
	struct work done = { 0 };
	uint64_t start = clock_cycles(), waited = 0;

	for (uint64_t turn = 0; done.packets < packets || done.cycles < cycles; turn++) {
		burst_load(&w->burst, turn);
		deliver_burst(w, &w->burst);
		done.packets += BURST_MAX;
		if (turn % CHECK_EVERY != 0)
			continue;
		waited += wait_for_reader(w, reader, room);
		done.cycles = clock_cycles() - start - waited;
	}
	return done;
}

static double
clock_hz(void)
{
	const uint64_t start = clock_cycles();
	const struct timespec pause = { .tv_nsec = 20000000 };
	struct timespec t0, t1;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	nanosleep(&pause, NULL);
	clock_gettime(CLOCK_MONOTONIC, &t1);
	return (double)(clock_cycles() - start) /
	       ((double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9);
}

/* What the reader did until now. */
static struct work
reader_sample(const struct reader_work *r, uint64_t *bursts)
{
	const struct work w = {
		.packets = atomic_load_explicit(&r->packets, memory_order_acquire),
		.cycles = atomic_load_explicit(&r->cycles, memory_order_relaxed),
	};

	*bursts = atomic_load_explicit(&r->bursts, memory_order_relaxed);
	return w;
}

/* One round, between two exchanges, as one element of a JSON array. */
static void
round_run(const struct options *o, struct worker *w, struct shared *shared, uint64_t room,
	  uint64_t cycles)
{
	const double before = exchange_measure(&shared->exchange);
	uint64_t bursts, bursts_before;
	const struct work read = reader_sample(&shared->work, &bursts_before);
	const struct work done = deliver(w, &shared->work, room, 0, cycles);
	struct work after;

	wait_for_reader(w, &shared->work, o->stalled == 0 ? 0 : room);
	after = reader_sample(&shared->work, &bursts);
	after.packets -= read.packets;
	after.cycles -= read.cycles;
	printf("{\"packets\": %" PRIu64 ", \"daemon_cycles\": %.2f, \"application_cycles\": %.2f, "
	       "\"application_burst\": %.1f, \"one_way_cycles\": [%.1f, %.1f]}",
	       done.packets, (double)done.cycles / (double)done.packets,
	       (double)after.cycles / (double)(after.packets > 0 ? after.packets : 1),
	       (double)after.packets /
		       (double)(bursts > bursts_before ? bursts - bursts_before : 1),
	       before, exchange_measure(&shared->exchange));
}

static void
measure(const struct options *o, struct host *h, struct shared *shared)
{
	const uint32_t ip_bytes = o->frame_bytes - FCS_BYTES - LINK_BYTES;
	struct worker *w = worker_make(h);
	const uint64_t room = (uint64_t)(o->ring_bytes / record_space(ip_bytes)) * o->applications;
	const double hz = clock_hz();

	frames_make(&w->burst, ip_bytes);
	burst_prepare(&w->burst, ip_bytes);
	deliver(w, &shared->work, room, WARM_UP, 0);
	printf("{\"hz\": %.0f, \"record_bytes\": %u, \"rounds\": [", hz, record_space(ip_bytes));
	for (unsigned i = 0; i < o->rounds; i++) {
		fputs(i > 0 ? ",\n" : "\n", stdout);
		round_run(o, w, shared, room, (uint64_t)(o->seconds * hz));
	}
	printf("\n], \"dropped\": %" PRIu64 "}\n",
	       atomic_load_explicit(&w->counters.drops[DROP_RING_FULL], memory_order_relaxed));
	flow_table_destroy(w->flows);
	free(w);
}

static bool
options_parse(int argc, char **argv, struct options *o)
{
	static const struct option table[] = {
		{ "cores", required_argument, NULL, 'c' },
		{ "applications", required_argument, NULL, 'a' },
		{ "stalled", required_argument, NULL, 't' },
		{ "frame-bytes", required_argument, NULL, 'f' },
		{ "ring-bytes", required_argument, NULL, 'r' },
		{ "rounds", required_argument, NULL, 'n' },
		{ "seconds", required_argument, NULL, 's' },
		{ NULL, 0, NULL, 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "", table, NULL)) != -1) {
		if (option == 'c' && sscanf(optarg, "%d,%d", &o->cores[0], &o->cores[1]) == 2)
			continue;
		if (option == 'a')
			o->applications = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 't')
			o->stalled = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 'f')
			o->frame_bytes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'r')
			o->ring_bytes = (uint32_t)strtoul(optarg, NULL, 10);
		else if (option == 'n')
			o->rounds = (unsigned)strtoul(optarg, NULL, 10);
		else if (option == 's')
			o->seconds = strtod(optarg, NULL);
		else
			return false;
	}
	return optind == argc && o->applications >= 1 && o->stalled < o->applications &&
	       o->applications <= HOST_APPLICATIONS_MAX && o->frame_bytes >= 64 &&
	       o->frame_bytes <= 1518;
}

int
main(int argc, char **argv)
{
	struct options o = { .cores = { 0, 1 },
			     .applications = 1,
			     .frame_bytes = 64,
			     .ring_bytes = RING_BYTES_DEFAULT,
			     .rounds = 40,
			     .seconds = 0.005 };
	static struct host h;
	struct shared *shared = mmap(NULL, sizeof(*shared), PROT_READ | PROT_WRITE,
				     MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	pid_t child;
	int rc;

	if (!options_parse(argc, argv, &o) || shared == MAP_FAILED) {
		fprintf(stderr, "usage: ring-bench [--cores A,B] [--applications N] [--stalled N] "
				"[--frame-bytes N] [--ring-bytes N] [--rounds N] [--seconds S]\n");
		return 2;
	}
	rc = host_open(&h);
	if (rc != 0)
		fail("app.sock", rc);
	child = fork();
	if (child == 0) {
		prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(reader_run(h.path, o.cores[1], o.applications, o.stalled, o.ring_bytes,
				 shared));
	}
	rc = host_attach(&h, o.applications);
	if (rc != 0)
		fail("attaching", rc);
	if (!host_pin(o.cores[0]))
		fail("core", -EINVAL);
	measure(&o, &h, shared);
	kill(child, SIGKILL);
	waitpid(child, NULL, 0);
	host_close(&h);
	return 0;
}
