/* SPDX-License-Identifier: BSD-3-Clause */
/* neighbour.h: next hops and their Ethernet addresses. Served by neighbour.c.
 *
 * Control alone makes tables; a published one never changes, and any worker reads it. */
#pragma once

#include <assert.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/address.h"
#include "common/base/limits.h"

struct neighbour {
	struct address address;
	uint16_t link;
	uint8_t mac[6];
	bool failed; /* did not answer: packets that wait for it drop as neighbour_failed */
};
/* What a worker tells control. */
enum neighbour_event_kind {
	NEIGHBOUR_SEEN = 1,  /* `addr` is at `mac` (ARP; neighbour discovery) */
	NEIGHBOUR_WANTED = 2 /* a packet waits for `addr` */
};
enum neighbour_event_flag {
	NEIGHBOUR_SOLICITED = 1u << 0, /* it answers a question of ours (ARP reply, NA with S) */
	NEIGHBOUR_OVERRIDE = 1u << 1,  /* may replace a known mac (ARP; NA with O) */
	NEIGHBOUR_ASKED_US = 1u << 2   /* it asked for one of our addresses */
};
struct neighbour_event {
	uint8_t kind;
	uint8_t flags;
	uint16_t link;
	uint8_t family;
	uint8_t mac[6];
	uint8_t reserved;
	uint8_t addr[16];
	uint32_t reserved2;
};
static_assert(sizeof(struct neighbour_event) == 32, "ring element");

struct neighbour_table;

/* Copies `neighbours` (0..NEIGHBOURS_MAX) into a new table; of equal ones the last counts. 0,
 * -EINVAL or -ENOMEM. */
int
neighbour_table_build(const struct neighbour *neighbours, uint32_t n, struct neighbour_table **out);
void neighbour_table_destroy(struct neighbour_table *t);

/* The neighbour `address` on `link`, or NULL. */
const struct neighbour *
neighbour_lookup(const struct neighbour_table *t, uint16_t link, const struct address *address);
