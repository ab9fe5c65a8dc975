/* SPDX-License-Identifier: BSD-3-Clause */
/* test_address.c: addresses and prefixes, read, written and compared. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>

#include "common/base/address.h"
#include "common/base/check.h"

/* Goal: an address is written in the one canonical form (RFC 5952), whatever form was read.
 * Method: a table of spellings, among them the RFC's own examples of runs and ties. */
Test(address, text_is_canonical)
{
	static const struct {
		const char *in, *out;
	} cases[] = {
		{ "192.0.2.1", "192.0.2.1" },
		{ "0.0.0.0", "0.0.0.0" },
		{ "255.255.255.255", "255.255.255.255" },
		{ "::", "::" },
		{ "::1", "::1" },
		{ "1::", "1::" },
		{ "0:0:0:0:0:0:1:2", "::1:2" },
		{ "2001:DB8:0:0:8:800:200C:417A", "2001:db8::8:800:200c:417a" },
		{ "2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1" },
		{ "2001:0:0:1:0:0:0:1", "2001:0:0:1::1" },
		{ "2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1" },
		{ "1:2:3:4:5:6:0:0", "1:2:3:4:5:6::" },
		{ "0:0:3:4:5:6:7:8", "::3:4:5:6:7:8" },
		{ "::ffff:192.0.2.1", "::ffff:192.0.2.1" },
		{ "::ffff:c000:201", "::ffff:192.0.2.1" },
		{ "64:ff9b::192.0.2.1", "64:ff9b::c000:201" },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255",
		  "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff" },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		char text[ADDRESS_TEXT_BYTES];
		struct address a, again;

		cr_assert(eq(int, address_parse(cases[i].in, &a), 0), "%s", cases[i].in);
		cr_assert(eq(str, (char *)address_format(&a, text), (char *)cases[i].out));
		cr_assert(eq(int, address_parse(text, &again), 0), "%s", text);
		cr_assert(address_equal(&a, &again), "%s", text);
	}
}

/* Goal: what is no address is refused and leaves the output as it was.
 * Method: a table of near misses; the output keeps a mark. */
Test(address, refuses_what_is_no_address)
{
	static const char *const cases[] = {
		"",           "*",         "1",         "1.2.3",    "1.2.3.4.5",
		"1.2.3.256",  "01.2.3.4",  "0x1.2.3.4", "1.2.3.4 ", " 1.2.3.4",
		"1.2.3.4/32", ":",         ":::",       "1:2:3",    "1::2::3",
		"::12345",    "::1%lo",    "[::1]",     "::1.2.3",  "1:2:3:4:5:6:7:8:9",
		"g::",        "localhost",
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct address a = { .family = 99 };

		cr_assert(eq(int, address_parse(cases[i], &a), -EINVAL), "%s", cases[i]);
		cr_assert(eq(u8, a.family, 99), "%s", cases[i]);
	}
}

/* Goal: an IPv4 address fills four bytes and leaves twelve zero, so that bytes compare.
 * Method: look at the bytes, over a dirty output. */
Test(address, ipv4_leaves_the_rest_zero)
{
	struct address a;

	memset(&a, 0xa5, sizeof(a));
	cr_assert(eq(int, address_parse("198.51.100.7", &a), 0));
	cr_assert(eq(u8, a.family, FAMILY_IPV4));
	cr_assert(eq(u8, a.bytes[0], 198));
	cr_assert(eq(u8, a.bytes[3], 7));
	for (unsigned i = 4; i < 16; i++)
		cr_assert(eq(u8, a.bytes[i], 0));
}

/* Goal: a prefix takes its length from the text or from the family, never beyond the family.
 * Method: a table; -1 stands for a refusal. */
Test(address, prefix_length)
{
	static const struct {
		const char *text;
		int length;
	} cases[] = {
		{ "192.0.2.0", 32 },
		{ "192.0.2.0/0", 0 },
		{ "192.0.2.0/32", 32 },
		{ "192.0.2.7/24", 24 },
		{ "2001:db8::", 128 },
		{ "2001:db8::/128", 128 },
		{ "2001:db8::/0", 0 },
		{ "0.0.0.0", 32 },
		{ "192.0.2.0/33", -1 },
		{ "::/129", -1 },
		{ "192.0.2.0/", -1 },
		{ "192.0.2.0/+8", -1 },
		{ "192.0.2.0/-1", -1 },
		{ "192.0.2.0/08", -1 },
		{ "192.0.2.0/8 ", -1 },
		{ "192.0.2.0/1/1", -1 },
		{ "/8", -1 },
		{ "*/0", -1 },
		{ "::/0000", -1 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/128", 128 },
		{ "ffff:ffff:ffff:ffff:ffff:ffff:255.255.255.255/1280", -1 },
	};

	for (unsigned i = 0; i < array_length(cases); i++) {
		struct prefix p = { .length = 200 };
		const int rc = prefix_parse(cases[i].text, &p);

		cr_assert(eq(int, rc, cases[i].length < 0 ? -EINVAL : 0), "%s", cases[i].text);
		cr_assert(eq(int, p.length, cases[i].length < 0 ? 200 : cases[i].length), "%s",
			  cases[i].text);
	}
}

/* Goal: a prefix covers exactly the addresses that share its first `length` bits.
 * Method: for every length of both families, flip every single bit of the address: covered
 * exactly when the flipped bit lies past the length. */
Test(address, prefix_covers_by_bits)
{
	static const struct {
		const char *text;
		unsigned bits;
	} cases[] = { { "192.0.2.165", 32 }, { "2001:db8:a5a5:5a5a::c3", 128 } };

	for (unsigned c = 0; c < array_length(cases); c++) {
		struct prefix p;

		cr_assert(eq(int, prefix_parse(cases[c].text, &p), 0));
		for (unsigned length = 0; length <= cases[c].bits; length++) {
			p.length = (uint8_t)length;
			cr_assert(prefix_covers(&p, p.address.family, p.address.bytes));
			for (unsigned bit = 0; bit < cases[c].bits; bit++) {
				struct address a = p.address;

				a.bytes[bit / 8] ^= (uint8_t)(0x80 >> bit % 8);
				cr_assert(eq(int, prefix_covers(&p, a.family, a.bytes),
					     bit >= length),
					  "length %u bit %u", length, bit);
				address_mask(&a, (uint8_t)length);
				cr_assert(eq(int, (a.bytes[bit / 8] & 0x80 >> bit % 8) != 0,
					     bit < length && !(p.address.bytes[bit / 8] &
							       0x80 >> bit % 8)));
			}
		}
	}
}

/* Goal: a prefix never covers the other family; "any" covers both.
 * Method: length 0 of each family against the same zero bytes. */
Test(address, family_is_part_of_a_prefix)
{
	static const uint8_t zero[16];
	const struct prefix v4 = { .address.family = FAMILY_IPV4 };
	const struct prefix v6 = { .address.family = FAMILY_IPV6 };
	const struct prefix any = { .address.family = FAMILY_ANY };

	cr_assert(prefix_covers(&v4, FAMILY_IPV4, zero));
	cr_assert(not(prefix_covers(&v4, FAMILY_IPV6, zero)));
	cr_assert(prefix_covers(&v6, FAMILY_IPV6, zero));
	cr_assert(not(prefix_covers(&v6, FAMILY_IPV4, zero)));
	cr_assert(prefix_covers(&any, FAMILY_IPV4, zero));
	cr_assert(prefix_covers(&any, FAMILY_IPV6, zero));
}
