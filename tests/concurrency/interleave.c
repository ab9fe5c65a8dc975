/* SPDX-License-Identifier: BSD-3-Clause */
/* interleave.c: the explorer: fibers, words with their histories, and the choices of a run. */
#include "tests/concurrency/interleave.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <ucontext.h>

#define WORDS_MAX   256
#define VALUES_MAX  24
#define CHOICES_MAX 4096
#define RUNS_MAX    20000000ull
#define STACK_BYTES (256u << 10)
#define NOBODY      INTERLEAVE_THREADS

/* Per word, the number of the oldest value that may be read. */
struct view {
	uint8_t oldest[WORDS_MAX];
};

struct value {
	uint64_t bits;
	struct view passed; /* by a release store; else of this word alone */
};

struct word {
	uintptr_t address;
	unsigned values_count;
	struct value values[VALUES_MAX];
};

/* Addresses and who stores there, learnt from all runs so far. */
struct habit {
	uintptr_t address;
	unsigned writers; /* a bit per thread */
};

static const struct interleave_scenario *scenario;
static ucontext_t explorer, fibers[INTERLEAVE_THREADS];
static uint8_t stacks[INTERLEAVE_THREADS][STACK_BYTES];
static bool finished[INTERLEAVE_THREADS];
static unsigned running = NOBODY;
static struct view views[INTERLEAVE_THREADS];

static struct word words[WORDS_MAX];
static unsigned words_count;
static struct habit habits[WORDS_MAX];
static unsigned habits_count;
static bool learnt; /* something new in this exploration: it starts again */

static struct {
	unsigned taken, count;
} choices[CHOICES_MAX];
static unsigned choices_count, choice_next;

_Noreturn void
interleave_fail(const char *what)
{
	printf("%s: %s; choices:", scenario != NULL ? scenario->name : "outside", what);
	for (unsigned i = 0; i < choice_next; i++)
		printf(" %u/%u", choices[i].taken, choices[i].count);
	printf("\n");
	exit(1);
}

/* One of 0..count-1: as in the last run up to where it differs, then the first. */
static unsigned
choose(unsigned count)
{
	if (count == 1)
		return 0;
	if (choice_next == CHOICES_MAX)
		interleave_fail("too many choices");
	if (choice_next == choices_count) {
		choices[choices_count].taken = 0;
		choices[choices_count++].count = count;
	}
	if (choices[choice_next].count != count)
		interleave_fail("a run cannot be repeated");
	return choices[choice_next++].taken;
}

/* Whether there is a run after this one; sets the choices that lead there. */
static bool
choices_advance(void)
{
	while (choices_count > 0) {
		if (++choices[choices_count - 1].taken < choices[choices_count - 1].count)
			return true;
		choices_count--;
	}
	return false;
}

/* ---- words ---- */

static unsigned
word_find(uintptr_t address)
{
	unsigned i = 0;

	while (i < words_count && words[i].address != address)
		i++;
	if (i == WORDS_MAX)
		interleave_fail("too many words");
	if (i == words_count) {
		struct word *w = &words[words_count++];

		w->address = address;
		w->values_count = 1;
		memcpy(&w->values[0].bits, (const void *)address, sizeof(uint64_t));
		memset(&w->values[0].passed, 0, sizeof(struct view));
	}
	return i;
}

static struct habit *
habit_of(uintptr_t address)
{
	unsigned i = 0;

	while (i < habits_count && habits[i].address != address)
		i++;
	if (i == WORDS_MAX)
		interleave_fail("too many words");
	if (i == habits_count)
		habits[habits_count++] = (struct habit){ .address = address };
	return &habits[i];
}

static void
view_join(struct view *to, const struct view *from)
{
	for (unsigned i = 0; i < words_count; i++) {
		if (from->oldest[i] > to->oldest[i])
			to->oldest[i] = from->oldest[i];
	}
}

/* ---- threads ---- */

static void
switch_to(unsigned thread)
{
	const unsigned self = running;

	running = thread;
	swapcontext(&fibers[self], &fibers[thread]);
}

/* Lets one of the threads that store to this word go first, or nobody. Whoever is resumed performs
 * the load before which it stood. */
static void
wait_for_writers(uintptr_t address)
{
	const unsigned writers = habit_of(address)->writers & ~(1u << running);
	unsigned others[INTERLEAVE_THREADS], count = 0;

	for (unsigned t = 0; t < scenario->threads; t++) {
		if ((writers >> t & 1) != 0 && !finished[t])
			others[count++] = t;
	}
	const unsigned choice = choose(count + 1);

	if (choice > 0)
		switch_to(others[choice - 1]);
}

static void
fiber_main(void)
{
	scenario->run[running]();
	finished[running] = true;
	for (unsigned t = 0; t < scenario->threads; t++) {
		if (!finished[t]) {
			running = t;
			setcontext(&fibers[t]);
		}
	}
	running = NOBODY;
	setcontext(&explorer);
}

/* ---- accesses ---- */

uint64_t
interleave_load(const void *object, size_t bytes, memory_order order)
{
	const uintptr_t address = (uintptr_t)object & ~(uintptr_t)7;
	const unsigned shift = ((uintptr_t)object & 7) * 8;
	uint64_t bits;

	if (running == NOBODY) {
		memcpy(&bits, (const void *)address, sizeof(bits));
	} else {
		wait_for_writers(address);

		struct view *view = &views[running];
		const unsigned i = word_find(address);
		const unsigned newest = words[i].values_count - 1;
		const unsigned read = newest - choose(newest - view->oldest[i] + 1);

		view->oldest[i] = (uint8_t)read;
		if (order == memory_order_acquire)
			view_join(view, &words[i].values[read].passed);
		bits = words[i].values[read].bits;
	}
	return bits >> shift & (bytes == 8 ? UINT64_MAX : (1ull << bytes * 8) - 1);
}

/* Adds a value to the word's history, and puts it into memory. Only one thread stores to a word, so
 * the newest value is what its own last store left. */
static void
word_store(uintptr_t address, uint64_t bits, bool release)
{
	const unsigned i = word_find(address);
	struct habit *habit = habit_of(address);
	struct view *view = &views[running];
	struct value *value;

	if (words[i].values_count == VALUES_MAX)
		interleave_fail("too many values");
	learnt |= (habit->writers >> running & 1) == 0;
	habit->writers |= 1u << running;
	view->oldest[i] = (uint8_t)words[i].values_count;
	value = &words[i].values[words[i].values_count++];
	value->bits = bits;
	memset(&value->passed, 0, sizeof(value->passed));
	value->passed.oldest[i] = view->oldest[i];
	if (release)
		value->passed = *view;
	memcpy((void *)address, &bits, sizeof(bits));
}

void
interleave_store(void *object, size_t bytes, uint64_t value, memory_order order)
{
	const uintptr_t address = (uintptr_t)object & ~(uintptr_t)7;
	const unsigned shift = ((uintptr_t)object & 7) * 8;
	const uint64_t mask = (bytes == 8 ? UINT64_MAX : (1ull << bytes * 8) - 1) << shift;
	uint64_t bits;

	memcpy(&bits, (const void *)address, sizeof(bits));
	bits = (bits & ~mask) | (value << shift & mask);
	if (running == NOBODY)
		memcpy((void *)address, &bits, sizeof(bits));
	else
		word_store(address, bits, order == memory_order_release);
}

void
interleave_write(void *to, const void *from, size_t bytes)
{
	for (size_t at = 0; at < bytes; at += 8) {
		uint64_t bits;

		memcpy(&bits, (const uint8_t *)from + at, sizeof(bits));
		interleave_store((uint8_t *)to + at, sizeof(bits), bits, memory_order_relaxed);
	}
}

void
interleave_read(void *to, const void *from, size_t bytes)
{
	memcpy(to, from, bytes);
	if (running == NOBODY)
		return;
	for (size_t at = 0; at < bytes; at += 8) {
		const unsigned i = word_find((uintptr_t)from + at);

		if (views[running].oldest[i] + 1u != words[i].values_count)
			interleave_fail("a plain read races with a store");
	}
}

/* ---- exploration ---- */

static void
run_once(void)
{
	scenario->setup();
	words_count = 0;
	choice_next = 0;
	memset(views, 0, sizeof(views));
	for (unsigned t = 0; t < scenario->threads; t++) {
		finished[t] = false;
		getcontext(&fibers[t]);
		fibers[t].uc_stack.ss_sp = stacks[t];
		fibers[t].uc_stack.ss_size = STACK_BYTES;
		fibers[t].uc_link = NULL;
		makecontext(&fibers[t], fiber_main, 0);
	}
	running = 0;
	swapcontext(&explorer, &fibers[0]);
	if (scenario->finish != NULL)
		scenario->finish();
}

uint64_t
interleave_explore(const struct interleave_scenario *s)
{
	uint64_t runs = 0;

	scenario = s;
	habits_count = 0;
	do {
		choices_count = 0;
		runs = 0;
		do {
			learnt = false;
			run_once();
			if (++runs == RUNS_MAX)
				interleave_fail("no end of runs");
		} while (!learnt && choices_advance());
	} while (learnt);
	return runs;
}
