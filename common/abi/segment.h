/* SPDX-License-Identifier: BSD-3-Clause */
/* segment.h: makes, seals and maps the shared memory of ring.h. Served by segment.c.
 *
 * S1  berthd makes every segment (T1). Its size is sealed, and so are the seals: no peer can shrink
 *     it under a reader, which would end the reader with SIGBUS.
 * S2  The kinds that berthd writes (PORT, APP) are sealed against every later writer; berthd's own
 *     mapping, made before, is the only one that can write (T2). Nobody can punch holes into them.
 * S3  The kinds that the application writes (PORT_PEER, APP_PEER) are mapped read-only in berthd. A
 *     hole punched into one reads as zeros: the pages are ordinary ones, and stay within the size.
 * S4  All memory is allocated and mapped when the segment is made, so that a worker does not fault
 *     on its own segments, and too little memory is an error then, not a signal later. */
#pragma once

#include <stdint.h>

#include "common/abi/ring.h"

/* berthd's side. Makes a segment of `rings` (1..WORKERS_MAX) rings of `ring_bytes` each (a power of
 * two, RING_BYTES_MIN..RING_BYTES_MAX; not looked at for SEGMENT_PORT_PEER and SEGMENT_APP, which
 * hold no ring data). On 0 the caller owns *fd (close-on-exec, to be sent to the application) and
 * the mapping *map of *bytes, which segment_unmap() ends. May block. -EINVAL, or what
 * memfd_create(), fallocate() and mmap() say; outputs are untouched then. */
int segment_create(enum segment_kind kind, uint32_t rings, uint32_t ring_bytes, int *fd,
		   struct segment **map, uint64_t *bytes);

/* The application's side. Checks seals, size, magic, version, kind and ring sizes of `fd`, which
 * stays the caller's, and maps it: for reading (PORT, APP) or for reading and writing. -EPERM: a
 * seal of S1 or S2 is missing; -EPROTO: another layout version or kind; -EBADMSG: sizes that
 * contradict each other; or what fcntl(), fstat() and mmap() say. Outputs are untouched on failure.
 */
int segment_attach(int fd, enum segment_kind kind, struct segment **map, uint64_t *bytes);

void segment_unmap(struct segment *map, uint64_t bytes);
