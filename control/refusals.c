/* SPDX-License-Identifier: BSD-3-Clause */
/* refusals.c: keeps and logs who was refused what. */
#include "control/refusals.h"

#include <stdio.h>
#include <string.h>
#include <time.h>

#include "control/log.h"

void
refusals_note(struct refusals *r, const struct credentials *who, const char *name, const char *what,
	      int error, const char *why)
{
	struct refusal *n = &r->last[r->count++ % REFUSALS_KEPT];

	*n = (struct refusal){
		.time_s = (uint64_t)time(NULL),
		.uid = who->uid,
		.pid = who->pid,
		.error = -error,
	};
	snprintf(n->name, sizeof(n->name), "%s", name);
	snprintf(n->what, sizeof(n->what), "%s", what);
	snprintf(n->why, sizeof(n->why), "%s", why);
	log_line("refused to user %u, pid %d (%s): %s: %s", (unsigned)n->uid, (int)n->pid,
		 n->name[0] != '\0' ? n->name : "no name yet", n->what, n->why);
}

static json_t *
refusal_json(const struct refusal *n)
{
	char when[32];
	const time_t seconds = (time_t)n->time_s;
	struct tm parts;

	strftime(when, sizeof(when), "%Y-%m-%dT%H:%M:%SZ", gmtime_r(&seconds, &parts));
	return json_pack("{s:s, s:I, s:I, s:s, s:s, s:s, s:s}", "time", when, "uid",
			 (json_int_t)n->uid, "pid", (json_int_t)n->pid, "app", n->name, "what",
			 n->what, "error", strerrorname_np(n->error), "why", n->why);
}

json_t *
refusals_json(const struct refusals *r)
{
	const uint64_t kept = r->count < REFUSALS_KEPT ? r->count : REFUSALS_KEPT;
	json_t *list = json_array();

	for (uint64_t i = 1; i <= kept; i++)
		json_array_append_new(list, refusal_json(&r->last[(r->count - i) % REFUSALS_KEPT]));
	return json_pack("{s:I, s:o}", "count", (json_int_t)r->count, "refusals", list);
}
