/* SPDX-License-Identifier: BSD-3-Clause */
/* budget.c: which flows give way to new ones, and how long half-open ones may last.
 *
 * The list of half-open flows (half_open.h) has a place for each flow of their share. Those of
 * protocols with a handshake are always on it: for a new one, an old one gives way. Others are on
 * it as far as there is room, and may be more as long as nobody else needs the table. Once no more
 * of it is left than the share, the table is under pressure: then a new flow beyond the share takes
 * the place of any half-open one, and half-open ones that are idle for an eighth of their time end.
 */
#include "dataplane/worker/worker.h"

/* By what the time of half-open flows is divided under pressure; and less is not left of it. */
#define PRESSURE_DIVISOR  8u
#define PRESSURE_LEAST_MS 1000u

static bool
table_is_full(const struct worker *w)
{
	return flow_count(w->flows) >= w->dp->options.flows_capacity;
}

static bool
under_pressure(const struct worker *w)
{
	const struct dataplane_options *o = &w->dp->options;

	return flow_count(w->flows) >= o->flows_capacity - o->half_open_flows;
}

bool
budget_is_tight(const struct worker *w, uint8_t proto)
{
	return under_pressure(w) || (w->half_open != NULL && half_open_is_full(w->half_open) &&
				     tracker_of(proto)->handshake);
}

/* Packets of the burst that is in work may have the flow's index already. */
static bool
in_burst(const struct worker *w, uint32_t index)
{
	bool found = false;

	for (uint16_t i = 0; i < w->burst.n; i++)
		found |= w->burst.flows[i] == index;
	return found;
}

static void
evict(struct worker *w, uint32_t index)
{
	flows_end(w, index, FLOW_END_EVICTED);
	flow_delete(w->flows, index);
	w->evicted = true;
	count(&w->counters, COUNTER_flows_evicted, 1);
}

/* The place of a half-open flow is where its tracker has no use for it yet. */
static uint32_t *
place_of(struct flow_detail *d)
{
	return &((struct track_line *)d->track)->later;
}

static bool
is_listed(const struct flow_entry *e, struct flow_detail *d, unsigned state)
{
	return !track_confirmed(e->key.proto, state) && *place_of(d) != HALF_OPEN_NONE;
}

static void
leave_list(struct worker *w, uint32_t index)
{
	uint32_t *place = place_of(flow_detail_at(w->flows, index));

	half_open_remove(w->half_open, &flow_entry_at(w->flows, index)->key, *place);
	*place = HALF_OPEN_NONE;
}

/* Takes a place from the oldest half-open flow of the same source prefix, else from the oldest of
 * all. It ends, unless there is room for one that no handshake will ever confirm. False: there is
 * none that this burst does not use. */
static bool
displace(struct worker *w, const struct flow_key *key, unsigned origin)
{
	const struct half_open *h = w->half_open;
	uint32_t place = half_open_oldest_like(h, key, origin);
	uint32_t index;

	if (place == HALF_OPEN_NONE || in_burst(w, half_open_flow(h, place)))
		place = half_open_oldest(h);
	while (place != HALF_OPEN_NONE && in_burst(w, half_open_flow(h, place)))
		place = half_open_newer(h, place);
	if (place == HALF_OPEN_NONE)
		return false;
	index = half_open_flow(h, place);
	if (under_pressure(w) || tracker_of(flow_entry_at(w->flows, index)->key.proto)->handshake)
		evict(w, index);
	else
		leave_list(w, index);
	return true;
}

/* Ends the flow that was silent for longest, of those that share a bucket with the new one; only a
 * half-open one that is not on the list, or any. */
static bool
evict_sampled(struct worker *w, uint64_t hash, bool any)
{
	uint32_t sample[FLOW_SAMPLE_MAX], victim = FLOW_NONE, most_ms = 0;
	const uint32_t n = flow_sample(w->flows, hash, sample);

	for (uint32_t i = 0; i < n; i++) {
		const struct flow_entry *e = flow_entry_at(w->flows, sample[i]);
		const uint32_t idle_ms =
			w->now_ms - atomic_load_explicit(&e->last_seen_ms, memory_order_relaxed);
		const unsigned state = flow_word_state(flow_entry_word(e));

		if (!any && (track_confirmed(e->key.proto, state) ||
			     is_listed(e, flow_detail_at(w->flows, sample[i]), state)))
			continue;
		if ((victim == FLOW_NONE || idle_ms > most_ms) && !in_burst(w, sample[i])) {
			victim = sample[i];
			most_ms = idle_ms;
		}
	}
	if (victim == FLOW_NONE)
		return false;
	evict(w, victim);
	return true;
}

bool
budget_make_room(struct worker *w, const struct flow_key *key, unsigned origin, uint64_t hash)
{
	const struct half_open *h = w->half_open;
	const bool refuse = w->dp->options.flows_full == FLOWS_FULL_REFUSE;

	if (h != NULL && half_open_is_full(h) && displace(w, key, origin))
		return true;
	if (!table_is_full(w))
		return true;
	if (h != NULL && evict_sampled(w, hash, false))
		return true;
	return refuse ? h != NULL && displace(w, key, origin) : evict_sampled(w, hash, true);
}

/* How long a flow in `state` may idle under pressure, which is also when to look at it at the
 * latest. */
static uint32_t
pressed_ms(const struct worker *w, uint8_t proto, unsigned state, uint32_t timeout_ms)
{
	const uint32_t ms = timeout_ms / PRESSURE_DIVISOR;

	if (w->half_open == NULL || track_confirmed(proto, state) || track_closed(proto, state))
		return timeout_ms;
	if (ms >= PRESSURE_LEAST_MS)
		return ms;
	return timeout_ms < PRESSURE_LEAST_MS ? timeout_ms : PRESSURE_LEAST_MS;
}

uint32_t
budget_wait_ms(const struct worker *w, uint8_t proto, unsigned state, uint32_t idle_ms)
{
	const uint32_t timeout_ms = track_timeout_ms(&w->rules->timeouts, proto, state);
	const uint32_t short_ms = pressed_ms(w, proto, state, timeout_ms);
	const uint32_t limit_ms = under_pressure(w) ? short_ms : timeout_ms;
	const uint32_t left_ms = idle_ms < limit_ms ? limit_ms - idle_ms : 0;

	return left_ms < short_ms ? left_ms : short_ms;
}

void
budget_list(struct worker *w, uint32_t index)
{
	struct half_open *h = w->half_open;
	const struct flow_entry *e = flow_entry_at(w->flows, index);
	const unsigned origin = (flow_entry_flags(e) & FLOW_ORIG_IS_1) != 0;

	if (h == NULL)
		return;
	if (half_open_is_full(h) && tracker_of(e->key.proto)->handshake)
		(void)displace(w, &e->key, origin);
	if (!half_open_is_full(h))
		*place_of(flow_detail_at(w->flows, index)) =
			half_open_add(h, &e->key, origin, index);
	flow_expect(w->flows, index, w->now_ms,
		    budget_wait_ms(w, e->key.proto, flow_word_state(flow_entry_word(e)), 0));
}

void
budget_follow(struct worker *w, uint32_t index, unsigned before)
{
	const struct flow_entry *e = flow_entry_at(w->flows, index);
	const unsigned state = flow_word_state(flow_entry_word(e));
	const bool confirmed = track_confirmed(e->key.proto, state);

	if (is_listed(e, flow_detail_at(w->flows, index), before)) {
		if (confirmed)
			leave_list(w, index);
	} else if (!confirmed && !track_closed(e->key.proto, state)) {
		budget_list(w, index);
	}
}

void
budget_forget(struct worker *w, uint32_t index)
{
	const struct flow_entry *e = flow_entry_at(w->flows, index);

	if (is_listed(e, flow_detail_at(w->flows, index), flow_word_state(flow_entry_word(e))))
		leave_list(w, index);
}
