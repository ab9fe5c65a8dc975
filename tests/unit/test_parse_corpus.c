/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse_corpus.c: the parser on captures that others made, cut off and damaged. Exits 77 when
 * they are not there; see tests/corpus/corpus.h. The fuzzer of that name does more of the same. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <inttypes.h>
#include <stdio.h>

#include "tests/corpus/corpus.h"
#include "tests/random.h"

#define EXIT_SKIPPED    77
#define WHY_BYTES       512
#define TRUNCATIONS_MAX 256 /* bytes */
#define DAMAGED         100000

static struct corpus corpus;

static void
load(void)
{
	char why[WHY_BYTES];

	cr_assert(eq(int, corpus_load(&corpus, why, sizeof(why)), 0), "%s", why);
}

static void
unload(void)
{
	corpus_unload(&corpus);
}

TestSuite(parse_corpus, .init = load, .fini = unload, .timeout = 240);

/* Goal: no frame, whole or cut off anywhere, makes the parser read past its end or break a promise.
 * Method: every Ethernet frame at every length, in exact allocations. Files that are no Ethernet
 * captures are counted in the output. */
Test(parse_corpus, every_frame_at_every_length)
{
	struct corpus_tally tally = { 0 };

	corpus_truncate(&corpus, TRUNCATIONS_MAX, &tally);
	printf("corpus: %u files; skipped %u of other link types and %u that libpcap refuses; "
	       "%u frames, cut at every length up to %u: %" PRIu64 " parsed, %" PRIu64
	       " accepted\n",
	       corpus.files, corpus.other_link_types, corpus.unreadable, corpus.count,
	       TRUNCATIONS_MAX, tally.parsed, tally.accepted);
	cr_assert(gt(u64, tally.accepted, 0));
}

/* Goal: the same for frames with wrong bits.
 * Method: random frames, flips and flags; the seed is printed on failure. */
Test(parse_corpus, flipped_bits)
{
	struct corpus_tally tally = { 0 };
	const uint64_t seed = random_seed();

	fprintf(stderr, "BERTH_SEED=%" PRIu64 "\n", seed);
	corpus_flip(&corpus, seed, DAMAGED, &tally);
	printf("corpus: %" PRIu64 " damaged frames parsed, %" PRIu64 " accepted\n", tally.parsed,
	       tally.accepted);
	cr_assert(gt(u64, tally.accepted, 0));
}

/* Visible: Criterion's workers find it by name. */
__attribute__((visibility("default"))) int
main(int argc, char *argv[])
{
	struct criterion_test_set *tests;
	char why[WHY_BYTES];
	int result = 0;

	if (corpus_load(&corpus, why, sizeof(why)) != 0) {
		printf("skipped: no captures at %s; set BERTH_CORPUS\n", why);
		return EXIT_SKIPPED;
	}
	corpus_unload(&corpus);
	tests = criterion_initialize();
	if (criterion_handle_args(argc, argv, true))
		result = criterion_run_all_tests(tests) ? 0 : 1;
	criterion_finalize(tests);
	return result;
}
