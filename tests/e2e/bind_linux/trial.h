/* SPDX-License-Identifier: BSD-3-Clause */
/* trial.h: a made-up set of sockets and the packets to be sent to them. Served by trial.c. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/identity.h"
#include "tests/random.h"

#define SPECS_MAX  5
#define PROBES_MAX 10
#define USERS      2
#define NOBODY     (-1)

/* How a socket is made, and what of it berth has. */
enum kind {
	KIND_V4,     /* AF_INET */
	KIND_V6ONLY, /* AF_INET6 with IPV6_V6ONLY */
	KIND_DUAL,   /* AF_INET6 without: its any address is one of both families */
	KIND_MAPPED, /* AF_INET6 without, bound to an IPv4-mapped address, never to any */
	KINDS
};

struct spec {
	uint8_t proto; /* PROTO_TCP: it listens; PROTO_UDP */
	uint8_t kind;
	uint8_t address; /* 0: any; 1, 2 */
	uint8_t port;    /* 0, 1 */
	bool reuse;      /* SO_REUSEADDR */
	bool shared;     /* SO_REUSEPORT */
	uint8_t user;    /* below USERS */
	uint8_t remote;  /* 0: not connected; 1, 2: UDP with an address of its own only */
};

struct probe {
	uint8_t proto;
	bool ipv6;
	uint8_t from, to; /* addresses 1, 2 of the remote and the local side */
	uint8_t port;
};

/* The sockets are opened in order; then half of the packets come, one socket closes, and the other
 * half comes. */
struct trial {
	unsigned specs_count, probes_count;
	unsigned closes; /* index of the socket that closes; specs_count: none */
	struct spec specs[SPECS_MAX];
	struct probe probes[PROBES_MAX];
};

/* Transport ports of local sockets and of remote ones. */
#define TRIAL_PORT(i)   ((uint16_t)(5001 + (i)))
#define TRIAL_REMOTE(i) ((uint16_t)(6000 + (i)))

/* Addresses that the namespace has: `i` is 1 or 2. */
struct address trial_local(bool ipv6, unsigned i);
struct address trial_remote(bool ipv6, unsigned i);

/* Makes a trial with sockets of `users` users. */
void trial_make(struct random *r, unsigned users, struct trial *out);

/* What the socket is to berth. */
struct identity trial_identity(const struct spec *s);
/* Whether packets of the probe can be for the socket at all. */
bool trial_matches(const struct spec *s, const struct probe *p);

#define TRIAL_TEXT_BYTES 160
const char *spec_text(const struct spec *s, char text[TRIAL_TEXT_BYTES]);
const char *probe_text(const struct probe *p, char text[TRIAL_TEXT_BYTES]);
