/* SPDX-License-Identifier: BSD-3-Clause */
/* options.h: the configuration in the dataplane's words. Served by options.c. Pure. */
#pragma once

#include "config/config.h"
#include "dataplane/dataplane.h"

/* Fills all but the DPDK names of devices (nics[].device, kernel_device,
 * ends[].device), which EAL chooses. */
void options_from_config(const struct config *config, struct dataplane_options *out);
/* Fills how flows are followed, which may change at run time. */
void options_rules(const struct config *config, struct track_rules *out);
