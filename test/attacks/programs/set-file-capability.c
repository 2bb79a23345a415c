// Gives a file the inheritable capability: NUMBER PATH. For the host.
#include <linux/capability.h>
#include <sys/xattr.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    struct vfs_cap_data data = {.magic_etc = VFS_CAP_REVISION_2 | VFS_CAP_FLAGS_EFFECTIVE};
    data.data[0].inheritable = 1u << atoi(argv[1]);
    tried("setxattr", setxattr(argv[2], "security.capability", &data, sizeof data, 0));
    return 0;
}
