// Opens COUNT descriptors, as far as it gets, after it has tried to raise its limit.
#include <sys/resource.h>

#include "report.h"

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    struct rlimit more = {limit.rlim_max + 1, limit.rlim_max + 1};
    tried("raise the limit", setrlimit(RLIMIT_NOFILE, &more));
    if (limit.rlim_max > limit.rlim_cur) setrlimit(RLIMIT_NOFILE, &(struct rlimit){limit.rlim_max, limit.rlim_max});
    int count = atoi(argv[1]), opened = 0;
    while (opened < count && open("/dev/null", O_RDONLY) >= 0) opened++;
    tried("the last", opened < count ? -1 : 0);
    printf("opened: %d\n", opened);
    return 0;
}
