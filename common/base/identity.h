/* SPDX-License-Identifier: BSD-3-Clause */
/* identity.h: a socket identity, as text and as a struct. Served by identity.c. */
#pragma once

#include "common/base/address.h"
#include "common/base/limits.h"

#define PROTO_ICMP    1
#define PROTO_IGMP    2
#define PROTO_IPIP    4
#define PROTO_TCP     6
#define PROTO_UDP     17
#define PROTO_6IN4    41
#define PROTO_GRE     47
#define PROTO_ICMPV6  58
#define PROTO_SCTP    132
#define PROTO_UDPLITE 136

/* (zone, protocol, local address, local port[, remote address, remote port]); each part exact, a
 * prefix or range, or any (design: "socket identity"). */
struct identity {
	struct prefix local;   /* FAMILY_ANY: any address of both families */
	struct address remote; /* only with `connected` */
	uint16_t port_first;   /* 1..65535; host order */
	uint16_t port_last;    /* >= port_first; 1..65535 means any port */
	uint16_t remote_port;  /* only with `connected`; 1..65535 */
	uint16_t zone;         /* 0..ZONES_MAX-1 */
	uint8_t proto;         /* one that proto_has_ports() */
	bool connected;
};

/* Reads
 *   PROTO/ADDRESS:PORT[@ZONE]   for example tcp/192.0.2.10:443, udp/[2001:db8::1]:domain,
 *                               udp/+:49152-65535, tcp/[2001:db8::]/32:http@7,
 *                               udp/198.51.100.0/24:*
 * where + stands for an asterisk, because C ends the comment there: any address of both families.
 * 0.0.0.0 and [::] without a length are any address of one family: length 0; their full length is
 * refused. An IPv6 prefix length may stand inside or after the brackets. Address bits past the
 * length are cleared.
 * PORT is a number, a first-last range, an asterisk, or a name of /etc/services for that protocol.
 * May read files; not for the packet path. On failure returns -EINVAL, leaves *out untouched and
 * points *why (if not NULL) at a constant sentence that says what is wrong and what would be right.
 */
int identity_parse(const char *text, struct identity *out, const char **why);

/* Writes the canonical text that identity_parse() reads back; connected ones get " -> REMOTE:PORT"
 * added, which it does not read. Returns `text`. */
const char *identity_format(const struct identity *identity, char text[IDENTITY_TEXT_BYTES]);

/* Whether sockets of the protocol have ports, and so can be bound. */
static inline bool
proto_has_ports(uint8_t proto)
{
	return proto == PROTO_TCP || proto == PROTO_UDP || proto == PROTO_SCTP ||
	       proto == PROTO_UDPLITE;
}

/* Reads "tcp", "udp", "sctp" or "udplite" in any case; 0 when it is none of them. */
uint8_t proto_parse(const char *text);
/* "tcp", "udp", "sctp", "udplite", "icmp", "icmpv6", or "proto-N" (constant or in `text`). */
const char *proto_name(uint8_t proto, char text[16]);

/* Name of /etc/services for a port, or "" (never NULL); copied to `name`. Reads files. */
const char *service_name(uint8_t proto, uint16_t port, char name[NAME_BYTES]);

/* RFC 6335 section 6: "well-known" 0-1023, "registered" 1024-49151, "dynamic" 49152-65535. */
const char *range_class(uint16_t port);
