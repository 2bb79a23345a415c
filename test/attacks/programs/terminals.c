// Makes COUNT terminals, or as many as it gets.
#include "report.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int made = 0;
    while (made < atoi(argv[1]) && open("/dev/ptmx", O_RDWR | O_NOCTTY) >= 0) made++;
    if (made < atoi(argv[1])) tried("the last", -1);
    printf("made: %d\n", made);
    return 0;
}
