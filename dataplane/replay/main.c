/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: berth-replay: the parser on capture files, without a nic. */
#include <errno.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "dataplane/replay/reading.h"

enum exit_code {
	EXIT_BROKEN = 1, /* a file could not be read to its end, or the output not written */
	EXIT_USAGE = 2,
};

/* Packets between two looks at the progress. */
#define PROGRESS_PACKETS 65536
#define OUTPUT_BYTES     (1u << 20)

static const char help[] =
	"usage: berth-replay --packets [OPTION...] FILE...\n"
	"\n"
	"Reads pcap and pcapng files as berthd reads a nic, and prints what it makes of each "
	"packet.\n"
	"FILE may be -, standard input.\n"
	"\n"
	"  --packets              one JSON object per packet, one per line\n"
	"  --checksum verify      refuse wrong checksums (default)\n"
	"  --checksum ignore      do not look at them\n"
	"  --tunnels TYPE,...     look into vxlan, geneve, gre, ipip, 6in4, gtpu, or all\n"
	"  --offload              as from a nic that strips the VLAN tag and verifies checksums\n"
	"  --version              print the version\n"
	"  --help                 this\n"
	"\n"
	"Exit status: 0 done, 1 a file is broken or the output cannot be written, 2 wrong usage.\n";

struct options {
	struct reading_options reading;
	bool packets;
	char **files;
	int files_count;
};

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

/* Reads the arguments. 0; EXIT_USAGE; or -1 where the answer was already printed. */
static int
options_read(struct options *o, int argc, char **argv)
{
	static const struct option known[] = {
		{ "packets", no_argument, NULL, 'p' },
		{ "checksum", required_argument, NULL, 'c' },
		{ "offload", no_argument, NULL, 'o' },
		{ "version", no_argument, NULL, 'V' },
		{ "help", no_argument, NULL, 'h' },
		{ "tunnels", required_argument, NULL, 't' },
		{ 0 },
	};
	int option;

	while ((option = getopt_long(argc, argv, "h", known, NULL)) != -1) {
		switch (option) {
		case 'p':
			o->packets = true;
			break;
		case 'c':
			o->reading.checksum_ignore = strcmp(optarg, "ignore") == 0;
			if (!o->reading.checksum_ignore && strcmp(optarg, "verify") != 0)
				return usage("--checksum takes verify or ignore, not ", optarg);
			break;
		case 'o':
			o->reading.offload = true;
			break;
		case 't':
			if (!tunnels_read(optarg, &o->reading.tunnels))
				return usage("--tunnels takes types with commas between, or all, "
					     "not ",
					     optarg);
			break;
		case 'V':
			printf("berth-replay %s\n", BERTH_VERSION);
			return -1;
		case 'h':
			fputs(help, stdout);
			return -1;
		default: /* getopt_long() has said what is wrong */
			fputs("see berth-replay --help\n", stderr);
			return EXIT_USAGE;
		}
	}
	o->files = argv + optind;
	o->files_count = argc - optind;
	if (!o->packets)
		return usage("nothing is asked for: give --packets", "");
	return o->files_count == 0 ? usage("a capture file is missing", "") : 0;
}

/* Progress is for whoever waits at a terminal while the lines go elsewhere. */
static bool
progress_is_wanted(void)
{
	return isatty(STDERR_FILENO) && !isatty(STDOUT_FILENO);
}

static void
progress_print(const struct capture *capture)
{
	const int percent = capture_percent(capture);

	fprintf(stderr, "\r%s: %llu packets", capture->name, (unsigned long long)capture->packets);
	if (percent >= 0)
		fprintf(stderr, ", %d %%", percent);
}

/* Erases the line of the progress. */
static void
progress_end(const struct capture *capture)
{
	if (capture->packets >= PROGRESS_PACKETS)
		fputs("\r\033[K", stderr);
}

static void
skipped_report(const struct capture *capture, const uint64_t skipped[SKIP_COUNT])
{
	const char *link = pcap_datalink_val_to_name(capture->link_type);

	if (skipped[SKIP_LINK_TYPE] != 0)
		fprintf(stderr, "berth-replay: %s: %llu packets skipped: link type %d (%s)\n",
			capture->name, (unsigned long long)skipped[SKIP_LINK_TYPE],
			capture->link_type, link != NULL ? link : "unknown");
	if (skipped[SKIP_SNAP_LENGTH] != 0)
		fprintf(stderr, "berth-replay: %s: %llu packets skipped: headers not captured\n",
			capture->name, (unsigned long long)skipped[SKIP_SNAP_LENGTH]);
}

/* Prints the packets of one file. 0, or -EIO where it is broken; what could be read is printed. */
static int
file_replay(const struct options *o, struct capture *capture)
{
	static struct reading reading;
	static struct json_line line;
	const char *name = o->files_count > 1 ? capture->name : NULL;
	const bool progress = progress_is_wanted();
	uint64_t skipped[SKIP_COUNT] = { 0 };
	struct captured packet;
	int result;

	while ((result = capture_next(capture, &packet)) == 1) {
		reading_make(&o->reading, capture->link_type, &packet, &reading);
		if (reading.verdict == READING_SKIP)
			skipped[reading.skip]++;
		reading_print(&reading, name, capture->packets, &line);
		fwrite(line.text, 1, line.used, stdout);
		putchar('\n');
		if (progress && capture->packets % PROGRESS_PACKETS == 0)
			progress_print(capture);
	}
	if (progress)
		progress_end(capture);
	skipped_report(capture, skipped);
	return result;
}

static int
files_replay(const struct options *o)
{
	char why[PCAP_ERRBUF_SIZE];
	int status = EXIT_SUCCESS;

	for (int i = 0; i < o->files_count; i++) {
		struct capture capture;

		if (capture_open(o->files[i], &capture, why) != 0) {
			fprintf(stderr, "berth-replay: %s: %s\n", o->files[i], why);
			status = EXIT_BROKEN;
			continue;
		}
		if (file_replay(o, &capture) != 0) {
			fflush(stdout);
			fprintf(stderr, "berth-replay: %s: broken after packet %llu: %s\n",
				capture.name, (unsigned long long)capture.packets,
				pcap_geterr(capture.pcap));
			status = EXIT_BROKEN;
		}
		capture_close(&capture);
	}
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "berth-replay: the output cannot be written: %s\n",
			strerror(errno));
		status = EXIT_BROKEN;
	}
	return status;
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	const int result = options_read(&options, argc, argv);

	if (result != 0)
		return result < 0 ? EXIT_SUCCESS : result;
	setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES);
	return files_replay(&options);
}
