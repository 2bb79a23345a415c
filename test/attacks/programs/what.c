// Says what each PATH really is: the null device, or the file system it is on and whether that is read-only.
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>

#include "report.h"

static const char *name_of(unsigned long type) {
    switch (type) {
    case PROC_SUPER_MAGIC:
        return "procfs";
    case SYSFS_MAGIC:
        return "sysfs";
    case CGROUP2_SUPER_MAGIC:
        return "cgroup2";
    case TMPFS_MAGIC:
        return "tmpfs";
    default:
        return "files";
    }
}

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) {
        struct stat status;
        struct statfs system;
        if (stat(argv[i], &status) < 0 || statfs(argv[i], &system) < 0)
            printf("%s: %s\n", argv[i], strerrorname_np(errno));
        else if (S_ISCHR(status.st_mode) && status.st_rdev == makedev(1, 3))
            printf("%s: null device\n", argv[i]);
        else
            printf("%s: %s%s\n", argv[i], system.f_flags & ST_RDONLY ? "read-only " : "",
                   name_of((unsigned long)system.f_type));
    }
    return 0;
}
