/* SPDX-License-Identifier: BSD-3-Clause */
/* commands.h: the table of berthctl's commands: parser, help and manual follow it. Served by
 * commands.c. */
#pragma once

#include <stdbool.h>

#include "control/ctl/print.h"

enum argument_kind {
	ARGUMENT_TEXT,
	ARGUMENT_NUMBER, /* 0 or more */
	ARGUMENT_FLAG,   /* takes no value */
};

struct argument {
	const char *name;   /* "--limit", or "IDENTITY" for one that is known by its place */
	const char *value;  /* what help calls the option's value; NULL for others */
	const char *member; /* of the request */
	enum argument_kind kind;
	const char *help;
};

#define ARGUMENTS_MAX 6 /* one of them ends the list */

struct command {
	const char *name;
	const char *help;
	bool watch;  /* has --watch */
	bool stream; /* has no end: `print` takes one line of many */
	print_fn print;
	struct argument arguments[ARGUMENTS_MAX]; /* name NULL: no more */
};

extern const struct command commands[];
extern const unsigned commands_count;
