/* SPDX-License-Identifier: BSD-3-Clause */
/* respond.h: ARP, neighbour discovery and echo: read, answered in place, asked. Served by
 * respond.c (read and answered) and solicit.c (asked).
 *
 * Everything works on the bytes of one Ethernet frame; no state, any thread. `p` is always what
 * parse_frame() said of `frame`. Whether an address is ours is for the caller to decide, before it
 * asks for an answer. An answer keeps the request's VLAN tags, goes to the station that the request
 * came from, and is not padded to Ethernet's minimum: devices do that. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/address.h"
#include "dataplane/parse/parse.h"

/* Longest frame that a builder below writes: tagged, IPv6, one option. */
#define SOLICIT_FRAME_BYTES (14 + 4 + 40 + 24 + 8)

enum arp_op {
	ARP_REQUEST = 1,
	ARP_REPLY = 2,
};

struct arp_message {
	uint16_t op;           /* enum arp_op */
	uint8_t sender_mac[6]; /* of one station; never zero */
	struct address sender; /* 0.0.0.0: a probe (RFC 5227 2.1.1), only in requests */
	struct address target;
};

/* A neighbour solicitation or advertisement. */
struct neighbour_message {
	struct address source; /* of the IPv6 packet; zero: a probe for duplicates */
	struct address target; /* never multicast */
	uint8_t mac[6];        /* of the source (solicitation) or target (advertisement) */
	bool has_mac;          /* the message had the option that carries `mac` */
	bool solicitation;     /* else an advertisement */
	bool router, solicited, override; /* flags of an advertisement */
};

/* Reads the ARP message of a packet of kind PACKET_ARP. 0; -EINVAL when the operation is neither
 * request nor reply or the sender cannot be one station (RFC 826, RFC 5227 1.1); -ENOMSG for
 * another kind of packet. */
int arp_read(const uint8_t *frame, const struct packet *p, struct arp_message *out);

/* Turns the ARP request that arp_read() accepted into its reply (RFC 826): the target address is at
 * `mac`. Returns the length of the reply. */
uint32_t arp_answer(uint8_t *frame, const struct packet *p, const uint8_t mac[6]);

/* Reads a neighbour solicitation or advertisement of a packet of kind PACKET_ICMP_ND, with all
 * checks of RFC 4861 7.1.1 and 7.1.2 (the checksum was the parser's). 0; -EINVAL when a check
 * fails; -ENOMSG for another message. */
int neighbour_read(const uint8_t *frame, const struct packet *p, struct neighbour_message *out);

/* Turns the solicitation `m`, read from `frame`, into the advertisement that its target is at `mac`
 * (RFC 4861 7.2.4): solicited and to its source, or, for a probe, to all nodes; always with
 * override and the target's link-layer address. `capacity` counts the bytes that may be written at
 * `frame`. Returns the length of the answer (at most 72 + p->l3_offset, so that it may be longer
 * than the request); -ENOSPC when it does not fit; -EINVAL when the frame came from no single
 * station. The frame is untouched on failure. */
int neighbour_answer(uint8_t *frame, uint32_t capacity, const struct packet *p,
		     const struct neighbour_message *m, const uint8_t mac[6]);

/* Turns an ICMP or ICMPv6 echo request into its reply from `mac` (RFC 1122 3.2.2.6, RFC 4443 4.2):
 * same identifier, sequence and data, hop limit 64, options of the request not carried back.
 * Returns the length of the reply, never more than that of the request; -ENOMSG when `p` is no echo
 * request; -EADDRNOTAVAIL when it went to, or came from, more than one station. The frame is
 * untouched on failure. */
int echo_answer(uint8_t *frame, const struct packet *p, const uint8_t mac[6]);

/* Writes an ARP request of `source` at `mac` for `target` (both IPv4) to everyone, tagged with
 * `vlan` unless it is 0. Returns the frame's length, or -ENOSPC. */
int arp_request_build(uint8_t *buffer, uint32_t capacity, uint16_t vlan, const uint8_t mac[6],
		      const struct address *source, const struct address *target);

/* Writes a neighbour solicitation of `source` at `mac` for `target` (both IPv6) to the target's
 * solicited-node group (RFC 4861 4.3, RFC 2464 7), tagged with `vlan` unless it is 0. Returns the
 * frame's length, or -ENOSPC. */
int neighbour_solicit_build(uint8_t *buffer, uint32_t capacity, uint16_t vlan, const uint8_t mac[6],
			    const struct address *source, const struct address *target);
