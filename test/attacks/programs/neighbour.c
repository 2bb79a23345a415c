// Attacks a process of another container: PID, as far as it can be seen at all.
#include <signal.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/uio.h>
#include <sys/wait.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    pid_t pid = atoi(argv[1]);
    char buffer[8], path[64];
    struct iovec local = {buffer, sizeof buffer}, remote = {(void *)0x400000, sizeof buffer};
    tried("kill", kill(pid, SIGURG)); // which does nothing where it arrives
    int fd = (int)syscall(SYS_pidfd_open, pid, 0);
    tried("pidfd_send_signal", syscall(SYS_pidfd_send_signal, fd, SIGURG, NULL, 0));
    tried("pidfd_getfd", syscall(SYS_pidfd_getfd, fd, 1, 0));
    tried("process_vm_readv", process_vm_readv(pid, &local, 1, &remote, 1, 0));
    snprintf(path, sizeof path, "/proc/%d/mem", pid);
    tried("open mem", open(path, O_RDWR));
    snprintf(path, sizeof path, "/proc/%d/root/etc", pid);
    tried("open root", open(path, O_RDONLY));
    snprintf(path, sizeof path, "/proc/%d/environ", pid);
    tried("open environ", open(path, O_RDONLY));
    struct rlimit limit;
    tried("prlimit", prlimit(pid, RLIMIT_NOFILE, NULL, &limit));
    if (tried("ptrace", ptrace(PTRACE_ATTACH, pid, NULL, NULL)) == 0) {
        waitpid(pid, NULL, __WALL);
        ptrace(PTRACE_DETACH, pid, NULL, NULL);
    }
    return 0;
}
