/* SPDX-License-Identifier: BSD-3-Clause */
/* reassemble.h: berth_reassemble() with the time as an argument. */
#pragma once

#include "client/include/berth/berth.h"

/* As berth_reassemble(), at `now_ms` of a clock that may wrap. */
uint16_t reassemble_burst(struct berth_reassembler *r, struct berth_packet *packets, uint16_t n,
			  uint32_t now_ms);
