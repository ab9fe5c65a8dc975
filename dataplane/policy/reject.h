/* SPDX-License-Identifier: BSD-3-Clause */
/* reject.h: the polite refusal of a packet that nobody wants, and how many of them per second.
 * Served by reject.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/parse/parse.h"

/* Room for the longest refusal: two VLAN tags and an ICMPv6 error of the minimum MTU. */
#define REJECT_FRAME_BYTES (14 + 2 * 4 + 1280)

/* Writes to `out`, of `capacity` bytes, the refusal of the packet `p` of `frame`, back to the
 * station it came from, with its VLAN tags: for TCP a reset (RFC 9293 3.10.7.1), for UDP an ICMP
 * port unreachable that quotes as much of the packet as RFC 1812 4.3.2.3 (576 bytes in all) or
 * RFC 4443 3.1 (1280) allow. Returns the frame's length; -ENOMSG when nothing may be sent: to a
 * reset, to an ICMP message, to a packet for or from more than one station (RFC 1122 3.2.2,
 * RFC 4443 2.4 e); -ENOSPC when `capacity` is below what is to be written. `out` does not overlap
 * `frame`. */
int reject_build(const uint8_t *frame, const struct packet *p, uint8_t *out, uint32_t capacity);

/* A token bucket (RFC 1812 4.3.2.8, RFC 4443 2.4 f): `per_second` refusals each second, as many at
 * once. One thread. */
struct reject_limit {
	uint64_t credit;  /* thousandths of a refusal; at most 1000 * per_second */
	uint64_t last_ms; /* until when credit was given */
	uint32_t per_second;
};

/* Starts full; `per_second` 0 refuses all. Time is that of any clock in milliseconds. */
void reject_limit_init(struct reject_limit *limit, uint32_t per_second, uint64_t now_ms);

/* Takes one refusal from the bucket; false when it is empty. A clock that goes back gives nothing.
 */
bool reject_limit_take(struct reject_limit *limit, uint64_t now_ms);
