/* SPDX-License-Identifier: BSD-3-Clause */
/* options.c: see options.h. */
#include "dataplane/replay/options.h"

#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"

#define CAPACITY 262144

static const char help[] =
	"usage: berth-replay --packets | --flows [OPTION...] FILE...\n"
	"\n"
	"Reads pcap and pcapng files as berthd reads a nic, and prints what it makes of each "
	"packet, "
	"or\n"
	"of each flow when that ends. FILE may be -, standard input.\n"
	"\n"
	"  --packets              one JSON object per packet, one per line\n"
	"  --flows                one JSON object per flow; with --packets both, and packets name "
	"their\n"
	"                         flow and what they are to it\n"
	"  --format FORMAT        of flows: json (default), csv, or ipfix\n"
	"  --tracking MODE        loose (default), strict or off\n"
	"  --timers PROFILE       rfc (default) or linux\n"
	"  --capacity N           flows at once, 1024 to 134217728 (262144)\n"
	"  --checksum verify      refuse wrong checksums (default)\n"
	"  --checksum ignore      do not look at them\n"
	"  --sources any          take source addresses that no sender may have, loopback among "
	"them\n"
	"  --tunnels TYPE,...     look into vxlan, geneve, gre, ipip, 6in4, gtpu, or all\n"
	"  --offload              as from a nic that strips the VLAN tag and verifies checksums\n"
	"  --version              print the version\n"
	"  --help                 this\n"
	"\n"
	"Exit status: 0 done, 1 a file is broken, the output cannot be written or a flow found no\n"
	"room, 2 wrong usage.\n";

static int
usage(const char *what, const char *which)
{
	fprintf(stderr, "berth-replay: %s%s; see berth-replay --help\n", what, which);
	return EXIT_USAGE;
}

/* Reads a list of tunnel types with commas between them. False: one is none. */
static bool
tunnels_read(const char *list, unsigned *tunnels)
{
	if (strcmp(list, "all") == 0) {
		*tunnels = PARSE_TUNNELS;
		return true;
	}
	*tunnels = 0;
	for (const char *at = list;; at++) {
		const size_t length = strcspn(at, ",");
		unsigned type = TUNNEL_NONE + 1;

		while (type < TUNNEL_TYPES && (strlen(tunnel_names[type]) != length ||
					       strncmp(at, tunnel_names[type], length) != 0))
			type++;
		if (type == TUNNEL_TYPES)
			return false;
		*tunnels |= PARSE_TUNNEL(type);
		at += length;
		if (*at == '\0')
			return true;
	}
}

/* The number of `word` among `count` words, or -1. */
static int
word_find(const char *word, const char *const *words, unsigned count)
{
	for (unsigned i = 0; i < count; i++)
		if (strcmp(word, words[i]) == 0)
			return (int)i;
	return -1;
}

static bool
capacity_read(const char *text, uint32_t *out)
{
	char *end;
	unsigned long value;

	errno = 0;
	value = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 ||
	    value < FLOW_CAPACITY_MIN || value > FLOW_CAPACITY_MAX)
		return false;
	*out = (uint32_t)value;
	return true;
}

/* Options with a value of few. `option`: its letter below. */
static int
value_read(struct options *o, int option, const char *value)
{
	static const char *const checksums[] = { "verify", "ignore" };
	static const char *const modes[] = {
		[TRACK_LOOSE] = "loose", [TRACK_STRICT] = "strict", [TRACK_OFF] = "off"
	};
	static const char *const profiles[] = {
		[TIMER_PROFILE_RFC] = "rfc", [TIMER_PROFILE_LINUX] = "linux"
	};
	static const char *const sources[] = { "verify", "any" };
	int word;

	switch (option) {
	case 'c':
		word = word_find(value, checksums, array_length(checksums));
		o->reading.checksum_ignore = word == 1;
		return word < 0 ? usage("--checksum takes verify or ignore, not ", value) : 0;
	case 's':
		word = word_find(value, sources, array_length(sources));
		o->reading.source_any = word == 1;
		return word < 0 ? usage("--sources takes verify or any, not ", value) : 0;
	case 'F':
		word = word_find(value, flow_format_names, FLOW_FORMATS);
		o->format = (enum flow_format)word;
		return word < 0 ? usage("--format takes json, csv or ipfix, not ", value) : 0;
	case 'T':
		word = word_find(value, modes, array_length(modes));
		o->tracking = (enum track_mode)word;
		return word < 0 ? usage("--tracking takes loose, strict or off, not ", value) : 0;
	default:
		word = word_find(value, profiles, array_length(profiles));
		o->timers = (enum timer_profile)word;
		return word < 0 ? usage("--timers takes rfc or linux, not ", value) : 0;
	}
}

/* One option. 0, EXIT_USAGE or -1, as options_read(). */
static int
option_read(struct options *o, int option)
{
	switch (option) {
	case 'p':
		o->packets = true;
		return 0;
	case 'f':
		o->flows = true;
		return 0;
	case 'o':
		o->reading.offload = true;
		return 0;
	case 't':
		return tunnels_read(optarg, &o->reading.tunnels)
			       ? 0
			       : usage("--tunnels takes types with commas between, or all, not ",
				       optarg);
	case 'n':
		return capacity_read(optarg, &o->capacity)
			       ? 0
			       : usage("--capacity takes a number from 1024 to 134217728, not ",
				       optarg);
	case 'V':
		printf("berth-replay %s\n", BERTH_VERSION);
		return -1;
	case 'h':
		fputs(help, stdout);
		return -1;
	case '?': /* getopt_long() has said what is wrong */
		fputs("see berth-replay --help\n", stderr);
		return EXIT_USAGE;
	default:
		return value_read(o, option, optarg);
	}
}

int
options_read(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "packets", no_argument, NULL, 'p' },
		{ "flows", no_argument, NULL, 'f' },
		{ "format", required_argument, NULL, 'F' },
		{ "tracking", required_argument, NULL, 'T' },
		{ "timers", required_argument, NULL, 'P' },
		{ "capacity", required_argument, NULL, 'n' },
		{ "checksum", required_argument, NULL, 'c' },
		{ "sources", required_argument, NULL, 's' },
		{ "offload", no_argument, NULL, 'o' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ "tunnels", required_argument, NULL, 't' },
		{ 0 },
	};
	int option, result;

	o->capacity = CAPACITY;
	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		result = option_read(o, option);
		if (result != 0)
			return result;
	}
	o->files = argv + optind;
	o->files_count = argc - optind;
	if (!o->packets && !o->flows)
		return usage("nothing is asked for: give --packets, --flows or both", "");
	if (o->packets && o->format != FLOW_FORMAT_JSON)
		return usage("packets are printed as json, and so are flows beside them", "");
	return o->files_count == 0 ? usage("a capture file is missing", "") : 0;
}
