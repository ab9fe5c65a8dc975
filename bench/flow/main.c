/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: reads what is to be measured, starts EAL for rte_hash, runs the sections. */
#include <getopt.h>
#include <rte_eal.h>
#include <rte_log.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "bench/flow/grace.h"
#include "bench/flow/pages.h"
#include "bench/flow/report.h"
#include "common/base/address.h"
#include "common/base/check.h"

/* What all tables of one size, their keys and the limits take per flow, at most. */
#define BYTES_PER_FLOW 1500u

static const struct {
	const char *name;
	void (*run)(struct bench *b);
} sections[] = {
	{ "lookup", section_lookup },   { "churn", section_churn }, { "beside", section_beside },
	{ "collide", section_collide }, { "scale", section_scale }, { "cost", section_cost },
	{ "worst", section_worst },
};

static const char usage_text[] =
	"usage: ./dev bench flow [OPTION...]\n\n"
	"  --only SECTION,...   of: lookup churn beside collide scale cost worst (all)\n"
	"  --sizes N,...        flows, with k or M (1k,100k,1M,10M)\n"
	"  --families F,...     of: 4 6 (both)\n"
	"  --tables NAME,...    beginnings of contenders' names (all that are built)\n"
	"  --rounds N           of each measurement (7)\n"
	"  --core N             where to measure (the last)\n"
	"  --quick              100k and 1M, IPv4, 3 rounds, what fits half a minute\n"
	"  --json               figures as JSON on standard output, text on standard error\n";

__attribute__((noreturn)) static void
usage(const char *wrong)
{
	if (wrong != NULL)
		fprintf(stderr, "bench-flow: not understood: %s\n", wrong);
	fputs(usage_text, wrong != NULL ? stderr : stdout);
	exit(wrong != NULL ? 2 : 0);
}

static void
sizes_read(struct bench *b, char *list)
{
	b->sizes_count = 0;
	b->sizes_given = true;
	for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
		char *end;
		unsigned long n = strtoul(word, &end, 10);

		if (*end == 'k' || *end == 'M')
			n *= *end++ == 'k' ? 1000 : 1000000;
		if (*end != '\0' || n < 1000 || n > 100000000 || b->sizes_count == SIZES_MAX)
			usage(word);
		b->sizes[b->sizes_count++] = (uint32_t)n;
	}
}

static void
families_read(struct bench *b, const char *list)
{
	b->families[FAMILY_IPV4] = strchr(list, '4') != NULL;
	b->families[FAMILY_IPV6] = strchr(list, '6') != NULL;
	if (strspn(list, "46,") != strlen(list))
		usage(list);
}

static void
contenders_read(struct bench *b, char *list)
{
	b->contenders_count = 0;
	for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
		const unsigned before = b->contenders_count;

		for (unsigned i = 0; i < contenders_count; i++)
			if (strncmp(contenders[i]->name, word, strlen(word)) == 0 &&
			    b->contenders_count < CONTENDERS_MAX)
				b->contenders[b->contenders_count++] = contenders[i];
		if (b->contenders_count == before)
			usage(word);
	}
}

/* A bit for each section. */
static unsigned
sections_read(char *list)
{
	unsigned chosen = 0;

	for (char *word = strtok(list, ","); word != NULL; word = strtok(NULL, ",")) {
		const unsigned before = chosen;

		for (unsigned i = 0; i < array_length(sections); i++)
			if (strcmp(sections[i].name, word) == 0)
				chosen |= 1u << i;
		if (chosen == before)
			usage(word);
	}
	return chosen;
}

static void
quick(struct bench *b)
{
	b->quick = true;
	b->rounds = 3;
	b->families[FAMILY_IPV6] = false;
	b->sizes_count = 2;
	b->sizes[0] = 100000;
	b->sizes[1] = 1000000;
}

static unsigned
number_read(const char *text, unsigned least, unsigned most)
{
	char *end;
	const unsigned long n = strtoul(text, &end, 10);

	if (*text == '\0' || *end != '\0' || n < least || n > most)
		usage(text);
	return (unsigned)n;
}

static unsigned
options_read(struct bench *b, int argc, char **argv, bool *json)
{
	static const struct option options[] = {
		{ "only", required_argument, NULL, 'o' },
		{ "sizes", required_argument, NULL, 's' },
		{ "families", required_argument, NULL, 'f' },
		{ "tables", required_argument, NULL, 't' },
		{ "rounds", required_argument, NULL, 'r' },
		{ "core", required_argument, NULL, 'c' },
		{ "quick", no_argument, NULL, 'q' },
		{ "json", no_argument, NULL, 'j' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	unsigned chosen = (1u << array_length(sections)) - 1;
	int option;

	while ((option = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			chosen = sections_read(optarg);
			break;
		case 's':
			sizes_read(b, optarg);
			break;
		case 'f':
			families_read(b, optarg);
			break;
		case 't':
			contenders_read(b, optarg);
			break;
		case 'r':
			b->rounds = number_read(optarg, 1, ROUNDS_MAX);
			break;
		case 'c':
			b->core = number_read(optarg, 0, b->core);
			break;
		case 'q':
			quick(b);
			break;
		case 'j':
			*json = true;
			break;
		default:
			usage(option == 'h' ? NULL : argv[optind - 1]);
		}
	}
	if (optind < argc)
		usage(argv[optind]);
	return chosen;
}

/* EAL's own memory stays small: tables live in heaps that their contenders add. */
static void
eal_start(unsigned core)
{
	char lcores[32];
	char *arguments[] = { "bench-flow",     "--no-huge", "--no-shconf",       "--no-pci",
			      "--no-telemetry", "-m256",     "--log-level=error", lcores };

	snprintf(lcores, sizeof(lcores), "--lcores=0@%u", core);
	if (rte_eal_init(array_length(arguments), arguments) < 0) {
		fprintf(stderr, "bench-flow: EAL does not start\n");
		exit(1);
	}
	/* rte_hash would print two lines for each flow that its full defer queue loses. */
	rte_log_set_global_level(RTE_LOG_CRIT);
	grace_create();
	grace_join(0);
}

/* Leaves out sizes for which there is no memory. */
static void
sizes_check(struct bench *b)
{
	unsigned kept = 0;

	for (unsigned i = 0; i < b->sizes_count; i++) {
		if ((uint64_t)b->sizes[i] * BYTES_PER_FLOW > pages_available())
			report_note("%u flows left out: they take %u MiB", b->sizes[i],
				    (unsigned)((uint64_t)b->sizes[i] * BYTES_PER_FLOW >> 20));
		else
			b->sizes[kept++] = b->sizes[i];
	}
	b->sizes_count = kept;
}

int
main(int argc, char **argv)
{
	const long online = sysconf(_SC_NPROCESSORS_ONLN);
	struct bench b = {
		.sizes = { 1000, 100000, 1000000, 10000000 },
		.sizes_count = 4,
		.families = { [FAMILY_IPV4] = true, [FAMILY_IPV6] = true },
		.rounds = 7,
		.core = (unsigned)online - 1,
		.contenders_count = contenders_count,
	};
	bool json = false;
	unsigned chosen;

	memcpy(b.contenders, contenders, contenders_count * sizeof(contenders[0]));
	chosen = options_read(&b, argc, argv, &json);
	b.other = online > 1 ? (b.core + 1) % (unsigned)online : b.core;
	eal_start(b.core);
	report_begin(&b, json);
	sizes_check(&b);
	for (unsigned i = 0; i < array_length(sections); i++)
		if ((chosen >> i & 1) != 0)
			sections[i].run(&b);
	report_end(&b);
	return b.wrong == 0 ? 0 : 1;
}
