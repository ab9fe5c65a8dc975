/* SPDX-License-Identifier: BSD-3-Clause */
/* far_ends.c: names for the far ends of flows: chains of those with one hash, and free ones. */
#include "dataplane/worker/far_ends.h"

#include <assert.h>
#include <string.h>

#include "common/base/check.h"

#define HEAD_BITS 14u
static_assert(FAR_ENDS == 1u << HEAD_BITS, "a head for each");

static uint16_t *
head_of(struct far_ends *f, uint64_t value)
{
	return &f->heads[value * f->factor >> (64 - HEAD_BITS)];
}

void
far_ends_init(struct far_ends *f, uint64_t secret)
{
	memset(f, 0, sizeof(*f));
	f->factor = secret | 1;
	/* The last one's `next` is 0 as well: there is none. */
	for (uint16_t name = 1; name < FAR_ENDS - 1; name++)
		f->ends[name].next = (uint16_t)(name + 1);
	f->free = 1;
	f->free_count = FAR_ENDS - 1;
}

uint16_t
far_ends_take(struct far_ends *f, uint64_t value, uint16_t spare)
{
	uint16_t *head = head_of(f, value);
	uint16_t name;

	for (name = *head; name != FAR_NONE; name = f->ends[name].next) {
		if (f->ends[name].value == value) {
			f->ends[name].flows++;
			return name;
		}
	}
	if (f->free_count <= spare)
		return FAR_NONE;
	name = f->free;
	f->free = f->ends[name].next;
	f->free_count--;
	f->ends[name] = (struct far_end){ .value = value, .flows = 1, .next = *head };
	*head = name;
	return name;
}

void
far_ends_leave(struct far_ends *f, uint16_t name)
{
	struct far_end *end = &f->ends[name];
	uint16_t *link;

	if (name == FAR_NONE)
		return;
	/* A name given back twice would stand for two values. */
	panic_unless(end->flows > 0);
	if (--end->flows > 0)
		return;
	for (link = head_of(f, end->value); *link != name; link = &f->ends[*link].next)
		continue;
	*link = end->next;
	*end = (struct far_end){ .next = f->free };
	f->free = name;
	f->free_count++;
}
