/* SPDX-License-Identifier: BSD-3-Clause */
/* grace.h: the quiescent states of the bench's readers, for all tables that reclaim by them. Served
 * by grace.c. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct rte_rcu_qsbr;

/* Readers are numbered 0..GRACE_READERS_MAX-1. Number 0 is the main thread. */
#define GRACE_READERS_MAX 8u

/* After EAL's start; ends the process when there is no memory. */
void grace_create(void);
struct rte_rcu_qsbr *grace_variable(void);

/* A reader joins before its first lookup, reports after each burst, leaves after its last. */
void grace_join(unsigned reader);
void grace_report(unsigned reader);
void grace_leave(unsigned reader);

/* A grace period: when it is over, every reader has reported since its start. Never waits. */
uint64_t grace_start(void);
bool grace_over(uint64_t token);
