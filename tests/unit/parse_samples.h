/* SPDX-License-Identifier: BSD-3-Clause */
/* parse_samples.h: good frames of every kind, and tables of how to break them. */
#pragma once

#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <stdlib.h>

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
	TCP4_TIMESTAMP,
	TCP4_SYN, /* with all options that are known but SACK */
	UDPLITE4,
	SCTP4, /* DATA and SACK */
	SCTP4_INIT,
	IGMP4,
	MPLS4,     /* UDP below two labels */
	FRAGMENT4, /* the first, of UDP */
	FRAGMENT4_LATER,
	TCP6,
	TCP6_QINQ,
	UDP6,
	UDP6_CHAIN, /* hop-by-hop, destination, routing, authentication, atomic fragment */
	ECHO6,
	ERROR6, /* quotes an echo request of B to A behind a destination header */
	ND6,
	OTHER6,   /* listener report */
	UDPLITE6, /* covers its header only */
	SCTP6,
	PPPOE6, /* TCP */
	FRAGMENT6,
	FRAGMENT6_LATER,
	NONE6, /* no next header */
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

/* A DATA chunk of 3 bytes, padded, and a SACK. */
static const uint8_t sctp_data[] = {
	0,   3, 0, 19, 0, 0,  0, 1, 0, 0, 0, 0, 0,    0, 0, 0, 'a', 'b',
	'c', 0, 3, 0,  0, 16, 0, 0, 0, 9, 0, 0, 0x10, 0, 0, 0, 0,   0,
};
static const uint8_t sctp_init[] = {
	1, 0, 0, 20, 0xaa, 0xbb, 0xcc, 0xdd, 0, 0, 0x10, 0, 0, 10, 0, 10, 0, 0, 0, 1,
};

static inline void
sample_ipv4(struct frame *f, enum sample s)
{
	frame_ethernet(f, s == TCP4_VLAN, s == MPLS4 ? 0x8847 : 0x0800);
	if (s == MPLS4) {
		frame_put(f, "\0\x3e\x90\x40\0\x01\x21\x40", 8); /* 1001, then 18 */
		f->l3 = f->length;
	}
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
	case MPLS4:
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
	case TCP4_TIMESTAMP:
		frame_ipv4(f, 6, "", 0);
		frame_tcp_options(f, 0x10, "\1\1\10\12\0\0\1\2\0\0\3\4", 12);
		break;
	case TCP4_SYN:
		frame_ipv4(f, 6, "", 0);
		frame_tcp_options(f, 0x02,
				  "\2\4\5\xb4\4\2\10\12\0\0\1\2\0\0\3\4\1\3\3\7\0\xff\xff\xff", 24);
		break;
	case UDPLITE4:
		frame_ipv4(f, 136, "", 0);
		frame_udp(f, 40000, 53, 7);
		break;
	case SCTP4:
		frame_ipv4(f, 132, "", 0);
		frame_sctp(f, 0x01020304, sctp_data, sizeof(sctp_data));
		break;
	case SCTP4_INIT:
		frame_ipv4(f, 132, "", 0);
		frame_sctp(f, 0, sctp_init, sizeof(sctp_init));
		break;
	case IGMP4:
		frame_ipv4(f, 2, "\x94\4\0\0", 4);
		frame_put(f, "\x16\0\x09\xfe\xe0\0\0\1", 8);
		break;
	case FRAGMENT4:
	case FRAGMENT4_LATER:
		frame_ipv4(f, 17, "", 0);
		be16_store(f->bytes + f->l3 + 6, s == FRAGMENT4 ? 0x2000 : 0x0003);
		frame_udp(f, 40000, 53, 8);
		be16_store(f->bytes + f->l4 + 4, 2000);
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

static inline void
sample_ipv6(struct frame *f, enum sample s)
{
	static const uint8_t chain[] = {
		60, 0, 5, 2, 0, 0, 1, 0, /* hop-by-hop: router alert, PadN */
		43, 0, 1, 4, 0, 0, 0, 0, /* destination: PadN */
		51, 0, 4, 0, 0, 0, 0, 0, /* routing, type 4, none left */
		44, 4, 0, 0, 0, 0, 0, 1, 0,  0, 0, 1, 0, 0, 0, 0, /* authentication */
		0,  0, 0, 0, 0, 0, 0, 0, 17, 0, 0, 0, 0, 0, 0, 9, /* atomic fragment */
	};
	static const uint8_t chain_first[] = {
		44, 0, 1, 4, 0, 0, 0, 0, 60, 0, 0, 1, 0, 1, 2, 3, 17, 0, 1, 4, 0, 0, 0, 0,
	};
	static const uint8_t chain_later[] = {
		44, 0, 1, 4, 0, 0, 0, 0, 17, 0, 0, 0x18, 0, 1, 2, 3,
	};
	static const uint8_t solicitation[] = {
		0x20, 0x01, 0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0,
		0,    0,    0,    0x0b, 1, 1, 2, 0, 0, 0, 0, 0x0a,
	};

	frame_ethernet(f, s == TCP6_QINQ ? 2 : 0, s == PPPOE6 ? 0x8864 : 0x86dd);
	if (s == PPPOE6) {
		frame_put(f, "\x11\0\x12\x34\0\x42\0\x57", 8); /* 2 and 64 bytes of IPv6 */
		f->l3 = f->length;
	}
	switch (s) {
	case PPPOE6:
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
	case UDPLITE6:
		frame_ipv6(f, 136, "", 0, 136);
		frame_udp(f, 40000, 53, 8);
		be16_store(f->bytes + f->l4 + 4, 8);
		break;
	case SCTP6:
		frame_ipv6(f, 132, "", 0, 132);
		frame_sctp(f, 0x01020304, sctp_data, sizeof(sctp_data));
		break;
	case FRAGMENT6:
	case FRAGMENT6_LATER:
		/* Behind a destination header; another one follows the first. */
		frame_ipv6(f, 60, s == FRAGMENT6 ? chain_first : chain_later,
			   s == FRAGMENT6 ? 24 : 16, 17);
		frame_udp(f, 40000, 53, 8);
		be16_store(f->bytes + f->l4 + 4, 2000);
		break;
	case NONE6:
		frame_ipv6(f, 59, "", 0, 59);
		frame_put(f, "padding", 7);
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

static inline void
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

static inline enum drop_reason
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

static inline void
patches_apply(struct frame *f, const struct patch patches[4])
{
	for (unsigned i = 0; i < 4; i++) {
		const uint32_t base[] = { 0, f->l3, f->l4 };

		if (patches[i].layer != 0 || patches[i].at != 0 || patches[i].value != 0)
			f->bytes[base[patches[i].layer] + patches[i].at] = patches[i].value;
	}
}

static inline void
refusals_check(const struct refusal *cases, unsigned n)
{
	for (unsigned i = 0; i < n; i++) {
		struct packet p;
		struct frame f;
		enum drop_reason reason;

		sample_make(&f, cases[i].sample);
		patches_apply(&f, cases[i].patches);
		if (cases[i].fix == FIX_CHECKSUMS)
			frame_checksums(&f);
		reason = parse(&f, 0, &p);
		cr_assert(eq(str, (char *)drop_names[reason], (char *)drop_names[cases[i].reason]),
			  "%s", cases[i].what);
	}
}
