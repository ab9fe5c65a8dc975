/* SPDX-License-Identifier: BSD-3-Clause */
/* print.c: one packet as one line of JSON. What a packet lacks has no key. */
#include <stdio.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/identity.h"
#include "dataplane/replay/reading.h"

#define TIME_BYTES 40

/* Six digits, and nine where the capture is finer than microseconds. */
static void
time_print(const struct captured *captured, struct json_line *line)
{
	char text[TIME_BYTES];

	if (captured->nanoseconds % 1000 == 0)
		snprintf(text, sizeof(text), "%llu.%06u", (unsigned long long)captured->seconds,
			 captured->nanoseconds / 1000);
	else
		snprintf(text, sizeof(text), "%llu.%09u", (unsigned long long)captured->seconds,
			 captured->nanoseconds);
	json_text(line, "ts", text);
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
family_print(uint8_t family, struct json_line *line)
{
	json_text(line, "l3", family == FAMILY_IPV4 ? "ipv4" : "ipv6");
}

static void
ports_print(uint16_t source, uint16_t destination, struct json_line *line)
{
	json_number(line, "sport", source);
	json_number(line, "dport", destination);
}

/* The addresses of an error are not in its key, which is that of what it quotes. */
static void
ip_print(const struct reading *r, struct json_line *line)
{
	const struct packet *p = &r->packet;
	const uint8_t *ip = r->frame + p->l3_offset;
	const bool ipv4 = ip[0] >> 4 == 4;
	const uint8_t family = ipv4 ? FAMILY_IPV4 : FAMILY_IPV6;
	const bool icmp = p->kind != PACKET_TRANSPORT;

	family_print(family, line);
	address_print("src", family, ip + (ipv4 ? 12 : 8), line);
	address_print("dst", family, ip + (ipv4 ? 16 : 24), line);
	json_number(line, "proto", !icmp ? p->key.proto : ipv4 ? PROTO_ICMP : PROTO_ICMPV6);
	if (!icmp)
		ports_print(p->key.port[0], p->key.port[1], line);
	json_text(line, "frag", "none");
	if (!icmp && p->key.proto == PROTO_TCP)
		tcp_flags_print(p->tcp_flags, line);
	if (!icmp)
		return;
	json_number(line, "icmp_type", p->icmp_type);
	json_number(line, "icmp_code", p->icmp_code);
}

/* What an ICMP error quotes, turned back to the direction in which it was sent. */
static void
quote_print(const struct packet *p, struct json_line *line)
{
	const struct flow_key *key = &p->key;

	json_open(line, "inner");
	family_print(key->family, line);
	address_print("src", key->family, key->addr[1], line);
	address_print("dst", key->family, key->addr[0], line);
	json_number(line, "proto", key->proto);
	if (key->proto == PROTO_TCP || key->proto == PROTO_UDP)
		ports_print(key->port[1], key->port[0], line);
	json_close(line);
}

static void
packet_print(const struct reading *r, struct json_line *line)
{
	const struct packet *p = &r->packet;

	if (p->vlan != 0)
		json_numbers(line, "vlan", &p->vlan, 1);
	if (p->kind == PACKET_ARP)
		json_text(line, "l3", "arp");
	else
		ip_print(r, line);
	if (p->kind == PACKET_ICMP_ERROR)
		quote_print(p, line);
}

static void
verdict_print(const struct reading *r, struct json_line *line)
{
	switch (r->verdict) {
	case READING_OK:
		json_text(line, "verdict", "ok");
		json_null(line, "reason");
		break;
	case READING_DROP:
		json_text(line, "verdict", "drop");
		json_text(line, "reason", drop_names[r->drop]);
		break;
	case READING_SKIP:
		json_text(line, "verdict", "skip");
		json_text(line, "reason", skip_names[r->skip]);
		break;
	}
}

void
reading_print(const struct reading *reading, const char *name, uint64_t n, struct json_line *line)
{
	json_open(line, NULL);
	if (name != NULL)
		json_foreign_text(line, "file", name);
	json_number(line, "n", n);
	time_print(&reading->captured, line);
	json_number(line, "link", (uint64_t)reading->link_type);
	if (reading->verdict == READING_OK)
		packet_print(reading, line);
	verdict_print(reading, line);
	json_close(line);
}
