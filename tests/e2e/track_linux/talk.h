/* SPDX-License-Identifier: BSD-3-Clause */
/* talk.h: conversations made up packet by packet, some of them wrong, for comparing trackers.
 * Served by talk.c (all of them), talk_tcp.c, talk_sctp.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "tests/random.h"

#define TALK_PACKET_BYTES 1600
#define TALK_KEPT         8

/* One IP packet, and which of the two hosts sends it. */
struct talk_packet {
	uint8_t bytes[TALK_PACKET_BYTES];
	uint16_t length;
	uint8_t from;
};

struct talk_tcp_side {
	uint32_t iss, next, unacked, expected; /* as the endpoint itself knows them */
	uint32_t ahead, ahead_end;             /* received out of order; equal: nothing */
	uint16_t window;
	uint8_t scale, peer_scale;
	bool scales, sacks, sent_syn, heard_syn, open, sent_fin, heard_fin, closed;
};

struct talk {
	uint8_t family, proto;
	uint8_t address[2][16];
	uint16_t port[2];
	uint32_t packets; /* made so far */
	uint32_t life;    /* ends after as many */
	bool over;        /* its endpoints have nothing more to say: begin anew, or elsewhere */
	struct talk_tcp_side tcp[2];
	bool simultaneous;
	uint32_t sctp_tag[2]; /* chosen by side s */
	uint8_t sctp_step;
	bool icmp_request[2];
	struct talk_packet kept[TALK_KEPT]; /* of its last packets, to be sent again */
	uint8_t kept_count, kept_next;
};

/* Begins conversation `number`, between ends that no other number has. */
void talk_begin(struct talk *t, uint32_t number, struct random *r);
/* Begins another one between the same ends. */
void talk_again(struct talk *t, struct random *r);
/* Makes the next packet. */
void talk_next(struct talk *t, struct random *r, struct talk_packet *out);

/* For the protocols. */
/* Writes the IP header for `bytes` of transport; returns where they go. */
uint8_t *talk_ip(const struct talk *t, unsigned from, uint16_t bytes, struct talk_packet *out);
void talk_tcp_begin(struct talk *t, struct random *r);
void talk_tcp_next(struct talk *t, struct random *r, struct talk_packet *out);
void talk_sctp_begin(struct talk *t, struct random *r);
void talk_sctp_next(struct talk *t, struct random *r, struct talk_packet *out);
