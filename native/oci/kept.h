// The descriptors of this program that the workload gets beside the standard streams: those of --preserve-fds, and the
// sockets of LISTEN_FDS, see sd_listen_fds(3). They are 3 and the following ones, first the sockets.
#pragma once
#include <stdbool.h>
#include <stddef.h>

#include "options.h"
#include "wire.h"

struct kept {
    size_t all;     // how many descriptors
    size_t sockets; // how many of them are sockets of LISTEN_FDS
};

// Finds those of them that are open; those of LISTEN_FDS only with `sockets`. To be called once, and before this
// program opens descriptors that its children inherit; it opens none.
struct kept kept_of(const struct command *command, bool sockets);

// Adds the supplementary groups of this program to a request: a container may keep them.
void request_groups(struct buffer *request);

// In a new process: puts them where niwa-boot finds them, and keeps them open over the exec. Gives 0 or a negative
// errno.
int place_kept(size_t count);
