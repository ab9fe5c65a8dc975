/* SPDX-License-Identifier: BSD-3-Clause */
/* test_neighbours.c: the state machine of next hops, on a clock of the test's own. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdio.h>

#include "control/neighbours.h"
#include "tests/support/fake_dataplane.h"

static struct neighbours *table;
static uint64_t now;

static void
setup(void)
{
	fake_dataplane_reset();
	now = 1000;
	cr_assert(eq(int, neighbours_create(fake_dataplane(), &table), 0));
}

static void
teardown(void)
{
	neighbours_destroy(table);
}

TestSuite(neighbours, .init = setup, .fini = teardown);

/* Puts one event about `text` before the code under test; `mac` is the last byte of the address. */
static void
event(uint8_t kind, uint8_t flags, const char *text, uint8_t mac)
{
	struct neighbour_event *e = &fake.events[fake.events_count++];
	struct address a;

	cr_assert(eq(int, address_parse(text, &a), 0));
	*e = (struct neighbour_event){ .kind = kind, .flags = flags, .family = a.family };
	memcpy(e->addr, a.bytes, sizeof(e->addr));
	if (mac != 0)
		memcpy(e->mac, (const uint8_t[6]){ 2, 0, 0, 0, 0, mac }, sizeof(e->mac));
}

static void
poll_at(uint64_t ms)
{
	now = ms;
	neighbours_poll(table, now);
}

/* The published neighbour, or NULL. */
static const struct neighbour *
published(const char *text)
{
	struct address a;

	cr_assert(eq(int, address_parse(text, &a), 0));
	for (uint32_t i = 0; i < fake.neighbours_count; i++)
		if (address_equal(&fake.neighbours[i].address, &a))
			return &fake.neighbours[i];
	return NULL;
}

/* Goal: who is wanted is asked three times a second apart, then fails, then is forgotten (N2).
 * Method: want an address, let nobody answer, and look at every step of the clock. */
Test(neighbours, unanswered_question_fails_then_is_forgotten)
{
	event(NEIGHBOUR_WANTED, 0, "192.0.2.9", 0);
	poll_at(1000);
	cr_assert(eq(uint, fake.solicits, 1));
	poll_at(1999);
	cr_assert(eq(uint, fake.solicits, 1));
	poll_at(2000);
	poll_at(3000);
	cr_assert(eq(uint, fake.solicits, 3));
	cr_assert(published("192.0.2.9") == NULL);
	poll_at(4000);
	cr_assert(eq(uint, fake.solicits, 3));
	cr_assert(published("192.0.2.9") != NULL && published("192.0.2.9")->failed);
	poll_at(8999);
	cr_assert(published("192.0.2.9") != NULL);
	poll_at(9000);
	cr_assert(published("192.0.2.9") == NULL);
	event(NEIGHBOUR_WANTED, 0, "192.0.2.9", 0);
	poll_at(9005);
	cr_assert(eq(uint, fake.solicits, 4), "a forgotten address can be wanted again");
}

/* Goal: an answer makes the address known, in the poll that takes it, for both families.
 * Method: want, answer, look at the publication. */
Test(neighbours, answer_is_published_at_once)
{
	static const char *const addresses[] = { "192.0.2.9", "2001:db8::9" };

	for (unsigned i = 0; i < 2; i++) {
		event(NEIGHBOUR_WANTED, 0, addresses[i], 0);
		poll_at(1000);
		event(NEIGHBOUR_SEEN, NEIGHBOUR_SOLICITED | NEIGHBOUR_OVERRIDE, addresses[i], 9);
		poll_at(1005);
		cr_assert(published(addresses[i]) != NULL && !published(addresses[i])->failed);
		cr_assert(eq(u8, published(addresses[i])->mac[5], 9));
	}
}

/* Goal: nobody can fill the table by talking (N1), and nonsense is never learnt.
 * Method: one event per row that must not, and some that must, make an entry. */
Test(neighbours, learns_only_whom_it_may)
{
	static const struct {
		const char *address;
		uint8_t flags, mac;
		bool learnt;
	} cases[] = {
		{ "192.0.2.7", NEIGHBOUR_OVERRIDE, 7, false },  /* gratuitous */
		{ "192.0.2.7", NEIGHBOUR_SOLICITED, 7, false }, /* answers no question of ours */
		{ "192.0.2.7", NEIGHBOUR_ASKED_US, 7, true },
		{ "2001:db8::7", NEIGHBOUR_ASKED_US, 7, true },
		{ "fe80::7", NEIGHBOUR_ASKED_US, 7, true },
		{ "192.0.2.6", NEIGHBOUR_ASKED_US, 0, false },    /* no mac */
		{ "198.51.100.7", NEIGHBOUR_ASKED_US, 7, false }, /* not on the link */
		{ "192.0.2.1", NEIGHBOUR_ASKED_US, 7, false },    /* our own */
		{ "0.0.0.0", NEIGHBOUR_ASKED_US, 7, false },      /* a probe (RFC 5227) */
		{ "224.0.0.1", NEIGHBOUR_ASKED_US, 7, false },
		{ "::", NEIGHBOUR_ASKED_US, 7, false },
		{ "ff02::1", NEIGHBOUR_ASKED_US, 7, false },
	};

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		event(NEIGHBOUR_SEEN, cases[i].flags, cases[i].address, cases[i].mac);
		poll_at(1000 + i);
		cr_assert(eq(int, published(cases[i].address) != NULL, cases[i].learnt), "row %u",
			  i);
	}
	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "192.0.2.5", 5);
	fake.events[0].mac[0] = 3; /* a group's mac */
	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "192.0.2.4", 4);
	fake.events[1].link = 1; /* no such link */
	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "192.0.2.3", 3);
	fake.events[2].family = 9;
	poll_at(2000);
	cr_assert(published("192.0.2.5") == NULL && published("192.0.2.4") == NULL &&
		  published("192.0.2.3") == NULL);
}

/* Goal: a known neighbour stays in use while it is asked again, and goes when it does not answer;
 * one that nobody wants is not asked for ever (N3).
 * Method: answer some refreshes, then none; and let ten minutes pass. */
Test(neighbours, refreshes_what_it_knows)
{
	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "192.0.2.7", 7);
	poll_at(1000);
	poll_at(30999);
	cr_assert(eq(uint, fake.solicits, 0));
	poll_at(31000);
	cr_assert(eq(uint, fake.solicits, 1));
	cr_assert(published("192.0.2.7") != NULL);
	event(NEIGHBOUR_SEEN, NEIGHBOUR_SOLICITED | NEIGHBOUR_OVERRIDE, "192.0.2.7", 7);
	poll_at(31001);
	poll_at(61001);
	poll_at(62001);
	poll_at(63001);
	cr_assert(eq(uint, fake.solicits, 4));
	cr_assert(published("192.0.2.7") != NULL);
	poll_at(64001);
	cr_assert(published("192.0.2.7") == NULL);

	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "192.0.2.8", 8);
	poll_at(100000);
	for (uint64_t ms = 130000; ms < 800000; ms += 30000) {
		poll_at(ms);
		if (published("192.0.2.8") == NULL)
			break;
		event(NEIGHBOUR_SEEN, NEIGHBOUR_SOLICITED | NEIGHBOUR_OVERRIDE, "192.0.2.8", 8);
		poll_at(ms);
	}
	cr_assert(published("192.0.2.8") == NULL);
	cr_assert(eq(u64, now, 700000));
}

/* Goal: another mac needs leave to override; without it the neighbour is asked (RFC 4861 7.2.5).
 * Method: one change without and one with the flag. */
Test(neighbours, override_flag_decides_about_another_mac)
{
	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "2001:db8::7", 7);
	poll_at(1000);
	event(NEIGHBOUR_SEEN, 0, "2001:db8::7", 66);
	poll_at(1005);
	cr_assert(eq(u8, published("2001:db8::7")->mac[5], 7));
	cr_assert(eq(uint, fake.solicits, 1));
	event(NEIGHBOUR_SEEN, NEIGHBOUR_OVERRIDE, "2001:db8::7", 8);
	poll_at(1010);
	cr_assert(eq(u8, published("2001:db8::7")->mac[5], 8));
}

/* Goal: a full table keeps whom it knows and gives up failed and unanswered ones first (N4); a
 * worker that cannot ask now loses no question.
 * Method: know one, then want more addresses than fit; refuse, then allow, a question. */
Test(neighbours, full_table_keeps_the_known)
{
	struct neighbours_counts counts;
	char text[ADDRESS_TEXT_BYTES];

	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "2001:db8::7", 7);
	poll_at(1000);
	for (unsigned i = 0; i < NEIGHBOURS_MAX + 100; i++) {
		snprintf(text, sizeof(text), "2001:db8::%x:1", i + 1);
		event(NEIGHBOUR_WANTED, 0, text, 0);
		poll_at(1000);
	}
	neighbours_count(table, &counts);
	cr_assert(eq(u32, counts.known, 1));
	cr_assert(eq(u32, counts.asked, NEIGHBOURS_MAX - 1));

	teardown();
	setup();
	fake.solicit_refused = true;
	event(NEIGHBOUR_WANTED, 0, "192.0.2.9", 0);
	poll_at(1000);
	cr_assert(eq(uint, fake.solicits, 0));
	fake.solicit_refused = false;
	poll_at(1005);
	cr_assert(eq(uint, fake.solicits, 1));
}

/* Goal: what did not change is not published again.
 * Method: poll an idle table; confirm an entry with the same mac. */
Test(neighbours, publishes_changes_only)
{
	poll_at(1000);
	cr_assert(eq(uint, fake.neighbours_publications, 0));
	event(NEIGHBOUR_SEEN, NEIGHBOUR_ASKED_US, "192.0.2.7", 7);
	poll_at(1005);
	event(NEIGHBOUR_SEEN, NEIGHBOUR_OVERRIDE, "192.0.2.7", 7);
	poll_at(1010);
	cr_assert(eq(uint, fake.neighbours_publications, 1));
}
