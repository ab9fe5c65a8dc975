/* SPDX-License-Identifier: BSD-3-Clause */
/* changes.c: what differs between two configurations, and what of it a running daemon takes over.
 */
#include <string.h>

#include "common/base/check.h"
#include "config/config.h"
#include "config/table.h"

/* Parts of the struct that keys share, or that the table does not store as they are written. */
#define PART(path, from, to)                                                             \
	{                                                                                \
		path, offsetof(struct config, from),                                     \
			offsetof(struct config, to) + sizeof(((struct config *)0)->to) - \
				offsetof(struct config, from)                            \
	}

static const struct {
	const char *path;
	size_t offset, bytes;
} parts[] = {
	PART("workers.cores", workers_count, worker_cores),
	PART("nics", nics_count, tunnels),
	PART("ipfix.collector", ipfix.address, ipfix.tcp),
	PART("ephemeral", ephemeral, ephemeral),
	PART("grants", grants_count, grants),
};

static bool
differs(const struct config *a, const struct config *b, size_t offset, size_t bytes)
{
	return memcmp((const char *)a + offset, (const char *)b + offset, bytes) != 0;
}

void
config_compare(const struct config *running, const struct config *fresh, config_change_fn each,
	       void *context)
{
	for (unsigned i = 0; i < table_keys_count; i++) {
		const struct table_key *key = &table_keys[i];

		if (key->place == TABLE_CONFIG && differs(running, fresh, key->offset, key->width))
			each(context, key->path, (key->flags & TABLE_LIVE) != 0);
	}
	for (unsigned i = 0; i < array_length(parts); i++)
		if (differs(running, fresh, parts[i].offset, parts[i].bytes))
			each(context, parts[i].path, false);
}

void
config_take_over(struct config *running, const struct config *fresh)
{
	for (unsigned i = 0; i < table_keys_count; i++) {
		const struct table_key *key = &table_keys[i];

		if (key->place == TABLE_CONFIG && (key->flags & TABLE_LIVE) != 0)
			memcpy((char *)running + key->offset, (const char *)fresh + key->offset,
			       key->width);
	}
}
