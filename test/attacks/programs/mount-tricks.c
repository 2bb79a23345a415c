// Changes its own file tree: new mounts, what was masked or read-only, another root.
#include <sys/mount.h>
#include <sys/stat.h>

#include "report.h"

int main(void) {
    tried("mkdir", mkdir("/tmp/m", 0700));
    tried("mount tmpfs", mount("x", "/tmp/m", "tmpfs", 0, NULL));
    tried("mount proc", mount("x", "/tmp/m", "proc", 0, NULL));
    tried("bind", mount("/proc", "/tmp/m", NULL, MS_BIND | MS_REC, NULL));
    tried("remount /sys writable", mount(NULL, "/sys", NULL, MS_REMOUNT | MS_BIND, NULL));
    tried("unmount a mask", umount2("/proc/keys", MNT_DETACH));
    tried("unmount /proc/sys", umount2("/proc/sys", MNT_DETACH));
    tried("make private", mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL));
    tried("fsopen", syscall(SYS_fsopen, "tmpfs", 0));
    tried("open_tree", syscall(SYS_open_tree, AT_FDCWD, "/proc", OPEN_TREE_CLONE));
    struct mount_attr writable = {.attr_clr = MOUNT_ATTR_RDONLY};
    tried("mount_setattr", syscall(SYS_mount_setattr, AT_FDCWD, "/sys", 0, &writable, sizeof writable));
    tried("pivot_root", chdir("/tmp/m") == 0 ? syscall(SYS_pivot_root, ".", ".") : -1);
    return 0;
}
