/* SPDX-License-Identifier: BSD-3-Clause */
/* commands_priv.h: what the files that carry out the commands of control.sock share. */
#pragma once

#include "control/commands.h"

struct request {
	const struct command_context *c;
	const struct credentials *asker;
	const json_t *json;
	struct command_stream stream; /* set by a command whose answer is one */
};

/* Finds a port by its number, or by its name where one port alone has it. NULL: *why says so. */
struct app_port *command_port(const struct apps *apps, const json_t *value, const char **why);

/* commands_drain.c */
json_t *command_drain(struct request *q);
/* commands_reload.c */
json_t *command_reload(struct request *q);
