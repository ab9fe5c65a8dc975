/* SPDX-License-Identifier: BSD-3-Clause */
/* ours.h: the sockets of a trial as berth has them: berthd's registry and the workers' table.
 * Served by ours.c. */
#pragma once

#include "tests/e2e/bind_linux/trial.h"

struct ours;

int ours_create(struct ours **out);
void ours_destroy(struct ours *o);

/* Opens socket `index` of a trial for a port of its own. 0, or the negative errno of the refusal.
 */
int ours_open(struct ours *o, unsigned index, const struct spec *s);
void ours_close(struct ours *o, unsigned index);

/* The index of the socket that gets a flow that begins with the packet, or NOBODY. */
int ours_probe(struct ours *o, const struct probe *p, uint64_t hash);
