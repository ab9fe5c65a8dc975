/* SPDX-License-Identifier: BSD-3-Clause */
/* main.c: berth-traffic: writes a capture that a seed fully determines, and what to expect of it.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench/traffic/expect.h"
#include "bench/traffic/generate.h"
#include "bench/traffic/mix.h"

#define EXIT_USAGE   2
#define FIRST_SECOND 1700000000 /* of the capture's clock; one packet each microsecond */
#define FILE_BUFFER  (1u << 20)

static const char help[] =
	"usage: berth-traffic [OPTION...] FILE\n"
	"\n"
	"Writes a pcap file of Ethernet frames; the same options give the same bytes.\n"
	"\n"
	"  --mix NAME|SPEC   demo   DNS, web, telemetry on a dynamic port, scans (default)\n"
	"                    bench  60-byte UDP to port 9000, every flow in turn, shuffled\n"
	"                    e2e    like demo, with VLAN 100, IPv4 options, IPv6 extension\n"
	"                           headers, and malformed packets of every kind\n"
	"                    SPEC   PROTO/PORT[-PORT]=WEIGHT[:FRAME-BYTES],...,scan=WEIGHT\n"
	"  --packets N       how many (100000)\n"
	"  --flows N         conversations, shared among the services by weight (1000)\n"
	"  --seed N          (1)\n"
	"  --ipv6 PERCENT    share of flows over IPv6 (as the mix says, else 30)\n"
	"  --order ORDER     random: a service by weight, then any of its flows\n"
	"                    shuffled: each flow once, in random order, again and again\n"
	"  --dst4 ADDRESS    destination (192.0.2.10)\n"
	"  --dst6 ADDRESS    (2001:db8::10)\n"
	"  --dst-mac MAC     (02:00:00:00:00:01)\n"
	"  --src-mac MAC     (02:00:00:00:00:02)\n"
	"  --expect FILE     write what a right demultiplexer counts, as JSON\n"
	"  --help\n"
	"\n"
	"Frames: sources are 198.18.0.0/15 and 2001:db8:1::/48, ports 1024-65535, one of a kind\n"
	"per flow. Hop limit 64, DF set, window 65535. A TCP flow sends a SYN, then data; nobody\n"
	"answers. UDP to port 53 is a DNS question. Scans knock on 24 ports, eight of each range\n"
	"class. Frames on VLAN 100 go to 198.51.100.10 and 2001:db8:100::10. Frames are padded to\n"
	"60 bytes; all lengths and checksums are right but those that are malformed on purpose.\n"
	"\n"
	"In the expectation, `sockets` holds packets, IP bytes and flows by destination (`open`: "
	"a\n"
	"service of the mix has that port), `drops` the malformed ones by reason.\n";

struct options {
	struct traffic traffic;
	uint64_t packets;
	const char *expect;
	const char *file;
};

static int
usage_error(const char *option, const char *what)
{
	fprintf(stderr, "berth-traffic: %s: %s\n", option, what);
	return -EINVAL;
}

static int
number_parse(const char *text, uint64_t first, uint64_t last, uint64_t *out)
{
	char *end;

	errno = 0;
	const unsigned long long value = strtoull(text, &end, 10);

	if (text[0] < '0' || text[0] > '9' || *end != '\0' || errno != 0 || value < first ||
	    value > last)
		return -EINVAL;
	*out = value;
	return 0;
}

static int
mac_parse(const char *text, uint8_t out[6])
{
	uint8_t mac[6];
	int end = 0;

	if (sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &mac[0], &mac[1], &mac[2],
		   &mac[3], &mac[4], &mac[5], &end) != 6 ||
	    text[end] != '\0')
		return -EINVAL;
	memcpy(out, mac, sizeof(mac));
	return 0;
}

enum option_code {
	OPTION_MIX,
	OPTION_PACKETS,
	OPTION_FLOWS,
	OPTION_SEED,
	OPTION_IPV6,
	OPTION_ORDER,
	OPTION_DST4,
	OPTION_DST6,
	OPTION_DST_MAC,
	OPTION_SRC_MAC,
	OPTION_EXPECT,
	OPTION_HELP,
};

static const struct option long_options[] = {
	{ "mix", required_argument, NULL, OPTION_MIX },
	{ "packets", required_argument, NULL, OPTION_PACKETS },
	{ "flows", required_argument, NULL, OPTION_FLOWS },
	{ "seed", required_argument, NULL, OPTION_SEED },
	{ "ipv6", required_argument, NULL, OPTION_IPV6 },
	{ "order", required_argument, NULL, OPTION_ORDER },
	{ "dst4", required_argument, NULL, OPTION_DST4 },
	{ "dst6", required_argument, NULL, OPTION_DST6 },
	{ "dst-mac", required_argument, NULL, OPTION_DST_MAC },
	{ "src-mac", required_argument, NULL, OPTION_SRC_MAC },
	{ "expect", required_argument, NULL, OPTION_EXPECT },
	{ "help", no_argument, NULL, OPTION_HELP },
	{ 0 },
};

static int
order_parse(const char *text, enum mix_order *out)
{
	if (strcmp(text, "random") == 0)
		*out = MIX_ORDER_RANDOM;
	else if (strcmp(text, "shuffled") == 0)
		*out = MIX_ORDER_SHUFFLED;
	else
		return -EINVAL;
	return 0;
}

/* Takes one option other than --mix and --help into *o. 0 or -EINVAL. */
static int
option_take(int code, const char *value, struct options *o)
{
	struct traffic *t = &o->traffic;
	uint64_t number;
	int status = -EINVAL;

	switch (code) {
	case OPTION_PACKETS:
		return number_parse(value, 1, UINT32_MAX, &o->packets);
	case OPTION_FLOWS:
		status = number_parse(value, 1, FLOWS_MAX, &number);
		if (status == 0)
			t->flows = (uint32_t)number;
		return status;
	case OPTION_SEED:
		return number_parse(value, 0, UINT64_MAX, &t->seed);
	case OPTION_IPV6:
		status = number_parse(value, 0, 100, &number);
		if (status == 0)
			t->mix.ipv6_percent = (uint8_t)number;
		return status;
	case OPTION_ORDER:
		return order_parse(value, &t->mix.order);
	case OPTION_DST4:
		return inet_pton(AF_INET, value, t->dst4) == 1 ? 0 : -EINVAL;
	case OPTION_DST6:
		return inet_pton(AF_INET6, value, t->dst6) == 1 ? 0 : -EINVAL;
	case OPTION_DST_MAC:
		return mac_parse(value, t->dst_mac);
	case OPTION_SRC_MAC:
		return mac_parse(value, t->src_mac);
	case OPTION_EXPECT:
		o->expect = value;
		return 0;
	default:
		return -EINVAL;
	}
}

/* Reads the mix first, since other options change parts of it. */
static int
options_take_mix(int argc, char **argv, struct options *o)
{
	const char *text = "demo", *why;
	int code;

	while ((code = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
		if (code == OPTION_HELP) {
			fputs(help, stdout);
			exit(EXIT_SUCCESS);
		}
		if (code == OPTION_MIX)
			text = optarg;
		if (code == '?')
			return -EINVAL;
	}
	if (mix_parse(text, &o->traffic.mix, &why) != 0)
		return usage_error("--mix", why);
	return 0;
}

static int
options_parse(int argc, char **argv, struct options *o)
{
	int code, index = 0;

	if (options_take_mix(argc, argv, o) != 0)
		return -EINVAL;
	optind = 1;
	while ((code = getopt_long(argc, argv, "", long_options, &index)) != -1)
		if (code != OPTION_MIX && option_take(code, optarg, o) != 0)
			return usage_error(long_options[index].name, "no such value; see --help");
	if (optind + 1 != argc)
		return usage_error("FILE", "give exactly one; --help tells more");
	o->file = argv[optind];
	if (o->traffic.flows < o->traffic.mix.services_count)
		return usage_error("--flows", "each service needs at least one");
	return 0;
}

/* Writes the packets. 0 or a negative errno, said on stderr. */
static int
capture_write(const struct options *o, struct generator *generator)
{
	int status = -ENOMEM;
	struct frame frame;
	pcap_dumper_t *dumper = NULL;
	pcap_t *pcap = pcap_open_dead(DLT_EN10MB, FRAME_ROOM);

	if (pcap != NULL)
		dumper = pcap_dump_open(pcap, o->file);
	if (dumper == NULL) {
		fprintf(stderr, "berth-traffic: %s\n",
			pcap != NULL ? pcap_geterr(pcap) : "no memory");
		goto out;
	}
	setvbuf(pcap_dump_file(dumper), NULL, _IOFBF, FILE_BUFFER);
	for (uint64_t i = 0; i < o->packets; i++) {
		generator_next(generator, &frame);
		const struct pcap_pkthdr header = {
			.ts = { .tv_sec = FIRST_SECOND + (time_t)(i / 1000000),
				.tv_usec = (suseconds_t)(i % 1000000) },
			.caplen = frame.bytes,
			.len = frame.bytes,
		};
		pcap_dump((u_char *)dumper, &header, frame.data);
	}
	status = pcap_dump_flush(dumper) == 0 && !ferror(pcap_dump_file(dumper)) ? 0 : -EIO;
	if (status != 0)
		fprintf(stderr, "berth-traffic: %s: cannot be written in full\n", o->file);
	pcap_dump_close(dumper);
out:
	if (pcap != NULL)
		pcap_close(pcap);
	return status;
}

static int
expectation_write(const struct options *o, const struct expect *expect)
{
	FILE *out = fopen(o->expect, "w");

	if (out == NULL) {
		const int error = errno;

		fprintf(stderr, "berth-traffic: %s: %s\n", o->expect, strerror(error));
		return -error;
	}
	int status = expect_write(expect, &o->traffic.mix, o->traffic.seed, out);

	if (fclose(out) != 0)
		status = -EIO;
	if (status != 0)
		fprintf(stderr, "berth-traffic: %s: cannot be written in full\n", o->expect);
	return status;
}

int
main(int argc, char **argv)
{
	struct options options = {
		.traffic = {
			.seed = 1,
			.flows = 1000,
			.dst_mac = { 2, 0, 0, 0, 0, 1 },
			.src_mac = { 2, 0, 0, 0, 0, 2 },
			.dst4 = { 192, 0, 2, 10 },
			.dst6 = { 0x20, 0x01, 0x0d, 0xb8, [15] = 0x10 },
		},
		.packets = 100000,
	};
	int status = -ENOMEM;

	if (options_parse(argc, argv, &options) != 0)
		return EXIT_USAGE;
	struct expect *expect = expect_create();
	struct generator *generator =
		expect != NULL ? generator_create(&options.traffic, expect) : NULL;

	if (generator != NULL)
		status = capture_write(&options, generator);
	else
		fputs("berth-traffic: no memory\n", stderr);
	if (status == 0 && options.expect != NULL)
		status = expectation_write(&options, expect);
	generator_destroy(generator);
	expect_destroy(expect);
	return status == 0 ? EXIT_SUCCESS : EXIT_FAILURE;
}
