/* SPDX-License-Identifier: BSD-3-Clause */
/* test_checksum.c: the Internet checksum against a word-by-word model. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>

#include "common/base/check.h"
#include "dataplane/parse/parse.h"
#include "tests/unit/frames.h"

static uint32_t
random_next(uint64_t *state)
{
	*state = *state * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(*state >> 32);
}

/* Goal: every length at every alignment gives the model's sum, whatever the carries.
 * Method: all lengths to 300 and some to 64 KiB at 16 alignments, over random bytes, zeros and
 * ones; the block is copied to the end of an exact allocation, so that ASan sees one byte more. */
Test(checksum, equals_the_model)
{
	static const uint32_t large[] = { 1279, 1480, 1500, 9001, 65535 };
	static uint8_t bytes[65536 + 16];
	uint64_t seed = 42;

	for (unsigned fill = 0; fill < 3; fill++) {
		for (uint32_t i = 0; i < sizeof(bytes); i++)
			bytes[i] = fill == 0 ? (uint8_t)random_next(&seed) : fill == 1 ? 0 : 0xff;
		for (uint32_t n = 0; n <= 300 + array_length(large); n++) {
			const uint32_t length = n <= 300 ? n : large[n - 301];

			for (unsigned align = 0; align < 16; align++) {
				const uint32_t start = random_next(&seed);
				uint8_t *copy = malloc(align + length + 1);
				uint8_t *at = copy + 1 + align;
				uint16_t want;

				memcpy(at, bytes, length);
				want = (uint16_t)~frame_naive_sum(at, length,
								  (start & 0xffff) + (start >> 16));
				cr_assert(eq(u16, checksum_fold(checksum_add(at, length, start)),
					     want),
					  "length %u alignment %u fill %u", length, align, fill);
				free(copy);
			}
		}
	}
}

/* Goal: pieces of even length may be summed one after the other.
 * Method: split a block at every even place. */
Test(checksum, pieces_add_up)
{
	uint8_t bytes[129];
	uint64_t seed = 7;

	for (unsigned i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)random_next(&seed);
	for (unsigned at = 0; at < sizeof(bytes); at += 2) {
		const uint32_t first = checksum_add(bytes, at, 0);

		cr_assert(eq(u16,
			     checksum_fold(checksum_add(bytes + at, sizeof(bytes) - at, first)),
			     (uint16_t)~frame_naive_sum(bytes, sizeof(bytes), 0)));
	}
}

/* Goal: the example of RFC 1071 section 3 comes out.
 * Method: its eight bytes sum to 0xddf2. */
Test(checksum, rfc_example)
{
	static const uint8_t bytes[] = { 0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7 };

	cr_assert(eq(u16, checksum_fold(checksum_add(bytes, 8, 0)), (uint16_t)~0xddf2));
}

/* Goal: checksum_fill() writes what the model writes, for each kind of packet.
 * Method: finish a frame with the model, spoil its checksums, fill, compare all bytes. */
Test(checksum, fill_equals_the_model)
{
	for (unsigned i = 0; i < 8; i++) {
		const bool v6 = i >= 4;
		static const uint8_t quoted_udp4[28] = {
			0x45, 0,    0, 28,  0, 0, 0, 0, 64, 17, 0, 0, 0xc6,
			0x33, 0x64, 2, 192, 0, 2, 1, 0, 9,  0,  9, 0, 8,
		};
		struct frame f, filled;
		struct packet p;

		frame_ethernet(&f, i % 3, v6 ? 0x86dd : 0x0800);
		if (v6)
			frame_ipv6(&f, 60, "\x00\0\x01\x04\0\0\0\0", 8,
				   (uint8_t[]){ 6, 17, 58, 58 }[i - 4]);
		else
			frame_ipv4(&f, (uint8_t[]){ 6, 17, 1, 1 }[i], "\x01\x01\x01\x00", 4);
		if (f.proto == 6)
			frame_tcp(&f, 1000, 80, 0x18, 11 + i);
		else if (f.proto == 17)
			frame_udp(&f, 1000, 53, 7);
		else if (i == 3)
			frame_icmp(&f, 3, 3, 0, quoted_udp4, sizeof(quoted_udp4));
		else
			frame_icmp(&f, v6 ? 128 : 8, 0, 0x00070001, "ping", 4);
		if (v6)
			f.bytes[f.l3 + 40] = f.proto;
		frame_finish(&f);
		cr_assert(eq(int, (int)parse_frame(f.bytes, f.length, 0, 0, &p), DROP_NONE), "%u",
			  i);
		filled = f;
		if (!v6)
			filled.bytes[f.l3 + 10] ^= 0x5a;
		filled.bytes[f.l4 + (f.proto == 6 ? 16 : f.proto == 17 ? 6 : 2)] ^= 0xa5;
		checksum_fill(filled.bytes, &p);
		cr_assert(eq(int, memcmp(filled.bytes, f.bytes, f.length), 0), "%u", i);
	}
}

/* Goal: a UDP checksum that comes out as 0 is sent as 0xffff (RFC 768).
 * Method: choose the payload so that the sum is all ones, over both families. */
Test(checksum, udp_zero_is_sent_as_ones)
{
	for (unsigned v6 = 0; v6 < 2; v6++) {
		struct frame f;
		struct packet p;

		frame_ethernet(&f, 0, v6 ? 0x86dd : 0x0800);
		if (v6)
			frame_ipv6(&f, 17, "", 0, 17);
		else
			frame_ipv4(&f, 17, "", 0);
		frame_udp(&f, 1000, 53, 2);
		memset(f.bytes + f.l4 + 8, 0, 2);
		frame_finish(&f);
		/* The checksum is what is missing to all ones. */
		memcpy(f.bytes + f.l4 + 8, f.bytes + f.l4 + 6, 2);
		cr_assert(eq(int,
			     (int)parse_frame(f.bytes, f.length, PARSE_L4_CHECKSUM_GOOD, 0, &p),
			     DROP_NONE));
		checksum_fill(f.bytes, &p);
		cr_assert(eq(u16, be16_load(f.bytes + f.l4 + 6), 0xffff));
		cr_assert(eq(int, (int)parse_frame(f.bytes, f.length, 0, 0, &p), DROP_NONE));
	}
}
