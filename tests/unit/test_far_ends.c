/* SPDX-License-Identifier: BSD-3-Clause */
/* test_far_ends.c: names for the far ends of flows, against a plain array. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <signal.h>

#include "dataplane/worker/far_ends.h"
#include "tests/random.h"

#define VALUES 40000u /* more than there are names */
#define SPARE  1000u

static struct far_ends f;
static struct {
	uint16_t name;
	uint32_t flows;
} model[VALUES];

/* Goal: E1: a name stands for its value while a flow has it, no two values have one, and a value is
 * refused exactly when too few names are free. Method: random takes and leaves, checked against an
 * array that cannot collide; in between nearly all are given back. */
Test(far_ends, equals_model)
{
	const uint64_t seed = random_seed();
	struct random r = { seed };
	uint32_t used = 0;

	far_ends_init(&f, random_u64(&r));
	for (unsigned step = 0; step < 2000000; step++) {
		const uint32_t v = random_below(&r, VALUES);
		const uint16_t spare = random_one_in(&r, 2) ? SPARE : 0;

		if (random_below(&r, 100) < (step % 400000 < 200000 ? 70u : 20u)) {
			const bool known = model[v].flows > 0;
			const uint16_t name = far_ends_take(&f, v + 1, spare);

			if (!known && FAR_ENDS - 1 - used <= spare) {
				cr_assert(eq(u16, name, FAR_NONE), "seed %lu", seed);
				continue;
			}
			cr_assert(ne(u16, name, FAR_NONE), "seed %lu", seed);
			cr_assert(eq(u16, known ? name : model[v].name, model[v].name), "seed %lu",
				  seed);
			used += !known;
			model[v].name = name;
			model[v].flows++;
		} else if (model[v].flows > 0) {
			cr_assert(eq(u64, far_ends_value(&f, model[v].name), v + 1), "seed %lu",
				  seed);
			far_ends_leave(&f, model[v].name);
			used -= --model[v].flows == 0;
		}
	}
	for (uint32_t v = 0; v < VALUES; v++) {
		if (model[v].flows > 0)
			cr_assert(eq(u64, far_ends_value(&f, model[v].name), v + 1));
	}
	cr_expect(eq(u16, f.free_count, (uint16_t)(FAR_ENDS - 1 - used)));
	cr_expect(eq(u64, far_ends_value(&f, FAR_NONE), 0));
}

/* Goal: a name given back twice ends the process. Method: do it. */
Test(far_ends, refuses_to_leave_twice, .signal = SIGABRT)
{
	uint16_t name;

	far_ends_init(&f, 1);
	name = far_ends_take(&f, 7, 0);
	far_ends_leave(&f, FAR_NONE);
	far_ends_leave(&f, name);
	far_ends_leave(&f, name);
}
