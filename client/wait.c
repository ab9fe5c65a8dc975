/* SPDX-License-Identifier: BSD-3-Clause */
/* wait.c: sleeping until packets come.
 *
 * berthd's notifier looks at the sleep flag of each port again and again, and writes the wake
 * descriptor of one that sleeps while packets wait. So a wake-up cannot be lost: a packet that
 * comes between our last look and our sleep is still seen there. The flag is stored before the last
 * look (sequentially consistent: a store and a later load keep their order only so), which saves
 * the one period of the notifier that a packet just missed would cost. */
#include <errno.h>
#include <poll.h>
#include <time.h>
#include <unistd.h>

#include "client/client_priv.h"

static bool
port_pending(const struct berth_port *port)
{
	for (uint32_t i = 0; i < port->rings; i++)
		if (rx_end_pending(&port->rx[i]))
			return true;
	return false;
}

static bool
port_broken(const struct berth_port *port)
{
	for (uint32_t i = 0; i < port->rings; i++)
		if (port->rx[i].broken)
			return true;
	return false;
}

static int64_t
now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (int64_t)t.tv_sec * 1000 + t.tv_nsec / 1000000;
}

int
berth_fd(const struct berth_port *port)
{
	return port->wake_fd;
}

/* 1: packets wait; 0: none; or the reason why none can come. */
static int
port_state(const struct berth_port *port)
{
	if (port_pending(port))
		return 1;
	if (port_broken(port))
		return -EPROTO;
	return atomic_load_explicit(&port->berth->lost, memory_order_relaxed) ? -ECONNRESET : 0;
}

int
berth_fd_arm(struct berth_port *port)
{
	int rc;

	berth_release(port);
	atomic_store_explicit(&port->sleep->sleeping, 1, memory_order_seq_cst);
	rc = port_state(port);
	if (rc != 0)
		berth_fd_disarm(port);
	return rc;
}

static void
wakes_drain(struct berth_port *port)
{
	uint64_t wakes;

	while (read(port->wake_fd, &wakes, sizeof(wakes)) > 0)
		;
}

void
client_fd_settle(struct berth_port *port)
{
	uint32_t flag = atomic_load_explicit(&port->sleep->sleeping, memory_order_relaxed) + 1;

	/* Another value than before: the notifier may have told already of what comes from now on,
	 * and that wake-up goes with the others. Release: it sees what was taken before the flag.
	 */
	wakes_drain(port);
	flag += flag == 0;
	atomic_store_explicit(&port->sleep->sleeping, flag, memory_order_release);
}

void
berth_fd_disarm(struct berth_port *port)
{
	/* Relaxed: a notifier that still sees the flag writes a wake-up too many, no more. */
	atomic_store_explicit(&port->sleep->sleeping, 0, memory_order_relaxed);
	wakes_drain(port);
}

/* Polls once. Notes a hang-up, which shows in port_state() once no packets wait any more. */
static int
port_poll(struct berth_port *port, bool wake, int timeout_ms)
{
	struct pollfd fds[2] = {
		{ .fd = port->berth->fd, .events = POLLRDHUP },
		{ .fd = wake ? port->wake_fd : -1, .events = POLLIN },
	};

	if (poll(fds, 2, timeout_ms) < 0)
		return -errno;
	if (fds[0].revents & (POLLRDHUP | POLLHUP | POLLERR | POLLNVAL) ||
	    fds[1].revents & (POLLHUP | POLLERR | POLLNVAL))
		atomic_store_explicit(&port->berth->lost, true, memory_order_relaxed);
	return 0;
}

int
berth_wait(struct berth_port *port, int timeout_ms)
{
	const int64_t end = timeout_ms > 0 ? now_ms() + timeout_ms : 0;
	int left = timeout_ms;
	int rc = 0, polled = 0;

	while (rc == 0 && polled == 0) {
		if (timeout_ms != 0) {
			rc = berth_fd_arm(port);
		} else {
			berth_release(port);
			rc = port_state(port);
		}
		if (rc != 0)
			return rc;
		polled = port_poll(port, timeout_ms != 0, left);
		if (timeout_ms != 0)
			berth_fd_disarm(port);
		rc = port_state(port);
		/* A wake-up may come for packets that were taken meanwhile. */
		if (timeout_ms >= 0) {
			left = (int)(end - now_ms());
			if (left <= 0)
				return rc != 0 ? rc : polled;
		}
	}
	return rc != 0 ? rc : polled;
}
