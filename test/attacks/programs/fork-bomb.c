// Makes COUNT processes that wait, as far as it gets, then lets them go.
#include <signal.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int count = atoi(argv[1]), forked = 0, wait[2];
    if (pipe(wait) < 0) return 1;
    signal(SIGCHLD, SIG_IGN);
    for (; forked < count; forked++) {
        pid_t pid = fork();
        if (pid < 0) break;
        if (pid == 0) {
            char byte;
            close(wait[1]);
            _exit(read(wait[0], &byte, 1) != 0);
        }
    }
    tried("the last", forked < count ? -1 : 0);
    printf("forked: %d\n", forked);
    return 0;
}
