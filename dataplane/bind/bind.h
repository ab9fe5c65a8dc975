/* SPDX-License-Identifier: BSD-3-Clause */
/* bind.h: which port the first packet of a flow goes to. Served by bind_build.c,
 * bind_lookup.c, bind_norm.c; the way through them is drawn in bind_priv.h.
 *
 * A bind table is built aside by control, never changed once published, and read by any worker.
 * Precedence, most specific first: connected socket, local address exact, longest local prefix, any
 * address of the family, any address of both; at equal address a single port beats a range, a range
 * beats any port; of overlapping ranges the narrower wins (equally wide ones that overlap conflict,
 * see bind_conflicts(); should both be in a table, the one that starts lower wins). */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/base/identity.h"
#include "dataplane/flow/flow.h"

/* One binding of one port. Of several with an equal identity those that are not `alone` form a
 * group; but as long as the newest of all (the highest id) that lives and is not passive is
 * `alone`, it gets every new flow. */
struct bind_rule {
	struct identity identity;
	uint32_t id;     /* binding id, not 0 */
	port_ref port;   /* PORT_REF_NONE: its owner is gone; packets drop as binding_dead */
	uint16_t weight; /* 1..255: share of a group's new flows */
	bool alone;      /* shares with nobody */
	bool passive;    /* drains: keeps the flows that it has, gets no new ones */
};

struct bind_result {
	uint32_t id;
	port_ref port;
};

struct bind_table;

/* Copies `rules`, in any order, into a new table. 0, -EINVAL (n over BINDINGS_MAX, a rule out of
 * range, more than GROUP_MEMBERS_MAX with equal identities) or -ENOMEM. A connected identity has an
 * exact local address, one local port, and a remote address of the same family. */
int bind_table_build(const struct bind_rule *rules, uint32_t n, struct bind_table **out);
void bind_table_destroy(struct bind_table *t);

/* Finds the binding for a packet to `packet`'s destination (endpoint 1). `local`: that address is
 * one of ours; otherwise rules for any address do not match. Group members are chosen by weighted
 * rendezvous hashing on `hash`, among those that live and are not passive: one that leaves moves
 * only its own flows. Where there is none, nothing less specific is asked. Bounded work; no
 * allocation. */
enum bind_found {
	BIND_NONE,    /* no binding matches; *out is untouched */
	BIND_MEMBER,  /* *out is the one */
	BIND_PASSIVE, /* some live, but all of them drain; *out has PORT_REF_NONE */
	BIND_DEAD,    /* none lives; *out has the lowest id and PORT_REF_NONE */
};
enum bind_found bind_lookup(const struct bind_table *t, const struct flow_key *packet, bool local,
			    uint64_t hash, struct bind_result *out);

/* Whether an application owns the source (endpoint 0) of `packet`, so that it may send it: among
 * the binding that bind_lookup() would give packets of the opposite direction and its whole group
 * there is a port for which `owned` says true, passive or not. *out is that member (the lowest id
 * of several). `local` as above, about endpoint 0. */
typedef bool (*bind_owned_fn)(port_ref port, void *context);
bool bind_source_of(const struct bind_table *t, const struct flow_key *packet, bool local,
		    bind_owned_fn owned, void *context, struct bind_result *out);

/* Whether binding `id` is still in the table and of `port`, which lives (not PORT_REF_NONE). */
bool bind_alive(const struct bind_table *t, uint32_t id, port_ref port);

/* Whether two identities cannot both be bound by different owners: the same sockets at the same
 * specificity, which for ranges means equally wide and overlapping. More specific beside less
 * specific is no conflict. */
bool bind_conflicts(const struct identity *a, const struct identity *b);
/* Whether two identities are the same, and so may form a group. */
bool bind_same(const struct identity *a, const struct identity *b);
