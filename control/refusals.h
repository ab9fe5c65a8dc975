/* SPDX-License-Identifier: BSD-3-Clause */
/* refusals.h: who was refused what, lately: the audit of permissions, conflicts and quotas. Served
 * by refusals.c. The control thread alone. */
#pragma once

#include <jansson.h>
#include <stdint.h>

#include "common/abi/message.h"
#include "control/credentials.h"

#define REFUSALS_KEPT      128
#define REFUSAL_WHAT_BYTES (IDENTITY_TEXT_BYTES + 16)

struct refusal {
	uint64_t time_s; /* since the epoch */
	uid_t uid;
	pid_t pid;
	int error; /* positive errno */
	char name[NAME_BYTES];
	char what[REFUSAL_WHAT_BYTES];
	char why[MESSAGE_TEXT_BYTES];
};

/* All zero: none yet. */
struct refusals {
	uint64_t count;                     /* ever */
	struct refusal last[REFUSALS_KEPT]; /* number n is at n % REFUSALS_KEPT */
};

/* Keeps a refusal, the oldest kept gives way, and writes a line to the log. `name`: of the
 * application, "" before it said it; `error`: a negative errno. */
void refusals_note(struct refusals *r, const struct credentials *who, const char *name,
		   const char *what, int error, const char *why);

/* {"count": ever, "refusals": [those kept, the newest first]} */
json_t *refusals_json(const struct refusals *r);
