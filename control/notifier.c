/* SPDX-License-Identifier: BSD-3-Clause */
/* notifier.c: the thread that writes wake-ups for sleeping ports. */
#include "control/notifier.h"

#include <errno.h>
#include <pthread.h>
#include <signal.h>
#include <stdbool.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* A sleeper that was woken and took nothing is woken again after this many rounds (10 ms). */
#define ROUNDS_AGAIN 200
/* After this many rounds without a sleeper (5 ms), rounds come less often until there is one. */
#define ROUNDS_AWAKE 100

struct watch {
	const struct segment *segment;
	const struct segment *peer;
	const struct port_sleep *sleep;
	uint32_t rings;
	int wake_fd;
	uint32_t flag;        /* as last seen */
	bool signalled;       /* since then the flag kept its value and no packet was taken */
	uint32_t consumed;    /* sum over rings when it was signalled */
	uint32_t rounds_left; /* until it is signalled once more */
};

struct notifier {
	pthread_t thread;
	pthread_mutex_t lock; /* of all below */
	pthread_cond_t changed;
	bool stopping;
	struct watch *watches;
	uint32_t count;
	uint32_t room;
};

/* Whether any ring holds packets; *consumed is the sum of the application's counts. The counts are
 * compared for equality alone, so whatever the application wrote does no harm (R3). */
static bool
watch_filled(const struct watch *w, uint32_t *consumed)
{
	bool filled = false;

	*consumed = 0;
	for (uint32_t i = 0; i < w->rings; i++) {
		/* Acquire pairs with the worker's release of `produced` and with the
		 * application's of `consumed`. */
		const uint32_t put =
			atomic_load_explicit(&w->segment->counts[i].bytes, memory_order_acquire);
		const uint32_t taken =
			atomic_load_explicit(&w->peer->counts[i].bytes, memory_order_acquire);

		filled |= put != taken;
		*consumed += taken;
	}
	return filled;
}

/* An application sets its flag, then looks at its rings once more, then sleeps. So a packet that it
 * missed is seen here with the flag set. One wake-up is enough until it changes the flag or takes
 * something; both are watched for, and time mends what neither shows. Returns whether it sleeps. */
static bool
watch_look(struct watch *w)
{
	static const uint64_t one = 1;
	const uint32_t flag = atomic_load_explicit(&w->sleep->sleeping, memory_order_acquire);
	uint32_t consumed;

	if (flag != w->flag)
		w->signalled = false;
	w->flag = flag;
	if (flag == 0)
		return false;
	if (!watch_filled(w, &consumed))
		return true;
	if (w->signalled && consumed == w->consumed && --w->rounds_left > 0)
		return true;
	/* A full socket means that wake-ups wait there already. */
	(void)send(w->wake_fd, &one, sizeof(one), MSG_DONTWAIT | MSG_NOSIGNAL);
	w->signalled = true;
	w->consumed = consumed;
	w->rounds_left = ROUNDS_AGAIN;
	return true;
}

static void *
notifier_run(void *argument)
{
	static const struct timespec period = { .tv_nsec = NOTIFIER_PERIOD_US * 1000 };
	static const struct timespec awake = { .tv_nsec = NOTIFIER_AWAKE_PERIOD_US * 1000 };
	struct notifier *n = argument;
	uint32_t rounds_awake = 0;

	/* The default slack of 50 us would double the period. */
	prctl(PR_SET_TIMERSLACK, 1000, 0, 0, 0);
	pthread_mutex_lock(&n->lock);
	while (!n->stopping) {
		if (n->count == 0) {
			pthread_cond_wait(&n->changed, &n->lock);
			continue;
		}
		bool sleeper = false;

		for (uint32_t i = 0; i < n->count; i++)
			sleeper |= watch_look(&n->watches[i]);
		rounds_awake = sleeper ? 0 : rounds_awake + 1;
		pthread_mutex_unlock(&n->lock);
		nanosleep(rounds_awake < ROUNDS_AWAKE ? &period : &awake, NULL);
		pthread_mutex_lock(&n->lock);
	}
	pthread_mutex_unlock(&n->lock);
	return NULL;
}

int
notifier_start(struct notifier **out)
{
	struct notifier *n = calloc(1, sizeof(*n));
	sigset_t all, before;
	int rc;

	if (n == NULL)
		return -ENOMEM;
	pthread_mutex_init(&n->lock, NULL);
	pthread_cond_init(&n->changed, NULL);
	/* Signals are the control thread's. */
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	rc = pthread_create(&n->thread, NULL, notifier_run, n);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	if (rc != 0) {
		pthread_cond_destroy(&n->changed);
		pthread_mutex_destroy(&n->lock);
		free(n);
		return -rc;
	}
	pthread_setname_np(n->thread, "berth-notifier");
	*out = n;
	return 0;
}

void
notifier_stop(struct notifier *n)
{
	if (n == NULL)
		return;
	pthread_mutex_lock(&n->lock);
	n->stopping = true;
	pthread_cond_signal(&n->changed);
	pthread_mutex_unlock(&n->lock);
	pthread_join(n->thread, NULL);
	pthread_cond_destroy(&n->changed);
	pthread_mutex_destroy(&n->lock);
	free(n->watches);
	free(n);
}

int
notifier_add(struct notifier *n, const struct segment *segment, const struct segment *peer,
	     uint32_t rings, int wake_fd)
{
	const uint8_t *flag = (const uint8_t *)peer + segment_data_offset(rings);
	int rc = 0;

	pthread_mutex_lock(&n->lock);
	if (n->count == n->room) {
		const uint32_t room = n->room == 0 ? 16 : n->room * 2;
		struct watch *watches = realloc(n->watches, room * sizeof(*watches));

		if (watches == NULL) {
			rc = -ENOMEM;
			goto out;
		}
		n->watches = watches;
		n->room = room;
	}
	n->watches[n->count++] = (struct watch){
		.segment = segment,
		.peer = peer,
		.sleep = (const struct port_sleep *)(const void *)flag,
		.rings = rings,
		.wake_fd = wake_fd,
	};
	pthread_cond_signal(&n->changed);
out:
	pthread_mutex_unlock(&n->lock);
	return rc;
}

void
notifier_remove(struct notifier *n, const struct segment *segment)
{
	pthread_mutex_lock(&n->lock);
	for (uint32_t i = 0; i < n->count; i++) {
		if (n->watches[i].segment != segment)
			continue;
		n->watches[i] = n->watches[--n->count];
		break;
	}
	pthread_mutex_unlock(&n->lock);
}

int
notifier_channel(int *ours, int *theirs)
{
	int pair[2];

	if (socketpair(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, pair) != 0)
		return -errno;
	/* Nothing is ever read here: what the application would send is refused by the kernel. */
	if (shutdown(pair[0], SHUT_RD) != 0) {
		const int error = -errno;

		close(pair[0]);
		close(pair[1]);
		return error;
	}
	*ours = pair[0];
	*theirs = pair[1];
	return 0;
}
