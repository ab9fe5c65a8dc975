/* SPDX-License-Identifier: BSD-3-Clause */
/* test_client.c: libberth's conversation with a berthd that errs, refuses, lies or dies. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "client/client_priv.h"
#include "common/base/check.h"
#include "tests/support/fake_daemon.h"
#include "tests/unit/leftovers.h"

static struct leftovers before;

static void
remember(void)
{
	before = leftovers_now();
}

/* Goal of every test: whatever happened, nothing stays open or mapped. */
static void
compare(void)
{
	const struct leftovers now = leftovers_now();

	cr_expect(eq(u32, now.fds, before.fds));
	cr_expect(eq(u32, now.maps, before.maps));
}

TestSuite(client, .init = remember, .fini = compare, .timeout = 60);

/* What each fault must end in; both for HELLO and for PORT_OPEN. */
static const struct {
	enum fake_fault fault;
	int rc;
} faults[] = {
	{ FAULT_VERSION, -EPROTO },         { FAULT_TYPE, -EPROTO },
	{ FAULT_STATUS_POSITIVE, -EPROTO }, { FAULT_STATUS_LOW, -EPROTO },
	{ FAULT_SHORT, -EPROTO },           { FAULT_LONG, -EPROTO },
	{ FAULT_EMPTY, -ECONNRESET },       { FAULT_HANG_UP, -ECONNRESET },
	{ FAULT_FDS_NONE, -EPROTO },        { FAULT_FDS_FEWER, -EPROTO },
	{ FAULT_FDS_MORE, -EPROTO },        { FAULT_FD_NO_MEMORY, -EINVAL },
	{ FAULT_SEGMENT_UNSEALED, -EPERM }, { FAULT_SEGMENT_WRITABLE, -EPERM },
	{ FAULT_SEGMENT_SIZE, -EBADMSG },   { FAULT_SEGMENT_EMPTY, -EBADMSG },
	{ FAULT_SEGMENT_MAGIC, -EPROTO },   { FAULT_SEGMENT_VERSION, -EPROTO },
	{ FAULT_SEGMENTS_SWAPPED, -EPERM }, { FAULT_RINGS_DIFFER, -EBADMSG },
};
static_assert(array_length(faults) == FAULT_COUNT - 1, "each fault is tried");

static void
play_hello_fault(struct fake_daemon *d, void *fault)
{
	struct message_request q;

	panic_unless(fake_take(d, &q) && q.type == MESSAGE_HELLO);
	fake_reply(d, &q, *(const enum fake_fault *)fault);
	/* Until the application gives up. */
	if (d->connection >= 0)
		while (fake_take(d, &q))
			;
}

/* Goal: a greeting that is not as agreed ends in an error with a sentence, and in nothing else. */
Test(client, greeting_faults)
{
	for (unsigned i = 0; i < array_length(faults); i++) {
		enum fake_fault fault = faults[i].fault;
		struct berth *b = NULL;
		struct fake_daemon d;

		fake_daemon_start(&d, play_hello_fault, &fault);
		cr_expect(eq(int, berth_open(d.path, "test", NULL, &b), faults[i].rc), "fault %u",
			  fault);
		cr_expect(eq(ptr, b, NULL), "fault %u", fault);
		cr_expect(ne(chr, berth_last_error(NULL)[0], '\0'), "fault %u", fault);
		fake_daemon_stop(&d);
		compare();
	}
}

static void
play_port_fault(struct fake_daemon *d, void *fault)
{
	struct message_request q;

	fake_serve(d, MESSAGE_HELLO);
	panic_unless(fake_take(d, &q) && q.type == MESSAGE_PORT_OPEN);
	fake_reply(d, &q, *(const enum fake_fault *)fault);
	if (d->connection < 0)
		return;
	while (fake_take(d, &q)) {
		const struct message_reply r = { .version = MESSAGE_VERSION, .type = q.type };

		panic_unless(q.type == MESSAGE_PORT_CLOSE && q.port == 7);
		fake_send(d, &r, sizeof(r), NULL, 0);
	}
}

/* Goal: the same of a port; where the reply itself is sound, berthd is told that the port is not
 * wanted, and the connection lives on. */
Test(client, port_faults)
{
	for (unsigned i = 0; i < array_length(faults); i++) {
		enum fake_fault fault = faults[i].fault;
		struct berth_port *port = NULL;
		struct berth *b = NULL;
		struct fake_daemon d;
		bool lost;

		fake_daemon_start(&d, play_port_fault, &fault);
		cr_assert(zero(int, berth_open(d.path, "test", NULL, &b)));
		cr_expect(eq(int, berth_port_open(b, "port", NULL, &port), faults[i].rc),
			  "fault %u", fault);
		cr_expect(eq(ptr, port, NULL), "fault %u", fault);
		cr_expect(ne(chr, berth_last_error(b)[0], '\0'), "fault %u", fault);
		lost = atomic_load(&b->lost);
		cr_expect(eq(int, lost, fault < FAULT_FD_NO_MEMORY), "fault %u", fault);
		if (lost)
			cr_expect(eq(int, berth_port_open(b, "port", NULL, &port), -ECONNRESET));
		berth_close(b);
		fake_daemon_stop(&d);
		compare();
	}
}

/* What berthd refuses with, and what the application reads. */
struct refusal {
	int status;
	const char *text; /* NULL: none; "": as long as it can be, without a zero */
	const char *says;
};

static void
play_refusal(struct fake_daemon *d, void *context)
{
	const struct refusal *refusal = context;
	struct message_reply r = { .version = MESSAGE_VERSION, .status = refusal->status };
	struct message_request q;

	fake_serve(d, MESSAGE_HELLO);
	fake_serve(d, MESSAGE_PORT_OPEN);
	if (refusal->text != NULL && refusal->text[0] != '\0')
		snprintf(r.text, sizeof(r.text), "%s", refusal->text);
	else if (refusal->text != NULL)
		memset(r.text, 'x', sizeof(r.text));
	while (fake_take(d, &q)) {
		r.type = q.type;
		fake_send(d, &r, sizeof(r), NULL, 0);
	}
}

/* Goal: berthd's errno and sentence reach the application, whole and bounded, from each call, and
 * the connection lives on. */
Test(client, refusals)
{
	static char longest[MESSAGE_TEXT_BYTES];
	const struct refusal refusals[] = {
		{ -EACCES, "ports below 1024 need a permission", "ports below 1024" },
		{ -EADDRINUSE, NULL, "Address already in use" },
		{ -EINVAL, "", longest },
		{ -4095, "odd", "odd" },
	};

	memset(longest, 'x', sizeof(longest) - 1);
	for (unsigned i = 0; i < array_length(refusals); i++) {
		struct berth_connection connection;
		struct refusal refusal = refusals[i];
		struct berth_port *port, *other;
		struct fake_daemon d;
		struct berth *b;

		fake_daemon_start(&d, play_refusal, &refusal);
		cr_assert(zero(int, berth_open(d.path, "test", NULL, &b)));
		cr_assert(zero(int, berth_port_open(b, "port", NULL, &port)));
		cr_expect(eq(int, berth_bind(port, "udp/*:53", 0, NULL), refusal.status));
		cr_expect(strstr(berth_last_error(b), refusal.says) != NULL, "%s",
			  berth_last_error(b));
		cr_expect(lt(sz, strlen(berth_last_error(b)), MESSAGE_TEXT_BYTES));
		cr_expect(eq(int, berth_unbind(port, 7), refusal.status));
		cr_expect(eq(int, berth_connect(port, NULL, "udp/192.0.2.1:53", &connection),
			     refusal.status));
		cr_expect(eq(int, berth_port_open(b, "other", NULL, &other), refusal.status));
		cr_expect(not(atomic_load(&b->lost)));
		berth_port_close(port);
		berth_close(b);
		fake_daemon_stop(&d);
		compare();
	}
}

static void
play_unasked(struct fake_daemon *d, void *context)
{
	const struct message_reply r = { .version = MESSAGE_VERSION, .type = MESSAGE_BIND };
	struct message_request q;

	(void)context;
	fake_serve(d, MESSAGE_HELLO);
	fake_send(d, &r, sizeof(r), NULL, 0);
	while (fake_take(d, &q))
		;
}

/* Goal: a message that nobody asked for is not taken for the reply to the next request. */
Test(client, unasked_message)
{
	struct berth_port *port;
	struct fake_daemon d;
	struct berth *b;

	fake_daemon_start(&d, play_unasked, NULL);
	cr_assert(zero(int, berth_open(d.path, "test", NULL, &b)));
	cr_expect(eq(int, berth_port_open(b, "port", NULL, &port), -EPROTO));
	cr_expect(eq(int, berth_port_open(b, "port", NULL, &port), -ECONNRESET));
	berth_close(b);
	fake_daemon_stop(&d);
}

static void
nothing(int number)
{
	(void)number;
}

/* Waits until a thread of this process sleeps in the kernel (proc(5), "stat"). */
static void
wait_asleep(pid_t thread)
{
	char path[64], line[256], state = 'R';

	snprintf(path, sizeof(path), "/proc/self/task/%d/stat", (int)thread);
	while (state != 'S') {
		FILE *f = fopen(path, "re");

		panic_unless(f != NULL && fgets(line, sizeof(line), f) != NULL);
		state = strrchr(line, ')')[2];
		fclose(f);
		sched_yield();
	}
}

struct sleeper {
	pthread_t thread;
	pid_t id;
};

static void
play_signals(struct fake_daemon *d, void *context)
{
	const struct sleeper *application = context;
	struct message_request q;

	for (unsigned i = 0; i < 3 && fake_take(d, &q); i++) {
		wait_asleep(application->id);
		pthread_kill(application->thread, SIGUSR1);
		if (i < 2)
			fake_reply(d, &q, FAULT_NONE);
	}
	/* The third sleep is one of berth_wait(). */
}

/* Goal: a signal during a call does not end it. */
Test(client, signals_during_calls)
{
	const struct sigaction action = { .sa_handler = nothing };
	struct sleeper self = { pthread_self(), (pid_t)syscall(SYS_gettid) };
	struct berth_port *port;
	struct fake_daemon d;
	struct berth *b;

	cr_assert(zero(int, sigaction(SIGUSR1, &action, NULL)));
	fake_daemon_start(&d, play_signals, &self);
	cr_expect(zero(int, berth_open(d.path, "test", NULL, &b)));
	cr_expect(zero(int, berth_port_open(b, "port", NULL, &port)));
	/* The player ends after a request without a reply: a hang-up in the middle of a call. */
	cr_expect(eq(int, berth_bind(port, "udp/*:53", 0, NULL), -ECONNRESET));
	berth_close(b);
	fake_daemon_stop(&d);
}

static void
play_signal_sleeper(struct fake_daemon *d, void *context)
{
	const struct sleeper *application = context;
	struct message_request q;

	fake_serve(d, MESSAGE_HELLO);
	fake_serve(d, MESSAGE_PORT_OPEN);
	while (atomic_load(&segment_sleep(d->port.peer, FAKE_RINGS)->sleeping) == 0)
		sched_yield();
	wait_asleep(application->id);
	pthread_kill(application->thread, SIGUSR1);
	while (fake_take(d, &q))
		;
}

/* Goal: a signal ends a wait, and says so; the port is not left armed. */
Test(client, signal_during_wait)
{
	const struct sigaction action = { .sa_handler = nothing };
	struct sleeper self = { pthread_self(), (pid_t)syscall(SYS_gettid) };
	struct berth_port *port;
	struct fake_daemon d;
	struct berth *b;

	cr_assert(zero(int, sigaction(SIGUSR1, &action, NULL)));
	fake_daemon_start(&d, play_signal_sleeper, &self);
	cr_assert(zero(int, berth_open(d.path, "test", NULL, &b)));
	cr_assert(zero(int, berth_port_open(b, "port", NULL, &port)));
	cr_expect(eq(int, berth_wait(port, -1), -EINTR));
	cr_expect(eq(u32, atomic_load(&port->sleep->sleeping), 0));
	berth_close(b);
	fake_daemon_stop(&d);
}

static void
play_silence(struct fake_daemon *d, void *context)
{
	struct message_request q;

	(void)context;
	while (fake_take(d, &q))
		panic_unless(q.type != MESSAGE_HELLO);
}

/* Goal: what an application asks for wrongly is refused here, before berthd hears of it. */
Test(client, wrong_arguments)
{
	struct berth_options options = { .reserved[6] = 1 };
	char path[200];
	struct fake_daemon d;
	struct berth *b = NULL;

	fake_daemon_start(&d, play_silence, NULL);
	cr_expect(eq(int, berth_open(d.path, NULL, NULL, &b), -EINVAL));
	cr_expect(eq(int, berth_open(d.path, "", NULL, &b), -EINVAL));
	cr_expect(
		eq(int, berth_open(d.path, "12345678901234567890123456789012", NULL, &b), -EINVAL));
	cr_expect(eq(int, berth_open(d.path, "test", &options, &b), -EINVAL));
	memset(path, 'x', sizeof(path));
	path[sizeof(path) - 1] = '\0';
	cr_expect(eq(int, berth_open(path, "test", NULL, &b), -ENAMETOOLONG));
	cr_expect(eq(int, berth_open("/nonexistent/app.sock", "test", NULL, &b), -ENOENT));
	cr_expect(ne(ptr, strstr(berth_last_error(NULL), "/nonexistent/app.sock"), NULL));
	cr_expect(eq(ptr, b, NULL));
	/* A connection without a word lets the player end. */
	struct berth bare = { .fd = -1 };
	cr_assert(zero(int, client_connect(&bare, d.path)));
	close(bare.fd);
	fake_daemon_stop(&d);
}
