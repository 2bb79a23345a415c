// Exchanges two paths as fast as it can, until it is ended: a directory, say, and a symlink.
#include "report.h"

int main(int argc, char **argv) {
    if (argc != 3) return 2;
    if (tried("exchange", renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE)) < 0) return 1;
    for (;;) renameat2(AT_FDCWD, argv[1], AT_FDCWD, argv[2], RENAME_EXCHANGE);
}
