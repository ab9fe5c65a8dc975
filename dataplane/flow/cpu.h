/* SPDX-License-Identifier: BSD-3-Clause */
/* cpu.h: processor features whose names not every compiler's __builtin_cpu_supports() knows. */
#pragma once

#include <cpuid.h>
#include <stdbool.h>

/* Bits of CPUID, named as in the processors' manuals. */
#define CPUID_EXTENDED          0x80000001u
#define CPUID_EXTENDED_ECX_ABM  (1u << 5) /* LZCNT */
#define CPUID_FEATURES          7u
#define CPUID_FEATURES_ECX_VAES (1u << 9)

static inline bool
cpu_has_lzcnt(void)
{
	unsigned a, b, c, d;

	return __get_cpuid(CPUID_EXTENDED, &a, &b, &c, &d) && (c & CPUID_EXTENDED_ECX_ABM);
}

static inline bool
cpu_has_vaes(void)
{
	unsigned a, b, c, d;

	return __get_cpuid_count(CPUID_FEATURES, 0, &a, &b, &c, &d) &&
	       (c & CPUID_FEATURES_ECX_VAES);
}
