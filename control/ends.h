/* SPDX-License-Identifier: BSD-3-Clause */
/* ends.h: the configured ports whose end is a device. Served by ends.c. The control thread alone.
 *
 * Each has an application of its own in the registry, without a process: so its bindings conflict
 * with others', and its packets are checked, as any application's. It lives as long as berthd. */
#pragma once

#include "config/config.h"
#include "control/apps.h"

/* Opens all of them and binds what the configuration says, as root would. 0, or a negative errno
 * after one line to stderr. */
int ends_open(struct apps *a, const struct config *config);
