/* SPDX-License-Identifier: BSD-3-Clause */
/* table.h: JSON objects as lines of a table. Served by table.c. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

struct column {
	const char *title; /* NULL ends a list of columns */
	/* Member of the row, "a.b" for a member of a member; strings, numbers, booleans, arrays of
	 * strings. */
	const char *member;
	bool right;
};

/* Prints one line per object of the array `rows` under a line of titles; only the titles when
 * there is none. */
void table_print(const struct column *columns, const json_t *rows);

/* Prints "name  value" for each member of `object` that is no object or array. */
void table_print_members(json_t *object);

/* The member at "a.b" of `row`, or NULL. Borrowed. */
const json_t *table_member(const json_t *row, const char *path);
