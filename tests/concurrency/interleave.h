/* SPDX-License-Identifier: BSD-3-Clause */
/* interleave.h: runs two or three threads of real code in every way that C's memory model allows.
 *
 * The threads are fibers of one thread. Memory is what C11 says of release, acquire and relaxed
 * accesses: each word has all values that were stored in it, in order; a thread has for each word
 * the oldest of them that it may still read (its view). A load reads any value from there on, and
 * moves the view; a release store passes its thread's view along with the value, and a load with
 * acquire takes over what came with it. So a load may return what is long overwritten, unless an
 * acquire has shown the thread that it is. Plain reads must not have such a choice: that is a data
 * race, and fails.
 *
 * Explored are, depth first and by replay, all choices of
 *   - the value that a load returns, and
 *   - whether a load waits for another thread that stores to the same word.
 * That is all there is: a load that comes later can return whatever it could before, so nothing is
 * lost by letting a thread run on until it may want to read what another one has not stored yet.
 * Not modelled: seq_cst, fences, and stores that are seen before the loads ahead of them (no
 * processor of ours does that across a dependency). Words of 8 bytes are taken as a whole. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#define INTERLEAVE_THREADS 3

struct interleave_scenario {
	const char *name;
	unsigned threads;
	void (*setup)(void); /* before each run: puts memory back as it was */
	void (*run[INTERLEAVE_THREADS])(void);
	void (*finish)(void); /* after each run; may be NULL */
};

/* Runs the scenario in every way. Returns how many there were; ends the process with status 1 at
 * the first complaint, having said what and where. */
uint64_t interleave_explore(const struct interleave_scenario *scenario);

/* Ends the exploration: what must not happen did. */
_Noreturn void interleave_fail(const char *what);

/* The accesses; outside of a run they go to memory directly. `bytes` 1, 2, 4 or 8, aligned. */
uint64_t interleave_load(const void *object, size_t bytes, memory_order order);
void interleave_store(void *object, size_t bytes, uint64_t value, memory_order order);
/* Plain ones, of whole words. */
void interleave_write(void *to, const void *from, size_t bytes);
void interleave_read(void *to, const void *from, size_t bytes);
