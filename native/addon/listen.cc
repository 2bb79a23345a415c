#include "listen.h"

#include <cerrno>
#include <cstdint>
#include <cstring>
#include <endian.h>
#include <linux/posix_acl.h>
#include <linux/posix_acl_xattr.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/xattr.h>

#include "../core/fd.h"

int listen_at(const std::string &path, int backlog) {
    sockaddr_un address = {};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return -ENAMETOOLONG;
    memcpy(address.sun_path, path.c_str(), path.size());
    Fd fd(socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
    if (!fd.valid() || bind(fd.get(), reinterpret_cast<sockaddr *>(&address), sizeof address) < 0 ||
        listen(fd.get(), backlog) < 0)
        return -errno;
    return fd.release();
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
