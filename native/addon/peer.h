// Who is at the other end of a Unix socket.
#pragma once
#include <sys/types.h>
#include <vector>

struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
    std::vector<gid_t> groups; // the primary group first, then the supplementary ones
};

// Whether the other end of a connected socket is closed, also where there is more to read.
bool is_hung_up(int fd);

// Reads SO_PEERCRED and SO_PEERGROUPS of a connected socket, see unix(7). Gives 0 or a negative errno.
int peer_of(int fd, Peer *peer);
