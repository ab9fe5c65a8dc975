/* SPDX-License-Identifier: BSD-3-Clause */
/* test_fragment.c: each rule and each limit of the fragment stage, with its reason. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <string.h>

#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/identity.h"
#include "common/base/limits.h"
#include "dataplane/fragment/fragment.h"

#define TIMEOUT_MS 1000u
#define ENDED_MAX  256

static const struct flow_secret secret = { { 1, 2 } };

/* What came out, in order. A packet is a number. */
struct ended {
	unsigned count;
	struct {
		uintptr_t packet;
		enum drop_reason reason;
		struct fragment_tuple first;
	} at[ENDED_MAX];
};

static void
end(void *context, void *packet, const struct fragment_tuple *first, enum drop_reason reason)
{
	struct ended *e = context;

	cr_assert(lt(u32, e->count, ENDED_MAX));
	cr_assert(eq(int, first != NULL, reason == DROP_NONE));
	e->at[e->count].packet = (uintptr_t)packet;
	e->at[e->count].reason = reason;
	if (first != NULL)
		e->at[e->count].first = *first;
	e->count++;
}

static struct fragment_table *
table_make(uint32_t datagrams, uint32_t held, uint32_t per_source)
{
	const struct fragment_options o = { TIMEOUT_MS, datagrams, held, per_source };
	struct fragment_table *t;

	cr_assert(zero(int, fragment_table_create(&o, &secret, &t)));
	return t;
}

/* A fragment of datagram `id` from host `source`; packet is `offset` and `id` in one number. */
static struct fragment
part(uint8_t source, uint32_t id, uint16_t offset, uint16_t bytes, bool more)
{
	struct fragment f = { .id = id,
			      .offset = offset,
			      .bytes = bytes,
			      .more = more,
			      .header_bytes = 20,
			      .kind = offset == 0 ? 3 : 0,
			      .packet = (void *)(uintptr_t)(id << 16 | offset),
			      .key = { .family = FAMILY_IPV4, .proto = PROTO_UDP, .zone = 5 } };

	memcpy(f.key.addr[0], (uint8_t[4]){ 192, 0, 2, source }, 4);
	memcpy(f.key.addr[1], (uint8_t[4]){ 198, 51, 100, 2 }, 4);
	if (offset == 0) {
		f.key.port[0] = (uint16_t)(1000 + id);
		f.key.port[1] = 53;
	}
	return f;
}

static void
put(struct fragment_table *t, struct ended *e, struct fragment f, uint32_t now_ms)
{
	fragment_put(t, &f, now_ms, end, e);
}

static void
ended_is(struct ended *e, unsigned i, uint32_t id, uint16_t offset, enum drop_reason reason)
{
	cr_assert(lt(u32, i, e->count), "end %u of %u", i, e->count);
	cr_expect(eq(u64, e->at[i].packet, id << 16 | offset), "end %u", i);
	cr_expect(eq(u32, e->at[i].reason, reason), "end %u: %s instead of %s", i,
		  drop_names[e->at[i].reason], drop_names[reason]);
	if (reason == DROP_NONE) {
		cr_expect(eq(u16, e->at[i].first.port[0], (uint16_t)(1000 + id)));
		cr_expect(eq(u16, e->at[i].first.port[1], 53));
		cr_expect(eq(u8, e->at[i].first.kind, 3));
	}
}

/* Goal: in order each goes on at once; a datagram that is through leaves nothing behind. */
Test(fragment, in_order)
{
	struct fragment_table *t = table_make(4, 4, 4);
	struct ended e = { 0 };

	put(t, &e, part(1, 7, 0, 16, true), 0);
	cr_expect(eq(u32, fragment_datagrams(t), 1));
	put(t, &e, part(1, 7, 16, 16, true), 0);
	put(t, &e, part(1, 7, 32, 5, false), 0);
	for (uint16_t i = 0; i < 3; i++)
		ended_is(&e, i, 7, (uint16_t)(16 * i), DROP_NONE);
	cr_expect(eq(u32, e.count, 3));
	cr_expect(eq(u32, fragment_datagrams(t), 0));
	put(t, &e, part(1, 7, 0, 16, true), 0);
	ended_is(&e, 3, 7, 0, DROP_NONE); /* the same name, a new datagram */
	fragment_table_destroy(t);
}

/* Goal: early ones wait, and follow the first in the order of their arrival. */
Test(fragment, out_of_order)
{
	struct fragment_table *t = table_make(4, 4, 4);
	struct ended e = { 0 };

	put(t, &e, part(1, 7, 32, 5, false), 0);
	put(t, &e, part(1, 7, 16, 16, true), 0);
	cr_expect(eq(u32, e.count, 0));
	cr_expect(eq(u32, fragment_held(t), 2));
	put(t, &e, part(1, 7, 0, 16, true), 999);
	ended_is(&e, 0, 7, 0, DROP_NONE);
	ended_is(&e, 1, 7, 32, DROP_NONE);
	ended_is(&e, 2, 7, 16, DROP_NONE);
	cr_expect(eq(u32, fragment_held(t), 0));
	cr_expect(eq(u32, fragment_datagrams(t), 0));
	fragment_table_destroy(t);
}

/* Goal: what differs in any part of the name is another datagram; IPv6 does not count the next
 * header of later fragments (RFC 8200 4.5), which take the first one's. */
Test(fragment, identity)
{
	struct fragment_table *t = table_make(16, 16, 16);
	struct ended e = { 0 };
	struct fragment f[6];

	put(t, &e, part(1, 7, 0, 16, true), 0);
	for (unsigned i = 0; i < array_length(f); i++)
		f[i] = part(1, 7, 16, 16, true);
	f[0].id = 8;
	f[1].key.zone = 6;
	f[2].key.addr[0][3] = 2;
	f[3].key.addr[1][3] = 3;
	f[4].key.proto = PROTO_ICMP;
	f[5].key.family = FAMILY_IPV6;
	for (unsigned i = 0; i < array_length(f); i++)
		put(t, &e, f[i], 0);
	cr_expect(eq(u32, e.count, 1));
	cr_expect(eq(u32, fragment_held(t), 6));

	f[0] = part(1, 7, 0, 16, true);
	f[1] = part(1, 7, 16, 16, false);
	f[0].key.family = f[1].key.family = FAMILY_IPV6;
	f[0].id = f[1].id = 0xfffe0007;
	f[1].key.proto = 99;
	put(t, &e, f[1], 0);
	put(t, &e, f[0], 0);
	cr_assert(eq(u32, e.count, 3));
	cr_expect(eq(u32, e.at[2].reason, DROP_NONE));
	cr_expect(eq(u8, e.at[2].first.proto, PROTO_UDP));
	fragment_table_destroy(t);
}

/* Goal: each refusal has its name, and costs what it must: nothing, this fragment, or the datagram.
 */
Test(fragment, refusals)
{
	struct fragment_table *t = table_make(4, 4, 4);
	struct ended e = { 0 };
	struct fragment f;

	put(t, &e, part(1, 1, 16, 0, true), 0);
	put(t, &e, part(1, 2, 16, 9, true), 0);
	put(t, &e, part(1, 3, 65512, 8, false), 0);
	f = part(1, 4, 8, 64, true);
	f.key.proto = PROTO_TCP;
	put(t, &e, f, 0);
	ended_is(&e, 0, 1, 16, DROP_FRAGMENT_LENGTH);
	ended_is(&e, 1, 2, 16, DROP_FRAGMENT_LENGTH);
	ended_is(&e, 2, 3, 65512, DROP_FRAGMENT_TOO_LONG);
	ended_is(&e, 3, 4, 8, DROP_FRAGMENT_TINY);
	cr_expect(eq(u32, fragment_datagrams(t), 0));

	put(t, &e, part(1, 5, 16, 16, true), 0);
	put(t, &e, part(1, 5, 16, 16, true), 0);
	ended_is(&e, 4, 5, 16, DROP_FRAGMENT_DUPLICATE);
	put(t, &e, part(1, 5, 24, 16, true), 0);
	ended_is(&e, 5, 5, 24, DROP_FRAGMENT_OVERLAP);
	ended_is(&e, 6, 5, 16, DROP_FRAGMENT_OVERLAP); /* the one held */
	put(t, &e, part(1, 5, 0, 16, true), TIMEOUT_MS - 1);
	ended_is(&e, 7, 5, 0, DROP_FRAGMENT_OVERLAP); /* G4 */
	put(t, &e, part(1, 5, 0, 16, true), TIMEOUT_MS);
	ended_is(&e, 8, 5, 0, DROP_NONE);

	for (uint16_t i = 0; i <= PIECES_MAX; i++)
		put(t, &e, part(1, 6, (uint16_t)(16 * i), 8, true), 0);
	ended_is(&e, 9 + PIECES_MAX, 6, 16 * PIECES_MAX, DROP_FRAGMENT_TOO_MANY);
	put(t, &e, part(1, 6, 8, 8, true), 0);
	ended_is(&e, 10 + PIECES_MAX, 6, 8, DROP_FRAGMENT_TOO_MANY);
	fragment_table_destroy(t);
}

/* Goal: what is too old leaves by name, held or not, also when the clock wraps, and no more than
 * asked for at once. */
Test(fragment, timeout)
{
	struct fragment_table *t = table_make(8, 8, 8);
	struct ended e = { 0 };
	const uint32_t start = UINT32_MAX - 10;

	put(t, &e, part(1, 1, 16, 8, true), start);
	put(t, &e, part(1, 2, 16, 8, true), start + 5);
	put(t, &e, part(1, 3, 0, 8, true), start + 5);
	ended_is(&e, 0, 3, 0, DROP_NONE);
	cr_expect(eq(u32, fragment_expire(t, start + TIMEOUT_MS - 1, 8, end, &e), 0));
	cr_expect(eq(u32, fragment_expire(t, start + TIMEOUT_MS, 8, end, &e), 1));
	ended_is(&e, 1, 1, 16, DROP_FRAGMENT_TIMEOUT);
	cr_expect(eq(u32, fragment_expire(t, start + TIMEOUT_MS + 5, 1, end, &e), 1));
	ended_is(&e, 2, 2, 16, DROP_FRAGMENT_TIMEOUT);
	cr_expect(eq(u32, fragment_expire(t, start + TIMEOUT_MS + 5, 1, end, &e), 1));
	cr_expect(eq(u32, e.count, 3));
	cr_expect(eq(u32, fragment_datagrams(t), 0));

	put(t, &e, part(1, 4, 16, 8, true), 0);
	put(t, &e, part(1, 4, 24, 8, true), TIMEOUT_MS); /* its datagram is over, another begins */
	ended_is(&e, 3, 4, 16, DROP_FRAGMENT_TIMEOUT);
	cr_expect(eq(u32, fragment_held(t), 1));
	fragment_drain(t, DROP_SHUTDOWN, end, &e);
	ended_is(&e, 4, 4, 24, DROP_SHUTDOWN);
	cr_expect(eq(u32, fragment_datagrams(t), 0));
	fragment_table_destroy(t);
}

/* Goal: at each limit the oldest gives way by that limit's name, and no other source suffers from
 * one source's limit (G1, G2). */
Test(fragment, limits)
{
	struct fragment_table *t = table_make(4, 3, 2);
	struct ended e = { 0 };

	put(t, &e, part(1, 1, 16, 8, true), 0);
	put(t, &e, part(1, 2, 16, 8, true), 1);
	put(t, &e, part(2, 3, 16, 8, true), 2);
	put(t, &e, part(1, 4, 16, 8, true), 3); /* third datagram of source 1 */
	ended_is(&e, 0, 1, 16, DROP_FRAGMENT_SOURCE_FULL);
	put(t, &e, part(1, 4, 24, 8, true), 3); /* third packet of source 1 */
	ended_is(&e, 1, 2, 16, DROP_FRAGMENT_SOURCE_FULL);
	put(t, &e, part(1, 4, 32, 8, true), 3); /* the same, and nothing older is left */
	ended_is(&e, 2, 4, 32, DROP_FRAGMENT_SOURCE_FULL);
	ended_is(&e, 3, 4, 16, DROP_FRAGMENT_SOURCE_FULL);
	ended_is(&e, 4, 4, 24, DROP_FRAGMENT_SOURCE_FULL);
	put(t, &e, part(1, 4, 0, 8, true), 3);
	ended_is(&e, 5, 4, 0, DROP_FRAGMENT_SOURCE_FULL);

	put(t, &e, part(3, 5, 16, 8, true), 4);
	put(t, &e, part(3, 5, 24, 8, true), 4);
	cr_expect(eq(u32, fragment_held(t), 3));
	put(t, &e, part(4, 6, 16, 8, true), 5); /* fourth packet of all */
	ended_is(&e, 6, 3, 16, DROP_FRAGMENT_HELD_FULL);
	put(t, &e, part(5, 7, 0, 8, true), 6);
	ended_is(&e, 7, 7, 0, DROP_NONE);
	put(t, &e, part(6, 8, 0, 8, true), 6); /* fifth datagram: the oldest is the one given up */
	ended_is(&e, 8, 8, 0, DROP_NONE);
	put(t, &e, part(7, 9, 0, 8, true), 6);
	ended_is(&e, 9, 5, 16, DROP_FRAGMENT_TABLE_FULL);
	ended_is(&e, 10, 5, 24, DROP_FRAGMENT_TABLE_FULL);
	ended_is(&e, 11, 9, 0, DROP_NONE);
	cr_expect(eq(u32, fragment_datagrams(t), 4));
	cr_expect(eq(u32, e.count, 12));
	fragment_table_destroy(t);
}

/* Goal: a flood of ten times every limit stays within the memory, and a datagram that comes whole
 * goes through in the middle of it. */
Test(fragment, flood)
{
	const struct fragment_options o = { TIMEOUT_MS, 64, 32, 8 };
	uint64_t gone = 0, bytes = fragment_table_bytes(&o);
	struct fragment_table *t = table_make(o.datagrams, o.held_packets, o.per_source);

	cr_expect(lt(u64, bytes, 64 * 1024));
	for (uint32_t i = 0; i < 10 * o.datagrams; i++) {
		struct ended e = { 0 };

		put(t, &e, part((uint8_t)(i % 16 + 10), 100 + i, 16, 8, true), 0);
		gone += e.count;
		cr_assert(le(u32, fragment_held(t), o.held_packets));
		cr_assert(le(u32, fragment_datagrams(t), o.datagrams));
		if (i % 10 != 0)
			continue;
		e.count = 0;
		put(t, &e, part(1, i, 24, 8, false), 0);
		put(t, &e, part(1, i, 0, 24, true), 0);
		gone += e.count - 2;
		ended_is(&e, e.count - 2, i, 0, DROP_NONE);
		ended_is(&e, e.count - 1, i, 24, DROP_NONE);
	}
	cr_expect(eq(u64, gone + fragment_held(t), 10 * o.datagrams));
	fragment_table_destroy(t);
}

/* Goal: options out of range are refused. */
Test(fragment, options)
{
	const struct fragment_options bad[] = {
		{ 0, 1, 1, 1 }, { 1, 0, 1, 1 },        { 1, 1, 0, 1 },
		{ 1, 1, 1, 0 }, { 1u << 31, 1, 1, 1 }, { 1, FRAGMENT_DATAGRAMS_MAX + 1, 1, 1 }
	};
	struct fragment_table *t;

	for (unsigned i = 0; i < array_length(bad); i++)
		cr_expect(eq(int, fragment_table_create(&bad[i], &secret, &t), -EINVAL));
	t = table_make(1, 1, 1);
	fragment_table_destroy(t);
	fragment_table_destroy(NULL);
}
