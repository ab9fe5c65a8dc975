/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: berthd: reads its arguments. */
#include <errno.h>
#include <getopt.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>

#include "config/config.h"
#include "control/daemon.h"
#include "control/log.h"

/* What berthd exits with. */
enum { EXIT_DONE = 0, EXIT_FAILED = 1, EXIT_USAGE = 2 };

static const char usage[] =
	"usage: berthd --config FILE [--verbose]\n"
	"       berthd --check FILE | --schema | --version | --help\n"
	"\n"
	"  --config FILE  run with this configuration\n"
	"  --verbose      also say who attaches and who leaves\n"
	"  --check FILE   only check the configuration; exit status 0: it is good\n"
	"  --schema       print the JSON Schema of the configuration\n"
	"  --version      print the version\n"
	"  --help         print this\n";

/* Large, and used from start to end: not for the stack. */
static struct config config;

static int
run(const char *path)
{
	if (config_load(path, &config, stderr) != 0)
		return EXIT_FAILED;
	return daemon_run(&config, path) == 0 ? EXIT_DONE : EXIT_FAILED;
}

static int
check(const char *path)
{
	if (config_load(path, &config, stderr) != 0)
		return EXIT_FAILED;
	printf("%s: ok\n", path);
	return EXIT_DONE;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "config", required_argument, NULL, 'c' },
		{ "check", required_argument, NULL, 'k' },
		{ "schema", no_argument, NULL, 's' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ "verbose", no_argument, NULL, 'v' },
		{ NULL, 0, NULL, 0 },
	};
	const char *path = NULL;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'c':
			path = optarg;
			break;
		case 'v':
			log_verbose(true);
			break;
		case 'k':
			return check(optarg);
		case 's':
			return config_schema_print(stdout) == 0 ? EXIT_DONE : EXIT_FAILED;
		case 'V':
			printf("berthd %s\n", BERTH_VERSION);
			return EXIT_DONE;
		case 'h':
			fputs(usage, stdout);
			return EXIT_DONE;
		default:
			fputs(usage, stderr);
			return EXIT_USAGE;
		}
	}
	if (path == NULL || optind != argc) {
		fputs(usage, stderr);
		return EXIT_USAGE;
	}
	return run(path);
}
