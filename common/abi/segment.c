/* SPDX-License-Identifier: BSD-3-Clause */
/* segment.c: makes, seals and maps the shared memory of ring.h. */
#include "common/abi/segment.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

/* Seals of every segment (S1); the writer's seal (S2) comes on top. */
#define SEALS_SIZE (F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_SEAL)

static bool
kind_has_data(enum segment_kind kind)
{
	return kind == SEGMENT_PORT || kind == SEGMENT_APP_PEER;
}

static bool
kind_is_berthds(enum segment_kind kind)
{
	return kind == SEGMENT_PORT || kind == SEGMENT_APP;
}

static bool
sizes_allowed(enum segment_kind kind, uint32_t rings, uint32_t ring_bytes)
{
	if (rings < 1 || rings > WORKERS_MAX)
		return false;
	if (!kind_has_data(kind))
		return ring_bytes == 0;
	return ring_bytes >= RING_BYTES_MIN && ring_bytes <= RING_BYTES_MAX &&
	       (ring_bytes & (ring_bytes - 1)) == 0;
}

static uint64_t
kind_bytes(enum segment_kind kind, uint32_t rings, uint32_t ring_bytes)
{
	return kind_has_data(kind) ? segment_bytes(rings, ring_bytes) : segment_bytes_bare(rings);
}

/* Writes the head and takes from this process, and for berthd's kinds from everybody, the right to
 * write in any other way than *map allows. */
static int
segment_seal(int fd, enum segment_kind kind, struct segment *map, uint64_t bytes)
{
	if (kind_is_berthds(kind)) {
		/* Only while no F_SEAL_SEAL is set, and only after our mapping exists. */
		if (fcntl(fd, F_ADD_SEALS, F_SEAL_FUTURE_WRITE) != 0)
			return -errno;
	} else if (mprotect(map, bytes, PROT_READ) != 0) {
		return -errno;
	}
	return fcntl(fd, F_ADD_SEALS, SEALS_SIZE) == 0 ? 0 : -errno;
}

int
segment_create(enum segment_kind kind, uint32_t rings, uint32_t ring_bytes, int *fd,
	       struct segment **map, uint64_t *bytes)
{
	const uint32_t data = kind_has_data(kind) ? ring_bytes : 0;
	struct segment *s;
	uint64_t size;
	int made, rc;

	if (kind < SEGMENT_PORT || kind > SEGMENT_APP_PEER || !sizes_allowed(kind, rings, data))
		return -EINVAL;
	size = kind_bytes(kind, rings, data);
	made = memfd_create("berth", MFD_CLOEXEC | MFD_ALLOW_SEALING);
	if (made < 0)
		return -errno;
	/* Allocates as well: without memory this fails here, not by a signal on the packet path. */
	do {
		rc = fallocate(made, 0, 0, (off_t)size) == 0 ? 0 : -errno;
	} while (rc == -EINTR);
	if (rc != 0)
		goto close_fd;
	s = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_POPULATE, made, 0);
	if (s == MAP_FAILED) {
		rc = -errno;
		goto close_fd;
	}
	s->head.version = SEGMENT_VERSION;
	s->head.kind = (uint16_t)kind;
	s->head.rings = rings;
	s->head.ring_bytes = data;
	s->head.bytes = size;
	/* Publishes the head; acquire in segment_attach(). */
	atomic_store_explicit(&s->head.magic, SEGMENT_MAGIC, memory_order_release);
	rc = segment_seal(made, kind, s, size);
	if (rc != 0)
		goto unmap;
	*fd = made;
	*map = s;
	*bytes = size;
	return 0;
unmap:
	munmap(s, size);
close_fd:
	close(made);
	return rc;
}

static int
head_check(const struct segment *s, enum segment_kind kind, uint64_t bytes)
{
	if (atomic_load_explicit(&s->head.magic, memory_order_acquire) != SEGMENT_MAGIC ||
	    s->head.version != SEGMENT_VERSION || s->head.kind != kind)
		return -EPROTO;
	if (!sizes_allowed(kind, s->head.rings, s->head.ring_bytes) || s->head.bytes != bytes ||
	    kind_bytes(kind, s->head.rings, s->head.ring_bytes) != bytes)
		return -EBADMSG;
	return 0;
}

int
segment_attach(int fd, enum segment_kind kind, struct segment **map, uint64_t *bytes)
{
	const int wanted = SEALS_SIZE | (kind_is_berthds(kind) ? F_SEAL_FUTURE_WRITE : 0);
	const int protection = PROT_READ | (kind_is_berthds(kind) ? 0 : PROT_WRITE);
	const int seals = fcntl(fd, F_GET_SEALS);
	struct segment *s;
	struct stat st;
	uint64_t size;
	int rc;

	if (seals < 0)
		return -errno;
	if ((seals & wanted) != wanted)
		return -EPERM;
	if (fstat(fd, &st) != 0)
		return -errno;
	size = (uint64_t)st.st_size;
	/* The head must exist before it can be read; the rest is compared with what it says. */
	if (size < segment_bytes_bare(1) || size > segment_bytes(WORKERS_MAX, RING_BYTES_MAX))
		return -EBADMSG;
	s = mmap(NULL, size, protection, MAP_SHARED, fd, 0);
	if (s == MAP_FAILED)
		return -errno;
	rc = head_check(s, kind, size);
	if (rc != 0) {
		munmap(s, size);
		return rc;
	}
	*map = s;
	*bytes = size;
	return 0;
}

void
segment_unmap(struct segment *map, uint64_t bytes)
{
	munmap(map, bytes);
}
