/* SPDX-License-Identifier: BSD-3-Clause */
/* capture.c: reads capture files through libpcap. */
#include "dataplane/replay/capture.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define NANOSECONDS 1000000000

int
capture_open(const char *path, struct capture *out, char why[PCAP_ERRBUF_SIZE])
{
	const bool standard_input = strcmp(path, "-") == 0;
	FILE *file = standard_input ? stdin : fopen(path, "rb");
	pcap_t *pcap;

	if (file == NULL) {
		snprintf(why, PCAP_ERRBUF_SIZE, "%s", strerror(errno));
		return -EINVAL;
	}
	pcap = pcap_fopen_offline_with_tstamp_precision(file, PCAP_TSTAMP_PRECISION_NANO, why);
	if (pcap == NULL) {
		if (!standard_input)
			fclose(file);
		return -EINVAL;
	}
	*out = (struct capture){
		.name = standard_input ? "standard input" : path,
		.pcap = pcap,
		.link_type = pcap_datalink(pcap),
	};
	return 0;
}

void
capture_close(struct capture *capture)
{
	pcap_close(capture->pcap);
}

/* A pcap file counts seconds without sign, but libpcap 1.10 reads them with one. A fraction of more
 * than a second is carried over. */
static void
time_read(const struct pcap_pkthdr *header, struct captured *out)
{
	int64_t seconds = header->ts.tv_sec, nanoseconds = header->ts.tv_usec;

	if (seconds < 0)
		seconds = (uint32_t)seconds;
	seconds += nanoseconds / NANOSECONDS;
	nanoseconds %= NANOSECONDS;
	if (nanoseconds < 0) {
		nanoseconds += NANOSECONDS;
		seconds--;
	}
	out->time = (struct moment){ seconds, (uint32_t)nanoseconds };
}

int
capture_next(struct capture *capture, struct captured *out)
{
	struct pcap_pkthdr *header;
	const uint8_t *bytes;
	const int result = pcap_next_ex(capture->pcap, &header, &bytes);

	if (result != 1)
		return result == PCAP_ERROR_BREAK ? 0 : -EIO;
	capture->packets++;
	*out = (struct captured){
		.bytes = bytes,
		.bytes_count = header->caplen,
		.wire_bytes = header->len > header->caplen ? header->len : header->caplen,
	};
	time_read(header, out);
	return 1;
}

int
capture_percent(const struct capture *capture)
{
	FILE *file = pcap_file(capture->pcap);
	struct stat status;
	const off_t at = ftello(file);

	if (at < 0 || fstat(fileno(file), &status) != 0 || !S_ISREG(status.st_mode) ||
	    status.st_size == 0)
		return -1;
	return (int)(at * 100 / status.st_size);
}
