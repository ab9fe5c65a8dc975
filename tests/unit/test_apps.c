/* SPDX-License-Identifier: BSD-3-Clause */
/* test_apps.c: applications over real sockets, friendly and hostile. */
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "common/base/clock.h"
#include "control/apps.h"
#include "control/ends.h"
#include "tests/support/fake_dataplane.h"

#define FDS_MAX 3

static struct event_base *base;
static struct bindings *registry;
static struct connections *connections;
static struct notifier *notifier;
static struct apps *apps;

static void
setup(void)
{
	struct bindings_options rules = { .quota = 100, .links = &fake.links };
	struct connections_options sockets = { .quota = 12,
					       .ephemeral_first = 50000,
					       .ephemeral_last = 50009 };
	struct apps_options options = { .quota_applications = 4,
					.quota_ports = 20,
					.quota_ring_bytes = 16 * RING_BYTES_DEFAULT };

	fake_dataplane_reset();
	fake.workers = 2;
	base = event_base_new();
	cr_assert(eq(int, bindings_create(&rules, &registry), 0));
	sockets.dp = fake_dataplane();
	sockets.bindings = registry;
	cr_assert(eq(int, connections_create(&sockets, &connections), 0));
	cr_assert(eq(int, notifier_start(&notifier), 0));
	options.base = base;
	options.dp = fake_dataplane();
	options.bindings = registry;
	options.connections = connections;
	options.notifier = notifier;
	cr_assert(eq(int, apps_create(&options, &apps), 0));
}

static void
teardown(void)
{
	apps_destroy(apps);
	notifier_stop(notifier);
	connections_destroy(connections);
	bindings_destroy(registry);
	dataplane_reclaim(fake_dataplane());
	event_base_free(base);
}

TestSuite(apps, .init = setup, .fini = teardown);

/* A connection to berthd; its own end is given to `apps`. */
static int
dial(void)
{
	int pair[2];

	cr_assert(eq(int, socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair), 0));
	cr_assert(eq(int, apps_accept(apps, pair[1]), 0));
	return pair[0];
}

static void
turn(void)
{
	event_base_loop(base, EVLOOP_NONBLOCK);
}

static struct message_request
request(uint16_t type, const char *name)
{
	struct message_request q = { .version = MESSAGE_VERSION, .type = type };

	snprintf(q.name, sizeof(q.name), "%s", name);
	return q;
}

/* Takes one reply and its descriptors; returns how many, or -1 when the connection ended. */
static int
receive(int fd, struct message_reply *r, int fds[FDS_MAX])
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control;
	struct iovec data = { r, sizeof(*r) };
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	const ssize_t n = recvmsg(fd, &m, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	int count = 0;

	if (n <= 0)
		return -1;
	cr_assert(eq(sz, (size_t)n, sizeof(*r)));
	if (CMSG_FIRSTHDR(&m) != NULL) {
		count = (int)((CMSG_FIRSTHDR(&m)->cmsg_len - CMSG_LEN(0)) / sizeof(int));
		memcpy(fds, CMSG_DATA(CMSG_FIRSTHDR(&m)), (size_t)count * sizeof(int));
	}
	return count;
}

/* Asks, and closes the descriptors that come. */
static struct message_reply
ask(int fd, const struct message_request *q)
{
	struct message_reply r = { 0 };
	int fds[FDS_MAX], n;

	cr_assert(eq(sz, (size_t)send(fd, q, sizeof(*q), MSG_NOSIGNAL), sizeof(*q)));
	turn();
	n = receive(fd, &r, fds);
	cr_assert(n >= 0, "no answer");
	while (n > 0)
		close(fds[--n]);
	return r;
}

/* Asks what is answered only once the workers have passed its publication. */
static struct message_reply
ask_settled(int fd, const struct message_request *q)
{
	struct message_reply r = { 0 };
	int fds[FDS_MAX];

	cr_assert(eq(sz, (size_t)send(fd, q, sizeof(*q), MSG_NOSIGNAL), sizeof(*q)));
	fake.holds = true;
	turn();
	cr_assert(receive(fd, &r, fds) < 0, "answered while workers go by what was before");
	fake.holds = false;
	while (receive(fd, &r, fds) < 0)
		event_base_loop(base, EVLOOP_ONCE);
	return r;
}

static int
hello(const char *name)
{
	const struct message_request q = request(MESSAGE_HELLO, name);
	const int fd = dial();
	const struct message_reply r = ask(fd, &q);

	cr_assert(eq(int, r.status, 0), "%s", r.text);
	cr_assert(r.id != 0 && r.rings == 2 && r.ring_bytes == RING_BYTES_DEFAULT && r.mtu == 1500);
	return fd;
}

static uint32_t
open_port(int fd, const char *name)
{
	const struct message_request q = request(MESSAGE_PORT_OPEN, name);
	const struct message_reply r = ask(fd, &q);

	cr_assert(eq(int, r.status, 0), "%s", r.text);
	return r.id;
}

static struct message_reply
bind_port(int fd, uint32_t port, const char *text)
{
	struct message_request q = request(MESSAGE_BIND, "");
	struct identity id;

	cr_assert(eq(int, identity_parse(text, &id, NULL), 0));
	message_identity_pack(&id, &q.identity);
	q.port = port;
	return ask(fd, &q);
}

/* Whether berthd ended the connection, after an optional last answer. */
static bool
hung_up(int fd)
{
	char byte[512];
	ssize_t n;

	turn();
	do
		n = recv(fd, byte, sizeof(byte), MSG_DONTWAIT);
	while (n > 0);
	return n == 0 || errno == ECONNRESET;
}

/* Goal: what is bound when the answer comes is published (A2), and a hang-up takes all away (A1).
 * Method: attach, open, bind, look at the publication at each step; close. */
Test(apps, lives_and_dies)
{
	const int fd = hello("dns");
	const uint32_t port = open_port(fd, "zone");
	const struct message_reply r = bind_port(fd, port, "udp/192.0.2.1:5300");
	const unsigned before = fake.publications;
	struct flow_key packet = { .family = FAMILY_IPV4, .proto = PROTO_UDP, .port = { 9, 5300 } };
	struct bind_result found;

	memcpy(packet.addr[1], (const uint8_t[]){ 192, 0, 2, 1 }, 4);
	cr_assert(eq(int, r.status, 0), "%s", r.text);
	cr_assert(eq(u32, fake.snapshot->apps_count, 1));
	cr_assert(fake.snapshot->ports[port] != NULL);
	cr_assert(eq(int, bind_lookup(fake.snapshot->bindings, &packet, true, 1, &found),
		     BIND_MEMBER));
	cr_assert(eq(u32, found.id, r.id));
	cr_assert(eq(u32, found.port, fake.snapshot->ports[port]->ref));

	close(fd);
	turn();
	cr_assert(eq(uint, fake.publications, before + 1));
	cr_assert(eq(u32, fake.snapshot->apps_count, 0));
	cr_assert(fake.snapshot->ports[port] == NULL);
	cr_assert(
		eq(int, bind_lookup(fake.snapshot->bindings, &packet, true, 1, &found), BIND_NONE));
	cr_assert(eq(u32, bindings_count(registry), 0));
	apps_tick(apps, clock_monotonic_ms());
	cr_assert(eq(uint, fake.reclaimed, fake.retired));
}

/* Goal: messages that break the protocol are answered as message.h says, and end the connection.
 * Method: one connection per broken message, before and after HELLO. */
Test(apps, hostile_messages_end_the_connection)
{
	static const struct {
		uint16_t version, type;
		size_t bytes;
		bool greeted;
		int status;
	} cases[] = {
		{ 2, MESSAGE_HELLO, 96, false, -EPROTO },
		{ 2, MESSAGE_HELLO, 200, false, -EPROTO },
		{ 0, 0, 96, true, -EPROTO },
		{ 1, MESSAGE_HELLO, 95, false, -EBADMSG },
		{ 1, MESSAGE_HELLO, 97, false, -EBADMSG },
		{ 1, MESSAGE_HELLO, 60000, false, -EBADMSG },
		{ 1, MESSAGE_HELLO, 1, false, -EBADMSG },
		{ 1, 0, 96, true, -EBADMSG },
		{ 1, 8, 96, true, -EBADMSG },
		{ 1, 65535, 96, true, -EBADMSG },
		{ 1, MESSAGE_BIND, 96, false, -EBADMSG },
		{ 1, MESSAGE_HELLO, 96, true, -EBADMSG },
	};
	static char bytes[60000];

	for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		const int fd = cases[i].greeted ? hello("fuzz") : dial();
		struct message_reply r;
		int fds[FDS_MAX];

		memcpy(bytes, &cases[i].version, 2);
		memcpy(bytes + 2, &cases[i].type, 2);
		cr_assert(eq(sz, (size_t)send(fd, bytes, cases[i].bytes, 0), cases[i].bytes));
		turn();
		cr_assert(eq(int, receive(fd, &r, fds), 0), "row %u", i);
		cr_assert(eq(int, r.status, cases[i].status), "row %u", i);
		cr_assert(hung_up(fd), "row %u", i);
		close(fd);
	}
	cr_assert(eq(u32, apps->connections, 0));
}

/* Goal: a descriptor that an application sends is closed and costs it its connection.
 * Method: send the writing end of a pipe; when berthd keeps none, the reading end sees the end. */
Test(apps, descriptors_are_not_taken)
{
	struct message_request q = request(MESSAGE_HELLO, "giver");
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct iovec data = { &q, sizeof(q) };
	struct msghdr m = { .msg_iov = &data,
			    .msg_iovlen = 1,
			    .msg_control = control.bytes,
			    .msg_controllen = sizeof(control.bytes) };
	const int fd = dial();
	int ends[2];
	char byte;

	cr_assert(eq(int, pipe(ends), 0));
	control.head.cmsg_level = SOL_SOCKET;
	control.head.cmsg_type = SCM_RIGHTS;
	control.head.cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(&control.head), &ends[1], sizeof(int));
	cr_assert(sendmsg(fd, &m, 0) > 0);
	close(ends[1]);
	cr_assert(hung_up(fd));
	cr_assert(eq(int, (int)read(ends[0], &byte, 1), 0));
	close(ends[0]);
	close(fd);
}

/* Goal: requests that are well formed but wrong are refused with a sentence and cost nothing else.
 * Method: bad names, sizes, ports, flags; the connection then still works. */
Test(apps, wrong_requests_are_refused)
{
	struct message_request q = request(MESSAGE_HELLO, "");
	const int fd = dial();
	struct message_reply r;

	cr_assert(eq(int, ask(fd, &q).status, -EINVAL), "empty name");
	memset(q.name, 'a', sizeof(q.name));
	cr_assert(eq(int, ask(fd, &q).status, -EINVAL), "unterminated name");
	q = request(MESSAGE_HELLO, "a\033[2Jb");
	cr_assert(eq(int, ask(fd, &q).status, -EINVAL), "a name that moves the cursor");
	q = request(MESSAGE_HELLO, "good");
	q.ring_bytes = 100000;
	cr_assert(eq(int, ask(fd, &q).status, -EINVAL), "no power of two");
	q.ring_bytes = RING_BYTES_MAX;
	r = ask(fd, &q);
	cr_assert(eq(int, r.status, -EDQUOT));
	cr_assert(r.text[0] != '\0');
	q.ring_bytes = 0;
	cr_assert(eq(int, ask(fd, &q).status, 0));

	q = request(MESSAGE_PORT_CLOSE, "");
	q.port = UINT32_MAX;
	cr_assert(eq(int, ask(fd, &q).status, -ENOENT));
	q = request(MESSAGE_UNBIND, "");
	cr_assert(eq(int, ask(fd, &q).status, -ENOENT));
	q = request(MESSAGE_BIND, "");
	cr_assert(eq(int, ask(fd, &q).status, -EINVAL), "an identity of zeros");
	q.flags = 2;
	cr_assert(eq(int, ask(fd, &q).status, -EINVAL), "unknown flag");
	cr_assert(eq(u32, open_port(fd, "works"), 0), "the first port's number is 0");
	close(fd);
}

/* Goal: an application acts on its own ports and bindings only.
 * Method: two applications; one names what the other owns. */
Test(apps, others_belongings_are_out_of_reach)
{
	const int a = hello("a"), b = hello("b");
	const uint32_t port = open_port(a, "of-a");
	const struct message_reply bound = bind_port(a, port, "udp/192.0.2.1:5300");
	struct message_request q = request(MESSAGE_UNBIND, "");

	q.binding = bound.id;
	cr_assert(eq(int, ask(b, &q).status, -ENOENT));
	q = request(MESSAGE_PORT_CLOSE, "");
	q.port = port;
	cr_assert(eq(int, ask(b, &q).status, -ENOENT));
	cr_assert(eq(int, bind_port(b, port, "udp/192.0.2.1:5301").status, -ENOENT));
	q = request(MESSAGE_UNBIND, "");
	q.binding = bound.id;
	cr_assert(eq(int, ask_settled(a, &q).status, 0));
	close(a);
	close(b);
}

/* Goal: a port drains for its own application only, answered when no worker gives it new flows any
 * more; asked again, it tells at once how many are left.
 * Method: drain as another, as the owner, again; look the binding up in what was published. */
Test(apps, drains_when_asked)
{
	const int a = hello("a"), b = hello("b");
	const uint32_t port = open_port(a, "of-a");
	struct flow_key packet = { .family = FAMILY_IPV4,
				   .proto = PROTO_UDP,
				   .port = { 1, 5300 },
				   .addr = { { 1 }, { 192, 0, 2, 1 } } };
	struct message_request q = request(MESSAGE_DRAIN, "");
	struct bind_result found;

	q.port = port;
	cr_assert(eq(int, bind_port(a, port, "udp/192.0.2.1:5300").status, 0));
	cr_assert(eq(int, ask(b, &q).status, -ENOENT));
	cr_assert(eq(int, bind_lookup(fake.snapshot->bindings, &packet, true, 1, &found),
		     BIND_MEMBER));
	cr_assert(eq(int, ask_settled(a, &q).status, 0));
	cr_assert(eq(int, bind_lookup(fake.snapshot->bindings, &packet, true, 1, &found),
		     BIND_PASSIVE));
	cr_assert(eq(int, ask(a, &q).status, 0));
	close(a);
	close(b);
}

static struct message_reply
connect_socket(int fd, uint32_t port, const char *remote, uint16_t local_port)
{
	struct message_request q = request(MESSAGE_CONNECT, "");
	struct identity id;

	cr_assert(eq(int, identity_parse(remote, &id, NULL), 0));
	id.connected = true;
	id.remote = id.local.address;
	id.remote_port = id.port_first;
	id.local = (struct prefix){ .length = 0 };
	id.port_first = id.port_last = local_port;
	message_identity_pack(&id, &q.identity);
	q.port = port;
	return ask(fd, &q);
}

/* Goal: a connected socket works without a publication, tells its pair and its worker's ring, is
 * its application's alone, and goes with it; who is in its way is named.
 * Method: two applications; one closes, names and takes over what the other has. */
Test(apps, sockets_belong_to_their_application)
{
	const int a = hello("a"), b = hello("b");
	const uint32_t of_a = open_port(a, "of-a"), of_b = open_port(b, "of-b");
	struct message_request q = request(MESSAGE_UNBIND, "");
	struct message_reply r, other;
	unsigned publications;

	turn();
	publications = fake.publications;
	r = connect_socket(a, of_a, "udp/198.51.100.7:53", 0);
	cr_assert(eq(int, r.status, 0), "%s", r.text);
	cr_assert(connect_is(r.id) && r.rings < 2);
	cr_assert(r.identity.port_first >= 50000 && r.identity.port_first <= 50009);
	cr_assert(eq(u8, r.identity.local[3], 1));
	other = connect_socket(b, of_b, "udp/198.51.100.7:53", 0);
	cr_assert(eq(int, other.status, 0));
	cr_assert(ne(u16, other.identity.port_first, r.identity.port_first));
	cr_assert(eq(int, connect_socket(b, of_a, "udp/198.51.100.7:53", 0).status, -ENOENT));
	other = connect_socket(b, of_b, "udp/198.51.100.7:53", r.identity.port_first);
	cr_assert(eq(int, other.status, -EADDRINUSE));

	q.binding = r.id;
	cr_assert(eq(int, ask(b, &q).status, -ENOENT));
	q.binding = r.id | 0x7fffff00;
	cr_assert(eq(int, ask(a, &q).status, -ENOENT));
	q.binding = r.id;
	cr_assert(eq(int, ask(a, &q).status, 0));
	cr_assert(eq(int, ask(a, &q).status, -ENOENT));
	other = connect_socket(b, of_b, "udp/198.51.100.7:53", r.identity.port_first);
	cr_assert(eq(int, other.status, 0));
	cr_assert(eq(u32, fake.publications, publications));
	close(b);
	turn();
	apps_tick(apps, clock_monotonic_ms());
	r = connect_socket(a, of_a, "udp/198.51.100.7:53", r.identity.port_first);
	cr_assert(eq(int, r.status, 0), "%s", r.text);
	close(a);
}

/* Goal: a binding that asks for port 0 gets one, and says which. */
Test(apps, bindings_may_leave_the_port_open)
{
	struct message_request q = request(MESSAGE_BIND, "");
	const int fd = hello("a");
	struct message_reply r;

	q.port = open_port(fd, "p");
	q.identity = (struct message_identity){ .proto = PROTO_UDP };
	for (unsigned i = 0; i < 10; i++) {
		r = ask(fd, &q);
		cr_assert(eq(int, r.status, 0), "%s", r.text);
		cr_assert(r.identity.port_first >= 50000 && r.identity.port_first <= 50009);
		cr_assert(eq(u16, r.identity.port_first, r.identity.port_last));
	}
	r = ask(fd, &q);
	cr_assert(eq(int, r.status, -EADDRNOTAVAIL));
	cr_assert(strstr(r.text, "ephemeral") != NULL, "%s", r.text);
	close(fd);
}

/* Goal: each refusal is kept with who, what and why, the newest over the oldest, and counted.
 * Method: one refused bind; then many, by the registry itself. */
Test(apps, refusals_are_kept)
{
	const int fd = hello("server");
	const uint32_t port = open_port(fd, "web");
	const struct refusal *last = &apps->refusals.last[0];
	json_t *all;

	cr_assert(eq(int, bind_port(fd, port, "udp/8.8.8.8:5000").status, 0), "root may");
	cr_assert(eq(u64, apps->refusals.count, 0));
	cr_assert(eq(int, bind_port(fd, port, "udp/8.8.8.8:5000").status, -EADDRINUSE));
	cr_assert(eq(u64, apps->refusals.count, 1));
	cr_assert(eq(str, (char *)last->name, "server"));
	cr_assert(eq(str, (char *)last->what, "bind udp/8.8.8.8:5000"));
	cr_assert(last->error == EADDRINUSE && last->pid == getpid() && last->uid == getuid());
	cr_assert(strstr(last->why, "is bound by server") != NULL);
	for (unsigned i = 0; i < REFUSALS_KEPT; i++)
		refusals_note(&apps->refusals, &(struct credentials){ .uid = i }, "", "attach",
			      -EDQUOT, "no");
	all = refusals_json(&apps->refusals);
	cr_assert(eq(i64, json_integer_value(json_object_get(all, "count")), REFUSALS_KEPT + 1));
	json_t *list = json_object_get(all, "refusals");

	cr_assert(eq(sz, json_array_size(list), REFUSALS_KEPT));
	cr_assert(eq(i64, json_integer_value(json_object_get(json_array_get(list, 0), "uid")),
		     REFUSALS_KEPT - 1));
	cr_assert(eq(
		i64,
		json_integer_value(json_object_get(json_array_get(list, REFUSALS_KEPT - 1), "uid")),
		0));
	json_decref(all);
	close(fd);
}

/* Goal: quotas bound what one user has, in applications and in ring memory.
 * Method: go one past each, then give back and try again. */
Test(apps, quotas_hold)
{
	struct message_request q = request(MESSAGE_HELLO, "fifth");
	int fds[4], extra;

	for (unsigned i = 0; i < 4; i++)
		fds[i] = hello("one");
	extra = dial();
	cr_assert(eq(int, ask(extra, &q).status, -EDQUOT));
	apps->options.quota_ports = 0;
	q = request(MESSAGE_PORT_OPEN, "port");
	cr_assert(eq(int, ask(fds[0], &q).status, -EDQUOT));
	apps->options.quota_ports = 20;
	/* 4 x 2 rings of sending; the quota is 16 rings, so four ports of 2 rings fit. */
	for (unsigned i = 0; i < 4; i++)
		open_port(fds[0], "port");
	q = request(MESSAGE_PORT_OPEN, "port");
	cr_assert(eq(int, ask(fds[0], &q).status, -EDQUOT));
	close(fds[3]);
	turn();
	cr_assert(eq(int, ask(fds[0], &q).status, 0));
	q = request(MESSAGE_HELLO, "fifth");
	cr_assert(eq(int, ask(extra, &q).status, -EDQUOT), "the memory is in use");
	close(fds[2]);
	turn();
	cr_assert(eq(int, ask(extra, &q).status, 0));
}

/* Goal: a port's number comes again with another generation, never 0.
 * Method: open and close around all numbers twice, with the counter of one just before its wrap. */
Test(apps, port_numbers_come_again_with_a_new_generation)
{
	const int fd = hello("cycle");
	struct message_request q = request(MESSAGE_PORT_CLOSE, "");
	port_ref first;

	q.port = open_port(fd, "p");
	turn();
	first = fake.snapshot->ports[q.port]->ref;
	cr_assert(eq(int, ask(fd, &q).status, 0));
	apps->next_port = (uint16_t)q.port;
	q.port = open_port(fd, "p");
	turn();
	cr_assert(eq(u16, port_ref_id(fake.snapshot->ports[q.port]->ref), port_ref_id(first)));
	cr_assert(fake.snapshot->ports[q.port]->ref != first);
	cr_assert(eq(int, ask(fd, &q).status, 0));
	apps->next_port = (uint16_t)q.port;
	apps->generations[q.port] = UINT16_MAX;
	q.port = open_port(fd, "p");
	turn();
	cr_assert(eq(u32, fake.snapshot->ports[q.port]->ref, port_ref_make((uint16_t)q.port, 1)));
	close(fd);
}

/* Goal: who breaks a ring, or never says HELLO, is detached by the tick; others are not.
 * Method: set the workers' mark; let the clock pass. */
Test(apps, tick_detaches_offenders)
{
	const int a = hello("bad-tx"), b = hello("bad-rx"), c = hello("good"), silent = dial();
	const uint32_t port = open_port(b, "p");
	const uint64_t now = clock_monotonic_ms();

	turn();
	apps_tick(apps, now);
	cr_assert(eq(u32, apps_count(apps), 3));
	atomic_store(&fake.snapshot->apps[0]->tx[1].broken, 1);
	atomic_store(&fake.snapshot->ports[port]->rx[1].broken, 1);
	apps_tick(apps, now);
	cr_assert(eq(u32, apps_count(apps), 1));
	cr_assert(hung_up(a) && hung_up(b) && !hung_up(c) && !hung_up(silent));
	apps_tick(apps, now + 60000);
	cr_assert(hung_up(silent) && !hung_up(c));
}

/* Goal: a sleeping application is woken when a packet is there, once until it takes something, and
 * not while it is awake; a wake-up is never lost.
 * Method: play the worker and the application on the mapped segments. */
Test(apps, sleepers_are_woken)
{
	const int fd = hello("sleeper");
	struct message_request q = request(MESSAGE_PORT_OPEN, "p");
	struct message_reply r;
	struct segment *rings, *peer;
	uint64_t bytes, peer_bytes, word;
	struct pollfd wake = { .events = POLLIN };
	struct app_port *port;
	int fds[FDS_MAX];

	cr_assert(send(fd, &q, sizeof(q), 0) > 0);
	turn();
	cr_assert(eq(int, receive(fd, &r, fds), 3));
	cr_assert(eq(int, segment_attach(fds[0], SEGMENT_PORT, &rings, &bytes), 0));
	cr_assert(eq(int, segment_attach(fds[1], SEGMENT_PORT_PEER, &peer, &peer_bytes), 0));
	wake.fd = fds[2];
	port = apps_port(apps, r.id);

	for (uint32_t round = 1; round <= 20; round++) {
		/* Awake: packets come, nothing is written. */
		atomic_store(&port->memory->pair.ours->counts[1].bytes, round * 64);
		if (round == 1)
			cr_assert(eq(int, poll(&wake, 1, 5), 0));
		atomic_store(&segment_sleep(peer, r.rings)->sleeping, 1);
		cr_assert(eq(int, poll(&wake, 1, 2000), 1), "round %u", round);
		atomic_store(&segment_sleep(peer, r.rings)->sleeping, 0);
		while (read(wake.fd, &word, sizeof(word)) > 0)
			;
		atomic_store(&peer->counts[1].bytes, round * 64);
	}
	/* Asleep with nothing there: not woken, until a packet comes. */
	atomic_store(&segment_sleep(peer, r.rings)->sleeping, 1);
	poll(&wake, 1, 2);
	while (read(wake.fd, &word, sizeof(word)) > 0)
		;
	cr_assert(eq(int, poll(&wake, 1, 5), 0));
	atomic_store(&port->memory->pair.ours->counts[0].bytes, 64);
	cr_assert(eq(int, poll(&wake, 1, 2000), 1));
	/* The application cannot make the notifier wait: its end takes no more, and time goes on.
	 */
	nanosleep(&(struct timespec){ .tv_nsec = 100000000 }, NULL);
	segment_unmap(rings, bytes);
	segment_unmap(peer, peer_bytes);
	for (unsigned i = 0; i < 3; i++)
		close(fds[i]);
	close(fd);
}

/* Goal: an application that does not read its answers is detached, and berthd goes on (A3).
 * Method: ask until the socket is full. */
Test(apps, deaf_applications_are_detached)
{
	const int fd = hello("deaf"), other = hello("other");
	const struct message_request q = request(MESSAGE_UNBIND, "");

	for (unsigned i = 0; i < 100000 && apps_count(apps) == 2; i++) {
		(void)!send(fd, &q, sizeof(q), MSG_DONTWAIT | MSG_NOSIGNAL);
		turn();
	}
	cr_assert(eq(u32, apps_count(apps), 1));
	cr_assert(eq(int, ask(other, &q).status, -ENOENT));
	close(fd);
	close(other);
}

/* Goal: a port whose end is a device is published with what the configuration binds, counts as no
 * application, and its sockets are its own. Method: two of them beside an application that wants
 * the same; then one whose binding is taken. */
Test(apps, device_ends)
{
	static struct config c;
	struct message_reply r;
	int fd;

	c.ends_count = 2;
	for (unsigned i = 0; i < 2; i++) {
		struct config_end *e = &c.ends[i];

		snprintf(e->name, sizeof(e->name), "end%u", i);
		e->bindings_count = 1;
		cr_assert(
			eq(int,
			   identity_parse(i == 0 ? "tcp/*:80" : "tcp/*:81", &e->bindings[0], NULL),
			   0));
	}
	cr_assert(eq(int, ends_open(apps, &c), 0));
	turn();
	cr_assert(all(eq(u32, apps_count(apps), 0), eq(u32, apps_ports_count(apps), 2)));
	cr_assert(eq(u32, fake.snapshot->apps_count, 0));
	for (unsigned i = 0; i < 2; i++) {
		const struct dp_port *p = fake.snapshot->ports[i];

		cr_assert(all(eq(u16, p->end, i + 1), ne(u32, p->app, 0)));
		cr_assert(eq(str, apps_port(apps, i)->app->name, c.ends[i].name));
	}
	cr_assert(ne(u32, fake.snapshot->ports[0]->app, fake.snapshot->ports[1]->app));
	fd = hello("other");
	r = bind_port(fd, open_port(fd, "p"), "tcp/*:80");
	cr_assert(eq(int, r.status, -EADDRINUSE));
	cr_assert(strstr(r.text, "end0") != NULL, "%s", r.text);
	apps_tick(apps, clock_monotonic_ms() + 60000);
	cr_assert(eq(u32, apps_ports_count(apps), 3));
	c.ends_count = 1;
	cr_assert(eq(int, ends_open(apps, &c), -EADDRINUSE));
	close(fd);
}
