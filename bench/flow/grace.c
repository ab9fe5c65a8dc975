/* SPDX-License-Identifier: BSD-3-Clause */
/* grace.c: the quiescent states of the bench's readers. */
#include "bench/flow/grace.h"

#include <rte_malloc.h>
#include <rte_rcu_qsbr.h>

#include "common/base/check.h"

static struct rte_rcu_qsbr *variable;

void
grace_create(void)
{
	variable =
		rte_zmalloc(NULL, rte_rcu_qsbr_get_memsize(GRACE_READERS_MAX), RTE_CACHE_LINE_SIZE);
	panic_unless(variable != NULL && rte_rcu_qsbr_init(variable, GRACE_READERS_MAX) == 0);
}

struct rte_rcu_qsbr *
grace_variable(void)
{
	return variable;
}

void
grace_join(unsigned reader)
{
	panic_unless(rte_rcu_qsbr_thread_register(variable, reader) == 0);
	rte_rcu_qsbr_thread_online(variable, reader);
}

void
grace_report(unsigned reader)
{
	rte_rcu_qsbr_quiescent(variable, reader);
}

void
grace_leave(unsigned reader)
{
	rte_rcu_qsbr_thread_offline(variable, reader);
	panic_unless(rte_rcu_qsbr_thread_unregister(variable, reader) == 0);
}

uint64_t
grace_start(void)
{
	return rte_rcu_qsbr_start(variable);
}

bool
grace_over(uint64_t token)
{
	return rte_rcu_qsbr_check(variable, token, false) == 1;
}
