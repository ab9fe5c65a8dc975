/* SPDX-License-Identifier: BSD-3-Clause */
/* parse.c: the ways into the walk: a frame, or an IP packet alone. */
#include "dataplane/parse/parse.h"

#include "common/base/wire.h"
#include "dataplane/parse/walk.h"

/* Offsets are 16 bits wide: what lies behind is not read, and lengths that reach there are refused
 * as truncated. */
#define VIEW_BYTES_MAX 65535u

static struct walk
walk_begin(const uint8_t *data, uint32_t bytes, unsigned flags, struct packet *out)
{
	/* The second line is written with its facts. */
	memset(out, 0, offsetof(struct packet, more));
	return (struct walk){ .frame = data,
			      .end = bytes < VIEW_BYTES_MAX ? bytes : VIEW_BYTES_MAX,
			      .flags = flags,
			      .p = out };
}

enum drop_reason
walk_frame(const uint8_t *frame, uint32_t bytes, unsigned flags, uint16_t vlan_tci,
	   struct packet *out)
{
	struct walk w = walk_begin(frame, bytes, flags, out);
	unsigned tags = 0;

	if (flags & PARSE_VLAN_STRIPPED) {
		out->vlan = vlan_tci & VLAN_ID_MASK;
		out->facts = PACKET_TAGGED;
		tags = 1;
	}
	return link_walk(&w, 0, tags);
}

enum drop_reason
parse_ip(const uint8_t *ip, uint32_t bytes, unsigned flags, struct packet *out)
{
	struct walk w = walk_begin(ip, bytes, flags, out);

	/* An empty packet, and one of another version, is refused as IPv4. */
	if (w.end > 0 && ip[0] >> 4 == 6)
		return ipv6_walk(&w);
	return ipv4_walk(&w);
}
