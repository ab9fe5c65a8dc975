/* SPDX-License-Identifier: BSD-3-Clause */
/* option.c: socket options: the kernel keeps them on the shadow, a few mean something here. */
#include <errno.h>
#include <fcntl.h>
#include <netinet/udp.h>
#include <string.h>
#include <sys/time.h>

#include "client/run/real.h"
#include "client/run/sock.h"

int
sock_option_set(struct sock *s, int level, int name, const void *value, socklen_t bytes)
{
	const bool pktinfo = (level == IPPROTO_IP && name == IP_PKTINFO) ||
			     (level == IPPROTO_IPV6 && name == IPV6_RECVPKTINFO);
	int on;

	/* Segmentation and the like: programs do without where it is refused. */
	if (level == IPPROTO_UDP)
		return -ENOPROTOOPT;
	if (real()->setsockopt(s->shadow, level, name, value, bytes) != 0)
		return -errno;
	if (pktinfo && bytes >= sizeof(on)) {
		memcpy(&on, value, sizeof(on));
		s->pktinfo = on != 0;
	}
	return 0;
}

int
sock_option_get(struct sock *s, int level, int name, void *value, socklen_t *bytes)
{
	return real()->getsockopt(s->shadow, level, name, value, bytes) == 0 ? 0 : -errno;
}

bool
sock_nonblocking(const struct sock *s, int flags)
{
	return (flags & MSG_DONTWAIT) != 0 || (real()->fcntl(s->shadow, F_GETFL) & O_NONBLOCK) != 0;
}

int
sock_timeout_ms(const struct sock *s, int option)
{
	struct timeval t = { 0 };
	socklen_t bytes = sizeof(t);

	if (real()->getsockopt(s->shadow, SOL_SOCKET, option, &t, &bytes) != 0 ||
	    (t.tv_sec == 0 && t.tv_usec == 0))
		return -1;
	return (int)(t.tv_sec * 1000 + (t.tv_usec + 999) / 1000);
}
