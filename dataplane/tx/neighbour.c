/* SPDX-License-Identifier: BSD-3-Clause */
/* neighbour.c: an immutable open-addressed table of next hops. */
#include "dataplane/tx/neighbour.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Twice the most entries, so that probes stay short and always meet a hole. */
#define SLOTS (2 * NEIGHBOURS_MAX)
static_assert((SLOTS & (SLOTS - 1)) == 0, "slots are masked");

struct neighbour_table {
	uint16_t slots[SLOTS]; /* index + 1 in entries, 0: hole */
	struct neighbour entries[];
};

/* FNV-1a. Control decides who gets in and bounds how many, so the hash needs no key. */
static uint32_t
slot_of(uint16_t link, const struct address *address)
{
	uint32_t h = 2166136261u ^ link;

	for (unsigned i = 0; i < sizeof(address->bytes); i++)
		h = (h ^ address->bytes[i]) * 16777619u;
	return (h ^ h >> 15) & (SLOTS - 1);
}

int
neighbour_table_build(const struct neighbour *neighbours, uint32_t n, struct neighbour_table **out)
{
	struct neighbour_table *t;

	if (n > NEIGHBOURS_MAX)
		return -EINVAL;
	t = calloc(1, sizeof(*t) + n * sizeof(t->entries[0]));
	if (t == NULL)
		return -ENOMEM;
	for (uint32_t i = 0; i < n; i++) {
		uint32_t s = slot_of(neighbours[i].link, &neighbours[i].address);

		t->entries[i] = neighbours[i];
		while (t->slots[s] != 0) {
			const struct neighbour *other = &t->entries[t->slots[s] - 1];

			if (other->link == neighbours[i].link &&
			    address_equal(&other->address, &neighbours[i].address))
				break;
			s = (s + 1) & (SLOTS - 1);
		}
		t->slots[s] = (uint16_t)(i + 1);
	}
	*out = t;
	return 0;
}

void
neighbour_table_destroy(struct neighbour_table *t)
{
	free(t);
}

const struct neighbour *
neighbour_lookup(const struct neighbour_table *t, uint16_t link, const struct address *address)
{
	for (uint32_t s = slot_of(link, address); t->slots[s] != 0; s = (s + 1) & (SLOTS - 1)) {
		const struct neighbour *n = &t->entries[t->slots[s] - 1];

		if (n->link == link && address_equal(&n->address, address))
			return n;
	}
	return NULL;
}
