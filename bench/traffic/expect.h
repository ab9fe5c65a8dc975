/* SPDX-License-Identifier: BSD-3-Clause */
/* expect.h: what a right demultiplexer counts for a capture. Served by expect.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "bench/traffic/frame.h"
#include "bench/traffic/mix.h"

struct expect;

/* NULL when there is no memory. */
struct expect *expect_create(void);
void expect_destroy(struct expect *expect);

/* Counts a valid packet; `new_flow`: the first of its conversation. */
void expect_add(struct expect *expect, const struct frame_spec *spec, const struct frame *frame,
		bool new_flow);
/* Counts a packet that must be dropped as malformed_list[index] says. */
void expect_add_malformed(struct expect *expect, unsigned index);

/* Writes all counts as JSON. 0 or a negative errno. */
int expect_write(const struct expect *expect, const struct mix *mix, uint64_t seed, FILE *out);
