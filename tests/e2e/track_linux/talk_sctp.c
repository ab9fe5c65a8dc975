/* SPDX-License-Identifier: BSD-3-Clause */
/* talk_sctp.c: two endpoints of SCTP, step by step, and somebody who sends wrong packets. */
#include <string.h>

#include "common/base/bytes.h"
#include "tests/e2e/track_linux/talk.h"

#define COMMON_BYTES 12
#define CHUNK_BYTES  20

/* Chunk types (RFC 9260 3.2). */
enum {
	DATA = 0,
	INIT = 1,
	INIT_ACK = 2,
	SACK = 3,
	HEARTBEAT = 4,
	HEARTBEAT_ACK = 5,
	ABORT = 6,
	SHUTDOWN = 7,
	SHUTDOWN_ACK = 8,
	ERROR = 9,
	COOKIE_ECHO = 10,
	COOKIE_ACK = 11,
	SHUTDOWN_COMPLETE = 14
};

/* The life of an association: who sends what; the middle is `OPEN`. */
static const struct {
	uint8_t from, chunk;
} steps[] = {
	{ 0, INIT }, { 1, INIT_ACK }, { 0, COOKIE_ECHO },  { 1, COOKIE_ACK },
	{ 2, DATA }, { 0, SHUTDOWN }, { 1, SHUTDOWN_ACK }, { 0, SHUTDOWN_COMPLETE },
};
#define STEPS (sizeof(steps) / sizeof(steps[0]))
#define OPEN  4

void
talk_sctp_begin(struct talk *t, struct random *r)
{
	t->sctp_tag[0] = 1 + (uint32_t)(random_u64(r) >> 33);
	t->sctp_tag[1] = 1 + (uint32_t)(random_u64(r) >> 33);
	t->sctp_step = 0;
}

static void
chunk_write(const struct talk *t, unsigned from, uint8_t type, uint32_t tag,
	    struct talk_packet *out)
{
	uint8_t *at = talk_ip(t, from, COMMON_BYTES + CHUNK_BYTES, out);

	memset(at, 0, COMMON_BYTES + CHUNK_BYTES);
	be16_store(at, t->port[from]);
	be16_store(at + 2, t->port[!from]);
	be32_store(at + 4, tag);
	at[12] = type;
	if (type == DATA)
		at[13] = 3; /* a whole message */
	be16_store(at + 14, CHUNK_BYTES);
	if (type == INIT || type == INIT_ACK) {
		be32_store(at + 16, t->sctp_tag[from]);
		be32_store(at + 20, 65536);
		be16_store(at + 24, 1);
		be16_store(at + 26, 1);
	}
}

static void
wrong_next(const struct talk *t, struct random *r, struct talk_packet *out)
{
	static const uint8_t types[] = { DATA,      INIT,        INIT_ACK,   SACK,
					 HEARTBEAT, ABORT,       SHUTDOWN,   SHUTDOWN_ACK,
					 ERROR,     COOKIE_ECHO, COOKIE_ACK, SHUTDOWN_COMPLETE };
	const unsigned from = random_one_in(r, 2);
	const uint8_t type = types[random_below(r, sizeof(types))];
	uint32_t tag = type == INIT ? 0 : t->sctp_tag[!from];

	if (type != INIT && random_one_in(r, 2))
		tag = 1 + (uint32_t)(random_u64(r) >> 33);
	chunk_write(t, from, type, tag, out);
}

void
talk_sctp_next(struct talk *t, struct random *r, struct talk_packet *out)
{
	uint8_t type = steps[t->sctp_step].chunk;
	unsigned from = steps[t->sctp_step].from;

	if (random_one_in(r, 15)) {
		wrong_next(t, r, out);
		return;
	}
	if (t->sctp_step == OPEN) {
		static const uint8_t types[] = { DATA, DATA, SACK, SACK, HEARTBEAT, HEARTBEAT_ACK };

		from = random_one_in(r, 2);
		type = types[random_below(r, sizeof(types))];
	}
	chunk_write(t, from, type, type == INIT ? 0 : t->sctp_tag[!from], out);
	/* Lost on the way: the same once more. */
	if (random_one_in(r, 10))
		return;
	if (t->sctp_step == OPEN && !random_one_in(r, 10))
		return;
	if (++t->sctp_step == STEPS) {
		t->sctp_step = 0;
		t->over = true;
	}
}
