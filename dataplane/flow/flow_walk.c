/* SPDX-License-Identifier: BSD-3-Clause */
/* flow_walk.c: going over the table bucket by bucket: expiry, and dumps. */
#include "dataplane/flow/flow_priv.h"

/* ---- expiry ---- */

static uint16_t
due_units(uint32_t ms)
{
	return (uint16_t)(ms >> FLOW_DUE_SHIFT);
}

/* The unit in which `ms` from now_ms ends, FLOW_DUE_MAX units ahead at most: later looks go on from
 * there. Rounded down: what is due within the unit is asked about from its start. */
static uint16_t
due_after(uint32_t now_ms, uint32_t ms)
{
	const uint32_t most = FLOW_DUE_MAX << FLOW_DUE_SHIFT;

	return due_units(now_ms + (ms < most ? ms : most));
}

void
flow_expect(struct flow_table *t, uint32_t index, uint32_t now_ms, uint32_t ms)
{
	struct flow_bucket *b = &t->buckets[index / FLOW_BUCKET_SLOTS];
	const uint16_t due = due_after(now_ms, ms);

	if ((int16_t)(uint16_t)(due - b->due) < 0)
		b->due = due;
}

/* Asks about the entry, whose flow was last seen at some time. Returns how long to wait for the
 * next time; 0: it was deleted. An entry seen "after" now_ms is not idle: the difference is signed.
 */
static uint32_t
slot_expire(struct flow_table *t, uint32_t index, uint32_t now_ms, flow_expire_fn expire,
	    void *context)
{
	const uint32_t seen = flow_load(&t->entries[index].last_seen_ms, memory_order_relaxed);
	const uint32_t idle_ms = (int32_t)(now_ms - seen) < 0 ? 0 : now_ms - seen;
	const uint32_t wait_ms = expire(t, index, idle_ms, context);

	if (wait_ms == 0)
		flow_delete(t, index);
	return wait_ms;
}

/* Asks about all of a bucket's entries; returns how many were deleted. */
static uint32_t
bucket_expire(struct flow_table *t, uint32_t bucket, uint32_t now_ms, flow_expire_fn expire,
	      void *context)
{
	const uint32_t first = bucket * FLOW_BUCKET_SLOTS;
	const uint32_t live = bucket_live(&t->buckets[bucket]);
	uint32_t deleted = 0, least_ms = UINT32_MAX;

	for (uint32_t m = live; m != 0; m &= m - 1)
		__builtin_prefetch(&t->entries[first + (uint32_t)__builtin_ctz(m)]);
	for (uint32_t m = live; m != 0; m &= m - 1) {
		const uint32_t wait_ms =
			slot_expire(t, first + (uint32_t)__builtin_ctz(m), now_ms, expire, context);

		deleted += wait_ms == 0;
		if (wait_ms != 0 && wait_ms < least_ms)
			least_ms = wait_ms;
	}
	t->buckets[bucket].due = due_after(now_ms, least_ms);
	return deleted;
}

void
flow_expire_anew(struct flow_table *t)
{
	t->expire_anew = t->buckets_count;
}

uint32_t
flow_expire(struct flow_table *t, uint32_t now_ms, uint32_t slots, flow_expire_fn expire,
	    void *context)
{
	const uint32_t wanted = slots / FLOW_BUCKET_SLOTS + 1;
	const uint32_t buckets = wanted < t->buckets_count ? wanted : t->buckets_count;
	const uint16_t now = due_units(now_ms);
	uint32_t deleted = 0;

	for (uint32_t i = 0; i < buckets; i++) {
		const uint32_t bucket = t->expire_bucket;

		if (t->expire_anew > 0 || (int16_t)(uint16_t)(now - t->buckets[bucket].due) >= 0)
			deleted += bucket_expire(t, bucket, now_ms, expire, context);
		t->expire_anew -= t->expire_anew > 0;
		t->expire_bucket = bucket + 1 < t->buckets_count ? bucket + 1 : 0;
	}
	return deleted;
}

/* ---- dumps ---- */

/* The live slots of the bucket at `cursor`, from there on, at most `slots` of them; sets *next to
 * the slot after them. */
static uint32_t
walk_bucket(const struct flow_table *t, uint32_t cursor, uint32_t slots, uint32_t *next)
{
	const uint32_t first = cursor % FLOW_BUCKET_SLOTS;
	const uint32_t rest = FLOW_BUCKET_SLOTS - first;
	const uint32_t looked = slots < rest ? slots : rest;
	const uint32_t window = ((1u << looked) - 1) << first;

	*next = cursor + looked;
	return bucket_live(&t->buckets[cursor / FLOW_BUCKET_SLOTS]) & window;
}

bool
flow_each(const struct flow_table *t, uint32_t *cursor, uint32_t slots, flow_each_fn each,
	  void *context)
{
	uint32_t left = slots;

	while (left > 0 && *cursor < t->slots) {
		const uint32_t first = *cursor - *cursor % FLOW_BUCKET_SLOTS;
		uint32_t next;
		uint32_t live = walk_bucket(t, *cursor, left, &next);

		for (; live != 0; live &= live - 1) {
			const uint32_t index = first + (uint32_t)__builtin_ctz(live);

			if (flow_entry_shown(&t->entries[index]))
				each(&t->entries[index], &t->details[index], context);
		}
		left -= next - *cursor;
		*cursor = next;
	}
	return *cursor < t->slots;
}
