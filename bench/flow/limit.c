/* SPDX-License-Identifier: BSD-3-Clause */
/* limit.c: what no table can beat: one random line of memory per key, and two, of which the first
 * names the second. Lines are asked for a burst ahead of their use, and into the second cache,
 * which has more misses on their way than the first: the faster way on the machines at hand. */
#include "bench/flow/contender.h"
#include "bench/flow/pages.h"
#include "common/base/check.h"

#define FETCH(line) __builtin_prefetch(line, 0, 2)

struct line {
	uint64_t packets, bytes;
	uint32_t last_seen_ms;
	uint32_t number;
	uint32_t next; /* of two lines: where the second is */
	uint8_t padding[36];
};
static_assert(sizeof(struct line) == 64, "one line");

struct limit {
	uint32_t flows;
	struct line *first;
	struct line *second; /* NULL: one line per flow */
};

static struct limit *
limit_make(uint32_t flows)
{
	struct limit *l = calloc(1, sizeof(*l));

	panic_unless(l != NULL);
	l->flows = flows;
	l->first = pages_map(flows * sizeof(struct line));
	for (uint32_t i = 0; i < flows; i++)
		l->first[i].number = i;
	return l;
}

static void *
line_create(uint32_t flows, uint8_t family)
{
	(void)family;
	return limit_make(flows);
}

/* The second lines lie in another order than the first: by steps of a prime. */
static void *
two_lines_create(uint32_t flows, uint8_t family)
{
	struct limit *l = limit_make(flows);

	(void)family;
	l->second = pages_map(flows * sizeof(struct line));
	for (uint32_t i = 0; i < flows; i++) {
		l->first[i].next = (uint32_t)(((uint64_t)i * 2147483629u + 7) % flows);
		l->second[l->first[i].next].number = i;
	}
	return l;
}

static void
limit_destroy(void *table)
{
	struct limit *l = table;

	pages_unmap(l->first);
	pages_unmap(l->second);
	free(l);
}

static uint64_t
limit_bytes(const void *table)
{
	const struct limit *l = table;

	return (l->second != NULL ? 2 : 1) * l->flows * sizeof(struct line);
}

static inline struct line *
first_of(const struct limit *l, uint32_t number)
{
	return &l->first[state_slot(number, l->flows)];
}

/* Asks for the first lines of the burst at `at`, if there is one. */
static inline void
fetch_burst(const struct limit *l, const struct keys *k, uint32_t at)
{
	if (at >= k->n)
		return;
	for (uint32_t i = 0; i < BURST; i++)
		FETCH(first_of(l, k->numbers[at + i]));
}

static inline void
line_account(struct line *line, uint32_t now_ms)
{
	line->packets++;
	line->bytes += STATE_PACKET_BYTES;
	line->last_seen_ms = now_ms;
}

static inline uint32_t
read_burst(struct line *const lines[BURST], const uint32_t *numbers)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < BURST; i++)
		hits += lines[i]->number == numbers[i];
	return hits;
}

static inline uint32_t
update_burst(struct line *const lines[BURST], const uint32_t *numbers, uint32_t now_ms)
{
	uint32_t hits = 0;

	for (uint32_t i = 0; i < BURST; i++) {
		if (lines[i]->number != numbers[i])
			continue;
		line_account(lines[i], now_ms);
		hits++;
	}
	return hits;
}

/* Without the pointers that two lines need: they would cost what is measured here. */
static uint32_t
line_lookup(void *table, const struct keys *k)
{
	const struct limit *l = table;
	uint32_t hits = 0;

	fetch_burst(l, k, 0);
	for (uint32_t at = 0; at < k->n; at += BURST) {
		fetch_burst(l, k, at + BURST);
		for (uint32_t i = 0; i < BURST; i++)
			hits += first_of(l, k->numbers[at + i])->number == k->numbers[at + i];
	}
	return hits;
}

static uint32_t
line_update(void *table, const struct keys *k, uint32_t now_ms)
{
	const struct limit *l = table;
	uint32_t hits = 0;

	fetch_burst(l, k, 0);
	for (uint32_t at = 0; at < k->n; at += BURST) {
		fetch_burst(l, k, at + BURST);
		for (uint32_t i = 0; i < BURST; i++) {
			struct line *line = first_of(l, k->numbers[at + i]);

			if (line->number == k->numbers[at + i]) {
				line_account(line, now_ms);
				hits++;
			}
		}
	}
	return hits;
}

/* Second lines of the burst at `at`, if there is one, whose first lines were asked for a burst
 * ago. */
static inline void
follow_burst(const struct limit *l, const struct keys *k, uint32_t at, struct line *lines[BURST])
{
	if (at >= k->n)
		return;
	for (uint32_t i = 0; i < BURST; i++) {
		lines[i] = &l->second[first_of(l, k->numbers[at + i])->next];
		FETCH(lines[i]);
	}
}

static uint32_t
two_lines_lookup(void *table, const struct keys *k)
{
	struct line *lines[2][BURST];
	uint32_t hits = 0;

	fetch_burst(table, k, 0);
	follow_burst(table, k, 0, lines[0]);
	fetch_burst(table, k, BURST);
	for (uint32_t at = 0; at < k->n; at += BURST) {
		const unsigned now = at / BURST % 2;

		follow_burst(table, k, at + BURST, lines[1 - now]);
		fetch_burst(table, k, at + 2 * BURST);
		hits += read_burst(lines[now], &k->numbers[at]);
	}
	return hits;
}

static uint32_t
two_lines_update(void *table, const struct keys *k, uint32_t now_ms)
{
	struct line *lines[2][BURST];
	uint32_t hits = 0;

	fetch_burst(table, k, 0);
	follow_burst(table, k, 0, lines[0]);
	fetch_burst(table, k, BURST);
	for (uint32_t at = 0; at < k->n; at += BURST) {
		const unsigned now = at / BURST % 2;

		follow_burst(table, k, at + BURST, lines[1 - now]);
		fetch_burst(table, k, at + 2 * BURST);
		hits += update_burst(lines[now], &k->numbers[at], now_ms);
	}
	return hits;
}

static void
limit_find(void *table, const struct keys *k, uint32_t *numbers)
{
	const struct limit *l = table;

	for (uint32_t i = 0; i < k->n; i++) {
		const struct line *first = first_of(l, k->numbers[i]);
		const struct line *line = l->second != NULL ? &l->second[first->next] : first;

		numbers[i] = line->number == k->numbers[i] ? line->number : NUMBER_NONE;
	}
}

const struct contender limit_line = {
	.name = "limit: 1 line",
	.is_limit = true,
	.forms = KEY_NUMBER,
	.create = line_create,
	.destroy = limit_destroy,
	.bytes = limit_bytes,
	.lookup = line_lookup,
	.update = line_update,
	.find = limit_find,
};

const struct contender limit_two_lines = {
	.name = "limit: 2 lines",
	.is_limit = true,
	.forms = KEY_NUMBER,
	.create = two_lines_create,
	.destroy = limit_destroy,
	.bytes = limit_bytes,
	.lookup = two_lines_lookup,
	.update = two_lines_update,
	.find = limit_find,
};
