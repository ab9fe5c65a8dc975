/* SPDX-License-Identifier: BSD-3-Clause */
/* sctp.c: the SCTP step of the walk: common header, checksum, chunk types, tags. */
#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

#define INIT_BYTES  20 /* of an INIT or INIT ACK chunk, parameters not included (RFC 9260 3.3.2) */
#define CHUNK_OTHER 15 /* of p->sctp_chunks: a type beyond those named there */

static bool
chunk_must_be_alone(uint8_t type)
{
	return type == SCTP_INIT || type == SCTP_INIT_ACK || type == SCTP_COMPLETE;
}

/* Notes the chunk at `chunk` of `length` >= 4 bytes. */
static enum drop_reason
chunk_note(const uint8_t *chunk, uint32_t length, struct packet *p)
{
	p->sctp_chunks |= (uint16_t)(1u << (chunk[0] < CHUNK_OTHER ? chunk[0] : CHUNK_OTHER));
	if (chunk[0] != SCTP_INIT && chunk[0] != SCTP_INIT_ACK)
		return DROP_NONE;
	if (length < INIT_BYTES)
		return DROP_SCTP_CHUNK;
	p->sctp_init_tag = be32_load(chunk + 4);
	/* RFC 9260 3.3.2, 3.3.3: never 0. */
	return p->sctp_init_tag == 0 ? DROP_SCTP_TAG : DROP_NONE;
}

/* Walks the chunks in [chunk, end). What comes after SCTP_CHUNKS_MAX is left to the application. */
static enum drop_reason
chunks_walk(const uint8_t *chunk, const uint8_t *end, struct packet *p)
{
	bool alone = false;

	for (unsigned i = 0; chunk < end && i < SCTP_CHUNKS_MAX; i++) {
		const uint32_t room = (uint32_t)(end - chunk);
		enum drop_reason reason;
		uint32_t length;

		if (room < SCTP_CHUNK_BYTES)
			return DROP_SCTP_CHUNK;
		length = be16_load(chunk + 2);
		if (length < SCTP_CHUNK_BYTES || length > room)
			return DROP_SCTP_CHUNK;
		if (alone || (i > 0 && chunk_must_be_alone(chunk[0])))
			return DROP_SCTP_BUNDLE;
		alone = chunk_must_be_alone(chunk[0]);
		reason = chunk_note(chunk, length, p);
		if (reason != DROP_NONE)
			return reason;
		/* Padded to 4 bytes, the last one perhaps not. */
		length = (length + 3) & ~3u;
		chunk += length < room ? length : room;
	}
	return DROP_NONE;
}

enum drop_reason
sctp_walk(struct walk *w)
{
	struct packet *p = w->p;
	const uint8_t *sctp = w->frame + p->l4_offset;
	const uint32_t room = walk_l4_bytes(p);
	enum drop_reason reason;

	if (room < SCTP_BYTES + SCTP_CHUNK_BYTES)
		return walk_is_fragment(p) ? DROP_FRAGMENT_HEADERS : DROP_SCTP_TRUNCATED;
	ports_note(w, SCTP_BYTES);
	p->sctp_tag = be32_load(sctp + 4);
	if (walk_l4_checksum_due(w->flags) && sctp_checksum(sctp, room) != le32_load(sctp + 8))
		return DROP_SCTP_CHECKSUM;
	reason = ports_check(p);
	if (reason != DROP_NONE)
		return reason;
	/* The chunks of a first fragment may end in the next one. */
	if (walk_is_fragment(p))
		return DROP_NONE;
	reason = chunks_walk(sctp + SCTP_BYTES, sctp + room, p);
	if (reason != DROP_NONE)
		return reason;
	return (p->sctp_tag == 0) == (sctp[SCTP_BYTES] == SCTP_INIT) ? DROP_NONE : DROP_SCTP_TAG;
}
