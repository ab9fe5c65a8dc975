/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: berth-run: starts a program with the shim before libc. */
#include <errno.h>
#include <getopt.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define SHIM "libberth-run.so"

/* Exit statuses as env(1) and nohup(1) have them. */
enum { EXIT_OURS = 125, EXIT_NOT_RUN = 126, EXIT_NOT_FOUND = 127 };

static void
usage(FILE *out)
{
	fputs("usage: berth-run [OPTION...] PROGRAM [ARGUMENT...]\n"
	      "Runs PROGRAM with the UDP sockets that it binds on ports of berthd.\n"
	      "\n"
	      "  -s, --socket=PATH   where berthd is; else $BERTH_SOCKET, else its default\n"
	      "  -p, --ports=LIST    only these ports, for example 53,5000-5999; else all\n"
	      "  -z, --zone=NUMBER   address space to bind in; else 0\n"
	      "  -h, --help          this text\n",
	      out);
}

/* Whether `text` is a list of ports and ranges. */
static bool
ports_valid(const char *text)
{
	do {
		char *end;
		const unsigned long first = strtoul(text, &end, 10);
		const unsigned long last = *end == '-' ? strtoul(end + 1, &end, 10) : first;

		if (end == text || first < 1 || last < first || last > 65535)
			return false;
		text = *end == ',' ? end + 1 : end;
		if (*end != '\0' && *end != ',')
			return false;
	} while (*text != '\0');
	return true;
}

static bool
zone_valid(const char *text)
{
	char *end;
	const unsigned long zone = strtoul(text, &end, 10);

	return text[0] >= '0' && text[0] <= '9' && *end == '\0' && zone <= 4095;
}

/* Where the shim is: beside this program as it was built, else where it is installed. */
static void
shim_path(char path[PATH_MAX])
{
	const ssize_t n = readlink("/proc/self/exe", path, PATH_MAX - sizeof(SHIM));
	char *slash;

	path[n > 0 ? n : 0] = '\0';
	slash = strrchr(path, '/');
	if (slash != NULL) {
		strcpy(slash + 1, SHIM);
		if (access(path, R_OK) == 0)
			return;
	}
	snprintf(path, PATH_MAX, "%s/%s", SHIM_FOLDER, SHIM);
}

/* Puts the shim before what else is loaded first. */
static void
preload(void)
{
	const char *before = getenv("LD_PRELOAD");
	char path[PATH_MAX], list[2 * PATH_MAX];

	shim_path(path);
	snprintf(list, sizeof(list), "%s%s%s", path, before != NULL ? ":" : "",
		 before != NULL ? before : "");
	setenv("LD_PRELOAD", list, 1);
}

static void
refuse(const char *what, const char *value)
{
	fprintf(stderr, "berth-run: %s is no %s\n", value, what);
	exit(EXIT_OURS);
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "socket", required_argument, NULL, 's' },
		{ "ports", required_argument, NULL, 'p' },
		{ "zone", required_argument, NULL, 'z' },
		{ "help", no_argument, NULL, 'h' },
		{ 0 },
	};
	int c;

	while ((c = getopt_long(argc, argv, "+s:p:z:h", options, NULL)) != -1) {
		switch (c) {
		case 's':
			setenv("BERTH_SOCKET", optarg, 1);
			break;
		case 'p':
			if (!ports_valid(optarg))
				refuse("list of ports from 1 to 65535", optarg);
			setenv("BERTH_RUN_PORTS", optarg, 1);
			break;
		case 'z':
			if (!zone_valid(optarg))
				refuse("zone from 0 to 4095", optarg);
			setenv("BERTH_RUN_ZONE", optarg, 1);
			break;
		case 'h':
			usage(stdout);
			return 0;
		default:
			usage(stderr);
			return EXIT_OURS;
		}
	}
	if (optind == argc) {
		usage(stderr);
		return EXIT_OURS;
	}
	preload();
	execvp(argv[optind], argv + optind);
	fprintf(stderr, "berth-run: %s: %s\n", argv[optind], strerror(errno));
	return errno == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_RUN;
}
