#include "idmap.h"

#include <cerrno>
#include <fcntl.h>
#include <sys/mount.h>

#include "clone.h"

CanIdmap can_idmap(const Fd &file) {
    static Fd any_namespace;
    Fd copy(open_tree(file.get(), "", AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!copy.valid()) return CanIdmap::unknown;
    if (!any_namespace.valid()) any_namespace.reset(make_user_namespace("0 65536 1\n", "0 65536 1\n", 0));
    if (!any_namespace.valid()) return CanIdmap::unknown;
    struct mount_attr change = {};
    change.attr_set = MOUNT_ATTR_IDMAP;
    change.userns_fd = static_cast<uint64_t>(any_namespace.get());
    if (mount_setattr(copy.get(), "", AT_EMPTY_PATH, &change, sizeof change) == 0) return CanIdmap::yes;
    // EINVAL: the file system has no maps. EPERM: the mount has one already.
    return errno == EINVAL || errno == EPERM ? CanIdmap::no : CanIdmap::unknown;
}
