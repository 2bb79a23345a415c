// The workload that idles: it ends with SIGTERM.
#include <signal.h>
#include <unistd.h>

static void end(int number) {
    (void)number;
    _exit(0);
}

int main(void) {
    signal(SIGTERM, end);
    for (;;) pause();
}
