// Makes groups below its own that are hard to remove: one whose name is no UTF-8, some whose path is longer than a
// system call takes, and many. Makes as many as it gets, and says how many of them there are.
#include <sys/stat.h>

#include "report.h"

static int make_deep(int most) {
    char name[256] = {0};
    memset(name, 'd', sizeof name - 1);
    int made = 0;
    while (made < most && mkdir(name, 0755) == 0 && chdir(name) == 0) made++;
    return made;
}

static int make_many(int most) {
    char name[16];
    int made = 0;
    for (; made < most; made++) {
        snprintf(name, sizeof name, "g%d", made);
        if (mkdir(name, 0755) < 0) break;
    }
    return made;
}

int main(int argc, char **argv) {
    if (argc != 4 || chdir(argv[1]) < 0) return 2; // its group, how deep and how many
    tried("any bytes", mkdir("\xff", 0755));
    printf("deep: %d\n", make_deep(atoi(argv[2])));
    if (chdir(argv[1]) < 0) return 1;
    printf("many: %d\n", make_many(atoi(argv[3])));
    return 0;
}
