/* SPDX-License-Identifier: BSD-3-Clause */
/* credentials.h: who is at the other end of a unix socket. Served by credentials.c. */
#pragma once

#include <stdbool.h>
#include <sys/types.h>

struct credentials {
	pid_t pid;
	uid_t uid;
	gid_t gid;
	unsigned groups_count; /* supplementary ones */
	gid_t *groups;         /* owned; NULL when there are none */
};

/* Asks the kernel about the peer of the connected unix socket `fd`. 0, -ENOMEM or what getsockopt()
 * says. */
int credentials_of_peer(int fd, struct credentials *out);
void credentials_release(struct credentials *c);

bool credentials_in_group(const struct credentials *c, gid_t gid);
