/* SPDX-License-Identifier: BSD-3-Clause */
/* console.c: serves the clients of control.sock. */
#include "control/console.h"

#include <errno.h>
#include <event2/bufferevent.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "common/base/clock.h"

#define CLIENTS_MAX 64
/* Room that root and the daemon's user have beyond it, so that others cannot lock them out. */
#define CLIENTS_SPARE 8
/* A dump pauses while more than this waits for the client. */
#define BACKLOG_BYTES (512u << 10)
#define IDLE_S        600
#define STALLED_S     10
/* How long clients may take what is left when berthd stops. */
#define LAST_MS 500

struct client {
	TAILQ_ENTRY(client) of_all;
	struct console *console;
	struct credentials who;
	struct bufferevent *stream;
	struct event *again;          /* the dump's next piece, in a later turn of the loop */
	struct command_stream answer; /* the one that is under way */
	bool closing;                 /* after what waits was written */
};
TAILQ_HEAD(client_list, client);

struct console {
	struct event_base *base;
	const struct command_context *commands;
	struct client_list clients;
	unsigned count;
};

int
console_create(struct event_base *base, const struct command_context *commands,
	       struct console **out)
{
	struct console *c = calloc(1, sizeof(*c));

	if (c == NULL)
		return -ENOMEM;
	c->base = base;
	c->commands = commands;
	TAILQ_INIT(&c->clients);
	*out = c;
	return 0;
}

static void
client_close(struct client *client)
{
	TAILQ_REMOVE(&client->console->clients, client, of_all);
	client->console->count--;
	flow_dump_destroy(client->answer.dump);
	event_stream_destroy(client->answer.events);
	event_free(client->again);
	bufferevent_free(client->stream);
	credentials_release(&client->who);
	free(client);
}

static size_t
backlog(const struct client *client)
{
	return evbuffer_get_length(bufferevent_get_output(client->stream));
}

/* Gives clients what waits for them, for a moment. */
static void
last_words(struct console *c)
{
	static const struct timespec pause = { .tv_nsec = 1000000 };
	const uint64_t until_ms = clock_monotonic_ms() + LAST_MS;
	const struct client *client;
	bool waiting = true;

	while (waiting && clock_monotonic_ms() < until_ms) {
		event_base_loop(c->base, EVLOOP_NONBLOCK);
		nanosleep(&pause, NULL);
		waiting = false;
		TAILQ_FOREACH (client, &c->clients, of_all) {
			waiting |= backlog(client) != 0;
		}
	}
}

void
console_destroy(struct console *c)
{
	if (c == NULL)
		return;
	last_words(c);
	while (!TAILQ_EMPTY(&c->clients))
		client_close(TAILQ_FIRST(&c->clients));
	free(c);
}

static void
client_answer(struct client *client, json_t *answer)
{
	char *text = answer == NULL ? NULL : json_dumps(answer, JSON_COMPACT);

	if (text != NULL) {
		bufferevent_write(client->stream, text, strlen(text));
		bufferevent_write(client->stream, "\n", 1);
	} else {
		client->closing = true;
	}
	free(text);
	json_decref(answer);
}

/* Writes the next piece of a dump and comes back in the next turn, or when the client has taken
 * some of what waits. */
static void
dump_step(struct client *client)
{
	static const struct timeval now = { 0, 0 };

	if (backlog(client) > BACKLOG_BYTES)
		return;
	if (flow_dump_next(client->answer.dump, bufferevent_get_output(client->stream))) {
		event_add(client->again, &now);
		return;
	}
	flow_dump_destroy(client->answer.dump);
	client->answer.dump = NULL;
}

/* From here on the client only reads, as slowly as it likes. */
static void
events_begin(struct client *client)
{
	bufferevent_set_timeouts(client->stream, NULL, NULL);
	event_stream_start(client->answer.events, bufferevent_get_output(client->stream));
}

static void
client_request(struct client *client, const char *line, size_t bytes)
{
	json_t *answer =
		command_run(client->console->commands, &client->who, line, bytes, &client->answer);

	if (client->answer.dump != NULL)
		dump_step(client);
	else if (client->answer.events != NULL)
		events_begin(client);
	else
		client_answer(client, answer);
}

static bool
answering(const struct client *client)
{
	return client->answer.dump != NULL || client->answer.events != NULL;
}

/* Serves whole lines while nothing holds the client up. May close it. */
static void
client_serve(struct client *client)
{
	struct evbuffer *input = bufferevent_get_input(client->stream);

	while (!answering(client) && !client->closing && backlog(client) <= BACKLOG_BYTES) {
		size_t bytes;
		char *line = evbuffer_readln(input, &bytes, EVBUFFER_EOL_LF);

		if (line == NULL) {
			if (evbuffer_get_length(input) > COMMAND_BYTES_MAX) {
				client_answer(client,
					      command_refusal("usage", "the request is too long"));
				client->closing = true;
			}
			break;
		}
		client_request(client, line, bytes);
		free(line);
	}
	if (client->closing && !answering(client) && backlog(client) == 0)
		client_close(client);
}

static void
again_event(evutil_socket_t fd, short what, void *argument)
{
	struct client *client = argument;

	(void)fd;
	(void)what;
	if (client->answer.dump != NULL)
		dump_step(client);
	client_serve(client);
}

static void
readable(struct bufferevent *stream, void *argument)
{
	struct client *client = argument;

	/* Who listens to events has nothing more to say; to read on shows when it leaves. */
	if (client->answer.events != NULL)
		evbuffer_drain(bufferevent_get_input(stream), SIZE_MAX);
	client_serve(client);
}

/* Called when little of the output is left. */
static void
writable(struct bufferevent *stream, void *argument)
{
	struct client *client = argument;

	(void)stream;
	if (client->answer.dump != NULL)
		dump_step(client);
	if (client->answer.events != NULL)
		event_stream_room(client->answer.events);
	client_serve(client);
}

static void
ended(struct bufferevent *stream, short what, void *argument)
{
	struct client *client = argument;

	(void)stream;
	/* A client that only closed its sending side still gets its answers, but for events, which
	 * have no end. */
	if ((what & BEV_EVENT_EOF) != 0 && client->answer.events == NULL &&
	    (client->answer.dump != NULL || backlog(client) != 0)) {
		client->closing = true;
		return;
	}
	client_close(client);
}

static bool
client_allowed(const struct console *c, const struct credentials *who)
{
	const bool trusted = who->uid == 0 || who->uid == c->commands->daemon_uid;

	return c->count < CLIENTS_MAX + (trusted ? CLIENTS_SPARE : 0);
}

int
console_accept(struct console *c, int fd)
{
	static const struct timeval idle = { IDLE_S, 0 }, stalled = { STALLED_S, 0 };
	struct client *client = calloc(1, sizeof(*client));
	int rc = -ENOMEM;

	if (client == NULL)
		goto fail;
	rc = credentials_of_peer(fd, &client->who);
	if (rc != 0)
		goto fail;
	rc = -EUSERS;
	if (!client_allowed(c, &client->who))
		goto fail;
	rc = -ENOMEM;
	client->again = event_new(c->base, -1, 0, again_event, client);
	client->stream = bufferevent_socket_new(c->base, fd, BEV_OPT_CLOSE_ON_FREE);
	if (client->again == NULL || client->stream == NULL)
		goto fail;
	client->console = c;
	bufferevent_setcb(client->stream, readable, writable, ended, client);
	bufferevent_setwatermark(client->stream, EV_READ, 0, COMMAND_BYTES_MAX + 1);
	bufferevent_setwatermark(client->stream, EV_WRITE, BACKLOG_BYTES / 2, 0);
	bufferevent_set_timeouts(client->stream, &idle, &stalled);
	bufferevent_enable(client->stream, EV_READ | EV_WRITE);
	TAILQ_INSERT_TAIL(&c->clients, client, of_all);
	c->count++;
	return 0;
fail:
	if (client != NULL) {
		if (client->again != NULL)
			event_free(client->again);
		credentials_release(&client->who);
		free(client);
	}
	close(fd);
	return rc;
}
