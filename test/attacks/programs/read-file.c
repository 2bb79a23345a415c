// Opens each PATH for reading.
#include "report.h"

int main(int argc, char **argv) {
    for (int i = 1; i < argc; i++) tried(argv[i], open(argv[i], O_RDONLY));
    return 0;
}
