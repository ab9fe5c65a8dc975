/* SPDX-License-Identifier: BSD-3-Clause */
/* crc32c.c: the checksum of SCTP (RFC 9260 6.8 and appendix A), by instruction or by table. */
#include "common/base/bytes.h"
#include "dataplane/parse/parse.h"

#define SCTP_CHECKSUM_AT 8

/* By four bits: the reflected polynomial 0x82f63b78 applied to each. */
static uint32_t
crc_add_table(uint32_t crc, const uint8_t *data, size_t bytes)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1, 0x417b1dbc, 0x5125dad3,
		0x61c69362, 0x7198540d, 0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};

	for (size_t i = 0; i < bytes; i++) {
		crc ^= data[i];
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}

#if defined(__x86_64__)
__attribute__((target("sse4.2"))) static uint32_t
crc_add_instruction(uint32_t crc, const uint8_t *data, size_t bytes)
{
	uint64_t wide = crc;

	for (; bytes >= 8; bytes -= 8, data += 8) {
		uint64_t word;

		memcpy(&word, data, sizeof(word));
		wide = __builtin_ia32_crc32di(wide, word);
	}
	crc = (uint32_t)wide;
	for (; bytes > 0; bytes--)
		crc = __builtin_ia32_crc32qi(crc, *data++);
	return crc;
}

static uint32_t
crc_add(uint32_t crc, const uint8_t *data, size_t bytes)
{
	if (__builtin_cpu_supports("sse4.2"))
		return crc_add_instruction(crc, data, bytes);
	return crc_add_table(crc, data, bytes);
}
#else
static uint32_t
crc_add(uint32_t crc, const uint8_t *data, size_t bytes)
{
	return crc_add_table(crc, data, bytes);
}
#endif

uint32_t
crc32c_plain(const uint8_t *data, size_t bytes)
{
	return ~crc_add_table(UINT32_MAX, data, bytes);
}

uint32_t
crc32c(const uint8_t *data, size_t bytes)
{
	return ~crc_add(UINT32_MAX, data, bytes);
}

uint32_t
sctp_checksum(const uint8_t *sctp, size_t bytes)
{
	static const uint8_t zero[4];
	uint32_t crc = crc_add(UINT32_MAX, sctp, SCTP_CHECKSUM_AT);

	crc = crc_add(crc, zero, sizeof(zero));
	return ~crc_add(crc, sctp + SCTP_CHECKSUM_AT + 4, bytes - SCTP_CHECKSUM_AT - 4);
}
