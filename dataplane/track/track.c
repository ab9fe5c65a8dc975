/* SPDX-License-Identifier: BSD-3-Clause */
/* track.c: follows the protocol state of a flow from the packets of both directions. */
#include "dataplane/track/track.h"

#include "common/base/identity.h"

#define TCP_FIN 0x01u
#define TCP_SYN 0x02u
#define TCP_RST 0x04u
#define TCP_ACK 0x10u

const char *const track_state_names[TRACK_STATES] = {
	[TRACK_NEW] = "new",
	[TRACK_ESTABLISHED] = "established",
	[TRACK_CLOSING] = "closing",
	[TRACK_CLOSED] = "closed",
};

/* The tracker's flags of an entry: whether each direction has sent an ACK, a FIN. */
#define ACK_SEEN(reply) ((1u << 4) << (reply))
#define FIN_SEEN(reply) ((1u << 4) << 2 << (reply))
#define ACK_BOTH        (ACK_SEEN(0) | ACK_SEEN(1))
#define FIN_BOTH        (FIN_SEEN(0) | FIN_SEEN(1))

/* A flow that was silent for so long gets a TRACK_REFRESH. */
#define PAUSE_MS 1000u

/* Whether the packet asks for a new connection (RFC 9293 3.5). */
static bool
tcp_opens(uint8_t flags)
{
	return (flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* The state after a packet, from what both directions sent so far. Once both sides have sent an
 * ACK each has heard the other: true at the end of a handshake, of a simultaneous open, and of a
 * conversation first seen in its middle. */
static unsigned
track_tcp(unsigned state, unsigned *flags, bool reply, uint8_t tcp_flags)
{
	if (state == TRACK_CLOSED && tcp_opens(tcp_flags)) {
		state = TRACK_NEW;
		*flags &= ~(ACK_BOTH | FIN_BOTH);
	}
	if ((tcp_flags & TCP_ACK) != 0)
		*flags |= ACK_SEEN(reply);
	if ((tcp_flags & TCP_FIN) != 0)
		*flags |= FIN_SEEN(reply);
	if (state == TRACK_CLOSED || (tcp_flags & TCP_RST) != 0 || (*flags & FIN_BOTH) == FIN_BOTH)
		return TRACK_CLOSED;
	if (state == TRACK_CLOSING || (tcp_flags & TCP_FIN) != 0)
		return TRACK_CLOSING;
	return (*flags & ACK_BOTH) == ACK_BOTH ? TRACK_ESTABLISHED : state;
}

/* What waits for the last segments of a finished connection need not wait long, and never longer
 * than one that is still closing. */
static uint32_t
tcp_timeout_ms(const struct track_timeouts *timeouts, unsigned state)
{
	switch (state) {
	case TRACK_NEW:
		return timeouts->tcp_opening_ms;
	case TRACK_ESTABLISHED:
		return timeouts->tcp_established_ms;
	case TRACK_CLOSING:
		return timeouts->tcp_closing_ms;
	default:
		return timeouts->tcp_closing_ms < TRACK_CLOSED_MS ? timeouts->tcp_closing_ms
								  : TRACK_CLOSED_MS;
	}
}

uint32_t
track_timeout_ms(const struct track_timeouts *timeouts, uint8_t proto, unsigned state)
{
	switch (proto) {
	case PROTO_TCP:
		return tcp_timeout_ms(timeouts, state);
	case PROTO_ICMP:
	case PROTO_ICMPV6:
		return timeouts->icmp_ms;
	default:
		return state == TRACK_NEW ? timeouts->udp_new_ms : timeouts->udp_stream_ms;
	}
}

unsigned
track_packet(struct flow_entry *e, struct flow_detail *d, bool reply, uint8_t tcp_flags,
	     uint32_t ip_bytes, uint32_t now_ms)
{
	const uint64_t word = flow_entry_word(e);
	const unsigned before = flow_word_state(word);
	/* Relaxed: a number of its own, as those of the word are. */
	const uint32_t pause_ms =
		now_ms - atomic_load_explicit(&e->last_seen_ms, memory_order_relaxed);
	unsigned flags = flow_word_flags(word), state = before;
	bool refresh = flow_word_packets(word, reply) == 0 || pause_ms >= PAUSE_MS;

	if (reply)
		flags |= FLOW_REPLIED;
	if (e->key.proto == PROTO_TCP)
		state = track_tcp(state, &flags, reply, tcp_flags);
	else if (reply)
		state = TRACK_ESTABLISHED;
	atomic_store_explicit(&e->last_seen_ms, now_ms, memory_order_relaxed);
	refresh |= flow_count_add(e, d, word, reply, ip_bytes, state, flags);
	return (state != before ? TRACK_STATE : 0) | (refresh ? TRACK_REFRESH : 0);
}
