/* SPDX-License-Identifier: BSD-3-Clause */
/* print.c: one packet as one line of JSON. What a packet lacks has no key. */
#include <stdio.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/identity.h"
#include "dataplane/replay/reading.h"

const char *
moment_text(const struct moment *m, char text[MOMENT_BYTES])
{
	if (m->nanoseconds % 1000 == 0)
		snprintf(text, MOMENT_BYTES, "%lld.%06u", (long long)m->seconds,
			 m->nanoseconds / 1000);
	else
		snprintf(text, MOMENT_BYTES, "%lld.%09u", (long long)m->seconds, m->nanoseconds);
	return text;
}

/* In the order in which other tools print them: SYN and ACK are "SA". */
static void
tcp_flags_print(uint8_t flags, struct json_line *line)
{
	static const char letters[] = "FSRPAUEC";
	char text[sizeof(letters)];
	size_t used = 0;

	for (unsigned i = 0; i < sizeof(letters) - 1; i++)
		if (flags & (1u << i))
			text[used++] = letters[i];
	text[used] = '\0';
	json_text(line, "tcp_flags", text);
}

static void
address_print(const char *key, uint8_t family, const uint8_t *bytes, struct json_line *line)
{
	struct address address = { .family = family };
	char text[ADDRESS_TEXT_BYTES];

	memcpy(address.bytes, bytes, family == FAMILY_IPV4 ? 4 : 16);
	json_text(line, key, address_format(&address, text));
}

static void
ports_print(uint16_t source, uint16_t destination, struct json_line *line)
{
	json_number(line, "sport", source);
	json_number(line, "dport", destination);
}

/* The version and the addresses in the IP header at `ip`, all of which may be read. */
static void
header_print(const uint8_t *ip, struct json_line *line)
{
	const bool ipv4 = ip[0] >> 4 == 4;
	const uint8_t family = ipv4 ? FAMILY_IPV4 : FAMILY_IPV6;

	json_text(line, "l3", ipv4 ? "ipv4" : "ipv6");
	address_print("src", family, ip + (ipv4 ? 12 : 8), line);
	address_print("dst", family, ip + (ipv4 ? 16 : 24), line);
}

static bool
kind_is_icmp(uint8_t kind)
{
	return kind == PACKET_ICMP_QUERY || kind == PACKET_ICMP_ERROR || kind == PACKET_ICMP_ND ||
	       kind == PACKET_ICMP_OTHER;
}

/* IPv6 extension headers that the parser walks over: hop-by-hop, routing, fragment, authentication,
 * destination options. */
static bool
proto_is_extension(uint8_t proto)
{
	return proto == 0 || proto == 43 || proto == 44 || proto == 51 || proto == 60;
}

/* What an ICMP error quotes, turned back to the direction in which it was sent. */
static void
quote_print(const struct packet *p, struct json_line *line)
{
	const struct flow_key *key = &p->key;

	json_open(line, "inner");
	json_text(line, "l3", key->family == FAMILY_IPV4 ? "ipv4" : "ipv6");
	address_print("src", key->family, key->addr[1], line);
	address_print("dst", key->family, key->addr[0], line);
	json_number(line, "proto", key->proto);
	if (proto_has_ports(key->proto))
		ports_print(key->port[1], key->port[0], line);
	json_close(line);
}

static const char *
fragment_name(const struct packet *p)
{
	if ((p->facts & PACKET_FRAGMENT) == 0)
		return "none";
	return p->more.fragment.offset == 0 ? "first" : "later";
}

/* The IP packet that the parser describes. The addresses of an ICMP error are not in its key, which
 * is that of what it quotes. */
static void
ip_print(const struct reading *r, struct json_line *line)
{
	const struct packet *p = &r->packet;
	const uint8_t *ip = r->frame + p->l3_offset;
	const bool icmp = kind_is_icmp(p->kind);

	header_print(ip, line);
	/* Refused in the middle of IPv6's extension headers: what they lead to was not reached. */
	if (r->verdict != READING_OK && p->kind == 0 && proto_is_extension(p->key.proto))
		return;
	json_number(line, "proto",
		    !icmp             ? p->key.proto
		    : ip[0] >> 4 == 4 ? PROTO_ICMP
				      : PROTO_ICMPV6);
	if (p->kind == PACKET_TRANSPORT)
		ports_print(p->key.port[0], p->key.port[1], line);
	/* Of a refused packet it may not have been looked at. */
	if (r->verdict == READING_OK || p->kind != 0 || p->facts & PACKET_FRAGMENT)
		json_text(line, "frag", fragment_name(p));
	if (p->kind == PACKET_TRANSPORT && p->key.proto == PROTO_TCP &&
	    (r->verdict == READING_OK || p->tcp_flags != 0))
		tcp_flags_print(p->tcp_flags, line);
	if (!icmp)
		return;
	json_number(line, "icmp_type", p->icmp_type);
	json_number(line, "icmp_code", p->icmp_code);
	if (p->kind == PACKET_ICMP_ERROR && r->verdict == READING_OK)
		quote_print(p, line);
}

const char *const tunnel_names[TUNNEL_TYPES] = {
	[TUNNEL_VXLAN] = "vxlan", [TUNNEL_GENEVE] = "geneve", [TUNNEL_GRE] = "gre",
	[TUNNEL_IPIP] = "ipip",   [TUNNEL_6IN4] = "6in4",     [TUNNEL_GTPU] = "gtpu",
};

static void
tunnel_print(const struct reading *r, struct json_line *line)
{
	const struct packet_tunnel *tunnel = &r->packet.more.tunnel;

	header_print(r->frame + tunnel->outer_l3_offset, line);
	json_open(line, "inner");
	ip_print(r, line);
	json_close(line);
	json_open(line, "tunnel");
	json_text(line, "type", tunnel_names[tunnel->type]);
	if (tunnel->has_id)
		json_number(line, "id", tunnel->id);
	json_close(line);
}

static void
tags_print(const struct packet *p, struct json_line *line)
{
	const uint16_t ids[] = { p->vlan, p->more.vlan_inner };

	if (p->facts & PACKET_TAGGED)
		json_numbers(line, "vlan", ids, p->facts & PACKET_TAGGED_TWICE ? 2 : 1);
}

/* The last label of an MPLS stack with the number of labels, and the PPPoE session. */
static void
session_print(const struct packet *p, struct json_line *line)
{
	if (p->facts & PACKET_MPLS) {
		json_open(line, "mpls");
		json_number(line, "label", p->more.mpls_label);
		json_number(line, "labels", p->more.mpls_labels);
		json_close(line);
	}
	if (p->facts & PACKET_PPPOE)
		json_number(line, "pppoe", p->more.pppoe_session);
}

/* Of a refused packet, as much as was read before the fault. */
static void
packet_print(const struct reading *r, struct json_line *line)
{
	const struct packet *p = &r->packet;

	tags_print(p, line);
	session_print(p, line);
	if (p->l3_bytes == 0 && r->drop != DROP_ARP_MALFORMED)
		return;
	if (p->facts & PACKET_TUNNEL)
		tunnel_print(r, line);
	else if (p->key.family != 0)
		ip_print(r, line);
	else
		json_text(line, "l3", "arp");
}

void
verdict_print(enum drop_reason drop, struct json_line *line)
{
	json_text(line, "verdict", drop == DROP_NONE ? "ok" : "drop");
	if (drop == DROP_NONE)
		json_null(line, "reason");
	else
		json_text(line, "reason", drop_names[drop]);
}

void
reading_print(const struct reading *reading, const char *name, uint64_t n, struct json_line *line)
{
	char text[MOMENT_BYTES];

	json_open(line, NULL);
	if (name != NULL)
		json_foreign_text(line, "file", name);
	json_number(line, "n", n);
	json_text(line, "ts", moment_text(&reading->captured.time, text));
	json_number(line, "link", (uint64_t)reading->link_type);
	if (reading->verdict != READING_SKIP)
		packet_print(reading, line);
}

void
reading_print_end(const struct reading *reading, struct json_line *line)
{
	if (reading->verdict == READING_SKIP) {
		json_text(line, "verdict", "skip");
		json_text(line, "reason", skip_names[reading->skip]);
	} else {
		verdict_print(reading->verdict == READING_OK ? DROP_NONE : reading->drop, line);
	}
	json_close(line);
}
