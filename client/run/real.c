/* SPDX-License-Identifier: BSD-3-Clause */
/* real.c: finds libc's own functions. */
#include "client/run/real.h"

#include <dlfcn.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <string.h>

#include "common/base/check.h"

static void *
find(const char *name)
{
	void *found = dlsym(RTLD_NEXT, name);

	panic_unless(found != NULL);
	return found;
}

const struct real *
real(void)
{
	static struct real functions;
	static _Atomic bool found;

	/* Two threads may both look; they find the same. Acquire pairs with the release below. */
	if (atomic_load_explicit(&found, memory_order_acquire))
		return &functions;
#define X(type, name, arguments) \
	memcpy(&functions.name, &(void *){ find(#name) }, sizeof(functions.name));
	REAL_LIST(X)
#undef X
	atomic_store_explicit(&found, true, memory_order_release);
	return &functions;
}
