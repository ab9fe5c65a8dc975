/* SPDX-License-Identifier: BSD-3-Clause */
/* worker.h: one worker's whole state, and the stages' composition.
 *
 *   CREATED --start--> RUNNING --stop flag--> STOPPED
 *
 * Everything in struct worker is its own thread's alone while it runs, except where a field says
 * otherwise. Files: worker.c (the loop), inbound.c (nic to ring), outbound.c (application to nic),
 * flows.c (what flow, bind and track do to a packet), budget.c (which flows give way), deliver.c
 * (one packet to its ring), emit.c (next hop and tx), ends.c (devices at ports' ends), fragments.c
 * (parts of datagrams), handover.c (between workers), report.c (news of flows for control),
 * housekeeping.c (expiry, limbo, adoption of publications). */
#pragma once

#include <rte_mempool.h>
#include <rte_rcu_qsbr.h>
#include <rte_ring.h>
#include <stdatomic.h>

#include "common/base/check.h"
#include "common/base/identity.h"
#include "dataplane/burst.h"
#include "dataplane/counter_block.h"
#include "dataplane/dataplane.h"
#include "dataplane/policy/reject.h"
#include "dataplane/port_block.h"
#include "dataplane/rx/generator.h"
#include "dataplane/rx/rx.h"
#include "dataplane/steer/steer.h"
#include "dataplane/tx/tx.h"
#include "dataplane/worker/far_ends.h"
#include "dataplane/worker/profile.h"

/* What stands behind a device. */
enum nic_role {
	NIC_WIRE,
	NIC_KERNEL, /* the kernel port */
	NIC_END,    /* the end of a port */
};
/* Nics, then the kernel port, then ends of ports. */
#define DEVICES_MAX (NICS_MAX + 1 + PORT_ENDS_MAX)

/* A device as all workers see it; constant once they run, but for `peer`. */
struct nic {
	char name[NAME_BYTES];
	char device[64];
	enum nic_role role;
	uint16_t ethdev;
	uint16_t rx_queues, tx_queues; /* worker w sends on queue w % tx_queues' owner */
	uint16_t mtu;
	uint16_t parse_flags;
	uint8_t mac[6];
	/* NIC_END: the Ethernet address behind the device, as be48_load() reads it. Workers store
	 * what they see frames come from and load it to send there (relaxed: it guards nothing). */
	_Atomic uint64_t peer;
	uint16_t link_by_vlan[4096];               /* LINK_NONE: not configured */
	struct generator_shared *generated;        /* NULL: its packets come from elsewhere */
	struct generator *generators[WORKERS_MAX]; /* by queue */
};

/* A packet that waits for its next hop's address. */
struct held_packet {
	struct rte_mbuf *mbuf; /* an IP packet, no Ethernet header yet */
	struct address next_hop;
	uint32_t app; /* id of its sender */
	uint16_t link;
	uint32_t since_ms;
	uint32_t asked_ms; /* when control was last told */
};

/* Frames on their way to one other worker, collected over a poll. */
struct handover_out {
	uint16_t n;
	struct rte_mbuf *mbufs[BURST_MAX];
};

enum worker_state { WORKER_CREATED, WORKER_RUNNING, WORKER_STOPPED };

struct worker {
	struct dataplane *dp;
	uint16_t id;

	/* Control stores RUNNING and the worker STOPPED, with release; each loads the other's word
	 * with acquire: what one did to this struct, the rings and the pool, the other sees. (EAL's
	 * launching and waiting order it too, but in code that thread sanitizers cannot follow.) */
	_Atomic uint32_t state; /* enum worker_state */

	/* Time of this poll. */
	uint64_t poll_cycles;
	uint32_t now_ms;

	/* What control publishes, as loaded at the start of this poll. */
	struct dp_snapshot *snapshot;
	const struct neighbour_table *neighbours;
	const struct track_rules *rules;
	bool reporting; /* somebody listens to what becomes of flows */

	struct flow_table *flows;
	struct far_ends far_ends;
	struct half_open *half_open; /* NULL: half-open flows have no share of their own */
	bool evicted;                /* flows gave way during this poll */
	struct fragment_table *fragments;
	struct steer steer;
	struct reject_limit reject_limit;

	uint16_t rx_count;
	struct rx_queue rx[DEVICES_MAX];
	struct tx_queue tx[DEVICES_MAX]; /* by device; ethdev UINT16_MAX: not this worker's */
	const struct dp_port *ends[PORT_ENDS_MAX]; /* of the snapshot; NULL: not there yet */
	struct handover_out handover[WORKERS_MAX];

	uint16_t held_count;
	struct held_packet held[HELD_MAX];
	const struct neighbour_table *held_checked; /* table that held[] was last tried against */
	uint32_t held_checked_ms;

	uint32_t housekept_ms;
	uint64_t limbo_token;
	uint32_t idle_polls;

	struct burst burst;
#ifdef BERTH_PROFILE
	struct profile profile;
#endif

	/* Written by this worker, read by control. */
	struct counter_block counters;
	_Atomic uint64_t polls, busy_polls, sleeps;
	_Atomic uint32_t limbo_stalls;
	/* C1 is exact between polls: on request the worker copies its block there. */
	_Atomic uint32_t totals_done; /* release; acquire in dataplane_worker_totals() */
	struct counter_block totals;
	/* By port id. */
	struct port_block ports[PORTS_MAX];
	/* Packets without a binding, [0] TCP, [1] UDP, by destination port. */
	_Atomic uint32_t closed[2][65536];
};

struct retired {
	struct retired *next;
	uint64_t token;
	void (*free_fn)(void *);
	void *object;
};

struct dataplane {
	struct dataplane_options options; /* constant */
	struct flow_secret secret;        /* constant */
	uint64_t start_cycles;            /* constant; zero of now_ms */
	uint64_t ms_scale;                /* constant; see clock_scale() */
	struct rte_mempool *pool;
	uint16_t nics_count; /* the kernel port's device, if any, is nics[nics_count] */
	bool kernel;
	uint16_t first_end;     /* ends of ports are nics[first_end .. devices_count) */
	uint16_t devices_count; /* those that are open */
	struct nic nics[DEVICES_MAX];
	struct worker *workers[WORKERS_MAX];
	struct rte_ring
		*handover[WORKERS_MAX][WORKERS_MAX]; /* [from][to], single producer/consumer */
	struct rte_ring *events[WORKERS_MAX];        /* worker to control: struct neighbour_event */
	struct rte_ring *solicits;                 /* control to worker 0: struct neighbour_event */
	struct rte_ring *flow_events[WORKERS_MAX]; /* worker to control: struct flow_event */
	struct connect_table *connections;         /* control writes, workers read */
	struct rte_ring *closed[WORKERS_MAX];      /* control to worker: struct connect_closed */
	uint64_t connections_token;                /* control's */

	_Atomic uint32_t stop;           /* control: release; workers: acquire */
	_Atomic uint32_t totals_request; /* control: release; workers: acquire */
	_Atomic bool reporting;          /* control and workers: relaxed */
	/* Control stores with release, workers load with acquire, once per poll. */
	_Atomic(struct dp_snapshot *) snapshot;
	_Atomic(struct neighbour_table *) neighbours;
	_Atomic(struct track_rules *) rules;
	uint32_t epoch; /* control's */

	struct rte_rcu_qsbr *published_qsbr; /* readers: workers, of what control publishes */
	struct rte_rcu_qsbr *flows_qsbr;     /* reader 0: control, of the workers' flow tables */
	struct dp_snapshot *first_snapshot;  /* the empty one; kept until the end */
	struct retired *retired;             /* control's, oldest first */
	struct retired **retired_tail;
	uint16_t nics_started;
	bool running;
};

/* One turn of the loop: everything that can be done now, without waiting. Returns the packets
 * moved. */
uint32_t worker_poll(struct worker *w);
/* The loop; runs on the worker's lcore until dp->stop. `argument` is its struct worker. */
int worker_run(void *argument);

/* admit.c: parses all packets of the burst and gives each its link and zone; refused ones are gone
 * afterwards. */
void inbound_parse(struct worker *w, const struct rx_queue *q, struct burst *b);

/* inbound.c: one burst of a rx queue, from frames to rings. Returns the packets received. */
uint16_t inbound_poll(struct worker *w, const struct rx_queue *q);
/* Drops what the parse stage refused, unless the kernel port is there for it. */
void inbound_refused(struct worker *w, uint16_t nic, struct rte_mbuf *m, enum drop_reason reason);
/* From the flow stage on, for w->burst with packets of the wire that this worker owns. */
void inbound_flow(struct worker *w, struct burst *b);
/* A packet from the wire that nobody here wants, `reason` being why: kernel port, refusal or drop.
 */
void inbound_unmatched(struct worker *w, struct rte_mbuf *m, const struct packet *p, uint16_t link,
		       enum drop_reason reason);

/* outbound.c: up to TX_BUDGET packets of each application. Returns how many. */
uint16_t outbound_poll(struct worker *w);
/* From the flow stage on, for w->burst with packets of applications that this worker owns. */
void outbound_flow(struct worker *w, struct burst *b);

/* What every packet sent to a worker must be, whoever sends it, at the start of `m`, which only we
 * can write: one sound packet of a transport with ports. Trims it, fills its checksums and *p. */
enum drop_reason outbound_check(struct rte_mbuf *m, uint16_t zone, struct packet *p);

/* deliver.c: gives all packets of the burst, whose entries are known, to b->ports: a copy to a
 * ring, each port's shown with one store, or the buffer itself to the device at the port's end, and
 * then its place in b->mbufs is NULL. Counts each as delivered, or why not. Other buffers stay the
 * caller's. */
void deliver_burst(struct worker *w, struct burst *b);

/* flows.c: what flow, bind and track do to one packet.
 * The port that receives packets to endpoint `side` of entry `index`; runs bind again when the
 * entry was decided under other bindings. DROP_NONE and *port, or why not. `packet` runs towards
 * that endpoint. */
enum drop_reason flows_destination(struct worker *w, uint32_t index, unsigned side,
				   const struct packet *packet, uint64_t hash, port_ref *port);
/* The first packet from the wire of a flow: binds it and makes its entry. */
enum drop_reason
flows_open(struct worker *w, const struct packet *packet, const uint8_t *frame,
	   const struct flow_key *key, unsigned direction, uint64_t hash, uint32_t *index);
/* Whether application `app` may send `packet` in entry `index` (FLOW_NONE: makes one). */
enum drop_reason
flows_authorise(struct worker *w, uint32_t app, const struct packet *packet, const uint8_t *frame,
		const struct flow_key *key, unsigned direction, uint64_t hash, uint32_t *index,
		port_ref *port);
/* Tracks and accounts one packet, no ICMP error, and remembers the way back. `frame` is what the
 * packet's offsets count from; `mac` NULL: from an application. A later
 * fragment is accounted only. DROP_NONE, or why it is refused. */
enum drop_reason
flows_account(struct worker *w, uint32_t index, const struct packet *packet, const uint8_t *frame,
	      unsigned direction, uint16_t link, const uint8_t *mac);
/* The same for an ICMP error about the flow, which is not accounted. */
enum drop_reason
flows_error(struct worker *w, uint32_t index, const struct packet *packet, unsigned direction);
/* flow_expire_fn: a flow that idled for its time ends. */
uint32_t flows_expire(struct flow_table *t, uint32_t index, uint32_t idle_ms, void *worker);
/* Tells of the flow's end, and takes it out of its ports' numbers and all lists but the table. */
void flows_end(struct worker *w, uint32_t index, enum flow_end why);
/* Ends the flow of a connected socket that was closed, unless somebody else is in it by now. */
void flows_closed(struct worker *w, const struct connect_closed *closed);
/* The binding by which the flow's far end was decided, which is a port here; after one of the
 * functions above said so. */
uint32_t flows_far_binding(const struct worker *w, uint32_t index);
/* Where packets to the flow's far end go, as its own packets came: the link and the Ethernet
 * address. False: nobody knows, or they came in an envelope (*link is LINK_ENCLOSED). */
bool flows_way_back(const struct worker *w, uint32_t index, uint16_t *link, uint8_t mac[6]);
/* The port with this reference as now published, or NULL. */
struct dp_port *flows_port(const struct worker *w, port_ref ref);

/* The flow that a later fragment belongs to, by its first one's tuple; it never makes one. */
enum drop_reason flows_follow(struct worker *w, const struct packet *packet,
			      const struct flow_key *key, uint64_t hash, uint32_t *index);

/* budget.c: which flows give way, and how long half-open ones may last.
 * Whether a new flow of `proto` may need the room of another one. */
bool budget_is_tight(const struct worker *w, uint8_t proto);
/* Then, and for a key that is not in the table: makes room for its flow. False: it is to be
 * refused. Flows of the burst in work stay. */
bool budget_make_room(struct worker *w, const struct flow_key *key, unsigned origin, uint64_t hash);
/* Puts a half-open flow on their list, as the newest, if there is room for it. */
void budget_list(struct worker *w, uint32_t index);
/* Follows a flow's change of state from `before`. */
void budget_follow(struct worker *w, uint32_t index, unsigned before);
/* Takes a flow that ends off the list, should it be there. */
void budget_forget(struct worker *w, uint32_t index);
/* How long to wait before a flow that idles for idle_ms is looked at; 0: its time has ended. */
uint32_t budget_wait_ms(const struct worker *w, uint8_t proto, unsigned state, uint32_t idle_ms);

/* ends.c: ports whose end is a device. */
/* Gives packet i to the device of end `end`; its buffer is taken out of the burst. */
void end_deliver(struct worker *w, struct burst *b, uint16_t i, uint16_t end);
/* What came from the device nics[nic], an end: checked like any application's sends, then sent. */
void end_take(struct worker *w, uint16_t nic, struct burst *b);

/* report.c: tells control of a flow, or counts that it could not. To be called while somebody
 * listens (w->reporting). */
void report_flow(struct worker *w, uint32_t index, enum flow_event_kind kind, enum flow_end end);
/* Whether a packet of the flow was counted yet: the first is told as a new flow. */
bool report_accounted(const struct flow_entry *e, const struct flow_detail *d);
/* Why a flow that idled for its time ends. */
enum flow_end report_end(const struct worker *w, uint32_t index);

/* emit.c */
/* Puts a finished frame on nic's queue of this worker, or hands it to a worker that has one. */
void emit_frame(struct worker *w, uint16_t nic, struct rte_mbuf *m, enum tx_class class);
/* Sends an IP packet to a known Ethernet address on a link. */
void emit_to(struct worker *w, struct rte_mbuf *m, uint16_t link, const uint8_t mac[6]);
/* Finds the way to `destination` and sends, holds or drops the IP packet of application `app`. */
void emit_routed(struct worker *w, struct rte_mbuf *m, uint32_t app, uint16_t zone,
		 const struct address *destination);
/* Tries held packets again, and gives up on old ones. */
void emit_held(struct worker *w);
/* Sends what control asked for. Worker 0. */
uint16_t emit_solicits(struct worker *w);
/* Restores into the bytes a VLAN tag that the device took out. False: no room; the packet is gone,
 * counted. */
bool emit_retag(struct worker *w, struct rte_mbuf **m);
void emit_flush(struct worker *w);

/* fragments.c: takes the fragments out of the burst. Those whose datagram another worker knows are
 * handed over; the others, up to BURST_MAX, are put into `own` for fragments_take(), which uses
 * w->burst. Returns how many. */
uint16_t fragments_divert(struct worker *w, struct burst *b, struct rte_mbuf **own);
/* Lets fragments with their notes go on, wait, or drop. */
void fragments_take(struct worker *w, struct rte_mbuf **mbufs, uint16_t n);
/* Gives up old datagrams. */
void fragments_expire(struct worker *w);
/* Drops what waits, as `shutdown`. The worker has ended. Control. */
void fragments_drain(struct worker *w);

/* handover.c */
void handover_put(struct worker *w, uint16_t to, struct rte_mbuf *m);
/* Passes on the packets of the burst, keyed but not looked up, whose flow another worker owns. */
void handover_foreign(struct worker *w, struct burst *b, enum handover_kind kind);
uint16_t handover_poll(struct worker *w);
void handover_flush(struct worker *w);
/* Drops what is still inside the rings and waiting rooms, as `shutdown`. Workers have ended.
 * Control. */
void handover_drain(struct dataplane *dp);

/* housekeeping.c: once per millisecond at most, bounded. */
void housekeeping(struct worker *w);
/* Loads what control published; zeroes the numbers of ports that are new. */
void housekeeping_adopt(struct worker *w);

/* connections.c: makes the table of connected sockets. 0 or a negative errno, said on stderr.
 * Control. */
int worker_connections_create(struct dataplane *dp);
/* Ends the flows of sockets that were closed, a bounded number. */
void connections_ended(struct worker *w);

/* dataplane.c: starts the nics with an empty publication; no worker is launched. Control. */
int dataplane_arm(struct dataplane *dp);

/* nic.c: opening, describing and closing devices. Control. */
int nic_open(struct dataplane *dp, uint16_t index, const struct dataplane_nic_options *options,
	     enum nic_role role);
int nic_start(const struct nic *n);
void nic_stop(const struct nic *n);
void nic_close(struct nic *n);
/* generate.c: attaches generators to the queues of a nic that makes its own packets. Control. */
int nic_generate(struct dataplane *dp, uint16_t index, const struct dataplane_nic_options *options);
void nic_generate_stop(struct nic *n);

/* Drops one packet by name. */
static inline void
worker_drop(struct worker *w, struct rte_mbuf *m, enum drop_reason reason)
{
	count_drop(&w->counters, reason, 1);
	rte_pktmbuf_free(m);
}

/* Row of worker.closed for TCP or UDP. */
static inline unsigned
closed_row(uint8_t proto)
{
	return proto == PROTO_TCP ? 0 : 1;
}

/* Counts a packet that found no binding at the TCP or UDP port it knocked on. */
static inline void
worker_knock(struct worker *w, const struct packet *p)
{
	_Atomic uint32_t *n = &w->closed[closed_row(p->key.proto)][p->key.port[1]];

	if (p->key.proto != PROTO_TCP && p->key.proto != PROTO_UDP)
		return;
	atomic_store_explicit(n, atomic_load_explicit(n, memory_order_relaxed) + 1,
			      memory_order_relaxed);
}
