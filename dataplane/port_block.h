/* SPDX-License-Identifier: BSD-3-Clause */
/* port_block.h: one worker's numbers of one port. */
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "dataplane/flow/flow.h"

/* One worker's numbers of one port id. Written by that worker, zeroed by it when it first sees a
 * new generation; read by control. */
struct port_block {
	alignas(CACHE_LINE) _Atomic port_ref ref;
	_Atomic uint64_t delivered, delivered_bytes, dropped, sent, sent_bytes, flows;
};
static_assert(sizeof(struct port_block) == CACHE_LINE, "one line");
