/* SPDX-License-Identifier: BSD-3-Clause */
/* track.h: protocol state of a flow and the idle time it earns. Served by track.c.
 *
 * A packet never fails here: a flow picked up in its middle is followed from what it shows. The
 * sequence numbers are not looked at: a forged RST or FIN that matches the tuple shortens the
 * flow's idle time and nothing else; its packets go on to be delivered, and a SYN reopens it. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "dataplane/flow/flow.h"

enum track_state {
	TRACK_NEW,         /* one direction seen */
	TRACK_ESTABLISHED, /* TCP: handshake done; others: both directions seen */
	TRACK_CLOSING,     /* TCP: a FIN was seen */
	TRACK_CLOSED,      /* TCP: FIN both ways, or RST; a SYN makes it NEW again */
	TRACK_STATES
};
extern const char *const track_state_names[TRACK_STATES];

/* Idle time of a closed TCP flow, or tcp_closing_ms where that is less. */
#define TRACK_CLOSED_MS 10000u

/* Idle times in milliseconds, each below 2^31 (RFC 5382 5, RFC 4787 4.3, RFC 5508 3.2). */
struct track_timeouts {
	uint32_t tcp_opening_ms, tcp_established_ms, tcp_closing_ms;
	uint32_t udp_new_ms, udp_stream_ms, icmp_ms;
};

/* What a packet did to its flow. */
enum track_event {
	TRACK_STATE = 1u << 0,  /* the state is another one, and with it the idle time */
	TRACK_REFRESH = 1u << 1 /* the first one of its direction, or after a second's pause, or one
				   of many: a time for what need not be done for each */
};

/* Accounts one packet to the flow at e/d: last seen, packets, bytes, flags, state. `reply`: it runs
 * against the direction of the first packet. `tcp_flags` 0 for others; ip_bytes 0..65535. Returns a
 * set of enum track_event. Worker. */
unsigned track_packet(struct flow_entry *e, struct flow_detail *d, bool reply, uint8_t tcp_flags,
		      uint32_t ip_bytes, uint32_t now_ms);

/* How long a flow of `proto` may idle in `state`. Pure. */
uint32_t track_timeout_ms(const struct track_timeouts *timeouts, uint8_t proto, unsigned state);
