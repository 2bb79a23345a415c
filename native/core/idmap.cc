#include "idmap.h"

#include <fcntl.h>
#include <sys/mount.h>

#include "clone.h"
#include "fd.h"

bool can_idmap(const std::string &path) {
    static const Fd any_namespace(make_user_namespace("0 65536 1\n", "0 65536 1\n", 0));
    Fd copy(open_tree(AT_FDCWD, path.c_str(), OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC));
    if (!any_namespace.valid() || !copy.valid()) return true;
    struct mount_attr change = {};
    change.attr_set = MOUNT_ATTR_IDMAP;
    change.userns_fd = static_cast<uint64_t>(any_namespace.get());
    return mount_setattr(copy.get(), "", AT_EMPTY_PATH, &change, sizeof change) == 0;
}
