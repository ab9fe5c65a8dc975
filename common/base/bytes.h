/* SPDX-License-Identifier: BSD-3-Clause */
/* bytes.h: unaligned reads and writes of network byte order, and of the other one. */
#pragma once

#include <assert.h>
#include <stdint.h>
#include <string.h>

static inline uint16_t
be16_load(const void *p)
{
	uint16_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap16(v);
}

static inline uint32_t
be32_load(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return __builtin_bswap32(v);
}

static inline uint64_t
be48_load(const void *p)
{
	const uint8_t *b = (const uint8_t *)p;

	return (uint64_t)be16_load(b) << 32 | be32_load(b + 2);
}

static inline void
be16_store(void *p, uint16_t v)
{
	v = __builtin_bswap16(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
be32_store(void *p, uint32_t v)
{
	v = __builtin_bswap32(v);
	memcpy(p, &v, sizeof(v));
}

static inline void
be48_store(void *p, uint64_t v)
{
	uint8_t *b = (uint8_t *)p;

	be16_store(b, (uint16_t)(v >> 32));
	be32_store(b + 2, (uint32_t)v);
}

static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "the order of le32_load()");

static inline uint32_t
le32_load(const void *p)
{
	uint32_t v;

	memcpy(&v, p, sizeof(v));
	return v;
}

static inline void
le32_store(void *p, uint32_t v)
{
	memcpy(p, &v, sizeof(v));
}
