/* SPDX-License-Identifier: BSD-3-Clause */
/* track_linux.c: sends made-up conversations through this machine's nf_conntrack and through our
 * trackers, packet by packet, and compares what both say of each.
 *
 *   talk --> tun a --> kernel: conntrack, nftables writes the ct state into DSCP --> tun b --> here
 *     \-------------------------> parse, track -------------------------------------------> compare
 *
 * usage: track-linux PACKETS SEED strict|loose. test_track_linux.py makes the namespace. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "common/base/address.h"
#include "common/base/check.h"
#include "common/base/identity.h"
#include "common/base/wire.h"
#include "tests/e2e/track_linux/classes.h"
#include "tests/e2e/track_linux/talk.h"

#define TALKS         48
#define ANSWER_MS     2000 /* the kernel is lost, not late, after so long */
#define SHOWN_MAX     20
#define WARM_UP_MS    20
#define WARM_UP_TRIES 500
#define NOT_ALIKE     2 /* exit status: unexplained differences */
#define LINUX_DROPS   TRACK_VERDICTS
#define LOOSE_FIRST   1000000

static const char *const device_names[2] = { "bertha", "berthb" };

struct run {
	int tun[2];
	bool loose;
	struct random random;
	uint32_t talks_begun;
	struct talk talk[TALKS];
	struct compared seen[TALKS];
	uint64_t packets, verdicts[TRACK_VERDICTS], explained[CLASS_COUNT], unexplained;
};

static int
tun_open(const char *name)
{
	struct ifreq request = { .ifr_flags = IFF_TUN | IFF_NO_PI };
	const int fd = open("/dev/net/tun", O_RDWR | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, TUNSETIFF, &request) != 0) {
		close(fd);
		return -errno;
	}
	return fd;
}

/* The packet that came out is the one that went in but for TTL, DSCP and header checksum. */
static bool
is_same(const struct talk_packet *sent, const uint8_t *got, ssize_t bytes)
{
	const bool ipv4 = sent->bytes[0] >> 4 == 4;
	const unsigned addresses = ipv4 ? 12 : 8;

	return bytes == sent->length && got[0] >> 4 == sent->bytes[0] >> 4 &&
	       memcmp(got + addresses, sent->bytes + addresses, sent->length - addresses) == 0;
}

static enum track_verdict
mark_read(const uint8_t *ip)
{
	/* By DSCP, as test_track_linux.py sets them. */
	static const enum track_verdict by_mark[] = { TRACK_VERDICTS,    TRACK_NEW,
						      TRACK_ESTABLISHED, TRACK_RELATED,
						      TRACK_INVALID,     TRACK_UNTRACKED };
	const unsigned service = ip[0] >> 4 == 4 ? ip[1] : (unsigned)be16_load(ip) >> 4 & 0xff;
	const unsigned mark = service >> 2;

	return mark < array_length(by_mark) ? by_mark[mark] : TRACK_VERDICTS;
}

/* What the kernel says of a packet, or LINUX_DROPS. */
static enum track_verdict
linux_judge(struct run *run, const struct talk_packet *p, int wait_ms)
{
	struct pollfd out = { .fd = run->tun[!p->from], .events = POLLIN };
	uint8_t got[TALK_PACKET_BYTES];

	if (write(run->tun[p->from], p->bytes, p->length) != p->length)
		return LINUX_DROPS;
	for (;;) {
		const ssize_t n = read(out.fd, got, sizeof(got));

		if (n < 0 && poll(&out, 1, wait_ms) != 1)
			return LINUX_DROPS;
		if (n > 0 && is_same(p, got, n))
			return mark_read(got);
	}
}

/* A device that was just opened takes a moment until packets pass. Sends until one does, both ways
 * and in both families, between ends that no conversation has. */
static void
warm_up(struct run *run)
{
	struct talk t;
	struct talk_packet p;
	unsigned passed = 0;

	for (unsigned tries = 0; passed != 0xf && tries < WARM_UP_TRIES; tries++) {
		do
			talk_begin(&t, UINT32_MAX, &run->random);
		while (t.proto != PROTO_UDP);
		t.packets = 1;
		talk_next(&t, &run->random, &p);
		if (linux_judge(run, &p, WARM_UP_MS) != LINUX_DROPS)
			passed |= 1u << (p.from + 2 * (t.family == FAMILY_IPV4));
	}
}

static void
show(const struct run *run, const struct comparison *c, const struct talk *t)
{
	const struct packet *p = c->packet;

	if (run->unexplained >= SHOWN_MAX)
		return;
	printf("unexplained: talk %04x packet %u proto %u kind %u from %u: state %s -> %s, ours "
	       "%s, linux %s; flags %02x seq %08x ack %08x window %u chunks %04x type %u causes "
	       "%x%s\n",
	       t->port[0], t->packets, t->proto, p->kind, c->direction,
	       track_state_name(t->proto, c->before.flow.state),
	       track_state_name(t->proto, c->after.flow.state), track_verdict_names[c->ours],
	       c->linux == LINUX_DROPS ? "(dropped)" : track_verdict_names[c->linux], p->tcp_flags,
	       p->tcp_seq, p->tcp_ack, p->tcp_window, p->sctp_chunks, p->icmp_type,
	       c->before.causes, c->parsed ? "" : " (refused by the parser)");
}

/* Both judge one packet. Returns whether the conversation can go on being compared. */
static bool
step(struct run *run, struct talk *t, struct compared *seen, uint32_t now_ms)
{
	struct talk_packet sent;
	struct packet packet;
	struct comparison c = { .packet = &packet };
	enum situation why;

	talk_next(t, &run->random, &sent);
	c.parsed = parse_ip(sent.bytes, sent.length, PARSE_SOURCE_ANY, &packet) == DROP_NONE;
	c.sent = &sent;
	/* For an error the key is that of an answer to what it quotes: its own way. */
	c.direction = sent.from;
	c.before = *seen;
	seen->flow.line = &seen->line;
	seen->flow.mode = run->loose ? TRACK_LOOSE : TRACK_STRICT;
	c.ours = c.parsed ? track_judge(&seen->flow, &packet, sent.bytes, c.direction, now_ms)
			  : TRACK_INVALID;
	c.linux = linux_judge(run, &sent, ANSWER_MS);
	c.after = *seen;
	seen->causes |= classes_of(&c);
	c.after.causes = seen->causes;
	run->packets++;
	run->verdicts[c.ours]++;
	if (c.ours == c.linux)
		return true;
	why = class_of_difference(&c);
	if (why != CLASS_NONE) {
		run->explained[why]++;
		return class_goes_on(why);
	} else {
		show(run, &c, t);
		run->unexplained++;
	}
	return false;
}

/* Another conversation in the place of one that ended: between the same ends when both trackers
 * agree about what was before. */
static void
follow(struct run *run, unsigned i, bool alike)
{
	if (alike && !random_one_in(&run->random, 3)) {
		talk_again(&run->talk[i], &run->random);
		return;
	}
	talk_begin(&run->talk[i], run->talks_begun++, &run->random);
	memset(&run->seen[i], 0, sizeof(run->seen[i]));
}

static void
report(const struct run *run)
{
	uint64_t differences = run->unexplained;

	for (unsigned v = 0; v < TRACK_VERDICTS; v++)
		printf("%-12s %10lu\n", track_verdict_names[v], run->verdicts[v]);
	for (unsigned c = 0; c < CLASS_COUNT; c++) {
		differences += run->explained[c];
		if (run->explained[c] > 0)
			printf("%10lu  %s (%s)\n", run->explained[c], class_what[c],
			       class_source[c]);
	}
	printf("%s: %lu packets, %u conversations, %lu differences, %lu unexplained\n",
	       run->loose ? "loose" : "strict", run->packets,
	       run->talks_begun - (run->loose ? LOOSE_FIRST : 0), differences, run->unexplained);
}

int
main(int argc, char **argv)
{
	static struct run run;
	uint64_t packets;

	if (argc != 4) {
		fprintf(stderr, "usage: track-linux PACKETS SEED strict|loose\n");
		return 1;
	}
	packets = strtoull(argv[1], NULL, 0);
	run.random.state = strtoull(argv[2], NULL, 0);
	run.loose = strcmp(argv[3], "loose") == 0;
	/* The kernel still holds the flows of a run before: other ends than those. */
	run.talks_begun = run.loose ? LOOSE_FIRST : 0;
	for (unsigned i = 0; i < 2; i++) {
		run.tun[i] = tun_open(device_names[i]);
		if (run.tun[i] < 0) {
			fprintf(stderr, "%s: %s\n", device_names[i], strerror(-run.tun[i]));
			return 1;
		}
	}
	warm_up(&run);
	for (unsigned i = 0; i < TALKS; i++)
		follow(&run, i, false);
	while (run.packets < packets) {
		const unsigned i = random_below(&run.random, TALKS);
		const bool alike =
			step(&run, &run.talk[i], &run.seen[i], (uint32_t)clock_monotonic_ms());

		if (!alike || run.talk[i].over)
			follow(&run, i, alike);
	}
	report(&run);
	return run.unexplained > 0 ? NOT_ALIKE : 0;
}
