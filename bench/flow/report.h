/* SPDX-License-Identifier: BSD-3-Clause */
/* report.h: the figures, as text while they come and as JSON at the end. Served by report.c. */
#pragma once

#include "bench/flow/bench.h"

enum unit {
	UNIT_CYCLES,   /* per key; shown as ns as well; less is better */
	UNIT_MILLIONS, /* per second; more is better */
	UNIT_BYTES,    /* per flow; less is better */
	UNIT_PERCENT,
	UNIT_COUNT,
};

/* What a group of figures has in common. The texts are used before report_group() returns. */
struct group {
	const char *section; /* "lookup", ... */
	const char *work;    /* "uniform, 100 % hits" */
	uint32_t flows;
	uint8_t family;
	enum unit unit;
};

/* `json`: text goes to standard error, and report_end() writes JSON to standard output. */
void report_begin(const struct bench *b, bool json);
/* The entrants' samples, b->rounds of them each. The ratio to rte_hash LF is the median of the
 * rounds' ratios. */
void report_group(const struct bench *b, const struct group *g, const struct entrant *entrants,
		  unsigned n);
/* One more figure: `samples` of `name`. */
void report_figure(const struct bench *b, const struct group *g, const char *name,
		   const double *samples);
/* Notes how much of the memory lies in huge pages now: while tables are there. The least is told at
 * the end. */
void report_pages(void);
__attribute__((format(printf, 1, 2))) void report_note(const char *format, ...);
void report_end(const struct bench *b);
