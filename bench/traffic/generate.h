/* SPDX-License-Identifier: BSD-3-Clause */
/* generate.h: makes the packets of a mix one after another. Served by generate.c. */
#pragma once

#include <stdint.h>

#include "bench/traffic/expect.h"
#include "bench/traffic/frame.h"
#include "bench/traffic/mix.h"

#define FLOWS_MAX 64000000u

/* Packets on the VLAN go to other addresses, so that a link of their own can have them. */
#define TRAFFIC_VLAN 100

struct traffic {
	struct mix mix;
	uint64_t seed;
	uint32_t flows; /* mix.services_count..FLOWS_MAX */
	uint8_t dst_mac[6];
	uint8_t src_mac[6];
	uint8_t dst4[4];
	uint8_t dst6[16];
};

struct generator;

/* `traffic` and `expect` are borrowed until generator_destroy(). NULL when there is no memory. */
struct generator *generator_create(const struct traffic *traffic, struct expect *expect);
void generator_destroy(struct generator *generator);

/* Makes the next packet and counts what is expected of it. */
void generator_next(struct generator *generator, struct frame *frame);
