/* SPDX-License-Identifier: BSD-3-Clause */
/* worker.c: the loop of one worker. */
#include "dataplane/worker/worker.h"

#include <sys/prctl.h>
#include <time.h>

#include "common/base/clock.h"

/* Reads the clock once for the whole poll. */
static void
poll_begin(struct worker *w)
{
	const struct dataplane *dp = w->dp;

	w->poll_cycles = clock_cycles();
	w->now_ms = (uint32_t)clock_scale(w->poll_cycles - dp->start_cycles, dp->ms_scale);
	housekeeping_adopt(w);
}

/* Everything that was put aside during the poll goes out, and control may free what this poll used.
 */
static void
poll_end(struct worker *w, bool busy)
{
	handover_flush(w);
	emit_flush(w);
	rte_rcu_qsbr_quiescent(w->dp->published_qsbr, w->id);
	housekeeping(w);
	count_word(&w->polls, 1);
	count_word(&w->busy_polls, busy);
}

/* Gives the core away for a moment after enough empty polls in a row, if the configuration says so.
 */
static void
idle(struct worker *w, bool busy)
{
	const struct dataplane_options *o = &w->dp->options;
	const struct timespec pause = { .tv_nsec = (long)o->idle_sleep_us * 1000 };

	if (busy || !o->idle_sleep) {
		w->idle_polls = 0;
		return;
	}
	if (++w->idle_polls < o->idle_empty_polls)
		return;
	count_word(&w->sleeps, 1);
	nanosleep(&pause, NULL);
}

uint32_t
worker_poll(struct worker *w)
{
	uint32_t work = 0;

	poll_begin(w);
	for (uint16_t q = 0; q < w->rx_count; q++)
		work += inbound_poll(w, &w->rx[q]);
	work += handover_poll(w);
	work += outbound_poll(w);
	if (w->id == 0)
		work += emit_solicits(w);
	emit_held(w);
	poll_end(w, work > 0);
	return work;
}

int
worker_run(void *argument)
{
	struct worker *w = argument;

	/* Acquire pairs with the release in dataplane_start(). */
	panic_unless(atomic_load_explicit(&w->state, memory_order_acquire) == WORKER_RUNNING);
	prctl(PR_SET_TIMERSLACK, 1);
	rte_rcu_qsbr_thread_online(w->dp->published_qsbr, w->id);
	profile_begin(w);
	while (!atomic_load_explicit(&w->dp->stop, memory_order_acquire))
		idle(w, worker_poll(w) > 0);
	rte_rcu_qsbr_thread_offline(w->dp->published_qsbr, w->id);
	/* Release pairs with the acquire in dataplane_stop(). */
	atomic_store_explicit(&w->state, WORKER_STOPPED, memory_order_release);
	return 0;
}
