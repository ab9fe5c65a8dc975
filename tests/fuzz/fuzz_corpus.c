/* SPDX-License-Identifier: BSD-3-Clause */
/* fuzz_corpus.c: the parser on captures that others made, cut off at every length and with flipped
 * bits; no libFuzzer, so that each frame gets its share. Usage: fuzz_corpus [DAMAGED-FRAMES].
 * Exits 77 where there are no captures; see tests/corpus/corpus.h. */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>

#include "tests/corpus/corpus.h"
#include "tests/random.h"

#define EXIT_SKIPPED    77
#define WHY_BYTES       512
#define TRUNCATIONS_MAX 65535 /* bytes */
#define DAMAGED         10000000
#define REPORTED        1000000 /* between two lines of progress */

static void
tally_print(const char *what, const struct corpus_tally *tally)
{
	printf("%s: %" PRIu64 " parsed, %" PRIu64 " accepted\n", what, tally->parsed,
	       tally->accepted);
	fflush(stdout);
}

int
main(int argc, char *argv[])
{
	uint64_t left = argc > 1 ? strtoull(argv[1], NULL, 0) : DAMAGED;
	const uint64_t seed = random_seed();
	struct corpus_tally cut = { 0 }, flipped = { 0 };
	struct random seeds = { seed };
	struct corpus corpus;
	char why[WHY_BYTES];

	if (corpus_load(&corpus, why, sizeof(why)) != 0) {
		printf("skipped: no captures at %s; set BERTH_CORPUS\n", why);
		return EXIT_SKIPPED;
	}
	printf("%u files, of which %u of other link types; %u frames; BERTH_SEED=%" PRIu64 "\n",
	       corpus.files, corpus.other_link_types, corpus.count, seed);
	corpus_truncate(&corpus, TRUNCATIONS_MAX, &cut);
	tally_print("cut at every length", &cut);
	while (left > 0) {
		const uint64_t now = left < REPORTED ? left : REPORTED;

		corpus_flip(&corpus, random_u64(&seeds), now, &flipped);
		tally_print("bits flipped", &flipped);
		left -= now;
	}
	corpus_unload(&corpus);
	return 0;
}
