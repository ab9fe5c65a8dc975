/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_entry.h: what the table keeps of a flow: the line that each packet touches, and the other.
 *
 * The writer alone stores in both; readers may look at any time. All fields but the key, far and
 * track are atomic and relaxed unless said otherwise: old numbers, never torn ones. */
#pragma once

#include <assert.h>
#include <stdalign.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/limits.h"
#include "dataplane/flow/flow_atomic.h"
#include "dataplane/flow/flow_key.h"

/* Names one life of one port object: generation in the high half, id in the low. */
typedef uint32_t port_ref;
#define PORT_REF_NONE 0u /* generations start at 1 */

static inline port_ref
port_ref_make(uint16_t id, uint16_t generation)
{
	return (uint32_t)generation << 16 | id;
}
static inline uint16_t
port_ref_id(port_ref ref)
{
	return (uint16_t)ref;
}

enum flow_flag {
	FLOW_ORIG_IS_1 = 1u << 0, /* the first packet came from the key's endpoint 1 */
	FLOW_REPLIED = 1u << 1,   /* seen in both directions */
	FLOW_OUTGOING = 1u << 2,  /* the first packet was sent by an application here */
	FLOW_LOCAL = 1u << 3,     /* both ends are applications here */
	FLOW_MODE_0 = 1u << 4,    /* this one and the next: how it is tracked */
};
#define FLOW_FLAGS_MASK 0xffu

/* The line that each packet of the flow touches. */
struct flow_entry {
	alignas(CACHE_LINE) struct flow_key key; /* canonical; constant while published */
	_Atomic uint32_t last_seen_ms;           /* wraps; compare differences */
	/* Who receives packets to the near endpoint (flow_near_side), and by which binding: known
	 * to live as long as the bindings are those of `epoch`. The port's generation is in the
	 * detail. Epoch 0: the entry was just made (F6). */
	_Atomic uint32_t epoch;
	_Atomic uint32_t binding;
	_Atomic uint16_t port;       /* its id, and above it what FLOW_NOTED_SHIFT says */
	_Atomic uint16_t generation; /* of the slot's lives; wraps, never 0 */
	/* Counts, state and flags in one word, so that a packet loads and stores once:
	 *   0..6    packets from endpoint 0 of the key, modulo 2^7
	 *   8..24   IP bytes from it, modulo 2^17
	 *   26..51  the same from endpoint 1
	 *   52..55  state, the tracker's
	 *   56..63  enum flow_flag
	 * The bits between take an addition's carry, and are cleared. See flow_count_add(). */
	_Atomic uint64_t word;
};
static_assert(sizeof(struct flow_entry) == CACHE_LINE, "one line");

/* Second line, same index: what a packet needs rarely, and what its tracker remembers. */
struct flow_detail {
	/* By the endpoint that sent them: packets / 2^6 in bits 0..31, IP bytes / 2^16 in bits
	 * 32..63, as of some moment not long ago. flow_totals_read() adds what came since. */
	alignas(CACHE_LINE) _Atomic uint64_t totals[2];
	_Atomic uint32_t first_ms;
	_Atomic uint32_t history;    /* flow_history_add() */
	_Atomic uint16_t generation; /* of the near side's port; 0: the near side has none */
	_Atomic uint16_t link;       /* link a packet came by lately, or LINK_NONE, LINK_ENCLOSED */
	_Atomic uint8_t tcp_flags[2]; /* all that packets from each endpoint carried */
	uint16_t far; /* the worker's name of the far end; control does not read it */
	union {
		uint32_t track[8]; /* the tracker's (struct track_line); its worker's alone */
		/* In the table of connected sockets, which are not tracked (connect_priv.h). By
		 * side: who has that endpoint of the key. */
		struct {
			_Atomic port_ref port[2];
			_Atomic uint32_t id[2];
		} socket;
	};
};
static_assert(sizeof(struct flow_detail) == CACHE_LINE, "one line");

/* Bits of entry.port that are the port's id. The four above them say, two for each direction, which
 * of the flags PSH and ACK the detail has: these come with most packets, and then only the entry's
 * line is looked at. */
#define FLOW_PORT_BITS   12u
#define FLOW_PORT_MASK   ((1u << FLOW_PORT_BITS) - 1)
#define FLOW_NOTED_SHIFT 3u /* of PSH (0x08) and ACK (0x10) among the TCP flags */
#define FLOW_NOTED_MASK  3u
static_assert(PORTS_MAX <= 1u << FLOW_PORT_BITS, "ids of ports fit");

#define FLOW_DIRECTION_BITS 26u
#define FLOW_PACKETS_BITS   7u
#define FLOW_BYTES_SHIFT    8u
#define FLOW_BYTES_BITS     17u
#define FLOW_STATE_SHIFT    52u
#define FLOW_STATE_MASK     0xfu
#define FLOW_FLAGS_SHIFT    56u
/* The bits between the counts, of both directions. */
#define FLOW_CARRY_ONE  (1ull << FLOW_PACKETS_BITS | 1ull << (FLOW_BYTES_SHIFT + FLOW_BYTES_BITS))
#define FLOW_CARRY_BITS (FLOW_CARRY_ONE | FLOW_CARRY_ONE << FLOW_DIRECTION_BITS)
/* The highest bit of each count. */
#define FLOW_HALF_ONE \
	(1ull << (FLOW_PACKETS_BITS - 1) | 1ull << (FLOW_BYTES_SHIFT + FLOW_BYTES_BITS - 1))
#define FLOW_HALF_BITS (FLOW_HALF_ONE | FLOW_HALF_ONE << FLOW_DIRECTION_BITS)

static inline unsigned
flow_word_flags(uint64_t word)
{
	return (unsigned)(word >> FLOW_FLAGS_SHIFT);
}
static inline unsigned
flow_word_state(uint64_t word)
{
	return word >> FLOW_STATE_SHIFT & FLOW_STATE_MASK;
}
static inline uint64_t
flow_word_with(uint64_t word, unsigned state, unsigned flags)
{
	return (word & ((1ull << FLOW_STATE_SHIFT) - 1)) | (uint64_t)state << FLOW_STATE_SHIFT |
	       (uint64_t)flags << FLOW_FLAGS_SHIFT;
}
/* Packets of a direction, modulo 2^FLOW_PACKETS_BITS. */
static inline uint32_t
flow_word_packets(uint64_t word, unsigned direction)
{
	return word >> direction * FLOW_DIRECTION_BITS & ((1u << FLOW_PACKETS_BITS) - 1);
}
/* IP bytes of a direction, modulo 2^FLOW_BYTES_BITS. */
static inline uint32_t
flow_word_bytes(uint64_t word, unsigned direction)
{
	return word >> (direction * FLOW_DIRECTION_BITS + FLOW_BYTES_SHIFT) &
	       ((1u << FLOW_BYTES_BITS) - 1);
}

static inline uint64_t
flow_entry_word(const struct flow_entry *e)
{
	return flow_load(&e->word, memory_order_relaxed);
}
static inline unsigned
flow_entry_flags(const struct flow_entry *e)
{
	return flow_word_flags(flow_entry_word(e));
}

/* The endpoint whose application the entry line itself remembers: the one that took or sent the
 * first packet. */
static inline unsigned
flow_near_side(unsigned flags)
{
	const unsigned origin = (flags & FLOW_ORIG_IS_1) != 0;

	return (flags & FLOW_OUTGOING) != 0 ? origin : !origin;
}

/* The id in entry.port. */
static inline uint16_t
flow_entry_port(const struct flow_entry *e)
{
	return flow_load(&e->port, memory_order_relaxed) & FLOW_PORT_MASK;
}

/* Writer. */
static inline void
flow_entry_port_set(struct flow_entry *e, uint16_t id)
{
	const uint16_t noted = flow_load(&e->port, memory_order_relaxed) & ~FLOW_PORT_MASK;

	flow_store(&e->port, noted | id, memory_order_relaxed);
}

/* The port of the near side, or PORT_REF_NONE; also while the writer changes it. Reader. */
static inline port_ref
flow_near_port(const struct flow_entry *e, const struct flow_detail *d)
{
	/* Acquire: generation, id, generation; pairs with the releases below. */
	const uint16_t generation = flow_load(&d->generation, memory_order_acquire);
	const uint16_t id = flow_load(&e->port, memory_order_acquire) & FLOW_PORT_MASK;

	return flow_load(&d->generation, memory_order_relaxed) == generation && generation != 0
		       ? port_ref_make(id, generation)
		       : PORT_REF_NONE;
}
/* Writer. */
static inline void
flow_near_port_set(struct flow_entry *e, struct flow_detail *d, port_ref port)
{
	const uint16_t noted = flow_load(&e->port, memory_order_relaxed) & ~FLOW_PORT_MASK;

	/* Release: no generation beside another port's id; pairs with the acquires above. */
	flow_store(&d->generation, 0, memory_order_relaxed);
	flow_store(&e->port, (uint16_t)(noted | port_ref_id(port)), memory_order_release);
	flow_store(&d->generation, (uint16_t)(port >> 16), memory_order_release);
}

/* The states that a flow was in, four bits each, the latest lowest; 0: no more of them. */
#define FLOW_HISTORY_STATES 8u
#define FLOW_HISTORY_BITS   4u

/* Writer. `state` is 1..15. */
static inline void
flow_history_add(struct flow_detail *d, unsigned state)
{
	flow_store(&d->history,
		   flow_load(&d->history, memory_order_relaxed) << FLOW_HISTORY_BITS | state,
		   memory_order_relaxed);
}
/* State number `i` of a history, 0 the latest; i is below FLOW_HISTORY_STATES. */
static inline unsigned
flow_history_state(uint32_t history, unsigned i)
{
	return history >> i * FLOW_HISTORY_BITS & FLOW_STATE_MASK;
}

static inline unsigned
flow_noted_bit(unsigned direction)
{
	return FLOW_PORT_BITS + 2 * direction;
}

/* Those of a packet's TCP flags that the detail may lack; 0 for most packets. Writer. */
static inline uint8_t
flow_tcp_flags_new(const struct flow_entry *e, unsigned direction, uint8_t tcp_flags)
{
	const unsigned noted =
		flow_load(&e->port, memory_order_relaxed) >> flow_noted_bit(direction) &
		FLOW_NOTED_MASK;

	return tcp_flags & ~(noted << FLOW_NOTED_SHIFT);
}
/* Adds them to the detail. Writer. */
void flow_tcp_flags_note(struct flow_entry *e, struct flow_detail *d, unsigned direction,
			 uint8_t tcp_flags);

/* Says that the entry's detail is complete, and under which epoch (not 0) port and binding were
 * decided (F6). Writer. */
static inline void
flow_entry_show(struct flow_entry *e, uint32_t epoch)
{
	/* Release: after the detail; pairs with the acquire below. */
	flow_store(&e->epoch, epoch, memory_order_release);
}
static inline bool
flow_entry_shown(const struct flow_entry *e)
{
	return flow_load(&e->epoch, memory_order_acquire) != 0;
}

/* Brings the detail's totals up to the word that was just stored. Writer. */
void flow_totals_fold(struct flow_detail *d, uint64_t word, unsigned direction);

/* Counts one packet of `ip_bytes` (0..65535) and stores it with `state` and `flags`; `word` is the
 * entry's present one. Touches the detail each time that a count passes half of its range, which
 * says that less than the whole range has come since the totals were right (below). True: it did.
 * Writer. */
static inline bool
flow_count_add(struct flow_entry *e, struct flow_detail *d, uint64_t word, unsigned direction,
	       uint32_t ip_bytes, unsigned state, unsigned flags)
{
	const uint64_t more = (1u | (uint64_t)ip_bytes << FLOW_BYTES_SHIFT)
			      << direction * FLOW_DIRECTION_BITS;
	const uint64_t now = flow_word_with((word + more) & ~FLOW_CARRY_BITS, state, flags);

	/* Release: whoever sees this word sees the totals of the last fold; pairs with the acquire
	 * in flow_totals_read(). */
	flow_store(&e->word, now, memory_order_release);
	if (__builtin_expect(((now ^ word) & FLOW_HALF_BITS) == 0, 1))
		return false;
	flow_totals_fold(d, now, direction);
	return true;
}

struct flow_totals {
	uint64_t packets[2], bytes[2]; /* by the endpoint that sent them */
};

/* The whole counts of a flow: exact at some moment during the call, each on its own. (Should the
 * writer bring the totals up to date between each two of several attempts, a count may be short by
 * its range in the word.) Reader. */
void
flow_totals_read(const struct flow_entry *e, const struct flow_detail *d, struct flow_totals *out);
