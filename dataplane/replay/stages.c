/* SPDX-License-Identifier: BSD-3-Clause */
/* stages.c: see stages.h; this part takes packets to their flows. */
#include <errno.h>
#include <stdlib.h>

#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/replay/stages_priv.h"

/* As berthd's `fragments` are by default. */
#define FRAGMENT_TIMEOUT_MS 60000
#define FRAGMENT_DATAGRAMS  1024
#define FRAGMENT_HELD       512
#define FRAGMENT_PER_SOURCE 64

/* A fragment on its way through the fragments' table. */
struct pending {
	struct packet packet;
	const uint8_t *frame; /* of the packet that is just put in, else NULL */
	struct moment time;
	void *name; /* the caller's */
};

/* Not secret: captures are read again, and must tell the same. */
static void
secret_fill(struct flow_secret *secret)
{
	for (unsigned i = 0; i < array_length(secret->key); i++)
		secret->key[i] = 0x9e3779b97f4a7c15ull * (i + 1);
}

static int
memory_make(struct stages *s, uint32_t capacity)
{
	static const struct fragment_options fragments = {
		.timeout_ms = FRAGMENT_TIMEOUT_MS,
		.datagrams = FRAGMENT_DATAGRAMS,
		.held_packets = FRAGMENT_HELD,
		.per_source = FRAGMENT_PER_SOURCE,
	};
	const struct flow_table_options table = { .capacity = capacity,
						  .numa_node = -1,
						  .secret = s->secret };
	uint32_t slots;
	int error = flow_table_create(&table, &s->flows);

	if (error != 0)
		return error;
	slots = flow_slots(s->flows);
	s->lines = aligned_alloc(alignof(struct track_line), slots * sizeof(*s->lines));
	s->notes = calloc(slots, sizeof(*s->notes));
	s->due = calloc(slots, sizeof(*s->due));
	if (s->lines == NULL || s->notes == NULL || s->due == NULL)
		return -ENOMEM;
	return fragment_table_create(&fragments, &s->secret, &s->fragments);
}

int
stages_create(const struct stages_options *options, struct stages **out)
{
	struct stages *s = calloc(1, sizeof(*s));
	int error;

	if (s == NULL)
		return -ENOMEM;
	s->options = *options;
	secret_fill(&s->secret);
	error = memory_make(s, options->capacity);
	if (error != 0) {
		stages_destroy(s);
		return error;
	}
	*out = s;
	return 0;
}

void
stages_destroy(struct stages *s)
{
	flow_table_destroy(s->flows);
	fragment_table_destroy(s->fragments);
	free(s->lines);
	free(s->notes);
	free(s->due);
	free(s);
}

uint64_t
stages_bytes(uint32_t capacity)
{
	return flow_table_bytes(capacity) +
	       (uint64_t)flow_slots_for(capacity) *
		       (sizeof(struct track_line) + sizeof(struct flow_note) + sizeof(uint32_t));
}

uint64_t
stages_refused(const struct stages *s)
{
	return s->refused;
}

static void
decide(struct stages *s, void *name, const struct fate *fate)
{
	s->options.decided(s->options.context, name, fate);
}

/* A packet on its way to its flow. */
struct arrival {
	const struct packet *packet;
	const uint8_t *frame;
	const struct moment *time;
	struct flow_key key;
	unsigned direction;
	uint64_t hash;
};

/* Opens a flow, as flows_open() of a worker without bindings. */
static enum drop_reason
open_flow(struct stages *s, const struct arrival *a, uint32_t *index)
{
	const struct track_rules *rules = &s->options.rules;
	bool created;

	if (!follow_begins(rules, a->packet, a->frame, a->direction, stages_now_ms(s)))
		return DROP_TRACK_INVALID;
	if (follow_open(rules, s->flows, &a->key, a->hash, a->direction, 0, stages_now_ms(s), index,
			&created) != 0) {
		s->refused++;
		return DROP_FLOW_TABLE_FULL;
	}
	s->notes[*index] =
		(struct flow_note){ .id = ++s->last_id, .first = *a->time, .last = *a->time };
	return DROP_NONE;
}

/* An ICMP error changes nothing of the flow that it is about. */
static void
judge_error(const struct stages *s, const struct arrival *a, uint32_t index, struct fate *fate)
{
	fate->judged = true;
	fate->verdict = TRACK_INVALID;
	if (index != FLOW_NONE) {
		fate->verdict = track_error(flow_entry_at(s->flows, index),
					    follow_line(s->lines, index), a->packet, a->direction);
		fate->flow = s->notes[index].id;
	}
	if (index == FLOW_NONE || follow_refuses(&s->options.rules, fate->verdict))
		fate->drop = DROP_ICMP_UNRELATED;
}

/* A packet whose flow is found or made belongs to it. */
static void
judge(struct stages *s, const struct arrival *a, uint32_t index, struct fate *fate)
{
	struct flow_note *note;

	if (index == FLOW_NONE) {
		fate->drop = a->packet->kind == PACKET_LATER_FRAGMENT ? DROP_FRAGMENT_NO_FLOW
								      : open_flow(s, a, &index);
		fate->judged = fate->drop == DROP_TRACK_INVALID;
		fate->verdict = TRACK_INVALID;
	}
	if (fate->drop != DROP_NONE)
		return;
	note = &s->notes[index];
	(void)follow_packet(&s->options.rules, s->flows, s->lines, index, a->packet, a->frame,
			    a->direction, stages_now_ms(s), &fate->verdict);
	fate->judged = true;
	fate->flow = note->id;
	if (fate->verdict != TRACK_INVALID)
		note->last = *a->time;
	if (follow_refuses(&s->options.rules, fate->verdict))
		fate->drop = DROP_TRACK_INVALID;
}

/* From the flow stage on. */
static void
pass(struct stages *s, const struct packet *packet, const uint8_t *frame, const struct moment *time,
     void *name)
{
	struct arrival a = { .packet = packet, .frame = frame, .time = time };
	struct fate fate = { .drop = DROP_NONE };
	uint32_t index;

	a.direction = flow_key_canonical(&packet->key, &a.key);
	a.hash = flow_hash(&s->secret, &a.key);
	index = flow_lookup(s->flows, &a.key, a.hash);
	if (packet->kind == PACKET_ICMP_ERROR)
		judge_error(s, &a, index, &fate);
	else
		judge(s, &a, index, &fate);
	decide(s, name, &fate);
}

/* Of ARP, neighbour discovery and other messages to hosts there are no conversations. */
static bool
has_flow(uint8_t kind)
{
	return kind == PACKET_TRANSPORT || kind == PACKET_ICMP_QUERY || kind == PACKET_ICMP_ERROR ||
	       kind == PACKET_NO_PORTS;
}

static void
pass_by(struct stages *s, void *name)
{
	static const struct fate fate = { .judged = true, .verdict = TRACK_UNTRACKED };

	decide(s, name, &fate);
}

void
stages_fragment_ended(void *context, void *packet, const struct fragment_tuple *first,
		      enum drop_reason reason)
{
	struct stages *s = context;
	struct pending *pending = packet;
	struct packet *p = &pending->packet;

	if (reason != DROP_NONE) {
		decide(s, pending->name, &(struct fate){ .drop = reason });
	} else if (!has_flow(first->kind)) {
		pass_by(s, pending->name);
	} else {
		if (p->kind == PACKET_LATER_FRAGMENT) {
			p->key.port[0] = first->port[0];
			p->key.port[1] = first->port[1];
			p->key.proto = first->proto;
		}
		pass(s, p, pending->frame, &pending->time, pending->name);
	}
	free(pending);
}

static void
fragment_take(struct stages *s, const struct reading *r, void *name)
{
	const struct packet_fragment *part = &r->packet.more.fragment;
	struct pending *pending = calloc(1, sizeof(*pending));

	panic_unless(pending != NULL);
	*pending = (struct pending){
		.packet = r->packet, .frame = r->frame, .time = s->now, .name = name
	};

	const struct fragment f = { .key = r->packet.key,
				    .id = part->id,
				    .offset = part->offset,
				    .bytes = part->bytes,
				    .header_bytes = part->header_bytes,
				    .more = part->more,
				    .kind = r->packet.kind,
				    .packet = pending };

	fragment_put(s->fragments, &f, stages_now_ms(s), stages_fragment_ended, s);
}

void
stages_packet(struct stages *s, const struct reading *reading, void *packet)
{
	const struct packet *p = &reading->packet;

	if (p->facts & PACKET_FRAGMENT)
		fragment_take(s, reading, packet);
	else if (has_flow(p->kind))
		pass(s, p, reading->frame, &s->now, packet);
	else
		pass_by(s, packet);
}
