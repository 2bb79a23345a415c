// The workload that writes: lines of 100 bytes, so many MiB of them.
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) {
    char line[101];
    memset(line, 'x', 99);
    line[99] = '\n';
    line[100] = 0;
    long bytes = (argc > 1 ? atol(argv[1]) : 1) * 1024 * 1024;
    for (long done = 0; done < bytes; done += 100)
        if (fputs(line, stdout) < 0) return 1;
    return fflush(stdout) == 0 ? 0 : 1;
}
