// A setuid-root program as a shell user meets it: says who it has become.
#include "report.h"

int main(void) {
    printf("real: %d\neffective: %d\n", getuid(), geteuid());
    return 0;
}
