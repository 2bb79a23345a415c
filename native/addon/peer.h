// Who is at the other end of a Unix socket.
#pragma once
#include <string>
#include <sys/types.h>
#include <vector>

struct Peer {
    pid_t pid = 0;
    uid_t uid = 0;
    std::vector<gid_t> groups; // the primary group first, then the supplementary ones
};

// Whether the other end of a connected socket is closed, be it that there is more to read.
bool is_hung_up(int fd);

// Reads SO_PEERCRED and SO_PEERGROUPS of a connected socket, see unix(7). Gives 0 or a negative errno.
int peer_of(int fd, Peer *peer);

// Lets owner, owning group and one more group read and write a file, and nobody else (acl(5)). Gives 0 or a negative
// errno, -EOPNOTSUPP where the file system has no such lists.
int admit_group(const std::string &path, gid_t gid);
