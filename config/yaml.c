/* SPDX-License-Identifier: BSD-3-Clause */
/* yaml.c: builds the tree of yaml.h from libfyaml's events. */
#include "config/yaml.h"

#include <errno.h>
#include <libfyaml.h>
#include <stdlib.h>
#include <string.h>

struct builder {
	struct mistakes *mistakes;
	struct yaml_node *root;
	struct yaml_node *into;   /* open map or list; NULL: outside */
	struct yaml_node *key;    /* read, waiting for its value */
	struct yaml_node *newest; /* chain of all nodes */
	uint32_t nodes;
	uint32_t depth;
	uint32_t line, column; /* of the last event that had a place */
};

/* Bytes of the UTF-8 character at `p` (RFC 3629), or 0 when it is none or a control character that
 * has no place in a text file. */
static unsigned
character_bytes(const unsigned char *p, size_t left)
{
	static const uint32_t least[5] = { 0, 0, 0x80, 0x800, 0x10000 };
	unsigned bytes;
	uint32_t c;

	if (p[0] < 0x80)
		return p[0] >= ' ' && p[0] != 0x7f ? 1
						   : p[0] == '\t' || p[0] == '\n' || p[0] == '\r';
	bytes = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4 || bytes > left)
		return 0;
	c = p[0] & (0x7fu >> bytes);
	for (unsigned i = 1; i < bytes; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3fu);
	}
	if (c < least[bytes] || c > 0x10ffff || (c >= 0xd800 && c <= 0xdfff))
		return 0;
	return c >= 0x80 && c < 0xa0 ? 0 : bytes;
}

/* libfyaml takes bytes that are not UTF-8 for the end of its input, so that the rest of the file
 * would be ignored silently: refused here first. */
static int
text_check(const char *text, size_t bytes, struct mistakes *m)
{
	const unsigned char *p = (const unsigned char *)text;
	uint32_t line = 1, column = 1;
	bool indentation = true;

	for (size_t i = 0; i < bytes;) {
		const unsigned n = character_bytes(p + i, bytes - i);

		if (n == 0) {
			mistake_add(m, line, column,
				    "the byte 0x%02x is not text; a file in UTF-8 would be right",
				    p[i]);
			return -EINVAL;
		}
		if (indentation && p[i] == '\t') {
			mistake_add(m, line, column,
				    "a tab in the indentation; spaces would be right");
			return -EINVAL;
		}
		indentation = p[i] == '\n' || (indentation && p[i] == ' ');
		line += p[i] == '\n';
		column = p[i] == '\n' ? 1 : column + 1;
		i += n;
	}
	return 0;
}

static struct yaml_node *
node_new(struct builder *b, enum yaml_kind kind, const char *text, size_t bytes)
{
	struct yaml_node *node;

	if (++b->nodes > YAML_NODES_MAX) {
		mistake_add(b->mistakes, b->line, b->column,
			    "more than %u values; a shorter file would be right", YAML_NODES_MAX);
		return NULL;
	}
	node = calloc(1, sizeof(*node) + bytes + 1);
	if (node == NULL)
		return NULL;
	node->kind = kind;
	node->line = b->line;
	node->column = b->column;
	node->text_bytes = (uint32_t)bytes;
	if (bytes > 0)
		memcpy(node->text, text, bytes);
	node->allocated_before = b->newest;
	b->newest = node;
	return node;
}

/* Puts a finished scalar or a just opened map or list where it belongs. */
static int
node_place(struct builder *b, struct yaml_node *node)
{
	if (b->into == NULL) {
		b->root = node;
		return 0;
	}
	if (b->into->kind == YAML_MAP && b->key == NULL) {
		if (node->kind != YAML_SCALAR || node->text_bytes == 0) {
			mistake_add(b->mistakes, node->line, node->column,
				    "a key that is no word; \"key: value\" would be right");
			return -EINVAL;
		}
		b->key = node;
		return 0;
	}
	node->parent = b->into;
	node->key = b->key;
	b->key = NULL;
	if (b->into->last == NULL)
		b->into->first = node;
	else
		b->into->last->next = node;
	b->into->last = node;
	b->into->children++;
	return 0;
}

static int
scalar_take(struct builder *b, struct fy_token *token)
{
	const char *text = "";
	size_t bytes = 0;
	struct yaml_node *node;
	enum fy_scalar_style style = FYSS_PLAIN;

	if (token != NULL && fy_token_start_mark(token) != NULL) {
		text = fy_token_get_text(token, &bytes);
		style = fy_scalar_token_get_style(token);
	}
	if (text == NULL || bytes > YAML_BYTES_MAX)
		return -ENOMEM;
	if (memchr(text, '\0', bytes) != NULL) {
		mistake_add(b->mistakes, b->line, b->column,
			    "a zero byte in a text; text without it would be right");
		return -EINVAL;
	}
	node = node_new(b, YAML_SCALAR, text, bytes);
	if (node == NULL)
		return -ENOMEM;
	node->plain = style == FYSS_PLAIN;
	return node_place(b, node);
}

static int
container_open(struct builder *b, enum yaml_kind kind)
{
	struct yaml_node *node;
	int rc;

	if (++b->depth > YAML_DEPTH_MAX) {
		mistake_add(b->mistakes, b->line, b->column,
			    "nested more than %u deep; fewer levels would be right",
			    YAML_DEPTH_MAX);
		return -EINVAL;
	}
	node = node_new(b, kind, NULL, 0);
	if (node == NULL)
		return -ENOMEM;
	rc = node_place(b, node);
	if (rc == 0)
		b->into = node;
	return rc;
}

static int
container_close(struct builder *b)
{
	b->into = b->into->parent;
	b->depth--;
	return 0;
}

/* Takes over the place of a token. libfyaml's marks are behind an opening quote and behind the sign
 * of an anchor, alias or tag: `back` columns lead there. */
static void
place_take(struct builder *b, const struct fy_mark *mark, int back)
{
	if (mark == NULL || mark->line < 0 || mark->column < back)
		return;
	b->line = (uint32_t)mark->line + 1;
	b->column = (uint32_t)(mark->column - back) + 1;
}

static void
event_place(struct builder *b, struct fy_event *event)
{
	const struct fy_mark *mark = fy_event_start_mark(event);
	int back = event->type == FYET_ALIAS;

	if (event->type == FYET_SCALAR && mark != NULL) {
		const enum fy_scalar_style style = fy_scalar_token_get_style(event->scalar.value);

		back = style == FYSS_SINGLE_QUOTED || style == FYSS_DOUBLE_QUOTED;
	}
	place_take(b, mark, back);
	/* Nothing behind a key has no place of its own. */
	if (mark == NULL && event->type == FYET_SCALAR && b->key != NULL) {
		b->line = b->key->line;
		b->column = b->key->column;
	}
}

/* The decorations of a value that this file format does without. */
static const char *
decoration_refused(struct builder *b, struct fy_token *anchor, struct fy_token *tag)
{
	if (anchor != NULL) {
		place_take(b, fy_token_start_mark(anchor), 1);
		return "an anchor; the plain value would be right";
	}
	if (tag != NULL) {
		place_take(b, fy_token_start_mark(tag), 0);
		return "a tag; the plain value would be right";
	}
	return NULL;
}

static bool
is_merge_key(const struct builder *b, struct fy_token *token)
{
	size_t bytes = 0;
	const char *text;

	if (token == NULL || b->into == NULL || b->into->kind != YAML_MAP || b->key != NULL)
		return false;
	text = fy_token_get_text(token, &bytes);
	return text != NULL && bytes == 2 && memcmp(text, "<<", 2) == 0;
}

/* Says why the event is refused, or NULL. */
static const char *
event_refused(struct builder *b, struct fy_event *event)
{
	/* Not every document has a visible start: else its first value tells. */
	const bool begins = event->type == FYET_DOCUMENT_START
				    ? fy_event_start_mark(event) != NULL
				    : event->type == FYET_SCALAR ||
					      event->type == FYET_MAPPING_START ||
					      event->type == FYET_SEQUENCE_START;

	if (begins && b->root != NULL && b->into == NULL)
		return "a second document; one document in a file would be right";
	switch (event->type) {
	case FYET_ALIAS:
		return "an alias; the value itself would be right";
	case FYET_SCALAR:
		if (is_merge_key(b, event->scalar.value))
			return "a merge key; the keys themselves would be right";
		return decoration_refused(b, event->scalar.anchor, event->scalar.tag);
	case FYET_MAPPING_START:
		return decoration_refused(b, event->mapping_start.anchor, event->mapping_start.tag);
	case FYET_SEQUENCE_START:
		return decoration_refused(b, event->sequence_start.anchor,
					  event->sequence_start.tag);
	default:
		return NULL;
	}
}

static int
event_take(struct builder *b, struct fy_event *event)
{
	const char *refused;

	event_place(b, event);
	refused = event_refused(b, event);
	if (refused != NULL) {
		mistake_add(b->mistakes, b->line, b->column, "%s", refused);
		return -EINVAL;
	}
	switch (event->type) {
	case FYET_SCALAR:
		return scalar_take(b, event->scalar.value);
	case FYET_MAPPING_START:
		return container_open(b, YAML_MAP);
	case FYET_SEQUENCE_START:
		return container_open(b, YAML_LIST);
	case FYET_MAPPING_END:
	case FYET_SEQUENCE_END:
		return container_close(b);
	default:
		return 0;
	}
}

/* Tells the parser's first error; those after it are its consequences. */
static void
syntax_mistake(struct builder *b, struct fy_diag *diag)
{
	void *at = NULL;
	const struct fy_diag_error *error = fy_diag_errors_iterate(diag, &at);

	if (error != NULL && error->line > 0 && error->column > 0)
		mistake_add(b->mistakes, (uint32_t)error->line, (uint32_t)error->column,
			    "not YAML: %s; \"key: value\" lines, indented by spaces, with every "
			    "quote and bracket closed, would be right",
			    error->msg);
	else
		mistake_add(b->mistakes, b->line, b->column,
			    "not YAML; \"key: value\" lines would be right");
}

static int
events_take(struct builder *b, struct fy_parser *parser, struct fy_diag *diag)
{
	struct fy_event *event;

	while ((event = fy_parser_parse(parser)) != NULL) {
		const int rc = event_take(b, event);

		fy_parser_event_free(parser, event);
		if (rc < 0)
			return b->mistakes->count > 0 ? -EINVAL : rc;
	}
	if (fy_parser_get_stream_error(parser)) {
		syntax_mistake(b, diag);
		return -EINVAL;
	}
	if (b->root == NULL) {
		mistake_add(
			b->mistakes, 1, 1,
			"nothing is configured; at least \"nics:\" with one nic would be right");
		return -EINVAL;
	}
	return 0;
}

static void
nodes_free(struct yaml_node *newest)
{
	while (newest != NULL) {
		struct yaml_node *before = newest->allocated_before;

		free(newest);
		newest = before;
	}
}

int
yaml_read(const char *text, size_t bytes, struct mistakes *m, struct yaml_node **root)
{
	struct builder b = { .mistakes = m, .line = 1, .column = 1 };
	struct fy_diag_cfg diag_config;
	struct fy_parse_cfg parse_config = { .flags = FYPCF_QUIET | FYPCF_JSON_NONE |
						      FYPCF_DEFAULT_VERSION_1_2 };
	struct fy_parser *parser = NULL;
	int rc;

	if (bytes > YAML_BYTES_MAX) {
		mistake_add(m, 1, 1, "larger than 1 MiB; a shorter file would be right");
		return -EINVAL;
	}
	rc = text_check(text, bytes, m);
	if (rc < 0)
		return rc;
	fy_diag_cfg_default(&diag_config);
	diag_config.fp = NULL;
	diag_config.colorize = false;
	diag_config.level = FYET_ERROR;
	parse_config.diag = fy_diag_create(&diag_config);
	if (parse_config.diag == NULL)
		return -ENOMEM;
	fy_diag_set_collect_errors(parse_config.diag, true);
	rc = -ENOMEM;
	parser = fy_parser_create(&parse_config);
	if (parser != NULL && fy_parser_set_string(parser, text, bytes) == 0)
		rc = events_take(&b, parser, parse_config.diag);
	if (parser != NULL)
		fy_parser_destroy(parser);
	fy_diag_destroy(parse_config.diag);
	if (rc < 0) {
		nodes_free(b.newest);
		return rc;
	}
	/* The whole chain hangs on the root, whose own place in it is then its end. */
	*root = b.root;
	if (b.newest != b.root) {
		struct yaml_node *chain = b.newest;

		while (chain->allocated_before != b.root)
			chain = chain->allocated_before;
		chain->allocated_before = NULL;
		b.root->allocated_before = b.newest;
	}
	return 0;
}

void
yaml_free(struct yaml_node *root)
{
	nodes_free(root);
}

struct yaml_node *
yaml_get(struct yaml_node *map, const char *key)
{
	if (map == NULL || map->kind != YAML_MAP)
		return NULL;
	for (struct yaml_node *value = map->first; value != NULL; value = value->next)
		if (strcmp(value->key->text, key) == 0)
			return value;
	return NULL;
}
