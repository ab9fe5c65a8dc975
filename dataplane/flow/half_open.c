/* SPDX-License-Identifier: BSD-3-Clause */
/* half_open.c: places in a ring by age, and in a ring for each group of source prefixes. */
#include "dataplane/flow/half_open.h"

#include <assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/flow/flow_memory.h"

/* Rings are closed: the oldest one's `older` is the newest. */
struct place {
	uint32_t flow : 31;
	uint32_t origin : 1;
	uint32_t older, newer;             /* of all; `newer` of a free place: the next free one */
	uint32_t group_older, group_newer; /* of the same group */
};
static_assert(sizeof(struct place) == 20, "counted in docs/memory.md");

/* Those of one hash of zone and source prefix. */
struct group {
	uint32_t oldest; /* HALF_OPEN_NONE: it is empty */
	uint32_t count;
};

struct half_open {
	struct half_open_options options;
	uint32_t count;
	uint32_t oldest;
	uint32_t free;
	struct group *groups; /* `places` of them */
	struct place *places; /* by number; [0] is no place */
};

uint64_t
half_open_bytes(uint32_t places)
{
	return sizeof(struct half_open) + places * sizeof(struct group) +
	       (places + 1ull) * sizeof(struct place);
}

int
half_open_create(const struct half_open_options *options, struct half_open **out)
{
	const uint32_t n = options->places;
	struct half_open *h;
	void *memory;
	int error;

	if (n < HALF_OPEN_PLACES_MIN || n > FLOW_CAPACITY_MAX || options->prefix_bits_ipv4 > 32 ||
	    options->prefix_bits_ipv6 > 128)
		return -EINVAL;
	error = flow_memory_map(half_open_bytes(n), options->numa_node, &memory);
	if (error != 0)
		return error;
	h = memory;
	h->options = *options;
	h->groups = (struct group *)(h + 1);
	h->places = (struct place *)(h->groups + n);
	for (uint32_t i = 1; i < n; i++)
		h->places[i].newer = i + 1;
	h->free = 1;
	*out = h;
	return 0;
}

void
half_open_destroy(struct half_open *h)
{
	if (h != NULL)
		flow_memory_unmap(h, half_open_bytes(h->options.places));
}

uint32_t
half_open_count(const struct half_open *h)
{
	return h->count;
}

bool
half_open_is_full(const struct half_open *h)
{
	return h->count == h->options.places;
}

static struct group *
group_of(const struct half_open *h, const struct flow_key *key, unsigned origin)
{
	const bool ipv4 = key->family == FAMILY_IPV4;
	const unsigned bits = ipv4 ? h->options.prefix_bits_ipv4 : h->options.prefix_bits_ipv6;
	struct flow_key source = { .family = key->family, .zone = key->zone };

	memcpy(source.addr[0], key->addr[origin], bits / 8);
	if (bits % 8 != 0)
		source.addr[0][bits / 8] =
			key->addr[origin][bits / 8] & (uint8_t)(0xff00u >> bits % 8);
	return &h->groups[(flow_hash(&h->options.secret, &source) >> 32) * h->options.places >> 32];
}

uint32_t
half_open_add(struct half_open *h, const struct flow_key *key, unsigned origin, uint32_t index)
{
	struct group *g = group_of(h, key, origin);
	const uint32_t place = h->free;
	struct place *p = &h->places[place];

	panic_unless(!half_open_is_full(h));
	h->free = p->newer;
	p->flow = index;
	p->origin = origin;
	if (h->oldest == HALF_OPEN_NONE) {
		h->oldest = p->older = p->newer = place;
	} else {
		struct place *oldest = &h->places[h->oldest];

		p->older = oldest->older;
		p->newer = h->oldest;
		h->places[p->older].newer = oldest->older = place;
	}
	if (g->oldest == HALF_OPEN_NONE) {
		g->oldest = p->group_older = p->group_newer = place;
	} else {
		struct place *oldest = &h->places[g->oldest];

		p->group_older = oldest->group_older;
		p->group_newer = g->oldest;
		h->places[p->group_older].group_newer = oldest->group_older = place;
	}
	g->count++;
	h->count++;
	return place;
}

void
half_open_remove(struct half_open *h, const struct flow_key *key, uint32_t place)
{
	struct place *p = &h->places[place];
	struct group *g = group_of(h, key, p->origin);

	/* A place given back twice would be given to two flows. */
	panic_unless(p->older != HALF_OPEN_NONE);
	h->places[p->older].newer = p->newer;
	h->places[p->newer].older = p->older;
	if (h->oldest == place)
		h->oldest = p->newer != place ? p->newer : HALF_OPEN_NONE;
	h->places[p->group_older].group_newer = p->group_newer;
	h->places[p->group_newer].group_older = p->group_older;
	if (g->oldest == place)
		g->oldest = p->group_newer != place ? p->group_newer : HALF_OPEN_NONE;
	g->count--;
	h->count--;
	*p = (struct place){ .newer = h->free };
	h->free = place;
}

uint32_t
half_open_oldest(const struct half_open *h)
{
	return h->oldest;
}

uint32_t
half_open_oldest_like(const struct half_open *h, const struct flow_key *key, unsigned origin)
{
	const struct group *g = group_of(h, key, origin);
	const uint32_t part = h->options.places / HALF_OPEN_PREFIX_PART;

	return g->count > part && g->count > HALF_OPEN_PREFIX_LEAST ? g->oldest : HALF_OPEN_NONE;
}

uint32_t
half_open_newer(const struct half_open *h, uint32_t place)
{
	const uint32_t newer = h->places[place].newer;

	return newer != h->oldest ? newer : HALF_OPEN_NONE;
}

uint32_t
half_open_flow(const struct half_open *h, uint32_t place)
{
	return h->places[place].flow;
}
