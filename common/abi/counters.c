/* SPDX-License-Identifier: BSD-3-Clause */
/* counters.c: names and help of the counters, and the two sides of C1. */
#include "common/abi/counters.h"

#define X(name, help) #name,
const char *const counter_names[COUNTER_COUNT] = { COUNTER_LIST(X) };
#undef X
#define X(name, help) help,
const char *const counter_help[COUNTER_COUNT] = { COUNTER_LIST(X) };
#undef X
#define X(NAME, name, help, source) name,
const char *const drop_names[DROP_COUNT] = { DROP_LIST(X) };
#undef X
#define X(NAME, name, help, source) help,
const char *const drop_help[DROP_COUNT] = { DROP_LIST(X) };
#undef X
#define X(NAME, name, help, source) source,
const char *const drop_sources[DROP_COUNT] = { DROP_LIST(X) };
#undef X

uint64_t
counter_totals_in(const struct counter_totals *t)
{
	return t->counters[COUNTER_received] + t->counters[COUNTER_originated];
}

uint64_t
counter_totals_out(const struct counter_totals *t)
{
	static const enum counter ends[] = {
		COUNTER_delivered, COUNTER_kernel,   COUNTER_forwarded,
		COUNTER_answered,  COUNTER_rejected, COUNTER_transmitted,
	};
	uint64_t sum = t->held;

	for (unsigned i = 0; i < sizeof(ends) / sizeof(ends[0]); i++)
		sum += t->counters[ends[i]];
	for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++)
		sum += t->drops[i];
	return sum;
}
