/* SPDX-License-Identifier: BSD-3-Clause */
/* json_line.h: writes one JSON object as one line of text, without allocation. Served by
 * json_line.c. Keys and texts must need no escapes; the order is that of the calls. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define JSON_LINE_BYTES 4096

struct json_line {
	size_t used;
	char text[JSON_LINE_BYTES];
};

/* Begins an object: the line's own with `key` NULL, else one inside it. Ended by json_close(). */
void json_open(struct json_line *line, const char *key);
void json_close(struct json_line *line);

void json_number(struct json_line *line, const char *key, uint64_t value);
void json_text(struct json_line *line, const char *key, const char *value);
void json_null(struct json_line *line, const char *key);
void json_numbers(struct json_line *line, const char *key, const uint16_t *values, unsigned count);
/* A text of any bytes, escaped (RFC 8259 7); bytes that are no ASCII are written as they are. What
 * passes half of the line is left out. */
void json_foreign_text(struct json_line *line, const char *key, const char *value);
