/* SPDX-License-Identifier: BSD-3-Clause */
/* follow.c: see follow.h. */
#include "dataplane/track/follow.h"

#include "dataplane/link.h"

#define TCP_FIN 0x01u
#define TCP_RST 0x04u

bool
follow_begins(const struct track_rules *rules, const struct packet *p, const uint8_t *frame,
	      unsigned direction, uint32_t now_ms)
{
	struct track_line line;
	struct track_flow first = { .line = &line, .mode = TRACK_STRICT };

	return rules->mode != TRACK_STRICT ||
	       track_judge(&first, p, frame, direction, now_ms) != TRACK_INVALID;
}

static uint32_t
timeout_ms(const struct track_rules *rules, const struct flow_entry *e)
{
	return track_timeout_ms(&rules->timeouts, e->key.proto,
				flow_word_state(flow_entry_word(e)));
}

void
follow_expect(const struct track_rules *rules, struct flow_table *t, uint32_t index,
	      uint32_t now_ms)
{
	flow_expect(t, index, now_ms, timeout_ms(rules, flow_entry_at(t, index)));
}

int
follow_open(const struct track_rules *rules, struct flow_table *t, const struct flow_key *key,
	    uint64_t hash, unsigned direction, unsigned flags, uint32_t now_ms, uint32_t *index,
	    bool *created)
{
	const int error = flow_insert(t, key, hash, index, created);
	struct flow_entry *e;

	if (error != 0 || !*created)
		return error;
	e = flow_entry_at(t, *index);
	if (direction == 1)
		flags |= FLOW_ORIG_IS_1;
	flags |= track_mode_flags(rules->mode);
	atomic_store_explicit(&e->word, flow_word_with(0, 0, flags), memory_order_relaxed);
	atomic_store_explicit(&e->last_seen_ms, now_ms, memory_order_relaxed);
	/* No reader looks at it yet (F6). */
	*flow_detail_at(t, *index) = (struct flow_detail){ .first_ms = now_ms, .link = LINK_NONE };
	follow_expect(rules, t, *index, now_ms);
	return 0;
}

uint32_t
follow_wait_ms(const struct track_rules *rules, const struct flow_table *t, uint32_t index,
	       uint32_t idle_ms)
{
	const uint32_t may_idle_ms = timeout_ms(rules, flow_entry_at(t, index));

	return idle_ms < may_idle_ms ? may_idle_ms - idle_ms : 0;
}

/* A TCP flow may carry both FINs and, behind them, a reset: then it was closed in order. One that
 * was reset before it was answered is in no state again. */
enum flow_end
follow_end(const struct flow_record *r)
{
	const bool reset = ((r->tcp_flags[0] | r->tcp_flags[1]) & TCP_RST) != 0;

	if (track_closed(r->key.proto, r->state))
		return reset && (r->tcp_flags[0] & r->tcp_flags[1] & TCP_FIN) == 0 ? FLOW_END_RST
										   : FLOW_END_FIN;
	return reset && r->state == 0 ? FLOW_END_RST : FLOW_LIVES;
}
