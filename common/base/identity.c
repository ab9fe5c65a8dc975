/* SPDX-License-Identifier: BSD-3-Clause */
/* identity.c: socket identities from text and to text; names of protocols, services, ranges. */
#include "common/base/identity.h"

#include <arpa/inet.h>
#include <assert.h>
#include <errno.h>
#include <netdb.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

/* What the reentrant /etc/services calls may use for one entry with its aliases. */
#define SERVICE_ENTRY_BYTES 2048

/* Each *_read takes one part of the text, already cut out, and returns NULL or the sentence that
 * says what is wrong and what would be right. */

/* Reads a decimal from `first` to `last` without sign or needless zeros. */
static bool
number_read(const char *text, unsigned first, unsigned last, uint16_t *out)
{
	const size_t digits = strspn(text, "0123456789");
	unsigned value = 0;

	if (digits == 0 || digits > 5 || text[digits] != '\0' || (text[0] == '0' && digits > 1))
		return false;
	for (size_t i = 0; i < digits; i++)
		value = value * 10 + (unsigned)(text[i] - '0');
	if (value < first || value > last)
		return false;
	*out = (uint16_t)value;
	return true;
}

static bool
service_read(const char *text, uint8_t proto, uint16_t *out)
{
	char buffer[SERVICE_ENTRY_BYTES], name[16];
	struct servent entry, *found = NULL;
	uint16_t port;

	if (getservbyname_r(text, proto_name(proto, name), &entry, buffer, sizeof(buffer),
			    &found) != 0 ||
	    found == NULL)
		return false;
	port = ntohs((uint16_t)found->s_port);
	if (port == 0)
		return false;
	*out = port;
	return true;
}

static const char *
ports_read(char *text, struct identity *id)
{
	char *dash;

	if (text[0] == '\0')
		return "no port; write a number, a first-last range, * or a service name";
	if (strcmp(text, "*") == 0) {
		id->port_first = 1;
		id->port_last = 65535;
		return NULL;
	}
	/* Service names may hold digits and hyphens too, but never nothing else. */
	if (text[strspn(text, "0123456789-")] != '\0') {
		if (!service_read(text, id->proto, &id->port_first))
			return "port name is not in /etc/services for this protocol; "
			       "write a number from 1 to 65535";
		id->port_last = id->port_first;
		return NULL;
	}
	dash = strchr(text, '-');
	if (dash != NULL)
		*dash = '\0';
	if (!number_read(text, 1, 65535, &id->port_first))
		return "port is not a number from 1 to 65535";
	id->port_last = id->port_first;
	if (dash == NULL)
		return NULL;
	if (!number_read(dash + 1, 1, 65535, &id->port_last))
		return "the range's last port is not a number from 1 to 65535";
	if (id->port_last < id->port_first)
		return "the range's last port is below its first; write FIRST-LAST";
	return NULL;
}

/* Applies what an identity means by an address: zero without a length is any address of its
 * family, and bits past the length say nothing. */
static const char *
local_normalize(bool has_length, struct prefix *local)
{
	static const uint8_t zero[16];
	const unsigned full = local->address.family == FAMILY_IPV4 ? 32 : 128;

	if (memcmp(local->address.bytes, zero, sizeof(zero)) == 0 && local->length == full) {
		if (has_length)
			return "the zero address is nobody's alone; without a length it means any "
			       "address";
		local->length = 0;
	}
	address_mask(&local->address, local->length);
	return NULL;
}

/* Reads "ADDRESS[/LENGTH]" of `family`. */
static const char *
local_read(const char *text, uint8_t family, struct prefix *local)
{
	if (prefix_parse(text, local) != 0 || local->address.family != family)
		return family == FAMILY_IPV4 ? "address is not *, a dotted IPv4 address or prefix "
					       "(192.0.2.0/24), or IPv6 in brackets"
					     : "the brackets do not hold an IPv6 address or prefix";
	return local_normalize(strchr(text, '/') != NULL, local);
}

/* Reads "[IPV6]", "[IPV6/LENGTH]" or "[IPV6]/LENGTH" at `text`; *end becomes what follows. */
static const char *
bracket_read(char *text, struct prefix *local, char **end)
{
	char joined[IDENTITY_TEXT_BYTES];
	char *close = strchr(text, ']'), *after;

	if (close == NULL)
		return "the bracket of the IPv6 address is not closed; write [ADDRESS]:PORT";
	*close = '\0';
	after = close + 1;
	after += strcspn(after, ":");
	*end = after;
	if (after > close + 1 && close[1] != '/')
		return "only a /length or a colon and the port may follow the bracket";
	/* A second length makes a second slash, which no prefix has. */
	snprintf(joined, sizeof(joined), "%s%.*s", text + 1, (int)(after - close - 1), close + 1);
	return local_read(joined, FAMILY_IPV6, local);
}

/* Reads the address at `text`; *end becomes what follows it. */
static const char *
address_read(char *text, struct prefix *local, char **end)
{
	char address[IDENTITY_TEXT_BYTES];
	const size_t bytes = strcspn(text, ":");

	if (text[0] == '[')
		return bracket_read(text, local, end);
	*end = text + bytes;
	snprintf(address, sizeof(address), "%.*s", (int)bytes, text);
	if (strcmp(address, "*") == 0) {
		*local = (struct prefix){ .address = { .family = FAMILY_ANY } };
		return NULL;
	}
	if (text[bytes] == ':' && strchr(text + bytes + 1, ':') != NULL)
		return "more than one colon; write an IPv6 address in brackets: [2001:db8::1]:443";
	return local_read(address, FAMILY_IPV4, local);
}

/* Takes `text`, a private copy, apart. */
static const char *
identity_read(char *text, struct identity *id)
{
	char *slash = strchr(text, '/'), *end, *at;
	const char *wrong;

	if (slash == NULL)
		return "no protocol; write PROTO/ADDRESS:PORT, as in tcp/192.0.2.10:443";
	*slash = '\0';
	id->proto = proto_parse(text);
	if (id->proto == 0)
		return "protocol is none of tcp, udp, sctp and udplite";
	wrong = address_read(slash + 1, &id->local, &end);
	if (wrong != NULL)
		return wrong;
	if (*end != ':')
		return "no port; write ADDRESS:PORT, as in 192.0.2.10:443";
	at = strchr(end, '@');
	if (at != NULL) {
		*at = '\0';
		if (!number_read(at + 1, 0, ZONES_MAX - 1, &id->zone))
			return "zone is not a number from 0 to 4095";
	}
	return ports_read(end + 1, id);
}
static_assert(ZONES_MAX == 4096, "the sentence above names the largest zone");

int
identity_parse(const char *text, struct identity *out, const char **why)
{
	char copy[IDENTITY_TEXT_BYTES];
	const size_t bytes = strnlen(text, sizeof(copy));
	const char *wrong = "longer than any socket identity; write PROTO/ADDRESS:PORT[@ZONE]";
	struct identity id;

	/* The padding too: identities are copied between processes. */
	memset(&id, 0, sizeof(id));
	if (bytes < sizeof(copy)) {
		memcpy(copy, text, bytes + 1);
		wrong = identity_read(copy, &id);
	}
	if (wrong != NULL) {
		if (why != NULL)
			*why = wrong;
		return -EINVAL;
	}
	*out = id;
	return 0;
}

/* Writes "ADDRESS" with brackets where a port follows an IPv6 address. */
static void
endpoint_format(const struct address *address, char text[ADDRESS_TEXT_BYTES + 2])
{
	char plain[ADDRESS_TEXT_BYTES];
	const bool brackets = address->family == FAMILY_IPV6;

	address_format(address, plain);
	snprintf(text, ADDRESS_TEXT_BYTES + 2, "%s%s%s", brackets ? "[" : "", plain,
		 brackets ? "]" : "");
}

/* Writes "/LENGTH" where the length says more than the address alone does. */
static void
length_format(const struct prefix *p, char text[8])
{
	static const uint8_t zero[16];
	const unsigned full = p->address.family == FAMILY_IPV4 ? 32 : 128;
	const bool any = p->length == 0 && memcmp(p->address.bytes, zero, sizeof(zero)) == 0;

	text[0] = '\0';
	if (p->address.family != FAMILY_ANY && p->length != full && !any)
		snprintf(text, 8, "/%u", p->length);
}

const char *
identity_format(const struct identity *identity, char text[IDENTITY_TEXT_BYTES])
{
	char local[ADDRESS_TEXT_BYTES + 2], length[8], ports[16], zone[8] = "", name[16];
	char remote[ADDRESS_TEXT_BYTES + 2], connected[ADDRESS_TEXT_BYTES + 16] = "";

	endpoint_format(&identity->local.address, local);
	length_format(&identity->local, length);
	if (identity->port_first == 1 && identity->port_last == 65535)
		snprintf(ports, sizeof(ports), "*");
	else if (identity->port_first == identity->port_last)
		snprintf(ports, sizeof(ports), "%u", identity->port_first);
	else
		snprintf(ports, sizeof(ports), "%u-%u", identity->port_first, identity->port_last);
	if (identity->zone != 0)
		snprintf(zone, sizeof(zone), "@%u", identity->zone);
	if (identity->connected) {
		endpoint_format(&identity->remote, remote);
		snprintf(connected, sizeof(connected), " -> %s:%u", remote, identity->remote_port);
	}
	snprintf(text, IDENTITY_TEXT_BYTES, "%s/%s%s:%s%s%s", proto_name(identity->proto, name),
		 local, length, ports, zone, connected);
	return text;
}

uint8_t
proto_parse(const char *text)
{
	if (strcasecmp(text, "tcp") == 0)
		return PROTO_TCP;
	if (strcasecmp(text, "udp") == 0)
		return PROTO_UDP;
	if (strcasecmp(text, "sctp") == 0)
		return PROTO_SCTP;
	return strcasecmp(text, "udplite") == 0 ? PROTO_UDPLITE : 0;
}

const char *
proto_name(uint8_t proto, char text[16])
{
	switch (proto) {
	case PROTO_TCP:
		return "tcp";
	case PROTO_UDP:
		return "udp";
	case PROTO_SCTP:
		return "sctp";
	case PROTO_UDPLITE:
		return "udplite";
	case PROTO_ICMP:
		return "icmp";
	case PROTO_ICMPV6:
		return "icmpv6";
	default:
		snprintf(text, 16, "proto-%u", proto);
		return text;
	}
}

const char *
service_name(uint8_t proto, uint16_t port, char name[NAME_BYTES])
{
	char buffer[SERVICE_ENTRY_BYTES], proto_text[16];
	struct servent entry, *found = NULL;

	name[0] = '\0';
	if (getservbyport_r(htons(port), proto_name(proto, proto_text), &entry, buffer,
			    sizeof(buffer), &found) == 0 &&
	    found != NULL)
		snprintf(name, NAME_BYTES, "%s", found->s_name);
	return name;
}

const char *
range_class(uint16_t port)
{
	if (port < 1024)
		return "well-known";
	return port < 49152 ? "registered" : "dynamic";
}
