/* SPDX-License-Identifier: BSD-3-Clause */
/* filter.c: reads filters of flows out of requests, and applies them. */
#include "control/filter.h"

#include <errno.h>
#include <string.h>

#include "common/base/identity.h"

static int
read_proto(const json_t *value, uint8_t *out)
{
	const char *text = json_string_value(value);

	if (value == NULL)
		return 0;
	if (text == NULL)
		return -EINVAL;
	if (strcmp(text, "icmp") == 0)
		*out = PROTO_ICMP;
	else if (strcmp(text, "icmpv6") == 0)
		*out = PROTO_ICMPV6;
	else
		*out = proto_parse(text);
	return *out != 0 ? 0 : -EINVAL;
}

int
filter_number(const json_t *value, json_int_t least, json_int_t most, json_int_t *out)
{
	if (value == NULL)
		return 0;
	if (!json_is_integer(value) || json_integer_value(value) < least ||
	    json_integer_value(value) > most)
		return -EINVAL;
	*out = json_integer_value(value);
	return 0;
}

int
filter_read(const json_t *request, struct flow_filter *out, const char **why)
{
	const json_t *address = json_object_get(request, "address");
	struct flow_filter f = { 0 };
	json_int_t port = 0;

	*why = "proto is \"tcp\", \"udp\", \"sctp\", \"udplite\", \"icmp\" or \"icmpv6\"";
	if (read_proto(json_object_get(request, "proto"), &f.proto) != 0)
		return -EINVAL;
	*why = "port is a number, 1 to 65535";
	if (filter_number(json_object_get(request, "port"), 1, UINT16_MAX, &port) != 0)
		return -EINVAL;
	*why = "address is an IPv4 or IPv6 address";
	if (address != NULL && (!json_is_string(address) ||
				address_parse(json_string_value(address), &f.address) != 0))
		return -EINVAL;
	f.port = (uint16_t)port;
	*out = f;
	return 0;
}

bool
filter_matches(const struct flow_filter *f, const struct flow_key *k)
{
	if (f->proto != 0 && f->proto != k->proto)
		return false;
	if (f->port != 0 && f->port != k->port[0] && f->port != k->port[1])
		return false;
	return f->address.family == FAMILY_ANY ||
	       (f->address.family == k->family &&
		(memcmp(f->address.bytes, k->addr[0], sizeof(k->addr[0])) == 0 ||
		 memcmp(f->address.bytes, k->addr[1], sizeof(k->addr[1])) == 0));
}
