/* SPDX-License-Identifier: BSD-3-Clause */
/* timers.h: every idle time of a flow: its name, and its value in each profile, in seconds.
 *
 * The profile `rfc` keeps what RFC 5382 5, RFC 4787 4.3 and RFC 5508 3.2 ask of those who keep
 * state on a path, and the like for SCTP, for which no RFC names times. `linux` is what the
 * kernel's nf_conntrack starts with. */
#pragma once

#include <stdint.h>

/* X(NAME, "key", WIDE, rfc, linux, "help")
 * WIDE: the timer whose configured value holds for this one too, unless it has its own; its own
 * name: none. Both profiles' values fit 31 bits in milliseconds. */
#define TIMER_LIST(X)                                                                             \
	X(TCP_OPENING, "tcp-opening", TCP_OPENING, 240, 120,                                      \
	  "TCP after a SYN (RFC 5382: at least 240).")                                            \
	X(TCP_SYN_RECEIVED, "tcp-syn-received", TCP_OPENING, 240, 60,                             \
	  "TCP after the answer to a SYN.")                                                       \
	X(TCP_ESTABLISHED, "tcp-established", TCP_ESTABLISHED, 7440, 432000,                      \
	  "TCP in use (RFC 5382: at least 7440).")                                                \
	X(TCP_CLOSING, "tcp-closing", TCP_CLOSING, 240, 120,                                      \
	  "TCP after a FIN (RFC 5382: at least 240).")                                            \
	X(TCP_CLOSE_WAIT, "tcp-close-wait", TCP_CLOSING, 240, 60,                                 \
	  "TCP after one FIN was acknowledged.")                                                  \
	X(TCP_LAST_ACK, "tcp-last-ack", TCP_CLOSING, 240, 30, "TCP after the second FIN.")        \
	X(TCP_TIME_WAIT, "tcp-time-wait", TCP_CLOSING, 240, 120,                                  \
	  "TCP after both FINs were acknowledged.")                                               \
	X(TCP_CLOSED, "tcp-closed", TCP_CLOSED, 10, 10, "TCP after a reset.")                     \
	X(UDP_NEW, "udp-new", UDP_NEW, 120, 30, "UDP before an answer (RFC 4787: at least 120).") \
	X(UDP_REPLIED, "udp-replied", UDP_STREAM, 300, 30,                                        \
	  "UDP with answers, for the first two seconds.")                                         \
	X(UDP_STREAM, "udp-stream", UDP_STREAM, 300, 120,                                         \
	  "UDP with answers, afterwards (RFC 4787 recommends 300).")                              \
	X(ICMP, "icmp", ICMP, 60, 30, "ICMP queries (RFC 5508: at least 60).")                    \
	X(SCTP_OPENING, "sctp-opening", SCTP_OPENING, 240, 3,                                     \
	  "SCTP until both sides have agreed.")                                                   \
	X(SCTP_ESTABLISHED, "sctp-established", SCTP_ESTABLISHED, 7440, 210, "SCTP in use.")      \
	X(SCTP_CLOSING, "sctp-closing", SCTP_CLOSING, 240, 3, "SCTP that shuts down.")            \
	X(SCTP_CLOSED, "sctp-closed", SCTP_CLOSED, 10, 10, "SCTP after its end.")                 \
	X(SCTP_HEARTBEAT, "sctp-heartbeat", SCTP_HEARTBEAT, 60, 30,                               \
	  "SCTP on another path of its hosts, before an answer.")                                 \
	X(OTHER, "other", OTHER, 300, 600, "Protocols without a tracker of their own.")

enum timer {
#define X(NAME, key, wide, rfc, linux, help) TIMER_##NAME,
	TIMER_LIST(X)
#undef X
		TIMER_COUNT
};

enum timer_profile { TIMER_PROFILE_RFC, TIMER_PROFILE_LINUX, TIMER_PROFILES };
