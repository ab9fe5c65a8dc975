/* SPDX-License-Identifier: BSD-3-Clause */
/* print.c: the table of keys as a JSON Schema and as a page of the manual. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "config/config.h"
#include "config/table.h"

static void
json_text(FILE *out, const char *text, size_t bytes)
{
	fputc('"', out);
	for (size_t i = 0; i < bytes; i++) {
		if (text[i] == '"' || text[i] == '\\')
			fputc('\\', out);
		fputc(text[i], out);
	}
	fputc('"', out);
}

static void
json_field(FILE *out, const char *name, const char *text)
{
	fprintf(out, ", \"%s\": ", name);
	json_text(out, text, strlen(text));
}

static void
schema_number(FILE *out, const struct table_key *key)
{
	if (key->words != NULL)
		fputs("\"anyOf\": [{", out);
	fprintf(out, "\"type\": \"integer\", \"minimum\": %" PRIu64 ", \"maximum\": %" PRIu64,
		key->min, key->max);
	if (key->words != NULL) {
		fputs("}, {\"const\": ", out);
		json_text(out, key->words, strlen(key->words));
		fputs("}]", out);
	}
}

static void
schema_choice(FILE *out, const struct table_key *key)
{
	const char *word = key->words;

	fputs("\"enum\": [", out);
	while (word != NULL) {
		const char *end = strchr(word, '|');

		json_text(out, word, end == NULL ? strlen(word) : (size_t)(end - word));
		word = end == NULL ? NULL : end + 1;
		if (word != NULL)
			fputs(", ", out);
	}
	fputc(']', out);
}

static void
schema_text(FILE *out, const struct table_key *key)
{
	fputs((key->flags & TABLE_OR_NUMBER) != 0 ? "\"type\": [\"string\", \"integer\"]"
						  : "\"type\": \"string\"",
	      out);
	fprintf(out, ", \"minLength\": %" PRIu64 ", \"maxLength\": %" PRIu64, key->min, key->max);
	if (key->pattern != NULL)
		json_field(out, "pattern", key->pattern);
}

static void
schema_standard(FILE *out, const struct table_key *key)
{
	const bool bare =
		key->type == TABLE_FLAG || (key->type == TABLE_NUMBER && key->words == NULL);

	if (key->standard == NULL)
		return;
	if (bare)
		fprintf(out, ", \"default\": %s", key->standard);
	else
		json_field(out, "default", key->standard);
}

/* Writes which keys of the map at `path` have to be there. */
static void
schema_presence(FILE *out, const char *path)
{
	const struct table_key *key = NULL;
	const char *before = ", \"required\": [";
	bool any = false;

	while ((key = table_next(path, key)) != NULL) {
		if ((key->flags & TABLE_REQUIRED) == 0)
			continue;
		fprintf(out, "%s\"%s\"", before, table_name(key));
		before = ", ";
		any = true;
	}
	fputs(any ? "]" : "", out);
	before = ", \"oneOf\": [";
	any = false;
	while ((key = table_next(path, key)) != NULL) {
		if ((key->flags & TABLE_ONE_OF) == 0)
			continue;
		fprintf(out, "%s{\"required\": [\"%s\"]}", before, table_name(key));
		before = ", ";
		any = true;
	}
	fputs(any ? "]" : "", out);
}

static void schema_value(FILE *out, const struct table_key *key, unsigned depth);

/* The inside of the object that describes the map at `path`. */
static void
schema_map(FILE *out, const char *path, unsigned depth)
{
	const struct table_key *key = NULL;
	const char *before = "";

	fputs("\"type\": \"object\", \"minProperties\": 1, \"additionalProperties\": false", out);
	schema_presence(out, path);
	fputs(", \"properties\": {", out);
	while ((key = table_next(path, key)) != NULL) {
		fprintf(out, "%s\n%*s\"%s\": {", before, (int)depth, "", table_name(key));
		schema_value(out, key, depth + 1);
		json_field(out, "description", key->help);
		schema_standard(out, key);
		fputc('}', out);
		before = ",";
	}
	fputc('}', out);
}

static void
schema_value(FILE *out, const struct table_key *key, unsigned depth)
{
	char below[64];

	switch (key->type) {
	case TABLE_MAP:
		schema_map(out, key->path, depth);
		return;
	case TABLE_MAPS:
		snprintf(below, sizeof(below), "%s[]", key->path);
		fprintf(out,
			"\"type\": \"array\", \"minItems\": 1, \"maxItems\": %" PRIu64
			", \"items\": {",
			key->max);
		schema_map(out, below, depth);
		fputc('}', out);
		return;
	case TABLE_NUMBER:
		schema_number(out, key);
		return;
	case TABLE_FLAG:
		fputs("\"type\": \"boolean\"", out);
		return;
	case TABLE_CHOICE:
		schema_choice(out, key);
		return;
	case TABLE_TEXT:
		schema_text(out, key);
		return;
	case TABLE_NUMBERS:
		fprintf(out,
			"\"anyOf\": [{\"const\": \"%s\"}, {\"type\": \"array\", \"minItems\": 1, "
			"\"maxItems\": %u, \"uniqueItems\": true, \"items\": {\"type\": "
			"\"integer\", "
			"\"minimum\": %" PRIu64 ", \"maximum\": %" PRIu64 "}}]",
			key->words, key->items_max, key->min, key->max);
		return;
	case TABLE_TEXTS:
		fprintf(out,
			"\"type\": \"array\", \"minItems\": 1, \"maxItems\": %u, "
			"\"uniqueItems\": true, \"items\": {",
			key->items_max);
		schema_text(out, key);
		fputc('}', out);
		return;
	}
}

int
config_schema_print(FILE *out)
{
	fputs("{\"$schema\": \"https://json-schema.org/draft/2020-12/schema\",\n"
	      "\"title\": \"Configuration of berthd\", ",
	      out);
	schema_map(out, "", 1);
	fputs("}\n", out);
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}

/* In a Markdown table a bar would end the cell. */
static void
manual_words(FILE *out, const char *words)
{
	fputc('`', out);
	for (const char *c = words; *c != '\0'; c++)
		fputs(*c == '|' ? "`, `" : (char[]){ *c, '\0' }, out);
	fputc('`', out);
}

static void
manual_value(FILE *out, const struct table_key *key)
{
	switch (key->type) {
	case TABLE_MAP:
	case TABLE_MAPS:
		return;
	case TABLE_NUMBER:
		fprintf(out, "%" PRIu64 " to %" PRIu64, key->min, key->max);
		break;
	case TABLE_NUMBERS:
		fprintf(out, "list of up to %u, each %" PRIu64 " to %" PRIu64, key->items_max,
			key->min, key->max);
		break;
	case TABLE_FLAG:
		fputs("`false`, `true`", out);
		return;
	case TABLE_CHOICE:
		manual_words(out, key->words);
		return;
	case TABLE_TEXT:
		fputs(key->shape, out);
		return;
	case TABLE_TEXTS:
		fprintf(out, "list of up to %u: %s", key->items_max, key->shape);
		return;
	}
	if (key->words != NULL) {
		fputs(", or ", out);
		manual_words(out, key->words);
	}
}

static void
manual_standard(FILE *out, const struct table_key *key)
{
	if ((key->flags & TABLE_REQUIRED) != 0)
		fputs("required", out);
	else if ((key->flags & TABLE_ONE_OF) != 0)
		fputs("one of these", out);
	else if (key->standard == NULL)
		fputs("none", out);
	else
		fprintf(out, "`%s`", key->standard[0] == '\0' ? "\"\"" : key->standard);
}

/* One section for the map at `path`, then those of the maps below it. */
static void
manual_map(FILE *out, const char *path, const char *help)
{
	const struct table_key *key = NULL;
	bool begun = false;

	if (path[0] != '\0')
		fprintf(out, "\n## %s\n\n%s\n", path, help);
	while ((key = table_next(path, key)) != NULL) {
		if (key->type == TABLE_MAP || key->type == TABLE_MAPS)
			continue;
		if (!begun)
			fputs("\n| Key | Value | Default | Meaning |\n|---|---|---|---|\n", out);
		begun = true;
		fprintf(out, "| `%s` | ", table_name(key));
		manual_value(out, key);
		fputs(" | ", out);
		manual_standard(out, key);
		fprintf(out, " | %s%s |\n", key->help,
			(key->flags & TABLE_LIVE) != 0 ? " Reloadable." : "");
	}
	while ((key = table_next(path, key)) != NULL) {
		char below[64];

		snprintf(below, sizeof(below), "%s%s", key->path,
			 key->type == TABLE_MAPS ? "[]" : "");
		if (key->type == TABLE_MAP || key->type == TABLE_MAPS)
			manual_map(out, below, key->help);
	}
}

int
config_manual_print(FILE *out)
{
	fputs("# Configuration\n\n"
	      "berthd reads one YAML file. `berthd --check FILE` only checks it and tells each "
	      "mistake as\n`file:line:column: what is wrong, what would be right`. One nic is "
	      "enough:\n\n"
	      "```yaml\n"
	      "nics:\n"
	      "  - name: wan\n"
	      "    interface: eth1\n"
	      "    addresses: [192.0.2.10/24, \"2001:db8::10/64\"]\n"
	      "    gateways: [192.0.2.1, \"2001:db8::1\"]\n"
	      "```\n\n"
	      "`config/berth.yaml` shows every key in its place. `a.b` below means the key `b` in "
	      "the map `a`; `a[]` means\neach item of the list `a`. Units are part of a key's "
	      "name; "
	      "numbers have no suffixes. Anchors, aliases, merge\nkeys and tags are refused, and "
	      "so "
	      "is a key given twice.\n\n"
	      "`berthctl reload`, or the signal SIGHUP, has the daemon read the file again: "
	      "*reloadable* keys take effect,\nthe answer names changed ones that only a start "
	      "reads, "
	      "and a mistake anywhere changes nothing.\n\n"
	      "This page is written by `ninja configuration-manual` from the table that the daemon "
	      "checks by\n(`config/table.c`).\n",
	      out);
	manual_map(out, "", "");
	return fflush(out) == 0 && !ferror(out) ? 0 : -EIO;
}
