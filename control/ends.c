/* SPDX-License-Identifier: BSD-3-Clause */
/* ends.c: opens the configured ports whose end is a device. */
#include "control/ends.h"

#include <errno.h>
#include <stdio.h>

static int
end_open(struct apps *a, const struct config_end *end, uint16_t index, char why[MESSAGE_TEXT_BYTES])
{
	const struct credentials root = { 0 };
	struct app *app = app_add_end(a, end->name);
	struct app_port *port;
	int rc;

	snprintf(why, MESSAGE_TEXT_BYTES, "no room for another port");
	if (app == NULL)
		return -ENOMEM;
	rc = app_port_open_end(app, end->name, (uint16_t)(index + 1), &port);
	if (rc != 0)
		return rc;
	for (uint16_t i = 0; i < end->bindings_count; i++) {
		const struct binding *b;

		rc = app_port_bind(port, &end->bindings[i], false, &root, &b, why);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int
ends_open(struct apps *a, const struct config *config)
{
	char why[MESSAGE_TEXT_BYTES];
	int rc = 0;

	for (uint16_t i = 0; rc == 0 && i < config->ends_count; i++) {
		rc = end_open(a, &config->ends[i], i, why);
		if (rc != 0)
			fprintf(stderr, "berthd: port %s cannot be opened: %s\n",
				config->ends[i].name, why);
	}
	return rc;
}
