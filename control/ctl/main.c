/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: berthctl: reads its arguments, asks berthd, prints the answer. */
#include <errno.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "control/ctl/commands.h"
#include "control/ctl/connection.h"

#define SOCKET_DEFAULT "/run/berth/control.sock"

struct options {
	const char *socket_path;
	bool json;
	bool help;
	long watch_s; /* 0: once */
	const struct command *command;
	json_t *request;
};

static void
help_all(FILE *out)
{
	fprintf(out, "usage: berthctl [OPTION...] COMMAND [ARGUMENT...]\n\n");
	for (unsigned i = 0; i < commands_count; i++)
		fprintf(out, "  %-10s %s\n", commands[i].name, commands[i].help);
	fprintf(out, "\n"
		     "  --socket PATH    berthd's control socket (BERTH_CONTROL_SOCKET, or\n"
		     "                   " SOCKET_DEFAULT ")\n"
		     "  --json           print the answer as JSON\n"
		     "  --watch SECONDS  repeat (ports, stats, status)\n"
		     "  --version        print the version\n"
		     "  --help           this, or with a command its arguments\n\n"
		     "Exit status: 0 done, 1 refused, 2 wrong usage, 3 berthd cannot be reached, "
		     "4 denied.\n");
}

static void
help_command(const struct command *c)
{
	printf("usage: berthctl [OPTION...] %s", c->name);
	for (const struct argument *a = c->arguments; a->name != NULL; a++) {
		if (a->name[0] != '-')
			printf(" %s", a->name);
		else
			printf(a->value != NULL ? " [%s %s]" : " [%s]", a->name, a->value);
	}
	printf("%s\n\n%s\n", c->watch ? " [--watch SECONDS]" : "", c->help);
	if (c->arguments[0].name != NULL)
		printf("\n");
	for (const struct argument *a = c->arguments; a->name != NULL; a++)
		printf("  %-10s %-8s %s\n", a->name, a->value == NULL ? "" : a->value, a->help);
}

static enum ctl_exit
usage(const char *what, const char *which)
{
	fprintf(stderr, "berthctl: %s%s; see berthctl --help\n", what, which);
	return CTL_USAGE;
}

/* A whole number, `least` or more. 0 or -EINVAL. */
static int
number_read(const char *text, long least, long *out)
{
	char *end;
	long n;

	errno = 0;
	n = strtol(text, &end, 10);
	if (errno != 0 || end == text || *end != '\0' || n < least)
		return -EINVAL;
	*out = n;
	return 0;
}

/* Puts one argument of the command into the request. `text` is NULL for a flag. */
static enum ctl_exit
argument_take(struct options *o, const struct argument *a, const char *text)
{
	json_t *value;
	long n;

	if (a->kind == ARGUMENT_FLAG) {
		value = json_true();
	} else if (a->kind == ARGUMENT_NUMBER) {
		if (number_read(text, 0, &n) != 0)
			return usage("a number is wanted after ", a->name);
		value = json_integer(n);
	} else {
		value = json_string(text);
		if (value == NULL)
			return usage("that is no text: ", a->name);
	}
	json_object_set_new(o->request, a->member, value);
	return CTL_OK;
}

static const struct argument *
argument_named(const struct options *o, const char *name)
{
	for (const struct argument *a = o->command->arguments; a->name != NULL; a++)
		if (a->name[0] == '-' && strcmp(a->name, name) == 0)
			return a;
	return NULL;
}

/* The first argument known by its place that the request lacks. */
static const struct argument *
argument_missing(const struct options *o)
{
	for (const struct argument *a = o->command->arguments; a->name != NULL; a++)
		if (a->name[0] != '-' && json_object_get(o->request, a->member) == NULL)
			return a;
	return NULL;
}

static enum ctl_exit
command_take(struct options *o, const char *name)
{
	for (unsigned i = 0; i < commands_count; i++) {
		if (strcmp(commands[i].name, name) == 0) {
			o->command = &commands[i];
			o->request = json_pack("{s:s}", "command", name);
			return CTL_OK;
		}
	}
	return usage("there is no command ", name);
}

/* Takes the option at argv[*i], and its value with it. */
static enum ctl_exit
option_take(struct options *o, char **argv, int *i)
{
	const char *name = argv[*i], *value = argv[*i + 1];
	const struct argument *a;

	if (strcmp(name, "--json") == 0) {
		o->json = true;
		return CTL_OK;
	}
	if (strcmp(name, "--help") == 0 || strcmp(name, "-h") == 0) {
		o->help = true;
		return CTL_OK;
	}
	a = o->command == NULL ? NULL : argument_named(o, name);
	if (a != NULL && a->kind == ARGUMENT_FLAG)
		return argument_take(o, a, NULL);
	if (a == NULL && strcmp(name, "--socket") != 0 && strcmp(name, "--watch") != 0)
		return usage("there is no option ", name);
	if (value == NULL)
		return usage("a value is missing after ", name);
	(*i)++;
	if (a != NULL)
		return argument_take(o, a, value);
	if (strcmp(name, "--socket") == 0)
		o->socket_path = value;
	else if (number_read(value, 1, &o->watch_s) != 0 || o->watch_s > 86400)
		return usage("a number of seconds is wanted after ", name);
	return CTL_OK;
}

static enum ctl_exit
arguments_read(struct options *o, char **argv)
{
	enum ctl_exit status = CTL_OK;

	for (int i = 1; argv[i] != NULL && status == CTL_OK; i++) {
		const struct argument *place;

		if (argv[i][0] == '-') {
			status = option_take(o, argv, &i);
		} else if (o->command == NULL) {
			status = command_take(o, argv[i]);
		} else {
			place = argument_missing(o);
			status = place != NULL ? argument_take(o, place, argv[i])
					       : usage("one argument too many: ", argv[i]);
		}
	}
	if (status != CTL_OK || o->help)
		return status;
	if (o->command == NULL)
		return usage("a command is missing", "");
	if (o->watch_s != 0 && !o->command->watch)
		return usage("--watch is not for ", o->command->name);
	if (argument_missing(o) != NULL)
		return usage("an argument is missing: ", argument_missing(o)->name);
	return CTL_OK;
}

static enum ctl_exit
ask_and_print(const struct options *o)
{
	const struct timespec pause = { .tv_sec = o->watch_s };
	json_t *former = NULL;
	enum ctl_exit status;

	for (;;) {
		json_t *answer;

		status = connection_ask(o->socket_path, o->request, &answer);
		if (status != CTL_OK)
			break;
		if (o->json) {
			json_dumpf(answer, stdout, o->watch_s == 0 ? JSON_INDENT(2) : JSON_COMPACT);
			printf("\n");
		} else {
			/* Clears a terminal and starts at its top. */
			if (former != NULL && isatty(STDOUT_FILENO))
				printf("\033[H\033[2J");
			o->command->print(answer, former, (double)o->watch_s);
		}
		json_decref(former);
		former = answer;
		if (fflush(stdout) != 0 || o->watch_s == 0)
			break;
		nanosleep(&pause, NULL);
	}
	json_decref(former);
	return status;
}

struct following {
	bool json;
	print_fn print;
	json_t *former; /* the line before */
};

static bool
line_print(json_t *line, void *context)
{
	struct following *f = context;

	if (f->json) {
		json_dumpf(line, stdout, JSON_COMPACT);
		printf("\n");
	} else {
		f->print(line, f->former, 0);
	}
	json_decref(f->former);
	f->former = json_incref(line);
	return fflush(stdout) == 0;
}

static enum ctl_exit
follow_and_print(const struct options *o)
{
	struct following f = { .json = o->json, .print = o->command->print };
	const enum ctl_exit status = connection_follow(o->socket_path, o->request, line_print, &f);

	json_decref(f.former);
	return status;
}

int
main(int argc, char **argv)
{
	const char *path = getenv("BERTH_CONTROL_SOCKET");
	struct options o = { .socket_path = path != NULL ? path : SOCKET_DEFAULT };
	enum ctl_exit status;

	if (argc == 2 && strcmp(argv[1], "--version") == 0) {
		printf("berthctl %s\n", BERTH_VERSION);
		return CTL_OK;
	}
	status = arguments_read(&o, argv);
	if (status == CTL_OK && o.help && o.command == NULL)
		help_all(stdout);
	else if (status == CTL_OK && o.help)
		help_command(o.command);
	else if (status == CTL_OK)
		status = o.command->stream ? follow_and_print(&o) : ask_and_print(&o);
	json_decref(o.request);
	return (int)status;
}
