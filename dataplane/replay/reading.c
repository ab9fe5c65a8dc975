/* SPDX-License-Identifier: BSD-3-Clause */
/* reading.c: puts captured packets to the parser as a worker does. */
#include "dataplane/replay/reading.h"

#include <string.h>

#include "common/base/identity.h"
#include "dataplane/replay/device.h"

const char *const skip_names[SKIP_COUNT] = {
	[SKIP_LINK_TYPE] = "link_type",
	[SKIP_SNAP_LENGTH] = "snap_length",
};

static void
reading_skip(struct reading *r, enum reading_skip why)
{
	r->verdict = READING_SKIP;
	r->skip = why;
}

static void
frame_read(struct reading *r, uint32_t bytes, unsigned flags, uint16_t vlan_tci)
{
	r->drop = parse_frame(r->frame, bytes, flags, vlan_tci, &r->packet);
	r->verdict = r->drop == DROP_NONE ? READING_OK : READING_DROP;
}

/* Whether all that this refusal was founded on lies within the first `kept` bytes: the fixed part
 * of the header that the walk stopped in. Lengths are compared with the packet's on the wire. */
static bool
refusal_is_seen(const struct reading *r, uint32_t kept)
{
	const struct packet *p = &r->packet;
	uint32_t fixed;

	if (r->drop == DROP_ETHERTYPE_UNKNOWN || r->drop == DROP_LLC)
		return kept >= p->l3_offset;
	if (p->l3_bytes != 0 && p->key.family != 0 && p->l4_offset > p->l3_offset) {
		fixed = p->key.proto == PROTO_TCP ? TCP_BYTES : UDP_BYTES;
		return kept >= p->l4_offset + fixed;
	}
	return kept >= p->l3_offset + (r->frame[p->l3_offset] >> 4 == 4 ? IPV4_BYTES : IPV6_BYTES);
}

/* Reads a packet of which the capture kept the first `kept` bytes of `bytes`: once with zeros and
 * once with ones for the rest. What is told alike does not depend on what nobody saw. */
static void
cut_frame_read(struct reading *r, uint32_t kept, uint32_t bytes, unsigned flags, uint16_t vlan_tci)
{
	static struct json_line zeros, ones;
	enum drop_reason drop;

	flags |= PARSE_CHECKSUM_IGNORE;
	memset(r->frame + kept, 0xff, bytes - kept);
	frame_read(r, bytes, flags, vlan_tci);
	reading_print(r, NULL, 0, &ones);
	reading_print_end(r, &ones);
	drop = r->drop;
	memset(r->frame + kept, 0, bytes - kept);
	frame_read(r, bytes, flags, vlan_tci);
	reading_print(r, NULL, 0, &zeros);
	reading_print_end(r, &zeros);
	if (zeros.used != ones.used || memcmp(zeros.text, ones.text, ones.used) != 0)
		reading_skip(r, SKIP_SNAP_LENGTH);
	else if (drop != DROP_NONE && !refusal_is_seen(r, kept))
		reading_skip(r, SKIP_SNAP_LENGTH);
}

void
reading_make(const struct reading_options *options, int link_type, const struct captured *captured,
	     struct reading *out)
{
	unsigned flags = options->tunnels | (options->checksum_ignore ? PARSE_CHECKSUM_IGNORE : 0) |
			 (options->source_any ? PARSE_SOURCE_ANY : 0);
	uint32_t kept, bytes;
	uint16_t vlan_tci = 0;

	out->captured = *captured;
	out->link_type = link_type;
	if (!link_type_is_parsed(link_type)) {
		reading_skip(out, SKIP_LINK_TYPE);
		return;
	}
	kept = link_frame(link_type, captured, out->frame);
	if (options->offload)
		flags |= device_receive(out->frame, &kept, &vlan_tci);
	bytes = kept + captured->wire_bytes - captured->bytes_count;
	if (bytes > FRAME_BYTES_MAX || bytes < kept)
		bytes = FRAME_BYTES_MAX;
	if (bytes == kept)
		frame_read(out, bytes, flags, vlan_tci);
	else if (kept < ETHERNET_BYTES)
		reading_skip(out, SKIP_SNAP_LENGTH);
	else
		cut_frame_read(out, kept, bytes, flags, vlan_tci);
	/* LLC is refused, but of a packet inside SNAP it can be shown what it is. */
	if (out->verdict == READING_DROP && out->drop == DROP_LLC &&
	    link_snap_remove(out->frame, &kept, out->packet.l3_offset))
		parse_frame(out->frame, kept, flags, vlan_tci, &out->packet);
}
