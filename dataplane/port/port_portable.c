/* SPDX-License-Identifier: BSD-3-Clause */
/* port_portable.c: puts records into rings on any processor; the choice between the forms. */
#include "dataplane/port/port_put.h"

static void
portable_put_burst(struct rx_ring *r, const struct rx_put *puts, uint16_t n,
		   struct rx_put_result *result)
{
	put_burst(r, puts, n, result, write_by_32, true);
}

static void
portable_settle(void)
{
}

static bool
portable_usable(void)
{
	return true;
}

const struct port_code port_code_portable = {
	.name = "portable",
	.usable = portable_usable,
	.put_burst = portable_put_burst,
	.settle = portable_settle,
};

const struct port_code *const port_codes[PORT_CODES] = {
#if defined(__x86_64__)
	&port_code_avx512,
	&port_code_avx2,
#endif
	&port_code_portable,
};

static const struct port_code *code_best;

/* Before main(): workers find it chosen. */
__attribute__((constructor)) static void
code_choose(void)
{
	unsigned i = 0;

	while (!port_codes[i]->usable())
		i++;
	code_best = port_codes[i];
}

void
rx_ring_put_burst(struct rx_ring *r, const struct rx_put *puts, uint16_t n,
		  struct rx_put_result *result)
{
	code_best->put_burst(r, puts, n, result);
}

void
rx_rings_settle(void)
{
	code_best->settle();
}
