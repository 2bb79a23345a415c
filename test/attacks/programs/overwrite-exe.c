// Takes hold of a running program at PATH, such as /proc/2/exe, waits until nobody runs it, and writes into it.
#include <sys/mman.h>
#include <sys/stat.h>

#include "report.h"

enum { TRIES = 30000, PAUSE_US = 1000 };

// Opens the program once it is one in memory: the process may have begun as another one, which is not to be harmed.
static int take_hold(const char *path, char link[64]) {
    char program[64] = "";
    int held = open(path, O_PATH);
    if (held < 0) return -1;
    snprintf(link, 64, "/proc/self/fd/%d", held);
    if (readlink(link, program, sizeof program - 1) > 0 && strncmp(program, "/memfd:", 7) == 0) return held;
    close(held);
    errno = ENOENT;
    return -1;
}

int main(int argc, char **argv) {
    if (argc != 2) return 2;
    int held = -1, fd = -1;
    char link[64];
    struct stat status;
    for (int i = 0; held < 0 && i < TRIES; i++, usleep(PAUSE_US)) {
        held = take_hold(argv[1], link);
        if (held < 0 && errno != ENOENT) break;
    }
    if (tried("take hold", held) < 0) return 0;
    fstat(held, &status);
    printf("size: %ld\n", (long)status.st_size);
    fflush(stdout);
    for (int i = 0; fd < 0 && i < TRIES; i++, usleep(PAUSE_US)) {
        fd = open(link, O_RDWR);
        if (fd < 0 && errno != ETXTBSY) break;
    }
    if (tried("open for writing", fd) < 0) return 0;
    tried("write", pwrite(fd, "#!/attacker\n", 12, 0));
    tried("truncate", ftruncate(fd, 12));
    tried("grow", ftruncate(fd, status.st_size + 4096));
    tried("map", mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0) == MAP_FAILED ? -1 : 0);
    tried("unseal", fcntl(fd, F_ADD_SEALS, 0));
    tried("change the mode", fchmod(fd, 0777));
    return 0;
}
