#include "clone.h"

#include <cerrno>
#include <csignal>
#include <fcntl.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

namespace {

constexpr int kControlFd = 3;

struct Child {
    const CloneRequest *request;
    int error; // written by the child, read by us after it is gone: the memory is shared
};

// Runs in the child, on its own stack, in our memory: system calls only, no allocation, no locks.
[[noreturn]] void child_main(Child *child) {
    const CloneRequest &request = *child->request;
    // Sources are lifted out of the way first, so that no dup2 below overwrites one that is still needed.
    int control = fcntl(request.control, F_DUPFD_CLOEXEC, 10);
    int helper = fcntl(request.helper, F_DUPFD_CLOEXEC, 10);
    int stdio[3];
    bool ok = control >= 0 && helper >= 0;
    for (int i = 0; ok && i < 3; i++) ok = (stdio[i] = fcntl(request.stdio[i], F_DUPFD_CLOEXEC, 10)) >= 0;
    for (int i = 0; ok && i < 3; i++) ok = dup2(stdio[i], i) >= 0;
    ok = ok && dup2(control, kControlFd) >= 0;
    ok = ok && syscall(SYS_close_range, kControlFd + 1, ~0u, CLOSE_RANGE_CLOEXEC) == 0;
    if (ok) {
        char name[] = "niwa-boot";
        char *const args[] = {name, nullptr};
        char *const env[] = {nullptr};
        syscall(SYS_execveat, helper, "", args, env, AT_EMPTY_PATH);
    }
    child->error = errno;
    _exit(127);
}

// The raw call: the child continues on `stack` in `child_main`. It has to be assembly, since a child that returned from
// libc's syscall() would overwrite the return address that we still need.
long clone3_on_stack(struct clone_args *args, Child *child) {
#if defined(__x86_64__)
    long result;
    register Child *argument asm("r12") = child;
    register void (*function)(Child *) asm("r13") = child_main;
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
    register Child *argument asm("x19") = child;
    register void (*function)(Child *) asm("x20") = child_main;
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
#error "niwa knows x86-64 and arm64"
#endif
}

} // namespace

pid_t clone_helper(const CloneRequest &request, int *pidfd) {
    alignas(16) char stack[16384];
    Child child = {&request, 0};
    struct clone_args args = {};
    args.flags = CLONE_VM | CLONE_VFORK | CLONE_PIDFD | CLONE_INTO_CGROUP | CLONE_CLEAR_SIGHAND | request.namespaces;
    args.pidfd = reinterpret_cast<uint64_t>(pidfd);
    args.exit_signal = SIGCHLD;
    args.stack = reinterpret_cast<uint64_t>(stack);
    args.stack_size = sizeof stack;
    args.cgroup = static_cast<uint64_t>(request.cgroup);

    // No signal may reach the child while it runs in our memory; the helper unblocks them after its exec.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    long pid = clone3_on_stack(&args, &child);
    pthread_sigmask(SIG_SETMASK, &before, nullptr);

    if (pid < 0) return static_cast<pid_t>(pid);
    if (child.error == 0) return static_cast<pid_t>(pid);
    close(*pidfd);
    *pidfd = -1;
    waitpid(static_cast<pid_t>(pid), nullptr, 0);
    return -child.error;
}
