/* SPDX-License-Identifier: BSD-3-Clause */
/* track.c: which tracker judges a packet, and what its judgement means for the flow. */
#include "dataplane/track/track.h"

#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/base/check.h"
#include "common/base/identity.h"

/* The trackers there are. A new one is named here and nowhere else. */
static const struct tracker *const trackers[UINT8_MAX + 1] = {
	[PROTO_ICMP] = &tracker_icmp, [PROTO_TCP] = &tracker_tcp,
	[PROTO_UDP] = &tracker_udp,   [PROTO_ICMPV6] = &tracker_icmp,
	[PROTO_SCTP] = &tracker_sctp, [PROTO_UDPLITE] = &tracker_udp,
};

const char *const track_verdict_names[TRACK_VERDICTS] = {
	[TRACK_UNTRACKED] = "untracked",     [TRACK_NEW] = "new",
	[TRACK_ESTABLISHED] = "established", [TRACK_RELATED] = "related",
	[TRACK_INVALID] = "invalid",
};

/* A flow that was silent for so long gets a TRACK_REFRESH. */
#define PAUSE_MS 1000u

const struct tracker *
tracker_of(uint8_t proto)
{
	return trackers[proto] != NULL ? trackers[proto] : &tracker_other;
}

const char *
track_state_name(uint8_t proto, unsigned state)
{
	const struct tracker *t = tracker_of(proto);

	if (state == TRACK_STATE_OFF)
		return "untracked";
	return state < t->states_count ? t->states[state].name : "";
}

const char *
track_history(uint8_t proto, uint32_t history, char text[TRACK_HISTORY_BYTES])
{
	size_t used = 0;

	text[0] = '\0';
	if (flow_history_state(history, FLOW_HISTORY_STATES - 1) != 0)
		used = (size_t)snprintf(text, TRACK_HISTORY_BYTES, "...");
	for (unsigned i = FLOW_HISTORY_STATES; i-- > 0;) {
		const unsigned state = flow_history_state(history, i);

		if (state != 0 && used < TRACK_HISTORY_BYTES)
			used += (size_t)snprintf(text + used, TRACK_HISTORY_BYTES - used, "%s%s",
						 used == 0 ? "" : ">",
						 track_state_name(proto, state));
	}
	return text;
}

bool
track_closed(uint8_t proto, unsigned state)
{
	const struct tracker *t = tracker_of(proto);

	return state < t->states_count && t->states[state].closed;
}

bool
track_confirmed(uint8_t proto, unsigned state)
{
	const struct tracker *t = tracker_of(proto);

	return state >= t->states_count || t->states[state].confirmed;
}

uint32_t
track_timeout_ms(const struct track_timeouts *timeouts, uint8_t proto, unsigned state)
{
	const struct tracker *t = tracker_of(proto);

	return timeouts->ms[state < t->states_count ? t->states[state].timer : t->timer];
}

static enum track_judgement
ask(const struct tracker *t, struct track_flow *f, struct track_step *step, unsigned direction)
{
	if (f->state == 0) {
		memset(f->line, 0, offsetof(struct track_line, later));
		f->origin = (uint8_t)direction;
		f->replied = false;
	}
	step->reply = direction != f->origin;
	step->replied = f->replied;
	return t->packet(f->line, &f->state, step);
}

static enum track_verdict
judge_error(const struct tracker *t, const struct track_flow *f, const struct track_step *step)
{
	return f->state != 0 && t->quoted(f->line, f->state, step) ? TRACK_RELATED : TRACK_INVALID;
}

enum track_verdict
track_judge(struct track_flow *f, const struct packet *p, const uint8_t *frame, unsigned direction,
	    uint32_t now_ms)
{
	const struct tracker *t = tracker_of(p->key.proto);
	struct track_step step = { .packet = p,
				   .frame = frame,
				   .now_ms = now_ms,
				   .reply = direction != f->origin,
				   .replied = f->replied,
				   .loose = f->mode == TRACK_LOOSE };
	enum track_judgement judgement;

	if (f->mode == TRACK_OFF) {
		if (f->state == 0)
			f->origin = (uint8_t)direction;
		f->state = TRACK_STATE_OFF;
		f->replied |= direction != f->origin;
		return TRACK_UNTRACKED;
	}
	if (p->kind == PACKET_ICMP_ERROR)
		return judge_error(t, f, &step);
	judgement = ask(t, f, &step, direction);
	if (judgement == TRACK_ANEW) {
		if (t->states[f->state].confirmed)
			f->line->later = 0;
		f->state = 0;
		judgement = ask(t, f, &step, direction);
	}
	if (judgement == TRACK_REFUSED)
		return TRACK_INVALID;
	if (judgement == TRACK_ENDS)
		f->state = 0;
	f->replied |= step.reply;
	return f->replied ? TRACK_ESTABLISHED : TRACK_NEW;
}

static_assert(sizeof(struct track_line) == sizeof(((struct flow_detail *)NULL)->track),
	      "the detail has room for the line");

/* The flow as its entry's word has it. */
static struct track_flow
flow_of(uint64_t word, struct flow_detail *d)
{
	const unsigned flags = flow_word_flags(word);

	return (struct track_flow){
		.line = (struct track_line *)d->track,
		.mode = (uint8_t)(flags / FLOW_MODE_0 % 4),
		.state = (uint8_t)flow_word_state(word),
		.origin = (flags & FLOW_ORIG_IS_1) != 0,
		.replied = (flags & FLOW_REPLIED) != 0,
	};
}

/* The flags after the packet. A flow that began anew from its other end is as outgoing as before,
 * seen from the end that is here. */
static unsigned
flags_with(unsigned flags, const struct track_flow *f)
{
	const unsigned origin = (flags & FLOW_ORIG_IS_1) != 0;

	if (origin != f->origin)
		flags ^= FLOW_ORIG_IS_1 | FLOW_OUTGOING;
	flags &= ~(unsigned)FLOW_REPLIED;
	return f->replied ? flags | FLOW_REPLIED : flags;
}

unsigned
track_packet(struct flow_entry *e, struct flow_detail *d, const struct packet *p,
	     const uint8_t *frame, unsigned direction, uint32_t now_ms, enum track_verdict *verdict)
{
	const uint64_t word = flow_entry_word(e);
	/* Relaxed: a number of its own, as those of the word are. */
	const uint32_t pause_ms =
		now_ms - atomic_load_explicit(&e->last_seen_ms, memory_order_relaxed);
	struct track_flow f = flow_of(word, d);
	const uint8_t before = f.state;
	bool refresh;

	/* A later fragment belongs where its first one does. */
	*verdict = TRACK_UNTRACKED;
	if (p->kind != PACKET_LATER_FRAGMENT)
		*verdict = track_judge(&f, p, frame, direction, now_ms);
	refresh = flow_word_packets(word, direction) == 0 || pause_ms >= PAUSE_MS;
	if (*verdict != TRACK_INVALID)
		atomic_store_explicit(&e->last_seen_ms, now_ms, memory_order_relaxed);
	refresh |= flow_count_add(e, d, word, direction, p->l3_bytes, f.state,
				  flags_with(flow_word_flags(word), &f));
	if (f.state != before && f.state != 0)
		flow_history_add(d, f.state);
	return (f.state != before ? TRACK_STATE : 0) | (refresh ? TRACK_REFRESH : 0);
}

enum track_verdict
track_error(const struct flow_entry *e, struct flow_detail *d, const struct packet *p,
	    unsigned direction)
{
	struct track_flow f = flow_of(flow_entry_word(e), d);

	return track_judge(&f, p, NULL, direction, 0);
}
