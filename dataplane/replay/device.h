/* SPDX-License-Identifier: BSD-3-Clause */
/* device.h: what a nic with receive offloads would make of a frame, done in software. Served by
 * device.c. Shares no code with the parser that it is to be compared with. */
#pragma once

#include <stdint.h>

/* Takes the outermost VLAN tag out of the frame of *bytes, and verifies the checksums that common
 * nics verify: IPv4's header; TCP and UDP of whole datagrams without extension headers. Writes the
 * tag to *vlan_tci. Returns the enum parse_flag of what was done and found good. */
unsigned device_receive(uint8_t *frame, uint32_t *bytes, uint16_t *vlan_tci);
