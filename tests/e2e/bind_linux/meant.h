/* SPDX-License-Identifier: BSD-3-Clause */
/* meant.h: where berth means to differ from Linux, and why. Served by meant.c. */
#pragma once

#include "tests/e2e/bind_linux/trial.h"

/* X(NAME, why) */
#define MEANT_LIST(X)                                                                              \
	X(NONE, "not explained")                                                                   \
	X(OTHER_USER, "Linux lets any user join UDP sockets that have SO_REUSEADDR, and so take "  \
		      "their packets; berth lets only the same user (T7)")                         \
	X(FIRST_CONSENT,                                                                           \
	  "Linux asks sockets in the way only until one consents by SO_REUSEPORT, and "            \
	  "remembers for TCP that one did; berth asks all of them")                                \
	X(PAIR_ONLY, "a connected socket holds its port in Linux; in berth it claims only the "    \
		     "pair of both ends, and opens beside bindings of its own user")               \
	X(PAIR_HELD, "Linux lets a second socket connect the same pair under SO_REUSEADDR or "     \
		     "SO_REUSEPORT; berth has one holder of a pair")                               \
	X(ONE_IDENTITY, "Linux ranks AF_INET above AF_INET6 with a mapped address; to berth both " \
			"are one identity, of which the newest or the group receives")             \
	X(FAMILY_FIRST, "Linux ranks any IPv6 address with and without IPV6_V6ONLY equal and "     \
			"takes the first of its list; berth takes the one of one family")          \
	X(NEWEST, "Linux appends AF_INET6 sockets with SO_REUSEPORT to its list and puts others "  \
		  "in front; berth lets the newest of equals receive, whatever its family")

enum meant {
#define X(NAME, why) MEANT_##NAME,
	MEANT_LIST(X)
#undef X
		MEANT_COUNT
};

extern const char *const meant_why[MEANT_COUNT];

/* Why one of both let socket `index` of the trial open and the other did not. `opened`: which are.
 * `linux_did`: whether it was Linux that let it. MEANT_NONE: nobody means that. */
enum meant meant_open(const struct trial *t, const bool *opened, unsigned index, bool linux_did);

/* Why the sockets `linux_got` and `ours_got` received a packet, one for each; NOBODY is none. */
enum meant meant_probe(const struct trial *t, const bool *opened, const struct probe *p,
		       int linux_got, int ours_got);

/* Whether both sockets are members of one group: then either may receive. */
bool meant_same_group(const struct spec *a, const struct spec *b);
