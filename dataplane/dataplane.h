/* SPDX-License-Identifier: BSD-3-Clause */
/* dataplane.h: all that control may say to the workers and ask of them.
 *
 * Unless a function says otherwise it is called by the control thread alone. Workers read what
 * control publishes through one pointer each and report quiescent once per poll; what control takes
 * out of a publication is handed to dataplane_retire() and freed when no worker can hold it any
 * more. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "common/abi/counters.h"
#include "common/base/limits.h"
#include "dataplane/bind/bind.h"
#include "dataplane/connect/connect.h"
#include "dataplane/flow/flow.h"
#include "dataplane/flow/flow_record.h"
#include "dataplane/flow/half_open.h"
#include "dataplane/fragment/fragment.h"
#include "dataplane/generator.h"
#include "dataplane/link.h"
#include "dataplane/port/port_ring.h"
#include "dataplane/track/follow.h"
#include "dataplane/tunnel.h"
#include "dataplane/tx/neighbour.h"

struct dataplane;

struct dataplane_nic_options {
	char name[NAME_BYTES]; /* the user's */
	char device[64];       /* DPDK's, as rte_eth_dev_get_port_by_name() finds it */
	uint16_t queues;       /* rx queues, 1..workers; queue q is polled by worker q */
	uint16_t rx_descriptors;
	uint16_t tx_descriptors;
	uint16_t mtu;
	bool promiscuous;
	bool checksum_verify;
	bool source_any;                    /* accept sources that no sender may have */
	bool source_routes;                 /* accept IPv4 source routes */
	struct generator_options generator; /* flows 0: packets come from the device */
};

/* What becomes of a new flow that no half-open one makes room for in a full table. */
enum flows_full_mode {
	FLOWS_FULL_REFUSE,     /* its packet is dropped as flow_table_full */
	FLOWS_FULL_EVICT_IDLE, /* the longest idle of a sample gives way */
};

/* A port whose end is a device. */
struct dataplane_end_options {
	struct dataplane_nic_options device; /* queues: 1, or one per worker */
	uint16_t zone;                       /* of all that comes from it */
};

enum unmatched_mode { UNMATCHED_DROP, UNMATCHED_REJECT, UNMATCHED_KERNEL };

struct dataplane_options {
	uint16_t workers; /* 1..WORKERS_MAX; worker i runs on EAL lcore i + 1 */
	bool idle_sleep;
	uint32_t idle_empty_polls;
	uint32_t idle_sleep_us;
	uint32_t buffers; /* mbufs of the one pool */
	uint16_t nics_count;
	struct dataplane_nic_options nics[NICS_MAX];
	struct link_set links;
	struct tunnel_set tunnels;
	char kernel_device[64]; /* DPDK's name of the kernel port's tap; "": none */
	uint16_t ends_count;
	struct dataplane_end_options ends[PORT_ENDS_MAX];
	enum unmatched_mode unmatched;
	uint32_t reject_per_second;
	bool responder;
	uint32_t flows_capacity; /* per worker */
	uint32_t
		half_open_flows; /* of those; 0: no share of their own, or HALF_OPEN_PLACES_MIN.. */
	uint8_t half_open_prefix_ipv4, half_open_prefix_ipv6; /* bits by which sources are told */
	enum flows_full_mode flows_full;
	enum track_mode tracking; /* of new flows */
	struct track_timeouts timeouts;
	struct fragment_options fragments; /* per worker */
	uint32_t connections_capacity;     /* connected sockets, those in quarantine included */
	uint32_t connections_quarantine_ms;
};

/* Bytes of memory that a worker takes for `capacity` flows, all that is kept of them included, and
 * the list of `half_open` ones. Pure. */
static inline uint64_t
dataplane_flow_bytes(uint32_t capacity, uint32_t half_open)
{
	return flow_table_bytes(capacity) + (half_open == 0 ? 0 : half_open_bytes(half_open));
}

/* Sets up pool, nics, flow tables and workers; EAL is initialised. Nothing runs yet. 0 or a
 * negative errno, after one line to stderr that says what failed and what would help. */
int dataplane_create(const struct dataplane_options *options, struct dataplane **out);
/* Starts nics and workers with an empty publication. 0 or a negative errno, said on stderr. */
int dataplane_start(struct dataplane *dp);
/* Stops and joins the workers, then the nics. What they held is counted as dropped by `shutdown`.
 */
void dataplane_stop(struct dataplane *dp);
/* Frees all, retired objects included. The workers are stopped. */
void dataplane_destroy(struct dataplane *dp);

/* An attached application, as workers see it. Made by control, constant while published but for the
 * rings, of which tx[w] belongs to worker w. */
struct dp_app {
	uint32_t id; /* never used twice in one run of the daemon; not 0 */
	struct tx_ring tx[WORKERS_MAX];
};

#define END_RING 0

/* A port, as workers see it; rx[w] belongs to worker w. */
struct dp_port {
	port_ref ref;
	uint32_t app; /* id of its application */
	uint16_t end; /* END_RING: rx[]; else the device dataplane_options.ends[end - 1] */
	struct rx_ring rx[WORKERS_MAX];
};

/* One consistent view of applications, ports and bindings. */
struct dp_snapshot {
	uint32_t epoch; /* filled by dataplane_publish(); grows by one each time */
	uint32_t apps_count;
	struct dp_app *apps[APPS_MAX];
	struct dp_port *ports[PORTS_MAX]; /* by id; NULL: no such port */
	struct bind_table *bindings;
};

/* Makes `snapshot` what workers see from their next poll on. The caller keeps ownership of all of
 * it and retires the former one (the struct and what only it referred to). */
void dataplane_publish(struct dataplane *dp, struct dp_snapshot *snapshot);

/* Calls free_fn(object) from a later dataplane_reclaim(), once every worker has passed a quiescent
 * point. Allocates a small node; ends the process when there is no memory for it. */
void dataplane_retire(struct dataplane *dp, void (*free_fn)(void *), void *object);
/* Frees what can be freed; never blocks. Returns how many objects still wait. */
unsigned dataplane_reclaim(struct dataplane *dp);

/* -- Connected sockets: control opens and closes them in this table, which workers read. -- */

struct connect_table *dataplane_connections(struct dataplane *dp);
/* Takes a step of what closing sockets leaves to do: connect_step(), and entries whose readers have
 * passed are given back. To be called now and then, and before sockets are opened. True: there is
 * more to do. `now_ms` as for connect_close(). */
bool dataplane_connections_step(struct dataplane *dp, uint32_t now_ms);
/* The worker to which answers of `remote` come: that of a nic with one queue; with more, the device
 * spreads them by rules of its own: CONNECT_WORKER_ANY, as also where no way leads there. */
uint16_t
dataplane_answers_at(const struct dataplane *dp, uint16_t zone, const struct address *remote);

/* Makes workers follow flows by these rules from their next polls on; timers of flows that live are
 * looked at anew within about a second. Copies. 0 or -ENOMEM. */
int dataplane_rules_publish(struct dataplane *dp, const struct track_rules *rules);

/* -- Neighbours: only control writes the table; workers tell it what they see and want. -- */

/* Takes up to `max` events of all workers. */
unsigned
dataplane_neighbour_events(struct dataplane *dp, struct neighbour_event *events, unsigned max);
/* Has a worker send one ARP request or neighbour solicitation for `address` on `link`. 0 or
 * -EAGAIN. */
int dataplane_neighbour_solicit(struct dataplane *dp, uint16_t link, const struct address *address);

/* Publishes all known neighbours (0..NEIGHBOURS_MAX), copied; those not named are unknown.
 * 0/-ENOMEM. */
int
dataplane_neighbours_publish(struct dataplane *dp, const struct neighbour *neighbours, uint32_t n);

/* -- What becomes of flows: workers tell it while control says that somebody listens. -- */

enum flow_event_kind {
	FLOW_EVENT_NEW,     /* its first packet came */
	FLOW_EVENT_UPDATE,  /* its state is another one */
	FLOW_EVENT_DESTROY, /* its entry was removed; the numbers are the last ones */
	FLOW_EVENT_KINDS
};
struct flow_event {
	struct flow_record flow;
	uint16_t worker;
	uint8_t kind; /* enum flow_event_kind */
	uint8_t reserved[5];
};
static_assert(sizeof(struct flow_event) == 112, "ring element");

/* Whether workers tell; from their next turns on. */
void dataplane_flow_events_want(struct dataplane *dp, bool wanted);
/* Takes up to `max` events of a worker, oldest first. Those of one flow come in order. */
unsigned dataplane_flow_events(struct dataplane *dp, uint16_t worker, struct flow_event *events,
			       unsigned max);
/* Events that did not fit, of all workers. */
uint64_t dataplane_flow_events_lost(const struct dataplane *dp);

/* -- Looking in: any of these may run at any time while the workers do. -- */

void dataplane_totals(const struct dataplane *dp, struct counter_totals *out);
void
dataplane_worker_totals(const struct dataplane *dp, uint16_t worker, struct counter_totals *out);

/* One port's numbers, summed over workers; zero again for each new generation. */
struct port_counts {
	uint64_t delivered, delivered_bytes; /* packets and IP bytes put in its rings */
	uint64_t dropped;                    /* ring_full and ring_broken */
	uint64_t sent, sent_bytes;           /* accepted from its application */
	uint64_t flows;                      /* live ones steered to it */
};
void dataplane_port_counts(const struct dataplane *dp, port_ref port, struct port_counts *out);

/* Packets that no binding wanted, by destination port. `proto`: PROTO_TCP or PROTO_UDP. */
uint64_t dataplane_closed_port_packets(const struct dataplane *dp, uint8_t proto, uint16_t port);

struct worker_info {
	uint16_t core;
	uint16_t queues; /* rx queues it polls */
	uint64_t polls, busy_polls;
	uint64_t sleeps;  /* idle sleeps */
	uint64_t packets; /* received */
	uint32_t flows, flows_capacity;
	uint32_t limbo_stalls; /* times that freeing deleted flows had to wait for a reader */
};
void dataplane_worker_info(const struct dataplane *dp, uint16_t worker, struct worker_info *out);

/* Cycles that `worker` spent in its `stage`th stage since it started, 0 being the first on a
 * packet's way, and the stage's name (constant). False, with both untouched: past the last stage,
 * or no build for measuring, which alone takes these times. */
bool dataplane_stage_cycles(const struct dataplane *dp, uint16_t worker, unsigned stage,
			    const char **name, uint64_t *cycles);

struct nic_info {
	char name[NAME_BYTES];
	char device[64];
	char driver[32];
	uint8_t mac[6];
	uint16_t rx_queues, tx_queues, mtu;
	bool up;
	uint32_t speed_mbps; /* 0: unknown */
	uint64_t rx_packets, rx_bytes, rx_missed, rx_errors, rx_no_buffer;
	uint64_t tx_packets, tx_bytes, tx_errors;
};
/* `nic` counts the nics, then the kernel port's device, then those at ports' ends. -ENOENT past the
 * last. */
int dataplane_nic_info(const struct dataplane *dp, uint16_t nic, struct nic_info *out);

/* What the generator of `nic` sends from now on. 0, or -ENOENT: it has none. */
int
dataplane_generator_rates(struct dataplane *dp, uint16_t nic, const struct generator_rates *set);
/* Copies what it sends now; packets and bytes are those of nic_info. The same errors. */
int dataplane_generator_info(const struct dataplane *dp, uint16_t nic, struct generator_rates *out);

/* Calls `each` for flows of `worker` from *cursor on, a bounded number per call; false at the end.
 */
bool dataplane_flows(struct dataplane *dp, uint16_t worker, uint32_t *cursor, flow_each_fn each,
		     void *context);

uint16_t dataplane_workers(const struct dataplane *dp);
const struct link_set *dataplane_links(const struct dataplane *dp);
/* Idle times of flows, until other rules are published. */
const struct track_timeouts *dataplane_timeouts(const struct dataplane *dp);
/* Milliseconds since the workers' clock began, as flow entries hold them. Any thread. */
uint32_t dataplane_now_ms(const struct dataplane *dp);
