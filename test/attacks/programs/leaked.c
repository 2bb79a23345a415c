// Looks for FILE, a path without its first slash, from every descriptor it was given and from above its working
// directory.
#include "report.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int given = 0;
    for (int fd = 3; fd < 1024; fd++) {
        if (fcntl(fd, F_GETFD) < 0) continue;
        given++;
        char name[32];
        snprintf(name, sizeof name, "by descriptor %d", fd);
        tried(name, openat(fd, argv[1], O_RDONLY));
    }
    printf("descriptors: %d\n", given);
    for (int i = 0; i < 100; i++)
        if (chdir("..") < 0) break;
    tried("by the working directory", open(argv[1], O_RDONLY));
    return 0;
}
