// Leaves its cgroup and raises its limits, in the view it has and in one it mounts itself.
#include <sys/mount.h>
#include <sys/stat.h>

#include "report.h"

static void write_group(const char *directory, const char *file, const char *text) {
    char path[256];
    snprintf(path, sizeof path, "%s/%s", directory, file);
    int fd = open(path, O_WRONLY);
    tried(path, fd < 0 ? -1 : write(fd, text, strlen(text)));
}

int main(int argc, char **argv) {
    if (argc < 2) return 2; // where it sees cgroup2, and files of it that hold limits
    const char *seen = argv[1], *mine = "/tmp/mine";
    char inner[256];
    snprintf(inner, sizeof inner, "%s/inner", seen);
    tried("make a group", mkdir(inner, 0755));
    write_group(seen, "cgroup.procs", "0");
    write_group(seen, "cgroup.freeze", "0");
    for (int i = 2; i < argc; i++) write_group(seen, argv[i], "max");
    mkdir(mine, 0755);
    if (tried("mount cgroup2", mount("x", mine, "cgroup2", 0, NULL)) == 0) {
        write_group(mine, "cgroup.procs", "0");
        umount(mine);
    }
    rmdir(inner);
    return 0;
}
