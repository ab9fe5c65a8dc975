/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: berth-replay: a worker's stages on capture files, without a nic. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "common/base/check.h"
#include "dataplane/replay/options.h"

/* Packets between two looks at the progress. */
#define PROGRESS_PACKETS 65536
#define OUTPUT_BYTES     (1u << 20)

struct replay {
	const struct options *options;
	struct stages *stages; /* NULL: flows are not asked for */
	struct flow_output *output;
};

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

/* A packet's line that waits for its verdict. */
struct unfinished {
	size_t used;
	char text[];
};

static void
line_write(const struct json_line *line)
{
	fwrite(line->text, 1, line->used, stdout);
	putchar('\n');
}

static struct unfinished *
line_keep(const struct json_line *line)
{
	struct unfinished *u = malloc(sizeof(*u) + line->used);

	panic_unless(u != NULL);
	u->used = line->used;
	memcpy(u->text, line->text, line->used);
	return u;
}

/* Behind all stages: the packet's line can be finished. NULL: packets are not printed. */
static void
packet_decided(void *context, void *packet, const struct fate *fate)
{
	static struct json_line line;
	struct unfinished *u = packet;

	(void)context;
	if (u == NULL)
		return;
	line.used = u->used;
	memcpy(line.text, u->text, u->used);
	free(u);
	verdict_print(fate->drop, &line);
	if (fate->judged)
		json_text(&line, "ct", track_verdict_names[fate->verdict]);
	if (fate->flow != 0)
		json_number(&line, "flow", fate->flow);
	json_close(&line);
	line_write(&line);
}

static void
flow_ended(void *context, const struct ended_flow *flow)
{
	const struct replay *r = context;

	flow_output_put(r->output, flow);
}

static void
packet_replay(const struct replay *r, const struct capture *capture,
	      const struct captured *captured, struct reading *reading)
{
	static struct json_line line;
	const struct options *o = r->options;

	if (r->stages != NULL)
		stages_clock(r->stages, &captured->time);
	reading_make(&o->reading, capture->link_type, captured, reading);
	if (o->packets)
		reading_print(reading, o->files_count > 1 ? capture->name : NULL, capture->packets,
			      &line);
	if (r->stages != NULL && reading->verdict == READING_OK) {
		stages_packet(r->stages, reading, o->packets ? line_keep(&line) : NULL);
	} else if (o->packets) {
		reading_print_end(reading, &line);
		line_write(&line);
	}
}

/* Replays one file. 0, or -EIO where it is broken; what could be read is told. */
static int
file_replay(const struct replay *r, struct capture *capture)
{
	static struct reading reading;
	const bool progress = progress_is_wanted();
	uint64_t skipped[SKIP_COUNT] = { 0 };
	struct captured packet;
	int result;

	while ((result = capture_next(capture, &packet)) == 1) {
		packet_replay(r, capture, &packet, &reading);
		if (reading.verdict == READING_SKIP)
			skipped[reading.skip]++;
		if (progress && capture->packets % PROGRESS_PACKETS == 0)
			progress_print(capture);
	}
	if (progress)
		progress_end(capture);
	skipped_report(capture, skipped);
	return result;
}

static int
files_replay(const struct replay *r)
{
	const struct options *o = r->options;
	char why[PCAP_ERRBUF_SIZE];
	int status = EXIT_SUCCESS;

	for (int i = 0; i < o->files_count; i++) {
		struct capture capture;

		if (capture_open(o->files[i], &capture, why) != 0) {
			fprintf(stderr, "berth-replay: %s: %s\n", o->files[i], why);
			status = EXIT_BROKEN;
			continue;
		}
		if (file_replay(r, &capture) != 0) {
			fflush(stdout);
			fprintf(stderr, "berth-replay: %s: broken after packet %llu: %s\n",
				capture.name, (unsigned long long)capture.packets,
				pcap_geterr(capture.pcap));
			status = EXIT_BROKEN;
		}
		capture_close(&capture);
	}
	return status;
}

static int
stages_begin(struct replay *r)
{
	const struct options *o = r->options;
	struct stages_options options = { .rules = { .mode = o->tracking },
					  .capacity = o->capacity,
					  .decided = packet_decided,
					  .ended = flow_ended,
					  .context = r };
	static const uint32_t as_the_profile[TIMER_COUNT];
	int error;

	track_timeouts_fill(&options.rules.timeouts, o->timers, as_the_profile);
	error = stages_create(&options, &r->stages);
	if (error == 0)
		error = flow_output_open(o->format, &r->output);
	if (error != 0)
		fprintf(stderr,
			"berth-replay: no room for %u flows (%llu MiB): %s; give a lower "
			"--capacity\n",
			o->capacity, (unsigned long long)stages_bytes(o->capacity) >> 20,
			strerror(-error));
	return error == 0 ? EXIT_SUCCESS : EXIT_BROKEN;
}

/* Tells what is left. */
static int
stages_end(struct replay *r)
{
	const uint64_t refused = stages_refused(r->stages);

	stages_finish(r->stages);
	flow_output_close(r->output);
	stages_destroy(r->stages);
	if (refused == 0)
		return EXIT_SUCCESS;
	fprintf(stderr,
		"berth-replay: %llu packets belong to no flow, because %u lived at once; give a "
		"higher --capacity\n",
		(unsigned long long)refused, r->options->capacity);
	return EXIT_BROKEN;
}

int
main(int argc, char **argv)
{
	struct options options = { 0 };
	struct replay replay = { .options = &options };
	int status = options_read(&options, argc, argv);

	if (status != 0)
		return status < 0 ? EXIT_SUCCESS : status;
	setvbuf(stdout, NULL, _IOFBF, OUTPUT_BYTES);
	if (options.flows && stages_begin(&replay) != EXIT_SUCCESS)
		return EXIT_BROKEN;
	status = files_replay(&replay);
	if (options.flows && stages_end(&replay) != EXIT_SUCCESS)
		status = EXIT_BROKEN;
	if (fflush(stdout) != 0 || ferror(stdout)) {
		fprintf(stderr, "berth-replay: the output cannot be written: %s\n",
			strerror(errno));
		status = EXIT_BROKEN;
	}
	return status;
}
