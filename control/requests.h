/* SPDX-License-Identifier: BSD-3-Clause */
/* requests.h: the application's messages. Served by requests.c. */
#pragma once

#include "control/apps.h"

/* Reads and carries out one message of the application, if one is there. May detach and free it. */
void request_serve(struct app *app);

/* Sends the answer that waited for a publication, or for workers to pass it. May detach and free
 * the application. */
void request_answer(struct app *app);

/* The answer that waits becomes a refusal, and the binding it was about goes: it could not be
 * published. */
void request_revoke(struct app *app);
