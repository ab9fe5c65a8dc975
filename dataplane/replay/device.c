/* SPDX-License-Identifier: BSD-3-Clause */
/* device.c: a nic's receive offloads in software. It vouches only for what it verified; packets
 * that it does not understand reach the parser as they are. */
#include "dataplane/replay/device.h"

#include <stdbool.h>
#include <string.h>

#include "common/base/identity.h"
#include "common/base/wire.h"
#include "dataplane/parse/parse.h"

struct device_view {
	const uint8_t *ip;
	const uint8_t *l4;
	uint32_t l4_bytes;
	uint8_t proto;
};

static bool
tag_is_vlan(const uint8_t *type)
{
	const uint16_t number = be16_load(type);

	return number == ETHERTYPE_NUM_VLAN || number == ETHERTYPE_NUM_QINQ ||
	       number == ETHERTYPE_NUM_QINQ_9;
}

/* Plain sum of 16-bit words; 65535 bytes do not overflow it. */
static uint32_t
words_sum(const uint8_t *data, uint32_t bytes, uint32_t sum)
{
	for (; bytes >= 2; bytes -= 2, data += 2)
		sum += be16_load(data);
	return bytes != 0 ? sum + ((uint32_t)*data << 8) : sum;
}

static bool
sum_is_good(uint32_t sum)
{
	while (sum > 0xffff)
		sum = (sum & 0xffff) + (sum >> 16);
	return sum == 0xffff;
}

/* Finds the whole datagram's transport header. False: the device looks no further. */
static bool
ipv4_view(const uint8_t *ip, uint32_t room, struct device_view *view, bool *header_good)
{
	uint32_t header, total;

	*header_good = false;
	if (room < IPV4_BYTES || ip[0] >> 4 != 4)
		return false;
	header = (ip[0] & 0x0fu) * 4;
	total = be16_load(ip + 2);
	if (header < IPV4_BYTES || total < header || room < total)
		return false;
	*header_good = sum_is_good(words_sum(ip, header, 0));
	*view = (struct device_view){ ip, ip + header, total - header, ip[9] };
	return (be16_load(ip + 6) & 0x3fffu) == 0;
}

static bool
ipv6_view(const uint8_t *ip, uint32_t room, struct device_view *view)
{
	if (room < IPV6_BYTES || ip[0] >> 4 != 6 || room - IPV6_BYTES < be16_load(ip + 4))
		return false;
	*view = (struct device_view){ ip, ip + IPV6_BYTES, be16_load(ip + 4), ip[6] };
	return true;
}

static bool
transport_is_good(const struct device_view *view)
{
	const bool ipv4 = view->ip[0] >> 4 == 4;
	uint32_t sum = view->proto + view->l4_bytes;

	if (view->proto == PROTO_TCP) {
		if (view->l4_bytes < TCP_BYTES)
			return false;
	} else if (view->proto == PROTO_UDP) {
		if (view->l4_bytes < UDP_BYTES || be16_load(view->l4 + 4) != view->l4_bytes ||
		    be16_load(view->l4 + 6) == 0)
			return false;
	} else {
		return false;
	}
	sum = words_sum(view->ip + (ipv4 ? 12 : 8), ipv4 ? 8 : 32, sum);
	return sum_is_good(words_sum(view->l4, view->l4_bytes, sum));
}

unsigned
device_receive(uint8_t *frame, uint32_t *bytes, uint16_t *vlan_tci)
{
	const uint32_t macs = ETHERNET_BYTES - 2;
	struct device_view view;
	bool header_good = false, whole = false;
	unsigned flags = 0;
	uint16_t type;

	if (*bytes >= ETHERNET_BYTES + VLAN_TAG_BYTES && tag_is_vlan(frame + macs)) {
		*vlan_tci = be16_load(frame + ETHERNET_BYTES);
		*bytes -= VLAN_TAG_BYTES;
		memmove(frame + macs, frame + macs + VLAN_TAG_BYTES, *bytes - macs);
		flags |= PARSE_VLAN_STRIPPED;
	}
	if (*bytes < ETHERNET_BYTES)
		return flags;
	type = be16_load(frame + macs);
	if (type == ETHERTYPE_NUM_IPV4)
		whole = ipv4_view(frame + ETHERNET_BYTES, *bytes - ETHERNET_BYTES, &view,
				  &header_good);
	else if (type == ETHERTYPE_NUM_IPV6)
		whole = ipv6_view(frame + ETHERNET_BYTES, *bytes - ETHERNET_BYTES, &view);
	if (header_good)
		flags |= PARSE_L3_CHECKSUM_GOOD;
	if (whole && transport_is_good(&view))
		flags |= PARSE_L4_CHECKSUM_GOOD;
	return flags;
}
