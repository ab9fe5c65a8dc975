/* SPDX-License-Identifier: BSD-3-Clause */
/* collector.h: the way to an IPFIX collector: whole messages over UDP or TCP, without waiting.
 * Served by collector.c. The control thread alone.
 *
 * The kernel's send buffer is the only queue: a message that does not fit, or that comes while
 * nobody is connected, is refused. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "common/base/address.h"

struct collector_options {
	struct address address;
	uint16_t port;
	bool tcp;
};

struct collector;

/* 0 or -ENOMEM. */
int collector_create(const struct collector_options *options, struct collector **out);
/* Gives a message of which the half was sent a moment for the rest. NULL is fine. */
void collector_destroy(struct collector *c);

/* Goes on with connecting, a second after the last attempt failed. To be called now and then. */
void collector_tick(struct collector *c, uint64_t now_ms);
/* Counts connections; 0: there is none now. */
uint32_t collector_session(const struct collector *c);

/* Whether the kernel took the message. What it took over UDP may still be lost. */
bool collector_send(struct collector *c, const uint8_t *message, size_t bytes);
