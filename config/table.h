/* SPDX-License-Identifier: BSD-3-Clause */
/* table.h: the one table of configuration keys: what may be written, its default, its meaning.
 * The loader, the JSON Schema and the manual all read it. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum table_type {
	TABLE_MAP,     /* further keys below it */
	TABLE_MAPS,    /* a list of such maps; their keys have the path of the list and "[]" */
	TABLE_NUMBER,  /* a whole number */
	TABLE_FLAG,    /* true or false */
	TABLE_CHOICE,  /* one of several words */
	TABLE_TEXT,    /* a text of a given shape */
	TABLE_NUMBERS, /* a list of whole numbers */
	TABLE_TEXTS,   /* a list of texts */
};

/* The struct that a value is stored in. */
enum table_place {
	TABLE_NOWHERE, /* not stored as it is: load.c makes something else of it */
	TABLE_CONFIG,
	TABLE_NIC,
	TABLE_LINK,
	TABLE_TUNNEL,
	TABLE_END,
	TABLE_PLACES,
};

#define TABLE_REQUIRED  1u /* the map is wrong without it */
#define TABLE_ONE_OF    2u /* exactly one of the map's keys with this flag is given */
#define TABLE_OR_NUMBER 4u /* a text that may also look like a number */
#define TABLE_LIVE      8u /* a running daemon takes a change over; of TABLE_CONFIG only */

struct table_key {
	const char *path; /* "flows.timeouts.icmp", "nics[].vlans[].id" */
	enum table_type type;
	uint64_t min, max;    /* value of a number, bytes of a text, items of a list of maps */
	const char *standard; /* default as written in the file; NULL: none */
	const char *words;    /* choice: "a|b" in the order of the enum; number: the word for 0 */
	const char *pattern;  /* text: extended regular expression that means the same to POSIX and
				 ECMA-262; NULL: anything */
	const char *shape;    /* text: the pattern in words, with an example */
	uint16_t items_max;   /* lists of numbers or texts */
	enum table_place place;
	uint32_t offset; /* in the struct of `place` */
	uint8_t width;   /* bytes of the field */
	uint8_t shift;   /* number: stored shifted left by this */
	uint8_t flags;
	const char *help; /* plain sentences */
};

extern const struct table_key table_keys[];
extern const unsigned table_keys_count;

/* The key `name` of `name_bytes` bytes in the map at `path` ("" is the file itself), or NULL. */
const struct table_key *table_find(const char *path, const char *name, size_t name_bytes);

/* The next key of the map at `path` after `key` (NULL: the first), or NULL. */
const struct table_key *table_next(const char *path, const struct table_key *key);

/* The last part of the key's path: what is written before the colon. */
const char *table_name(const struct table_key *key);

/* The key of the map at `path` that `name` is most likely a slip of, or NULL when none is near. */
const struct table_key *table_nearest(const char *path, const char *name);
