/* SPDX-License-Identifier: BSD-3-Clause */
/* berth.h: an application's way to berthd: ports that receive, rings that send.
 *
 * An application opens the daemon, opens a port, binds socket identities to it, and then receives
 * and sends whole IP packets through shared memory, without system calls. It may own many ports,
 * and a port many bindings. berthd checks every packet sent: its source must be bound or connected
 * here.
 *
 * Threads: one thread at a time per port for what takes a port and touches packets (berth_rx_burst,
 * berth_release, berth_wait, berth_fd_arm, berth_fd_disarm), and one thread at a time per
 * connection for everything else that takes it or one of its ports. So a thread may receive on a
 * port while another sends. There are no locks inside.
 *
 * Errors: functions that return int return 0 (or what they say) or a negative errno, and write
 * their outputs only on success. berth_last_error() has the sentence that goes with it. */
#ifndef BERTH_BERTH_H
#define BERTH_BERTH_H

#include <stdint.h>
#include <sys/socket.h>

#ifdef __cplusplus
extern "C" {
#endif

#define BERTH_EXPORT __attribute__((visibility("default")))

/* Where berth_open() looks when neither it nor the environment (BERTH_SOCKET) says. */
#define BERTH_SOCKET_DEFAULT "/run/berth/app.sock"

/* Bytes of names of applications and ports, the terminating zero included. */
#define BERTH_NAME_BYTES 32
/* Bytes of the text of a socket identity, the terminating zero included. */
#define BERTH_IDENTITY_BYTES 160

/* A connection to berthd. When it ends, in whatever way, berthd takes back all its ports. */
struct berth;

/* An application's end of its rx rings. */
struct berth_port;

/* -- Attaching -- */

/* All zero: the defaults. */
struct berth_options {
	uint32_t tx_ring_bytes; /* per worker of berthd; a power of two; 0: 1 MiB */
	uint32_t reserved[7];   /* zero */
};

/* Connects to berthd at `socket_path` (NULL: $BERTH_SOCKET, else BERTH_SOCKET_DEFAULT) under
 * `name`, which is what berthctl shows. May block; not for the packet path. On 0 the caller owns
 * *out until berth_close(). -ENOENT, -ECONNREFUSED: no daemon there; -EACCES: it is not ours to
 * use; -EPROTO: it speaks another version; -EINVAL: the name or an option is no such; or what the
 * daemon says. */
BERTH_EXPORT int berth_open(const char *socket_path, const char *name,
			    const struct berth_options *options, struct berth **out);

/* Closes every port of the connection and the connection. All packets received through it are gone.
 * NULL is fine. */
BERTH_EXPORT void berth_close(struct berth *b);

/* The sentence of the last failure: what is wrong and what would be right, the daemon's own where
 * it refused. With NULL: that of this thread's last failed berth_open(). Never NULL, "" when
 * nothing failed; valid until the next call that can fail. */
BERTH_EXPORT const char *berth_last_error(const struct berth *b);

/* The largest IP packet that can be sent, in bytes. */
BERTH_EXPORT uint32_t berth_mtu(const struct berth *b);

/* A descriptor for an event loop of one's own, which polls POLLRDHUP or POLLHUP when berthd ended
 * the connection. Never read, write or close it. */
BERTH_EXPORT int berth_hangup_fd(const struct berth *b);

/* -- Ports -- */

/* All zero: the defaults. */
struct berth_port_options {
	uint32_t ring_bytes;  /* per worker of berthd; a power of two; 0: 1 MiB */
	uint32_t reserved[7]; /* zero */
};

/* Opens a port under `name`. May block. On 0 the caller owns *out until berth_port_close() or
 * berth_close(). -EINVAL, -EDQUOT (more memory than this user may have), -ECONNRESET, or what the
 * daemon says. */
BERTH_EXPORT int berth_port_open(struct berth *b, const char *name,
				 const struct berth_port_options *options, struct berth_port **out);

/* Takes the port and its bindings away. Its packets are gone. May block. NULL is fine. */
BERTH_EXPORT void berth_port_close(struct berth_port *port);

enum berth_bind_flag {
	BERTH_SHARED = 1 << 0, /* joins or founds a group that shares the identity (SO_REUSEPORT) */
	BERTH_REUSE = 1 << 1,  /* stands beside others that say so too; of equal identities the
				  newest gets all new flows (SO_REUSEADDR; not for TCP) */
};

/* Goes with BERTH_SHARED into the flags of berth_bind(): the share of the group's new flows, 1 to
 * 255. Without it a member weighs 1. */
#define BERTH_WEIGHT(weight) ((unsigned)(weight) << 8)

/* Sends packets for a socket identity to this port, from the return of this call on. `identity` is
 *   PROTO/ADDRESS:PORT[@ZONE]   tcp/192.0.2.10:443, udp/[2001:db8::1]:domain,
 *                               udp/198.51.100.0/24:49152-65535
 * where an asterisk stands for any address or any port. `flags`: enum berth_bind_flag, or 0. What
 * is bound already stands in the way of an equal or overlapping identity, unless both have one of
 * the flags in common and belong to one user; docs/guide/binding.md has the rules. May block. On 0
 * *binding (NULL: not wanted) is what berth_unbind() takes and what received packets carry.
 * -EINVAL: no such identity or flag; -EADDRINUSE: berth_last_error() names who has it;
 * -EADDRNOTAVAIL: not an address of this machine; -EACCES: ports below 1024 need a permission;
 * -ECONNRESET; or what the daemon says. */
BERTH_EXPORT int
berth_bind(struct berth_port *port, const char *identity, unsigned flags, uint32_t *binding);

/* Ends a binding of this port, also one of berth_connect(). Its flows go to whoever else they match
 * now; when this returns no further packet of it comes, and what came before waits in the port. Of
 * a connected socket, one that berthd has in hand at that moment can still come. May block.
 * -ENOENT: no such binding. */
BERTH_EXPORT int berth_unbind(struct berth_port *port, uint32_t binding);

/* Drains the port: when this returns its bindings get no new flows any more, and keep those that
 * they have. On 0 *flows (NULL: not wanted) is how many of these live; a later call tells it anew.
 * Flows live until their idle time is over, so who cannot wait unbinds what is left: the rest then
 * moves at once. May block. -ECONNRESET, or what the daemon says.
 *
 * So a new process takes over from an old one without loss: both bind with BERTH_SHARED; the old
 * one drains, serves until few flows are left, unbinds, reads what still waits, and closes. */
BERTH_EXPORT int berth_drain(struct berth_port *port, uint64_t *flows);

/* A connected socket: both ends in full. */
struct berth_connection {
	struct sockaddr_storage local;
	struct sockaddr_storage remote;
	uint32_t binding; /* 0: made by hand, see berth_udp_send() */
	uint16_t zone;
	uint8_t proto;                   /* IPPROTO_TCP or IPPROTO_UDP */
	uint8_t ring;                    /* berth_connection_flow()'s; 0: not known */
	char text[BERTH_IDENTITY_BYTES]; /* for people */
};

/* Binds as berth_bind() does and says what was bound, in `local`, `binding`, `zone`, `proto` and
 * `text` of *out; the rest is zero. The port of `identity` may be 0: then berthd chooses one from
 * its ephemeral range that nobody has bound on that address. An asterisk as address shows as the
 * unspecified one of IPv6. -EADDRNOTAVAIL: also when all ports of the range are bound. */
BERTH_EXPORT int berth_bind_local(struct berth_port *port, const char *identity, unsigned flags,
				  struct berth_connection *out);

/* Connects a socket of this port to `remote` ("udp/198.51.100.1:53"): it alone receives what comes
 * from there to the local end, and may send from it. `local` NULL: berthd chooses address and port;
 * else an identity of the same protocol, where an asterisk leaves that part to berthd. A chosen
 * port is unique to that remote end, so an application can have far more sockets than there are
 * ports; which one comes next cannot be foretold by other remotes (RFC 6056). Nothing is sent. The
 * socket lives until berth_unbind(), berth_port_close() or the end of the application; what comes
 * after a long silence still finds it. May block. -EINVAL; -EADDRINUSE: somebody has the pair, or
 * it was closed a short time ago (TCP); -EADDRNOTAVAIL: not an address of this machine, or all
 * ephemeral ports to that remote are taken; -EACCES: a local port below 1024; -ENETUNREACH: no
 * route; -EDQUOT: as many as this user may have; -ENOSPC: as many as there can be; -ECONNRESET; or
 * what the daemon says. */
BERTH_EXPORT int berth_connect(struct berth_port *port, const char *local, const char *remote,
			       struct berth_connection *out);

/* What to put into the `flow` of packets of the connection until a packet received has brought that
 * of its flow: it spares them a way between workers of berthd. Never fails, any thread. */
BERTH_EXPORT uint64_t berth_connection_flow(const struct berth_connection *connection);

/* -- Receiving -- */

enum berth_packet_flag {
	BERTH_PACKET_IPV6 = 1 << 1,       /* else IPv4 */
	BERTH_PACKET_ICMP_ERROR = 1 << 2, /* an ICMP error about the flow, not a packet of it */
	BERTH_PACKET_NEW_FLOW = 1 << 3,   /* the first packet of its flow */
	BERTH_PACKET_LOCAL = 1 << 4,      /* sent by an application of this machine */
	BERTH_PACKET_FRAGMENT = 1 << 5,   /* a fragment of a datagram, see berth_reassemble() */
	BERTH_PACKET_LATER = 1 << 6,      /* a fragment, but not the first: it has no transport
					     header, both offsets are those of its data */
};

/* One IP packet. berthd checked the lengths of its headers and its checksums; of a fragment, that
 * of the IPv4 header only. */
struct berth_packet {
	const void *data;        /* the IP header */
	uint64_t flow;           /* names the flow, 0: none; a hint to berthd when sending */
	uint32_t bytes;          /* of the whole IP packet */
	uint32_t binding;        /* that chose the port */
	uint16_t l4_offset;      /* of the transport header, from `data` */
	uint16_t payload_offset; /* past the transport header, from `data` */
	uint16_t flags;          /* enum berth_packet_flag */
	uint16_t zone;
	uint8_t proto; /* IPPROTO_TCP, IPPROTO_UDP, IPPROTO_ICMP, IPPROTO_ICMPV6 */
	uint8_t reserved[15];
};

/* Takes up to `max` packets, of each flow the oldest first. Never blocks, cannot fail: 0 means
 * empty. The packets stay valid until berth_release(). */
BERTH_EXPORT uint16_t berth_rx_burst(struct berth_port *port, struct berth_packet *packets,
				     uint16_t max);

/* Gives the memory of all packets taken so far back to berthd. What is never released fills the
 * ring, and berthd drops. */
BERTH_EXPORT void berth_release(struct berth_port *port);

/* Sleeps until packets wait, for at most `timeout_ms` (-1: for ever; 0: only looks). Releases as
 * berth_release() does. 1: packets wait; 0: none within the time; -EINTR: a signal came;
 * -ECONNRESET: berthd ended the connection (what it delivered before is still there and reported
 * first); -EPROTO: the ring holds nonsense. */
BERTH_EXPORT int berth_wait(struct berth_port *port, int timeout_ms);

/* For an event loop of one's own: a descriptor that becomes readable when packets come while it is
 * armed. Never read, write or close it. */
BERTH_EXPORT int berth_fd(const struct berth_port *port);

/* Arms berth_fd() and releases as berth_release() does. 1: packets wait already, do not sleep; 0:
 * poll now, and berth_hangup_fd() beside it; -ECONNRESET and -EPROTO as berth_wait(). */
BERTH_EXPORT int berth_fd_arm(struct berth_port *port);

/* Disarms berth_fd() and makes it unreadable. To be called after each poll that followed
 * berth_fd_arm(). */
BERTH_EXPORT void berth_fd_disarm(struct berth_port *port);

/* -- Looking at packets -- */

/* Writes the sender's address, with its transport port for TCP and UDP (else 0). */
BERTH_EXPORT void
berth_packet_source(const struct berth_packet *packet, struct sockaddr_storage *out);
/* The same of the receiver. */
BERTH_EXPORT void
berth_packet_destination(const struct berth_packet *packet, struct sockaddr_storage *out);

/* Returns what follows the transport header, *bytes of it; UDP's own length is respected. */
BERTH_EXPORT const void *berth_packet_payload(const struct berth_packet *packet, uint32_t *bytes);

/* -- Putting fragments together -- */

/* berthd delivers the fragments of a datagram (RFC 791, RFC 8200) to the port that owns it, one by
 * one as they came. A reassembler makes whole datagrams of them, in memory that is taken once.
 * Whoever opens none can leave packets with BERTH_PACKET_FRAGMENT alone. It belongs to no
 * connection and may serve several ports; one thread at a time. */
struct berth_reassembler;

#define BERTH_REASSEMBLER_DATAGRAMS_MAX 256

/* All zero: the defaults. At each limit the oldest datagram gives way to a new one. */
struct berth_reassembler_options {
	uint32_t datagrams;   /* in the making at once, up to BERTH_REASSEMBLER_DATAGRAMS_MAX, with
				 64.5 KiB of memory each; 0: 64 */
	uint32_t per_source;  /* of them, of one sender; 0: 16 */
	uint32_t timeout_ms;  /* from the first arrival of a fragment on; 0: 60000 (RFC 8200 4.5) */
	uint32_t reserved[5]; /* zero */
};

/* What became of fragments, since the opening. */
struct berth_reassembler_counts {
	uint64_t completed; /* datagrams handed out */
	uint64_t expired;   /* datagrams that took too long */
	uint64_t gave_way;  /* datagrams given up at a limit */
	uint64_t
		overlapped; /* datagrams given up for an overlap (RFC 5722) or too many fragments */
	uint64_t malformed; /* fragments that fit no datagram, and datagrams that were broken once
			       whole: transport length or checksum wrong */
	uint64_t reserved[3];
};

/* Options NULL: the defaults. On 0 the caller owns *out until berth_reassembler_close().
 * -EINVAL: an option out of range; -ENOMEM. */
BERTH_EXPORT int berth_reassembler_open(const struct berth_reassembler_options *options,
					struct berth_reassembler **out);
/* What is in the making is gone. NULL is fine. */
BERTH_EXPORT void berth_reassembler_close(struct berth_reassembler *r);

/* Takes all fragments out of the `n` packets of a burst, copies them, and puts each datagram that
 * is whole now in the place of the fragment that completed it. Other packets stay, in order.
 * Returns how many packets there are then. Never blocks, allocates nothing.
 *
 * A datagram looks like a packet that never was in fragments, with the facts (flow, binding, flags)
 * of its first one, and may have up to 65575 bytes. The checksums of UDP and TCP were verified. It
 * stays valid until the next call for the same reassembler, longer than berth_release(). */
BERTH_EXPORT uint16_t berth_reassemble(struct berth_reassembler *r, struct berth_packet *packets,
				       uint16_t n);

BERTH_EXPORT void
berth_reassembler_count(const struct berth_reassembler *r, struct berth_reassembler_counts *out);

/* -- Sending -- */

/* Sends complete IP packets in order: `data`, `bytes`, `flow` (0, or that of a packet received) and
 * `zone` of each are used. berthd computes all checksums and chooses link and next hop. The bytes
 * are copied; never blocks. Returns how many were queued. Only when the first could not be queued,
 * a negative errno: -EAGAIN: the ring is full; -EMSGSIZE: larger than berth_mtu(); -EINVAL: not an
 * IP packet; -ECONNRESET: berthd is gone. Queued packets can still be dropped by berthd, which
 * counts why. One flow keeps its order if all its packets carry its `flow`, or none does. */
BERTH_EXPORT int berth_tx_burst(struct berth *b, const struct berth_packet *packets, uint16_t n);

/* Answers the sender of a UDP packet with a datagram of `bytes` at `payload`. 0 or as
 * berth_tx_burst(); -EINVAL: the request is no UDP packet. */
BERTH_EXPORT int berth_udp_reply(struct berth *b, const struct berth_packet *request,
				 const void *payload, uint32_t bytes);

/* Sends a datagram of `bytes` at `payload` from connection->local to connection->remote. The
 * connection is one of berth_connect(), or filled in by hand (local, remote, zone, proto) with a
 * local end that is bound. 0 or as berth_tx_burst(); -EINVAL: not UDP, or two address families. */
BERTH_EXPORT int berth_udp_send(struct berth *b, const struct berth_connection *connection,
				const void *payload, uint32_t bytes);

#ifdef __cplusplus
}
#endif

#endif
