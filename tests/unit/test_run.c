/* SPDX-License-Identifier: BSD-3-Clause */
/* test_run.c: the shim of berth-run before this program's own libc, against a berthd that is a
 * thread. What is called here as bind() or recvfrom() is the shim's. */
#include <arpa/inet.h>
#include <criterion/criterion.h>
#include <criterion/new/assert.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "common/base/bytes.h"
#include "common/base/check.h"
#include "tests/support/fake_daemon.h"

#define OURS4  "198.51.100.2"
#define OURS6  "2001:db8::2"
#define PEER4  "198.51.100.1"
#define OTHER4 "198.51.100.9"
#define PEER6  "2001:db8::1"

static struct fake_daemon d;
static struct identity asked[16]; /* of BIND and CONNECT, in order */
static _Atomic unsigned asked_count, unbound_count;
static int bind_status;
static uint32_t produced[FAKE_RINGS];

static void
play(struct fake_daemon *f, void *context)
{
	struct message_request q;

	(void)context;
	while (fake_take(f, &q)) {
		struct message_reply r = { .version = MESSAGE_VERSION, .type = q.type };
		struct identity *id = &asked[asked_count];

		if (q.type == MESSAGE_HELLO || q.type == MESSAGE_PORT_OPEN) {
			fake_reply(f, &q, FAULT_NONE);
			continue;
		}
		if (q.type == MESSAGE_BIND || q.type == MESSAGE_CONNECT) {
			panic_unless(message_identity_unpack(&q.identity, true, id) == 0);
			if (id->connected && id->local.length == 0)
				panic_unless(prefix_parse(id->remote.family == FAMILY_IPV4
								  ? OURS4 "/32"
								  : OURS6 "/128",
							  &id->local) == 0);
			r.identity = q.identity;
			message_identity_pack(id, &r.identity);
			r.id = 100 + asked_count++;
			r.status = q.type == MESSAGE_BIND ? bind_status : 0;
		}
		unbound_count += q.type == MESSAGE_UNBIND;
		fake_send(f, &r, sizeof(r), NULL, 0);
	}
}

static void
setup(void)
{
	fake_daemon_start(&d, play, NULL);
	setenv("BERTH_SOCKET", d.path, 1);
	unsetenv("BERTH_RUN_PORTS");
}

TestSuite(run, .init = setup, .timeout = 60);

static struct sockaddr_storage
at(const char *text, uint16_t port)
{
	struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = htons(port) };
	struct sockaddr_storage a = { 0 };

	if (inet_pton(AF_INET, text, &in.sin_addr) == 1) {
		memcpy(&a, &in, sizeof(in));
	} else {
		cr_assert(eq(int, inet_pton(AF_INET6, text, &in6.sin6_addr), 1));
		memcpy(&a, &in6, sizeof(in6));
	}
	return a;
}

static socklen_t
bytes_of(const struct sockaddr_storage *a)
{
	return a->ss_family == AF_INET ? sizeof(struct sockaddr_in) : sizeof(struct sockaddr_in6);
}

static int
bind_to(int fd, const char *text, uint16_t port)
{
	const struct sockaddr_storage a = at(text, port);

	return bind(fd, (const struct sockaddr *)&a, bytes_of(&a));
}

static int
bound(int family, const char *text, uint16_t port)
{
	const int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK, 0);

	cr_assert(ge(int, fd, 0));
	cr_assert(zero(int, bind_to(fd, text, port)), "%s", strerror(errno));
	return fd;
}

/* berthd delivers a datagram, and its notifier sees the flag. */
static void
deliver(uint32_t ring, const char *from, uint16_t from_port, const char *to, uint16_t to_port,
	const char *payload)
{
	const struct sockaddr_storage source = at(from, from_port), destination = at(to, to_port);
	const bool v6 = source.ss_family == AF_INET6;
	const uint32_t l4 = v6 ? 40 : 20, length = (uint32_t)strlen(payload);
	const uint64_t one = 1;
	uint8_t ip[512] = { [0] = (uint8_t)(v6 ? 0x60 : 0x45) };
	const struct record head = { .packet_bytes = (uint16_t)(l4 + 8 + length),
				     .flags = v6 ? RECORD_IPV6 : 0,
				     .l4_offset = (uint16_t)l4,
				     .payload_offset = (uint16_t)(l4 + 8),
				     .proto = PROTO_UDP };
	const struct record_head packed = record_pack(&head);
	uint8_t *room = segment_ring(d.port.ours, FAKE_RINGS, FAKE_BYTES, ring) + produced[ring];

	inet_pton(source.ss_family, from, ip + (v6 ? 8 : 12));
	inet_pton(source.ss_family, to, ip + (v6 ? 24 : 16));
	be16_store(ip + l4, from_port);
	be16_store(ip + l4 + 2, to_port);
	be16_store(ip + l4 + 4, (uint16_t)(8 + length));
	memcpy(ip + l4 + 8, payload, length);
	(void)destination;
	memcpy(room, &packed, sizeof(packed));
	memcpy(room + sizeof(packed), ip, head.packet_bytes);
	produced[ring] += record_space(head.packet_bytes);
	atomic_store_explicit(&d.port.ours->counts[ring].bytes, produced[ring],
			      memory_order_release);
	cr_assert(ne(u32, atomic_load(&segment_sleep(d.port.peer, FAKE_RINGS)->sleeping), 0));
	cr_assert(eq(sz, (size_t)write(d.wake_fd, &one, sizeof(one)), sizeof(one)));
}

static bool
readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	return poll(&p, 1, 0) == 1 && (p.revents & POLLIN) != 0;
}

/* The last datagram sent, from any ring; its IP header is at *ip. */
static const struct record *
sent(const uint8_t **ip)
{
	static uint32_t taken[FAKE_RINGS];
	static struct record r;

	for (uint32_t ring = 0; ring < FAKE_RINGS; ring++) {
		const struct record_head *head =
			(const void *)(segment_ring(d.app.peer, FAKE_RINGS, FAKE_BYTES, ring) +
				       taken[ring]);

		if (taken[ring] == atomic_load(&d.app.peer->counts[ring].bytes))
			continue;
		r = record_unpack(*head);
		taken[ring] += record_space(r.packet_bytes);
		*ip = (const uint8_t *)(head + 1);
		return &r;
	}
	return NULL;
}

/* Asserts that one datagram was sent with these ends and bytes. */
static void
expect_sent(const char *from, uint16_t from_port, const char *to, uint16_t to_port,
	    const char *payload)
{
	const uint8_t *ip;
	const struct record *r = sent(&ip);
	const bool v6 = strchr(from, ':') != NULL;
	const uint32_t l4 = v6 ? 40 : 20;
	uint8_t ends[2][16];

	cr_assert(ne(ptr, (void *)r, NULL));
	inet_pton(v6 ? AF_INET6 : AF_INET, from, ends[0]);
	inet_pton(v6 ? AF_INET6 : AF_INET, to, ends[1]);
	cr_expect(zero(int, memcmp(ip + (v6 ? 8 : 12), ends[0], v6 ? 16 : 4)));
	cr_expect(zero(int, memcmp(ip + (v6 ? 24 : 16), ends[1], v6 ? 16 : 4)));
	cr_expect(all(eq(u16, be16_load(ip + l4), from_port),
		      eq(u16, be16_load(ip + l4 + 2), to_port)));
	cr_expect(eq(u32, r->packet_bytes, l4 + 8 + (uint32_t)strlen(payload)));
	cr_expect(zero(int, memcmp(ip + l4 + 8, payload, strlen(payload))));
}

/* Goal: a bound socket receives, says from whom, is readable exactly while there is more, and its
 * answer leaves from the address that was asked.
 * Method: packets in both rings, taken one by one beside poll(). */
Test(run, serves)
{
	const int fd = bound(AF_INET, "0.0.0.0", 53);
	const struct sockaddr_storage peer = at(PEER4, 5000);
	struct sockaddr_storage from;
	socklen_t bytes = sizeof(from);
	char data[100];

	cr_assert(eq(u32, asked_count, 1));
	cr_expect(all(eq(u8, asked[0].proto, PROTO_UDP), eq(u16, asked[0].port_first, 53),
		      eq(u8, asked[0].local.address.family, FAMILY_IPV4),
		      eq(u8, asked[0].local.length, 0)));
	cr_expect(zero(int, getsockname(fd, (struct sockaddr *)&from, &bytes)));
	cr_expect(all(eq(u32, bytes, sizeof(struct sockaddr_in)),
		      eq(u16, ((struct sockaddr_in *)&from)->sin_port, htons(53))));
	cr_expect(not(readable(fd)));
	cr_expect(eq(long, recv(fd, data, sizeof(data), 0), -1));
	cr_expect(eq(int, errno, EAGAIN));
	deliver(0, PEER4, 5000, OURS4, 53, "one");
	deliver(1, PEER4, 5000, OURS4, 53, "three");
	for (unsigned i = 0; i < 2; i++) {
		cr_expect(readable(fd));
		bytes = sizeof(from);
		cr_expect(eq(long,
			     recvfrom(fd, data, sizeof(data), 0, (struct sockaddr *)&from, &bytes),
			     i == 0 ? 3 : 5));
		cr_expect(all(eq(u32, bytes, sizeof(struct sockaddr_in)),
			      zero(int, memcmp(&from, &peer, bytes))));
	}
	cr_expect(not(readable(fd)));
	cr_expect(eq(u32, atomic_load(&d.port.peer->counts[0].bytes), produced[0]));
	cr_expect(eq(long,
		     sendto(fd, "answer", 6, 0, (const struct sockaddr *)&peer, bytes_of(&peer)),
		     6));
	expect_sent(OURS4, 53, PEER4, 5000, "answer");
	close(fd);
	cr_expect(eq(int, fcntl(fd, F_GETFD), -1));
}

/* Goal: what is not for berthd stays the kernel's.
 * Method: sockets that talk to each other over the kernel's loopback. */
Test(run, passes_others_through)
{
	struct sockaddr_storage a;
	socklen_t bytes = sizeof(a);
	char data[10];
	int fd = bound(AF_INET, "127.0.0.1", 0), other = bound(AF_INET6, "::1", 0);

	cr_expect(zero(int, getsockname(fd, (struct sockaddr *)&a, &bytes)));
	cr_expect(eq(long, sendto(fd, "self", 4, 0, (struct sockaddr *)&a, bytes), 4));
	cr_expect(eq(long, recv(fd, data, sizeof(data), 0), 4));
	close(other);
	other = socket(AF_INET, SOCK_STREAM, 0);
	cr_expect(zero(int, bind_to(other, "127.0.0.1", 0)));
	close(other);
	close(fd);
	fd = bound(AF_INET, "127.0.0.1", 5353);
	close(fd);
	setenv("BERTH_RUN_PORTS", "53,6000-6001", 1);
	fd = bound(AF_INET, "0.0.0.0", 6002);
	close(fd);
	cr_expect(eq(u32, asked_count, 0));
	/* berthd knows better than the program whose an address is. */
	bind_status = -EADDRNOTAVAIL;
	fd = bound(AF_INET, "127.0.0.1", 0);
	close(fd);
	fd = bound(AF_INET, "0.0.0.0", 6001);
	cr_expect(eq(u32, asked_count, 1));
	close(fd);
	bind_status = -EADDRINUSE;
	fd = socket(AF_INET, SOCK_DGRAM, 0);
	cr_expect(eq(int, bind_to(fd, "0.0.0.0", 6000), -1));
	cr_expect(eq(int, errno, EADDRINUSE));
	cr_expect(zero(int, getsockname(fd, (struct sockaddr *)&a, &bytes)));
	close(fd);
}

/* Goal: without a daemon bind() says so. */
Test(run, no_daemon)
{
	const int fd = socket(AF_INET, SOCK_DGRAM, 0);

	setenv("BERTH_SOCKET", "/nonexistent/app.sock", 1);
	cr_expect(eq(int, bind_to(fd, "0.0.0.0", 53), -1));
	cr_expect(eq(int, errno, ENOENT));
	close(fd);
}

/* Goal: an IPv6 socket speaks both families, IPv4 in mapped addresses, and says where a datagram
 * was sent to; the program chooses where an answer comes from.
 * Method: IP_PKTINFO's cousin both ways. */
Test(run, both_families)
{
	const int fd = bound(AF_INET6, "::", 53), on = 1;
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(sizeof(struct in6_pktinfo))];
	} control;
	struct sockaddr_in6 from;
	struct in6_pktinfo info;
	char data[100], text[INET6_ADDRSTRLEN];
	struct iovec part = { data, sizeof(data) };
	struct msghdr m = { .msg_name = &from, .msg_iov = &part, .msg_iovlen = 1 };

	cr_expect(eq(u8, asked[0].local.address.family, FAMILY_ANY));
	cr_assert(zero(int, setsockopt(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, &on, sizeof(on))));
	deliver(0, PEER4, 5000, OURS4, 53, "four");
	deliver(0, PEER6, 5000, OURS6, 53, "six");
	for (unsigned i = 0; i < 2; i++) {
		m.msg_namelen = sizeof(from);
		m.msg_control = &control;
		m.msg_controllen = sizeof(control);
		part.iov_len = sizeof(data);
		cr_assert(eq(long, recvmsg(fd, &m, 0), i == 0 ? 4 : 3));
		inet_ntop(AF_INET6, &from.sin6_addr, text, sizeof(text));
		cr_expect(eq(str, text, i == 0 ? "::ffff:" PEER4 : PEER6));
		cr_assert(ne(ptr, CMSG_FIRSTHDR(&m), NULL));
		memcpy(&info, CMSG_DATA(&control.head), sizeof(info));
		inet_ntop(AF_INET6, &info.ipi6_addr, text, sizeof(text));
		cr_expect(eq(str, text, i == 0 ? "::ffff:" OURS4 : OURS6));
		cr_expect(eq(u32, info.ipi6_ifindex, 1));
		if (i == 0)
			info.ipi6_addr.s6_addr[15] = 7;
		memcpy(CMSG_DATA(&control.head), &info, sizeof(info));
		part.iov_len = 2;
		cr_assert(eq(long, sendmsg(fd, &m, 0), 2));
		if (i == 0)
			expect_sent("198.51.100.7", 53, PEER4, 5000, "fo");
		else
			expect_sent(OURS6, 53, PEER6, 5000, "si");
	}
	close(fd);
}

/* Goal: a connected socket hears its peer alone, sends without an address, and comes back. */
Test(run, connects)
{
	const int fd = bound(AF_INET, OURS4, 53);
	const struct sockaddr_storage peer = at(PEER4, 5000);
	const struct sockaddr nobody = { .sa_family = AF_UNSPEC };
	struct sockaddr_storage name;
	socklen_t bytes = sizeof(name);
	char data[100];

	cr_expect(eq(long, write(fd, "x", 1), -1));
	cr_expect(eq(int, errno, EDESTADDRREQ));
	cr_expect(eq(int, getpeername(fd, (struct sockaddr *)&name, &bytes), -1));
	cr_expect(eq(int, errno, ENOTCONN));
	cr_assert(zero(int, connect(fd, (const struct sockaddr *)&peer, bytes_of(&peer))));
	cr_expect(asked[1].connected && asked[1].remote_port == 5000);
	cr_expect(eq(u32, unbound_count, 1));
	cr_expect(zero(int, getpeername(fd, (struct sockaddr *)&name, &bytes)));
	cr_expect(zero(int, memcmp(&name, &peer, bytes)));
	deliver(0, OTHER4, 5000, OURS4, 53, "other");
	deliver(0, PEER4, 5000, OURS4, 53, "peer");
	cr_expect(eq(long, read(fd, data, sizeof(data)), 4));
	cr_expect(not(readable(fd)));
	cr_expect(eq(long, write(fd, "x", 1), 1));
	expect_sent(OURS4, 53, PEER4, 5000, "x");
	cr_assert(zero(int, connect(fd, &nobody, sizeof(nobody))));
	cr_expect(eq(u32, unbound_count, 2));
	deliver(0, OTHER4, 5000, OURS4, 53, "other");
	cr_expect(eq(long, recv(fd, data, sizeof(data), 0), 5));
	close(fd);
}

/* Goal: before anybody asked, berthd says which address of ours leads to the receiver. */
Test(run, asks_for_its_source)
{
	const int fd = bound(AF_INET, "0.0.0.0", 6000);
	const struct sockaddr_storage peer = at(PEER4, 5000);

	for (unsigned i = 0; i < 2; i++) {
		cr_expect(eq(
			long,
			sendto(fd, "first", 5, 0, (const struct sockaddr *)&peer, bytes_of(&peer)),
			5));
		expect_sent(OURS4, 6000, PEER4, 5000, "first");
	}
	cr_expect(all(eq(u32, asked_count, 2), eq(u32, unbound_count, 1)));
	close(fd);
}

/* Goal: the flags and calls that a server uses. Method: one datagram looked at in each way. */
Test(run, other_calls)
{
	const int fd = bound(AF_INET, "0.0.0.0", 53);
	struct timespec none = { 0 };
	char data[4][10] = { 0 };
	struct iovec parts[4];
	struct mmsghdr messages[4] = { 0 };
	int n, on = 1;

	for (unsigned i = 0; i < 4; i++) {
		parts[i] = (struct iovec){ data[i], sizeof(data[i]) };
		messages[i].msg_hdr.msg_iov = &parts[i];
		messages[i].msg_hdr.msg_iovlen = 1;
	}
	deliver(0, PEER4, 5000, OURS4, 53, "datagram");
	cr_expect(all(zero(int, ioctl(fd, FIONREAD, &n)), eq(int, n, 8)));
	cr_expect(eq(long, recv(fd, data[0], 3, MSG_PEEK | MSG_TRUNC), 8));
	cr_expect(readable(fd));
	cr_expect(eq(long, readv(fd, parts, 1), 8));
	cr_expect(zero(int, memcmp(data[0], "datagram", 8)));
	for (unsigned i = 0; i < 3; i++)
		deliver(0, PEER4, 5000, OURS4, 53, "ab");
	cr_expect(eq(int, recvmmsg(fd, messages, 4, MSG_WAITFORONE, &none), 1));
	cr_expect(eq(int, recvmmsg(fd, messages, 4, 0, NULL), 2));
	cr_expect(all(eq(u32, messages[1].msg_len, 2), zero(int, memcmp(data[1], "ab", 2))));

	const struct sockaddr_storage peer = at(PEER4, 5000);

	for (unsigned i = 0; i < 2; i++) {
		messages[i].msg_hdr.msg_name = (void *)(uintptr_t)&peer;
		messages[i].msg_hdr.msg_namelen = bytes_of(&peer);
		parts[2 * i] = (struct iovec){ data[0], 1 };
		parts[2 * i + 1] = (struct iovec){ data[1] + 1, 1 };
		messages[i].msg_hdr.msg_iov = &parts[2 * i];
		messages[i].msg_hdr.msg_iovlen = 2;
	}
	cr_expect(eq(int, sendmmsg(fd, messages, 2, 0), 2));
	expect_sent(OURS4, 53, PEER4, 5000, "ab");
	expect_sent(OURS4, 53, PEER4, 5000, "ab");
	cr_expect(eq(long, send(fd, data, 2000, 0), -1));
	cr_expect(zero(int, setsockopt(fd, SOL_SOCKET, SO_BROADCAST, &on, sizeof(on))));
	cr_expect(eq(int, fcntl(fd, F_GETFL) & O_NONBLOCK, O_NONBLOCK));
	cr_expect(zero(int, fcntl(fd, F_SETFL, 0)));
	cr_expect(zero(int,
		       setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){ .tv_usec = 1000 },
				  sizeof(struct timeval))));
	cr_expect(eq(long, recv(fd, data[0], 10, 0), -1));
	cr_expect(eq(int, errno, EAGAIN));
	close(fd);
}

static void *
receive_blocking(void *context)
{
	char data[10];

	return recv(*(int *)context, data, sizeof(data), 0) == 1 ? context : NULL;
}

/* Goal: threads may wait on one socket; each datagram wakes one. */
Test(run, threads_wait)
{
	int fd = bound(AF_INET, "0.0.0.0", 53);
	pthread_t threads[2];
	void *result;

	cr_expect(zero(int, fcntl(fd, F_SETFL, 0)));
	for (unsigned i = 0; i < 2; i++)
		cr_assert(zero(int, pthread_create(&threads[i], NULL, receive_blocking, &fd)));
	deliver(0, PEER4, 5000, OURS4, 53, "a");
	deliver(1, PEER4, 5000, OURS4, 53, "b");
	for (unsigned i = 0; i < 2; i++) {
		cr_assert(zero(int, pthread_join(threads[i], &result)));
		cr_expect(eq(ptr, result, &fd));
	}
	close(fd);
}

/* Goal: a socket lives as long as one of its names, and the program cannot close what is not its
 * own. Method: duplicates of each kind; a program that closes everything it can. */
Test(run, descriptors)
{
	const int fd = bound(AF_INET, "0.0.0.0", 53);
	const int copies[] = { dup(fd), fcntl(fd, F_DUPFD, 100), dup2(fd, 200),
			       dup3(fd, 201, O_CLOEXEC) };
	char data[10];

	close(fd);
	for (unsigned i = 0; i < array_length(copies); i++) {
		cr_assert(ge(int, copies[i], 0));
		deliver(0, PEER4, 5000, OURS4, 53, "x");
		cr_expect(readable(copies[i]));
		cr_expect(eq(long, recv(copies[i], data, sizeof(data), 0), 1));
	}
	for (int i = 512; i < 4096; i++)
		close(i);
	deliver(0, PEER4, 5000, OURS4, 53, "x");
	cr_expect(eq(long, recv(copies[0], data, sizeof(data), 0), 1));
	for (unsigned i = 0; i < array_length(copies); i++)
		close(copies[i]);
	cr_expect(eq(long, recv(copies[0], data, sizeof(data), 0), -1));
	cr_expect(eq(int, errno, EBADF));
}

/* Goal: after fork() the process that uses its sockets first keeps them.
 * Method: a child that only closes leaves them to the parent; one that receives takes them. */
Test(run, fork)
{
	const int fd = bound(AF_INET, "0.0.0.0", 53);
	char data[10];
	int status;
	pid_t child = fork();

	if (child == 0) {
		close(fd);
		_exit(0);
	}
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(zero(int, status));
	deliver(0, PEER4, 5000, OURS4, 53, "x");
	cr_expect(eq(long, recv(fd, data, sizeof(data), 0), 1));
	child = fork();
	if (child == 0)
		_exit(recv(fd, data, sizeof(data), 0) == -1 && errno == EAGAIN ? 7 : 1);
	cr_assert(eq(int, waitpid(child, &status, 0), child));
	cr_assert(eq(int, WEXITSTATUS(status), 7));
	cr_expect(eq(long, recv(fd, data, sizeof(data), 0), -1));
	cr_expect(eq(int, errno, EBADF));
	cr_expect(zero(int, close(fd)));
}
