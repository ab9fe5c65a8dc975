/* SPDX-License-Identifier: BSD-3-Clause */
/* steer.c: the packets of a burst, gathered by port, without a branch per packet. */
#include "dataplane/steer/steer.h"

#include <string.h>

void
steer_init(struct steer *s)
{
	memset(s->first, STEER_END, sizeof(s->first));
}

static bool
all_equal(const port_ref *ports, uint16_t n)
{
	port_ref differ = 0;

	for (uint16_t i = 0; i < n; i++)
		differ |= ports[i] ^ ports[0];
	return differ == 0;
}

static void
gather_one(uint16_t port, uint16_t n, struct steer_plan *plan)
{
	plan->groups = 1;
	plan->ports[0] = port;
	plan->first[0] = 0;
	plan->first[1] = (uint8_t)n;
	for (uint16_t i = 0; i < BURST_MAX; i++)
		plan->order[i] = (uint8_t)i;
}

void
steer_gather(struct steer *s, const port_ref *ports, uint16_t n, struct steer_plan *plan)
{
	uint8_t next[BURST_MAX];
	uint16_t groups = 0, place = 0;

	if (n > 0 && all_equal(ports, n)) {
		gather_one(port_ref_id(ports[0]), n, plan);
		return;
	}
	/* From the last to the first, so that each port's list ends up in the burst's order. */
	for (uint16_t i = n; i-- > 0;) {
		uint8_t *first = &s->first[port_ref_id(ports[i])];

		plan->ports[groups] = port_ref_id(ports[i]);
		groups = (uint16_t)(groups + (*first == STEER_END));
		next[i] = *first;
		*first = (uint8_t)i;
	}
	for (uint16_t g = 0; g < groups; g++) {
		uint8_t *first = &s->first[plan->ports[g]];

		plan->first[g] = (uint8_t)place;
		for (uint8_t i = *first; i != STEER_END; i = next[i])
			plan->order[place++] = i;
		*first = STEER_END;
	}
	plan->groups = groups;
	plan->first[groups] = (uint8_t)place;
}
