/* SPDX-License-Identifier: BSD-3-Clause */
/* bind_priv.h: what the files of the bind table share.
 *
 *   bind_norm.c      socket identities in the form in which equal means the same sockets
 *   bind_build.c     rules sorted into groups, scopes and classes
 *   bind_segments.c  the port ranges of a scope cut into disjoint segments
 *   bind_lookup.c    from a packet to its group
 *   bind_choose.c    from a group to a member
 *
 * Everything is found by bisection in sorted arrays: the work for a packet is bounded by (prefix
 * lengths in use) * log(bindings) whatever addresses applications choose to bind, where a hash
 * could be aimed at. */
#pragma once

#include <string.h>

#include "dataplane/bind/bind.h"

#define GROUP_NONE       UINT32_MAX

#define LOG_CELLS_BITS   8
#define LOG_CELLS        (1u << LOG_CELLS_BITS)
#define LOG_ONE_BITS     32 /* a logarithm of 1 is 1 << LOG_ONE_BITS */
#define LOG_REST_BITS    24

#define FAMILIES         3 /* IPv4, IPv6, any */
#define FAMILY_INDEX_ANY 2u
#define RANK_CLASSES     256u /* connected identities rank below */

/* A socket identity brought to the form in which equal means the same sockets. Its order sorts the
 * table: connected ones, then each (family, prefix length), longest first, and there by scope. */
struct bind_norm {
	uint32_t rank;
	uint16_t port_first, port_last;
	uint64_t scope[3];  /* zone and protocol, then the masked local address */
	uint64_t remote[2]; /* these two: connected only, else 0 */
	uint16_t remote_port;
};

/* All bindings of one (zone, protocol, local prefix). */
struct bind_scope {
	uint64_t key[3];
	uint32_t segment, segments_count; /* into segment_ports[] and segment_groups[] */
};

/* All scopes of one (family, prefix length). */
struct bind_class {
	uint64_t mask[2];
	uint32_t scope, scopes_count;
	bool any_address; /* length 0: only for addresses of ours */
};

struct bind_table {
	struct bind_rule *members;   /* in the order of norms, then ids; all that gets no new flows
					is passive */
	uint32_t *groups;            /* first member of each group; one more at the end */
	struct bind_norm *connected; /* of groups 0..connected_count-1, in order */
	struct bind_scope *scopes;
	uint16_t *segment_ports; /* first port of each segment; ascending within a scope */
	uint32_t *segment_groups;
	struct bind_result *owners; /* of all members; sorted */
	uint32_t members_count, groups_count, connected_count, scopes_count, segments_count;
	/* Classes of a family, longest prefix first, end where those of the next begin. */
	uint32_t classes_first[FAMILIES + 1];
	struct bind_class classes[33 + 129 + 1]; /* all lengths there are */
	uint64_t log[LOG_CELLS + 1];             /* 1 - log2(1 + i / LOG_CELLS) */
};

static inline unsigned
family_index(uint8_t family)
{
	return family == FAMILY_IPV4 ? 0 : family == FAMILY_IPV6 ? 1 : FAMILY_INDEX_ANY;
}

static inline uint64_t
zone_proto(uint16_t zone, uint8_t proto)
{
	return (uint64_t)zone << 8 | proto;
}

/* -- bind_norm.c -- */

/* The first `length` bits set, in the byte order of addresses. */
void bind_mask(uint8_t length, uint64_t mask[2]);
/* Whether bind_table_build() takes it. */
bool bind_identity_valid(const struct identity *i);
struct bind_norm bind_norm_of(const struct identity *i);

/* Orders as memcmp() does: `n` words, the scopes of two norms, and the whole of them. */
int bind_words_compare(const uint64_t *a, const uint64_t *b, unsigned n);
int bind_scope_compare(const struct bind_norm *a, const struct bind_norm *b);
int bind_norm_compare(const struct bind_norm *a, const struct bind_norm *b);

/* -- bind_build.c -- */

/* The order of bind_table.owners, of struct bind_result, for qsort(). */
int bind_owner_compare(const void *a, const void *b);

/* -- bind_segments.c -- */

/* A group and its range, to be painted over the ports of its scope. */
struct bind_range {
	uint32_t first, last, group;
};

/* Memory that only the building needs, each array with room for all rules at once. */
struct bind_scratch {
	struct bind_range *ranges;
	uint32_t *cuts;    /* ports where a range begins or one has just ended */
	uint32_t *painted; /* group of the ports from one cut to the next */
	uint32_t *skip;    /* from a cut to one at or after it that may be unpainted */
};

/* False: no memory; to be freed all the same. */
bool bind_scratch_make(struct bind_scratch *s, uint32_t rules);
void bind_scratch_free(struct bind_scratch *s);

/* Appends the segments of s->ranges[0..n), the groups of one scope, to the table's. */
void bind_segments_append(struct bind_table *t, struct bind_scratch *s, uint32_t n);

/* -- bind_choose.c -- */

/* Fills the table of logarithms that bind_choose() reads. */
void bind_log_fill(uint64_t log[LOG_CELLS + 1]);
/* The member of a group for a new flow; NULL: none that lives is active. */
const struct bind_rule *bind_choose(const struct bind_table *t, uint32_t group, uint64_t hash);
