/* SPDX-License-Identifier: BSD-3-Clause */
/* corpus.c: see corpus.h. */
#include "tests/corpus/corpus.h"

#include <dirent.h>
#include <errno.h>
#include <pcap/pcap.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "common/base/check.h"
#include "dataplane/parse/parse.h"
#include "tests/corpus/invariants.h"
#include "tests/random.h"

#define PATH_BYTES    1024
#define FLIPS_MAX     8
#define DAMAGE_BYTES  256  /* where bits are flipped: further behind is only payload */
#define FRAME_DAMAGED 2048 /* longer frames are cut before they are damaged, to keep it quick */

static void
frame_add(struct corpus *c, const uint8_t *data, uint32_t bytes)
{
	struct corpus_frame *frame;

	/* Grows by doubling, when the count is a power of two. */
	if ((c->count & (c->count - 1)) == 0) {
		c->frames =
			realloc(c->frames, (c->count == 0 ? 1 : 2 * c->count) * sizeof(*c->frames));
		panic_unless(c->frames != NULL);
	}
	frame = &c->frames[c->count++];
	frame->bytes = bytes;
	frame->data = malloc(bytes == 0 ? 1 : bytes);
	panic_unless(frame->data != NULL);
	memcpy(frame->data, data, bytes);
}

static void
capture_add(struct corpus *c, const char *path)
{
	char error[PCAP_ERRBUF_SIZE];
	pcap_t *capture = pcap_open_offline(path, error);
	struct pcap_pkthdr *header;
	const uint8_t *bytes;

	c->files++;
	if (capture == NULL) {
		c->unreadable++;
		return;
	}
	if (pcap_datalink(capture) != DLT_EN10MB)
		c->other_link_types++;
	else
		while (pcap_next_ex(capture, &header, &bytes) == 1)
			frame_add(c, bytes, header->caplen);
	pcap_close(capture);
}

/* In the order of names, so that a seed means the same everywhere. */
static int
folder_add(struct corpus *c, const char *folder)
{
	struct dirent **names;
	const int count = scandir(folder, &names, NULL, alphasort);

	if (count < 0)
		return -ENOENT;
	for (int i = 0; i < count; i++) {
		char path[PATH_BYTES];

		if (names[i]->d_name[0] != '.' && snprintf(path, sizeof(path), "%s/%s", folder,
							   names[i]->d_name) < (int)sizeof(path))
			capture_add(c, path);
		free(names[i]);
	}
	free(names);
	return 0;
}

int
corpus_load(struct corpus *out, char *why, unsigned why_bytes)
{
	const char *corpus = getenv("BERTH_CORPUS"), *root = getenv("BERTH_SOURCE_ROOT");
	char folder[PATH_BYTES / 2];

	*out = (struct corpus){ 0 };
	if (corpus != NULL)
		snprintf(why, why_bytes, "%s", corpus);
	else
		snprintf(why, why_bytes, "%s/../shared/corpus", root != NULL ? root : ".");
	snprintf(folder, sizeof(folder), "%.400s/tcpdump", why);
	if (folder_add(out, folder) != 0)
		return -ENOENT;
	snprintf(folder, sizeof(folder), "%.400s/flowgen", why);
	capture_add(out, strcat(folder, "/packets.pcap"));
	return 0;
}

void
corpus_unload(struct corpus *c)
{
	for (unsigned i = 0; i < c->count; i++)
		free(c->frames[i].data);
	free(c->frames);
	*c = (struct corpus){ 0 };
}

/* Parses exactly `bytes`: what the parser reads behind them is found by the sanitizer. */
static void
parse_checked(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	      struct corpus_tally *tally)
{
	uint8_t *copy = malloc(bytes == 0 ? 1 : bytes);
	struct packet p;
	enum drop_reason reason;

	panic_unless(copy != NULL);
	memcpy(copy, frame, bytes);
	reason = parse_frame(copy, bytes, flags, vlan_tci, &p);
	packet_check(copy, bytes, flags, reason, &p);
	tally->parsed++;
	tally->accepted += reason == DROP_NONE;
	free(copy);
}

void
corpus_truncate(const struct corpus *c, uint32_t bytes_max, struct corpus_tally *tally)
{
	const unsigned flags = PARSE_CHECKSUM_IGNORE | PARSE_SOURCE_ANY | PARSE_SOURCE_ROUTE;

	for (unsigned i = 0; i < c->count; i++) {
		const struct corpus_frame *f = &c->frames[i];

		parse_checked(f->data, f->bytes, 0, 0, tally);
		for (uint32_t bytes = 0; bytes <= f->bytes && bytes <= bytes_max; bytes++) {
			parse_checked(f->data, bytes, flags, 0, tally);
			parse_checked(f->data, bytes, flags | PARSE_TUNNELS, 0, tally);
		}
	}
}

void
corpus_flip(const struct corpus *c, uint64_t seed, uint64_t damaged, struct corpus_tally *tally)
{
	struct random r = { seed };
	uint8_t frame[FRAME_DAMAGED];

	while (damaged > 0) {
		const struct corpus_frame *f = &c->frames[random_below(&r, c->count)];
		const uint32_t bytes = f->bytes < sizeof(frame) ? f->bytes : sizeof(frame);
		const uint32_t reach = bytes < DAMAGE_BYTES ? bytes : DAMAGE_BYTES;

		if (bytes == 0)
			continue;
		damaged--;
		memcpy(frame, f->data, bytes);
		for (uint32_t flips = 1 + random_below(&r, FLIPS_MAX); flips > 0; flips--)
			frame[random_below(&r, reach)] ^= (uint8_t)(1u << random_below(&r, 8));
		parse_checked(frame, bytes, (unsigned)random_u64(&r) & UINT16_MAX,
			      (uint16_t)random_u64(&r), tally);
	}
}
