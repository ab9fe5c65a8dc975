/* SPDX-License-Identifier: BSD-3-Clause */
/* bind_segments.c: the port ranges of a scope cut into disjoint segments, the narrower on top. */
#include <stdlib.h>

#include "dataplane/bind/bind_priv.h"

/* Narrowest first; equal widths (they conflict) by first port, so that the result does not depend
 * on the order of the rules. */
static int
range_compare(const void *a, const void *b)
{
	const struct bind_range *x = a, *y = b;
	const uint32_t x_width = x->last - x->first, y_width = y->last - y->first;

	if (x_width != y_width)
		return x_width < y_width ? -1 : 1;
	return x->first < y->first ? -1 : x->first > y->first;
}

static int
port_compare(const void *a, const void *b)
{
	const uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;

	return x < y ? -1 : x > y;
}

void
bind_scratch_free(struct bind_scratch *s)
{
	free(s->ranges);
	free(s->cuts);
	free(s->painted);
	free(s->skip);
}

bool
bind_scratch_make(struct bind_scratch *s, uint32_t n)
{
	s->ranges = calloc(n + 1, sizeof(*s->ranges));
	s->cuts = calloc(2 * n + 1, sizeof(*s->cuts));
	s->painted = calloc(2 * n + 1, sizeof(*s->painted));
	s->skip = calloc(2 * n + 1, sizeof(*s->skip));
	return s->ranges != NULL && s->cuts != NULL && s->painted != NULL && s->skip != NULL;
}

/* Position of `cut`, which is among the `n` cuts. */
static uint32_t
cut_find(const uint32_t *cuts, uint32_t n, uint32_t cut)
{
	uint32_t low = 0;

	while (n > 1) {
		const uint32_t half = n / 2;

		if (cuts[low + half] <= cut)
			low += half;
		n -= half;
	}
	return low;
}

/* Sorts the ends of `n` ranges to cuts without doubles; returns how many. */
static uint32_t
cuts_make(struct bind_scratch *s, uint32_t n)
{
	uint32_t count = 0;

	for (uint32_t i = 0; i < n; i++) {
		s->cuts[2 * i] = s->ranges[i].first;
		s->cuts[2 * i + 1] = s->ranges[i].last + 1;
	}
	qsort(s->cuts, 2 * n, sizeof(*s->cuts), port_compare);
	for (uint32_t i = 0; i < 2 * n; i++) {
		if (count == 0 || s->cuts[count - 1] != s->cuts[i])
			s->cuts[count++] = s->cuts[i];
	}
	return count;
}

/* Paints `n` ranges, narrowest first, onto what is not painted yet. skip[] leads past painted
 * stretches and is shortened as it is walked, so all painting together is near linear. */
static void
ranges_paint(struct bind_scratch *s, uint32_t n, uint32_t cuts)
{
	for (uint32_t i = 0; i < cuts; i++) {
		s->painted[i] = GROUP_NONE;
		s->skip[i] = i;
	}
	for (uint32_t i = 0; i < n; i++) {
		const uint32_t end = cut_find(s->cuts, cuts, s->ranges[i].last + 1);
		uint32_t at = cut_find(s->cuts, cuts, s->ranges[i].first);

		while (at < end) {
			if (s->skip[at] == at) {
				s->painted[at] = s->ranges[i].group;
				s->skip[at] = at + 1;
			}
			/* The last cut is never painted: it stays its own skip. */
			s->skip[at] = s->skip[s->skip[at]];
			at = s->skip[at];
		}
	}
}

void
bind_segments_append(struct bind_table *t, struct bind_scratch *s, uint32_t n)
{
	uint32_t cuts;
	uint32_t previous = GROUP_NONE;

	qsort(s->ranges, n, sizeof(*s->ranges), range_compare);
	cuts = cuts_make(s, n);
	ranges_paint(s, n, cuts);
	for (uint32_t i = 0; i < cuts; i++) {
		if (s->painted[i] == previous || s->cuts[i] > UINT16_MAX)
			continue;
		previous = s->painted[i];
		t->segment_ports[t->segments_count] = (uint16_t)s->cuts[i];
		t->segment_groups[t->segments_count++] = previous;
	}
}
