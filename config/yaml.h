/* SPDX-License-Identifier: BSD-3-Clause */
/* yaml.h: YAML text as a small tree whose nodes know their line and column. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "config/mistakes.h"

#define YAML_BYTES_MAX (1u << 20)
#define YAML_DEPTH_MAX 16
#define YAML_NODES_MAX 65536

enum yaml_kind {
	YAML_SCALAR,
	YAML_LIST,
	YAML_MAP,
};

struct yaml_node {
	enum yaml_kind kind;
	bool plain;                         /* scalar written without quotes */
	uint32_t line, column;              /* from 1; a missing value has those of its key */
	uint32_t children;                  /* items, or key-value pairs */
	struct yaml_node *first, *last;     /* values of a map, items of a list */
	struct yaml_node *next;             /* in the same map or list */
	struct yaml_node *parent;           /* NULL: the root */
	struct yaml_node *key;              /* of a map's value: a scalar */
	struct yaml_node *allocated_before; /* chain of all nodes, for yaml_free() */
	uint32_t text_bytes;
	char text[]; /* scalar, with a zero behind; has none inside */
};

/* Reads one YAML document. Refused with a mistake each: bytes that are not UTF-8 text, tabs in
 * indentation, wrong syntax, no or several documents, anchors, aliases, merge keys, tags, keys that
 * are no scalars, and more depth, nodes or bytes than the limits above. 0, or -EINVAL after a
 * mistake, or -ENOMEM. On 0 the caller owns *root until yaml_free(). */
int yaml_read(const char *text, size_t bytes, struct mistakes *m, struct yaml_node **root);

/* `root` may be NULL. */
void yaml_free(struct yaml_node *root);

/* The first value of `map` with this key, or NULL; NULL as well when `map` is no map. */
struct yaml_node *yaml_get(struct yaml_node *map, const char *key);
