// The floor of a start: the system calls that make a container, run it, and take it away, one after another, and
// nothing else. No daemon, no program to interpret, no output to keep, no record, nothing made ahead.
//
// floor-start GROUPS ROOT STAGE PROGRAM [OPTION...]
//   GROUPS   a directory of the cgroup2 file system to make groups in
//   ROOT     a directory with /proc, /sys, /dev, as the container's root
//   STAGE    an empty directory
//   PROGRAM  a path in ROOT
//   devices        a device filter (BPF) on the group
//   seccomp=FILE   the compiled filter to set
//   userns         a user namespace, and ROOT mapped to its ids
//   overlay        ROOT as the lower layer of an overlay on a tmpfs
//   record=FILE    a line for each container, synced, as a bill needs
//   host-network   no network namespace
// Orders come on standard input: "COUNT THREADS".
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/capability.h>
#include <linux/filter.h>
#include <linux/keyctl.h>
#include <linux/sched.h>
#include <linux/seccomp.h>
#include <net/if.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

#include "floor.h"

#define HOST_ID 300000 // where the ids of the user namespace begin

static struct {
    const char *groups, *root, *stage, *program, *record;
    bool devices, userns, overlay, host_network;
    struct sock_fprog seccomp;
    int record_fd;
} what;

static void bind_over(const char *source, const char *target, unsigned long flags) {
    must(mount(source, target, NULL, MS_BIND | MS_REC, NULL), target);
    must(mount(NULL, target, NULL, MS_REMOUNT | MS_BIND | flags, NULL), target);
}

static bool is_directory(const char *path) {
    struct stat status;
    return stat(path, &status) == 0 && S_ISDIR(status.st_mode);
}

static void mask(const char *path) {
    if (access(path, F_OK) < 0) return;
    if (is_directory(path))
        must(mount("mask", path, "tmpfs", MS_RDONLY, "size=0,nr_inodes=1"), path);
    else
        bind_over("/dev/null", path, MS_RDONLY | MS_NOEXEC);
}

static void idmapped_bind(const char *source, const char *target, int userns) {
    int tree = (int)must(open_tree(AT_FDCWD, source, OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_RECURSIVE), source);
    struct mount_attr change = {.attr_set = MOUNT_ATTR_NODEV | (userns < 0 ? 0 : MOUNT_ATTR_IDMAP),
                                .userns_fd = userns < 0 ? 0 : (uint64_t)userns};
    must(mount_setattr(tree, "", AT_EMPTY_PATH | AT_RECURSIVE, &change, sizeof change), "mount_setattr");
    must(move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH), target);
    close(tree);
}

static void build_root(char *root, size_t bytes, int userns) {
    must(mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL), "private");
    snprintf(root, bytes, "%s", what.stage);
    if (!what.overlay) return idmapped_bind(what.root, what.stage, userns);
    must(mount("tmpfs", what.stage, "tmpfs", 0, "mode=0755"), "tmpfs");
    must(chdir(what.stage), what.stage);
    uid_t owner = userns < 0 ? 0 : HOST_ID;
    static const char *const names[] = {"lower", "upper", "work", "root"};
    for (int i = 0; i < 4; i++) {
        must(mkdir(names[i], 0755), names[i]);
        if (i > 0) must(chown(names[i], owner, owner), names[i]);
    }
    idmapped_bind(what.root, "lower", userns);
    must(mount("overlay", "root", "overlay", MS_NODEV, "lowerdir=lower,upperdir=upper,workdir=work"), "overlay");
    snprintf(root, bytes, "%s/root", what.stage);
}

static void fill_root(void) {
    unsigned long strict = MS_NOSUID | MS_NODEV | MS_NOEXEC;
    must(mount("proc", "proc", "proc", strict, NULL), "proc");
    must(mount("sysfs", "sys", "sysfs", strict | MS_RDONLY, NULL), "sysfs");
    must(mount("cgroup2", "sys/fs/cgroup", "cgroup2", strict | MS_RDONLY, NULL), "cgroup2");
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_NOEXEC, "mode=0755,size=65536"), "dev");
    static const struct {
        const char *path;
        unsigned major, minor;
    } nodes[] = {{"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
                 {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0}};
    umask(0);
    for (size_t i = 0; i < sizeof nodes / sizeof *nodes; i++)
        must(mknod(nodes[i].path, S_IFCHR | 0666, makedev(nodes[i].major, nodes[i].minor)), nodes[i].path);
    static const char *const links[][2] = {{"/proc/self/fd", "dev/fd"},
                                           {"/proc/self/fd/0", "dev/stdin"},
                                           {"/proc/self/fd/1", "dev/stdout"},
                                           {"/proc/self/fd/2", "dev/stderr"},
                                           {"pts/ptmx", "dev/ptmx"}};
    for (size_t i = 0; i < sizeof links / sizeof *links; i++) must(symlink(links[i][0], links[i][1]), links[i][1]);
    static const char *const places[] = {"dev/pts", "dev/shm", "dev/mqueue"};
    for (int i = 0; i < 3; i++) must(mkdir(places[i], 0755), places[i]);
    must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620"), "devpts");
    must(mount("tmpfs", "dev/shm", "tmpfs", strict, "mode=1777,size=67108864"), "shm");
    must(mount("mqueue", "dev/mqueue", "mqueue", strict, NULL), "mqueue");
    static const char *const masked[] = {"proc/acpi",
                                         "proc/asound",
                                         "proc/config.gz",
                                         "proc/interrupts",
                                         "proc/kcore",
                                         "proc/key-users",
                                         "proc/keys",
                                         "proc/latency_stats",
                                         "proc/sched_debug",
                                         "proc/scsi",
                                         "proc/timer_list",
                                         "proc/timer_stats",
                                         "sys/devices/virtual/powercap",
                                         "sys/firmware",
                                         "sys/kernel/vmcoreinfo"};
    for (size_t i = 0; i < sizeof masked / sizeof *masked; i++) mask(masked[i]);
    static const char *const readonly[] = {"proc/bus",      "proc/fs",  "proc/irq",
                                           "proc/pressure", "proc/sys", "proc/sysrq-trigger"};
    for (size_t i = 0; i < sizeof readonly / sizeof *readonly; i++)
        if (access(readonly[i], F_OK) == 0) bind_over(readonly[i], readonly[i], MS_RDONLY | strict);
}

static void write_file(const char *path, const char *text) {
    int fd = (int)must(open(path, O_WRONLY | O_CLOEXEC), path);
    must(write(fd, text, strlen(text)), path);
    close(fd);
}

static void loopback_up(void) {
    struct ifreq request = {.ifr_name = "lo"};
    int fd = (int)must(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), "socket");
    must(ioctl(fd, SIOCGIFFLAGS, &request), "lo");
    request.ifr_flags |= IFF_UP;
    must(ioctl(fd, SIOCSIFFLAGS, &request), "lo up");
    close(fd);
}

static void drop_privileges(int userns) {
    must(setsid(), "setsid");
    syscall(SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, NULL);
    if (userns >= 0) {
        must(setns(userns, CLONE_NEWUSER), "setns");
        must(setresgid(0, 0, 0), "setresgid");
        must(setresuid(0, 0, 0), "setresuid");
    }
    uint64_t keep = 0xa80425fb; // the usual fourteen
    for (unsigned long cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
        if ((keep >> cap & 1) == 0) must(prctl(PR_CAPBSET_DROP, cap, 0, 0, 0), "capbset");
    struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
    struct __user_cap_data_struct data[2] = {{(uint32_t)keep, (uint32_t)keep, 0}, {0, 0, 0}};
    must(syscall(SYS_capset, &header, data), "capset");
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), "no_new_privs");
    if (what.seccomp.len > 0) must(syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, 0, &what.seccomp), "seccomp");
}

__attribute__((noreturn)) static void become_container(int userns) {
    char root[4096];
    must(unshare(CLONE_NEWCGROUP), "cgroup namespace");
    must(sethostname("floor", 5), "hostname");
    if (!what.host_network) {
        if (userns >= 0) {
            write_file("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0");
            write_file("/proc/sys/net/ipv4/ping_group_range", "0 2147483647");
        }
        loopback_up();
    }
    build_root(root, sizeof root, userns);
    must(chdir(root), root);
    fill_root();
    must(syscall(SYS_pivot_root, ".", "."), "pivot_root");
    must(umount2(".", MNT_DETACH), "detach");
    must(chdir("/"), "/");
    drop_privileges(userns);
    must(syscall(SYS_close_range, 3, ~0u, CLOSE_RANGE_CLOEXEC), "close_range");
    char *const args[] = {(char *)what.program, NULL}, *const env[] = {NULL};
    execve(what.program, args, env);
    die(what.program);
}

static long clone_into(uint64_t flags, int cgroup, int *pidfd) {
    struct clone_args args = {
        .flags = flags | CLONE_PIDFD,
        .pidfd = (uint64_t)(uintptr_t)pidfd,
        .exit_signal = SIGCHLD,
        .cgroup = (uint64_t)cgroup,
    };
    return must(syscall(SYS_clone3, &args, sizeof args), "clone3");
}

static void reap(int pidfd) {
    siginfo_t info;
    must(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), "waitid");
    if (info.si_status != 0) exit(1);
    close(pidfd);
}

// Makes a user namespace by a process that only holds it.
static int make_userns(void) {
    int pidfd;
    char path[64], map[64];
    long pid = clone_into(CLONE_NEWUSER, 0, &pidfd);
    if (pid == 0) {
        for (;;) pause();
    }
    snprintf(map, sizeof map, "0 %d 65536\n", HOST_ID);
    snprintf(path, sizeof path, "/proc/%ld/uid_map", pid);
    write_file(path, map);
    snprintf(path, sizeof path, "/proc/%ld/gid_map", pid);
    write_file(path, map);
    snprintf(path, sizeof path, "/proc/%ld/ns/user", pid);
    int userns = (int)must(open(path, O_RDONLY | O_CLOEXEC), path);
    must(syscall(SYS_pidfd_send_signal, pidfd, SIGKILL, NULL, 0), "kill");
    siginfo_t info;
    must(waitid(P_PIDFD, (id_t)pidfd, &info, WEXITED), "waitid");
    close(pidfd);
    return userns;
}

// Lets a group use the usual devices: compares each as niwa's filter does.
static void filter_devices(int cgroup) {
    struct bpf_insn program[128];
    unsigned n = 0;
    static const int rules[][2] = {{1, 3}, {1, 5}, {1, 7}, {1, 8}, {1, 9}, {5, 0}, {5, 2}, {136, -1}};
    program[n++] = (struct bpf_insn){BPF_LDX | BPF_MEM | BPF_W, BPF_REG_2, BPF_REG_1, 0, 0};
    program[n++] = (struct bpf_insn){BPF_ALU64 | BPF_AND | BPF_K, BPF_REG_2, 0, 0, 0xffff};
    program[n++] = (struct bpf_insn){BPF_LDX | BPF_MEM | BPF_W, BPF_REG_4, BPF_REG_1, 4, 0};
    program[n++] = (struct bpf_insn){BPF_LDX | BPF_MEM | BPF_W, BPF_REG_5, BPF_REG_1, 8, 0};
    for (size_t i = 0; i < sizeof rules / sizeof *rules; i++) {
        program[n++] = (struct bpf_insn){BPF_JMP | BPF_JNE | BPF_K, BPF_REG_2, 0, 4, BPF_DEVCG_DEV_CHAR};
        program[n++] = (struct bpf_insn){BPF_JMP | BPF_JNE | BPF_K, BPF_REG_4, 0, 3, rules[i][0]};
        program[n++] = rules[i][1] < 0 ? (struct bpf_insn){BPF_JMP | BPF_JA, 0, 0, 0, 0}
                                       : (struct bpf_insn){BPF_JMP | BPF_JNE | BPF_K, BPF_REG_5, 0, 2, rules[i][1]};
        program[n++] = (struct bpf_insn){BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 1};
        program[n++] = (struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
    }
    program[n++] = (struct bpf_insn){BPF_ALU64 | BPF_MOV | BPF_K, BPF_REG_0, 0, 0, 0};
    program[n++] = (struct bpf_insn){BPF_JMP | BPF_EXIT, 0, 0, 0, 0};
    union bpf_attr load = {.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
                           .insns = (uint64_t)(uintptr_t)program,
                           .insn_cnt = n,
                           .license = (uint64_t)(uintptr_t) "MIT"};
    int fd = (int)must(syscall(SYS_bpf, BPF_PROG_LOAD, &load, sizeof load), "bpf load");
    union bpf_attr attach = {.target_fd = (uint32_t)cgroup,
                             .attach_bpf_fd = (uint32_t)fd,
                             .attach_type = BPF_CGROUP_DEVICE,
                             .attach_flags = BPF_F_ALLOW_MULTI};
    must(syscall(SYS_bpf, BPF_PROG_ATTACH, &attach, sizeof attach), "bpf attach");
    close(fd);
}

static void record(const char *name) {
    char line[900]; // as long as a usage record
    int length = snprintf(line, sizeof line, "%-898.898s\n", name);
    must(write(what.record_fd, line, (size_t)length), "record");
    must(fdatasync(what.record_fd), "fdatasync");
}

static void start_one(void *state) {
    (void)state;
    static atomic_ulong number;
    char group[4096];
    snprintf(group, sizeof group, "%s/floor-%d-%lu", what.groups, getpid(), atomic_fetch_add(&number, 1));
    must(mkdir(group, 0755), group);
    int cgroup = (int)must(open(group, O_RDONLY | O_DIRECTORY | O_CLOEXEC), group);
    if (what.devices) filter_devices(cgroup);
    int userns = what.userns ? make_userns() : -1;
    int pidfd;
    uint64_t namespaces = CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWUTS;
    if (!what.host_network) namespaces |= CLONE_NEWNET;
    if (clone_into(namespaces | CLONE_INTO_CGROUP, cgroup, &pidfd) == 0) become_container(userns);
    if (userns >= 0) close(userns);
    reap(pidfd);
    close(cgroup);
    if (what.record != NULL) record(group);
    must(rmdir(group), group);
}

static void read_filter(const char *path) {
    static struct sock_filter filter[4096];
    int fd = (int)must(open(path, O_RDONLY | O_CLOEXEC), path);
    ssize_t bytes = must(read(fd, filter, sizeof filter), path);
    what.seccomp = (struct sock_fprog){(unsigned short)((size_t)bytes / sizeof *filter), filter};
    close(fd);
}

static void read_option(const char *option) {
    if (strcmp(option, "devices") == 0) what.devices = true;
    if (strcmp(option, "userns") == 0) what.userns = true;
    if (strcmp(option, "overlay") == 0) what.overlay = true;
    if (strcmp(option, "host-network") == 0) what.host_network = true;
    if (strncmp(option, "seccomp=", 8) == 0) read_filter(option + 8);
    if (strncmp(option, "record=", 7) == 0) {
        what.record = option + 7;
        what.record_fd = (int)must(open(what.record, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600), what.record);
    }
}

int main(int argc, char **argv) {
    if (argc < 5) return 2;
    what.groups = argv[1];
    what.root = argv[2];
    what.stage = argv[3];
    what.program = argv[4];
    for (int i = 5; i < argc; i++) read_option(argv[i]);
    serve_orders(NULL, start_one, free);
}
