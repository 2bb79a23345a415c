// Makes COUNT empty files in DIRECTORY, as far as it gets.
#include <sys/mman.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 3 || chdir(argv[1]) < 0) return 2;
    mlockall(MCL_CURRENT); // or the kernel goes on for minutes with dropping and reading the program's own pages
    long count = atol(argv[2]), made = 0;
    char name[32];
    for (; made < count; made++) {
        snprintf(name, sizeof name, "%ld", made);
        int fd = open(name, O_WRONLY | O_CREAT | O_EXCL, 0600);
        if (fd < 0) break;
        close(fd);
    }
    tried("the last", made < count ? -1 : 0);
    printf("made: %ld\n", made);
    return 0;
}
