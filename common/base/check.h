/* SPDX-License-Identifier: BSD-3-Clause */
/* check.h: what to do when our own code is wrong; never used on outside data. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

/* Ends the process in every build when `condition`, an invariant of ours, does not hold. */
#define panic_unless(condition)                                                             \
	do {                                                                                \
		if (__builtin_expect(!(condition), 0)) {                                    \
			fprintf(stderr, "berth: broken invariant at %s:%d: %s\n", __FILE__, \
				__LINE__, #condition);                                      \
			abort();                                                            \
		}                                                                           \
	} while (0)

#define array_length(a) (sizeof(a) / sizeof((a)[0]))
