/* SPDX-License-Identifier: BSD-3-Clause */
/* test_identity.c: socket identities, read and written; names of protocols and services. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "common/base/check.h"
#include "common/base/identity.h"

/* Goal: each form of the grammar is read to the right fields, and written back canonically.
 * Method: a table; what is written is read again and must give the same struct. */
Test(identity, reads_and_writes_each_form)
{
	static const struct {
		const char *in, *out;
		uint8_t proto, family, length;
		uint16_t first, last, zone;
	} cases[] = {
		{ "tcp/192.0.2.10:443", "tcp/192.0.2.10:443", PROTO_TCP, FAMILY_IPV4, 32, 443, 443,
		  0 },
		{ "udp/[2001:db8::1]:domain", "udp/[2001:db8::1]:53", PROTO_UDP, FAMILY_IPV6, 128,
		  53, 53, 0 },
		{ "udp/*:49152-65535", "udp/*:49152-65535", PROTO_UDP, FAMILY_ANY, 0, 49152, 65535,
		  0 },
		{ "tcp/*:http", "tcp/*:80", PROTO_TCP, FAMILY_ANY, 0, 80, 80, 0 },
		{ "udp/198.51.100.0/24:*", "udp/198.51.100.0/24:*", PROTO_UDP, FAMILY_IPV4, 24, 1,
		  65535, 0 },
		{ "tcp/[2001:db8::]/32:443@7", "tcp/[2001:db8::]/32:443@7", PROTO_TCP, FAMILY_IPV6,
		  32, 443, 443, 7 },
		{ "tcp/[2001:db8::/32]:443", "tcp/[2001:db8::]/32:443", PROTO_TCP, FAMILY_IPV6, 32,
		  443, 443, 0 },
		{ "tcp/[::]:80", "tcp/[::]:80", PROTO_TCP, FAMILY_IPV6, 0, 80, 80, 0 },
		{ "tcp/[::/0]:80", "tcp/[::]:80", PROTO_TCP, FAMILY_IPV6, 0, 80, 80, 0 },
		{ "tcp/[::]/0:80", "tcp/[::]:80", PROTO_TCP, FAMILY_IPV6, 0, 80, 80, 0 },
		{ "tcp/0.0.0.0:80", "tcp/0.0.0.0:80", PROTO_TCP, FAMILY_IPV4, 0, 80, 80, 0 },
		{ "tcp/0.0.0.0/0:80", "tcp/0.0.0.0:80", PROTO_TCP, FAMILY_IPV4, 0, 80, 80, 0 },
		{ "TCP/198.51.100.77/24:1-65535@4095", "tcp/198.51.100.0/24:*@4095", PROTO_TCP,
		  FAMILY_IPV4, 24, 1, 65535, 4095 },
		{ "Tcp/[2001:DB8:0:0::1/128]:http-alt@0", "tcp/[2001:db8::1]:8080", PROTO_TCP,
		  FAMILY_IPV6, 128, 8080, 8080, 0 },
		{ "udp/0.0.0.7/1:1-65535", "udp/0.0.0.0/1:*", PROTO_UDP, FAMILY_IPV4, 1, 1, 65535,
		  0 },
		{ "tcp/[::1/64]:80", "tcp/[::]/64:80", PROTO_TCP, FAMILY_IPV6, 64, 80, 80, 0 },
		{ "tcp/203.0.113.255/25:5-5", "tcp/203.0.113.128/25:5", PROTO_TCP, FAMILY_IPV4, 25,
		  5, 5, 0 },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		char text[IDENTITY_TEXT_BYTES];
		struct identity id, again;
		const char *why = "untouched";

		cr_assert(eq(int, identity_parse(cases[i].in, &id, &why), 0), "%s: %s", cases[i].in,
			  why);
		cr_assert(eq(u8, id.proto, cases[i].proto), "%s", cases[i].in);
		cr_assert(eq(u8, id.local.address.family, cases[i].family), "%s", cases[i].in);
		cr_assert(eq(u8, id.local.length, cases[i].length), "%s", cases[i].in);
		cr_assert(eq(u16, id.port_first, cases[i].first), "%s", cases[i].in);
		cr_assert(eq(u16, id.port_last, cases[i].last), "%s", cases[i].in);
		cr_assert(eq(u16, id.zone, cases[i].zone), "%s", cases[i].in);
		cr_assert(not(id.connected));
		cr_assert(eq(str, (char *)identity_format(&id, text), (char *)cases[i].out));
		cr_assert(eq(int, identity_parse(text, &again, NULL), 0), "%s", text);
		cr_assert(eq(int, memcmp(&id, &again, sizeof(id)), 0), "%s", text);
	}
}

/* Goal: each mistake is refused with a sentence of its own kind, and changes nothing.
 * Method: a table of mistakes with a word that the sentence must hold. */
Test(identity, refuses_each_mistake_in_words)
{
	static const struct {
		const char *text, *word;
	} cases[] = {
		{ "", "protocol" },
		{ "tcp", "protocol" },
		{ "192.0.2.10:443", "protocol" },
		{ "dccp/192.0.2.10:443", "protocol" },
		{ "/192.0.2.10:443", "protocol" },
		{ "tcp/", "address" },
		{ "tcp/:80", "address" },
		{ "tcp/192.0.2.10", "no port" },
		{ "tcp/192.0.2.10:", "no port" },
		{ "tcp/*", "no port" },
		{ "tcp/[::1]", "no port" },
		{ "tcp/[::1]80", "bracket" },
		{ "tcp/[::1", "bracket" },
		{ "tcp/[192.0.2.1]:80", "bracket" },
		{ "tcp/[]:80", "bracket" },
		{ "tcp/[*]:80", "bracket" },
		{ "tcp/[::1/64]/64:80", "bracket" },
		{ "tcp/[::1]/129:80", "bracket" },
		{ "tcp/2001:db8::1:80", "brackets" },
		{ "tcp/192.0.2.256:80", "address" },
		{ "tcp/192.0.2.0/33:80", "address" },
		{ "tcp/192.0.2.0/:80", "address" },
		{ "tcp/*/8:80", "address" },
		{ "tcp/+:80", "address" },
		{ "tcp/localhost:80", "address" },
		{ "tcp/0.0.0.0/32:80", "zero" },
		{ "tcp/[::]/128:80", "zero" },
		{ "tcp/*:0", "65535" },
		{ "tcp/*:65536", "65535" },
		{ "tcp/*:99999999999", "65535" },
		{ "tcp/*:-1", "65535" },
		{ "tcp/*:080", "65535" },
		{ "tcp/*:0-1", "65535" },
		{ "tcp/*:10-", "range" },
		{ "tcp/*:10-65536", "range" },
		{ "tcp/*:10-20-30", "range" },
		{ "tcp/*:20-10", "range" },
		{ "tcp/*:no-such-service", "services" },
		{ "tcp/*: 80", "services" },
		{ "tcp/*:80 ", "services" },
		{ "tcp/*:80@", "zone" },
		{ "tcp/*:80@4096", "zone" },
		{ "tcp/*:80@-1", "zone" },
		{ "tcp/*:80@1@2", "zone" },
		{ "tcp/*:80 -> 192.0.2.1:80", "services" },
	};
	char longest[1000];

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct identity id = { .port_first = 4711 };
		const char *why = NULL;

		cr_assert(eq(int, identity_parse(cases[i].text, &id, &why), -EINVAL), "%s",
			  cases[i].text);
		cr_assert(eq(u16, id.port_first, 4711), "%s", cases[i].text);
		cr_assert(ne(ptr, (void *)why, NULL), "%s", cases[i].text);
		cr_assert(strstr(why, cases[i].word) != NULL, "%s: %s", cases[i].text, why);
		cr_assert(eq(int, identity_parse(cases[i].text, &id, NULL), -EINVAL));
	}
	memset(longest, '1', sizeof(longest));
	memcpy(longest, "tcp/*:", 6);
	longest[sizeof(longest) - 1] = '\0';
	cr_assert(eq(int, identity_parse(longest, &(struct identity){ 0 }, NULL), -EINVAL));
}

/* Goal: a connected identity shows its other end; the longest one fits the text.
 * Method: format both families at full width. */
Test(identity, connected_shows_the_other_end)
{
	struct identity id = { .proto = PROTO_TCP,
			       .port_first = 40000,
			       .port_last = 40000,
			       .remote_port = 443,
			       .connected = true };
	char text[IDENTITY_TEXT_BYTES];

	cr_assert(eq(int, prefix_parse("192.0.2.10", &id.local), 0));
	cr_assert(eq(int, address_parse("198.51.100.1", &id.remote), 0));
	cr_assert(eq(str, (char *)identity_format(&id, text),
		     "tcp/192.0.2.10:40000 -> 198.51.100.1:443"));

	memset(id.local.address.bytes, 0xff, 16);
	memset(id.remote.bytes, 0xff, 16);
	id.local.address.family = id.remote.family = FAMILY_IPV6;
	id.local.length = 127;
	id.port_first = 65534;
	id.port_last = id.remote_port = 65535;
	id.zone = ZONES_MAX - 1;
	cr_assert(eq(str, (char *)identity_format(&id, text),
		     "tcp/[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]/127:65534-65535@4095 -> "
		     "[ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff]:65535"));
}

/* Goal: protocols, services and range classes have the names that people use.
 * Method: one of each, with both sides of every class boundary (RFC 6335 section 6). */
Test(identity, names)
{
	char text[16], name[NAME_BYTES];

	cr_assert(eq(u8, proto_parse("tcp"), PROTO_TCP));
	cr_assert(eq(u8, proto_parse("UDP"), PROTO_UDP));
	cr_assert(eq(u8, proto_parse("sctp"), PROTO_SCTP));
	cr_assert(eq(u8, proto_parse("UDPLite"), PROTO_UDPLITE));
	cr_assert(eq(u8, proto_parse("icmp"), 0));
	cr_assert(eq(u8, proto_parse(""), 0));
	cr_assert(eq(str, (char *)proto_name(PROTO_TCP, text), "tcp"));
	cr_assert(eq(str, (char *)proto_name(PROTO_UDP, text), "udp"));
	cr_assert(eq(str, (char *)proto_name(PROTO_ICMP, text), "icmp"));
	cr_assert(eq(str, (char *)proto_name(PROTO_ICMPV6, text), "icmpv6"));
	cr_assert(eq(str, (char *)proto_name(255, text), "proto-255"));

	cr_assert(eq(str, (char *)service_name(PROTO_UDP, 53, name), "domain"));
	cr_assert(eq(str, (char *)service_name(PROTO_TCP, 443, name), "https"));
	cr_assert(eq(str, (char *)service_name(PROTO_TCP, 65535, name), ""));

	cr_assert(eq(str, (char *)range_class(0), "well-known"));
	cr_assert(eq(str, (char *)range_class(1023), "well-known"));
	cr_assert(eq(str, (char *)range_class(1024), "registered"));
	cr_assert(eq(str, (char *)range_class(49151), "registered"));
	cr_assert(eq(str, (char *)range_class(49152), "dynamic"));
	cr_assert(eq(str, (char *)range_class(65535), "dynamic"));
}
