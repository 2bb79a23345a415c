#include "peer.h"

#include <cerrno>
#include <cstdint>
#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/xattr.h>

bool is_hung_up(int fd) {
    pollfd end = {fd, 0, 0};
    return poll(&end, 1, 0) > 0; // POLLHUP is always told
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

int admit_group(const std::string &path, gid_t gid) {
    const uint16_t may_connect = ACL_READ | ACL_WRITE;
    const auto entry = [](uint16_t tag, uint16_t permissions, uint32_t id) {
        return posix_acl_xattr_entry{htole16(tag), htole16(permissions), htole32(id)};
    };
    const auto nobody = static_cast<uint32_t>(ACL_UNDEFINED_ID);
    struct {
        posix_acl_xattr_header header;
        posix_acl_xattr_entry entries[5]; // in this order, see acl(5)
    } acl = {
        {htole32(POSIX_ACL_XATTR_VERSION)},
        {
            entry(ACL_USER_OBJ, may_connect, nobody),
            entry(ACL_GROUP_OBJ, may_connect, nobody),
            entry(ACL_GROUP, may_connect, gid),
            entry(ACL_MASK, may_connect, nobody),
            entry(ACL_OTHER, 0, nobody),
        },
    };
    return setxattr(path.c_str(), "system.posix_acl_access", &acl, sizeof acl, 0) < 0 ? -errno : 0;
}
