/* SPDX-License-Identifier: BSD-3-Clause */
/* table.c: prints tables through libsmartcols. */
#include "control/ctl/table.h"

#include <libsmartcols.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CELL_BYTES 2048

const json_t *
table_member(const json_t *row, const char *path)
{
	const char *dot = strchr(path, '.');

	if (dot == NULL)
		return json_object_get(row, path);
	return table_member(json_object_getn(row, path, (size_t)(dot - path)), dot + 1);
}

static void
cell_list(const json_t *list, char *text)
{
	const json_t *item;
	size_t used = 0, i;

	text[0] = '\0';
	json_array_foreach (list, i, item) {
		const int n = snprintf(text + used, CELL_BYTES - used, "%s%s", i == 0 ? "" : " ",
				       json_is_string(item) ? json_string_value(item) : "");

		if (n < 0 || (size_t)n >= CELL_BYTES - used)
			return;
		used += (size_t)n;
	}
}

static void
cell_text(const json_t *value, char text[CELL_BYTES])
{
	if (json_is_string(value))
		snprintf(text, CELL_BYTES, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(text, CELL_BYTES, "%lld", (long long)json_integer_value(value));
	else if (json_is_real(value))
		snprintf(text, CELL_BYTES, "%.0f", json_real_value(value));
	else if (json_is_boolean(value))
		snprintf(text, CELL_BYTES, "%s", json_is_true(value) ? "yes" : "no");
	else
		cell_list(value, text);
}

static struct libscols_table *
table_make(const struct column *columns)
{
	struct libscols_table *t = scols_new_table();

	if (t == NULL)
		return NULL;
	for (const struct column *c = columns; c->title != NULL; c++)
		scols_table_new_column(t, c->title, 0, c->right ? SCOLS_FL_RIGHT : 0);
	return t;
}

void
table_print(const struct column *columns, const json_t *rows)
{
	struct libscols_table *t = table_make(columns);
	char text[CELL_BYTES];
	const json_t *row;
	size_t i;

	if (t == NULL)
		return;
	json_array_foreach (rows, i, row) {
		struct libscols_line *line = scols_table_new_line(t, NULL);

		for (size_t c = 0; line != NULL && columns[c].title != NULL; c++) {
			cell_text(table_member(row, columns[c].member), text);
			scols_line_set_data(line, c, text);
		}
	}
	if (json_array_size(rows) != 0) {
		scols_print_table(t);
	} else {
		/* libsmartcols prints nothing for a table without lines. */
		for (const struct column *c = columns; c->title != NULL; c++)
			printf("%s%s", c == columns ? "" : " ", c->title);
		printf("\n");
	}
	scols_unref_table(t);
}

void
table_print_members(json_t *object)
{
	static const struct column columns[] = { { "NAME", "name", false },
						 { "VALUE", "value", true },
						 { NULL } };
	json_t *rows = json_array();
	const char *name;
	json_t *value;

	json_object_foreach (object, name, value) {
		if (json_is_object(value) || json_is_array(value) || strcmp(name, "ok") == 0)
			continue;
		json_array_append_new(rows, json_pack("{s:s, s:O}", "name", name, "value", value));
	}
	table_print(columns, rows);
	json_decref(rows);
}
