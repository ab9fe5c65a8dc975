/* SPDX-License-Identifier: BSD-3-Clause */
/* generate.c: writes the JSON Schema or the manual page of the configuration at build time. */
#include <stdio.h>
#include <string.h>

#include "config/config.h"

int
main(int argc, char **argv)
{
	FILE *out = stdout;
	int rc = -1;

	if (argc == 3)
		out = fopen(argv[2], "w");
	if (out != NULL && argc >= 2 && argc <= 3 && strcmp(argv[1], "schema") == 0)
		rc = config_schema_print(out);
	else if (out != NULL && argc >= 2 && argc <= 3 && strcmp(argv[1], "manual") == 0)
		rc = config_manual_print(out);
	else
		fprintf(stderr, "usage: config-generate schema|manual [FILE]\n");
	if (out != NULL && fclose(out) != 0)
		rc = -1;
	return rc == 0 ? 0 : 1;
}
