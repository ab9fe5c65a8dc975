/* SPDX-License-Identifier: BSD-3-Clause */
/* publish.c: builds a publication aside, swaps it in, retires the former one. */
#include "control/publish.h"

#include <errno.h>
#include <stdlib.h>

static void
table_free(void *table)
{
	bind_table_destroy(table);
}

static int
table_build(const struct bindings *bindings, struct bind_table **out)
{
	const uint32_t n = bindings_count(bindings);
	struct bind_rule *rules = calloc((size_t)n + 1, sizeof(*rules));
	int rc;

	if (rules == NULL)
		return -ENOMEM;
	bindings_rules(bindings, rules);
	rc = bind_table_build(rules, n, out);
	free(rules);
	return rc;
}

int
publication_renew(struct publication *p, struct dataplane *dp, struct dp_snapshot *next,
		  const struct bindings *bindings)
{
	const struct publication former = *p;
	struct bind_table *table = former.table;
	const int rc = table_build(bindings, &table);

	next->bindings = table;
	p->snapshot = next;
	p->table = table;
	dataplane_publish(dp, next);
	if (former.snapshot != NULL)
		dataplane_retire(dp, free, former.snapshot);
	if (former.table != NULL && former.table != table)
		dataplane_retire(dp, table_free, former.table);
	return rc;
}

void
publication_end(struct publication *p, struct dataplane *dp)
{
	if (p->snapshot != NULL)
		dataplane_retire(dp, free, p->snapshot);
	if (p->table != NULL)
		dataplane_retire(dp, table_free, p->table);
	*p = (struct publication){ 0 };
}
