// Tasks that do nothing, as a full host has them: COUNT processes that wait for ever, and end with this program.
//
// floor-tasks COUNT
// Writes "ready" when all of them are there, and ends with its standard input.
#include <signal.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "floor.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    pid_t self = getpid();
    for (long left = strtol(argv[1], NULL, 10); left > 0; left--) {
        if (must(fork(), "fork") != 0) continue;
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        close(STDIN_FILENO);
        close(STDOUT_FILENO);
        while (getppid() == self) pause();
        _exit(0);
    }
    puts("ready");
    fflush(stdout);
    char byte;
    while (read(STDIN_FILENO, &byte, 1) > 0) continue;
    return 0;
}
