/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_corpus.c: the parser on captures that others made, at every truncation. Exits 77 when
 * they are not there: $BERTH_CORPUS, or ../shared/corpus beside the source. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <dirent.h>
#include <pcap/pcap.h>
#include <unistd.h>

#include "common/base/address.h"
#include "common/base/bytes.h"
#include "dataplane/parse/parse.h"
#include "dataplane/respond/respond.h"

#define EXIT_SKIPPED    77
#define PATH_BYTES      1024
#define FLOW_BYTES      40 /* one ofp_match of OpenFlow 1.0 */
#define TRUNCATIONS_MAX 2048

static void
corpus_path(const char *name, char path[PATH_BYTES])
{
	const char *corpus = getenv("BERTH_CORPUS"), *root = getenv("BERTH_SOURCE_ROOT");
	char beside[PATH_BYTES / 2];

	snprintf(beside, sizeof(beside), "%s/../shared/corpus", root != NULL ? root : ".");
	snprintf(path, PATH_BYTES, "%s/%s", corpus != NULL ? corpus : beside, name);
}

/* Parses exactly `bytes`; what is accepted must lie within them. */
static enum drop_reason
parse_checked(const uint8_t *frame, uint32_t bytes, unsigned flags, struct packet *p)
{
	uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
	struct neighbour_message neighbour;
	struct arp_message arp;
	enum drop_reason reason;

	memcpy(copy, frame, bytes);
	reason = parse_frame(copy, bytes, flags, 0, p);
	if (reason == DROP_NONE) {
		cr_assert(le(u32, p->l3_offset, p->l4_offset));
		cr_assert(le(u32, p->l4_offset, p->payload_offset));
		cr_assert(le(u32, p->payload_offset, (uint32_t)p->l3_offset + p->l3_bytes));
		cr_assert(le(u32, (uint32_t)p->l3_offset + p->l3_bytes, bytes));
		arp_read(copy, p, &arp);
		neighbour_read(copy, p, &neighbour);
	}
	free(copy);
	return reason;
}

struct corpus_totals {
	unsigned files, other_link_types, unreadable;
	unsigned frames, accepted;
};

static void
capture_check(const char *path, struct corpus_totals *totals)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *capture = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const uint8_t *bytes;

	totals->files++;
	if (capture == NULL) {
		totals->unreadable++;
		return;
	}
	if (pcap_datalink(capture) != DLT_EN10MB) {
		totals->other_link_types++;
		pcap_close(capture);
		return;
	}
	while (pcap_next_ex(capture, &header, &bytes) == 1) {
		struct packet p;

		totals->frames++;
		totals->accepted += parse_checked(bytes, header->caplen, 0, &p) == DROP_NONE;
		for (uint32_t n = 0; n <= header->caplen && n <= TRUNCATIONS_MAX; n++)
			parse_checked(bytes, n, PARSE_CHECKSUM_IGNORE, &p);
	}
	pcap_close(capture);
}

/* Goal: no capture, whole or cut off, crashes the parser or is accepted past its end.
 * Method: every Ethernet frame of the corpus at every length, in exact allocations. Files that are
 * no Ethernet captures are counted and named in the output. */
Test(parse_corpus, every_frame_at_every_length, .timeout = 240)
{
	struct corpus_totals totals = { 0 };
	char path[PATH_BYTES];
	struct dirent *entry;
	DIR *directory;

	corpus_path("tcpdump", path);
	directory = opendir(path);
	cr_assert(ne(ptr, directory, NULL), "%s", path);
	while ((entry = readdir(directory)) != NULL) {
		char name[PATH_BYTES / 2];

		if (entry->d_name[0] == '.')
			continue;
		snprintf(name, sizeof(name), "tcpdump/%s", entry->d_name);
		corpus_path(name, path);
		capture_check(path, &totals);
	}
	closedir(directory);
	printf("corpus: %u files; skipped %u of other link types and %u that libpcap refuses; "
	       "%u frames, %u accepted\n",
	       totals.files, totals.other_link_types, totals.unreadable, totals.frames,
	       totals.accepted);
	cr_assert(gt(uint, totals.accepted, 0));
}

/* Goal: what we accept, we read as Open vSwitch does.
 * Method: flowgen's frames beside the flows that a correct parser must see in them (big-endian
 * ofp_match: VLAN at 18, EtherType at 22, protocol at 25, addresses at 28, ports at 36). */
Test(parse_corpus, flowgen_tuples)
{
	char path[PATH_BYTES], error[PCAP_ERRBUF_SIZE];
	uint8_t flow[FLOW_BYTES];
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	unsigned compared = 0, frames = 0;
	pcap_t *capture;
	FILE *flows;

	corpus_path("flowgen/packets.pcap", path);
	capture = pcap_open_offline(path, error);
	cr_assert(ne(ptr, capture, NULL), "%s", error);
	corpus_path("flowgen/flows.bin", path);
	flows = fopen(path, "rb");
	cr_assert(ne(ptr, flows, NULL), "%s", path);
	while (pcap_next_ex(capture, &header, &bytes) == 1) {
		const uint16_t no_vlan = 0xffff;
		struct packet p;
		uint16_t vlan;

		frames++;
		cr_assert(eq(sz, fread(flow, 1, sizeof(flow), flows), sizeof(flow)));
		if (parse_checked(bytes, header->caplen, PARSE_CHECKSUM_IGNORE, &p) != DROP_NONE)
			continue;
		compared++;
		vlan = be16_load(flow + 18);
		cr_assert(eq(u16, p.vlan, vlan == no_vlan ? 0 : vlan), "frame %u", frames);
		cr_assert(eq(u16, be16_load(flow + 22), p.kind == PACKET_ARP ? 0x0806 : 0x0800));
		if (p.kind == PACKET_ARP)
			continue;
		if (p.kind == PACKET_TRANSPORT) {
			cr_assert(eq(u16, p.key.port[0], be16_load(flow + 36)));
			cr_assert(eq(u16, p.key.port[1], be16_load(flow + 38)));
		} else {
			cr_assert(eq(u16, p.icmp_type, be16_load(flow + 36)));
			cr_assert(eq(u16, p.icmp_code, be16_load(flow + 38)));
		}
		if (p.kind == PACKET_ICMP_ERROR)
			continue;
		cr_assert(eq(u8, p.key.proto, flow[25]), "frame %u", frames);
		cr_assert(eq(int, memcmp(p.key.addr[0], flow + 28, 4), 0), "frame %u", frames);
		cr_assert(eq(int, memcmp(p.key.addr[1], flow + 32, 4), 0), "frame %u", frames);
	}
	printf("flowgen: %u frames, %u accepted and equal\n", frames, compared);
	cr_assert(gt(uint, compared, 0));
	fclose(flows);
	pcap_close(capture);
}

/* Visible: Criterion's workers find it by name. */
__attribute__((visibility("default"))) int
main(int argc, char *argv[])
{
	struct criterion_test_set *tests;
	char path[PATH_BYTES];
	int result = 0;

	corpus_path("flowgen/flows.bin", path);
	if (access(path, R_OK) != 0) {
		printf("skipped: no captures at %s; set BERTH_CORPUS\n", path);
		return EXIT_SKIPPED;
	}
	tests = criterion_initialize();
	if (criterion_handle_args(argc, argv, true))
		result = criterion_run_all_tests(tests) ? 0 : 1;
	criterion_finalize(tests);
	return result;
}
