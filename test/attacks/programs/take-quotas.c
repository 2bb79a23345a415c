// Takes what the kernel counts for each user: all inotify instances, all bytes of message queues, and COUNT pending
// signals. Then holds them until it is killed. With no argument it takes one of each.
#include <limits.h>
#include <mqueue.h>
#include <signal.h>
#include <sys/inotify.h>

#include "report.h"

static void report_count(const char *what, long count) {
    printf("%s: %ld\n", what, count);
    fflush(stdout);
}

static long take_queues(long most) {
    struct mq_attr attributes = {.mq_maxmsg = 10, .mq_msgsize = 8192};
    char name[32];
    long count = 0;
    for (; count < most; count++) {
        snprintf(name, sizeof name, "/niwa-%d-%ld", getpid(), count);
        if (mq_open(name, O_CREAT | O_EXCL | O_RDWR, 0600, &attributes) < 0) break;
        if (most == 1) mq_unlink(name);
    }
    return count;
}

static long take_signals(long most) {
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGRTMIN);
    sigprocmask(SIG_BLOCK, &set, NULL);
    long count = 0;
    while (count < most && sigqueue(getpid(), SIGRTMIN, (union sigval){0}) == 0) count++;
    return count;
}

static long take_inotify(long most) {
    long count = 0;
    while (count < most && inotify_init1(IN_CLOEXEC) >= 0) count++;
    return count;
}

int main(int argc, char **argv) {
    long signals = argc > 1 ? atol(argv[1]) : 1;
    report_count("pending signals", take_signals(signals));
    report_count("message queues", take_queues(argc > 1 ? LONG_MAX : 1));
    report_count("inotify instances", take_inotify(argc > 1 ? LONG_MAX : 1));
    if (argc > 1) pause();
    return 0;
}
