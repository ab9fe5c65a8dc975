/* SPDX-License-Identifier: BSD-3-Clause */
/* mistakes.h: the mistakes found in one file, told in the order of its lines. */
#pragma once

#include <stdint.h>
#include <stdio.h>

#define MISTAKES_MAX       50
#define MISTAKE_TEXT_BYTES 400

struct mistake {
	uint32_t line, column;
	uint32_t order; /* of finding */
	char text[MISTAKE_TEXT_BYTES];
};

struct mistakes {
	uint32_t count; /* further ones are counted by `more` */
	uint32_t more;
	struct mistake list[MISTAKES_MAX];
};

/* Notes a mistake at `line`:`column`, both from 1. The text says what is wrong and what would be
 * right; it is cut when too long, and bytes in it that could garble a terminal become '?'. */
void mistake_add(struct mistakes *m, uint32_t line, uint32_t column, const char *format, ...)
	__attribute__((format(printf, 4, 5)));

/* Writes one line "name:line:column: text" each, sorted. */
void mistakes_print(struct mistakes *m, const char *name, FILE *out);
