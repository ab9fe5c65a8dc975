/* SPDX-License-Identifier: BSD-3-Clause */
/* reading.c: puts captured packets to the parser as a worker does. */
#include "dataplane/replay/reading.h"

#include "dataplane/replay/device.h"

const char *const skip_names[SKIP_COUNT] = {
	[SKIP_LINK_TYPE] = "link_type",
	[SKIP_SNAP_LENGTH] = "snap_length",
};

/* Refusals that say no more than that bytes are missing: of a packet that the capture cut, they are
 * the capture's fault. */
static bool
drop_is_truncation(enum drop_reason reason)
{
	switch (reason) {
	case DROP_FRAME_TRUNCATED:
	case DROP_ARP_MALFORMED:
	case DROP_IPV4_TRUNCATED:
	case DROP_IPV6_TRUNCATED:
	case DROP_IPV6_EXT_TRUNCATED:
	case DROP_TCP_TRUNCATED:
	case DROP_UDP_TRUNCATED:
	case DROP_ICMP_TRUNCATED:
		return true;
	default:
		return false;
	}
}

static void
reading_skip(struct reading *r, enum reading_skip why)
{
	r->verdict = READING_SKIP;
	r->skip = why;
}

void
reading_make(const struct reading_options *options, int link_type, const struct captured *captured,
	     struct reading *out)
{
	const bool cut = captured->bytes_count < captured->wire_bytes;
	unsigned flags = options->checksum_ignore ? PARSE_CHECKSUM_IGNORE : 0;
	uint16_t vlan_tci = 0;
	uint32_t bytes;

	out->captured = *captured;
	out->link_type = link_type;
	if (!link_type_is_parsed(link_type)) {
		reading_skip(out, SKIP_LINK_TYPE);
		return;
	}
	bytes = link_frame(link_type, captured, out->frame);
	if (options->offload)
		flags |= device_receive(out->frame, &bytes, &vlan_tci);
	out->drop = parse_frame(out->frame, bytes, flags, vlan_tci, &out->packet);
	if (out->drop == DROP_NONE)
		out->verdict = READING_OK;
	else if (cut && drop_is_truncation(out->drop))
		reading_skip(out, SKIP_SNAP_LENGTH);
	else
		out->verdict = READING_DROP;
}
