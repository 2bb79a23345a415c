// Looks PATH up below DIRECTORY, as a root, again and again: until it is found once and given up once.
#include <linux/openat2.h>

#include "report.h"

enum { TRIES = 1000000 };

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    int root = open(argv[1], O_PATH | O_DIRECTORY), found = 0, given_up = 0;
    struct open_how how = {.flags = O_PATH, .resolve = RESOLVE_IN_ROOT};
    for (int i = 0; i < TRIES && !(found && given_up); i++) {
        int fd = (int)syscall(SYS_openat2, root, argv[2], &how, sizeof how);
        if (fd >= 0) found = 1;
        if (fd < 0 && errno == EAGAIN) given_up = 1;
        if (fd >= 0) close(fd);
    }
    printf("found: %s\ngiven up: %s\n", found ? "worked" : "failed", given_up ? "worked" : "failed");
    return 0;
}
