/* SPDX-License-Identifier: BSD-3-Clause */
/* tcp_options.c: the TCP options that tracking knows. */
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

#define OPTION_END            0
#define OPTION_NOP            1
#define OPTION_MSS            2
#define OPTION_SCALE          3
#define OPTION_SACK_PERMITTED 4
#define OPTION_SACK           5
#define OPTION_TIMESTAMP      8

#define SCALE_MAX             14u /* RFC 7323 2.3: larger ones count as this */
#define SACK_BLOCK_BYTES      8u
#define SACK_BLOCKS_MAX       4u

/* Notes one option of `length` bytes, that byte and the kind's included; false: the length is not
 * what its kind has. `offset` is the option's. */
static bool
option_note(const uint8_t *option, uint32_t offset, struct packet_tcp *t)
{
	const uint32_t length = option[1];

	switch (option[0]) {
	case OPTION_MSS: /* RFC 9293 3.2 */
		t->known |= TCP_HAS_MSS;
		t->mss = length == 4 ? be16_load(option + 2) : 0;
		return length == 4;
	case OPTION_SCALE:
		t->known |= TCP_HAS_SCALE;
		t->scale = length == 3 && option[2] < SCALE_MAX ? option[2] : SCALE_MAX;
		return length == 3;
	case OPTION_SACK_PERMITTED: /* RFC 2018 2 */
		t->known |= TCP_HAS_SACK_PERMITTED;
		return length == 2;
	case OPTION_SACK: /* RFC 2018 3 */
		t->known |= TCP_HAS_SACK;
		t->sack_offset = (uint16_t)(offset + 2);
		t->sack_blocks = (uint8_t)((length - 2) / SACK_BLOCK_BYTES);
		return (length - 2) % SACK_BLOCK_BYTES == 0 && t->sack_blocks >= 1 &&
		       t->sack_blocks <= SACK_BLOCKS_MAX;
	case OPTION_TIMESTAMP: /* RFC 7323 3.2 */
		if (length != 10)
			return false;
		t->known |= TCP_HAS_TIMESTAMP;
		t->timestamp = be32_load(option + 2);
		t->timestamp_echo = be32_load(option + 6);
		return true;
	default:
		return true; /* skipped (RFC 9293 3.1, MUST-6) */
	}
}

/* RFC 9293 3.1 (MUST-7): an illegal length must not harm; the segment is refused, since where the
 * next option starts is anybody's guess. Of an option that comes twice the last counts. */
enum drop_reason
tcp_options_walk(const uint8_t *tcp, uint32_t header, struct packet *p)
{
	struct packet_tcp t = { 0 };
	uint32_t at = TCP_BYTES;

	while (at < header && tcp[at] != OPTION_END) {
		if (tcp[at] == OPTION_NOP) {
			at++;
			continue;
		}
		if (header - at < 2 || tcp[at + 1] < 2 || tcp[at + 1] > header - at)
			return DROP_TCP_OPTIONS;
		if (!option_note(tcp + at, p->l4_offset + at, &t))
			return DROP_TCP_OPTIONS;
		at += tcp[at + 1];
	}
	if (t.known != 0) {
		p->more.tcp = t;
		p->facts |= PACKET_TCP_OPTIONS;
	}
	return DROP_NONE;
}
