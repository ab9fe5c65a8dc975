/* SPDX-License-Identifier: BSD-3-Clause */
/* json_line.c: see json_line.h. */
#include "dataplane/replay/json_line.h"

#include <stdio.h>
#include <string.h>

#include "common/base/check.h"

#define NUMBER_BYTES 20 /* digits of UINT64_MAX */

static void
bytes_put(struct json_line *line, const char *bytes, size_t count)
{
	panic_unless(count <= sizeof(line->text) - line->used);
	memcpy(line->text + line->used, bytes, count);
	line->used += count;
}

static void
text_put(struct json_line *line, const char *text)
{
	bytes_put(line, text, strlen(text));
}

static void
number_put(struct json_line *line, uint64_t value)
{
	char digits[NUMBER_BYTES];
	size_t at = sizeof(digits);

	do {
		digits[--at] = (char)('0' + value % 10);
		value /= 10;
	} while (value != 0);
	bytes_put(line, digits + at, sizeof(digits) - at);
}

static void
key_put(struct json_line *line, const char *key)
{
	if (line->text[line->used - 1] != '{')
		text_put(line, ",");
	text_put(line, "\"");
	text_put(line, key);
	text_put(line, "\":");
}

void
json_open(struct json_line *line, const char *key)
{
	if (key == NULL)
		line->used = 0;
	else
		key_put(line, key);
	text_put(line, "{");
}

void
json_close(struct json_line *line)
{
	text_put(line, "}");
}

void
json_number(struct json_line *line, const char *key, uint64_t value)
{
	key_put(line, key);
	number_put(line, value);
}

void
json_text(struct json_line *line, const char *key, const char *value)
{
	key_put(line, key);
	text_put(line, "\"");
	text_put(line, value);
	text_put(line, "\"");
}

void
json_null(struct json_line *line, const char *key)
{
	key_put(line, key);
	text_put(line, "null");
}

void
json_numbers(struct json_line *line, const char *key, const uint16_t *values, unsigned count)
{
	key_put(line, key);
	text_put(line, "[");
	for (unsigned i = 0; i < count; i++) {
		if (i > 0)
			text_put(line, ",");
		number_put(line, values[i]);
	}
	text_put(line, "]");
}

void
json_foreign_text(struct json_line *line, const char *key, const char *value)
{
	key_put(line, key);
	text_put(line, "\"");
	for (; *value != '\0' && line->used < sizeof(line->text) / 2; value++) {
		const unsigned char byte = (unsigned char)*value;
		char escaped[8];

		if (byte < 0x20 || byte == '"' || byte == '\\') {
			snprintf(escaped, sizeof(escaped), "\\u%04x", byte);
			text_put(line, escaped);
		} else {
			bytes_put(line, value, 1);
		}
	}
	text_put(line, "\"");
}
