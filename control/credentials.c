/* SPDX-License-Identifier: BSD-3-Clause */
/* credentials.c: asks the kernel who is at the other end of a unix socket. */
#include "control/credentials.h"

#include <errno.h>
#include <stdlib.h>
#include <sys/socket.h>

/* The list may be of any length: the kernel says which when the room is too small. */
static int
groups_of_peer(int fd, unsigned *count, gid_t **groups)
{
	socklen_t bytes = 0;
	gid_t *list;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, NULL, &bytes) == 0 || bytes == 0) {
		*count = 0;
		*groups = NULL;
		return 0;
	}
	if (errno != ERANGE)
		return -errno;
	list = malloc(bytes);
	if (list == NULL)
		return -ENOMEM;
	if (getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, list, &bytes) != 0) {
		const int error = -errno;

		free(list);
		return error;
	}
	*count = (unsigned)(bytes / sizeof(*list));
	*groups = list;
	return 0;
}

int
credentials_of_peer(int fd, struct credentials *out)
{
	struct ucred peer;
	socklen_t bytes = sizeof(peer);
	struct credentials c = { 0 };
	int rc;

	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &bytes) != 0)
		return -errno;
	rc = groups_of_peer(fd, &c.groups_count, &c.groups);
	if (rc != 0)
		return rc;
	c.pid = peer.pid;
	c.uid = peer.uid;
	c.gid = peer.gid;
	*out = c;
	return 0;
}

void
credentials_release(struct credentials *c)
{
	free(c->groups);
	c->groups = NULL;
	c->groups_count = 0;
}

bool
credentials_in_group(const struct credentials *c, gid_t gid)
{
	if (c->gid == gid)
		return true;
	for (unsigned i = 0; i < c->groups_count; i++)
		if (c->groups[i] == gid)
			return true;
	return false;
}
