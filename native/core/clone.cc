#include "clone.h"

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "fd.h"
#include "pidfd.h"

namespace {

constexpr int kControlFd = 3;
constexpr int kContainerFd = 4;
constexpr int kImageFd = 5;
constexpr int kFirstMountUsernsFd = kFirstLowDescriptor - static_cast<int>(kMaxMountMaps);

// The copies of the descriptors of a request, in a row of low numbers. None is a number that the helper gets.
struct Lowered {
    int program, control, container, image, netns;
    int stdio[3];
    int mount_userns[kMaxMountMaps];
};

struct Child {
    Lowered fds;
    size_t mount_userns_count;
    unsigned end; // the number after the last one that the child needs
    int error;    // the child writes it, we read it after the child has ended: the memory is shared
};

Lowered lower(LowDescriptors::Lease &lease, const CloneRequest &request) {
    Lowered fds;
    fds.program = lease.put(request.helper->program.get());
    fds.control = lease.put(request.control);
    fds.container = lease.put(request.container);
    fds.image = lease.put(request.image);
    fds.netns = lease.put(request.netns);
    for (size_t i = 0; i < 3; i++) fds.stdio[i] = lease.put(request.stdio[i]);
    for (size_t i = 0; i < request.mount_userns_count; i++) fds.mount_userns[i] = lease.put(request.mount_userns[i]);
    return fds;
}

// Runs in the child, which has its own stack and shares our memory and, until its first call, our table of descriptors.
// It may make system calls, but must not allocate or lock. Where the first call fails, it must not touch a descriptor.
[[noreturn]] void become_helper(void *argument) {
    auto *child = static_cast<Child *>(argument);
    const Lowered &fds = child->fds;
    bool ok = syscall(SYS_close_range, child->end, ~0u, CLOSE_RANGE_UNSHARE) == 0;
    ok = ok && (fds.netns < 0 || setns(fds.netns, CLONE_NEWNET) == 0);
    for (int i = 0; ok && i < 3; i++) ok = dup2(fds.stdio[i], i) >= 0;
    ok = ok && dup2(fds.control, kControlFd) >= 0;
    ok = ok && syscall(SYS_close_range, kControlFd + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
    if (ok && fds.container >= 0) ok = dup2(fds.container, kContainerFd) >= 0; // a copy stays open over the exec
    if (ok && fds.image >= 0) ok = dup2(fds.image, kImageFd) >= 0;
    for (size_t i = 0; ok && i < child->mount_userns_count; i++)
        ok = dup2(fds.mount_userns[i], kFirstMountUsernsFd + static_cast<int>(i)) >= 0;
    if (ok) {
        char name[] = "niwa-boot";
        char *const args[] = {name, nullptr};
        char *const env[] = {nullptr};
        syscall(SYS_execveat, fds.program, "", args, env, AT_EMPTY_PATH);
    }
    child->error = errno;
    _exit(127);
}

// Waits to be killed: the process only holds a user namespace until we have opened it. The process has copies of all
// our descriptors and ends with us: with the connection to the keeper open, it would seem to the keeper that niwad
// still lives.
[[noreturn]] void wait_for_end(void *parent) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    while (getppid() == *static_cast<pid_t *>(parent)) pause();
    _exit(0);
}

// The raw call: the child continues on the stack of `args` in `function`. It has to be assembly: a child that
// returned from syscall() of libc would overwrite the return address that we still need.
long clone3_on_stack(struct clone_args *args, void (*run)(void *), void *data) {
#if defined(__x86_64__)
    long result;
    register void *argument asm("r12") = data;
    register void (*function)(void *) asm("r13") = run;
    asm volatile("syscall\n\t"
                 "testq %%rax, %%rax\n\t"
                 "jnz 1f\n\t"
                 "xorl %%ebp, %%ebp\n\t"
                 "movq %%r12, %%rdi\n\t"
                 "callq *%%r13\n\t"
                 "ud2\n"
                 "1:"
                 : "=a"(result)
                 : "a"(SYS_clone3), "D"(args), "S"(sizeof *args), "r"(argument), "r"(function)
                 : "rcx", "r11", "memory", "cc");
    return result;
#elif defined(__aarch64__)
    register long x0 asm("x0") = reinterpret_cast<long>(args);
    register long x1 asm("x1") = sizeof *args;
    register long x8 asm("x8") = SYS_clone3;
    register void *argument asm("x19") = data;
    register void (*function)(void *) asm("x20") = run;
    asm volatile("svc 0\n\t"
                 "cbnz x0, 1f\n\t"
                 "mov x29, xzr\n\t"
                 "mov x0, x19\n\t"
                 "blr x20\n\t"
                 "brk 1\n"
                 "1:"
                 : "+r"(x0)
                 : "r"(x1), "r"(x8), "r"(argument), "r"(function)
                 : "x30", "memory", "cc");
    return x0;
#else
#error "niwa runs on x86-64 and arm64"
#endif
}

// Clones with all signals blocked: no signal handler may run in the child, in our memory.
long clone_with_signals_blocked(struct clone_args *args, void (*run)(void *), void *data) {
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    long pid = clone3_on_stack(args, run, data);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return pid;
}

// Makes another user the effective one of this thread alone: libc's seteuid() would change all threads. The kernel
// counts inotify instances, pending signals, message queues and the like of a user namespace also on the user that made
// it (ucounts, see namespaces(7)): if that were root, one container could use up what root itself needs.
// The change makes the whole process undumpable (PR_SET_DUMPABLE in prctl(2)), and it stays so. This is needed: that
// user has all capabilities in the namespace (user_namespaces(7)), and could otherwise trace the process in it, which
// shares our memory.
class EffectiveUser {
  public:
    EffectiveUser() = default;
    EffectiveUser(const EffectiveUser &) = delete;
    EffectiveUser &operator=(const EffectiveUser &) = delete;
    ~EffectiveUser() { restore(); }

    int become(uid_t user) {
        if (user == 0) return 0;
        if (syscall(SYS_setresuid, -1, user, -1) < 0) return -errno;
        changed_ = true;
        return raise_capabilities(); // the change cleared the effective set, but not the permitted one
    }

    // If the thread could not become root again, its later work would fail without a visible cause: niwad ends instead.
    void restore() {
        if (!changed_) return;
        if (syscall(SYS_setresuid, -1, 0, -1) < 0) abort();
        changed_ = false;
    }

  private:
    static int raise_capabilities() {
        struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
        struct __user_cap_data_struct data[2];
        if (syscall(SYS_capget, &header, data) < 0) return -errno;
        for (auto &word : data) word.effective = word.permitted;
        return syscall(SYS_capset, &header, data) < 0 ? -errno : 0;
    }

    bool changed_ = false;
};

int write_map(long pid, const char *name, const char *map) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%ld/%s", pid, name);
    Fd file(open(path, O_WRONLY | O_CLOEXEC));
    if (!file.valid() || write(file.get(), map, strlen(map)) < 0) return -errno;
    return 0;
}

int open_user_namespace(long pid) {
    char path[48];
    snprintf(path, sizeof path, "/proc/%ld/ns/user", pid);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    return fd < 0 ? -errno : fd;
}

} // namespace

pid_t clone_helper(const CloneRequest &request, int *pidfd) {
    LowDescriptors::Lease lease(request.helper->low);
    Child child = {lower(lease, request), request.mount_userns_count, lease.end(), 0};
    if (lease.error() < 0) return lease.error();
    alignas(16) char stack[16384];
    struct clone_args args = {};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_FILES | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND |
                 request.namespaces;
    args.pidfd = reinterpret_cast<uint64_t>(pidfd);
    args.exit_signal = SIGCHLD;
    args.stack = reinterpret_cast<uint64_t>(stack);
    args.stack_size = sizeof stack;
    args.cgroup = static_cast<uint64_t>(request.cgroup);
    if (request.netns >= 0) args.flags &= ~static_cast<uint64_t>(CLONE_NEWNET);
    long pid = clone_with_signals_blocked(&args, become_helper, &child);
    if (pid < 0 || child.error == 0) return static_cast<pid_t>(pid);
    close(*pidfd);
    *pidfd = -1;
    waitpid(static_cast<pid_t>(pid), nullptr, 0);
    return -child.error;
}

int make_user_namespace(const char *uid_map, const char *gid_map, uid_t owner) {
    alignas(16) char stack[4096];
    EffectiveUser maker;
    int error = maker.become(owner);
    if (error < 0) return error;
    int pidfd = -1;
    pid_t parent = getpid();
    struct clone_args args = {};
    args.flags = CLONE_VM | CLONE_PIDFD | CLONE_CLEAR_SIGHAND | CLONE_NEWUSER;
    args.pidfd = reinterpret_cast<uint64_t>(&pidfd);
    args.stack = reinterpret_cast<uint64_t>(stack);
    args.stack_size = sizeof stack;
    long pid = clone_with_signals_blocked(&args, wait_for_end, &parent);
    maker.restore();
    if (pid < 0) return static_cast<int>(pid);
    Fd process(pidfd);
    int result = write_map(pid, "uid_map", uid_map);
    if (result == 0) result = write_map(pid, "gid_map", gid_map);
    if (result == 0) result = open_user_namespace(pid);
    signal_process(process, SIGKILL);
    siginfo_t info;
    wait_for(process, &info, WEXITED | __WALL); // it has no exit signal
    return result;
}
