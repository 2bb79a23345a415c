// Looks for SECONDS for a helper that enters this PID namespace, and tries to take hold of it before it has executed.
#include <dirent.h>
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <time.h>

#include "report.h"

static int seen, program, descriptor, traced, capable, outside;

// What a link in /proc leads to, or "" where we may not know.
static const char *target(int pid, const char *name) {
    static char text[256];
    char path[64];
    snprintf(path, sizeof path, "/proc/%d/%s", pid, name);
    ssize_t n = readlink(path, text, sizeof text - 1);
    text[n < 0 ? 0 : n] = 0;
    return text;
}

static int is_helper(int pid) {
    char path[64], name[32] = "";
    snprintf(path, sizeof path, "/proc/%d/comm", pid);
    int fd = open(path, O_RDONLY);
    if (fd < 0) return 0;
    ssize_t n = read(fd, name, sizeof name - 1);
    close(fd);
    return n > 0 && strncmp(name, "niwa-boot", 9) == 0;
}

// The capabilities that a process may ever have, as its status in /proc says.
static unsigned long long bounding(int pid) {
    char path[64], text[4096];
    snprintf(path, sizeof path, "/proc/%d/status", pid);
    int fd = open(path, O_RDONLY);
    ssize_t n = fd < 0 ? -1 : read(fd, text, sizeof text - 1);
    if (fd >= 0) close(fd);
    text[n < 0 ? 0 : n] = 0;
    char *line = strstr(text, "CapBnd:");
    return line == NULL ? 0 : strtoull(line + strlen("CapBnd:"), NULL, 16);
}

// Whether a process is in another mount namespace than we.
static int is_outside(int pid) {
    char theirs[256];
    strcpy(theirs, target(pid, "ns/mnt"));
    return theirs[0] != 0 && strcmp(theirs, target(getpid(), "ns/mnt")) != 0;
}

// A process that has executed the command meanwhile is no helper any more: only what the helper has counts.
static void attack(int pid) {
    seen = 1;
    if (strstr(target(pid, "exe"), "niwa-boot") != NULL) program = 1;
    if (strstr(target(pid, "fd/3"), "socket:") != NULL) descriptor = 1;
    if (ptrace(PTRACE_SEIZE, pid, 0, 0) < 0) return;
    ptrace(PTRACE_INTERRUPT, pid, 0, 0);
    waitpid(pid, NULL, __WALL);
    if (strstr(target(pid, "exe"), "niwa-boot") != NULL) {
        traced = 1;
        if ((bounding(pid) & ~bounding(getpid())) != 0) capable = 1;
        if (is_outside(pid)) outside = 1;
    }
    ptrace(PTRACE_DETACH, pid, 0, 0);
}

static void say(const char *what, int did) {
    printf("%s: %s\n", what, did ? "worked" : "failed");
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    printf("looking\n");
    fflush(stdout);
    time_t end = time(NULL) + atoi(argv[1]);
    while (time(NULL) < end) {
        DIR *processes = opendir("/proc");
        for (struct dirent *entry; (entry = readdir(processes)) != NULL;) {
            int pid = atoi(entry->d_name);
            if (pid > 0 && pid != getpid() && is_helper(pid)) attack(pid);
        }
        closedir(processes);
    }
    say("see it", seen);
    say("know its program", program);
    say("know its descriptors", descriptor);
    say("trace it", traced);
    say("gain a capability by it", capable);
    say("leave the container by it", outside);
    return 0;
}
