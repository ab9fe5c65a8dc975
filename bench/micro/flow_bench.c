/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_bench.c: what the flow table costs per packet, by number of flows and kind of work.
 *
 *   bench-flow [ROUNDS]
 *
 * Each table is filled to its capacity (75 % load), keys are IPv4 and asked for in random order, in
 * bursts. The rounds of all workloads are interleaved, so that what disturbs the machine disturbs
 * all alike; printed are the median and the least and greatest round. Pin it: taskset -c 1. */
#include <stdio.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/clock.h"
#include "common/base/identity.h"
#include "dataplane/track/track.h"

#define BURST          32u
#define KEYS_PER_ROUND (1u << 20)
#define ROUNDS_MAX     99u

static struct flow_secret secret; /* filled by main() */

struct bench {
	struct flow_table *t;
	uint32_t flows;
	struct flow_key *keys; /* `flows` of them are in the table, as many more are not */
	uint64_t *hashes;
	struct track_line *lines;
	uint32_t position; /* in the random order, kept from round to round */
};

static struct flow_key
key_number(uint32_t n)
{
	struct flow_key k = { .family = FAMILY_IPV4,
			      .proto = PROTO_UDP,
			      .port = { 443, (uint16_t)(1024 + n % 60000) } };
	const uint32_t remote = n / 60000;

	memcpy(k.addr[0], "\x0a\x00\x00\x01", 4);
	memcpy(k.addr[1], "\xc6\x33", 2);
	k.addr[1][2] = (uint8_t)(remote >> 8);
	k.addr[1][3] = (uint8_t)remote;
	return k;
}

/* Visits 0..n-1 in an order without locality: steps of a prime that does not divide n. */
static uint32_t
position_next(struct bench *b)
{
	b->position = (uint32_t)(((uint64_t)b->position + 2147483647u) % b->flows);
	return b->position;
}

static void
bench_make(struct bench *b, uint32_t flows)
{
	const struct flow_table_options options = { .capacity = flows,
						    .numa_node = -1,
						    .secret = secret };

	b->flows = flows;
	b->position = 0;
	b->keys = calloc(2 * (size_t)flows, sizeof(*b->keys));
	b->hashes = calloc(2 * (size_t)flows, sizeof(*b->hashes));
	panic_unless(b->keys != NULL && b->hashes != NULL);
	panic_unless(flow_table_create(&options, &b->t) == 0);
	b->lines = aligned_alloc(CACHE_LINE, flow_slots(b->t) * sizeof(*b->lines));
	panic_unless(b->lines != NULL);
	memset(b->lines, 0, flow_slots(b->t) * sizeof(*b->lines));
	/* Placed in the order of asking, so that reading the keys is not what is measured. */
	for (uint32_t i = 0; i < flows; i++) {
		const uint32_t n = position_next(b);
		uint32_t index;
		bool created;

		b->keys[i] = key_number(n);
		b->keys[flows + i] = key_number(flows + n);
		b->hashes[i] = flow_hash(&secret, &b->keys[i]);
		b->hashes[flows + i] = flow_hash(&secret, &b->keys[flows + i]);
		panic_unless(flow_insert(b->t, &b->keys[i], b->hashes[i], &index, &created) == 0);
	}
	b->position = 0;
}

/* The next burst of keys of the present (base 0) or absent (base `flows`) half. */
static uint32_t
burst_next(struct bench *b, uint32_t base)
{
	const uint32_t at = b->position + BURST <= b->flows ? b->position : 0;

	b->position = at + BURST;
	return base + at;
}

static uint32_t
work_lookup(struct bench *b, uint32_t base)
{
	uint32_t indices[BURST], sum = 0;

	for (uint32_t n = 0; n < KEYS_PER_ROUND; n += BURST) {
		const uint32_t at = burst_next(b, base);

		flow_lookup_burst(b->t, &b->keys[at], &b->hashes[at], indices, BURST);
		for (uint32_t i = 0; i < BURST; i++)
			sum += indices[i] == FLOW_NONE;
	}
	return sum;
}

static uint32_t
work_hit(struct bench *b)
{
	return work_lookup(b, 0);
}

static uint32_t
work_miss(struct bench *b)
{
	return KEYS_PER_ROUND - work_lookup(b, b->flows);
}

static uint32_t
work_hash_hit(struct bench *b)
{
	uint32_t indices[BURST], sum = 0;
	uint64_t hashes[BURST];

	for (uint32_t n = 0; n < KEYS_PER_ROUND; n += BURST) {
		const uint32_t at = burst_next(b, 0);

		flow_hash_burst(&secret, &b->keys[at], hashes, BURST);
		flow_lookup_burst(b->t, &b->keys[at], hashes, indices, BURST);
		for (uint32_t i = 0; i < BURST; i++)
			sum += indices[i] == FLOW_NONE;
	}
	return sum;
}

/* The same with three bursts in flight. */
static uint32_t
work_carried(struct bench *b)
{
	struct flow_batch batches[3] = { 0 };
	uint32_t indices[3][BURST], sum = 0;
	uint64_t hashes[3][BURST];

	for (uint32_t n = 0; n < KEYS_PER_ROUND / BURST; n++) {
		const unsigned now = n % 3;
		const struct flow_batch *old = &batches[(n + 1) % 3];
		const struct flow_key *keys = &b->keys[burst_next(b, 0)];

		flow_hash_burst(&secret, keys, hashes[now], BURST);
		batches[now] = (struct flow_batch){
			.keys = keys, .hashes = hashes[now], .indices = indices[now], .n = BURST
		};
		flow_lookup_carry(b->t, &batches[now], &batches[(n + 2) % 3], old);
		for (uint32_t i = 0; i < old->n; i++)
			sum += old->indices[i] == FLOW_NONE;
	}
	return sum;
}

static uint32_t
work_hit_track(struct bench *b)
{
	const struct packet packet = { .kind = PACKET_TRANSPORT,
				       .l3_bytes = 100,
				       .key.proto = PROTO_UDP };
	uint32_t indices[BURST], sum = 0;
	uint64_t hashes[BURST];
	enum track_verdict verdict;

	for (uint32_t n = 0; n < KEYS_PER_ROUND; n += BURST) {
		const uint32_t at = burst_next(b, 0);

		flow_hash_burst(&secret, &b->keys[at], hashes, BURST);
		flow_lookup_burst(b->t, &b->keys[at], hashes, indices, BURST);
		for (uint32_t i = 0; i < BURST; i++) {
			if (indices[i] == FLOW_NONE) {
				sum++;
				continue;
			}
			track_packet(flow_entry_at(b->t, indices[i]),
				     flow_detail_at(b->t, indices[i]), &b->lines[indices[i]],
				     &packet, NULL, i % 2, 0, &verdict);
		}
	}
	return sum;
}

/* A deletion and an insertion of the same key each, with limbo emptied as if readers were quick. */
static uint32_t
work_churn(struct bench *b)
{
	uint32_t indices[BURST], sum = 0;
	bool created;

	for (uint32_t n = 0; n < KEYS_PER_ROUND; n += BURST) {
		const uint32_t at = burst_next(b, 0);

		flow_lookup_burst(b->t, &b->keys[at], &b->hashes[at], indices, BURST);
		for (uint32_t i = 0; i < BURST; i++)
			flow_delete(b->t, indices[i]);
		for (uint32_t i = 0; i < BURST; i++)
			indices[i] = FLOW_NONE;
		flow_insert_prefetch(b->t, &b->hashes[at], indices, BURST);
		for (uint32_t i = 0; i < BURST; i++) {
			if (flow_insert(b->t, &b->keys[at + i], b->hashes[at + i], &indices[i],
					&created) != 0)
				sum++;
		}
		if (flow_limbo_close(b->t) > 0)
			flow_limbo_free(b->t);
	}
	return sum;
}

static uint32_t
expire_never(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *context)
{
	(void)t;
	(void)index;
	(void)idle_ms;
	++*(uint32_t *)context;
	return 1;
}

/* Looks at as many slots, none of which has expired; three in four hold a flow. */
static uint32_t
work_expire(struct bench *b)
{
	uint32_t calls = 0;

	for (uint32_t n = 0; n < KEYS_PER_ROUND; n += 1024)
		flow_expire(b->t, 0, 1024 - 28, expire_never, &calls);
	return calls == 0;
}

static const struct {
	const char *name;
	uint32_t (*run)(struct bench *b); /* returns what went wrong: 0 */
} works[] = {
	{ "lookup, present", work_hit },
	{ "lookup, absent", work_miss },
	{ "hash and lookup, present", work_hash_hit },
	{ "the same, carried over", work_carried },
	{ "hash, lookup and track", work_hit_track },
	{ "lookup, delete, insert, free", work_churn },
	{ "expiry, per slot, none due", work_expire },
};

struct sample {
	double ns, cycles;
};

static int
sample_compare(const void *a, const void *b)
{
	const struct sample *x = a, *y = b;

	return (x->ns > y->ns) - (x->ns < y->ns);
}

static struct sample
measure(struct bench *b, unsigned work)
{
	struct timespec t0, t1;
	uint64_t cycles;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	cycles = clock_cycles();
	panic_unless(works[work].run(b) == 0);
	cycles = clock_cycles() - cycles;
	clock_gettime(CLOCK_MONOTONIC, &t1);
	return (struct sample){ ((double)(t1.tv_sec - t0.tv_sec) * 1e9 +
				 (double)(t1.tv_nsec - t0.tv_nsec)) /
					KEYS_PER_ROUND,
				(double)cycles / KEYS_PER_ROUND };
}

static void
bench_print(uint32_t flows, unsigned work, struct sample *samples, unsigned rounds)
{
	qsort(samples, rounds, sizeof(*samples), sample_compare);
	printf("%8u  %-30s %7.1f ns %7.1f cycles  (%.1f .. %.1f ns)\n", flows, works[work].name,
	       samples[rounds / 2].ns, samples[rounds / 2].cycles, samples[0].ns,
	       samples[rounds - 1].ns);
}

int
main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 1024, 100000, 1000000 };
	static struct sample samples[array_length(sizes)][array_length(works)][ROUNDS_MAX];
	const long wanted = argc > 1 ? strtol(argv[1], NULL, 10) : 9;
	struct bench benches[array_length(sizes)];
	unsigned rounds;

	for (unsigned i = 0; i < array_length(secret.key); i++)
		secret.key[i] = (i + 1) * 0x9e3779b97f4a7c15u;
	if (argc > 2 || wanted < 1 || wanted > (long)ROUNDS_MAX) {
		fprintf(stderr, "usage: bench-flow [ROUNDS 1..%u]\n", ROUNDS_MAX);
		return 2;
	}
	rounds = (unsigned)wanted;
	for (unsigned s = 0; s < array_length(sizes); s++)
		bench_make(&benches[s], sizes[s]);
	for (unsigned round = 0; round < rounds; round++) {
		for (unsigned s = 0; s < array_length(sizes); s++) {
			for (unsigned w = 0; w < array_length(works); w++)
				samples[s][w][round] = measure(&benches[s], w);
		}
	}
	printf("burst %u, load 75 %%, IPv4, random order, %u rounds of %u keys; per key:\n", BURST,
	       rounds, KEYS_PER_ROUND);
	for (unsigned s = 0; s < array_length(sizes); s++) {
		for (unsigned w = 0; w < array_length(works); w++)
			bench_print(sizes[s], w, samples[s][w], rounds);
		flow_table_destroy(benches[s].t);
		free(benches[s].keys);
		free(benches[s].hashes);
		free(benches[s].lines);
	}
	return 0;
}
