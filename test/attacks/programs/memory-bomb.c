// Takes and touches MEBIBYTES of memory.
#include <sys/mman.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    for (long left = atol(argv[1]); left > 0; left--) {
        char *memory = mmap(NULL, 1 << 20, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        if (memory == MAP_FAILED) break;
        memset(memory, 1, 1 << 20);
    }
    tried("the last", 0);
    return 0;
}
