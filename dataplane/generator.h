/* SPDX-License-Identifier: BSD-3-Clause */
/* generator.h: what a nic that makes its own packets sends up. Constant once workers run, but for
 * the rates. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#define GENERATOR_IMIX      0 /* `bytes`: 7 frames of 64 bytes, 4 of 594 and 1 of 1518 (RFC 6985) */
#define GENERATOR_FLOWS_MAX (1u << 26)
#define GENERATOR_RATE_MAX  1000000000

/* Packets per second of each kind, of all queues together; 0 for `packets`: as many as are taken.
 */
struct generator_rates {
	uint32_t packets;   /* of the lasting flows */
	uint32_t new_flows; /* each the first and only packet of a flow */
	uint32_t syns;      /* TCP SYNs, each of another flow */
};

struct generator_options {
	uint32_t flows; /* 1..GENERATOR_FLOWS_MAX; 0: the nic is a real one */
	uint16_t zipf;  /* exponent of Zipf's law in hundredths; 0: all flows alike */
	uint16_t bytes; /* of each frame with its check sequence, 64..1518 */
	uint16_t port_first, port_last; /* destinations */
	uint8_t ipv6_percent;           /* of flows */
	bool tcp;                       /* data segments; else UDP */
	bool cold;                      /* no cache holds the frame when the worker reads it */
	bool checksums_verified;        /* as by a device */
	struct generator_rates rates;
};
