/* SPDX-License-Identifier: BSD-3-Clause */
/* port_avx2.c: puts records into rings by moves of 32 bytes. */
#include "dataplane/port/port_put.h"

#if defined(__x86_64__)

__attribute__((target("avx2,bmi2"))) static void
avx2_put_burst(struct rx_ring *r, const struct rx_put *puts, uint16_t n,
	       struct rx_put_result *result)
{
	put_burst(r, puts, n, result, write_by_32, true);
}

static void
avx2_settle(void)
{
}

static bool
avx2_usable(void)
{
	__builtin_cpu_init();
	return __builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2");
}

const struct port_code port_code_avx2 = {
	.name = "avx2",
	.usable = avx2_usable,
	.put_burst = avx2_put_burst,
	.settle = avx2_settle,
};
#endif
