/* SPDX-License-Identifier: BSD-3-Clause */
/* endpoint.c: socket addresses, as the program and as berthd write them. */
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "client/run/sock.h"

static struct sockaddr_in
v4(const struct sockaddr_storage *a)
{
	struct sockaddr_in in;

	memcpy(&in, a, sizeof(in));
	return in;
}

static struct sockaddr_in6
v6(const struct sockaddr_storage *a)
{
	struct sockaddr_in6 in6;

	memcpy(&in6, a, sizeof(in6));
	return in6;
}

int
endpoint_read(int family, const struct sockaddr *address, socklen_t bytes,
	      struct sockaddr_storage *out)
{
	struct sockaddr_storage a = { 0 };
	struct sockaddr_in6 in6;

	if (bytes < sizeof(address->sa_family) || bytes > sizeof(a))
		return -EINVAL;
	memcpy(&a, address, bytes);
	if (a.ss_family == AF_INET && bytes >= sizeof(struct sockaddr_in)) {
		*out = a;
		return 0;
	}
	if (family != AF_INET6 || a.ss_family != AF_INET6)
		return a.ss_family == family ? -EINVAL : -EAFNOSUPPORT;
	/* Without the scope, as old programs give it (RFC 3493 3.3). */
	if (bytes < sizeof(in6) - sizeof(in6.sin6_scope_id))
		return -EINVAL;
	in6 = v6(&a);
	if (IN6_IS_ADDR_V4MAPPED(&in6.sin6_addr)) {
		struct sockaddr_in in = { .sin_family = AF_INET, .sin_port = in6.sin6_port };

		memcpy(&in.sin_addr, in6.sin6_addr.s6_addr + 12, sizeof(in.sin_addr));
		memset(&a, 0, sizeof(a));
		memcpy(&a, &in, sizeof(in));
	}
	*out = a;
	return 0;
}

void
endpoint_write(int family, const struct sockaddr_storage *from, struct sockaddr *to,
	       socklen_t *bytes)
{
	struct sockaddr_storage a = *from;
	socklen_t whole = sizeof(struct sockaddr_in);

	if (family == AF_INET6 && from->ss_family == AF_INET) {
		const struct sockaddr_in in = v4(from);
		struct sockaddr_in6 in6 = { .sin6_family = AF_INET6, .sin6_port = in.sin_port };

		memset(in6.sin6_addr.s6_addr + 10, 0xff, 2);
		memcpy(in6.sin6_addr.s6_addr + 12, &in.sin_addr, sizeof(in.sin_addr));
		memcpy(&a, &in6, sizeof(in6));
	}
	if (family == AF_INET6)
		whole = sizeof(struct sockaddr_in6);
	memcpy(to, &a, *bytes < whole ? *bytes : whole);
	*bytes = whole;
}

in_port_t
endpoint_port(const struct sockaddr_storage *a)
{
	return ntohs(a->ss_family == AF_INET ? v4(a).sin_port : v6(a).sin6_port);
}

void
endpoint_port_set(struct sockaddr_storage *a, in_port_t port)
{
	if (a->ss_family == AF_INET)
		((struct sockaddr_in *)(void *)a)->sin_port = htons(port);
	else
		((struct sockaddr_in6 *)(void *)a)->sin6_port = htons(port);
}

bool
endpoint_any(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 in6 = v6(a);

	return a->ss_family == AF_INET ? v4(a).sin_addr.s_addr == INADDR_ANY
				       : IN6_IS_ADDR_UNSPECIFIED(&in6.sin6_addr);
}

bool
endpoint_equal(const struct sockaddr_storage *a, const struct sockaddr_storage *b)
{
	const struct sockaddr_in6 a6 = v6(a), b6 = v6(b);

	if (a->ss_family != b->ss_family || endpoint_port(a) != endpoint_port(b))
		return false;
	return a->ss_family == AF_INET ? v4(a).sin_addr.s_addr == v4(b).sin_addr.s_addr
				       : IN6_ARE_ADDR_EQUAL(&a6.sin6_addr, &b6.sin6_addr);
}

bool
endpoint_kernels(const struct sockaddr_storage *a)
{
	const struct sockaddr_in6 in6 = v6(a);
	const uint32_t address = ntohl(v4(a).sin_addr.s_addr);

	if (a->ss_family == AF_INET)
		return address >> 24 == IN_LOOPBACKNET || address >= INADDR_UNSPEC_GROUP;
	return IN6_IS_ADDR_LOOPBACK(&in6.sin6_addr) || IN6_IS_ADDR_MULTICAST(&in6.sin6_addr);
}

uint16_t
endpoint_zone(void)
{
	const char *zone = getenv("BERTH_RUN_ZONE");

	return zone == NULL ? 0 : (uint16_t)strtoul(zone, NULL, 10);
}

void
endpoint_identity(const struct sockaddr_storage *a, bool both, char text[BERTH_IDENTITY_BYTES])
{
	const struct sockaddr_in6 in6 = v6(a);
	const struct sockaddr_in in = v4(a);
	char address[INET6_ADDRSTRLEN] = "*";
	const bool brackets = !both && a->ss_family == AF_INET6;

	if (!both)
		inet_ntop(a->ss_family,
			  brackets ? (const void *)&in6.sin6_addr : (const void *)&in.sin_addr,
			  address, sizeof(address));
	snprintf(text, BERTH_IDENTITY_BYTES, "udp/%s%s%s:%u@%u", brackets ? "[" : "", address,
		 brackets ? "]" : "", endpoint_port(a), endpoint_zone());
}
