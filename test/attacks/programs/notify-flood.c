// Makes calls for which the filter asks an agent, from COUNT processes, as fast as it can: a timer ends each wait for
// an answer after a millisecond. Writes "flood: worked" when each process has made a hundred calls without an answer,
// and "answered: worked" where the agent answers.
#include <signal.h>
#include <sys/stat.h>
#include <sys/time.h>

#include "report.h"

#define CALLS 100

static void wake(int signal_number) {
    (void)signal_number;
}

static int is_answered(void) {
    return mkdir("/tmp/asked", 0700) == 0 || errno != EINTR;
}

static void flood(int told) {
    struct sigaction action = {.sa_handler = wake}; // without SA_RESTART
    const struct itimerval often = {{0, 1000}, {0, 1000}};
    sigaction(SIGALRM, &action, NULL);
    setitimer(ITIMER_REAL, &often, NULL);
    for (int i = 0; i < CALLS; i++)
        if (is_answered()) _exit(0);
    if (write(told, "", 1) < 0) _exit(1);
    while (!is_answered()) continue;
    _exit(0);
}

int main(int argc, char **argv) {
    int count = argc == 2 ? atoi(argv[1]) : 0, told[2], floods = 0;
    char byte;
    if (count == 0 || pipe(told) < 0) return 2;
    for (int i = 0; i < count; i++)
        if (fork() == 0) flood(told[1]);
    close(told[1]);
    while (floods < count && read(told[0], &byte, 1) == 1) floods++;
    tried(floods == 0 ? "answered" : "flood", 0);
    for (;;) pause();
}
