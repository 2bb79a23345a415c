#include "peer.h"

#include <cerrno>
#include <poll.h>
#include <sys/socket.h>

bool is_hung_up(int fd) {
    pollfd end = {fd, 0, 0};
    return poll(&end, 1, 0) > 0; // poll() reports POLLHUP without being asked for it
}

int peer_of(int fd, Peer *peer) {
    ucred credentials;
    socklen_t length = sizeof credentials;
    if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &credentials, &length) < 0) return -errno;
    peer->pid = credentials.pid;
    peer->uid = credentials.uid;
    peer->groups.assign(1, credentials.gid);

    std::vector<gid_t> supplementary(64);
    length = static_cast<socklen_t>(supplementary.size() * sizeof(gid_t));
    int result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, supplementary.data(), &length);
    if (result < 0 && errno == ERANGE) { // the kernel has set the length that it needs
        supplementary.resize(length / sizeof(gid_t));
        result = getsockopt(fd, SOL_SOCKET, SO_PEERGROUPS, supplementary.data(), &length);
    }
    if (result < 0) return -errno;
    supplementary.resize(length / sizeof(gid_t));
    peer->groups.insert(peer->groups.end(), supplementary.begin(), supplementary.end());
    return 0;
}
