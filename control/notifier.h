/* SPDX-License-Identifier: BSD-3-Clause */
/* notifier.h: wakes applications that sleep on a port. Served by notifier.c.
 *
 * A thread of its own looks every 50 us at the sleep flag of each port and compares what berthd
 * produced with what the application consumed; workers never make a system call for it. The flag is
 * the application's to set and to clear. */
#pragma once

#include <stdint.h>

#include "common/abi/ring.h"

#define NOTIFIER_PERIOD_US 50
/* While no application has slept for a while: applications that poll pay little for those that
 * might sleep. */
#define NOTIFIER_AWAKE_PERIOD_US 500

struct notifier;

/* Starts the thread, which keeps the caller's processor affinity. 0 or a negative errno. */
int notifier_start(struct notifier **out);
/* Stops and joins it. NULL is fine. */
void notifier_stop(struct notifier *n);

/* Watches a port until notifier_remove() of the same `segment`: both mappings and `wake_fd` stay
 * valid until then. `wake_fd` is berthd's end of a notifier_channel(). 0 or -ENOMEM. */
int notifier_add(struct notifier *n, const struct segment *segment, const struct segment *peer,
		 uint32_t rings, int wake_fd);
/* On return the thread touches neither mapping nor descriptor any more. */
void notifier_remove(struct notifier *n, const struct segment *segment);

/* Makes the pair that carries wake-ups: *ours is written by the thread, *theirs goes to the
 * application, which sleeps until it is readable and then reads it empty. A socket pair, not
 * an eventfd: the two ends of an eventfd share one O_NONBLOCK flag, so that an application could
 * clear it and make the notifier, and with it everybody's wake-ups, wait. 0 or a negative errno. */
int notifier_channel(int *ours, int *theirs);
