/* SPDX-License-Identifier: BSD-3-Clause */
/* load.h: the steps of loading a configuration, for load.c, assemble.c, check.c and tests. */
#pragma once

#include <sched.h>
#include <stdio.h>

#include "config/config.h"
#include "config/mistakes.h"
#include "config/table.h"
#include "config/yaml.h"

/* What a configuration is checked against; tests bring their own. */
struct config_host {
	cpu_set_t cores;                               /* that this process may use */
	const char *sys;                               /* where sysfs is mounted */
	unsigned (*interface_index)(const char *name); /* 0: no such interface */
};

/* One loading. A mistake does not end it: what is wrong keeps its default, and checks of one value
 * against another leave out values that nobody wrote. */
struct load {
	struct mistakes mistakes;
	const struct config_host *host;
	struct config config;
	void *places[TABLE_PLACES]; /* struct that each place means now */
	struct yaml_node *root;
	struct yaml_node *nic_nodes[NICS_MAX];      /* of config.nics[i] */
	struct yaml_node *end_nodes[PORT_ENDS_MAX]; /* of config.ends[i] */
	bool workers_broken;
};

/* As config_load(), on text in memory; `name` stands for the file in messages. */
int config_load_text(const char *name, const char *text, size_t bytes,
		     const struct config_host *host, struct config *out, FILE *errors);

/* Notes a mistake at the node's place. */
#define mistake_at(l, node, ...) \
	mistake_add(&(l)->mistakes, (node)->line, (node)->column, __VA_ARGS__)

/* assemble.c: each makes of the map's values what the table cannot store as it is, after the table
 * has accepted them. */
void assemble_config(struct load *l, struct yaml_node *map);
void assemble_nic(struct load *l, struct yaml_node *map, uint16_t nic);
void assemble_link(struct load *l, struct yaml_node *map, uint16_t link);
void assemble_tunnel(struct load *l, struct yaml_node *map, unsigned tunnel);
void assemble_end(struct load *l, struct yaml_node *map, struct config_end *end);
void assemble_grant(struct load *l, struct yaml_node *map, struct config_grant *grant);

/* check.c: contradictions between values that are right by themselves. */
void check_config(struct load *l);

/* load.c: whether the node is one value as the key allows it; notes nothing. */
bool value_accepted(const struct table_key *key, const struct yaml_node *node);
