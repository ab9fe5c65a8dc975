/* SPDX-License-Identifier: BSD-3-Clause */
/* print.h: answers of berthd for people. Served by print.c.
 *
 * `former` is the answer before, `seconds` old, or NULL: what can be a rate is one then. */
#pragma once

#include <jansson.h>

typedef void (*print_fn)(json_t *answer, const json_t *former, double seconds);

void print_status(json_t *answer, const json_t *former, double seconds);
void print_nics(json_t *answer, const json_t *former, double seconds);
void print_workers(json_t *answer, const json_t *former, double seconds);
void print_ports(json_t *answer, const json_t *former, double seconds);
void print_bindings(json_t *answer, const json_t *former, double seconds);
void print_flows(json_t *answer, const json_t *former, double seconds);
void print_event(json_t *answer, const json_t *former, double seconds);
void print_stats(json_t *answer, const json_t *former, double seconds);
void print_drops(json_t *answer, const json_t *former, double seconds);
void print_refusals(json_t *answer, const json_t *former, double seconds);
void print_drained(json_t *answer, const json_t *former, double seconds);
void print_binding(json_t *answer, const json_t *former, double seconds);
void print_reloaded(json_t *answer, const json_t *former, double seconds);
void print_rates(json_t *answer, const json_t *former, double seconds);
