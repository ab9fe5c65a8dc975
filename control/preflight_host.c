/* SPDX-License-Identifier: BSD-3-Clause */
/* preflight_host.c: what the preflight reads of the machine, and how it speaks. */
#include <errno.h>
#include <limits.h>
#include <linux/ethtool.h>
#include <linux/sockios.h>
#include <net/if.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "control/preflight.h"

void
preflight_missing(struct preflight *p, const char *format, ...)
{
	va_list values;

	p->missing++;
	fputs("berthd: ", p->errors);
	va_start(values, format);
	vfprintf(p->errors, format, values);
	va_end(values);
	fputc('\n', p->errors);
}

void
preflight_note(struct preflight *p, const char *format, ...)
{
	va_list values;

	fputs("berthd: note: ", p->errors);
	va_start(values, format);
	vfprintf(p->errors, format, values);
	va_end(values);
	fputc('\n', p->errors);
}

const char *
preflight_path(const struct preflight *p, char *path, const char *format, ...)
{
	const int root = snprintf(path, PATH_MAX, "%s", p->host->root);
	va_list values;

	if (root < 0 || root >= PATH_MAX)
		return "";
	va_start(values, format);
	vsnprintf(path + root, (size_t)(PATH_MAX - root), format, values);
	va_end(values);
	return path;
}

bool
preflight_line(const struct preflight *p, const char *path, const char *key, char *out,
	       size_t out_bytes)
{
	char full[PATH_MAX], line[4096];
	FILE *f = fopen(preflight_path(p, full, "%s", path), "re");
	bool found = false;

	if (f == NULL)
		return false;
	while (!found && fgets(line, sizeof(line), f) != NULL) {
		found = strncmp(line, key, strlen(key)) == 0;
		if (found)
			snprintf(out, out_bytes, "%s", line + strlen(key));
	}
	fclose(f);
	return found;
}

uint64_t
preflight_number(const struct preflight *p, const char *path, const char *key, int base,
		 uint64_t otherwise)
{
	char text[256], *end;
	uint64_t number;

	if (!preflight_line(p, path, key, text, sizeof(text)))
		return otherwise;
	number = strtoull(text, &end, base);
	return end != text ? number : otherwise;
}

/* Whether a feature of the old ethtool interface is on; drivers without it have it off. */
static bool
feature_on(int fd, struct ifreq *request, uint32_t command, uint32_t mask)
{
	struct ethtool_value value = { .cmd = command };

	request->ifr_data = (char *)&value;
	return ioctl(fd, SIOCETHTOOL, request) == 0 && (value.data & mask) != 0;
}

int
preflight_interface(const char *name, struct eal_interface *out)
{
	const int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = { 0 };
	int rc = 0;

	if (fd < 0)
		return -errno;
	snprintf(request.ifr_name, sizeof(request.ifr_name), "%s", name);
	if (ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
		rc = -errno;
	} else {
		const bool up = (request.ifr_flags & IFF_UP) != 0;

		if (ioctl(fd, SIOCGIFMTU, &request) < 0)
			rc = -errno;
		else
			*out = (struct eal_interface){ .up = up, .mtu = (uint32_t)request.ifr_mtu };
	}
	if (rc == 0)
		out->merges = feature_on(fd, &request, ETHTOOL_GGRO, UINT32_MAX) ||
			      feature_on(fd, &request, ETHTOOL_GFLAGS, ETH_FLAG_LRO);
	close(fd);
	return rc;
}
