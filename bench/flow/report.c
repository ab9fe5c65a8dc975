/* SPDX-License-Identifier: BSD-3-Clause */
/* report.c: the figures, as text while they come and as JSON at the end. */
#include "bench/flow/report.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/flow/pages.h"
#include "common/base/check.h"

static const char *const unit_names[] = {
	[UNIT_CYCLES] = "cycles", [UNIT_MILLIONS] = "M/s", [UNIT_BYTES] = "bytes",
	[UNIT_PERCENT] = "%",     [UNIT_COUNT] = "",
};

static FILE *text;       /* where a human reads */
static FILE *json;       /* the list of figures so far; NULL: nobody wants it */
static char *json_bytes; /* what was written to it */
static size_t json_size;
static char processor[128] = "unknown processor";

static int huge_percent = 100;

struct spread {
	double median, min, max;
};

static int
compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static struct spread
spread_of(const double *samples, unsigned n)
{
	double sorted[ROUNDS_MAX];

	memcpy(sorted, samples, n * sizeof(*samples));
	qsort(sorted, n, sizeof(*sorted), compare);
	return (struct spread){ sorted[n / 2], sorted[0], sorted[n - 1] };
}

static void
processor_read(void)
{
	FILE *f = fopen("/proc/cpuinfo", "r");
	char line[256];

	while (f != NULL && fgets(line, sizeof(line), f) != NULL)
		if (sscanf(line, "model name : %127[^\n]", processor) == 1)
			break;
	if (f != NULL)
		fclose(f);
}

void
report_begin(const struct bench *b, bool wanted_json)
{
	text = wanted_json ? stderr : stdout;
	if (wanted_json) {
		json = open_memstream(&json_bytes, &json_size);
		panic_unless(json != NULL);
	}
	setvbuf(text, NULL, _IOLBF, 0);
	processor_read();
	fprintf(text,
		"%s, cycle counter %.3f GHz; core %u, second core %u\n"
		"2 MiB pages for all (transparent ones, asked for); keys in the first cache\n"
		"bursts of %u; %u rounds, all contenders in each; median (least .. most); the "
		"ratio "
		"is\nto rte_hash LF, the hash handed in to it and to all peers; berth hashes "
		"itself\n",
		processor, cycles_per_ns(), b->core, b->other, BURST, b->rounds);
}

static void
json_figure(const struct group *g, const char *name, const struct spread *s, double ratio)
{
	if (json == NULL)
		return;
	fprintf(json,
		"%s\n  {\"section\": \"%s\", \"flows\": %u, \"family\": %u, \"work\": \"%s\", "
		"\"contender\": \"%s\", \"unit\": \"%s\", \"median\": %.6g, \"min\": %.6g, "
		"\"max\": %.6g",
		ftell(json) > 0 ? "," : "", g->section, g->flows, g->family, g->work, name,
		unit_names[g->unit], s->median, s->min, s->max);
	if (g->unit == UNIT_CYCLES)
		fprintf(json, ", \"ns\": %.6g", s->median / cycles_per_ns());
	if (ratio > 0)
		fprintf(json, ", \"ratio\": %.4g", ratio);
	fprintf(json, "}");
}

static void
text_figure(enum unit unit, const char *name, const struct spread *s, double ratio)
{
	const double scale = unit == UNIT_CYCLES ? cycles_per_ns() : 1;

	fprintf(text, "  %-48s %10.2f %-5s (%.2f .. %.2f)", name, s->median / scale,
		unit == UNIT_CYCLES ? "ns" : unit_names[unit], s->min / scale, s->max / scale);
	if (unit == UNIT_CYCLES)
		fprintf(text, " %8.1f cycles", s->median);
	if (ratio > 0)
		fprintf(text, " %7.2fx", ratio);
	fprintf(text, "\n");
}

/* A line above figures of another kind than the last ones. `work`: "" where each figure says its
 * own. */
static void
text_heading(const struct group *g, const char *work)
{
	static char last[160];
	char heading[sizeof(last)];

	snprintf(heading, sizeof(heading), "%s: %u flows, IPv%u%s%s", g->section, g->flows,
		 g->family, *work != '\0' ? ", " : "", work);
	if (strcmp(heading, last) != 0)
		fprintf(text, "\n%s\n", heading);
	strcpy(last, heading);
}

/* How much better than the reference in the same round; 0: no reference. */
static double
ratio_of(const struct group *g, const struct entrant *e, const struct entrant *reference,
	 unsigned rounds)
{
	double ratios[ROUNDS_MAX];

	if (reference == NULL || g->unit == UNIT_PERCENT || g->unit == UNIT_COUNT)
		return 0;
	for (unsigned i = 0; i < rounds; i++)
		ratios[i] = g->unit == UNIT_MILLIONS ? e->samples[i] / reference->samples[i]
						     : reference->samples[i] / e->samples[i];
	return spread_of(ratios, rounds).median;
}

void
report_group(const struct bench *b, const struct group *g, const struct entrant *entrants,
	     unsigned n)
{
	const struct entrant *reference = NULL;

	text_heading(g, g->work);
	for (unsigned i = 0; i < n; i++)
		if (entrants[i].c == &contender_rte_lf)
			reference = &entrants[i];
	for (unsigned i = 0; i < n; i++) {
		const struct entrant *e = &entrants[i];
		const struct spread s = spread_of(e->samples, b->rounds);
		const double ratio = ratio_of(g, e, reference, b->rounds);

		text_figure(g->unit, e->c->name, &s, ratio);
		json_figure(g, e->c->name, &s, ratio);
	}
}

void
report_figure(const struct bench *b, const struct group *g, const char *name, const double *samples)
{
	const struct spread s = spread_of(samples, b->rounds);
	char row[96];

	snprintf(row, sizeof(row), "%s: %s", name, g->work);
	text_heading(g, "");
	text_figure(g->unit, row, &s, 0);
	json_figure(g, name, &s, 0);
}

void
report_pages(void)
{
	const int now = pages_huge_percent();

	huge_percent = now < huge_percent ? now : huge_percent;
}

void
report_note(const char *format, ...)
{
	va_list values;

	va_start(values, format);
	vfprintf(text, format, values);
	va_end(values);
	fputc('\n', text);
}

void
report_end(const struct bench *b)
{
	fprintf(text, "\nmemory in 2 MiB pages: %d %% or more\nwrong results: %ju\n", huge_percent,
		(uintmax_t)b->wrong);
	if (json == NULL)
		return;
	fclose(json);
	printf("{\"conditions\": {\"processor\": \"%s\", \"cycles_per_ns\": %.6g, \"core\": %u, "
	       "\"burst\": %u, \"rounds\": %u, \"huge_percent\": %d},\n \"wrong\": %ju,\n "
	       "\"figures\": [%s\n]}\n",
	       processor, cycles_per_ns(), b->core, BURST, b->rounds, huge_percent,
	       (uintmax_t)b->wrong, json_bytes);
	free(json_bytes);
}
