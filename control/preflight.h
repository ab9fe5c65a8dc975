/* SPDX-License-Identifier: BSD-3-Clause */
/* preflight.h: what the checks of the machine share. Served by preflight.c (processor and memory),
 * preflight_nics.c (devices), preflight_host.c (reading and speaking). */
#pragma once

#include "control/eal_host.h"

struct preflight {
	const struct eal_host *host;
	const struct config *config;
	FILE *errors;
	unsigned missing;
};

/* One line: something is missing and berthd does not start. */
__attribute__((format(printf, 2, 3))) void
preflight_missing(struct preflight *p, const char *format, ...);
/* One line: something works badly. */
__attribute__((format(printf, 2, 3))) void
preflight_note(struct preflight *p, const char *format, ...);

/* Writes a path of the machine into `path`, PATH_MAX bytes, and returns it. */
__attribute__((format(printf, 3, 4))) const char *
preflight_path(const struct preflight *p, char *path, const char *format, ...);
/* Finds the line of a file that begins with `key` and copies what follows. */
bool preflight_line(const struct preflight *p, const char *path, const char *key, char *out,
		    size_t out_bytes);
/* The number behind `key`, or `otherwise` when there is none ("unlimited" is none). */
uint64_t preflight_number(const struct preflight *p, const char *path, const char *key, int base,
			  uint64_t otherwise);
/* This machine's eal_host.interface_read. */
int preflight_interface(const char *name, struct eal_interface *out);

void preflight_nic(struct preflight *p, const struct config_nic *nic);
/* The kernel port's tap, where the configuration has one. */
void preflight_kernel_port(struct preflight *p);
void preflight_end(struct preflight *p, const struct config_end *end);
