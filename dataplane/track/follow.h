/* SPDX-License-Identifier: BSD-3-Clause */
/* follow.h: a tracked flow in its table, from its first packet to its end: what a worker does with
 * the packets of a nic, and berth-replay with those of a capture. Served by follow.c. The table's
 * writer alone. */
#pragma once

#include "dataplane/flow/flow.h"
#include "dataplane/flow/flow_record.h"
#include "dataplane/track/track.h"

/* How flows are followed. */
struct track_rules {
	enum track_mode mode; /* of new flows */
	struct track_timeouts timeouts;
};

/* Whether a flow may begin with this packet. With TRACK_STRICT what begins none makes no entry: it
 * would cost a place in the table. `frame` is what the packet's offsets count from. */
bool follow_begins(const struct track_rules *rules, const struct packet *p, const uint8_t *frame,
		   unsigned direction, uint32_t now_ms);

/* Makes the entry of a flow whose first packet ran in `direction`, or finds the one there is
 * (*created false). Of a new one nothing is left to be set but its ports, its link, and that it may
 * be shown (F6). `flags`: enum flow_flag, those about applications. 0 or -ENOSPC. */
int follow_open(const struct track_rules *rules, struct flow_table *t, const struct flow_key *key,
		uint64_t hash, unsigned direction, unsigned flags, uint32_t now_ms, uint32_t *index,
		bool *created);

/* When the flow at `index` ends if nothing else comes. */
void follow_expect(const struct track_rules *rules, struct flow_table *t, uint32_t index,
		   uint32_t now_ms);

/* Judges and accounts one packet of the flow, no ICMP error, as track_packet(); keeps its TCP flags
 * and the time of the flow's end up to date as well. */
static inline unsigned
follow_packet(const struct track_rules *rules, struct flow_table *t, uint32_t index,
	      const struct packet *p, const uint8_t *frame, unsigned direction, uint32_t now_ms,
	      enum track_verdict *verdict)
{
	struct flow_entry *e = flow_entry_at(t, index);
	struct flow_detail *d = flow_detail_at(t, index);
	const unsigned events = track_packet(e, d, p, frame, direction, now_ms, verdict);
	const uint8_t tcp_flags = flow_tcp_flags_new(e, direction, p->tcp_flags);

	if (tcp_flags != 0)
		flow_tcp_flags_note(e, d, direction, tcp_flags);
	if ((events & TRACK_STATE) != 0)
		follow_expect(rules, t, index, now_ms);
	return events;
}

/* Whether a packet of that verdict is dropped. */
static inline bool
follow_refuses(const struct track_rules *rules, enum track_verdict verdict)
{
	return verdict == TRACK_INVALID && rules->mode == TRACK_STRICT;
}

/* How much longer a flow that idled for idle_ms may idle; 0: it has ended. */
uint32_t follow_wait_ms(const struct track_rules *rules, const struct flow_table *t, uint32_t index,
			uint32_t idle_ms);

/* How the flow's own protocol ended it; FLOW_LIVES: it did not. Pure. */
enum flow_end follow_end(const struct flow_record *r);
