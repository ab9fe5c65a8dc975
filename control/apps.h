/* SPDX-License-Identifier: BSD-3-Clause */
/* apps.h: attached applications and their ports. Served by apps.c, ports.c; requests.c reads what
 * they say.
 *
 * A1  A connection is an application; its hang-up is the application's death (T6): its bindings and
 *     ports leave the registry at once, the next publication hides them from the workers, and their
 *     memory goes when no worker can hold it.
 * A2  All changes of one turn of the event loop are published together, and each request that made
 *     one is answered after that publication: what is bound when the answer comes works. What
 *     takes something from a port that stays open is answered once no worker goes by an older
 *     publication: nothing that was taken away is delivered after the answer.
 * A3  Nothing waits for an application: an answer that its socket does not take detaches it.
 *
 * The control thread alone. */
#pragma once

#include <event2/event.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/queue.h>

#include "common/abi/message.h"
#include "control/bindings.h"
#include "control/connections.h"
#include "control/credentials.h"
#include "control/memory.h"
#include "control/notifier.h"
#include "control/publish.h"
#include "control/refusals.h"
#include "dataplane/dataplane.h"

/* How often apps_tick() should be called. */
#define APPS_TICK_MS 100

struct app_port {
	TAILQ_ENTRY(app_port) of_app;
	struct app *app;
	port_ref ref;
	char name[NAME_BYTES];
	uint64_t ring_bytes; /* all its rings together */
	struct port_memory *memory;
	int wake_fd; /* -1: a port whose end is a device; nobody is woken */
};
TAILQ_HEAD(app_port_list, app_port);

struct app {
	TAILQ_ENTRY(app) of_all;
	struct apps *apps;
	uint32_t id; /* 0 before HELLO */
	char name[NAME_BYTES];
	struct credentials who;
	uint64_t since_ms;
	int fd; /* -1: no process, but a device, see ends.h */
	struct event *readable;
	struct app_memory *memory; /* NULL before HELLO, and of devices */
	uint64_t ring_bytes;       /* all tx rings together */
	struct app_port_list ports;
	bool answer_waits; /* for the next publication */
	/* The answer waits until all workers go by that publication as well (A2). */
	bool answer_settles;
	uint64_t settles_after; /* how many publications that is; 0: not published yet */
	struct message_reply answer;
};
TAILQ_HEAD(app_list, app);

struct apps_options {
	struct event_base *base;
	struct dataplane *dp;
	struct bindings *bindings;
	struct connections *connections;
	struct notifier *notifier;
	uint32_t quota_applications; /* per uid */
	uint32_t quota_ports;        /* per uid */
	uint64_t quota_ring_bytes;   /* per uid */
};

struct apps {
	struct apps_options options;
	uint32_t rings; /* one per worker */
	uint32_t mtu;
	struct app_list list;
	uint32_t connections;
	uint32_t last_id;
	struct app_port *ports[PORTS_MAX];
	uint16_t generations[PORTS_MAX]; /* of the last port with that id */
	uint16_t next_port;
	struct publication publication;
	struct memory_head *over; /* memory that the next publication hides from workers */
	struct refusals refusals;
	struct event *publish; /* active: something changed in this turn */
	bool unpublished;      /* something changed since the last whole publication */
	/* Publications ever made, and those that all workers have passed. */
	uint64_t published;
	uint64_t passed;
	struct event *settle; /* pending: an answer waits for workers to pass */
};

int apps_create(const struct apps_options *options, struct apps **out);
/* Detaches everybody and retires all. The workers are stopped. */
void apps_destroy(struct apps *a);

/* Takes over a connected SOCK_SEQPACKET socket; on failure it is closed. 0 or a negative errno. */
int apps_accept(struct apps *a, int fd);

/* Detaches who broke the rules of a ring or never said HELLO, retries what failed, frees what no
 * worker holds. */
void apps_tick(struct apps *a, uint64_t now_ms);

/* Applications that said HELLO. */
uint32_t apps_count(const struct apps *a);
uint32_t apps_ports_count(const struct apps *a);
/* The port with this id, or NULL. */
struct app_port *apps_port(const struct apps *a, uint32_t id);

/* -- For ports.c, requests.c and commands.c -- */

/* Makes *app attached under `name`. On 0 fds[2] are the caller's to send and close. */
int app_attach(struct app *app, const char *name, uint32_t ring_bytes, int fds[2],
	       char why[MESSAGE_TEXT_BYTES]);
/* Adds an application that is a device; there are no more than PORT_ENDS_MAX. NULL: no memory. */
struct app *app_add_end(struct apps *a, const char *name);
/* Ends the connection and all that hangs on it; `why` NULL: it hung up. *app is freed. */
void app_detach(struct app *app, const char *why);

/* Whether the application may have one more set of rings of this size. 0, -EINVAL or -EDQUOT. */
int app_check_rings(const struct app *app, uint32_t ring_bytes, char why[MESSAGE_TEXT_BYTES]);

/* Opens a port. On 0 fds[3] are the caller's to send and close. */
int app_port_open(struct app *app, const char *name, uint32_t ring_bytes, struct app_port **out,
		  int fds[3], char why[MESSAGE_TEXT_BYTES]);
/* Opens a port of a device's application, with device `end` in the place of rings. */
int app_port_open_end(struct app *app, const char *name, uint16_t end, struct app_port **out);
/* Takes the port's bindings and the port away. */
void app_port_close(struct app_port *port);

/* Adds a binding of `port` as bindings_add() does. `flags`: as in a BIND request. */
int app_port_bind(struct app_port *port, const struct identity *identity, uint32_t flags,
		  const struct credentials *asker, const struct binding **out,
		  char why[MESSAGE_TEXT_BYTES]);

/* Connects a socket of `port` as connections_open() does. Who has it already is named. */
int app_port_connect(struct app_port *port, const struct identity *identity,
		     const struct credentials *asker, struct connection *out,
		     char why[MESSAGE_TEXT_BYTES]);

/* Drains the bindings of a port. *changed: one did not drain before. Returns how many live flows
 * the port has. */
uint64_t app_port_drain(struct app_port *port, bool *changed);

/* Says that registry, applications or ports changed: publishes within this turn of the loop. */
void apps_changed(struct apps *a);
/* Publishes now. 0, or -ENOMEM: bindings that are new since the last publication do not work. */
int apps_publish(struct apps *a);
