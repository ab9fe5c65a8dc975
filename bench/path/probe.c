/* SPDX-License-Identifier: BSD-3-Clause */
/* probe.c: what the machine itself costs: a cache line's way to another core, a mark, the clock.
 *
 *   path-probe CORE CORE
 *
 * Prints one JSON object: the frequency of the cycle counter, the cycles of one stage mark, those
 * of a fixed piece of work on the first core, and those of one way between the cores, as the median
 * over short exchanges. */
#include <pthread.h>
#include <sched.h>
#include <stdalign.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "common/base/limits.h"
#include "dataplane/worker/profile.h"

#define EXCHANGES 51
#define ROUNDS    1000u /* of one exchange; two ways each */
#define MARKS     200000u
#define WORK      2000000u
#define CLOCK_MS  20

static struct {
	alignas(CACHE_LINE) _Atomic uint32_t turn;
	alignas(CACHE_LINE) int cores[2];
} shared;

static bool
pin(int core)
{
	cpu_set_t set;

	if (core < 0 || core >= CPU_SETSIZE)
		return false;
	CPU_ZERO(&set);
	CPU_SET(core, &set);
	return sched_setaffinity(0, sizeof(set), &set) == 0;
}

static void
turn_await(uint32_t turn)
{
	/* Acquire pairs with the release in turn_pass(). */
	while (atomic_load_explicit(&shared.turn, memory_order_acquire) != turn)
		;
}

static void
turn_pass(uint32_t turn)
{
	atomic_store_explicit(&shared.turn, turn, memory_order_release);
}

/* Answers each even turn with the next odd one. */
static void *
answer(void *unused)
{
	(void)unused;
	if (!pin(shared.cores[1]))
		exit(1);
	for (uint32_t i = 0; i < EXCHANGES * ROUNDS; i++) {
		turn_await(2 * i + 1);
		turn_pass(2 * i + 2);
	}
	return NULL;
}

static int
compare(const void *a, const void *b)
{
	const double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static double
one_way_cycles(void)
{
	static double ways[EXCHANGES];
	pthread_t other;
	uint32_t turn = 0;

	if (pthread_create(&other, NULL, answer, NULL) != 0)
		exit(1);
	for (unsigned e = 0; e < EXCHANGES; e++) {
		const uint64_t start = clock_cycles();

		for (unsigned i = 0; i < ROUNDS; i++) {
			turn_pass(++turn);
			turn_await(++turn);
		}
		ways[e] = (double)(clock_cycles() - start) / (2 * ROUNDS);
	}
	pthread_join(other, NULL);
	qsort(ways, EXCHANGES, sizeof(ways[0]), compare);
	return ways[EXCHANGES / 2];
}

static double
mark_cycles(void)
{
	static struct {
		struct profile profile;
	} w;
	uint64_t start;

	profile_begin(&w);
	start = clock_cycles();
	for (unsigned i = 0; i < MARKS; i++)
		profile_mark(&w, STAGE_LOOP);
	return (double)(clock_cycles() - start) / MARKS;
}

/* Additions that do not wait for one another: as many at once as the core has room for, so that
 * one who shares the core, or a lower clock, shows. */
static double
work_cycles(void)
{
	uint64_t a = 1, b = 2, c = 3, d = 4, e = 5, f = 6;
	const uint64_t start = clock_cycles();

	for (unsigned i = 0; i < WORK; i++) {
		a += i, b ^= i, c += i, d ^= i, e += i, f ^= i;
		/* Keeps the compiler from making one sum of all turns. */
		__asm__ volatile("" : "+r"(a), "+r"(b), "+r"(c), "+r"(d), "+r"(e), "+r"(f));
	}
	return (double)(clock_cycles() - start) / WORK;
}

static double
clock_hz(void)
{
	struct timespec t0, t1;
	double seconds;
	uint64_t cycles;

	clock_gettime(CLOCK_MONOTONIC, &t0);
	cycles = clock_cycles();
	do {
		clock_gettime(CLOCK_MONOTONIC, &t1);
		seconds = (double)(t1.tv_sec - t0.tv_sec) + (double)(t1.tv_nsec - t0.tv_nsec) / 1e9;
	} while (seconds < CLOCK_MS / 1e3);
	return (double)(clock_cycles() - cycles) / seconds;
}

int
main(int argc, char **argv)
{
	if (argc != 3) {
		fprintf(stderr, "usage: path-probe CORE CORE\n");
		return 2;
	}
	shared.cores[0] = atoi(argv[1]);
	shared.cores[1] = atoi(argv[2]);
	if (!pin(shared.cores[0]))
		return 1;
	printf("{\"hz\": %.0f, \"mark_cycles\": %.2f, \"work_cycles\": %.3f, "
	       "\"one_way_cycles\": %.1f}\n",
	       clock_hz(), mark_cycles(), work_cycles(), one_way_cycles());
	return 0;
}
