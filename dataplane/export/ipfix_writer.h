/* SPDX-License-Identifier: BSD-3-Clause */
/* ipfix_writer.h: flows as IPFIX biflow records in messages (RFC 7011, RFC 5103), for a collector
 * or for a file (RFC 5655). Served by ipfix_writer.c, by libfixbuf, which writes to memory. One
 * thread at a time per writer. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "dataplane/flow/flow_record.h"

/* flowEndReason (RFC 5102 5.11.3). */
enum ipfix_end {
	IPFIX_END_IDLE = 1,
	IPFIX_END_ACTIVE = 2, /* it goes on: its counts are those since the record before */
	IPFIX_END_DETECTED = 3,
	IPFIX_END_FORCED = 4,
	IPFIX_END_NO_RESOURCES = 5,
};

/* The flow that `flow` tells of, or a part of it. */
struct ipfix_record {
	const struct flow_record *flow; /* its times and counts are not read */
	uint64_t start_ms, end_ms;      /* since 1970 */
	uint64_t packets[2], bytes[2];  /* [0]: original direction; IP bytes */
	uint32_t interface;             /* 0: not known */
	uint16_t vlan;                  /* 0: none */
	enum ipfix_end end;
};

/* Takes a message that is finished; it stays valid during the call. `records`: how many are in it,
 * templates not counted. Returns whether it was taken. */
typedef bool (*ipfix_emit_fn)(void *context, const uint8_t *message, size_t bytes,
			      uint32_t records);

struct ipfix_writer;

/* Begins a session of observation domain `domain` (RFC 7011 3.1): sequence numbers begin at 0, and
 * whoever reads knows no template yet. 0, or -ENOMEM. */
int
ipfix_writer_create(uint32_t domain, ipfix_emit_fn emit, void *context, struct ipfix_writer **out);
/* Forgets what waits. NULL is fine. */
void ipfix_writer_destroy(struct ipfix_writer *w);

/* Emits the templates, behind what waits. Whether they were taken. */
bool ipfix_writer_templates(struct ipfix_writer *w);
/* Puts a record into the message, which is emitted first when it is full. False: the record cannot
 * be written. */
bool ipfix_writer_put(struct ipfix_writer *w, const struct ipfix_record *record);
/* Emits what waits, if anything does. Whether it was taken. */
bool ipfix_writer_flush(struct ipfix_writer *w);
/* Records that wait. */
uint32_t ipfix_writer_waiting(const struct ipfix_writer *w);
/* The export time of messages that begin from now on, in seconds since 1970, not 0. Without this
 * call it is that of the clock. */
void ipfix_writer_time(struct ipfix_writer *w, uint32_t seconds);

/* The reason for what ended. Pure. */
enum ipfix_end ipfix_end_of(enum flow_end end);
