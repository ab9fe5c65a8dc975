/* SPDX-License-Identifier: BSD-3-Clause */
/* bind_linux.c: opens made-up sets of sockets in the kernel and in berth, sends packets to them,
 * and compares who may open and who receives.
 *
 *   trial --> linux: two users' real sockets, loopback packets --> which one has it
 *     \-----> ours: registry of bindings, bind table -----------> which one has it --> compare
 *
 * usage: bind-linux TRIALS SEED. test_bind_linux.py makes the namespace. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "tests/e2e/bind_linux/linux.h"
#include "tests/e2e/bind_linux/meant.h"
#include "tests/e2e/bind_linux/ours.h"

#define NOT_ALIKE 2 /* exit status: unexplained differences */
#define SHOWN_MAX 5
#define TRIES_MAX 20

struct tally {
	uint64_t trials;
	uint64_t opens, refusals;    /* alike */
	uint64_t received, unwanted; /* alike: by the same socket or group, by nobody */
	uint64_t explained[MEANT_COUNT];
	uint64_t unexplained;
	char first[4 * TRIAL_TEXT_BYTES]; /* what was unexplained first in a trial */
};

/* One trial under way. */
struct run {
	const struct trial *trial;
	struct tally *tally;
	struct random *random;
	struct ours *ours;
	int fds[SPECS_MAX]; /* below 0: not open */
	bool opened[SPECS_MAX];
};

static void
close_one(struct run *run, unsigned i)
{
	if (run->fds[i] >= 0)
		close(run->fds[i]);
	run->fds[i] = -1;
	run->opened[i] = false;
	ours_close(run->ours, i);
}

static void
note(struct run *run, enum meant meant, const char *format, const char *a, const char *b,
     const char *c)
{
	struct tally *t = run->tally;

	if (meant != MEANT_NONE) {
		t->explained[meant]++;
		return;
	}
	t->unexplained++;
	if (t->first[0] == '\0')
		snprintf(t->first, sizeof(t->first), format, a, b, c);
}

/* Opens socket `i` in both; where they differ it stays open in neither. */
static int
open_one(struct run *run, unsigned i)
{
	const struct spec *s = &run->trial->specs[i];
	const int fd = linux_open(s), rc = ours_open(run->ours, i, s);
	char text[TRIAL_TEXT_BYTES];

	if (fd < 0 && fd != -EADDRINUSE) {
		fprintf(stderr, "bind-linux: %s: error %d\n", spec_text(s, text), -fd);
		return -EIO;
	}
	run->fds[i] = fd;
	run->opened[i] = fd >= 0 && rc == 0;
	if ((fd >= 0) == (rc == 0)) {
		run->tally->opens += fd >= 0;
		run->tally->refusals += fd < 0;
	} else {
		note(run, meant_open(run->trial, run->opened, i, fd >= 0),
		     "%s: Linux %s it, berth %s it", spec_text(s, text),
		     fd >= 0 ? "opens" : "refuses", rc == 0 ? "opens" : "refuses");
		close_one(run, i);
	}
	return 0;
}

static const char *
receiver_text(const struct trial *t, int receiver, char text[TRIAL_TEXT_BYTES])
{
	return receiver == NOBODY ? "nobody" : spec_text(&t->specs[receiver], text);
}

static int
probe_one(struct run *run, const struct probe *p)
{
	const struct trial *t = run->trial;
	const int theirs = linux_probe(p, run->fds, t->specs, t->specs_count);
	const int ours = ours_probe(run->ours, p, random_u64(run->random));
	char packet[TRIAL_TEXT_BYTES], a[TRIAL_TEXT_BYTES], b[TRIAL_TEXT_BYTES];

	if (theirs <= LINUX_FAILED) {
		fprintf(stderr, "bind-linux: %s: error %d\n", probe_text(p, packet),
			LINUX_FAILED - theirs);
		return -EIO;
	}
	if (theirs == ours || (theirs != NOBODY && ours != NOBODY &&
			       meant_same_group(&t->specs[theirs], &t->specs[ours]))) {
		run->tally->received += ours != NOBODY;
		run->tally->unwanted += ours == NOBODY;
		return 0;
	}
	note(run, meant_probe(t, run->opened, p, theirs, ours),
	     "%s: Linux gives it to %s, berth to %s", probe_text(p, packet),
	     receiver_text(t, theirs, a), receiver_text(t, ours, b));
	return 0;
}

/* 0, or the machine failed. */
static int
trial_run(const struct trial *t, struct random *random, struct tally *tally)
{
	struct run run = { .trial = t, .tally = tally, .random = random };
	int rc = ours_create(&run.ours);

	if (rc != 0)
		return rc;
	memset(run.fds, -1, sizeof(run.fds));
	for (unsigned i = 0; i < t->specs_count && rc == 0; i++)
		rc = open_one(&run, i);
	for (unsigned i = 0; i < t->probes_count && rc == 0; i++) {
		if (i == t->probes_count / 2 && t->closes < t->specs_count)
			close_one(&run, t->closes);
		rc = probe_one(&run, &t->probes[i]);
	}
	for (unsigned i = 0; i < t->specs_count; i++)
		close_one(&run, i);
	ours_destroy(run.ours);
	tally->trials++;
	return rc;
}

static bool
still_differs(const struct trial *t, struct tally *tally)
{
	static struct random random = { 1 };

	*tally = (struct tally){ 0 };
	return trial_run(t, &random, tally) == 0 && tally->unexplained > 0;
}

/* The `step`th way to make a trial smaller. False: there are no more. */
static bool
make_smaller(struct trial *t, unsigned step)
{
	const unsigned i = step % SPECS_MAX;

	if (step < PROBES_MAX) {
		if (step < t->probes_count) {
			t->probes_count--;
			memmove(&t->probes[step], &t->probes[step + 1],
				(t->probes_count - step) * sizeof(t->probes[0]));
		}
		return true;
	}
	step = (step - PROBES_MAX) / SPECS_MAX;
	if (i >= t->specs_count)
		return step < 5;
	switch (step) {
	case 0:
		t->specs_count--;
		memmove(&t->specs[i], &t->specs[i + 1], (t->specs_count - i) * sizeof(t->specs[0]));
		t->closes = t->closes == i  ? t->specs_count
			    : t->closes > i ? t->closes - 1
					    : t->closes;
		return true;
	case 1:
		t->specs[i].reuse = false;
		return true;
	case 2:
		t->specs[i].shared = false;
		return true;
	case 3:
		t->specs[i].user = 0;
		return true;
	case 4:
		t->closes = t->specs_count;
		return true;
	default:
		return false;
	}
}

/* Takes away what is not needed for the difference, and prints the rest. */
static void
show(const struct trial *failed)
{
	struct trial t = *failed;
	struct tally tally, now;
	char text[TRIAL_TEXT_BYTES];
	bool smaller = true;

	/* Who of a group receives is chance, in both: the difference may need another try. */
	for (unsigned tries = 0; !still_differs(&t, &tally); tries++)
		if (tries == TRIES_MAX)
			return;
	while (smaller) {
		struct trial next = t;

		smaller = false;
		for (unsigned step = 0; make_smaller(&next, step); step++, next = t) {
			if (memcmp(&next, &t, sizeof(t)) == 0 || !still_differs(&next, &now))
				continue;
			t = next;
			tally = now;
			smaller = true;
		}
	}
	for (unsigned i = 0; i < t.specs_count; i++)
		printf("  %s%s\n", spec_text(&t.specs[i], text),
		       i == t.closes ? "; closes half-way" : "");
	for (unsigned i = 0; i < t.probes_count; i++)
		printf("  %s\n", probe_text(&t.probes[i], text));
	printf("  %s\n", tally.first);
}

static void
report(const struct tally *t, uint64_t seed, unsigned users)
{
	printf("bind-linux: %lu trials of %u users, seed %lu: sockets: %lu opened, %lu refused by "
	       "both; packets: %lu received alike, %lu wanted by nobody\n",
	       t->trials, users, seed, t->opens, t->refusals, t->received, t->unwanted);
	for (unsigned i = MEANT_NONE + 1; i < MEANT_COUNT; i++)
		printf("  explained %6lu: %s\n", t->explained[i], meant_why[i]);
	printf("  unexplained %4lu\n", t->unexplained);
}

int
main(int argc, char **argv)
{
	struct tally tally = { 0 };
	struct random random;
	uint64_t seed;
	unsigned shown = 0;
	int users;

	if (argc != 3) {
		fprintf(stderr, "usage: bind-linux TRIALS SEED\n");
		return 1;
	}
	seed = strtoull(argv[2], NULL, 0);
	random.state = seed;
	users = linux_start();
	if (users < 0) {
		fprintf(stderr, "bind-linux: no sockets can be made: %s\n", strerror(-users));
		return 1;
	}
	for (unsigned long i = strtoul(argv[1], NULL, 0); i > 0; i--) {
		const uint64_t before = tally.unexplained;
		struct trial t;

		trial_make(&random, (unsigned)users, &t);
		if (trial_run(&t, &random, &tally) != 0)
			return 1;
		if (tally.unexplained == before || shown == SHOWN_MAX)
			continue;
		printf("trial %lu differs: %s\n", tally.trials, tally.first);
		tally.first[0] = '\0';
		show(&t);
		shown++;
	}
	linux_stop();
	report(&tally, seed, (unsigned)users);
	return tally.unexplained == 0 ? 0 : NOT_ALIKE;
}
