/* SPDX-License-Identifier: BSD-3-Clause */
/* requests.c: reads, validates and carries out the messages of applications (message.h). */
#include "control/requests.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#define FDS_MAX    3
#define BIND_FLAGS ((uint32_t)(MESSAGE_BIND_SHARED | MESSAGE_BIND_REUSE | MESSAGE_BIND_WEIGHT_MASK))

/* Fills the refusal's text, unless the function that refused did. */
static void
answer_status(struct message_reply *r, int status, const char *text)
{
	r->status = status;
	if (status == 0)
		r->text[0] = '\0';
	else if (text != NULL)
		snprintf(r->text, sizeof(r->text), "%s", text);
}

/* Sends one answer with `n` descriptors. 0, or a negative errno: not all of it went. */
static int
answer_send(int fd, const struct message_reply *r, const int *fds, unsigned n)
{
	union {
		struct cmsghdr head;
		char bytes[CMSG_SPACE(FDS_MAX * sizeof(int))];
	} control = { 0 };
	struct iovec data = { .iov_base = (void *)(uintptr_t)r, .iov_len = sizeof(*r) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	ssize_t sent;

	if (n != 0) {
		m.msg_control = control.bytes;
		m.msg_controllen = CMSG_SPACE(n * sizeof(int));
		control.head.cmsg_level = SOL_SOCKET;
		control.head.cmsg_type = SCM_RIGHTS;
		control.head.cmsg_len = CMSG_LEN(n * sizeof(int));
		memcpy(CMSG_DATA(&control.head), fds, n * sizeof(int));
	}
	sent = sendmsg(fd, &m, MSG_DONTWAIT | MSG_NOSIGNAL);
	return sent == (ssize_t)sizeof(*r) ? 0 : -errno;
}

/* A name is shown to people: visible ASCII, ended by a zero, the rest zeros. */
static bool
name_valid(const char name[NAME_BYTES])
{
	const size_t length = strnlen(name, NAME_BYTES);

	if (length == 0 || length == NAME_BYTES)
		return false;
	for (size_t i = 0; i < length; i++)
		if (name[i] <= ' ' || name[i] > '~')
			return false;
	return true;
}

static struct app_port *
own_port(const struct app *app, uint32_t id)
{
	struct app_port *port = apps_port(app->apps, id);

	return port != NULL && port->app == app ? port : NULL;
}

/* -- One function per message. They return the number of descriptors to send, or, having set
 * app->answer_waits or answer_settles, leave the answer to the next publication or later. -- */

static unsigned
serve_hello(struct app *app, const struct message_request *q, struct message_reply *r, int *fds)
{
	const uint32_t ring_bytes = q->ring_bytes == 0 ? RING_BYTES_DEFAULT : q->ring_bytes;
	int rc;

	if (!name_valid(q->name)) {
		answer_status(r, -EINVAL, "an application's name is 1 to 31 visible characters");
		return 0;
	}
	rc = app_attach(app, q->name, ring_bytes, fds, r->text);
	answer_status(r, rc, NULL);
	if (rc != 0)
		return 0;
	r->id = app->id;
	r->rings = app->apps->rings;
	r->ring_bytes = ring_bytes;
	r->mtu = app->apps->mtu;
	return 2;
}

static unsigned
serve_port_open(struct app *app, const struct message_request *q, struct message_reply *r, int *fds)
{
	const uint32_t ring_bytes = q->ring_bytes == 0 ? RING_BYTES_DEFAULT : q->ring_bytes;
	struct app_port *port;
	int rc;

	if (!name_valid(q->name)) {
		answer_status(r, -EINVAL, "a port's name is 1 to 31 visible characters");
		return 0;
	}
	rc = app_port_open(app, q->name, ring_bytes, &port, fds, r->text);
	answer_status(r, rc, NULL);
	if (rc != 0)
		return 0;
	r->id = port_ref_id(port->ref);
	r->rings = app->apps->rings;
	r->ring_bytes = ring_bytes;
	return 3;
}

static unsigned
serve_port_close(struct app *app, const struct message_request *q, struct message_reply *r,
		 int *fds)
{
	struct app_port *port = own_port(app, q->port);

	(void)fds;
	if (port == NULL) {
		answer_status(r, -ENOENT, "this application has no port with that number");
		return 0;
	}
	app_port_close(port);
	app->answer_waits = true;
	return 0;
}

static void
bind_port(struct app *app, const struct message_request *q, const struct identity *identity,
	  struct message_reply *r)
{
	struct app_port *port = own_port(app, q->port);
	const struct binding *b;
	int rc;

	if (port == NULL) {
		answer_status(r, -ENOENT, "this application has no port with that number");
		return;
	}
	rc = app_port_bind(port, identity, q->flags, &app->who, &b, r->text);
	answer_status(r, rc, NULL);
	if (rc != 0)
		return;
	r->id = b->id;
	message_identity_pack(&b->identity, &r->identity);
	app->answer_waits = true;
}

static unsigned
serve_bind(struct app *app, const struct message_request *q, struct message_reply *r, int *fds)
{
	struct identity identity;

	(void)fds;
	if ((q->flags & ~BIND_FLAGS) != 0)
		answer_status(r, -EINVAL, "a flag of the bind request is unknown");
	else if (message_identity_unpack(&q->identity, true, &identity) != 0)
		answer_status(r, -EINVAL, "that is no socket identity");
	else if (identity.connected)
		answer_status(r, -EINVAL, "a connected identity is made by connect, not by bind");
	else
		bind_port(app, q, &identity, r);
	return 0;
}

/* A socket works at once, but its port may still wait for its publication. */
static void
connect_port_to(struct app *app, const struct message_request *q, const struct identity *identity,
		struct message_reply *r)
{
	struct app_port *port = own_port(app, q->port);
	struct connection c;
	int rc;

	if (port == NULL) {
		answer_status(r, -ENOENT, "this application has no port with that number");
		return;
	}
	rc = app_port_connect(port, identity, &app->who, &c, r->text);
	answer_status(r, rc, NULL);
	if (rc != 0)
		return;
	r->id = c.id;
	r->rings = c.owner;
	message_identity_pack(&c.identity, &r->identity);
	app->answer_waits = app->apps->unpublished;
}

/* Closes a socket of the application. */
static bool
disconnect(struct app *app, uint32_t id)
{
	struct connections *c = app->apps->options.connections;
	const port_ref ref = connections_port(c, id);
	const struct app_port *port = own_port(app, port_ref_id(ref));

	if (ref == PORT_REF_NONE || port == NULL || port->ref != ref)
		return false;
	connections_close(c, id);
	return true;
}

static unsigned
serve_connect(struct app *app, const struct message_request *q, struct message_reply *r, int *fds)
{
	struct identity identity;

	(void)fds;
	if (q->flags != 0)
		answer_status(r, -EINVAL, "a flag of the connect request is unknown");
	else if (message_identity_unpack(&q->identity, true, &identity) != 0 || !identity.connected)
		answer_status(r, -EINVAL, "connect needs a remote address and a remote port");
	else
		connect_port_to(app, q, &identity, r);
	return 0;
}

static unsigned
serve_unbind(struct app *app, const struct message_request *q, struct message_reply *r, int *fds)
{
	const struct binding *b = bindings_find(app->apps->options.bindings, q->binding);

	(void)fds;
	if (connect_is(q->binding) && disconnect(app, q->binding))
		return 0;
	if (b == NULL || b->app != app->id) {
		answer_status(r, -ENOENT, "this application has no binding with that number");
		return 0;
	}
	bindings_remove(app->apps->options.bindings, q->binding);
	apps_changed(app->apps);
	app->answer_settles = true;
	return 0;
}

static unsigned
serve_drain(struct app *app, const struct message_request *q, struct message_reply *r, int *fds)
{
	struct app_port *port = own_port(app, q->port);
	uint64_t flows;

	(void)fds;
	if (port == NULL) {
		answer_status(r, -ENOENT, "this application has no port with that number");
		return 0;
	}
	flows = app_port_drain(port, &app->answer_settles);
	r->id = flows < UINT32_MAX ? (uint32_t)flows : UINT32_MAX;
	return 0;
}

typedef unsigned (*serve_fn)(struct app *app, const struct message_request *q,
			     struct message_reply *r, int *fds);
static const serve_fn serve[] = {
	[MESSAGE_HELLO] = serve_hello,           [MESSAGE_PORT_OPEN] = serve_port_open,
	[MESSAGE_PORT_CLOSE] = serve_port_close, [MESSAGE_BIND] = serve_bind,
	[MESSAGE_UNBIND] = serve_unbind,         [MESSAGE_CONNECT] = serve_connect,
	[MESSAGE_DRAIN] = serve_drain,
};

/* Reads one datagram of at most sizeof(*q) bytes. Returns its length, 0 for none, or -1 after the
 * application was detached. Without room for control data the kernel closes what descriptors an
 * application sends, and says so. */
static ssize_t
request_read(struct app *app, struct message_request *q)
{
	struct iovec data = { .iov_base = q, .iov_len = sizeof(*q) };
	struct msghdr m = { .msg_iov = &data, .msg_iovlen = 1 };
	const ssize_t n = recvmsg(app->fd, &m, MSG_DONTWAIT | MSG_TRUNC | MSG_CMSG_CLOEXEC);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n <= 0) {
		app_detach(app, NULL);
		return -1;
	}
	if ((m.msg_flags & MSG_CTRUNC) != 0) {
		app_detach(app, "it sent a descriptor");
		return -1;
	}
	return n;
}

/* The negative errno that ends the connection, or 0. With MSG_TRUNC `n` is the datagram's length,
 * however long. */
static int
request_check(const struct app *app, const struct message_request *q, ssize_t n)
{
	if (n >= (ssize_t)sizeof(q->version) && q->version != MESSAGE_VERSION)
		return -EPROTO;
	if (n != (ssize_t)sizeof(*q))
		return -EBADMSG;
	if (q->type == 0 || q->type >= sizeof(serve) / sizeof(serve[0]))
		return -EBADMSG;
	return (q->type == MESSAGE_HELLO) == (app->id == 0) ? 0 : -EBADMSG;
}

/* Writes what a request asked for, as people would. */
static void
request_text(const struct message_request *q, char what[REFUSAL_WHAT_BYTES])
{
	static const char *const names[] = {
		[MESSAGE_HELLO] = "attach",          [MESSAGE_PORT_OPEN] = "open port",
		[MESSAGE_PORT_CLOSE] = "close port", [MESSAGE_BIND] = "bind",
		[MESSAGE_UNBIND] = "unbind",         [MESSAGE_CONNECT] = "connect",
		[MESSAGE_DRAIN] = "drain",
	};
	const bool named = q->type == MESSAGE_HELLO || q->type == MESSAGE_PORT_OPEN;
	char text[IDENTITY_TEXT_BYTES] = "";
	struct identity identity;

	if ((q->type == MESSAGE_BIND || q->type == MESSAGE_CONNECT) &&
	    message_identity_unpack(&q->identity, true, &identity) == 0)
		identity_format(&identity, text);
	else if (named && name_valid(q->name))
		snprintf(text, sizeof(text), "%s", q->name);
	snprintf(what, REFUSAL_WHAT_BYTES, "%s%s%s", names[q->type], text[0] != '\0' ? " " : "",
		 text);
}

static void
note_refusal(struct app *app, const struct message_request *q)
{
	char what[REFUSAL_WHAT_BYTES];

	request_text(q, what);
	refusals_note(&app->apps->refusals, &app->who, app->name, what, app->answer.status,
		      app->answer.text);
}

void
request_serve(struct app *app)
{
	struct message_request q = { 0 };
	struct message_reply *r = &app->answer;
	int fds[FDS_MAX];
	unsigned n = 0;
	ssize_t bytes;
	int broken, rc;

	if (app->answer_waits || app->answer_settles)
		return;
	bytes = request_read(app, &q);
	if (bytes <= 0)
		return;
	*r = (struct message_reply){ .version = MESSAGE_VERSION, .type = q.type };
	broken = request_check(app, &q, bytes);
	if (broken != 0)
		answer_status(r, broken,
			      broken == -EPROTO ? "berthd speaks version 1 of the protocol"
						: "that is no message of the protocol");
	else
		n = serve[q.type](app, &q, r, fds);
	if (broken == 0 && r->status != 0)
		note_refusal(app, &q);
	if (app->answer_waits || app->answer_settles)
		return;
	rc = answer_send(app->fd, r, fds, n);
	while (n > 0)
		close(fds[--n]);
	if (broken != 0)
		app_detach(app, "it does not speak the protocol");
	else if (rc != 0)
		app_detach(app, "it did not take an answer");
}

void
request_answer(struct app *app)
{
	app->answer_waits = false;
	app->answer_settles = false;
	app->settles_after = 0;
	if (answer_send(app->fd, &app->answer, NULL, 0) != 0)
		app_detach(app, "it did not take an answer");
}

void
request_revoke(struct app *app)
{
	struct message_reply *r = &app->answer;

	if (r->type == MESSAGE_BIND)
		bindings_remove(app->apps->options.bindings, r->id);
	else if (r->type == MESSAGE_CONNECT)
		connections_close(app->apps->options.connections, r->id);
	else
		return;
	*r = (struct message_reply){ .version = MESSAGE_VERSION, .type = r->type };
	answer_status(r, -ENOMEM, "no memory to publish the binding");
}
