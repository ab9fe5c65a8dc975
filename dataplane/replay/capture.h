/* SPDX-License-Identifier: BSD-3-Clause */
/* capture.h: the packets of one pcap or pcapng file, and the frame that the parser sees of each.
 * Served by capture.c (the file) and link_layer.c (the frame). */
#pragma once

#include <pcap/pcap.h>
#include <stdbool.h>
#include <stdint.h>

#include "common/base/wire.h"

/* What the parser looks at, as far as offsets of 16 bits reach. */
#define FRAME_BYTES_MAX 65535u

/* A moment of the captures' clock. */
struct moment {
	int64_t seconds;      /* since the epoch, not negative */
	uint32_t nanoseconds; /* below 10^9 */
};

/* One packet as the file has it. `bytes` is valid until the next capture_next(). */
struct captured {
	const uint8_t *bytes;
	uint32_t bytes_count; /* in the file */
	uint32_t wire_bytes;  /* on the wire: more where the capture cut the packet */
	struct moment time;
};

struct capture {
	const char *name; /* for messages */
	pcap_t *pcap;
	int link_type;    /* libpcap's DLT_ number */
	uint64_t packets; /* taken so far */
};

/* Opens the file at `path`, "-" for standard input. On success the caller owns *out until
 * capture_close(). -EINVAL: it cannot be opened or is no capture; why[] says so. */
int capture_open(const char *path, struct capture *out, char why[PCAP_ERRBUF_SIZE]);
void capture_close(struct capture *capture);

/* Takes the next packet. 1, or 0 at the file's end, or -EIO where the file is broken or cut off:
 * pcap_geterr(capture->pcap) says how. */
int capture_next(struct capture *capture, struct captured *out);

/* How much of the file was read, in percent; -1 where that cannot be known (a pipe). */
int capture_percent(const struct capture *capture);

/* Whether packets of this DLT_ number hold what the parser can read. */
bool link_type_is_parsed(int link_type);

/* Writes the Ethernet frame that carries what `packet` carries to `frame`: an Ethernet capture's
 * own bytes, else a header made for the EtherType that the capture's pseudo header or the IP
 * version names. Returns its bytes; 0 where the packet ends inside its pseudo header. */
uint32_t link_frame(int link_type, const struct captured *packet, uint8_t frame[FRAME_BYTES_MAX]);

/* Where `at`, behind the length field of an 802.3 frame of *bytes, stands a SNAP header of an
 * EtherType (RFC 1042): takes it out, so that the frame is as Ethernet II has it, and returns true.
 */
bool link_snap_remove(uint8_t *frame, uint32_t *bytes, uint32_t at);
