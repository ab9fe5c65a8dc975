/* SPDX-License-Identifier: BSD-3-Clause */
/* memory.c: makes and frees the memory that an application shares with the workers. */
#include "control/memory.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static int
pair_create(enum segment_kind ours, enum segment_kind theirs, uint32_t rings, uint32_t ring_bytes,
	    struct segment_pair *pair, int fds[2])
{
	int rc = segment_create(ours, rings, ring_bytes, &fds[0], &pair->ours, &pair->ours_bytes);

	if (rc != 0)
		return rc;
	rc = segment_create(theirs, rings, ring_bytes, &fds[1], &pair->theirs, &pair->theirs_bytes);
	if (rc != 0) {
		segment_unmap(pair->ours, pair->ours_bytes);
		close(fds[0]);
	}
	return rc;
}

static void
pair_unmap(struct segment_pair *pair)
{
	segment_unmap(pair->ours, pair->ours_bytes);
	segment_unmap(pair->theirs, pair->theirs_bytes);
}

/* Workers write to neighbouring ring ends: each object starts on a line of its own. */
static void *
memory_allocate(size_t bytes)
{
	const size_t whole = (bytes + CACHE_LINE - 1) / CACHE_LINE * CACHE_LINE;
	void *memory = aligned_alloc(CACHE_LINE, whole);

	if (memory != NULL)
		memset(memory, 0, whole);
	return memory;
}

static void
app_memory_free(void *memory)
{
	struct app_memory *m = memory;

	pair_unmap(&m->pair);
	free(m);
}

static void
port_memory_free(void *memory)
{
	struct port_memory *m = memory;

	pair_unmap(&m->pair);
	free(m);
}

int
app_memory_create(uint32_t id, uint32_t rings, uint32_t ring_bytes, struct app_memory **out,
		  int fds[2])
{
	struct app_memory *m = memory_allocate(sizeof(*m));
	int rc;

	if (m == NULL)
		return -ENOMEM;
	rc = pair_create(SEGMENT_APP, SEGMENT_APP_PEER, rings, ring_bytes, &m->pair, fds);
	if (rc != 0) {
		free(m);
		return rc;
	}
	m->head.free_fn = app_memory_free;
	m->dp.id = id;
	for (uint32_t i = 0; i < rings; i++)
		tx_ring_init(&m->dp.tx[i], m->pair.theirs, m->pair.ours, rings, ring_bytes, i);
	*out = m;
	return 0;
}

int
port_memory_create(port_ref ref, uint32_t app, uint32_t rings, uint32_t ring_bytes,
		   struct port_memory **out, int fds[2])
{
	struct port_memory *m = memory_allocate(sizeof(*m));
	int rc;

	if (m == NULL)
		return -ENOMEM;
	rc = pair_create(SEGMENT_PORT, SEGMENT_PORT_PEER, rings, ring_bytes, &m->pair, fds);
	if (rc != 0) {
		free(m);
		return rc;
	}
	m->head.free_fn = port_memory_free;
	m->dp.ref = ref;
	m->dp.app = app;
	for (uint32_t i = 0; i < rings; i++)
		rx_ring_init(&m->dp.rx[i], m->pair.ours, m->pair.theirs, rings, ring_bytes, i);
	*out = m;
	return 0;
}

int
port_memory_create_end(port_ref ref, uint32_t app, uint16_t end, struct port_memory **out)
{
	struct port_memory *m = memory_allocate(sizeof(*m));

	if (m == NULL)
		return -ENOMEM;
	m->head.free_fn = free;
	m->dp.ref = ref;
	m->dp.app = app;
	m->dp.end = end;
	*out = m;
	return 0;
}

void
memory_free(void *memory)
{
	struct memory_head *head = memory;

	head->free_fn(memory);
}
