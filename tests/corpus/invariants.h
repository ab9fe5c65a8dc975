/* SPDX-License-Identifier: BSD-3-Clause */
/* invariants.h: what parse.h promises of every packet, whatever its bytes. Served by invariants.c.
 */
#pragma once

#include "dataplane/parse/parse.h"

/* Ends the process where `p`, which the parser made of `bytes` at `frame` with `flags` and `reason`
 * as its answer, breaks a promise. */
void packet_check(const uint8_t *frame, uint32_t bytes, unsigned flags, enum drop_reason reason,
		  const struct packet *p);
