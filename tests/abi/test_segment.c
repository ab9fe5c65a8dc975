/* SPDX-License-Identifier: BSD-3-Clause */
/* test_segment.c: shared memory that neither side can be hurt through. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include "common/abi/message.h"
#include "common/abi/segment.h"
#include "common/base/check.h"

#define RINGS 2
#define BYTES RING_BYTES_MIN

static const struct {
	const char *name;
	enum segment_kind kind;
	bool berthds; /* only berthd writes it */
	bool data;
} kinds[] = {
	{ "port", SEGMENT_PORT, true, true },
	{ "port peer", SEGMENT_PORT_PEER, false, false },
	{ "app", SEGMENT_APP, true, false },
	{ "app peer", SEGMENT_APP_PEER, false, true },
};

struct made {
	int fd;
	struct segment *map;
	uint64_t bytes;
};

static struct made
make(enum segment_kind kind)
{
	struct made m;

	cr_assert(eq(int, segment_create(kind, RINGS, BYTES, &m.fd, &m.map, &m.bytes), 0));
	return m;
}

static void
made_end(struct made *m)
{
	segment_unmap(m->map, m->bytes);
	close(m->fd);
}

/* Opens the descriptor's file anew, as a hostile receiver would to get rights it was not given. */
static int
reopen(int fd, int flags)
{
	char path[64];

	snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, flags);
}

/* Goal: both processes agree on every offset, whatever compiler made them.
 * Method: the numbers of the layout, written out. */
Test(segment, layout)
{
	cr_assert(eq(sz, sizeof(struct segment_head), 64));
	cr_assert(eq(sz, offsetof(struct segment_head, magic), 0));
	cr_assert(eq(sz, offsetof(struct segment_head, version), 4));
	cr_assert(eq(sz, offsetof(struct segment_head, kind), 6));
	cr_assert(eq(sz, offsetof(struct segment_head, rings), 8));
	cr_assert(eq(sz, offsetof(struct segment_head, ring_bytes), 12));
	cr_assert(eq(sz, offsetof(struct segment_head, bytes), 16));
	cr_assert(eq(sz, sizeof(struct port_sleep), 64));
	cr_assert(eq(sz, sizeof(struct message_identity), 44));
	cr_assert(eq(sz, offsetof(struct message_identity, family), 32));
	cr_assert(eq(sz, offsetof(struct message_identity, port_first), 36));
	cr_assert(eq(sz, sizeof(struct message_request), 96));
	cr_assert(eq(sz, offsetof(struct message_request, name), 20));
	cr_assert(eq(sz, offsetof(struct message_request, identity), 52));
	cr_assert(eq(sz, sizeof(struct message_reply), 252));
	cr_assert(eq(sz, offsetof(struct message_reply, identity), 24));
	cr_assert(eq(sz, offsetof(struct message_reply, text), 68));
}

/* Goal: berthd's side can make every kind, and says what it made.
 * Method: make, read the head, look at size and close-on-exec. */
Test(segment, create)
{
	for (unsigned i = 0; i < array_length(kinds); i++) {
		struct made m = make(kinds[i].kind);
		struct stat st;

		cr_assert(eq(u32, m.map->head.magic, SEGMENT_MAGIC));
		cr_assert(eq(u16, m.map->head.kind, kinds[i].kind));
		cr_assert(eq(u32, m.map->head.rings, RINGS));
		cr_assert(eq(u32, m.map->head.ring_bytes, kinds[i].data ? BYTES : 0));
		cr_assert(eq(u64, m.map->head.bytes, m.bytes));
		cr_assert(eq(int, fstat(m.fd, &st), 0));
		cr_assert(eq(u64, (uint64_t)st.st_size, m.bytes));
		cr_assert(eq(u64, (uint64_t)st.st_blocks * 512, m.bytes),
			  "all of it is there (S4)");
		cr_assert(eq(int, fcntl(m.fd, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC));
		made_end(&m);
	}
}

/* Goal: sizes that the contract does not allow are refused and nothing is handed out.
 * Method: a table of arguments; descriptors are counted by asking for the next one. */
Test(segment, create_refuses)
{
	static const struct {
		int kind;
		uint32_t rings, ring_bytes;
	} cases[] = {
		{ 0, RINGS, BYTES },
		{ SEGMENT_APP_PEER + 1, RINGS, BYTES },
		{ SEGMENT_PORT, 0, BYTES },
		{ SEGMENT_PORT, WORKERS_MAX + 1, BYTES },
		{ SEGMENT_PORT_PEER, 0, 0 },
		{ SEGMENT_PORT, RINGS, 0 },
		{ SEGMENT_PORT, RINGS, BYTES / 2 },
		{ SEGMENT_PORT, RINGS, BYTES + 4096 },
		{ SEGMENT_APP_PEER, RINGS, RING_BYTES_MAX * 2 },
		{ SEGMENT_APP_PEER, RINGS, UINT32_MAX },
	};
	const int next = dup(0);

	close(next);
	for (unsigned i = 0; i < array_length(cases); i++) {
		struct made m = { .fd = -7 };
		int fd;

		cr_assert(eq(int,
			     segment_create((enum segment_kind)cases[i].kind, cases[i].rings,
					    cases[i].ring_bytes, &m.fd, &m.map, &m.bytes),
			     -EINVAL),
			  "case %u", i);
		cr_assert(eq(int, m.fd, -7));
		fd = dup(0);
		cr_assert(eq(int, fd, next), "case %u leaks", i);
		close(fd);
	}
}

/* Goal: what only berthd writes cannot be written, resized or punched by who holds its descriptor,
 * nor by who opens it anew (S1, S2).
 * Method: try each way on the descriptor and on a reopened one; berthd's mapping still writes. */
Test(segment, berthds_kinds_are_read_only)
{
	for (unsigned i = 0; i < array_length(kinds); i++) {
		struct made m = make(kinds[i].kind);
		const int fds[] = { m.fd, reopen(m.fd, O_RDWR) };

		for (unsigned n = 0; n < array_length(fds) && kinds[i].berthds; n++) {
			void *p;

			cr_assert(ge(int, fds[n], 0));
			p = mmap(NULL, m.bytes, PROT_READ | PROT_WRITE, MAP_SHARED, fds[n], 0);
			cr_assert(p == MAP_FAILED && errno == EPERM, "%s", kinds[i].name);
			cr_assert(lt(long, pwrite(fds[n], "x", 1, 0), 0), "%s", kinds[i].name);
			cr_assert(ne(int,
				     fallocate(fds[n], FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE,
					       0, 4096),
				     0),
				  "%s", kinds[i].name);
			/* A mapping for reading cannot be made writable later. */
			p = mmap(NULL, m.bytes, PROT_READ, MAP_SHARED, fds[n], 0);
			cr_assert(p != MAP_FAILED);
			cr_assert(ne(int, mprotect(p, m.bytes, PROT_READ | PROT_WRITE), 0));
			munmap(p, m.bytes);
		}
		if (kinds[i].berthds) {
			atomic_store(&m.map->counts[0].bytes, 64);
			cr_assert(eq(u32, m.map->counts[0].bytes, 64));
		}
		close(fds[1]);
		made_end(&m);
	}
}

/* Goal: no segment changes its size or its seals, ever (S1).
 * Method: each call that would, on each kind, on the descriptor and on a reopened one. */
Test(segment, size_is_fixed)
{
	for (unsigned i = 0; i < array_length(kinds); i++) {
		struct made m = make(kinds[i].kind);
		const int fds[] = { m.fd, reopen(m.fd, O_RDWR) };

		for (unsigned n = 0; n < array_length(fds); n++) {
			cr_assert(ne(int, ftruncate(fds[n], 0), 0), "%s", kinds[i].name);
			cr_assert(ne(int, ftruncate(fds[n], (off_t)m.bytes * 2), 0));
			cr_assert(ne(int, fallocate(fds[n], 0, 0, (off_t)m.bytes * 2), 0));
			cr_assert(ne(int, fcntl(fds[n], F_ADD_SEALS, F_SEAL_WRITE), 0));
		}
		close(fds[1]);
		made_end(&m);
	}
}

/* Goal: a hole in what the application writes yields zeros in berthd, not a signal (S3).
 * Method: punch the whole segment away, then read every page through berthd's mapping. */
Test(segment, holes_read_as_zeros)
{
	for (unsigned i = 0; i < array_length(kinds); i++) {
		struct made m;
		uint64_t sum = 0;

		if (kinds[i].berthds)
			continue;
		m = make(kinds[i].kind);
		cr_assert(eq(int,
			     fallocate(m.fd, FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0,
				       (off_t)m.bytes),
			     0));
		for (uint64_t at = 0; at < m.bytes; at += 64)
			sum += ((const uint8_t *)m.map)[at];
		cr_assert(eq(u64, sum, 0));
		made_end(&m);
	}
}

/* Goal: the application maps what berthd made, and each sees what the other writes.
 * Method: attach each kind, write on the writer's side, read on the other. */
Test(segment, attach)
{
	for (unsigned i = 0; i < array_length(kinds); i++) {
		struct made m = make(kinds[i].kind);
		struct segment *app, *writer, *reader;
		uint64_t bytes;

		cr_assert(eq(int, segment_attach(m.fd, kinds[i].kind, &app, &bytes), 0), "%s",
			  kinds[i].name);
		cr_assert(eq(u64, bytes, m.bytes));
		writer = kinds[i].berthds ? m.map : app;
		reader = kinds[i].berthds ? app : m.map;
		atomic_store(&writer->counts[1].bytes, 128);
		cr_assert(eq(u32, atomic_load(&reader->counts[1].bytes), 128));
		if (kinds[i].data) {
			segment_ring(writer, RINGS, BYTES, 1)[BYTES - 1] = 9;
			cr_assert(eq(u8, segment_ring(reader, RINGS, BYTES, 1)[BYTES - 1], 9));
		}
		if (kinds[i].kind == SEGMENT_PORT_PEER) {
			atomic_store(&segment_sleep(writer, RINGS)->sleeping, 1);
			cr_assert(eq(u32, segment_sleep(reader, RINGS)->sleeping, 1));
		}
		segment_unmap(app, bytes);
		made_end(&m);
	}
}

/* What attach_refuses changes in an otherwise right segment. */
struct forgery {
	const char *name;
	uint64_t bytes;
	int seals;
	struct segment_head head;
	int expected;
};

/* Goal: the library refuses segments that could fault under it or that it would misread.
 * Method: hand-made files, each wrong in one thing. */
Test(segment, attach_refuses)
{
	const uint64_t right = segment_bytes(RINGS, BYTES);
	const int seals = F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL | F_SEAL_FUTURE_WRITE;
	const struct segment_head head = { .magic = SEGMENT_MAGIC,
					   .version = SEGMENT_VERSION,
					   .kind = SEGMENT_PORT,
					   .rings = RINGS,
					   .ring_bytes = BYTES,
					   .bytes = right };
	struct forgery cases[] = {
		{ "right", right, seals, head, 0 },
		{ "can shrink", right, seals & ~F_SEAL_SHRINK, head, -EPERM },
		{ "can grow", right, seals & ~F_SEAL_GROW, head, -EPERM },
		{ "seals can be added", right, seals & ~F_SEAL_SEAL, head, -EPERM },
		{ "others can write", right, seals & ~F_SEAL_FUTURE_WRITE, head, -EPERM },
		{ "magic", right, seals, head, -EPROTO },
		{ "version", right, seals, head, -EPROTO },
		{ "kind", right, seals, head, -EPROTO },
		{ "no rings", right, seals, head, -EBADMSG },
		{ "rings past the size", right, seals, head, -EBADMSG },
		{ "ring_bytes odd", right, seals, head, -EBADMSG },
		{ "bytes", right, seals, head, -EBADMSG },
		{ "too short", 4096, seals, head, -EBADMSG },
		{ "cut off", right - 4096, seals, head, -EBADMSG },
	};

	cases[5].head.magic = 1;
	cases[6].head.version = SEGMENT_VERSION + 1;
	cases[7].head.kind = SEGMENT_APP_PEER;
	cases[8].head.rings = 0;
	cases[9].head.rings = WORKERS_MAX;
	cases[10].head.ring_bytes = BYTES + 64;
	cases[11].head.bytes = right + 4096;
	for (unsigned i = 0; i < array_length(cases); i++) {
		const int fd = memfd_create("forged", MFD_ALLOW_SEALING | MFD_CLOEXEC);
		struct segment *map = NULL;
		uint64_t bytes = 0;

		cr_assert(eq(int, ftruncate(fd, (off_t)cases[i].bytes), 0));
		cr_assert(gt(long, pwrite(fd, &cases[i].head, sizeof(cases[i].head), 0), 0));
		cr_assert(eq(int, fcntl(fd, F_ADD_SEALS, cases[i].seals), 0));
		cr_assert(
			eq(int, segment_attach(fd, SEGMENT_PORT, &map, &bytes), cases[i].expected),
			"%s", cases[i].name);
		cr_assert(eq(int, map == NULL, cases[i].expected != 0));
		if (map != NULL)
			segment_unmap(map, bytes);
		close(fd);
	}
	cr_assert(
		lt(int,
		   segment_attach(-1, SEGMENT_PORT, &(struct segment *){ NULL }, &(uint64_t){ 0 }),
		   0));
}
