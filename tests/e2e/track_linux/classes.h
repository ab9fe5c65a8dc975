/* SPDX-License-Identifier: BSD-3-Clause */
/* classes.h: the situations in which we and Linux differ on purpose, and why. Served by classes.c.
 */
#pragma once

#include "dataplane/track/track.h"
#include "tests/e2e/track_linux/talk.h"

/* One conversation as both see it. */
struct compared {
	struct track_flow flow;
	struct track_line line;
	uint32_t causes; /* set of enum situation: situations that it was in, and that may show
			    later */
};

/* One packet, before and after. */
struct comparison {
	const struct packet *packet;
	unsigned direction;
	bool parsed; /* false: refused by the parser, and so invalid */
	struct compared before, after;
	enum track_verdict ours, linux;
	const struct talk_packet *sent;
};

/* X(NAME, "what differs", "source") */
#define CLASS_LIST(X)                                                                             \
	X(RESET_INEXACT, "a reset whose number is not exact closes nothing", "RFC 5961 3.2")      \
	X(RESET_SYN, "a reset that refuses a SYN acknowledges it", "RFC 9293 3.10.7.3")           \
	X(RESET_ACK, "a reset counts by its number, looked at before what it acknowledges",       \
	  "RFC 9293 3.10.7.4")                                                                    \
	X(SYN_OPEN, "a SYN in an open flow changes nothing, whoever sent it", "RFC 5961 4")       \
	X(SYN_ANEW, "a SYN after a flow's end begins another one", "RFC 9293 3.6.1")              \
	X(FIN_ACKED, "a FIN is over when it was acknowledged itself", "RFC 9293 3.6")             \
	X(SYN_ACK_WRONG, "a SYN ACK acknowledges the SYN", "RFC 9293 3.10.7.3")                   \
	X(HANDSHAKE_ACK, "the last ACK of a handshake acknowledges the SYN", "RFC 9293 3.10.7.4") \
	X(SYN_OTHER, "a SYN may be sent again with another number", "RFC 9293 3.5")               \
	X(SIMULTANEOUS, "both sides may send a SYN first", "RFC 9293 3.5")                        \
	X(BEYOND_WINDOW, "nothing may begin beyond the window", "RFC 9293 3.10.7.4")              \
	X(PICKED_UP, "what is known of a flow picked up in its middle", "RFC 9293 3.10.7")        \
	X(ERROR_NOT_IN_FLIGHT, "an ICMP error quotes what may be in flight", "RFC 5927 4")        \
	X(QUERY_BOTH_WAYS, "two hosts may query with one identifier: one flow", "RFC 5508 3.1")   \
	X(SCTP_TAG, "the verification tag of each direction", "RFC 9260 8.5")                     \
	X(SCTP_ANEW, "an INIT after an association's end begins another one", "RFC 9260 5.2")     \
	X(SCTP_RESTART, "an INIT changes nothing before its handshake ends", "RFC 9260 5.2.2")    \
	X(SCTP_STATE, "chunks that the state does not await are answered, not lost", "RFC 9260 8.4")

enum situation {
#define X(NAME, what, source) CLASS_##NAME,
	CLASS_LIST(X)
#undef X
		CLASS_COUNT,
	CLASS_NONE = CLASS_COUNT /* no difference that is explained */
};
extern const char *const class_what[CLASS_COUNT], *const class_source[CLASS_COUNT];

/* The situations that this packet brings, whether or not the verdicts differ yet. */
uint32_t classes_of(const struct comparison *c);
/* Why the verdicts differ: one of those of now, or of before. CLASS_NONE: unexplained. */
enum situation class_of_difference(const struct comparison *c);
/* Whether both still hold the same of a flow after a difference of this kind. */
bool class_goes_on(enum situation why);
