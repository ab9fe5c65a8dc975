/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_record.c: copies a flow's numbers out of its two lines, and notes its TCP flags there. */
#include "dataplane/flow/flow_record.h"

const char *const flow_end_names[FLOW_ENDS] = {
	[FLOW_LIVES] = "",
	[FLOW_END_FIN] = "fin",
	[FLOW_END_RST] = "rst",
	[FLOW_END_TIMEOUT] = "timeout",
	[FLOW_END_EVICTED] = "evicted",
	[FLOW_END_UNBOUND] = "unbound",
	[FLOW_END_SHUTDOWN] = "shutdown",
};

void
flow_tcp_flags_note(struct flow_entry *e, struct flow_detail *d, unsigned direction,
		    uint8_t tcp_flags)
{
	_Atomic uint8_t *seen = &d->tcp_flags[direction];
	const uint16_t common = tcp_flags >> FLOW_NOTED_SHIFT & FLOW_NOTED_MASK;
	const uint16_t port = flow_load(&e->port, memory_order_relaxed);

	flow_store(seen, (uint8_t)(flow_load(seen, memory_order_relaxed) | tcp_flags),
		   memory_order_relaxed);
	flow_store(&e->port, (uint16_t)(port | common << flow_noted_bit(direction)),
		   memory_order_relaxed);
}

void
flow_record_read(const struct flow_entry *e, const struct flow_detail *d, struct flow_record *out)
{
	const uint64_t word = flow_entry_word(e);
	const unsigned flags = flow_word_flags(word);
	const unsigned origin = (flags & FLOW_ORIG_IS_1) != 0;
	struct flow_totals totals;

	flow_totals_read(e, d, &totals);
	*out = (struct flow_record){
		.key = e->key,
		.packets = { totals.packets[origin], totals.packets[!origin] },
		.bytes = { totals.bytes[origin], totals.bytes[!origin] },
		.first_ms = flow_load(&d->first_ms, memory_order_relaxed),
		.last_ms = flow_load(&e->last_seen_ms, memory_order_relaxed),
		.port = flow_near_port(e, d),
		.link = flow_load(&d->link, memory_order_relaxed),
		.tcp_flags = { flow_load(&d->tcp_flags[origin], memory_order_relaxed),
			       flow_load(&d->tcp_flags[!origin], memory_order_relaxed) },
		.state = (uint8_t)flow_word_state(word),
		.flags = (uint8_t)flags,
		.end = FLOW_LIVES,
		.history = flow_load(&d->history, memory_order_relaxed),
	};
}
