/* SPDX-License-Identifier: BSD-3-Clause */
/* commands_reload.c: carries out the request to read the configuration again. */
#include <stdlib.h>
#include <string.h>

#include "control/commands_priv.h"
#include "control/reload.h"

json_t *
command_reload(struct request *q)
{
	json_t *changed, *waiting, *answer;
	char *why;

	if (reload_run(q->c->reload, &changed, &waiting, &why))
		return json_pack("{s:o, s:o}", "changed", changed, "waiting", waiting);
	if (why != NULL)
		why[strcspn(why, "\n") == 0 ? 0 : strlen(why) - 1] = '\0';
	answer = command_refusal("refused", why != NULL ? why : "no memory to reload");
	free(why);
	return answer;
}
