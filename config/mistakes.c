/* SPDX-License-Identifier: BSD-3-Clause */
/* mistakes.c: collects and prints the mistakes of one file. */
#include "config/mistakes.h"

#include <stdarg.h>
#include <stdlib.h>

void
mistake_add(struct mistakes *m, uint32_t line, uint32_t column, const char *format, ...)
{
	struct mistake *mistake;
	va_list args;

	if (m->count == MISTAKES_MAX) {
		m->more++;
		return;
	}
	mistake = &m->list[m->count];
	mistake->line = line;
	mistake->column = column;
	mistake->order = m->count++;
	va_start(args, format);
	vsnprintf(mistake->text, sizeof(mistake->text), format, args);
	va_end(args);
	for (char *c = mistake->text; *c != '\0'; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
}

static int
mistake_compare(const void *left, const void *right)
{
	const struct mistake *a = left, *b = right;

	if (a->line != b->line)
		return a->line < b->line ? -1 : 1;
	if (a->column != b->column)
		return a->column < b->column ? -1 : 1;
	return a->order < b->order ? -1 : 1;
}

void
mistakes_print(struct mistakes *m, const char *name, FILE *out)
{
	qsort(m->list, m->count, sizeof(m->list[0]), mistake_compare);
	for (uint32_t i = 0; i < m->count; i++)
		fprintf(out, "%s:%u:%u: %s\n", name, m->list[i].line, m->list[i].column,
			m->list[i].text);
	if (m->more > 0)
		fprintf(out, "%s: %u further mistakes are not shown\n", name, m->more);
}
