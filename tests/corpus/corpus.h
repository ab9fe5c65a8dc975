/* SPDX-License-Identifier: BSD-3-Clause */
/* corpus.h: the Ethernet frames of captures that others made, and the parser on cut and damaged
 * copies of them. Served by corpus.c. */
#pragma once

#include <stdint.h>

struct corpus_frame {
	uint8_t *data;
	uint32_t bytes;
};

struct corpus {
	struct corpus_frame *frames;
	unsigned count;
	unsigned files, other_link_types, unreadable; /* files; the latter two hold no frame */
};

struct corpus_tally {
	uint64_t parsed, accepted;
};

/* The folder of captures in the environment's BERTH_CORPUS, else ../shared/corpus beside the source
 * root in BERTH_SOURCE_ROOT or the working directory. 0 and a corpus that the caller frees by
 * corpus_unload(), or -ENOENT: it is not there. why[] names the path either way. */
int corpus_load(struct corpus *out, char *why, unsigned why_bytes);
void corpus_unload(struct corpus *corpus);

/* Parses each frame at every length up to `bytes_max`, and whole, each in an allocation of exactly
 * that length, and checks what parse.h promises. */
void corpus_truncate(const struct corpus *corpus, uint32_t bytes_max, struct corpus_tally *tally);
/* Parses `damaged` copies of frames with 1 to 8 flipped bits each, under random flags. */
void corpus_flip(const struct corpus *corpus, uint64_t seed, uint64_t damaged,
		 struct corpus_tally *tally);
