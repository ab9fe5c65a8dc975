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

/* Relaxed throughout: each field is a number of its own, nothing is published by it (F5), and only
 * this worker stores, so load and store need not be one step. */
static void
count64_add(_Atomic uint64_t *count, uint64_t change)
{
	atomic_store_explicit(count, atomic_load_explicit(count, memory_order_relaxed) + change,
			      memory_order_relaxed);
}

static uint8_t
tcp_flags_seen(const struct flow_detail *d, unsigned direction)
{
	return atomic_load_explicit(&d->tcp_flags[direction], memory_order_relaxed);
}

static void
tcp_flags_add(struct flow_detail *d, unsigned direction, uint8_t flags)
{
	atomic_store_explicit(&d->tcp_flags[direction],
			      (uint8_t)(tcp_flags_seen(d, direction) | flags),
			      memory_order_relaxed);
}

/* Whether the packet asks for a new connection (RFC 9293 3.5). */
static bool
tcp_opens(uint8_t flags)
{
	return (flags & (TCP_SYN | TCP_ACK | TCP_RST | TCP_FIN)) == TCP_SYN;
}

/* The state after a packet, from the flags of both directions so far. Once both sides have sent an
 * ACK each has heard the other: true at the end of a handshake, of a simultaneous open, and of a
 * conversation first seen in its middle. */
static enum track_state
track_tcp(enum track_state state, struct flow_detail *d, bool reply, uint8_t flags)
{
	uint8_t both;

	if (state == TRACK_CLOSED && tcp_opens(flags)) {
		state = TRACK_NEW;
		atomic_store_explicit(&d->tcp_flags[0], 0, memory_order_relaxed);
		atomic_store_explicit(&d->tcp_flags[1], 0, memory_order_relaxed);
	}
	tcp_flags_add(d, reply, flags);
	both = tcp_flags_seen(d, 0) & tcp_flags_seen(d, 1);
	if (state == TRACK_CLOSED || (flags & TCP_RST) != 0 || (both & TCP_FIN) != 0)
		return TRACK_CLOSED;
	if (state == TRACK_CLOSING || (flags & TCP_FIN) != 0)
		return TRACK_CLOSING;
	return (both & TCP_ACK) != 0 ? TRACK_ESTABLISHED : state;
}

/* What waits for the last segments of a finished connection need not wait long, and never longer
 * than one that is still closing. */
static uint32_t
tcp_timeout_ms(const struct track_timeouts *timeouts, enum track_state state)
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

static uint32_t
timeout_ms_for(const struct track_timeouts *timeouts, uint8_t proto, enum track_state state)
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

/* Counts the packet and notes when it came. */
static void
track_account(struct flow_entry *e, struct flow_detail *d, bool reply, uint32_t ip_bytes,
	      uint32_t now_ms)
{
	const uint64_t before = atomic_load_explicit(&d->packets[0], memory_order_relaxed) +
				atomic_load_explicit(&d->packets[1], memory_order_relaxed);

	if (before == 0)
		atomic_store_explicit(&d->first_ms, now_ms, memory_order_relaxed);
	count64_add(&d->packets[reply], 1);
	count64_add(&d->bytes[reply], ip_bytes);
	atomic_store_explicit(&e->last_seen_ms, now_ms, memory_order_relaxed);
}

void
track_packet(const struct track_timeouts *timeouts, struct flow_entry *e, struct flow_detail *d,
	     bool reply, uint8_t tcp_flags, uint32_t ip_bytes, uint32_t now_ms)
{
	const uint8_t flags = atomic_load_explicit(&e->flags, memory_order_relaxed);
	enum track_state state = atomic_load_explicit(&e->state, memory_order_relaxed);

	track_account(e, d, reply, ip_bytes, now_ms);
	if (reply && (flags & FLOW_REPLIED) == 0)
		atomic_store_explicit(&e->flags, flags | FLOW_REPLIED, memory_order_relaxed);
	if (e->key.proto == PROTO_TCP)
		state = track_tcp(state, d, reply, tcp_flags);
	else if (reply)
		state = TRACK_ESTABLISHED;
	atomic_store_explicit(&e->state, (uint8_t)state, memory_order_relaxed);
	atomic_store_explicit(&d->timeout_ms, timeout_ms_for(timeouts, e->key.proto, state),
			      memory_order_relaxed);
}
