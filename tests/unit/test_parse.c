/* SPDX-License-Identifier: BSD-3-Clause */
/* test_parse.c: every rule of the parser: what passes, what is refused, and under which name. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/limits.h"
#include "dataplane/parse/parse.h"
#include "tests/unit/frames.h"

enum sample {
	TCP4,
	TCP4_VLAN,
	TCP4_OPTIONS, /* IPv4 options: no-operation, record route, end */
	UDP4,
	UDP4_EMPTY,
	ECHO4,
	TIMESTAMP4,
	ERROR4, /* quotes a UDP packet of B to A */
	OTHER4, /* redirect */
	TCP6,
	TCP6_QINQ,
	UDP6,
	UDP6_CHAIN, /* hop-by-hop, destination, routing, authentication, atomic fragment */
	ECHO6,
	ERROR6, /* quotes an echo request of B to A behind a destination header */
	ND6,
	OTHER6, /* listener report */
	ARP,
	SAMPLES
};

/* B asks A: the packet that errors quote, cut off after 8 bytes of UDP, or of ICMPv6. */
static const uint8_t quote4[28] = {
	0x45, 0, 0x05, 0xdc, 0, 0, 0x40, 0,    64, 17, 0, 0,    0xc6, 0x33,
	0x64, 2, 192,  0,    2, 1, 0x9c, 0x40, 0,  53, 5, 0xc8, 0,    0,
};
static const uint8_t quote6[56] = {
	0x60, 0, 0, 0, 0, 24, 60,  64, 0x20, 0x01, 0x0d, 0xb8, 0,    0,
	0,    0, 0, 0, 0, 0,  0,   0,  0,    0x0b, 0x20, 0x01, 0x0d, 0xb8,
	0,    0, 0, 0, 0, 0,  0,   0,  0,    0,    0,    0x0a, 58,   0,
	1,    4, 0, 0, 0, 0,  128, 0,  0,    0,    0x12, 0x34, 0,    1,
};

static void
sample_ipv4(struct frame *f, enum sample s)
{
	frame_ethernet(f, s == TCP4_VLAN, 0x0800);
	switch (s) {
	case TCP4:
	case TCP4_VLAN:
		frame_ipv4(f, 6, "", 0);
		frame_tcp(f, 40000, 443, 0x18, 5);
		break;
	case TCP4_OPTIONS:
		frame_ipv4(f, 6, "\x01\x07\x07\x04\0\0\0\0\x01\x01\0\xff", 12);
		frame_tcp(f, 40000, 443, 0x02, 0);
		break;
	case UDP4:
		frame_ipv4(f, 17, "", 0);
		frame_udp(f, 40000, 53, 7);
		break;
	case UDP4_EMPTY:
		frame_ipv4(f, 17, "", 0);
		frame_udp(f, 40000, 53, 0);
		break;
	case ECHO4:
		frame_ipv4(f, 1, "", 0);
		frame_icmp(f, 8, 0, 0x12340001, "ping", 4);
		break;
	case TIMESTAMP4:
		frame_ipv4(f, 1, "", 0);
		frame_icmp(f, 13, 0, 0x12340001, "0123456789ab", 12);
		break;
	case ERROR4:
		frame_ipv4(f, 1, "", 0);
		frame_icmp(f, 3, 1, 0, quote4, sizeof(quote4));
		break;
	default:
		frame_ipv4(f, 1, "", 0);
		frame_icmp(f, 5, 1, 0xc0000201, quote4, sizeof(quote4));
		break;
	}
	frame_finish(f);
}

static void
sample_ipv6(struct frame *f, enum sample s)
{
	static const uint8_t chain[] = {
		60, 0, 5, 2, 0, 0, 1, 0, /* hop-by-hop: router alert, PadN */
		43, 0, 1, 4, 0, 0, 0, 0, /* destination: PadN */
		51, 0, 4, 0, 0, 0, 0, 0, /* routing, type 4, none left */
		44, 4, 0, 0, 0, 0, 0, 1, 0,  0, 0, 1, 0, 0, 0, 0, /* authentication */
		0,  0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 9, /* atomic fragment */
	};
	static const uint8_t solicitation[] = {
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
		0,    0,    0,    0x0b, 1, 1, 2, 0, 0, 0, 0, 0x0a,
	};

	frame_ethernet(f, s == TCP6_QINQ ? 2 : 0, 0x86dd);
	switch (s) {
	case TCP6:
	case TCP6_QINQ:
		frame_ipv6(f, 6, "", 0, 6);
		frame_tcp(f, 40000, 443, 0x02, 0);
		break;
	case UDP6:
		frame_ipv6(f, 17, "", 0, 17);
		frame_udp(f, 40000, 53, 8);
		break;
	case UDP6_CHAIN:
		frame_ipv6(f, 0, chain, sizeof(chain), 17);
		frame_udp(f, 40000, 53, 8);
		break;
	case ECHO6:
		frame_ipv6(f, 58, "", 0, 58);
		frame_icmp(f, 128, 0, 0x12340001, "ping", 4);
		break;
	case ERROR6:
		frame_ipv6(f, 58, "", 0, 58);
		frame_icmp(f, 1, 4, 0, quote6, sizeof(quote6));
		break;
	case ND6:
		frame_ipv6(f, 58, "", 0, 58);
		frame_icmp(f, 135, 0, 0, solicitation, sizeof(solicitation));
		break;
	default:
		frame_ipv6(f, 58, "", 0, 58);
		frame_icmp(f, 143, 0, 1, "\x04\0\0\0\xff\x02\0\0\0\0\0\0\0\0\0\0\0\0\0\x01", 20);
		break;
	}
	frame_finish(f);
}

static void
sample_make(struct frame *f, enum sample s)
{
	if (s == ARP) {
		frame_ethernet(f, 0, 0x0806);
		frame_put(f,
			  "\0\1\x08\0\6\4\0\1" FRAME_MAC_A FRAME_IPV4_A "\0\0\0\0\0\0" FRAME_IPV4_B,
			  28);
		f->l4 = f->l3;
	} else if (s < TCP6) {
		sample_ipv4(f, s);
	} else {
		sample_ipv6(f, s);
	}
}

static enum drop_reason
parse(const struct frame *f, unsigned flags, struct packet *p)
{
	/* An exact allocation, so that ASan sees one byte too many. */
	uint8_t *copy = malloc(f->length == 0 ? 1 : f->length);
	enum drop_reason reason;

	memcpy(copy, f->bytes, f->length);
	reason = parse_frame(copy, f->length, flags, 0, p);
	free(copy);
	return reason;
}

/* Goal: each good sample is accepted with the right kind, tuple and offsets.
 * Method: a table of what each sample was built from. */
Test(parse, good_samples_are_described)
{
	static const struct {
		uint8_t kind, proto, family, ttl, tcp_flags, type, code;
		uint16_t vlan, port[2], header; /* transport header; 0 for others */
	} want[SAMPLES] = {
		[TCP4] = { PACKET_TRANSPORT, 6, 4, 63, 0x18, 0, 0, 0, { 40000, 443 }, 24 },
		[TCP4_VLAN] = { PACKET_TRANSPORT, 6, 4, 63, 0x18, 0, 0, 100, { 40000, 443 }, 24 },
		[TCP4_OPTIONS] = { PACKET_TRANSPORT, 6, 4, 63, 0x02, 0, 0, 0, { 40000, 443 }, 24 },
		[UDP4] = { PACKET_TRANSPORT, 17, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[UDP4_EMPTY] = { PACKET_TRANSPORT, 17, 4, 63, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[ECHO4] = { PACKET_ICMP_QUERY, 1, 4, 63, 0, 8, 0, 0, { 0x1234, 0x1234 }, 0 },
		[TIMESTAMP4] = { PACKET_ICMP_QUERY, 1, 4, 63, 0, 13, 0, 0, { 0x1234, 0x1234 }, 0 },
		[ERROR4] = { PACKET_ICMP_ERROR, 17, 4, 63, 0, 3, 1, 0, { 53, 40000 }, 0 },
		[OTHER4] = { PACKET_ICMP_OTHER, 1, 4, 63, 0, 5, 1, 0, { 0, 0 }, 0 },
		[TCP6] = { PACKET_TRANSPORT, 6, 6, 255, 0x02, 0, 0, 0, { 40000, 443 }, 24 },
		[TCP6_QINQ] = { PACKET_TRANSPORT, 6, 6, 255, 0x02, 0, 0, 100, { 40000, 443 }, 24 },
		[UDP6] = { PACKET_TRANSPORT, 17, 6, 255, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[UDP6_CHAIN] = { PACKET_TRANSPORT, 17, 6, 255, 0, 0, 0, 0, { 40000, 53 }, 8 },
		[ECHO6] = { PACKET_ICMP_QUERY, 58, 6, 255, 0, 128, 0, 0, { 0x1234, 0x1234 }, 0 },
		[ERROR6] = { PACKET_ICMP_ERROR, 58, 6, 255, 0, 1, 4, 0, { 0x1234, 0x1234 }, 0 },
		[ND6] = { PACKET_ICMP_ND, 58, 6, 255, 0, 135, 0, 0, { 0, 0 }, 0 },
		[OTHER6] = { PACKET_ICMP_OTHER, 58, 6, 255, 0, 143, 0, 0, { 0, 0 }, 0 },
		[ARP] = { PACKET_ARP, 0, 0, 0, 0, 0, 0, 0, { 0, 0 }, 0 },
	};

	for (unsigned i = 0; i < SAMPLES; i++) {
		struct frame f;
		struct packet p;

		sample_make(&f, i);
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE), "sample %u", i);
		cr_assert(eq(u8, p.kind, want[i].kind), "sample %u", i);
		cr_assert(eq(u8, p.key.proto, want[i].proto), "sample %u", i);
		cr_assert(eq(u8, p.key.family, want[i].family), "sample %u", i);
		cr_assert(eq(u8, p.ttl, want[i].ttl), "sample %u", i);
		cr_assert(eq(u8, p.tcp_flags, want[i].tcp_flags), "sample %u", i);
		cr_assert(eq(u8, p.icmp_type, want[i].type), "sample %u", i);
		cr_assert(eq(u8, p.icmp_code, want[i].code), "sample %u", i);
		cr_assert(eq(u16, p.vlan, want[i].vlan), "sample %u", i);
		cr_assert(eq(u16, p.key.port[0], want[i].port[0]), "sample %u", i);
		cr_assert(eq(u16, p.key.port[1], want[i].port[1]), "sample %u", i);
		cr_assert(eq(u16, p.key.zone, 0), "sample %u", i);
		cr_assert(eq(u32, p.l3_offset, f.l3), "sample %u", i);
		cr_assert(eq(u32, p.l3_bytes, f.length - f.l3), "sample %u", i);
		cr_assert(eq(u32, p.l4_offset, f.l4), "sample %u", i);
		cr_assert(eq(u32, p.payload_offset, f.l4 + want[i].header), "sample %u", i);
	}
}

/* Goal: addresses fill the tuple in the packet's order, and rest zero; those of an error are the
 * quoted packet's, reversed, which here is A to B as well.
 * Method: compare with what the samples were built from. */
Test(parse, addresses_fill_the_tuple)
{
	for (unsigned i = 0; i < ARP; i++) {
		const uint8_t a4[16] = { 192, 0, 2, 1 }, b4[16] = { 198, 51, 100, 2 };
		struct frame f;
		struct packet p;

		sample_make(&f, i);
		memset(&p, 0xa5, sizeof(p));
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_NONE));
		cr_assert(eq(int,
			     memcmp(p.key.addr[0], i < TCP6 ? a4 : (uint8_t *)FRAME_IPV6_A, 16), 0),
			  "sample %u", i);
		cr_assert(eq(int,
			     memcmp(p.key.addr[1], i < TCP6 ? b4 : (uint8_t *)FRAME_IPV6_B, 16), 0),
			  "sample %u", i);
	}
}

/* Goal: a frame cut off anywhere is refused, never read past its end, and writes nothing.
 * Method: every prefix of every sample, in an exact allocation. */
Test(parse, truncation_is_refused_everywhere)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct frame f;

		sample_make(&f, i);
		for (uint32_t whole = f.length; f.length > 0;) {
			struct packet p = { .l3_bytes = 4711 };

			f.length--;
			cr_assert(ne(int, (int)parse(&f, 0, &p), DROP_NONE), "sample %u, %u of %u",
				  i, f.length, whole);
			cr_assert(eq(u16, p.l3_bytes, 4711));
		}
	}
}

/* Goal: an IP packet whose own length is cut short, in any header, is refused too, although the
 * frame goes on. Method: every smaller IP length of every sample, with good checksums of what is
 * left; what is accepted (a shorter TCP, ICMP or UDP-with-surplus payload) stays inside. */
Test(parse, short_ip_length_is_never_passed)
{
	for (unsigned i = 0; i < ARP; i++) {
		const uint32_t fixed = i < TCP6 ? 0 : 40;
		struct frame f;

		sample_make(&f, i);
		for (uint32_t total = f.length - f.l3; total-- > fixed;) {
			struct packet p;

			be16_store(f.bytes + f.l3 + (fixed ? 4 : 2), (uint16_t)(total - fixed));
			frame_checksums(&f);
			if (parse(&f, 0, &p) != DROP_NONE)
				continue;
			cr_assert(eq(u32, p.l3_bytes, total), "sample %u", i);
			cr_assert(le(u32, p.payload_offset, p.l3_offset + p.l3_bytes), "sample %u",
				  i);
		}
	}
}

enum fix {
	FIX_NOTHING,
	FIX_CHECKSUMS,
};

enum layer {
	L2,
	L3,
	L4,
};

/* One byte to change. */
struct patch {
	uint8_t layer;
	uint8_t at;
	uint8_t value;
};

struct refusal {
	const char *what;
	enum sample sample;
	enum drop_reason reason;
	enum fix fix;
	struct patch patches[4]; /* all zero: end */
};

static void
patches_apply(struct frame *f, const struct patch patches[4])
{
	for (unsigned i = 0; i < 4; i++) {
		const uint32_t base[] = { 0, f->l3, f->l4 };

		if (patches[i].layer != 0 || patches[i].at != 0 || patches[i].value != 0)
			f->bytes[base[patches[i].layer] + patches[i].at] = patches[i].value;
	}
}

static void
refusals_check(const struct refusal *cases, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct packet p = { .l3_bytes = 4711 };
		struct frame f;
		enum drop_reason reason;

		sample_make(&f, cases[i].sample);
		patches_apply(&f, cases[i].patches);
		if (cases[i].fix == FIX_CHECKSUMS)
			frame_checksums(&f);
		reason = parse(&f, 0, &p);
		cr_assert(eq(str, (char *)drop_names[reason], (char *)drop_names[cases[i].reason]),
			  "%s", cases[i].what);
		if (reason != DROP_NONE)
			cr_assert(eq(u16, p.l3_bytes, 4711), "%s", cases[i].what);
	}
}

/* Goal: each rule of Ethernet, ARP and IPv4 refuses what breaks it, and only that.
 * Method: change a few bytes of a good sample; DROP_NONE marks the neighbour that still passes. */
Test(parse, link_and_ipv4_rules)
{
	static const struct refusal cases[] = {
		{ "unknown EtherType", TCP4, DROP_ETHERTYPE_UNKNOWN, 0, { { L2, 12, 0x12 } } },
		{ "LLC length",
		  TCP4,
		  DROP_ETHERTYPE_UNKNOWN,
		  0,
		  { { L2, 12, 0 }, { L2, 13, 40 } } },
		{ "priority tag", TCP4_VLAN, DROP_NONE, 0, { { L2, 14, 0xe0 }, { L2, 15, 0 } } },
		{ "tag of 9100", TCP4_VLAN, DROP_NONE, 0, { { L2, 12, 0x91 }, { L2, 13, 0 } } },
		{ "tag of 88a8", TCP4_VLAN, DROP_NONE, 0, { { L2, 12, 0x88 }, { L2, 13, 0xa8 } } },
		{ "ARP hardware", ARP, DROP_ARP_MALFORMED, 0, { { L3, 1, 6 } } },
		{ "ARP protocol", ARP, DROP_ARP_MALFORMED, 0, { { L3, 2, 0x86 } } },
		{ "ARP MAC length", ARP, DROP_ARP_MALFORMED, 0, { { L3, 4, 8 } } },
		{ "ARP IP length", ARP, DROP_ARP_MALFORMED, 0, { { L3, 5, 16 } } },
		{ "version 5", TCP4, DROP_IPV4_VERSION, 1, { { L3, 0, 0x55 } } },
		{ "IPv6 under IPv4's type", TCP4, DROP_IPV4_VERSION, 0, { { L3, 0, 0x60 } } },
		{ "header of 16", TCP4, DROP_IPV4_HEADER_LENGTH, 1, { { L3, 0, 0x44 } } },
		{ "header past the datagram",
		  UDP4_EMPTY,
		  DROP_IPV4_HEADER_LENGTH,
		  1,
		  { { L3, 0, 0x48 } } },
		{ "datagram below the header",
		  TCP4,
		  DROP_IPV4_HEADER_LENGTH,
		  1,
		  { { L3, 3, 19 } } },
		{ "datagram past the frame", TCP4, DROP_IPV4_TRUNCATED, 1, { { L3, 3, 50 } } },
		{ "datagram of 65535",
		  TCP4,
		  DROP_IPV4_TRUNCATED,
		  0,
		  { { L3, 2, 0xff }, { L3, 3, 0xff } } },
		{ "header checksum", TCP4, DROP_IPV4_CHECKSUM, 0, { { L3, 8, 62 } } },
		{ "TTL 0", TCP4, DROP_NONE, 1, { { L3, 8, 0 } } },
		{ "option length 0", TCP4_OPTIONS, DROP_IPV4_OPTIONS, 1, { { L3, 22, 0 } } },
		{ "option length 1",
		  TCP4_OPTIONS,
		  DROP_IPV4_OPTIONS,
		  1,
		  { { L3, 22, 1 }, { L3, 23, 1 } } },
		{ "option past the header",
		  TCP4_OPTIONS,
		  DROP_IPV4_OPTIONS,
		  1,
		  { { L3, 22, 12 } } },
		{ "option to the header's end", TCP4_OPTIONS, DROP_NONE, 1, { { L3, 22, 11 } } },
		{ "option without length",
		  TCP4_OPTIONS,
		  DROP_IPV4_OPTIONS,
		  1,
		  { { L3, 22, 10 }, { L3, 31, 7 } } },
		{ "loose source route",
		  TCP4_OPTIONS,
		  DROP_IPV4_SOURCE_ROUTE,
		  1,
		  { { L3, 21, 131 } } },
		{ "strict source route",
		  TCP4_OPTIONS,
		  DROP_IPV4_SOURCE_ROUTE,
		  1,
		  { { L3, 21, 137 } } },
		{ "nothing behind the end of options",
		  TCP4_OPTIONS,
		  DROP_NONE,
		  1,
		  { { L3, 20, 0 }, { L3, 21, 131 } } },
		{ "source 0.0.0.0/8", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 0 } } },
		{ "source 127/8", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 127 } } },
		{ "source multicast", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 224 } } },
		{ "source class E", TCP4, DROP_SOURCE_INVALID, 1, { { L3, 12, 240 } } },
		{ "source broadcast",
		  TCP4,
		  DROP_SOURCE_INVALID,
		  1,
		  { { L3, 12, 255 }, { L3, 13, 255 }, { L3, 14, 255 }, { L3, 15, 255 } } },
		{ "source 223", TCP4, DROP_NONE, 1, { { L3, 12, 223 } } },
		{ "first fragment", UDP4, DROP_FRAGMENT, 1, { { L3, 6, 0x20 } } },
		{ "later fragment", UDP4, DROP_FRAGMENT, 1, { { L3, 7, 1 } } },
		{ "reserved flag alone", UDP4, DROP_NONE, 1, { { L3, 6, 0x80 } } },
		{ "ESP", UDP4, DROP_PROTOCOL_UNKNOWN, 1, { { L3, 9, 50 } } },
		{ "ICMPv6 in IPv4", ECHO4, DROP_PROTOCOL_UNKNOWN, 1, { { L3, 9, 58 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: each rule of IPv6 and its extension headers refuses what breaks it, and only that.
 * Method: as above. UDP6_CHAIN has hop-by-hop at 40, destination at 48, routing at 56,
 * authentication at 64, fragment at 88, UDP at 96. */
Test(parse, ipv6_rules)
{
	static const struct refusal cases[] = {
		{ "version 4", TCP6, DROP_IPV6_VERSION, 0, { { L3, 0, 0x40 } } },
		{ "packet past the frame", TCP6, DROP_IPV6_TRUNCATED, 1, { { L3, 5, 25 } } },
		{ "packet of 65535",
		  TCP6,
		  DROP_IPV6_TRUNCATED,
		  0,
		  { { L3, 4, 0xff }, { L3, 5, 0xff } } },
		{ "jumbogram", UDP6_CHAIN, DROP_IPV6_EXT_TRUNCATED, 0, { { L3, 5, 0 } } },
		{ "packet ends in the chain",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  0,
		  { { L3, 5, 47 } } },
		{ "header past the packet",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  1,
		  { { L3, 41, 9 } } },
		{ "huge header", UDP6_CHAIN, DROP_IPV6_EXT_TRUNCATED, 1, { { L3, 57, 255 } } },
		{ "hop-by-hop second", UDP6_CHAIN, DROP_IPV6_EXT_CHAIN, 1, { { L3, 40, 0 } } },
		{ "two fragment headers",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_CHAIN,
		  1,
		  { { L3, 48, 44 }, { L3, 56, 44 }, { L3, 58, 0 } } },
		{ "unknown option to skip", UDP6_CHAIN, DROP_NONE, 1, { { L3, 42, 0x3f } } },
		{ "unknown option to refuse",
		  UDP6_CHAIN,
		  DROP_IPV6_OPTIONS,
		  1,
		  { { L3, 42, 0x45 } } },
		{ "jumbo payload option", UDP6_CHAIN, DROP_IPV6_OPTIONS, 1, { { L3, 42, 0xc2 } } },
		{ "option past its header", UDP6_CHAIN, DROP_IPV6_OPTIONS, 1, { { L3, 51, 5 } } },
		{ "option without length",
		  UDP6_CHAIN,
		  DROP_IPV6_OPTIONS,
		  1,
		  { { L3, 51, 3 }, { L3, 55, 1 } } },
		{ "routing type 0", UDP6_CHAIN, DROP_IPV6_ROUTING_0, 1, { { L3, 58, 0 } } },
		{ "routing, segments left", UDP6_CHAIN, DROP_IPV6_ROUTING, 1, { { L3, 59, 1 } } },
		{ "routing, type 2", UDP6_CHAIN, DROP_NONE, 1, { { L3, 58, 2 } } },
		{ "short authentication",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  1,
		  { { L3, 65, 0 } } },
		{ "long authentication",
		  UDP6_CHAIN,
		  DROP_IPV6_EXT_TRUNCATED,
		  1,
		  { { L3, 65, 11 } } },
		{ "first fragment", UDP6_CHAIN, DROP_FRAGMENT, 1, { { L3, 91, 1 } } },
		{ "later fragment", UDP6_CHAIN, DROP_FRAGMENT, 1, { { L3, 91, 8 } } },
		{ "later fragment of a chain",
		  UDP6_CHAIN,
		  DROP_FRAGMENT,
		  1,
		  { { L3, 91, 8 }, { L3, 88, 0 } } },
		{ "reserved fragment bits", UDP6_CHAIN, DROP_NONE, 1, { { L3, 91, 6 } } },
		{ "no next header", UDP6, DROP_PROTOCOL_UNKNOWN, 1, { { L3, 6, 59 } } },
		{ "ICMP in IPv6", ECHO6, DROP_PROTOCOL_UNKNOWN, 1, { { L3, 6, 1 } } },
		{ "source multicast", TCP6, DROP_SOURCE_INVALID, 1, { { L3, 8, 0xff } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: no IPv6 packet comes from loopback, mapped or unspecified addresses, but discovery and
 * listener reports may come from the last. Method: write each source into several samples. */
Test(parse, ipv6_sources)
{
	static const uint8_t loopback[16] = { [15] = 1 }, unspecified[16];
	static const uint8_t mapped[16] = { [10] = 0xff, [11] = 0xff, [12] = 192, [15] = 1 };
	static const uint8_t good[16] = { [12] = 1 };
	static const struct {
		const uint8_t *source;
		enum sample sample;
		enum drop_reason reason;
	} cases[] = {
		{ loopback, UDP6, DROP_SOURCE_INVALID },
		{ loopback, ND6, DROP_SOURCE_INVALID },
		{ mapped, TCP6, DROP_SOURCE_INVALID },
		{ mapped, ECHO6, DROP_SOURCE_INVALID },
		{ unspecified, TCP6, DROP_SOURCE_INVALID },
		{ unspecified, UDP6, DROP_SOURCE_INVALID },
		{ unspecified, ECHO6, DROP_SOURCE_INVALID },
		{ unspecified, ERROR6, DROP_SOURCE_INVALID },
		{ unspecified, ND6, DROP_NONE },
		{ unspecified, OTHER6, DROP_NONE },
		{ good, UDP6, DROP_NONE },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct frame f;
		struct packet p;

		sample_make(&f, cases[i].sample);
		memcpy(f.bytes + f.l3 + 8, cases[i].source, 16);
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), (int)cases[i].reason), "case %u", i);
	}
}

/* Goal: each rule of TCP, UDP and ICMP refuses what breaks it, and only that.
 * Method: as above. */
Test(parse, transport_rules)
{
	static const struct refusal cases[] = {
		{ "TCP of 19", TCP4, DROP_TCP_TRUNCATED, 1, { { L3, 3, 39 } } },
		{ "TCP6 of 19", TCP6, DROP_TCP_TRUNCATED, 1, { { L3, 5, 19 } } },
		{ "offset 4", TCP4, DROP_TCP_DATA_OFFSET, 1, { { L4, 12, 0x40 } } },
		{ "offset past the segment", TCP4, DROP_TCP_DATA_OFFSET, 1, { { L4, 12, 0x80 } } },
		{ "offset to the segment's end", TCP4, DROP_NONE, 1, { { L4, 12, 0x70 } } },
		{ "TCP checksum", TCP4, DROP_TCP_CHECKSUM, 0, { { L4, 25, 9 } } },
		{ "TCP6 checksum", TCP6, DROP_TCP_CHECKSUM, 0, { { L4, 4, 9 } } },
		{ "TCP source port 0", TCP4, DROP_PORT_ZERO, 1, { { L4, 0, 0 }, { L4, 1, 0 } } },
		{ "TCP port 0", TCP4, DROP_PORT_ZERO, 1, { { L4, 2, 0 }, { L4, 3, 0 } } },
		{ "no flags", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0 } } },
		{ "FIN alone", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 1 } } },
		{ "FIN PSH URG", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x29 } } },
		{ "SYN FIN", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x03 } } },
		{ "SYN RST", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x06 } } },
		{ "FIN RST ACK", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0x15 } } },
		{ "all flags", TCP4, DROP_TCP_FLAGS, 1, { { L4, 13, 0xff } } },
		{ "SYN ECE CWR", TCP4, DROP_NONE, 1, { { L4, 13, 0xc2 } } },
		{ "RST", TCP4, DROP_NONE, 1, { { L4, 13, 0x04 } } },
		{ "FIN ACK URG PSH", TCP4, DROP_NONE, 1, { { L4, 13, 0x39 } } },
		{ "UDP of 7", UDP4, DROP_UDP_TRUNCATED, 1, { { L3, 3, 27 } } },
		{ "UDP6 of 7", UDP6, DROP_UDP_TRUNCATED, 1, { { L3, 5, 7 } } },
		{ "UDP length 7", UDP4, DROP_UDP_LENGTH, 1, { { L4, 5, 7 } } },
		{ "UDP length 0 (jumbogram)", UDP6, DROP_UDP_LENGTH, 1, { { L4, 5, 0 } } },
		{ "UDP length past the datagram", UDP4, DROP_UDP_LENGTH, 1, { { L4, 5, 16 } } },
		{ "UDP length below the datagram", UDP4, DROP_NONE, 1, { { L4, 5, 9 } } },
		{ "UDP checksum", UDP4, DROP_UDP_CHECKSUM, 0, { { L4, 8, 77 } } },
		{ "UDP6 checksum", UDP6, DROP_UDP_CHECKSUM, 0, { { L4, 8, 77 } } },
		{ "UDP without checksum",
		  UDP4,
		  DROP_NONE,
		  0,
		  { { L4, 6, 0 }, { L4, 7, 0 }, { L4, 8, 77 } } },
		{ "UDP6 without checksum",
		  UDP6,
		  DROP_UDP_CHECKSUM,
		  0,
		  { { L4, 6, 0 }, { L4, 7, 0 } } },
		{ "UDP port 0", UDP4, DROP_PORT_ZERO, 1, { { L4, 3, 0 } } },
		{ "UDP6 source port 0", UDP6, DROP_PORT_ZERO, 1, { { L4, 0, 0 }, { L4, 1, 0 } } },
		{ "ICMP of 7", ECHO4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 27 } } },
		{ "ICMPv6 of 7", ECHO6, DROP_ICMP_TRUNCATED, 1, { { L3, 5, 7 } } },
		{ "ICMP of 8", ECHO4, DROP_NONE, 1, { { L3, 3, 28 } } },
		{ "short timestamp", TIMESTAMP4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 39 } } },
		{ "short address mask",
		  ECHO4,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L3, 3, 31 }, { L4, 0, 17 } } },
		{ "ICMP checksum", ECHO4, DROP_ICMP_CHECKSUM, 0, { { L4, 8, 9 } } },
		{ "ICMPv6 checksum", ECHO6, DROP_ICMP_CHECKSUM, 0, { { L4, 8, 9 } } },
		{ "ND checksum", ND6, DROP_ICMP_CHECKSUM, 0, { { L4, 23, 9 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: what an ICMP error quotes is proved before its tuple is believed.
 * Method: as above; the quoted packet starts 8 bytes into the message. */
Test(parse, quoted_packet_rules)
{
	static const struct refusal cases[] = {
		{ "time exceeded", ERROR4, DROP_NONE, 1, { { L4, 0, 11 } } },
		{ "quote of 19", ERROR4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 20 + 8 + 19 } } },
		{ "quote of 27", ERROR4, DROP_ICMP_TRUNCATED, 1, { { L3, 3, 20 + 8 + 27 } } },
		{ "quoted version", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 8, 0x65 } } },
		{ "quoted header of 16", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 8, 0x44 } } },
		{ "quoted header past the quote",
		  ERROR4,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L4, 8, 0x46 } } },
		{ "quoted datagram without ports",
		  ERROR4,
		  DROP_ICMP_QUOTE,
		  1,
		  { { L4, 10, 0 }, { L4, 11, 27 } } },
		{ "shortest quoted datagram",
		  ERROR4,
		  DROP_NONE,
		  1,
		  { { L4, 10, 0 }, { L4, 11, 28 } } },
		{ "quoted later fragment", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 15, 1 } } },
		{ "quoted first fragment", ERROR4, DROP_NONE, 1, { { L4, 14, 0x20 } } },
		{ "quoted protocol", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 17, 50 } } },
		{ "quoted ICMPv6", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 17, 58 } } },
		{ "quoted TCP", ERROR4, DROP_NONE, 1, { { L4, 17, 6 } } },
		{ "quoted ICMP error",
		  ERROR4,
		  DROP_ICMP_QUOTE,
		  1,
		  { { L4, 17, 1 }, { L4, 28, 3 } } },
		{ "quoted echo", ERROR4, DROP_NONE, 1, { { L4, 17, 1 }, { L4, 28, 8 } } },
		{ "packet of a stranger", ERROR4, DROP_ICMP_QUOTE, 1, { { L4, 23, 3 } } },
		{ "too big", ERROR6, DROP_NONE, 1, { { L4, 0, 2 } } },
		{ "quote6 of 39", ERROR6, DROP_ICMP_TRUNCATED, 1, { { L3, 5, 8 + 39 } } },
		{ "quote6 ends in its chain",
		  ERROR6,
		  DROP_ICMP_TRUNCATED,
		  1,
		  { { L3, 5, 8 + 47 } } },
		{ "quote6 of 55", ERROR6, DROP_ICMP_TRUNCATED, 1, { { L3, 5, 8 + 55 } } },
		{ "quote6 version", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 8, 0x45 } } },
		{ "quote6 packet without ports", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 13, 15 } } },
		{ "quote6 shortest packet", ERROR6, DROP_NONE, 1, { { L4, 13, 16 } } },
		{ "quote6 options", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 50, 0x80 } } },
		{ "quote6 later fragment",
		  ERROR6,
		  DROP_ICMP_QUOTE,
		  1,
		  { { L4, 14, 44 }, { L4, 50, 0 }, { L4, 51, 8 } } },
		{ "quote6 first fragment",
		  ERROR6,
		  DROP_NONE,
		  1,
		  { { L4, 14, 44 }, { L4, 50, 0 }, { L4, 51, 1 } } },
		{ "quote6 of an error", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 56, 1 } } },
		{ "quote6 of discovery", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 56, 135 } } },
		{ "quote6 of ICMP", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 48, 1 }, { L4, 56, 8 } } },
		{ "packet6 of a stranger", ERROR6, DROP_ICMP_QUOTE, 1, { { L4, 31, 3 } } },
	};

	refusals_check(cases, array_length(cases));
}

/* Goal: a packet from a socket to itself is refused; only the ports' equality tells it from a
 * conversation of one host. Method: make both addresses equal, then both ports. */
Test(parse, land)
{
	static const enum sample samples[] = { TCP4, UDP4, ECHO4, TCP6, UDP6, ECHO6 };

	for (unsigned i = 0; i < array_length(samples); i++) {
		const bool echo = samples[i] == ECHO4 || samples[i] == ECHO6;
		struct frame f;
		struct packet p;

		sample_make(&f, samples[i]);
		if (samples[i] < TCP6)
			memcpy(f.bytes + f.l3 + 16, f.bytes + f.l3 + 12, 4);
		else
			memcpy(f.bytes + f.l3 + 24, f.bytes + f.l3 + 8, 16);
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), echo ? DROP_LAND : DROP_NONE), "case %u",
			  i);
		if (echo)
			continue;
		memcpy(f.bytes + f.l4 + 2, f.bytes + f.l4, 2);
		frame_checksums(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_LAND), "case %u", i);
	}
}

/* Goal: at most two tags count, the one in the device's metadata included; its id is the outermost.
 * Method: 0 to 3 tags in the bytes, with and without one stripped, and the headers cut off. */
Test(parse, vlan_depth)
{
	for (unsigned stripped = 0; stripped < 2; stripped++) {
		const unsigned flags = stripped ? PARSE_VLAN_STRIPPED : 0;

		for (unsigned tags = 0; tags < 4; tags++) {
			struct frame f;
			struct packet p;
			enum drop_reason reason;

			frame_ethernet(&f, tags, 0x0800);
			frame_ipv4(&f, 17, "", 0);
			frame_udp(&f, 40000, 53, 7);
			frame_finish(&f);
			reason = parse_frame(f.bytes, f.length, flags, 0xa007, &p);
			if (tags + stripped > 2) {
				cr_assert(eq(int, (int)reason, DROP_VLAN_TOO_DEEP));
				continue;
			}
			cr_assert(eq(int, (int)reason, DROP_NONE));
			cr_assert(eq(u16, p.vlan, stripped ? 7 : tags ? 100 : 0));
			cr_assert(eq(u16, p.l3_offset, 14 + 4 * tags));
			for (uint32_t n = 0; n < f.l3; n++)
				cr_assert(eq(int, (int)parse_frame(f.bytes, n, flags, 0xa007, &p),
					     DROP_FRAME_TRUNCATED));
		}
	}
}

/* Goal: the chain of extension headers ends at EXT_HEADERS_MAX, its options at 16 a header.
 * Method: chains of one more and one less; a header of padding. */
Test(parse, ipv6_chain_is_bounded)
{
	for (unsigned n = 1; n <= EXT_HEADERS_MAX + 1; n++) {
		uint8_t chain[8 * (EXT_HEADERS_MAX + 1)] = { 0 };
		struct frame f;
		struct packet p;

		for (unsigned i = 0; i < n; i++) {
			chain[8 * i] = i + 1 == n ? 17 : 60;
			memcpy(chain + 8 * i + 2, "\x01\x04", 2);
		}
		frame_ethernet(&f, 0, 0x86dd);
		frame_ipv6(&f, 60, chain, 8 * n, 17);
		frame_udp(&f, 40000, 53, 0);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p),
			     n > EXT_HEADERS_MAX ? DROP_IPV6_EXT_CHAIN : DROP_NONE),
			  "%u headers", n);
	}
	for (unsigned pad = 15; pad <= 17; pad++) {
		uint8_t header[24] = { 17, 2 };
		struct frame f;
		struct packet p;

		/* pad - 1 times Pad1, then one PadN over the rest. */
		header[2 + pad - 1] = 1;
		header[2 + pad] = (uint8_t)(24 - 2 - pad - 1);
		frame_ethernet(&f, 0, 0x86dd);
		frame_ipv6(&f, 60, header, 24, 17);
		frame_udp(&f, 40000, 53, 0);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), pad > 16 ? DROP_IPV6_OPTIONS : DROP_NONE),
			  "%u options", pad);
	}
}

/* Goal: neighbour discovery behind a fragment header is refused (RFC 6980), echo is not.
 * Method: an atomic fragment header before each. */
Test(parse, discovery_in_a_fragment)
{
	for (unsigned echo = 0; echo < 2; echo++) {
		struct frame f;
		struct packet p;

		frame_ethernet(&f, 0, 0x86dd);
		frame_ipv6(&f, 44, "\x3a\0\0\0\0\0\0\x01", 8, 58);
		frame_icmp(&f, echo ? 128 : 135, 0, 0, FRAME_IPV6_B, 16);
		frame_finish(&f);
		cr_assert(eq(int, (int)parse(&f, 0, &p), echo ? DROP_NONE : DROP_ND_MALFORMED));
	}
}

/* Goal: checksums are looked at unless the device or the configuration spoke for them, each flag
 * for its own layer. Method: spoil one checksum of each sample under each flag. */
Test(parse, checksum_flags)
{
	static const enum sample samples[] = { TCP4, UDP4, ECHO4, TCP6, UDP6, ECHO6, ND6 };

	for (unsigned i = 0; i < array_length(samples); i++) {
		const bool v4 = samples[i] < TCP6;
		struct frame f;
		struct packet p;

		sample_make(&f, samples[i]);
		f.bytes[f.l4 + (f.proto == 6 ? 16 : f.proto == 17 ? 6 : 2)] ^= 1;
		cr_assert(ne(int, (int)parse(&f, 0, &p), DROP_NONE));
		cr_assert(ne(int, (int)parse(&f, PARSE_L3_CHECKSUM_GOOD, &p), DROP_NONE));
		cr_assert(eq(int, (int)parse(&f, PARSE_L4_CHECKSUM_GOOD, &p), DROP_NONE));
		cr_assert(eq(int, (int)parse(&f, PARSE_CHECKSUM_IGNORE, &p), DROP_NONE));
		if (!v4)
			continue;
		sample_make(&f, samples[i]);
		f.bytes[f.l3 + 10] ^= 1;
		cr_assert(eq(int, (int)parse(&f, 0, &p), DROP_IPV4_CHECKSUM));
		cr_assert(eq(int, (int)parse(&f, PARSE_L4_CHECKSUM_GOOD, &p), DROP_IPV4_CHECKSUM));
		cr_assert(eq(int, (int)parse(&f, PARSE_L3_CHECKSUM_GOOD, &p), DROP_NONE));
		cr_assert(eq(int, (int)parse(&f, PARSE_CHECKSUM_IGNORE, &p), DROP_NONE));
	}
}

/* Goal: Ethernet's padding is no part of the packet and none of the checksum.
 * Method: append bytes that are not zero; nothing may change. */
Test(parse, padding_is_ignored)
{
	for (unsigned i = 0; i < SAMPLES; i++) {
		struct frame f;
		struct packet plain, padded;

		memset(&plain, 0, sizeof(plain));
		memset(&padded, 0, sizeof(padded));
		sample_make(&f, i);
		cr_assert(eq(int, (int)parse(&f, 0, &plain), DROP_NONE));
		frame_put(&f, "\xde\xad\xbe\xef\x01", 5);
		cr_assert(eq(int, (int)parse(&f, 0, &padded), DROP_NONE));
		cr_assert(eq(int, memcmp(&plain, &padded, sizeof(plain)), 0), "sample %u", i);
	}
}

/* Goal: an application's packet gives the same tuple as on the wire, without its checksums.
 * Method: parse each IP sample from its IP header on, checksums spoiled. */
Test(parse, ip_alone)
{
	for (unsigned i = 0; i < ARP; i++) {
		struct frame f;
		struct packet framed, alone;

		sample_make(&f, i);
		cr_assert(eq(int, (int)parse(&f, 0, &framed), DROP_NONE));
		if (i < TCP6)
			f.bytes[f.l3 + 10] ^= 1;
		f.bytes[f.l4 + (f.proto == 6 ? 16 : f.proto == 17 ? 6 : 2)] ^= 1;
		cr_assert(eq(int,
			     (int)parse_ip(f.bytes + f.l3, f.length - f.l3, PARSE_CHECKSUM_IGNORE,
					   &alone),
			     DROP_NONE));
		cr_assert(eq(int, memcmp(&framed.key, &alone.key, sizeof(alone.key)), 0));
		cr_assert(eq(u16, alone.l3_offset, 0));
		cr_assert(eq(u16, alone.l3_bytes, framed.l3_bytes));
		cr_assert(eq(u32, alone.l4_offset, f.l4 - f.l3));
		cr_assert(eq(u32, alone.payload_offset, framed.payload_offset - f.l3));
		for (uint32_t n = 0; n < f.length - f.l3; n++)
			cr_assert(
				ne(int,
				   (int)parse_ip(f.bytes + f.l3, n, PARSE_CHECKSUM_IGNORE, &alone),
				   DROP_NONE));
	}
	cr_assert(eq(int, (int)parse_ip((const uint8_t *)"\x50", 1, 0, &(struct packet){ 0 }),
		     DROP_IPV4_TRUNCATED));
}

/* Goal: the longest IP packets that exist are safe and their offsets do not wrap.
 * Method: datagrams that fill a frame of 65535 bytes, and claims that reach past it. */
Test(parse, jumbo_lengths)
{
	const uint32_t bytes = 65535 + 100;
	uint8_t *frame = calloc(1, bytes);
	struct packet p;

	for (unsigned v6 = 0; v6 < 2; v6++) {
		const uint32_t l4 = v6 ? 54 : 34;
		struct frame f;

		frame_ethernet(&f, 0, v6 ? 0x86dd : 0x0800);
		if (v6)
			frame_ipv6(&f, 17, "", 0, 17);
		else
			frame_ipv4(&f, 17, "", 0);
		frame_udp(&f, 40000, 53, 0);
		memcpy(frame, f.bytes, f.length);
		be16_store(frame + 14 + (v6 ? 4 : 2), (uint16_t)(65535 - 14 - (v6 ? 40 : 0)));
		be16_store(frame + l4 + 4, (uint16_t)(65535 - l4));
		cr_assert(eq(int, (int)parse_frame(frame, bytes, PARSE_CHECKSUM_IGNORE, 0, &p),
			     DROP_NONE));
		cr_assert(eq(u32, (uint32_t)p.l3_offset + p.l3_bytes, 65535));
		checksum_fill(frame, &p);
		cr_assert(eq(int, (int)parse_frame(frame, 65535, 0, 0, &p), DROP_NONE));
		cr_assert(ne(int, (int)parse_frame(frame, 65534, 0, 0, &p), DROP_NONE));
		memset(frame + 14 + (v6 ? 4 : 2), 0xff, 2);
		cr_assert(eq(int, (int)parse_frame(frame, bytes, PARSE_CHECKSUM_IGNORE, 0, &p),
			     v6 ? DROP_IPV6_TRUNCATED : DROP_IPV4_TRUNCATED));
	}
	free(frame);
}

/* Goal: random damage never makes the parser read outside or accept offsets outside.
 * Method: 200,000 frames, each a sample with up to 8 random bytes changed and cut at random,
 * checksums ignored in half of them; the seed is fixed. */
Test(parse, survives_damage)
{
	uint64_t state = 99;

	for (unsigned step = 0; step < 200000; step++) {
		struct frame f;
		struct packet p;

		state = state * 6364136223846793005u + 1442695040888963407u;
		sample_make(&f, (state >> 33) % SAMPLES);
		for (unsigned i = 0; i < (state >> 40) % 8; i++) {
			const uint64_t r = (state >> 20) * (i + 0x9e3779b97f4a7c15u);

			f.bytes[12 + (r >> 40) % (f.length - 12)] = (uint8_t)(r >> 32);
		}
		if (step % 3 == 0)
			f.length = (uint32_t)(state >> 45) % (f.length + 1);
		if (parse(&f, step % 2 ? PARSE_CHECKSUM_IGNORE : 0, &p) != DROP_NONE)
			continue;
		cr_assert(le(u32, p.l3_offset, p.l4_offset));
		cr_assert(le(u32, p.l4_offset, p.payload_offset));
		cr_assert(le(u32, p.payload_offset, (uint32_t)p.l3_offset + p.l3_bytes));
		cr_assert(le(u32, (uint32_t)p.l3_offset + p.l3_bytes, f.length));
	}
}
