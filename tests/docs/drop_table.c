/* SPDX-License-Identifier: BSD-3-Clause */
/* drop_table.c: checks, or with --write renews, the table of drop reasons between two marks.
 * Usage: drop_table [--write] FILE. Exits 0, 1 when the table is stale, 2 when it cannot say. */
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/abi/counters.h"

#define MARK_BEGIN "<!-- drop reasons: written by tests/docs/drop_table.c -->\n"
#define MARK_END   "<!-- end of drop reasons -->\n"

enum exit_code {
	EXIT_STALE = 1,
	EXIT_BROKEN = 2,
};

/* Returns the whole file, zero-terminated, for the caller to free; NULL on failure. */
static char *
file_read(const char *path)
{
	FILE *f = fopen(path, "rb");
	size_t bytes = 0;
	char *text = NULL;

	if (f == NULL)
		return NULL;
	if (getdelim(&text, &bytes, '\0', f) < 0) {
		free(text);
		text = NULL;
	}
	fclose(f);
	return text;
}

static void
table_print(FILE *out)
{
	fprintf(out, "| Name | Dropped because | Source |\n|---|---|---|\n");
	for (unsigned i = DROP_NONE + 1; i < DROP_COUNT; i++)
		fprintf(out, "| `%s` | %s | %s |\n", drop_names[i], drop_help[i], drop_sources[i]);
}

/* Returns `text` with the table between `begin` and `end` made anew, for the caller to free. */
static char *
text_renew(const char *text, const char *begin, const char *end)
{
	char *renewed = NULL;
	size_t bytes;
	FILE *out = open_memstream(&renewed, &bytes);

	if (out == NULL)
		return NULL;
	fwrite(text, 1, (size_t)(begin - text), out);
	table_print(out);
	fputs(end, out);
	if (fclose(out) == 0)
		return renewed;
	free(renewed);
	return NULL;
}

static int
file_write(const char *path, const char *text)
{
	FILE *f = fopen(path, "wb");

	if (f == NULL)
		return EXIT_BROKEN;
	fputs(text, f);
	return fclose(f) == 0 ? EXIT_SUCCESS : EXIT_BROKEN;
}

int
main(int argc, char *argv[])
{
	const bool write = argc == 3 && strcmp(argv[1], "--write") == 0;
	const char *path = argv[argc - 1], *begin, *end;
	char *text, *renewed = NULL;
	int result = EXIT_BROKEN;

	if (argc != 2 && !write) {
		fprintf(stderr, "usage: %s [--write] FILE\n", argv[0]);
		return EXIT_BROKEN;
	}
	text = file_read(path);
	begin = text != NULL ? strstr(text, MARK_BEGIN) : NULL;
	end = begin != NULL ? strstr(begin, MARK_END) : NULL;
	if (end != NULL)
		renewed = text_renew(text, begin + strlen(MARK_BEGIN), end);
	if (renewed == NULL)
		fprintf(stderr, "%s: cannot be read, or lacks the two marks of the table\n", path);
	else if (write)
		result = file_write(path, renewed);
	else if (strcmp(text, renewed) == 0)
		result = EXIT_SUCCESS;
	else
		result = EXIT_STALE;
	if (result == EXIT_STALE)
		fprintf(stderr, "%s: the table of drop reasons is stale; run %s --write %s\n", path,
			argv[0], path);
	free(renewed);
	free(text);
	return result;
}
