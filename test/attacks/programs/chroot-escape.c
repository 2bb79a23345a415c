// Leaves a chroot through a descriptor of a directory outside it, then looks for FILE below the highest root it finds.
#include <sys/stat.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 3) return 2; // a directory to chroot into, and the file to find
    int above = open(".", O_RDONLY | O_DIRECTORY);
    mkdir(argv[1], 0700);
    tried("chroot", chroot(argv[1]));
    tried("fchdir out of it", fchdir(above));
    for (int i = 0; i < 100; i++)
        if (chdir("..") < 0) return 1;
    tried("chroot to the top", chroot("."));
    tried("open", open(argv[2], O_RDONLY));
    return 0;
}
